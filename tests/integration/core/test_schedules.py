"""Schedules on the board: what was added comes at its time, once, and says what it is of.

Tests core.jobs and core.jobs.schedules, core.commands.schedules, core.answering.tasks.scheduled_runs, core.commands.schedules.schedule,
core.commands.schedules.prompt, core.store.schedule_repository.
"""

from datetime import timedelta

import pytest

from core.domain.messages import Asks, Message, Question, Rank, ThreadKey
from core.jobs.schedules import POLL, ScheduleWorker
from core.store.records.schedules import NewSchedule, ScheduleChange
from tests.fakes.board import START
from tests.fakes.claude.script import Answer
from tests.support.board_house import closed, command, messages
from tests.support.house import at_once, house
from tests.support.tool_shed import Shed, call, in_shed, use

HERE = ThreadKey("board:w1", "c1", "")


class Home:
    """An assistant on the board with its schedules, whose clock a test moves."""

    def __init__(self, board, claude, store, assistant):
        self.board, self.claude, self.store, self.assistant = board, claude, store, assistant
        self.schedules = ScheduleWorker(store.schedules, assistant.list_connected, assistant.worker.wake)
        self.given = 0

    async def give(self, line: str, person: str = "U1") -> str:
        """What a command says."""
        self.given += 1
        name = f"k{self.given}"
        await self.assistant.ingest(command(line, person, name=name))
        await closed(self.store)
        told = [one for key, said in self.board.posts.items() for one in said if one.answers == name]
        return "\n".join(one.text for one in told)

    async def move_to(self, at) -> None:
        """It is that time, and the assistant lives."""
        self.board.slept((at - self.board.now()).total_seconds())
        await self.assistant.worker.heartbeat()

    async def pass_to(self, at) -> None:
        """It is that time: what is due is left and answered."""
        await self.move_to(at)
        await self.schedules.leave_due()
        await closed(self.store)

    def posts(self) -> list[Message]:
        """What was posted in the channel itself by schedules."""
        return [
            one
            for said in self.board.posts.values()
            for one in said
            if one.mine and (one.answers or "").startswith("run-")
        ]

    def texts(self) -> list[str]:
        return [one.text for one in self.posts()]

    @property
    def asked(self):
        return messages(self.claude)


@pytest.fixture
async def home(board, store, claude):
    """It is Friday, 2 January 2026, 9:00."""
    board.ranks["U2"] = Rank.MANAGER
    async with house(store, claude, board, clock=board.now, sleep=at_once) as assistant:
        yield Home(board, claude, store, assistant)


async def test_words_for_claude_are_answered_in_the_channel_at_their_time_with_a_line_that_says_whose_they_are(home):
    home.claude.answer = lambda _body: Answer(text="Stand up, all of you.")
    told = await home.give('schedule add "every weekday 10:30" Remind us of the stand-up.')
    early = await home.schedules.leave_due()

    await home.pass_to(START + timedelta(hours=1, minutes=30))

    assert told == (
        "Schedule 1: at 10:30 on Monday through Friday, in the time of UTC (`zone=` before the times names another), "
        "I post here what Claude answers to "
        "`Remind us of the stand-up.`. Set by Ada. The next times are:\n\n"
        "- Fri 2 Jan 2026, 10:30\n- Mon 5 Jan 2026, 10:30\n- Tue 6 Jan 2026, 10:30\n\n"
        "No budget limits what it costs; `budget set` gives this channel one."
    )
    assert early == POLL
    assert home.texts() == [
        "*Schedule 1 of Fri 2 Jan 2026, 10:30: `Remind us of the stand-up.`, at 10:30 on Monday through Friday, "
        "by Ada*\n\nStand up, all of you."
    ]
    assert home.asked == [[("user", "Remind us of the stand-up.")]]


async def test_the_line_above_a_run_stays_one_line_whatever_the_words_are(home):
    await home.give('schedule add "every day at 10" Say *hello* to `all`\nand then tell us everything that you know.')

    await home.pass_to(START + timedelta(hours=1))

    (text,) = home.texts()
    assert text.partition("\n")[0] == (
        "*Schedule 1 of Fri 2 Jan 2026, 10:00: `Say hello to 'all' and then tell us ev…`, at 10:00 every day, by Ada*"
    )


async def test_what_is_said_below_a_run_is_answered_and_claude_knows_what_it_had_posted(home):
    home.claude.answer = lambda _body: Answer(text="Stand up, all of you.")
    await home.give('schedule add "every weekday 10:30" Remind us of the stand-up.')
    await home.pass_to(START + timedelta(hours=1, minutes=30))
    (page,) = home.posts()

    home.board.posts[ThreadKey("board:w1", "c1", page.id)] = home.board.posts.pop(HERE)
    await home.assistant.ingest(home.board.said(page.id, "U2", "Why?"))
    await closed(home.store)

    assert home.asked[-1][-2:] == [("assistant", "Stand up, all of you."), ("user", "Bob: Why?")]


async def test_what_is_due_is_answered_once_however_often_it_is_looked_for(home):
    await home.give('schedule add "every day at 10" Say hello.')
    for _ in range(3):
        await home.pass_to(START + timedelta(hours=1))

    assert len(home.texts()) == len(home.asked) == 1


async def test_what_was_missed_for_less_than_an_hour_is_made_up_for_once(home):
    await home.give('schedule add "every 15 minutes" Say hello.')

    await home.pass_to(START + timedelta(minutes=59))

    assert [text.partition(":")[0] for text in home.texts()] == ["*Schedule 1 of Fri 2 Jan 2026, 09"]
    assert "09:45: `Say hello.`, every 15 minutes" in home.texts()[0]


async def test_what_was_missed_for_longer_is_skipped_and_the_list_says_so(home):
    await home.give('schedule add "every day at 10" Say hello.')

    await home.pass_to(START + timedelta(hours=2, seconds=1))

    listed = await home.give("schedule list")
    assert home.texts() == []
    assert listed == (
        "What is posted in this channel by schedule:\n\n"
        "- `1` at 10:00 every day (UTC), `Say hello.`, by Ada: next Sat 3 Jan 2026, 10:00; "
        "Fri 2 Jan 2026, 10:00 was skipped, more than an hour late"
    )


async def test_a_platform_that_is_away_is_waited_for(home):
    await home.give('schedule add "every day at 10" Say hello.')
    home.board.offline = "no network"
    await home.pass_to(START + timedelta(hours=1))
    assert home.texts() == []
    home.board.offline = ""

    await home.pass_to(START + timedelta(hours=1, minutes=30))

    assert len(home.texts()) == 1


async def test_a_digest_tells_what_is_new_since_the_run_before_and_nothing_where_nothing_is(home):
    home.claude.answer = lambda _body: Answer(text="All is said.")
    await home.give('schedule add "every day at 10" summarize')
    await home.move_to(START + timedelta(minutes=30))
    say(home, "We ship on Friday.")
    await home.pass_to(START + timedelta(hours=1))
    await home.pass_to(START + timedelta(days=1, hours=1))
    await home.move_to(START + timedelta(days=2))
    say(home, "We do not ship.")

    await home.pass_to(START + timedelta(days=2, hours=1))

    told = [text for ((_, text),) in home.asked]
    assert len(home.texts()) == len(told) == 2
    assert "We ship on Friday." in told[0]
    assert "We do not ship." in told[1]
    assert "We ship on Friday." not in told[1]
    assert "Links" in home.claude.requests[-1].body["system"][0]["text"]


async def test_a_digest_of_given_messages_is_silent_too_where_none_is_new(home):
    await home.give('schedule add "every day at 10" summarize last=5')
    await home.move_to(START + timedelta(minutes=30))
    say(home, "We ship on Friday.")
    await home.pass_to(START + timedelta(hours=1))

    await home.pass_to(START + timedelta(days=1, hours=1))

    assert len(home.texts()) == len(home.asked) == 1


async def test_what_confab_says_itself_may_be_scheduled(home):
    await home.give('schedule add "every day at 10" usage since=week')

    await home.pass_to(START + timedelta(hours=1))

    (text,) = home.texts()
    assert text.startswith("*Schedule 1 of Fri 2 Jan 2026, 10:00: `usage since=week`, at 10:00 every day, by Ada*\n\n")
    assert home.asked == []


async def test_a_schedule_stops_where_its_author_lost_their_rank_and_a_manager_is_told_alone(home):
    home.board.managers = ("U2", "U1")
    home.board.ranks["U3"] = Rank.MANAGER
    await home.give('schedule add "every day at 10" Say hello.', "U3")
    home.board.ranks["U3"] = Rank.MEMBER

    await home.pass_to(START + timedelta(hours=1))
    await home.pass_to(START + timedelta(days=1, hours=1))

    listed = await home.give("schedule list")
    assert home.texts() == home.asked == []
    assert home.board.told == [
        (
            "board:w1",
            "U2",
            "Schedule 1 of <#c1>, at 10:00 every day, has stopped, for <@U3> does not manage this channel any more. "
            "`schedule list` in the channel shows it, and `schedule resume 1` lets it go on in the name of who says so.",
        )
    ]
    assert "stopped, for Cy does not manage this channel any more; `schedule resume 1` takes it over" in listed


async def test_a_schedule_whose_zone_is_not_known_here_stops_and_who_added_it_is_told(home):
    await home.give('schedule add "every day at 10" Say hello.')
    (kept,) = await home.store.schedules.list(HERE)
    unknown = NewSchedule(
        HERE, "k0", "U1", kept.cron, "Mars/Olympus", "Say hello.", prompt=True, due_at=START + timedelta(hours=1)
    )
    await home.store.schedules.add(unknown)

    await home.pass_to(START + timedelta(hours=1))

    listed = await home.give("schedule list")
    assert len(home.texts()) == 1
    assert home.board.told == [
        (
            "board:w1",
            "U1",
            "Schedule 2 of <#c1>, at 10:00 every day, has stopped, for its times or its time zone can't be read where I "
            "run. `schedule list` in the channel shows it; `schedule remove 2`, and add it anew.",
        )
    ]
    assert listed.endswith(
        "at 10:00 every day (Mars/Olympus), `Say hello.`, by Ada: stopped, for its times or its time zone can't be read "
        "where I run; `schedule remove 2` takes it away"
    )
    assert "can't be read where I run: `0 10 * * *` in Mars/Olympus." in await home.give("schedule resume 2")


async def test_where_no_manager_can_be_told_alone_the_channel_is_told(home):
    home.board.managers = ("U2",)
    home.board.deaf = True
    await home.give('schedule add "every day at 10" Say hello.')
    home.board.strangers = {"U1"}

    await home.pass_to(START + timedelta(hours=1))

    assert home.texts() == [
        "*Schedule 1 of Fri 2 Jan 2026, 10:00: `Say hello.`, at 10:00 every day, by Ada*\n\n"
        "This schedule has stopped, for Ada is not in this channel any more. `schedule list` in the channel shows it, and "
        "`schedule resume 1` lets it go on in the name of who says so."
    ]


async def test_who_resumes_a_schedule_that_stopped_has_it_run_in_their_name(home):
    home.board.managers = ("U2",)
    await home.give('schedule add "every day at 10" Say hello.')
    home.board.ranks["U1"] = Rank.GUEST
    await home.pass_to(START + timedelta(hours=1))

    told = await home.give("schedule resume 1", "U2")
    await home.pass_to(START + timedelta(days=1, hours=1))

    assert told == (
        "Schedule 1 goes on: `Say hello.`, at 10:00 every day; next Sat 3 Jan 2026, 10:00 (UTC), in the name of Bob. "
        "Resumed by Bob."
    )
    assert [text.partition("\n")[0] for text in home.texts()] == [
        "*Schedule 1 of Sat 3 Jan 2026, 10:00: `Say hello.`, at 10:00 every day, by Bob*"
    ]


async def test_a_platform_that_does_not_say_who_somebody_is_just_now_stops_no_schedule(home):
    await home.give('schedule add "every day at 10" Say hello.')
    home.board.silent = 2

    await home.pass_to(START + timedelta(hours=1))

    assert len(home.texts()) == 1


async def test_a_run_counts_to_the_channels_budget_and_one_that_it_refuses_says_so_once(home):
    await home.give("budget set 0.000001")
    told = await home.give('schedule add "every day at 10" Say hello.')

    for day in range(3):
        await home.pass_to(START + timedelta(days=day, hours=1))

    (text,) = home.texts()
    assert "Each run counts to this channel's budget of $0.000001 a month, of which $0.000001 is left." in told
    assert text.startswith(
        "*Schedule 1 of Fri 2 Jan 2026, 10:00: `Say hello.`, at 10:00 every day, by Ada*\n\nI can't ask Claude"
    )
    assert home.asked == []


async def test_a_schedule_that_is_paused_while_its_run_waits_says_nothing(home):
    await home.give('schedule add "every day at 10" Say hello.')
    await home.move_to(START + timedelta(hours=1))
    home.board.offline = "no network"
    home.schedules = ScheduleWorker(home.store.schedules, lambda: ["board"], home.assistant.worker.wake)
    await home.schedules.leave_due()
    (one,) = await home.store.schedules.list(HERE)
    pausing = Question(HERE, "k9", "U1", home.board.now(), Asks.CERTAINLY, command="schedule pause")

    await home.store.schedules.change(pausing, 1, ScheduleChange.PAUSE, None)
    home.board.offline = ""
    home.assistant.worker.wake()
    await closed(home.store)

    assert home.texts() == []
    assert one.due_at == START + timedelta(days=1, hours=1)


async def test_a_run_that_waited_for_more_than_an_hour_is_skipped(home):
    await home.give('schedule add "every day at 10" Say hello.')
    await home.move_to(START + timedelta(hours=1))
    home.board.offline = "no network"
    await ScheduleWorker(home.store.schedules, lambda: ["board"], lambda: None).leave_due()
    await home.move_to(START + timedelta(hours=3))
    home.board.offline = ""
    await home.assistant.worker.heartbeat()
    home.assistant.worker.wake()
    await closed(home.store)

    listed = await home.give("schedule list")

    assert home.texts() == []
    assert "Fri 2 Jan 2026, 10:00 was skipped" in listed


def say(home, text: str) -> None:
    """Bob says something in the channel."""
    home.board.said("t7", "U2", text)


async def test_a_manager_who_is_not_in_the_channel_is_told_nothing_of_it(home):
    home.board.managers = ("U2", "U3")
    home.board.strangers = {"U2"}
    home.board.ranks["U3"] = Rank.MANAGER
    await home.give('schedule add "every day at 10" Say hello.')
    home.board.ranks["U1"] = Rank.MEMBER

    await home.pass_to(START + timedelta(hours=1))

    assert [person for _, person, _ in home.board.told] == ["U3"]


async def test_words_for_claude_are_answered_with_the_tools_that_only_read(board, store, claude):
    shed = Shed()
    claude.script(call(use("look", at="door"), text=""), Answer(text="A broom."))
    async with house(store, claude, board, clock=board.now, sleep=at_once, tools=in_shed(shed)) as assistant:
        home = Home(board, claude, store, assistant)
        await home.give('schedule add "every day at 10" What is in the shed?')
        await home.pass_to(START + timedelta(hours=1))

    (text,) = home.texts()
    assert text.endswith("\n\nA broom.")
    assert shed.called == [("look", {"at": "door"})]
    assert [tool["name"] for tool in claude.requests[-1].body["tools"]] == ["look"]
