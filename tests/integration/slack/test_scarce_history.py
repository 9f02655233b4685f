"""Where Slack gives an app a page of history a minute, Confab lives from what it has heard, and waits for no history.

Tests bots.slack.throttle, bots.slack.client, bots.slack.history.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bots.slack.client import SCARCE_BATCH
from bots.slack.parse import parse_timestamp
from bots.slack.throttle import PAUSE, Throttle
from core.answering.conversation import UNREAD
from core.domain.events import Posted
from core.domain.messages import Asks, Message, ThreadKey
from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.fakes.slack.faults import Fault
from tests.support.slack_house import at_home, living
from tests.support.waiting import PATIENCE

REPLIES = "conversations.replies"


@pytest.fixture
async def store(tmp_path):
    """A database that outlives a house."""
    kept = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield kept
    await kept.shut()


async def ask_late(home, number: int, said: int = 1) -> str:
    """Mention the bot below so much that it was not told to keep; what Claude is told."""
    root = await home.slack.say("bob", "dev", "the plan is late")
    for _ in range(said - 1):
        await home.slack.say("bob", "dev", "and dear", root)
    await home.slack.say("ada", "dev", "<@U0BOT> why?", root)
    await home.answered(number)
    return str(home.prompt(number - 1))


async def test_one_thread_a_minute_is_read_and_the_others_are_answered_at_once():
    async with at_home(pause=PAUSE, sleep=asyncio.sleep, scarce=True) as home:
        home.slack.limit(REPLIES, 1, 60.0)

        first, second = await ask_late(home, 1), await ask_late(home, 2)

        assert "the plan is late" in first
        assert UNREAD not in first
        assert "the plan is late" not in second
        assert UNREAD in second
        assert len(home.slack.called(REPLIES)) == 1
        assert home.slack.limited == []


async def test_a_longer_thread_is_answered_without_what_was_said_before():
    async with at_home(pause=PAUSE, sleep=asyncio.sleep, scarce=True) as home:
        told = await ask_late(home, 1, said=SCARCE_BATCH)

        assert UNREAD in told
        assert "the plan is late" not in told
        assert len(home.slack.called(REPLIES)) == 1


async def test_a_longer_thread_takes_the_page_of_a_minute_once_and_leaves_it_to_others_from_then_on():
    async with at_home(pause=PAUSE, sleep=asyncio.sleep, scarce=True) as home:
        web = (await home.workspace()).web
        await ask_late(home, 1, said=SCARCE_BATCH)
        web.pace = Throttle(scarce=True)  # as a minute later
        await home.slack.say("ada", "dev", "<@U0BOT> and now?", str(home.slack.called(REPLIES)[0]["ts"]))
        await home.answered(2)
        short = await ask_late(home, 3)

        assert "the plan is late" in short
        assert len(home.slack.called(REPLIES)) == 2


async def test_a_thread_that_was_answered_in_is_told_whole_whatever_was_read_within_the_minute():
    async with at_home(pause=PAUSE, sleep=asyncio.sleep, scarce=True) as home:
        root = await home.slack.say("ada", "dev", "<@U0BOT> the plan is late")
        await home.answered()
        await ask_late(home, 2)
        await home.slack.say("ada", "dev", "why?", root)
        await home.answered(3)

        assert "the plan is late" in str(home.prompt(2))
        assert UNREAD not in str(home.prompt(2))
        assert len(home.slack.called(REPLIES)) <= 1


@asynccontextmanager
async def scarce_house(slack, claude, store, **options):
    """One process after another on the same store: each has a page of history to read in its first minute."""
    scarce = {"pause": PAUSE, "sleep": asyncio.sleep, "scarce": True}
    async with living(slack, claude, store, **scarce, rules={"alone": False}, **options) as home:
        yield home


async def fill_thread(home) -> str:
    """A thread of more than Slack shows at once, in which Confab has answered."""
    root = await home.slack.say("ada", "dev", "<@U0BOT> the plan is late")
    await home.answered()
    for number in range(SCARCE_BATCH):
        await home.slack.say("bob", "dev", f"<@U0ADA> so it is, {number}", root)
    await home.rest()
    return root


async def test_an_answer_in_a_longer_thread_that_a_restart_interrupts_is_given_from_what_was_heard(
    slack, claude, store
):
    async with scarce_house(slack, claude, store) as home:
        root = await fill_thread(home)
        asked = len(home.asked)
        claude.script(Answer(text="Never.", first=PATIENCE))
        await slack.say("ada", "dev", "<@U0BOT> why?", root)
        await slack.until(lambda: len(home.asked) > asked)
    claude.script(Answer(text="Because of the rain."))
    async with scarce_house(slack, claude, store) as home:
        await home.answered(asked + 2)

        assert home.texts("dev", root)[1:] == ["Because of the rain."]
        assert "the plan is late" in str(home.prompt())
        assert "so it is, 14" in str(home.prompt())
        assert UNREAD not in str(home.prompt())


async def test_a_page_that_a_process_posted_before_it_died_is_found_in_a_longer_thread(slack, claude, store):
    async with scarce_house(slack, claude, store) as home:
        root = await fill_thread(home)
        claude.script(Answer(text="Because of the rain."))
        slack.fail_next("chat.postMessage", Fault(lost=True))
        slack.limit(REPLIES, 0, 60.0)
        await slack.say("ada", "dev", "<@U0BOT> why?", root)
        await slack.until(lambda: len(home.ours("dev", root)) == 2)
    slack.limit(REPLIES, 2, 60.0)
    async with scarce_house(slack, claude, store) as home:
        await home.rest()

        assert home.texts("dev", root)[1:] == ["Because of the rain."]


async def test_what_was_edited_and_deleted_while_confab_was_away_is_told_as_it_is_now(slack, claude, store):
    async with scarce_house(slack, claude, store) as home:
        root = await fill_thread(home)
        late = await slack.say("bob", "dev", "<@U0ADA> the code is 4711", root)
        kept = await slack.say("bob", "dev", "<@U0ADA> it rains", root)
        await home.rest()
    await slack.delete("bob", "dev", late)
    await slack.edit("bob", "dev", kept, "<@U0ADA> it snows")
    slack.limit(REPLIES, 0, 60.0)
    async with scarce_house(slack, claude, store) as home:
        asked = len(home.asked)
        await slack.say("ada", "dev", "<@U0BOT> and now?", root)
        await home.answered(asked + 1)

        assert "so it is, 14" in str(home.prompt())
        assert "it snows" in str(home.prompt())
        assert not [one for one in ("4711", "it rains") if one in str(home.prompt())]


async def test_a_thread_of_three_thousand_messages_is_answered_from_what_was_heard_after_a_restart(
    slack, claude, store
):
    async with scarce_house(slack, claude, store) as home:
        root = await slack.say("ada", "dev", "<@U0BOT> the plan is late")
        await home.answered()
        key = ThreadKey("slack:T024", slack.place("dev").id, root)
        stamps = [slack.world.stamp() for _ in range(3_000)]
        said = [
            Message(ts, "U0BOB", f"so it is, {number}", parse_timestamp(ts))
            for number, ts in enumerate(stamps, start=1)
        ]
        await asyncio.gather(*(home.assistant.ingest(Posted(one.id, key, one, Asks.NO)) for one in said))
    slack.limit(REPLIES, 0, 60.0)  # it would show none of them
    async with scarce_house(slack, claude, store) as home:
        await slack.say("ada", "dev", "<@U0BOT> why?", root)
        await home.answered(2)

        assert len(home.texts("dev", root)) == 2
        assert "so it is, 3000" in str(home.prompt())
        assert UNREAD not in str(home.prompt())
