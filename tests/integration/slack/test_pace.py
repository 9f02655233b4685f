"""Answers that grow in Slack, at the documented tiers: nothing is refused, each gets its share, and all end whole.

Tests bots.slack.throttle, bots.slack.surface. Slack's minute is shorter here, and so are all pauses of ours.
"""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from bots.slack.throttle import HOLD, PAUSE
from tests.fakes.claude.script import Answer
from tests.support.slack_house import at_home
from tests.support.stalls import measure_stalls
from tests.support.waiting import until

EDIT = "chat.update"
STATUS = "assistant.threads.setStatus"
STALL = 0.05  # seconds of the processor between two turns of the loop, the loopback servers' own work included


@asynccontextmanager
async def at_tiers(times: float, **options):
    """A house where a second lasts a `times`th of one, in a workspace that enforces its tiers."""

    async with at_home(pause=PAUSE / times, sleep=asyncio.sleep, **options) as home:
        home.slack.enforce_tiers(60 / times)
        yield home


def long_answer(words: int, seconds: float) -> Answer:
    """So many words, and the last, in so many seconds."""
    chunk = 50  # characters
    return Answer(text=f"{'word ' * words}end.", chunk=chunk, delay=seconds / (5 * words / chunk))


def told(home, channel: str, root: str) -> str:
    return "".join(home.texts(channel, root))


async def test_an_answer_that_grows_alone_for_40_seconds_is_shown_all_along_and_never_refused():
    async with at_tiers(20) as home:
        home.claude.script(long_answer(2000, 2.0))
        root = await home.slack.say("ada", "dev", "<@U0BOT> write")
        await home.answered()
        edits = len(home.slack.called(EDIT))

        assert told(home, "dev", root).count("word") == 2000
        assert home.slack.limited == []
        assert edits >= 10


async def test_a_long_answer_grows_also_right_after_twenty_short_ones():
    async with at_tiers(20) as home:
        home.claude.answer = lambda body: (
            long_answer(1000, 2.0) if "at length" in str(body["messages"]) else long_answer(20, 2 * HOLD / 20)
        )
        short = [await home.slack.say("ada", "dev", "<@U0BOT> hello") for _ in range(20)]
        await home.answered(20)
        before = len(home.slack.called(EDIT))
        root = await home.slack.say("ada", "dev", "<@U0BOT> at length")
        await home.answered(21)

        assert [len(home.ours("dev", one)) for one in short] == [1] * 20
        assert told(home, "dev", root).count("word") == 1000
        assert home.slack.limited == []
        assert len(home.slack.called(EDIT)) - before >= 6


async def test_thirty_answers_that_grow_at_once_all_get_their_share_and_end_whole():
    async with at_tiers(10) as home:
        home.claude.answer = lambda body: long_answer(400, 4.0)
        async with measure_stalls() as stalls:
            roots = [await home.slack.say("ada", "dev", f"<@U0BOT> {number}") for number in range(30)]
            await home.answered(30)
        edits = Counter(call["ts"] for call in home.slack.called(EDIT))

        assert [told(home, "dev", root).count("word") for root in roots] == [400] * 30
        assert home.slack.limited == []
        assert len(edits) == 30
        assert max(stalls) < STALL


@pytest.mark.parametrize("person", ["ada", "bob"])
async def test_a_short_answer_costs_a_status_and_a_post(person):
    async with at_tiers(1 / 20) as home:  # whole in time, however busy the machine is
        home.claude.answer = lambda body: Answer(text="Yes, of course it is.", chunk=7, first=0.5, delay=0.02)
        await home.slack.say(person, "dev", "<@U0BOT> first")
        await home.answered()
        before = len(home.slack.calls)
        root = await home.slack.say(person, "dev", "<@U0BOT> is it?")
        await home.answered(2)

        assert [call.method for call in home.slack.calls[before:]] == [STATUS, "chat.postMessage"]
        assert home.texts("dev", root) == ["Yes, of course it is."]


async def test_a_first_text_is_shown_though_nothing_follows_it():
    async with at_tiers(20) as home:
        home.claude.script(Answer(text="First words. And more.", chunk=13, delay=1.0))
        root = await home.slack.say("ada", "dev", "<@U0BOT> write")
        await until(lambda: home.texts("dev", root))
        first = home.texts("dev", root)
        await home.answered()

        assert first == ["First words."]
        assert home.texts("dev", root) == ["First words. And more."]


async def test_a_refused_edit_holds_edits_back_and_the_answer_is_whole_all_the_same():
    async with at_tiers(20) as home:
        home.slack.limit(EDIT, 2, 1.0)
        home.claude.script(long_answer(500, 1.0))
        root = await home.slack.say("ada", "dev", "<@U0BOT> write")
        await home.answered()

        assert told(home, "dev", root).count("word") == 500
        assert len(home.slack.limited) <= 2
