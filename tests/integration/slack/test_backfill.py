"""What was missed in Slack: found when we connect again, answered once, oldest first, as far back as it is wanted.

Tests bots.slack.backfill, bots.slack.throttle.
"""

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.backfill import BETWEEN, BackfillProgress
from bots.slack.backfill import BackfillSource
from bots.slack.client import Web
from bots.slack.parse import BotIdentity
from bots.slack.throttle import FEW, LEISURE, SLOW, Leisure, Throttle
from core.domain.events import Commanded, MissedRange
from core.domain.messages import ThreadKey
from core.store import backup, open_store
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.world import Clock
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.server import SCOPES, SlackFake
from tests.support.slack_house import brisk, living
from tests.support.socket_mode import US
from tests.support.waiting import until

HOUR = 3600.0
CAUGHT_UP = "caught up in slack:T024"


class Town:
    """A Slack that tells nobody what happens while we are away, and houses that come and go in it."""

    def __init__(self, slack: SlackFake, claude: ClaudeFake, url: str, clock: Clock, caplog) -> None:
        self.slack, self.claude, self.url, self.clock = slack, claude, url, clock
        self._caplog = caplog

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    @asynccontextmanager
    async def house(self, url: str = "", caught_up: bool = True, **options):
        """Confab, connected and caught up; what happens when it has left is told to nobody."""
        rules = {"clock": self.now} | options.pop("rules", {})
        store = await open_store(url or self.url, clock=self.now)
        before = self._caplog.text.count(CAUGHT_UP)
        self.slack.outbox.dropping = False
        try:
            async with living(self.slack, self.claude, store, rules=rules, **options) as home:
                if caught_up:
                    await until(lambda: self._caplog.text.count(CAUGHT_UP) > before)
                    await home.rest()
                yield home
                self.slack.outbox.dropping = True
        finally:
            await store.shut()

    async def lived(self, **options) -> None:
        """Be there until all is answered, and leave."""
        async with self.house(**options):
            pass

    async def begun(self) -> str:
        """Answer a first question, and leave; its thread."""
        async with self.house(caught_up=False) as home:
            root = await self.slack.say("ada", "dev", "<@U0BOT> hello")
            await home.answered()
        return root

    def asked(self) -> list[str]:
        """What people said last in each prompt."""
        bodies = [request.body for request in self.claude.requests if request.path == "/v1/messages"]
        return [body["messages"][-1]["content"][0]["text"].splitlines()[-1] for body in bodies]

    def answers(self, channel: str, root: str) -> int:
        return len([one for one in self.slack.thread(channel, root) if one.user == "U0BOT"])


@pytest.fixture
async def town(tmp_path, caplog):
    caplog.set_level(logging.INFO, "bots.delivery.backfill")
    clock = Clock()
    async with SlackFake(clock=clock) as slack, ClaudeFake() as claude:
        yield Town(slack, claude, f"sqlite:///{tmp_path}/confab.db", clock, caplog)


@pytest.mark.parametrize("http", [False, True], ids=["socket", "http"])
async def test_what_was_asked_while_we_were_away_is_answered_once_and_never_again(town, http):
    root = await town.begun()
    foreign = await town.slack.say("ada", "general", "Good morning")
    roots = [
        ("dev", await town.slack.say("ada", "dev", "<@U0BOT> in a channel")),
        ("G0SEC", await town.slack.say("bob", "G0SEC", "<@U0BOT> in a private one")),
        ("G0MPIM", await town.slack.say("bob", "G0MPIM", "<@U0BOT> in a group")),
        ("D0ADA", await town.slack.say("ada", "D0ADA", "in a direct message")),
    ]
    await town.slack.say("bob", "dev", "and a follow-up", root)
    await town.slack.say("bob", "general", "<@U0BOT> in a thread of others", foreign)
    await town.slack.say("bob", "general", "not to us")
    await town.lived(http=http)
    first = [town.answers(*each) for each in roots]
    await town.lived()
    await town.lived()

    assert first == [town.answers(*each) for each in roots] == [1, 1, 1, 1]
    assert (town.answers("dev", root), town.answers("general", foreign)) == (2, 1)
    assert len(town.asked()) == 7


async def test_a_thread_of_ours_is_looked_through_however_old_it_is(town):
    root = await town.begun()
    town.clock.forward(30 * 24 * HOUR)
    await town.slack.say("bob", "dev", "one more thing", root)
    await town.lived()

    assert town.answers("dev", root) == 2


async def test_what_is_older_than_we_catch_up_is_left(town):
    await town.begun()
    old = await town.slack.say("ada", "dev", "<@U0BOT> before dinner")
    town.clock.forward(2 * HOUR)
    new = await town.slack.say("ada", "dev", "<@U0BOT> after dinner")
    await town.lived()

    assert (town.answers("dev", old), town.answers("dev", new)) == (0, 1)


async def test_switched_off_nothing_is_looked_for(town):
    await town.begun()
    missed = await town.slack.say("ada", "dev", "<@U0BOT> anybody?")
    async with town.house(caught_up=False, rules={"catch_up": timedelta()}) as home:
        await town.slack.say("ada", "general", "<@U0BOT> hello")
        await home.answered(2)

    assert town.slack.called("users.conversations") == []
    assert town.answers("dev", missed) == 0


async def test_without_our_database_nothing_is_answered_a_second_time(town, tmp_path):
    root = await town.begun()
    async with town.house(url=f"sqlite:///{tmp_path}/another.db", caught_up=False) as home:
        await town.slack.say("ada", "general", "<@U0BOT> hello")
        await home.answered(2)

    assert town.slack.called("users.conversations") == []
    assert town.answers("dev", root) == 1


async def test_with_an_older_copy_of_our_database_what_has_our_answer_is_not_answered_again(town, tmp_path):
    await town.begun()
    backup(town.url, f"{tmp_path}/copy.db")
    async with town.house() as home:
        root = await town.slack.say("ada", "dev", "<@U0BOT> hello again")
        await home.answered(2)
    await town.lived(url=f"sqlite:///{tmp_path}/copy.db")

    assert town.answers("dev", root) == 1
    assert len(town.asked()) == 2


async def test_what_was_not_told_when_we_stopped_is_told_after_the_next_start(town):
    await town.begun()
    roots = [await town.slack.say("ada", "dev", f"<@U0BOT> question {number}") for number in range(4)]
    reached, never = asyncio.Event(), asyncio.Event()

    async def stuck(seconds: float) -> None:
        if seconds == BETWEEN:
            reached.set()
            await never.wait()
        await brisk(seconds)

    async with town.house(caught_up=False, sleep=stuck) as home:
        await reached.wait()
        await home.answered(2)
        town.clock.forward(HOUR / 2)
        await home.assistant.worker.heartbeat()
        await town.slack.say("bob", "general", "<@U0BOT> meanwhile")
        await home.answered(3)
    await town.lived()

    assert [town.answers("dev", root) for root in roots] == [1, 1, 1, 1]
    assert len(town.asked()) == 6


@pytest.mark.parametrize("method", ["users.conversations", "conversations.history", "conversations.replies"])
@pytest.mark.parametrize(
    "fault",
    [Fault(429, retry_after=0.01), Fault(status=503), Fault(dropped=True), Fault(error="internal_error")],
    ids=["429", "503", "cut", "internal_error"],
)
async def test_a_slack_in_trouble_is_waited_for(town, method, fault):
    root = await town.begun()
    await town.slack.say("bob", "dev", "a follow-up", root)
    town.slack.fail_next(method, fault, 7)
    await town.lived()

    assert town.answers("dev", root) == 2


async def test_without_the_scopes_the_log_says_what_is_not_found_and_what_is_asked_now_is_answered(town, caplog):
    await town.begun()
    await town.slack.say("ada", "D0ADA", "hello?")
    grant = town.slack.grants[town.slack.token]
    town.slack.grants[town.slack.token] = type(grant)(grant.team, SCOPES - {"im:read"})
    async with town.house() as home:
        await town.slack.say("ada", "general", "<@U0BOT> hello")
        await home.answered(2)

    assert "the Slack app needs the scope `im:read` for users.conversations" in caplog.text


async def test_a_channel_that_closed_keeps_nothing_from_being_found_elsewhere(town):
    await town.begun()
    root = await town.slack.say("ada", "G0SEC", "<@U0BOT> hello")
    town.slack.fail_next("conversations.history", Fault(error="channel_not_found"))
    await town.slack.archive("ada", "dev")
    await town.slack.say("ada", "elsewhere", "<@U0BOT> we are not here")
    await town.lived()

    assert town.answers("G0SEC", root) == 1


async def test_many_questions_are_each_answered_once(town):
    await town.begun()
    places = ["dev", "general", "G0SEC"]
    asked = [(place, await town.slack.say("ada", place, f"<@U0BOT> {n}")) for n in range(6) for place in places]
    asked.append(("D0ADA", await town.slack.say("ada", "D0ADA", "hello")))
    await town.lived()
    await town.lived()

    assert [town.answers(*each) for each in asked] == [1] * 19


@asynccontextmanager
async def searching(slack: SlackFake, batch: int = 999, us: BotIdentity = US):
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, slack.base_url, session=session, retry_handlers=[])
        yield BackfillSource(Web(client, us, Throttle(0), brisk, batch=batch, leisure=Leisure()))


async def test_what_is_found_is_told_oldest_first_with_commands_and_all_pages(town):
    slack, since = town.slack, town.now()
    root = await slack.say("ada", "dev", "a thread of others")
    for number in range(7):
        await slack.say("ada", "dev", f"{number}", root)
        await slack.say("bob", "dev", f"<@U0BOT> {number}")
        await slack.say("ada", "D0ADA", f"!help {number}")

    async with searching(slack, batch=3) as search:
        missed = MissedRange("slack:T024", since)
        found = await search.fetch_missed(missed, BackfillProgress(missed))

    told = [event.line if isinstance(event, Commanded) else event.message.text for event in found]
    assert told == [words for number in range(7) for words in (str(number), str(number), f"help {number}")]


async def test_threads_that_did_not_go_on_are_not_read(town):
    slack = town.slack
    roots = [await slack.say("ada", "dev", f"{number}") for number in range(3)]
    await slack.say("bob", "dev", "a reply", roots[0])
    town.clock.forward(HOUR)
    since = town.now()
    await slack.say("bob", "dev", "a reply", roots[1])
    ours = tuple(ThreadKey("slack:T024", "C0DEV", root) for root in roots)

    told = []
    async with searching(slack) as search:
        missed = MissedRange("slack:T024", since, ours)
        found = await search.fetch_missed(missed, BackfillProgress(missed, told.append))

    assert (told[0].unread, told[-1].unread) == (len(slack.called("conversations.history")) + 3, 0)
    assert [call["ts"] for call in slack.called("conversations.replies")] == [roots[1]]
    assert [event.key.thread for event in found] == [roots[1]]


def test_calls_that_nobody_waits_for_leave_room_for_those_that_somebody_waits_for():
    now = [1000.0]
    leisure = Leisure(lambda: now[0])

    first = [leisure.turn("conversations.history") for _ in range(FEW + 3)]
    other = leisure.turn("conversations.replies")
    now[0] += 200
    later = [leisure.turn("conversations.history") for _ in range(2)]

    assert first[:FEW] == pytest.approx([LEISURE * number for number in range(FEW)])
    assert first[FEW:] == pytest.approx([LEISURE * (FEW - 1) + SLOW * number for number in (1, 2, 3)])
    assert (other, later) == (0.0, [0.0, LEISURE])
