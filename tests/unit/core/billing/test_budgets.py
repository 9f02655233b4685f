"""Budgets: when they renew, and the sentences about them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from core.billing.budgets import (
    Budget,
    Budgets,
    BudgetStatus,
    Period,
    ZoneChange,
    describe_renewal,
    dollars,
    explain_missing_price,
    explain_refusal,
    find_period_end,
    find_period_start,
    find_running_period,
    write_warning,
)
from core.billing.ledger_rows import Scope

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
CHANNEL = Budget(Scope("board:w1", "c1"), Period.MONTH, 25_000_000, "UTC", "U1", NOW, 1)
STATUS = BudgetStatus(CHANNEL, 24_000_000, datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("period", "now", "zone", "first", "last"),
    [
        (Period.DAY, "2026-11-20T12:00", "UTC", "2026-11-20T00:00+00:00", "2026-11-21T00:00+00:00"),
        (Period.DAY, "2026-11-20T00:00", "UTC", "2026-11-20T00:00+00:00", "2026-11-21T00:00+00:00"),
        (Period.WEEK, "2026-11-22T23:59", "UTC", "2026-11-16T00:00+00:00", "2026-11-23T00:00+00:00"),
        (Period.WEEK, "2026-11-16T00:00", "UTC", "2026-11-16T00:00+00:00", "2026-11-23T00:00+00:00"),
        (Period.MONTH, "2026-12-31T23:59", "UTC", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        (Period.MONTH, "2028-02-29T12:00", "UTC", "2028-02-01T00:00+00:00", "2028-03-01T00:00+00:00"),
        (Period.DAY, "2026-11-20T18:15", "Asia/Kathmandu", "2026-11-21T00:00+05:45", "2026-11-22T00:00+05:45"),
        (Period.DAY, "2026-03-29T12:00", "Europe/Berlin", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        (Period.DAY, "2026-10-25T12:00", "Europe/Berlin", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        (Period.WEEK, "2026-10-25T12:00", "Europe/Berlin", "2026-10-19T00:00+02:00", "2026-10-26T00:00+01:00"),
        (Period.MONTH, "2026-10-31T23:30", "Europe/Berlin", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
        (Period.MONTH, "2026-10-31T22:30", "Europe/Berlin", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
    ],
)
def test_a_period_is_from_midnight_to_midnight_where_people_live(period, now, zone, first, last):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    found = [one(period, moment, zone).isoformat(timespec="minutes") for one in (find_period_start, find_period_end)]

    assert found == [first, last]


@pytest.mark.parametrize(
    ("micro_usd", "words"),
    [
        (0, "$0.00"),
        (15, "$0.000015"),
        (99, "$0.000099"),
        (100, "$0.0001"),
        (162, "$0.000162"),
        (410, "$0.00041"),
        (999, "$0.000999"),
        (1_000, "$0.0010"),
        (4_200, "$0.0042"),
        (999_949, "$0.9999"),
        (1_000_000, "$1.00"),
        (12_500_000, "$12.50"),
        (1_234_567_890_000, "$1,234,567.89"),
        (-12, "-$0.000012"),
        (-2_000_000, "-$2.00"),
    ],
)
def test_dollars_have_as_many_digits_as_say_something(micro_usd, words):
    assert dollars(micro_usd) == words


def test_what_is_left_is_never_less_than_nothing_and_a_budget_of_nothing_is_used_up():
    over = BudgetStatus(replace(CHANNEL, micro_usd=100), 150, NOW)
    none = BudgetStatus(replace(CHANNEL, micro_usd=0), 0, NOW)

    assert [(one.limit, one.left, one.percent) for one in (STATUS, over, none)] == [
        (25_000_000, 1_000_000, 96),
        (100, 0, 150),
        (0, 0, 100),
    ]


def test_a_refusal_names_the_budget_what_is_left_until_when_and_who_can_raise_it():
    assert explain_refusal(STATUS, 1_500_000) == (
        "I can't ask Claude just now: of this channel's budget of $25.00 a month $1.00 is left, and this may cost "
        "$1.50. It renews on Tuesday, 1 December, 00:00 (UTC). Whoever manages this channel can raise it with "
        "`budget set`."
    )


@pytest.mark.parametrize(("spent", "free"), [(24_000_000, "$1.00"), (25_000_000, "nothing")])
def test_where_only_answers_under_way_are_in_its_way_a_refusal_asks_to_wait_for_them(spent, free):
    assert explain_refusal(replace(STATUS, spent=spent, reserved=1_500_000), 1_500_000) == (
        "I can't ask Claude just now: of this channel's budget of $25.00 a month $1.50 is set aside for answers that are "
        f"being written and {free} is free, and this may cost $1.50. Please ask again in a moment."
    )


def test_where_waiting_for_answers_under_way_frees_too_little_a_refusal_names_what_is_not_spent():
    assert "month $2.00 is left, and this may cost $2.50. It renews on" in explain_refusal(
        replace(STATUS, reserved=1_000_000), 2_500_000
    )


def test_what_is_dearer_than_the_whole_budget_is_told_what_helps_in_place_of_when_it_renews():
    assert explain_refusal(STATUS, 25_000_001) == (
        "I can't ask Claude this: it may cost $25.00, more than all of this channel's budget of $25.00 a month. A "
        "shorter thread costs less, and so does `persona tune` with a smaller `model=` or `max_tokens=`. Whoever "
        "manages this channel can raise it with `budget set`."
    )


def test_where_a_budget_allows_nothing_only_a_bigger_one_helps():
    nothing = BudgetStatus(replace(CHANNEL, micro_usd=0), 0, STATUS.renews)

    assert explain_refusal(nothing, 4_000) == (
        "I can't ask Claude this: it may cost $0.0040, more than all of this channel's budget of $0.00 a month. "
        "Whoever manages this channel can raise it with `budget set`."
    )


@pytest.mark.parametrize(
    ("scope", "whose", "who"),
    [
        (Scope("board:w1"), "this workspace's", "the whole workspace"),
        (Scope("board:w1", person="U1"), "your", "the whole workspace"),
        (Scope("board:w1", "c1"), "this channel's", "this channel"),
    ],
    ids=["the workspace's", "a person's", "a channel's"],
)
def test_a_refusal_of_a_used_up_budget_says_whose_it_is(scope, whose, who):
    spent = BudgetStatus(replace(CHANNEL, scope=scope), 25_000_000, STATUS.renews)

    assert f"of {whose} budget of $25.00 a month nothing is left, and" in explain_refusal(spent, 1)
    assert f"Whoever manages {who} can raise it" in explain_refusal(spent, 1)


def test_a_model_without_a_price_is_refused_where_a_budget_holds():
    assert explain_missing_price(STATUS, "claude-next") == (
        "I can't ask `claude-next` here: this channel's budget of $25.00 a month holds, and I know no price of that "
        "model. Whoever runs this bot can add it to the file that CONFAB_PRICES names."
    )


@pytest.mark.parametrize(
    ("scope", "whose"),
    [
        (Scope("board:w1"), "the workspace's"),
        (Scope("board:w1", person="U1"), "<@U1>'s"),
        (Scope("board:w1", "c1"), "<#c1>'s"),
    ],
    ids=["the workspace's", "a person's", "a channel's"],
)
def test_a_warning_names_whose_budget_it_is_for_those_who_read_it_elsewhere(scope, whose):
    assert write_warning(replace(STATUS, budget=replace(CHANNEL, scope=scope))) == (
        f"96 % of {whose} budget of $25.00 a month is used: $24.00 of $25.00. It renews on Tuesday, 1 December, "
        "00:00 (UTC). Once it is used up I refuse questions; `budget set` raises it."
    )


def test_the_renewal_is_told_in_the_workspaces_time():
    budget = replace(CHANNEL, zone="Asia/Kathmandu")

    assert describe_renewal(BudgetStatus(budget, 0, find_period_end(Period.MONTH, NOW, "Asia/Kathmandu"))) == (
        "Tuesday, 1 December, 00:00 (Asia/Kathmandu)"
    )


def test_the_zone_is_that_of_the_newest_change():
    assert [Budgets().zone, Budgets((), (replace(CHANNEL, zone="Asia/Tokyo"), CHANNEL)).zone] == [None, "Asia/Tokyo"]


def walk(period: Period, *changes: tuple[str, str], until: str, hours: float = 1.0) -> list[tuple[datetime, datetime]]:
    """The periods that run one after the other, looked at every so often, while the zone changes."""
    told = [ZoneChange(datetime.fromisoformat(at), zone) for at, zone in changes]
    now, seen = told[0].at, []
    while now < datetime.fromisoformat(until):
        bounds = find_running_period(period, now, [one for one in told if one.at <= now])
        assert bounds[0] <= now < bounds[1]
        seen += [bounds] if bounds not in seen else []
        now += timedelta(hours=hours)
    return seen


ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "America/New_York", "Europe/Berlin")


@pytest.mark.parametrize("period", Period)
@pytest.mark.parametrize("before", ZONES)
@pytest.mark.parametrize("after", ZONES)
def test_a_new_zone_never_ends_the_running_period_early_and_periods_never_overlap(period, before, after):
    """At whatever hour it comes, also in the hours in which clocks are put back."""
    for day, hour in ((20, 0), (25, 0), (25, 7), (31, 23), (31, 12)):
        change = datetime(2026, 10, day, hour, 30, tzinfo=UTC)
        begun = datetime(2026, 10, 1, tzinfo=UTC).isoformat()
        ran = find_running_period(period, change, [ZoneChange(datetime.fromisoformat(begun), before)])

        seen = walk(period, (begun, before), (change.isoformat(), after), until="2026-12-03T00:00+00:00", hours=3)

        kept = [bounds for bounds in seen if bounds[0] == ran[0]][-1]
        assert kept[1] >= ran[1]
        chain = seen[seen.index(kept) :]
        assert all(one[1] == two[0] for one, two in pairwise(chain))
        assert all((two[1] - two[0]) * 2 >= ran[1] - ran[0] - timedelta(days=3) for two in chain)


@pytest.mark.parametrize("period", Period)
def test_a_zone_that_goes_forth_and_back_ends_no_period_early(period):
    """Whoever toggles the zone every hour gets no fresh budget by it."""
    zones = [ZoneChange(NOW + timedelta(hours=number), ZONES[number % 6]) for number in range(24)]
    first = find_running_period(period, NOW, zones[:1])

    for number, change in enumerate(zones):
        began, end = find_running_period(period, change.at, zones[: number + 1])
        assert began == first[0] or began >= first[1]
        assert end >= first[1]


@pytest.mark.parametrize("period", Period)
def test_however_often_the_zone_is_changed_a_period_is_no_longer_than_one_and_a_half(period):
    """Whoever changes the zone again and again keeps nobody's budget from its renewal."""
    began, days = NOW, {Period.DAY: 12, Period.WEEK: 40, Period.MONTH: 150}[period]
    zones = [ZoneChange(began + timedelta(hours=5 * n), ZONES[n * n % 6]) for n in range(days * 24 // 5)]

    seen = walk(period, *((one.at.isoformat(), one.zone) for one in zones), until=f"{zones[-1].at}", hours=5)

    usual = {Period.DAY: timedelta(days=1), Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=31)}[period]
    assert len(seen) > 3
    assert all(one[1] == two[0] for one, two in pairwise(seen))
    assert all(usual * 0.4 <= two[1] - two[0] <= usual * 1.6 for two in seen)


def test_a_change_of_the_zone_leaves_the_end_of_the_period_that_runs():
    zones = [ZoneChange(NOW, "Europe/Berlin"), *(ZoneChange(NOW, zone) for zone in ZONES)]

    assert find_running_period(Period.DAY, NOW, zones) == find_running_period(Period.DAY, NOW, zones[:1])


def test_the_same_zone_again_changes_nothing():
    zones = [ZoneChange(NOW, "Europe/Berlin"), ZoneChange(NOW + timedelta(hours=5), "Europe/Berlin")]

    found = find_running_period(Period.DAY, NOW + timedelta(hours=6), zones)

    assert found == find_running_period(Period.DAY, NOW + timedelta(hours=6), zones[:1])
