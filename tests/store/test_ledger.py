"""The ledger: what was reserved, what it came to, and who used it."""

from dataclasses import replace

import pytest

from core.billing.ledger_rows import PlannedRequest, Reservation, Scope, Settlement, UsageRow
from core.domain.usage import Usage
from tests.support.talk import KEY, PLATFORMS, asked, at, thread

USAGE = Usage(input=1, output=2, thinking=3, cache_read=4, cache_write_5m=5, cache_write_1h=6, web_searches=7)
BOUND = Usage(input=1000, output=500)
SPENDING = PlannedRequest(KEY, "1", "U1", "claude-a", 3, 1000, 500, at(0), 700)
ALL = Scope("slack:T1")


async def reserve(store, **changes):
    reservation = await store.ledger.reserve(replace(SPENDING, **changes), [])
    assert isinstance(reservation, Reservation)
    return reservation


async def spent(store, by="person", scope=ALL, since=0):
    return await store.ledger.sum_usage(scope, at(since), by)


async def test_a_reserved_request_counts_with_its_bound(store):
    await reserve(store)

    assert await spent(store) == [UsageRow("U1", 1, 1, BOUND, 700)]


async def test_a_settled_request_counts_with_what_it_used(store):
    await store.ledger.settle(
        await reserve(store), Settlement(USAGE, "end_turn", at(9), "claude-b", "req_1", 42, 8, "new")
    )

    assert await spent(store) == [UsageRow("U1", 1, 0, USAGE, 42, 8)]


async def test_a_request_of_a_model_without_a_price_is_counted_as_such(store):
    await store.ledger.settle(await reserve(store, micro_usd=None), Settlement(USAGE, "end_turn", at(9)))

    assert await spent(store) == [UsageRow("U1", 1, 0, USAGE, unpriced=1)]


async def test_a_request_that_died_stays_at_its_bound(store):
    await store.ledger.settle(await reserve(store), Settlement(None, "connection lost", at(9)))

    assert await spent(store) == [UsageRow("U1", 1, 1, BOUND, 700)]


async def test_a_request_that_died_stays_at_a_closer_bound_where_one_is_known(store):
    closer = Settlement(None, "died", at(9), micro_usd=60, input_bound=30, output_bound=20)
    await store.ledger.settle(await reserve(store), closer)

    assert await spent(store) == [UsageRow("U1", 1, 1, Usage(input=30, output=20), 60)]


@pytest.mark.parametrize("first", [USAGE, None], ids=["with usage", "died"])
async def test_settling_twice_changes_nothing(store, first):
    reservation = await reserve(store)
    await store.ledger.settle(reservation, Settlement(first, "end_turn", at(9)))
    once = await spent(store)

    await store.ledger.settle(reservation, Settlement(Usage(99, 99), "end_turn", at(10)))
    await store.ledger.settle(reservation, Settlement(None, "died", at(11)))

    assert await spent(store) == once


async def test_settling_one_request_leaves_the_others(store):
    first = await reserve(store)
    await reserve(store)

    await store.ledger.settle(first, Settlement(USAGE, "end_turn", at(9), micro_usd=42))

    assert await spent(store) == [UsageRow("U1", 2, 1, USAGE + BOUND, 742)]


@pytest.fixture
async def busy(store):
    """Five requests: of two people, in two channels, on two days, one by another model, one elsewhere."""
    places = [
        {},
        {"person": "U2", "model": "claude-b"},  # and it missed the cache
        {"key": thread("9", channel="C2")},
        {"key": thread("2"), "at": at(13 * 3600)},
        {"key": thread("1", workspace="slack:T2")},
    ]
    for number, place in enumerate(places):
        reservation = await reserve(store, **place)
        miss = "new" if "person" in place else None
        settled = Settlement(Usage(10**number), "end_turn", at(1), place.get("model"), miss=miss)
        await store.ledger.settle(reservation, settled)
    return store


@pytest.mark.parametrize(
    ("by", "lines"),
    [
        ("person", {"U1": 1101, "U2": 10}),
        ("channel", {"C1": 1011, "C2": 100}),
        ("thread", {"1": 11, "2": 1000, "9": 100}),
        ("model", {"claude-a": 1101, "claude-b": 10}),
        ("day", {"2026-11-20": 111, "2026-11-21": 1000}),
        ("quarter", {"2026-11-20T12:00": 111, "2026-11-21T01:00": 1000}),
        ("miss", {"": 1101, "new": 10}),
        (
            "bill",
            {
                "2026-11-20 claude-a used": 101,
                "2026-11-20 claude-b used": 10,
                "2026-11-21 claude-a used": 1000,
            },
        ),
    ],
)
async def test_an_account_has_a_line_for_each_group(busy, by, lines):
    assert {line.group: line.usage.input for line in await spent(busy, by)} == lines


@pytest.mark.parametrize(
    ("scope", "since", "tokens"),
    [
        (Scope("slack:T1"), 0, 1111),
        (Scope("slack:T1"), 1, 1000),
        (Scope("slack:T1", "C1"), 0, 1011),
        (Scope("slack:T1", "C1", "1"), 0, 11),
        (Scope("slack:T1", person="U1"), 0, 1101),
        (Scope("slack:T1", "C1", "1", "U2"), 0, 10),
        (Scope("slack:T2"), 0, 10_000),
        (Scope("slack:T3"), 0, 0),
    ],
    ids=["a workspace", "since then", "a channel", "a thread", "a person", "a person in a thread", "another", "none"],
)
async def test_an_account_holds_its_scope_and_nothing_else(busy, scope, since, tokens):
    assert sum(line.usage.input for line in await spent(busy, "person", scope, since)) == tokens


async def test_a_bill_has_what_stands_at_its_bound_apart(store):
    await store.ledger.settle(await reserve(store), Settlement(USAGE, "end_turn", at(9), "claude-b", micro_usd=42))
    await store.ledger.settle(await reserve(store), Settlement(None, "died", at(9)))

    assert await spent(store, "bill") == [
        UsageRow("2026-11-20 claude-a died", 1, 1, BOUND, 700),
        UsageRow("2026-11-20 claude-b used", 1, 0, USAGE, 42),
    ]


async def test_those_who_asked_anything_are_the_ledgers_workspaces(store, busy):
    assert await store.ledger.workspaces() == ["slack:T1", "slack:T2"]


async def test_an_empty_ledger_has_no_workspaces(store):
    assert await store.ledger.workspaces() == []


async def test_a_group_that_does_not_exist_is_refused(store):
    with pytest.raises(ValueError, match="planet"):
        await spent(store, "planet")


async def test_the_model_that_answered_is_the_one_accounted_for(store):
    await store.ledger.settle(await reserve(store), Settlement(USAGE, "end_turn", at(9), "claude-fallback"))

    assert [line.group for line in await spent(store, "model")] == ["claude-fallback"]


async def taken_over(store, clock):
    clock.tick(11)
    return await store.questions.claim_next("q", PLATFORMS)


async def beaten_late(store, clock):
    clock.tick(11)
    return await store.questions.heartbeat("p")


async def left(store, clock):
    return await store.questions.heartbeat("p", leaving=True)


@pytest.mark.parametrize("stop", [taken_over, beaten_late, left])
async def test_the_requests_of_who_stopped_have_died_at_their_bound(store, clock, stop):
    await store.questions.ingest(asked("1"))
    await store.questions.heartbeat("p")
    await store.questions.claim_next("p", PLATFORMS)
    lost = await reserve(store)
    other = await reserve(store, question="2")

    await stop(store, clock)

    for late in (lost, other):
        await store.ledger.settle(late, Settlement(USAGE, "end_turn", at(9), micro_usd=42))
    assert await spent(store) == [UsageRow("U1", 2, 1, USAGE + BOUND, 742)]


async def test_the_request_of_who_took_over_is_its_own(store, clock):
    await store.questions.ingest(asked("1"))
    await store.questions.claim_next("p", PLATFORMS)
    await taken_over(store, clock)
    new = await reserve(store)
    await store.questions.heartbeat("p")

    await store.ledger.settle(new, Settlement(USAGE, "end_turn", at(9), micro_usd=42))

    assert await spent(store) == [UsageRow("U1", 1, 0, USAGE, 42)]


async def test_usage_is_told_by_the_place_and_version_of_the_persona_that_gave_the_answer(store):
    for version, wide, channel in (
        (3, False, "C1"),
        (3, False, "C1"),
        (11, False, "C#1"),
        (3, True, "C1"),
        (0, False, "C1"),
    ):
        await reserve(store, persona=version, persona_wide=wide, key=thread("1", channel))
    await reserve(store, persona=3, persona_wide=None)

    assert {one.group: one.requests for one in await spent(store, "persona")} == {
        "C1#3": 2,
        "C#1#11": 1,
        "#3": 1,
        "default": 1,
        "unknown": 1,
    }
