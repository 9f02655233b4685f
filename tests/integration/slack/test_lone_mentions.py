"""A mention in Slack comes without files: another event has them, and whoever was told of that one may have died.

Tests the part of bots.slack.intake, bots.slack.history and core.store.rules.ingest.
"""

import asyncio
import time
from dataclasses import replace

import pytest

from bots.slack import intake
from core.domain.errors import StoreUnavailable
from core.store import open_store
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import File
from tests.fakes.slack.server import SlackFake
from tests.support.drawings import draw
from tests.support.slack_house import at_home, brisk, living
from tests.support.waiting import until

READS = {"conversations.replies", "conversations.history"}
PLAN = File("", "plan.png", "image/png", draw(), "U0ADA")
WORDS = File("", "words.csv", "text/csv", b"id,text\n1,Hello\n2,Goodbye\n", "U0ADA")


def count_reads(home) -> int:
    return sum(call.method in READS for call in home.slack.calls)


def list_images(body) -> list[dict]:
    return [block for turn in body["messages"] for block in turn["content"] if block["type"] == "image"]


async def begin(home) -> str:
    """A thread that is fresh."""
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    return root


async def say_alone(home, text: str, root: str | None = None, files=()) -> str:
    """Say something of which only the mention is told."""
    home.slack.outbox.hold()
    ts = await home.slack.say("ada", "dev", text, root, files=list(files))
    home.slack.outbox.release(without="message")
    return ts


async def say_whole(home, text: str, root: str, files) -> None:
    """Say something of which all is told."""
    await home.slack.say("ada", "dev", text, root, files=files)


async def test_a_mention_in_a_thread_whose_message_nobody_kept_is_answered_with_its_file(home):
    root = await begin(home)
    reads = count_reads(home)

    await say_alone(home, "<@U0BOT> what is this?", root, [PLAN])
    await home.answered(2)

    assert len(list_images(home.asked[1])) == 1
    assert count_reads(home) == reads + 1


async def test_a_mention_that_begins_a_thread_and_whose_message_nobody_kept_is_answered_with_its_file(home):
    await say_alone(home, "<@U0BOT> what is this?", files=[PLAN])
    await home.answered()

    assert len(list_images(home.asked[0])) == 1


@pytest.mark.parametrize("inside", [False, True], ids=["in the channel", "in a thread"])
async def test_a_command_that_takes_files_and_whose_message_nobody_kept_has_its_file(home, inside):
    root = await begin(home) if inside else None

    ts = await say_alone(home, "<@U0BOT> !batch Translate {text}", root, [WORDS])
    await home.slack.until(lambda: any("2 rows of words.csv" in text for text in home.texts("dev", root or ts)))


async def test_a_command_without_files_is_carried_out_at_once(home):
    reads = count_reads(home)

    ts = await say_alone(home, "<@U0BOT> !usage")
    await home.rest()

    assert len(home.ours("dev", ts)) == 1
    assert count_reads(home) == reads


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
async def test_a_mention_whose_message_is_told_too_costs_no_call(late):
    waits = []

    async def sleep(seconds: float) -> None:
        """Let the message be kept while the mention waits for it, also where it comes late."""
        if seconds == intake.LATE:
            waits.append(seconds)
            home.slack.outbox.again(home.slack.outbox.lost[-1])
        if seconds in {intake.TWIN, intake.LATE}:
            await home.slack.until(lambda: len(home.slack.unacked) == 1)
        await brisk(seconds)

    async with at_home(sleep=sleep) as home:
        root = await begin(home)
        reads = count_reads(home)
        say = say_alone if late else say_whole
        await say(home, "<@U0BOT> what is this?", root, [PLAN])
        await home.answered(2)

    assert (len(home.asked), len(list_images(home.asked[1])), count_reads(home), len(waits)) == (2, 1, reads, late)


async def test_what_is_said_below_a_mention_does_not_wait_for_it_once_its_message_is_kept():
    late, waits = asyncio.Event(), []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await (late.wait() if waits[-1] == intake.LATE else brisk(seconds))

    async with at_home(sleep=sleep) as home:
        root = await begin(home)
        await say_alone(home, "<@U0BOT> what is this?", root)
        await until(lambda: intake.LATE in waits)
        home.slack.outbox.again(home.slack.outbox.lost[-1])
        await home.answered(2)
        began = time.monotonic()
        await home.slack.say("ada", "dev", "<@U0BOT> and that?", root)
        await home.answered(3)
        seconds = time.monotonic() - began
        late.set()

    assert seconds < intake.ORDER


class Ingested:
    """Questions of a database that takes its time while `slow` is not set, and which events they were told of."""

    def __init__(self, questions):
        self._questions, self.ids, self.slow = questions, [], asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._questions, name)

    async def ingest(self, event, **more):
        self.ids.append(event.id)
        await self.slow.wait()
        return await self._questions.ingest(event, **more)


@pytest.mark.parametrize("meanwhile", [False, True], ids=["before", "meanwhile"])
async def test_a_mention_whose_message_is_kept_before_or_meanwhile_costs_the_database_nothing(meanwhile):
    kept, waits = await open_store("sqlite://"), []
    questions = Ingested(kept.questions)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await brisk(seconds)

    async with (
        SlackFake() as slack,
        ClaudeFake() as claude,
        living(slack, claude, replace(kept, questions=questions), sleep=sleep) as home,
    ):
        questions.slow.set()
        await home.rest()
        questions.slow.clear() if meanwhile else None
        slack.outbox.hold()
        root = await slack.say("ada", "dev", "<@U0BOT> hello")
        slack.outbox.release(without="app_mention")
        await (until(lambda: root in questions.ids) if meanwhile else home.answered())
        slack.outbox.again(slack.outbox.lost[-1])
        await until(lambda: not meanwhile or intake.TWIN in waits)
        questions.slow.set()
        await home.answered()
    await kept.shut()

    found = questions.ids.count(root), len(home.asked), len(home.ours("dev", root))
    assert (*found, waits.count(intake.TWIN)) == (1, 1, 1, meanwhile)


class AwayForAMoment:
    """Questions of a database that is away when it is told of a file first, so often."""

    def __init__(self, questions, times):
        self._questions, self.left = questions, times

    def __getattr__(self, name):
        return getattr(self._questions, name)

    async def ingest(self, event, **more):
        if self.left and "what is this" in getattr(getattr(event, "message", None), "text", ""):
            self.left -= 1
            raise StoreUnavailable("away")
        return await self._questions.ingest(event, **more)


@pytest.mark.parametrize("times", [1, 2, 4])
async def test_a_lone_mention_that_finds_the_database_away_is_answered_with_its_file_later(times):
    kept = await open_store("sqlite://")
    questions = AwayForAMoment(kept.questions, times)
    flaky = replace(kept, questions=questions)
    async with SlackFake() as slack, ClaudeFake() as claude, living(slack, claude, flaky) as home:
        root = await begin(home)
        await say_alone(home, "<@U0BOT> what is this?", root, [PLAN])
        await home.answered(2)
        images = list_images(home.asked[1])
    await kept.shut()

    assert (len(images), questions.left) == (1, 0)


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(error="not_in_channel"), Fault(status=429)], ids=repr)
async def test_where_slack_shows_no_message_a_lone_mention_is_answered_with_its_words(home, fault):
    root = await begin(home)
    home.slack.fail_next("conversations.replies", fault, 20)

    await say_alone(home, "<@U0BOT> what is this?", root, [PLAN])
    await home.answered(2)

    assert home.prompt()[-1] == ("user", "Ada: what is this?")


@pytest.mark.parametrize("text", ["<@U0BOT> what is this?", "<@U0BOT> !batch Translate {text}"], ids=["asked", "told"])
async def test_a_mention_whose_message_is_deleted_unheard_is_not_answered_also_when_it_is_told_at_last(home, text):
    root = await begin(home)
    home.slack.outbox.hold()
    ts = await home.slack.say("ada", "dev", text, root, files=[WORDS])
    await home.slack.delete("ada", "dev", ts)
    home.slack.outbox.release(without="message")
    await home.slack.until(lambda: not home.slack.unacked)
    home.slack.outbox.again(home.slack.outbox.lost[0])
    await home.slack.until(lambda: not home.slack.unacked)
    await home.rest()

    assert (len(home.asked), len(home.texts("dev", root))) == (1, 1)


async def test_what_is_said_below_a_lone_mention_is_answered_after_it():
    said = []

    async def sleep(seconds: float) -> None:
        """While a mention waits for its message, somebody else asks in its thread, and Slack has told of all of that."""
        if seconds == intake.LATE and not said:
            said.append("second")
            before = len(home.slack.outbox.deliveries)
            await home.slack.say("bob", "dev", "<@U0BOT> second", root)
            await home.slack.until(lambda: len(home.slack.outbox.deliveries) == before + 2)
            for _ in range(50):
                await brisk(1.0)
        await brisk(seconds)

    async with at_home(sleep=sleep) as home:
        root = await begin(home)
        await say_alone(home, "<@U0BOT> first", root)
        await home.answered(3)

    assert [str(one["messages"][-1]["content"]).partition("said")[0].count("second") for one in home.asked] == [0, 0, 1]
    assert "first" in str(home.asked[1]["messages"][-1]["content"])
