"""Overviews: what a home page tells one person, and what people are offered to ask.

Tests core.commands.overview.
"""

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import DIRECT, PlannedRequest, Reservation, Scope, Settlement
from core.commands.overview import PROMPTS, Overviews, Prompt
from core.domain.personas import Persona, Place
from core.domain.usage import Usage
from tests.support.commands import KEY, NOW

W = "board:w1"


@pytest.fixture
def overviews(store):
    return Overviews(store, Persona(model="new"), "UTC", lambda: NOW)


@pytest.fixture
async def busy(store):
    """Ada asked for a dollar, Bob for two."""
    for person, paid in (("U1", 1_000_000), ("U2", 2_000_000)):
        planned = PlannedRequest(KEY, person, person, "claude-a", 0, 10, 10, NOW, paid)
        reservation = await store.ledger.reserve(planned, [])
        assert isinstance(reservation, Reservation)
        await store.ledger.settle(reservation, Settlement(Usage(input=1), "end_turn", NOW, micro_usd=paid))


async def limit(store, scope: Scope, dollars: int, period: Period = Period.MONTH) -> int:
    held = await store.ledger.budgets(W, NOW)
    before = next((one.number for one in held.changes if (one.scope, one.period) == (scope, period)), 0)
    return (await store.ledger.allow(Budget(scope, period, dollars * 1_000_000, "", "U9", NOW), before)).number


async def test_a_person_is_told_their_own_usage_and_the_budgets_that_hold_for_them(store, busy, overviews):
    for scope in (Scope(W, person="U1"), Scope(W, DIRECT), Scope(W), Scope(W, person="U2"), Scope(W, "c1")):
        await limit(store, scope, 5)
    told = await overviews.load(W, "U1")

    assert told.usage == "This month (2026-11-01 to 2026-11-20, UTC): 1 request to Claude, $1.00."
    assert [line.partition(" used")[0] for line in told.limits] == [
        "Your budget of $5.00 a month: $1.00",
        "Your direct messages' budget of $5.00 a month: $0.00",
        "This workspace's budget of $5.00 a month: $3.00",
    ]
    assert (told.places, told.more, told.workspace) == ((), 0, None)


async def test_an_owner_is_told_of_the_workspace_and_how_many_people_it_limits(store, busy, overviews):
    await limit(store, Scope(W, person="U1"), 5, Period.DAY)
    await limit(store, Scope(W, person="U1"), 9)
    number = await limit(store, Scope(W), 7)
    await limit(store, Scope(W, DIRECT), 2)
    told = await overviews.load(W, "U9", owner=True)

    assert told.workspace.usage.endswith("2 requests to Claude, $3.00.")
    assert told.workspace.place.describe() == [
        "No persona of its own.",
        "Budget: $3.00 of $7.00 a month (42 %)",
        "Budget of each person's direct messages: $2.00 a month",
    ]
    assert (told.workspace.place.changed, told.workspace.personal) == (number, 1)


async def test_channels_with_something_of_their_own_come_first(store, overviews):
    await store.personas.change(Place(W, "c2"), Persona("Be a pirate.\nAlways.", model="m"), 0, "U9", NOW)
    await store.personas.change(Place(W, "c3"), Persona("Old."), 0, "U9", NOW)
    await store.personas.change(Place(W, "c3"), Persona(), 1, "U9", NOW)
    number = await limit(store, Scope(W, "c4"), 5)
    told = await overviews.load(W, "U1", ["c1", "c2", "c3", "c4"])

    assert [(one.place.channel, one.number, one.changed) for one in told.places] == [
        ("c2", 1, 0),
        ("c4", 0, number),
        ("c1", 0, 0),
        ("c3", 2, 0),
    ]
    assert told.places[0].describe() == [
        "Persona: \u201cBe a pirate. Always.\u201d; model m",
        "No budget of its own.",
    ]
    assert await overviews.load_place(Place(W, "c4")) == told.places[1]


async def test_of_a_thousand_channels_some_are_told_of_and_the_others_counted(store, overviews):
    await limit(store, Scope(W, "c999"), 5)
    told = await overviews.load(W, "U1", [f"c{number}" for number in range(1_000)], most=3)

    assert [one.place.channel for one in told.places] == ["c999", "c0", "c1"]
    assert told.more == 997


async def test_a_long_persona_is_shown_by_its_beginning(store, overviews):
    await store.personas.change(Place(W, "c1"), Persona("word " * 100), 0, "U9", NOW)
    (line, _) = (await overviews.load_place(Place(W, "c1"))).describe()

    assert len(line) < 170
    assert line.endswith("word\u2026\u201d")


async def test_the_prompts_of_the_direct_message_go_before_those_of_the_workspace(store, overviews):
    plain = await overviews.list_prompts(W, "d1")
    await store.personas.change(Place(W), Persona(prompts="Sum up our week; Ask"), 0, "U9", NOW)
    await store.personas.change(Place(W, "d1"), Persona(prompts="x " * 100), 0, "U9", NOW)

    assert plain == PROMPTS
    assert await overviews.list_prompts(W, "d2") == (Prompt("Sum up our week", "Sum up our week"), Prompt("Ask", "Ask"))
    ((title, message),) = [(one.title, one.message) for one in await overviews.list_prompts(W, "d1")]
    assert len(title) <= 60
    assert message == ("x " * 100).strip()
