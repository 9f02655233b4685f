"""Two processes on one workspace keep within Slack's tiers together, each with its share; and take a form once.

Tests bots.delivery.living_processes, bots.slack.throttle, bots.slack.parse. Slack's minute is shorter here, and so are all pauses of ours.
"""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from bots.delivery.living_processes import LivingProcesses
from bots.slack.throttle import PAUSE
from core.store import open_store
from core.telemetry import AnswerBegun, TelemetryEvent
from tests.fakes.claude.script import Answer
from tests.support.slack_house import living
from tests.support.waiting import PATIENCE, Closing, until

FASTER = 10  # than Slack's minute
ANSWERS, WORDS = 16, 400
MOST = 12  # answers of a process at once, so that none has all
LONG = 3 * PATIENCE  # seconds; a busy machine needs many times as long as an idle one


@asynccontextmanager
async def process(name, slack, claude, store, closing):
    """One of several processes that share a database, in a workspace that enforces its tiers."""
    shared, begun = LivingProcesses(), list[TelemetryEvent]()

    def note(event: TelemetryEvent) -> None:
        shared(event)
        closing(event)
        begun.extend([event] if isinstance(event, AnswerBegun) else [])

    rules = {"process": name, "alone": False, "emit": note, "slots": MOST}
    ways = {"pause": PAUSE / FASTER, "sleep": asyncio.sleep, "processes": shared.count}
    async with living(slack, claude, store, rules=rules, **ways) as home:
        yield home, shared, begun


async def test_answers_that_grow_in_two_processes_at_once_stay_within_slacks_tiers(slack, claude, tmp_path):
    slack.enforce_tiers(60 / FASTER)
    claude.answer = lambda body: Answer(text=f"{'word ' * WORDS}end.", chunk=50, delay=0.1)
    closing = Closing(ANSWERS)
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{tmp_path}/confab.db"
        stores = [await open_store(url) for _ in range(2)]
        for store in stores:
            stack.push_async_callback(store.shut)
        houses = [
            await stack.enter_async_context(process(f"p{number}", slack, claude, store, closing))
            for number, store in enumerate(stores)
        ]
        await until(lambda: all(shared.count() == 2 for _, shared, _ in houses))
        home = houses[0][0]
        roots = [await slack.say("ada", "dev", f"<@U0BOT> {number}") for number in range(ANSWERS)]
        await closing.wait(LONG)

        assert ["".join(home.texts("dev", root)).count("word") for root in roots] == [WORDS] * ANSWERS
        assert slack.limited == []
        assert all(begun for _, _, begun in houses)


async def test_a_form_that_both_of_two_processes_are_sent_is_taken_once_and_one_with_other_words_too(slack, claude):
    store = await open_store("sqlite://")
    closing = Closing(2)
    async with (
        process("p0", slack, claude, store, closing) as (home, *_),
        process("p1", slack, claude, store, closing),
    ):
        ts = await slack.say("bob", "dev", "Deploys stop on Friday.")
        await slack.acked(await slack.choose("ada", "dev", ts, "confab_ask_about"))
        (view,) = slack.world.views
        given = [{"question": {"question": {"type": "plain_text_input", "value": text}}} for text in ("Why?", "How?")]
        keys = [await slack.submit_view("ada", view, values) for values in given * 3]
        for key in keys * 2:
            slack.outbox.again(key)
        await slack.settled()
        await closing.wait()

        assert len(slack.sockets.links) == 2
        assert len(home.asked) == 2
        assert len([one for one in slack.visible("dev", "ada") if one.user == "ephemeral"]) == 2
    await store.shut()
