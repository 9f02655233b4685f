"""The `schedule` commands: what they understand, answer and refuse.

Tests core.commands.schedules.schedule, core.commands.schedules.order.
"""

import pytest

from core.commands.registry import RankTooLow, UsageError
from core.domain.messages import Rank, ThreadKey
from core.store.records.schedules import NewSchedule, Stop

HERE = ThreadKey("board:w1", "c1", "")
ADD = 'schedule add "every weekday 9:00" summarize since=yesterday'


async def test_what_is_added_is_told_in_words_with_the_next_times_and_the_budgets(give):
    await give("budget set 25 zone=Europe/Berlin")
    await give("budget set 100 of=workspace")

    said = await give(ADD)

    assert said == (
        "Schedule 1: at 09:00 on Monday through Friday, in the time of Europe/Berlin (`zone=` before the times "
        "names another), I post here what comes of "
        "`summarize since=yesterday`. Set by Ada. The next times are:\n\n"
        "- Mon 5 Jan 2026, 09:00\n- Tue 6 Jan 2026, 09:00\n- Wed 7 Jan 2026, 09:00\n\n"
        "Each run counts to this workspace's budget of $100.00 a month, of which $100.00 is left; and to "
        "this channel's budget of $25.00 a month, of which $25.00 is left."
    )


async def test_a_schedule_may_have_a_zone_of_its_own(give, store):
    await give("budget set 25 zone=Europe/Berlin")

    said = await give('schedule add zone=Asia/Tokyo "every day at 9" Say hello.')

    (one,) = await store.schedules.list(HERE)
    assert one.zone == "Asia/Tokyo"
    assert "in the time of Asia/Tokyo, I post here what" in said


@pytest.mark.parametrize(
    ("line", "kept", "prompt"),
    [
        ("summarize since=yesterday", "summarize since=yesterday", False),
        ("!summarize last=20", "summarize last=20", False),
        ('classify "bug, praise" since=monday', 'classify "bug, praise" since=monday', False),
        ("usage since=week by=person", "usage since=week by=person", False),
        ("Say hello to everybody.", "Say hello to everybody.", True),
        ("/confab summarize last=20", "summarize last=20", False),
        ('"summarize last=20"', "summarize last=20", False),
        ("“/summarize”", "summarize", False),
        ('"Good morning" in German, please', '"Good morning" in German, please', True),
        ("Summarise what we did in one sentence", "Summarise what we did in one sentence", True),
        ("summarize what we did in one sentence", "summarize what we did in one sentence", True),
        ("stop the presses and greet us", "stop the presses and greet us", True),
        ("translate the newest message into German", "translate the newest message into German", True),
        ("Two lines\nof words", "Two lines\nof words", True),
    ],
)
async def test_a_command_is_kept_as_one_and_anything_else_as_words_for_claude(give, store, line, kept, prompt):
    await give(f'schedule add "every day at 9" {line}')

    (one,) = await store.schedules.list(HERE)
    assert (one.line, one.prompt) == (kept, prompt)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('schedule add "whenever" summarize', "I can't read `whenever` as times"),
        ('schedule add zone=Berlin "every day" summarize', "There is no time zone `Berlin`"),
        ('schedule add "every day"', "Say what is to be posted too"),
        ("schedule add summarize", "I can't read `summarize` as times"),
        ('schedule add "* * * * *" summarize', "at most every 10 minutes"),
        ('schedule add "every day" summarize last=many', "last is a whole number"),
        ('schedule add "every day" budget set 5', "`budget set` can't be given by a schedule. These can: "),
        ('schedule add "every day" usage of=me', "`usage of=me` is answered to one person alone"),
        ('schedule add "every day" usage of=workspace', "Leave `of=workspace` out."),
        ('schedule add "every day" usage by=foo', "by is one of"),
        ('schedule add "every day" summarize last=0', "last is a number from 1 to 2,000"),
        ('schedule add "every day" summarize since=foo', "`foo` is no time that I can read"),
        ('schedule add "every day" classify a last=5', "categories"),
        ('schedule add "every day" classify "bug, praise" last=0', "last is a number from 1 to 2,000"),
        ('schedule add "every day" translate to=<b>', "to is the name of a language"),
        ('schedule add "every day" summarise', "Did you mean `summarize`?"),
        ('schedule add "every day" Explian', "Did you mean `explain`?"),
        ('schedule add when="every day" "every monday" summarize', "`when` says when already"),
        ('schedule add "every day" persona test', "`persona test` can't be given by a schedule"),
        ('schedule add "every day" forget', "`forget` can't be given by a schedule"),
        (f'schedule add "every day" {"word " * 900}', "a schedule takes 4,000"),
        ("schedule pause 3", "There is no schedule 3 here"),
        ("schedule resume 3", "There is no schedule 3 here"),
        ("schedule remove 3", "There is no schedule 3 here"),
    ],
)
async def test_what_can_not_be_scheduled_is_refused_with_what_would_do(give, store, line, why):
    with pytest.raises(UsageError, match="^(?s:.*)") as refused:
        await give(line)

    assert why in str(refused.value)
    assert await store.schedules.list(HERE) == []


@pytest.mark.parametrize(
    ("when", "what"),
    [
        ("every day at 9", "Say hello."),
        ('"every day at 9"', "Say hello."),
        ("“every day at 9”", "Say hello."),
        ("every day at 9", '"every day at 9" Say hello.'),
    ],
)
async def test_times_may_stand_in_a_field_of_their_own(give, store, when, what):
    await give("schedule add", beside={"when": when, "what": what})

    (one,) = await store.schedules.list(HERE)
    assert (one.cron, one.line) == ("0 9 * * *", "Say hello.")


@pytest.mark.parametrize("what", ["summarize", "summarize last=5", 'classify "a, b"', "translate", "explain"])
async def test_what_reads_a_channel_is_not_scheduled_where_none_can_be_read(give, board, store, what):
    board.keeps = False

    with pytest.raises(UsageError, match="There is no channel here that could be read"):
        await give(f'schedule add "every day" {what}')

    assert await store.schedules.list(HERE) == []


async def test_a_channel_lists_its_own_schedules_and_how_each_stands(give, store):
    assert "Nothing is scheduled in this channel." in await give("schedule list")
    await give(ADD)
    await give("schedule pause 1")
    await store.schedules.stop(1, Stop.RANK)

    listed = await give("schedule list")
    elsewhere = await give("schedule list", key=ThreadKey("board:w1", "c2", "t1"))

    assert listed == (
        "What is posted in this channel by schedule:\n\n"
        "- `1` at 09:00 on Monday through Friday (UTC), `summarize since=yesterday`, by Ada: paused"
    )
    assert "Nothing is scheduled" in elsewhere


async def test_what_is_paused_goes_on_when_it_is_resumed_and_is_gone_when_it_is_removed(give, store):
    await give(ADD)

    said = [await give(f"schedule {verb} 1") for verb in ("pause", "resume", "remove")]

    assert said == [
        "Schedule 1 is paused: `summarize since=yesterday`. `schedule resume 1` lets it go on. Paused by Ada.",
        "Schedule 1 goes on: `summarize since=yesterday`, at 09:00 on Monday through Friday; next Mon 5 Jan 2026, 09:00 "
        "(UTC), in the name of Ada. Resumed by Ada.",
        "Schedule 1 is removed: `summarize since=yesterday`, at 09:00 on Monday through Friday. Removed by Ada.",
    ]
    assert await store.schedules.list(HERE) == []


async def test_what_is_given_twice_says_that_it_was_so_already(give):
    await give(ADD)

    said = [await give(f"schedule {verb} 1") for verb in ("resume", "pause", "pause", "remove", "remove")]

    assert [one.partition("`")[0] for one in said] == [
        "Schedule 1 was not paused: ",
        "Schedule 1 is paused: ",
        "Schedule 1 was paused already: ",
        "Schedule 1 is removed: ",
        "Schedule 1 was removed already.",
    ]


async def test_what_stopped_rests_already_where_somebody_pauses_it(give, store):
    await give(ADD)
    await store.schedules.stop(1, Stop.RANK)

    assert await give("schedule pause 1") == (
        "Schedule 1 rests already: `summarize since=yesterday`, stopped, for Ada does not manage this channel any more; "
        "`schedule resume 1` takes it over."
    )


async def test_the_same_schedule_added_once_more_is_remarked_on(give, store):
    await give(ADD)
    first, *_ = await store.schedules.list(HERE)
    await store.schedules.add(
        NewSchedule(HERE, "k0", "U2", first.cron, first.zone, first.line, prompt=False, due_at=first.due_at)
    )

    said = await give(ADD)

    assert "Schedule 2 does the same at the same times. `schedule remove 1` takes this one away." in said


async def test_long_words_are_shown_on_one_line_that_ends_no_code(give):
    said = await give(f'schedule add "every day" Say `this`\nand {"more " * 40}')

    assert "`Say 'this' and more more" in said
    assert "…`" in said


@pytest.mark.parametrize("line", [ADD, "schedule pause 1", "schedule resume 1", "schedule remove 1"])
async def test_only_who_manages_the_channel_schedules_anything(give, board, line):
    board.ranks["U2"] = Rank.MEMBER

    with pytest.raises(RankTooLow):
        await give(line, "U2")
