"""Budgets in the store: what may be reserved, how it renews, who changed it, and what must be told.

Tests core.store.places.budgets.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.billing.budgets import Budget, Budgets, BudgetStatus, Period
from core.billing.ledger_rows import DIRECT, BudgetRefusal, PlannedRequest, Reservation, Scope, Settlement
from core.domain.errors import VersionConflict
from core.domain.usage import Usage
from core.store import open_store
from tests.support.talk import KEY, asked, at, thread

WORKSPACE = Scope("slack:T1")
CHANNEL = Scope("slack:T1", "C1")
PERSON = Scope("slack:T1", person="U1")
SPENDING = PlannedRequest(KEY, "1", "U1", "claude-a", 0, 1000, 500, at(0), 300)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


def budget(scope=CHANNEL, micro_usd=1000, period=Period.DAY, zone="UTC", number=0) -> Budget:
    return Budget(scope, period, micro_usd, zone, "M1", at(-60), number)


async def allow(store, *budgets: Budget) -> None:
    for one in budgets:
        await store.ledger.allow(one, one.number)


async def reserve(store, micro_usd=300, **changes) -> Reservation | BudgetRefusal:
    spending = replace(SPENDING, micro_usd=micro_usd, **changes)
    key, person = spending.key, spending.person
    scopes = [Scope(key.workspace), Scope(key.workspace, key.channel), Scope(key.workspace, person=person)]
    return await store.ledger.reserve(spending, scopes)


async def settle(store, reservation, micro_usd, seconds=1):
    settled = await store.ledger.settle(reservation, Settlement(Usage(1), "end_turn", at(seconds), micro_usd=micro_usd))
    return settled.nearly


@pytest.mark.parametrize("scope", [WORKSPACE, CHANNEL, PERSON], ids=["a workspace", "a channel", "a person"])
async def test_what_a_budget_does_not_have_is_refused(store, scope):
    await allow(store, budget(scope))

    found = [await reserve(store) for _ in range(4)]

    assert [type(one) for one in found] == [Reservation, Reservation, Reservation, BudgetRefusal]
    assert found[3].left == 100


@pytest.mark.parametrize(
    "scope",
    [Scope("slack:T2"), Scope("slack:T1", "C2"), Scope("slack:T2", "C1"), Scope("slack:T1", person="U2")],
    ids=["another workspace", "another channel", "a channel of that name elsewhere", "another person"],
)
async def test_what_others_may_spend_forbids_nothing(store, scope):
    await allow(store, budget(scope, 0))

    assert isinstance(await reserve(store), Reservation)


async def test_the_tightest_of_all_budgets_decides_and_is_named(store):
    await allow(store, budget(WORKSPACE, 10_000_000), budget(PERSON, 500), budget(CHANNEL, 400))
    await settle(store, await reserve(store, key=replace(KEY, channel="C9")), 300)

    refusal = await reserve(store)

    assert refusal == BudgetRefusal(
        "I can't ask Claude just now: of your budget of $0.0005 a day $0.0002 is left, and this may cost $0.0003. "
        "It renews on Saturday, 21 November, 00:00 (UTC). "
        "Whoever manages the whole workspace can raise it with `budget set`.",
        200,
        personal=True,
    )


async def test_a_budget_that_never_has_so_much_is_named_before_one_that_is_tighter_now(store):
    await allow(store, budget(PERSON, 500), budget(CHANNEL, 250))
    await reserve(store, key=replace(KEY, channel="C9"))

    refusal = await reserve(store)

    assert isinstance(refusal, BudgetRefusal)
    assert refusal.left == 200
    assert "it may cost $0.0003, more than all of this channel's budget of $0.00025 a day" in refusal.reason
    assert "renews" not in refusal.reason


@pytest.mark.parametrize("scope", [WORKSPACE, CHANNEL, PERSON], ids=["a workspace", "a channel", "a person"])
async def test_what_is_only_set_aside_is_waited_for_and_not_the_day_on_which_it_renews(store, scope):
    await allow(store, budget(scope))
    await settle(store, await reserve(store, 300), 100)
    await reserve(store, 700)

    waits, lasts = await reserve(store, 900), await reserve(store, 901)

    assert "$0.0007 is set aside for answers that are being written and $0.0002 is free, and" in waits.reason
    assert waits.reason.endswith("this may cost $0.0009. Please ask again in a moment.")
    assert "$0.0009 is left, and this may cost $0.000901. It renews on Saturday" in lasts.reason
    assert (waits.left, lasts.left) == (200, 200)


async def test_a_budget_that_is_used_up_is_named_before_one_that_is_only_set_aside(store):
    await allow(store, budget(PERSON, 1000), budget(CHANNEL, 500))
    await settle(store, await reserve(store, 900, key=replace(KEY, channel="C9")), 900)
    await reserve(store, 500, person="U2")

    refusal = await reserve(store)

    assert isinstance(refusal, BudgetRefusal)
    assert (refusal.left, refusal.personal) == (0, True)
    assert "of your budget of $0.0010 a day $0.0001 is left, and this may cost $0.0003. It renews" in refusal.reason


@pytest.mark.parametrize(
    ("scope", "personal"),
    [(WORKSPACE, False), (CHANNEL, False), (PERSON, True), (Scope("slack:T1", DIRECT), True)],
    ids=["the workspace's", "the channel's", "the person's", "their direct messages'"],
)
@pytest.mark.parametrize("cost", [300, None], ids=["too dear", "without a price"])
async def test_a_refusal_says_whether_it_concerns_who_asks_alone(store, scope, personal, cost):
    await allow(store, budget(scope, 100))

    refusal = await store.ledger.reserve(replace(SPENDING, micro_usd=cost), [scope])

    assert isinstance(refusal, BudgetRefusal)
    assert refusal.personal is personal


async def test_settling_gives_back_what_was_not_needed(store):
    await allow(store, budget())
    first = await reserve(store, 1000)
    assert isinstance(await reserve(store), BudgetRefusal)

    await settle(store, first, 10)

    assert isinstance(await reserve(store, 990), Reservation)
    assert isinstance(await reserve(store, 1), BudgetRefusal)


async def test_a_request_that_died_stays_at_its_bound_in_the_budget(store):
    await allow(store, budget())
    first = await reserve(store, 1000)

    await store.ledger.settle(first, Settlement(None, "died", at(1)))

    assert await reserve(store, 1) == BudgetRefusal((await reserve(store, 1)).reason, 0)


async def test_fifty_at_once_on_a_nearly_empty_budget_never_go_over(store):
    await allow(store, budget(WORKSPACE, 1000, Period.MONTH), budget(CHANNEL, 1000))

    found = await asyncio.gather(*(reserve(store, 130, question=str(number)) for number in range(50)))

    assert sum(isinstance(one, Reservation) for one in found) == 7


@pytest.mark.slow
async def test_fifty_at_once_in_two_processes_never_go_over(shared_url):
    stores = [await open_store(shared_url), await open_store(shared_url)]
    await allow(stores[0], budget())

    found = await asyncio.gather(*(reserve(stores[number % 2], 130) for number in range(50)))

    for one in stores:
        await one.shut()
    assert sum(isinstance(one, Reservation) for one in found) == 7


async def test_a_model_without_a_price_is_refused_only_where_a_budget_holds(store):
    await allow(store, budget())

    assert await reserve(store, None) == BudgetRefusal(
        "I can't ask `claude-a` here: this channel's budget of $0.0010 a day holds, and I know no price of that "
        "model. Whoever runs this bot can add it to the file that CONFAB_PRICES names."
    )
    assert isinstance(await reserve(store, None, key=thread("1", channel="C2")), Reservation)


@pytest.mark.parametrize(
    ("period", "zone", "before", "after"),
    [
        (Period.DAY, "UTC", "2026-11-20T23:59", "2026-11-21T00:00"),
        (Period.DAY, "Pacific/Auckland", "2026-11-21T10:59", "2026-11-21T11:00"),
        (Period.DAY, "Asia/Kathmandu", "2026-11-20T18:14", "2026-11-20T18:15"),
        (Period.WEEK, "UTC", "2026-11-22T23:59", "2026-11-23T00:00"),
        (Period.MONTH, "America/New_York", "2026-12-01T04:59", "2026-12-01T05:00"),
        (Period.DAY, "Europe/Berlin", "2026-10-25T22:59", "2026-10-25T23:00"),
    ],
    ids=["a day", "down under", "a quarter of an hour", "a week", "a month", "a day of 25 hours"],
)
async def test_a_budget_renews_at_midnight_of_its_zone(store, period, zone, before, after):
    late, new = (datetime.fromisoformat(f"{moment}+00:00") for moment in (before, after))
    await allow(store, budget(period=period, zone=zone))
    await reserve(store, 1000, at=late)

    assert isinstance(await reserve(store, 1, at=late), BudgetRefusal)
    assert isinstance(await reserve(store, 1000, at=new), Reservation)


@pytest.mark.parametrize(
    ("first", "then"),
    [(40, 0), (1, 0), (0, -1), (0, -40)],
    ids=["a month ahead for a while", "a day ahead for a while", "a day back", "a month back"],
)
async def test_a_clock_that_jumps_back_lets_nothing_be_spent_twice(store, first, then):
    await allow(store, budget(period=Period.MONTH))
    await reserve(store, 600, at=at(0) + timedelta(days=first))

    assert (await reserve(store, 401, at=at(0) + timedelta(days=then))).left == 400


async def test_the_newest_zone_holds_for_all_budgets_of_a_workspace(store):
    await allow(store, budget(CHANNEL, 5), budget(WORKSPACE, 7, zone="Asia/Tokyo"))

    found = await store.ledger.budgets("slack:T1", at(0))

    tokyo = datetime.fromisoformat("2026-11-21T09:00+09:00")  # the day of UTC that has begun ends first
    kept = [budget(WORKSPACE, 7, zone="Asia/Tokyo", number=2), budget(CHANNEL, 5, number=1)]
    assert found == Budgets(
        (BudgetStatus(kept[0], 0, tokyo), BudgetStatus(replace(kept[1], zone="Asia/Tokyo"), 0, tokyo)), tuple(kept)
    )
    assert found.zone == "Asia/Tokyo"


async def test_a_budget_that_is_taken_away_holds_no_more_and_every_change_is_kept(store):
    await allow(store, budget(micro_usd=1), budget(micro_usd=2, number=1), budget(micro_usd=None, number=2))

    found = await store.ledger.budgets("slack:T1", at(0))

    assert isinstance(await reserve(store), Reservation)
    assert found == Budgets(
        (), (budget(micro_usd=None, number=3), budget(micro_usd=2, number=2), budget(micro_usd=1, number=1))
    )


async def test_of_two_who_change_a_budget_at_once_the_second_is_told(store):
    await allow(store, budget(micro_usd=1))

    with pytest.raises(VersionConflict) as faster:
        await store.ledger.allow(budget(micro_usd=2), 0)

    assert faster.value.version == 1


async def test_budgets_of_one_scope_for_two_periods_both_hold(store):
    await allow(store, budget(micro_usd=1000), budget(micro_usd=500, period=Period.MONTH))

    assert (await reserve(store, 600)).left == 500


async def test_whoever_set_a_budget_is_to_be_told_once_at_each_threshold(store):
    await allow(store, budget())
    percents = []

    for micro_usd in (740, 10, 100, 100, 40):
        nearly = await settle(store, await reserve(store, micro_usd), micro_usd)
        percents += [one.percent for one in nearly]

    assert percents == [75, 95]


async def test_two_thresholds_at_once_are_told_once(store):
    await allow(store, budget())

    assert [one.percent for one in await settle(store, await reserve(store, 1000), 990)] == [99]
    assert await settle(store, await reserve(store, 10), 10) == []


async def test_what_is_only_set_aside_is_no_reason_to_tell(store):
    await allow(store, budget())
    await reserve(store, 900)

    assert await settle(store, await reserve(store, 50), 50) == []


async def test_a_threshold_is_told_anew_when_the_budget_renewed_or_was_changed(store):
    await allow(store, budget())
    first = await settle(store, await reserve(store, 800), 800)
    renewed = await settle(store, await reserve(store, 800, at=MIDNIGHT), 800, seconds=13 * 3600)
    await allow(store, budget(micro_usd=2100, number=1))
    raised = await settle(store, await reserve(store, 800, at=MIDNIGHT), 800, seconds=13 * 3600)

    assert [len(nearly) for nearly in (first, renewed, raised)] == [1, 1, 1]


async def test_forgetting_a_channel_gives_no_money_back(store):
    await store.questions.ingest(asked("1"))
    await allow(store, budget())
    await settle(store, await reserve(store, 1000), 1000)

    await store.threads.forget(CHANNEL)

    assert isinstance(await reserve(store, 1), BudgetRefusal)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("scope", [WORKSPACE, CHANNEL, PERSON], ids=["a workspace", "a channel", "a person"])
@pytest.mark.parametrize("period", Period)
async def test_a_new_zone_gives_nobody_a_new_budget(store, zone, scope, period):
    await allow(store, budget(scope, period=period))
    await reserve(store, 1000, at=at(-50))
    before = (await store.ledger.budgets("slack:T1", at(0))).statuses[0]

    await store.ledger.allow(replace(budget(Scope("slack:T1", "C9"), 1), zone=zone, at=at(0)), 0)

    after = (await store.ledger.budgets("slack:T1", at(1))).statuses
    kept = next(one for one in after if one.budget.scope == scope)
    assert kept.renews >= before.renews
    assert isinstance(await reserve(store, 1, at=before.renews - timedelta(seconds=1)), BudgetRefusal)


async def test_a_change_without_a_zone_leaves_the_one_that_was_chosen_meanwhile(store):
    await allow(store, budget(CHANNEL, zone="Asia/Tokyo"))

    kept = await store.ledger.allow(budget(PERSON, zone=""), 0, "Europe/Berlin")
    first = await store.ledger.allow(budget(Scope("slack:T2"), zone=""), 0, "Europe/Berlin")

    assert (kept.zone, first.zone) == ("Asia/Tokyo", "Europe/Berlin")


@pytest.mark.parametrize("change", ["forgotten", "cleared and set again", "set again", "another period beside it"])
async def test_no_change_makes_what_was_spent_unspent(store, change):
    await allow(store, budget())
    await reserve(store, 1000)

    match change:
        case "forgotten":
            await store.threads.forget(Scope("slack:T1"))
            await store.threads.forget(Scope("slack:T1", person="U1"))
        case "cleared and set again":
            await allow(store, budget(micro_usd=None, number=1), budget(number=2))
        case "set again":
            await allow(store, budget(number=1))
        case _:
            await allow(store, budget(period=Period.MONTH, micro_usd=9_000_000))

    assert isinstance(await reserve(store, 1), BudgetRefusal)


async def test_a_persons_budget_counts_their_direct_messages_that_belong_to_no_workspace(store):
    guild, direct = replace(KEY, workspace="discord:1"), replace(KEY, workspace="discord:@me")
    await allow(store, budget(Scope("discord:1", person="U1")))

    assert isinstance(await reserve(store, 600, key=direct, direct=True), Reservation)
    assert isinstance(await reserve(store, 600, key=guild), BudgetRefusal)
    assert isinstance(await reserve(store, 300, key=guild), Reservation)
    assert isinstance(await reserve(store, 300, key=direct, direct=True), BudgetRefusal)
    assert isinstance(await reserve(store, 300, key=direct, direct=True, person="U2"), Reservation)
    assert isinstance(await reserve(store, 300, key=replace(KEY, workspace="slack:T9"), direct=True), Reservation)


async def test_a_budget_for_direct_messages_is_each_persons_own(store):
    await allow(store, budget(Scope("slack:T1", DIRECT)))
    scopes = [Scope("slack:T1", DIRECT)]

    async def ask(person: str, direct: bool = True):
        return await store.ledger.reserve(replace(SPENDING, micro_usd=600, person=person, direct=direct), scopes)

    assert isinstance(await ask("U1"), Reservation)
    assert isinstance(await ask("U2"), Reservation)
    refusal = await ask("U1")
    assert isinstance(refusal, BudgetRefusal)
    assert refusal.reason.startswith(
        "I can't ask Claude just now: of your direct messages' budget of $0.0010 a day $0.0006 is set aside"
    )
    held = await store.ledger.budgets("slack:T1", at(1), "U2")
    assert [one.spent for one in held.statuses] == [600]


async def test_who_limited_a_person_is_told_of_what_they_spend_in_direct_messages(store):
    await allow(store, budget(Scope("discord:1", person="U1")))
    reserved = await reserve(store, 900, key=replace(KEY, workspace="discord:@me"), direct=True)

    told = await settle(store, reserved, 900)

    assert [one.budget.scope for one in told] == [Scope("discord:1", person="U1")]


@pytest.mark.parametrize("period", list(Period), ids=lambda one: one.value)
async def test_a_zone_that_this_machine_does_not_have_leaves_budgets_in_days_of_utc(store, period):
    await allow(store, budget(period=period, zone="Europe/Atlantis"))

    await settle(store, await reserve(store), 300)
    assert "(UTC)" in (await reserve(store, 701)).reason
    held = await store.ledger.budgets("slack:T1", at(0))
    assert (held.zone, held.unknown_zone) == ("UTC", "Europe/Atlantis")
    assert held.statuses[0].renews.utcoffset() == timedelta()
    await allow(store, budget(micro_usd=5, period=period, zone="", number=1))
    assert (await store.ledger.budgets("slack:T1", at(0))).changes[0].zone == "Europe/Atlantis"
