"""Budgets: when they renew, how they are told, and `budget set`, `budget show`, `budget clear`.

What is tried stands in `core.billing.budgets`, `core.domain.time_zones` and `core.commands.budget`.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.billing.budgets import (
    Budget,
    Budgets,
    BudgetStatus,
    Period,
    began,
    dollars,
    refused,
    renews,
    unpriced,
    until,
    warning,
)
from core.billing.usage import PlannedRequest, Reservation, Scope
from core.commands import TABLE
from core.commands.registry import CommandContext, Invocation, UsageError, find, run, values
from core.domain import time_zones as zones
from core.domain.messages import Question, Rank, ThreadKey
from core.domain.models import Model
from core.domain.personas import Persona
from core.store import open_store
from tests.fakes.board import Board

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
KEY = ThreadKey("board:w1", "c1", "t1")
CHANNEL = Budget(Scope("board:w1", "c1"), Period.MONTH, 25_000_000, "UTC", "U1", NOW, 1)
STANDING = BudgetStatus(CHANNEL, 24_000_000, datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"])
def test_a_time_zone_of_the_tz_database_is_known(name):
    assert zones.known(name)


@pytest.mark.parametrize(
    "name",
    ["", "Berlin", "Europe", "europe/../Berlin", "/etc/passwd", "../../etc/passwd", "UTC+1", "a\x00b", "x" * 300],
)
def test_what_is_no_time_zone_is_not_known(name):
    assert not zones.known(name)


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

    found = [one(period, moment, zone).isoformat(timespec="minutes") for one in (began, renews)]

    assert found == [first, last]


@pytest.mark.parametrize(
    ("micro_usd", "words"),
    [
        (0, "$0.00"),
        (15, "$0.000015"),
        (99, "$0.000099"),
        (100, "$0.0001"),
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

    assert [(one.limit, one.left, one.percent) for one in (STANDING, over, none)] == [
        (25_000_000, 1_000_000, 96),
        (100, 0, 150),
        (0, 0, 100),
    ]


def test_a_refusal_names_the_budget_what_is_left_until_when_and_who_can_raise_it():
    assert refused(STANDING, 1_500_000) == (
        "I can't ask Claude just now: of this channel's budget of $25.00 a month $1.00 is left, and this may cost "
        "$1.50. It renews on Tuesday, 1 December, 00:00 (UTC). Whoever manages this channel can raise it with "
        "`budget set`."
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
    spent = BudgetStatus(replace(CHANNEL, scope=scope), 25_000_000, STANDING.renews)

    assert f"of {whose} budget of $25.00 a month nothing is left, and" in refused(spent, 1)
    assert f"Whoever manages {who} can raise it" in refused(spent, 1)


def test_a_model_without_a_price_is_refused_where_a_budget_holds():
    assert unpriced(STANDING, "claude-next") == (
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
    assert warning(replace(STANDING, budget=replace(CHANNEL, scope=scope))) == (
        f"96 % of {whose} budget of $25.00 a month is used: $24.00 of $25.00. It renews on Tuesday, 1 December, "
        "00:00 (UTC). Once it is used up I refuse questions; `budget set` raises it."
    )


def test_the_renewal_is_told_in_the_workspaces_time():
    budget = replace(CHANNEL, zone="Asia/Kathmandu")

    assert until(BudgetStatus(budget, 0, renews(Period.MONTH, NOW, "Asia/Kathmandu"))) == (
        "Tuesday, 1 December, 00:00 (Asia/Kathmandu)"
    )


def test_the_zone_is_that_of_the_newest_change():
    assert [Budgets().zone, Budgets((), (replace(CHANNEL, zone="Asia/Tokyo"), CHANNEL)).zone] == [None, "Asia/Tokyo"]


@pytest.fixture
def board():
    return Board()


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


@pytest.fixture
def give(board, store):
    """Give a command as a person, and read its answer."""

    async def model(name: str) -> Model:
        return Model(name)

    async def compose(question, surface) -> None:
        return None

    desk = CommandContext(store, Persona(model="new"), lambda: NOW, model, compose, TABLE, "Europe/Berlin")

    async def given(line: str, person: str = "U1", key: ThreadKey = KEY) -> str:
        question = Question(key, "k1", person, NOW, command=line)
        row, rest = find(TABLE, line)
        call = Invocation(question, values(row, rest, {}), await board.surface(question), desk)
        return (await run(row, call)).text

    return given


async def in_force(store) -> dict[tuple[Scope, Period], int]:
    held = await store.ledger.budgets("board:w1", NOW)
    return {(one.budget.scope, one.budget.period): one.limit for one in held.standings}


@pytest.mark.parametrize(
    ("line", "scope", "period", "micro_usd", "said"),
    [
        ("25", Scope("board:w1", "c1"), Period.MONTH, 25_000_000, "This channel may now spend $25.00 a month"),
        ("$2.50 per=day", Scope("board:w1", "c1"), Period.DAY, 2_500_000, "This channel may now spend $2.50 a day"),
        ("0.000001", Scope("board:w1", "c1"), Period.MONTH, 1, "This channel may now spend $0.000001 a month"),
        ("1000000", Scope("board:w1", "c1"), Period.MONTH, 10**12, "This channel may now spend $1,000,000.00 a month"),
        ("of=workspace 9", Scope("board:w1"), Period.MONTH, 9_000_000, "This workspace may now spend $9.00 a month"),
        ("5 person=<@U2>", Scope("board:w1", person="U2"), Period.MONTH, 5_000_000, "Bob may now spend $5.00 a month"),
        (
            "5 person=<@U2|bob>",
            Scope("board:w1", person="U2"),
            Period.MONTH,
            5_000_000,
            "Bob may now spend $5.00 a month",
        ),
        (
            "5 person=<@!U2> per=week",
            Scope("board:w1", person="U2"),
            Period.WEEK,
            5_000_000,
            "Bob may now spend $5.00 a week",
        ),
    ],
)
async def test_a_budget_is_set_for_whom_and_how_often_it_says(give, store, line, scope, period, micro_usd, said):
    assert await give(f"budget set {line}") == (
        f"{said}; days begin at midnight in Europe/Berlin. What was spent before counts too."
    )
    assert await in_force(store) == {(scope, period): micro_usd}


async def test_a_budget_of_nothing_says_what_that_means(give, store):
    assert (await give("budget set 0")).endswith("too. Nobody can ask anything before that is raised.")
    assert await in_force(store) == {(Scope("board:w1", "c1"), Period.MONTH): 0}


@pytest.mark.parametrize(
    ("line", "person", "sentence"),
    [
        ("budget set -5", "U1", "amount is an amount of US dollars such as 25 or 12.50; `-5` is not."),
        ("budget set $-5", "U1", "amount is an amount of US dollars such as 25 or 12.50; `$-5` is not."),
        ("budget set €5", "U1", "amount is an amount of US dollars such as 25 or 12.50; `€5` is not."),
        ("budget set 5€", "U1", "amount is an amount of US dollars such as 25 or 12.50; `5€` is not."),
        ("budget set £5", "U1", "amount is an amount of US dollars such as 25 or 12.50; `£5` is not."),
        ("budget set 1000000.01", "U1", "amount is an amount of US dollars such as 25 or 12.50; `1000000.01` is not."),
        ("budget set 1e400", "U1", "amount is an amount of US dollars such as 25 or 12.50; `1e400` is not."),
        ("budget set inf", "U1", "amount is an amount of US dollars such as 25 or 12.50; `inf` is not."),
        ("budget set 5 per=year", "U1", "per is one of day, week, month; `year` is not."),
        (
            "budget set 5 zone=Mars/Olympus",
            "U1",
            "There is no time zone `Mars/Olympus`. They are written like `Europe/Berlin`.",
        ),
        ("budget set 5 person=<@U9>", "U1", "I know nobody of the id `U9` here. Mention them: `person=@name`."),
        ("budget set 5 person=@bob", "U1", "person is a person, mentioned with @; `@bob` is not."),
        ("budget set 5", "U2", "Only those who manage this channel can use `budget set`."),
        ("budget clear", "U2", "Only those who manage this channel can use `budget clear`."),
        ("budget set 5 of=workspace", "U3", "Only those who manage the whole workspace can change that budget."),
        ("budget set 5 person=<@U3>", "U3", "Only those who manage the whole workspace can change that budget."),
        ("budget clear of=workspace", "U3", "Only those who manage the whole workspace can change that budget."),
        ("budget clear", "U3", "There is no budget for a month to clear."),
    ],
)
async def test_what_cannot_be_changed_is_refused_with_a_reason(give, board, store, line, person, sentence):
    board.ranks["U3"] = Rank.MANAGER

    with pytest.raises(UsageError) as raised:
        await give(line, person)

    assert str(raised.value) == sentence
    assert (await store.ledger.budgets("board:w1", NOW)).changes == ()


async def test_who_manages_the_channel_sets_its_budget(give, board, store):
    board.ranks["U3"] = Rank.MANAGER

    await give("budget set 5", "U3")

    assert await in_force(store) == {(Scope("board:w1", "c1"), Period.MONTH): 5_000_000}


async def test_a_workspaces_zone_stays_until_another_is_named(give):
    await give("budget set 5 zone=Asia/Kathmandu")

    assert "midnight in Asia/Kathmandu." in await give("budget set 6 per=day")
    assert "midnight in Asia/Tokyo." in await give("budget set 7 of=workspace zone=Asia/Tokyo")


async def test_what_is_cleared_holds_no_more_and_what_was_not_set_is_told(give, store):
    await give("budget set 5 per=day")

    with pytest.raises(UsageError) as raised:
        await give("budget clear")

    assert str(raised.value) == (
        "There is no budget for a month to clear. There is one for a day: `budget clear per=day`."
    )
    assert await give("budget clear per=day") == "This channel has no budget for a day any more."
    assert await in_force(store) == {}


async def test_of_two_managers_at_once_one_is_told(give, board, store):
    board.ranks["U2"] = Rank.MANAGER

    first, second = await asyncio.gather(give("budget set 5"), give("budget set 6", "U2"), return_exceptions=True)

    assert first.startswith("This channel may now spend $5.00")
    assert str(second) == "Somebody else changed it in the same moment. Look with `budget show`, then try again."
    assert await in_force(store) == {(Scope("board:w1", "c1"), Period.MONTH): 5_000_000}


async def test_without_a_budget_it_is_said_how_to_set_one(give):
    assert await give("budget show", "U2") == (
        "No budget holds here. `budget set 25` gives this channel 25 US dollars a month."
    )


@pytest.fixture
async def busy(give, board, store):
    """Budgets of the workspace, of two channels and of Bob; 30 cents reserved by Bob here."""
    board.ranks["U3"] = Rank.MANAGER
    await give("budget set 1 per=day", "U3")
    await give("budget set 2 per=day", "U3")
    await give("budget set 5 person=<@U2>")
    await give("budget set 100 of=workspace")
    await give("budget set 7", key=replace(KEY, channel="c2"))
    spending = PlannedRequest(KEY, "1", "U2", "claude-a", 0, 1000, 500, NOW, 300_000)
    assert isinstance(await store.ledger.reserve(spending, []), Reservation)


HERE = "$0.3000 of $2.00 a day (15 %); it renews on Saturday, 21 November, 00:00 (Europe/Berlin)"
MONTHLY = "it renews on Tuesday, 1 December, 00:00 (Europe/Berlin); whoever manages the whole workspace can change it"


async def test_a_member_is_shown_what_holds_for_them_and_who_changed_it_when(busy, give):
    assert await give("budget show", "U2") == (
        f"- This workspace: $0.3000 of $100.00 a month (0 %); {MONTHLY}\n"
        f"- Bob: $0.3000 of $5.00 a month (6 %); {MONTHLY}\n"
        f"- This channel: {HERE}; whoever manages this channel can change it\n"
        "\n"
        "Newest changes:\n"
        "\n"
        "- 2026-11-20 12:00 UTC, Ada: This workspace, $100.00 a month\n"
        "- 2026-11-20 12:00 UTC, Ada: Bob, $5.00 a month\n"
        "- 2026-11-20 12:00 UTC, Cy: This channel, $2.00 a day\n"
        "- 2026-11-20 12:00 UTC, Cy: This channel, $1.00 a day"
    )


async def test_nobody_is_shown_anothers_budget_or_another_channels_but_who_manages_the_workspace(busy, give):
    theirs, managers = await give("budget show", "U3"), await give("budget show", "U1")

    assert [words in theirs for words in ("Bob", "The channel `c2`")] == [False, False]
    assert [words in managers for words in ("Bob: $0.3000 of $5.00", "The channel `c2`: $0.00 of $7.00")] == [
        True,
        True,
    ]


async def test_what_was_taken_away_stays_among_the_changes(busy, give):
    await give("budget clear per=day", "U3")

    assert "- 2026-11-20 12:00 UTC, Cy: This channel, no budget for a day" in await give("budget show", "U2")
