"""`budget set`, `budget show` and `budget clear`: core.commands.budget."""

import asyncio
from dataclasses import replace

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Reservation, Scope
from core.commands.registry import UsageError
from core.domain.messages import Rank, ThreadKey
from tests.support.commands import KEY, NOW, give_at


@pytest.fixture
def give(board, store):
    """Give a command as a person, and read its answer."""
    command = give_at(board, store, "Europe/Berlin")

    async def given(line: str, person: str = "U1", key: ThreadKey = KEY) -> str:
        return (await command(line, person, key)).text

    return given


async def in_force(store) -> dict[tuple[Scope, Period], int]:
    held = await store.ledger.budgets("board:w1", NOW)
    return {(one.budget.scope, one.budget.period): one.limit for one in held.statuses}


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
        f"{said}; days begin at midnight in Europe/Berlin. What was spent before counts too. Set by Ada."
    )
    assert await in_force(store) == {(scope, period): micro_usd}


@pytest.mark.parametrize(
    ("whose", "means"),
    [
        ("", "Nobody can ask anything"),
        ("of=workspace", "Nobody can ask anything"),
        ("of=direct", "Nobody can ask anything in direct messages"),
        ("person=<@U2>", "They can ask nothing"),
    ],
)
async def test_a_budget_of_nothing_says_what_that_means(give, whose, means):
    said = await give(f"budget set 0 {whose}")

    assert said.endswith(f" may spend nothing from now on. {means} until a budget above $0.00 is set. Set by Ada.")


async def test_a_budget_of_nothing_holds(give, store):
    await give("budget set 0")

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
        (
            "budget set 5 of=direct person=U2",
            "U1",
            "A person's budget counts their direct messages as well: leave `of=direct` out.",
        ),
        (
            "budget set 5 of=channel person=U2",
            "U1",
            "A person's budget holds in all channels: leave `of=channel` out.",
        ),
        (
            "budget clear of=workspace person=U2",
            "U1",
            "A person's budget holds in all channels: leave `of=workspace` out.",
        ),
        (
            "budget set 5 person=U2 person=U3",
            "U1",
            "person is given more than once. Like this: `budget set AMOUNT [per=day|week|month] "
            "[of=channel|workspace|direct] [person=...] [zone=...]`",
        ),
        ("budget set 5 of=direct", "U3", "Only those who manage the whole workspace can change that budget."),
        ("budget clear of=direct", "U3", "Only those who manage the whole workspace can change that budget."),
        ("budget set 5 zone=Asia/Tokyo", "U3", "Only those who manage the whole workspace can change its time zone."),
        ("budget set 5 per=day zone=UTC", "U3", "Only those who manage the whole workspace can change its time zone."),
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
    assert await give("budget clear per=day") == "This channel has no budget for a day any more. Cleared by Ada."
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


async def test_a_change_of_the_time_zone_alone_is_told_among_the_changes(give):
    await give("budget set 5")
    await give("budget set 5 zone=Asia/Tokyo")
    await give("budget set 5")

    assert (await give("budget show")).partition("Newest changes:\n\n")[2].splitlines() == [
        "- 2026-11-20 12:00 UTC, Ada: This channel, $5.00 a month",
        "- 2026-11-20 12:00 UTC, Ada: This channel, $5.00 a month; days begin at midnight in Asia/Tokyo",
        "- 2026-11-20 12:00 UTC, Ada: This channel, $5.00 a month",
    ]


async def test_what_was_taken_away_stays_among_the_changes(busy, give):
    await give("budget clear per=day", "U3")

    assert "- 2026-11-20 12:00 UTC, Cy: This channel, no budget for a day" in await give("budget show", "U2")


async def test_a_zone_that_the_machine_does_not_have_is_told_and_the_budget_stands(give, store):
    await store.ledger.allow(Budget(Scope("board:w1", "c1"), Period.DAY, 5_000_000, "Europe/Atlantis", "U1", NOW), 0)

    shown = await give("budget show")

    assert "(UTC)" in shown
    assert "does not know this workspace's time zone, `Europe/Atlantis`: days begin at midnight in UTC" in shown
    assert "days begin at midnight in UTC" in await give("budget set 25")
