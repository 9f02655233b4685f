"""Kinds of question that are batches: offered before, started with a button, and answered in files once."""

from collections.abc import Callable
from typing import Any

from tests.e2e.reliability.kinds import SHORT, Kind, mention, says, watch
from tests.e2e.reliability.tool_kinds import find_buttons, use_button
from tests.e2e.reliability.worlds import Page, SlackWorld, World, discord_world, slack_world
from tests.fakes.claude.script import Answer, last_words
from tests.fakes.discord.nouns import Upload
from tests.fakes.slack.nouns import File

TABLE = b"text\nHello\nGoodbye\nThanks\nPlease\n"
LINE = "!batch Say {text}"
DONE = "4 of 4 rows are answered. It cost $0.00002, at batch prices."
ROWS = "row,text,answer,error\\r\\n1,Hello,said Say Hello,\\r\\n2,Goodbye,said Say Goodbye,"


def say(body: Any) -> Answer:
    return Answer(text=f"said {last_words(body)}")


async def offer(world: World) -> None:
    if isinstance(world, SlackWorld):
        file = File("", "a.csv", "text/csv", TABLE, "U0ADA")
        world.asked = await world.slack.say("ada", "dev", f"<@U0BOT> {LINE}", files=[file])
    else:
        upload, words = Upload("a.csv", TABLE, "text/csv"), f"<@{world.discord.me}> {LINE}"
        world.asked = await world.discord.say("ada", "dev", words, attachments=[upload])


def offered(pages: list[Page]) -> bool:
    return len(pages) == 1 and "Start asks them all" in pages[0].text


def answered(pages: list[Page]) -> bool:
    """The preview, how it ended, and each file once."""
    marks = "".join(page.mark for page in pages)
    return sum(DONE in page.text for page in pages) == 1 and (
        marks.count("batch-1.csv"),
        marks.count("batch-1.jsonl"),
        marks.count(ROWS),
    ) == (1, 1, 1)


async def start(world: World) -> None:
    for page, _ in find_buttons(world, "Start"):
        await use_button(world, page, "Start")


def made_once(world: World) -> str:
    """What is wrong with what was made and paid: one batch, and each of its rows once."""
    paid = sum(one.batch for one in world.claude.billed)
    made = world.claude.batches.created
    return "" if (made, paid) in {(1, 4), (0, 0)} else f"misused {made} {paid}"


async def compare(world: SlackWorld) -> None:
    """Have what was asked before compared, in the same thread."""
    line = "!persona compare now translator last=1 batch=yes"
    await world.slack.say("ada", "dev", f"<@U0BOT> {line}", world.asked)


def compared(pages: list[Page]) -> bool:
    """The question that was answered before, and its comparison with its file, each once."""
    heads = sum("The last question of this channel" in page.text for page in pages)
    return (heads, "".join(page.mark for page in pages).count("comparison.md")) == (1, 1)


def asked_in_one(world: World) -> str:
    """What is wrong with what was made and paid: one batch, and each of its two requests once."""
    paid = sum(one.batch for one in world.claude.billed)
    made = world.claude.batches.created
    return "" if (made, paid) in {(1, 2), (0, 0)} else f"misused {made} {paid}"


TASK = Kind(
    "slack task in a batch",
    slack_world,
    compare,
    compared,
    before=(mention("question"), says(SHORT)),
    fault=asked_in_one,
)
"""In Discord what it costs is another each time, for the ids of people are longer or shorter there."""


def build_kind(name: str, world: Callable[[], Any]) -> Kind:
    return Kind(
        name,
        world,
        start,
        answered,
        say,
        before=(offer, offered),
        attend=watch,
        fault=made_once,
    )


def build_offer(name: str, world: Callable[[], Any], *, repeated: bool) -> Kind:
    return Kind(name, world, offer, offered, say, abreast=3, rows=4, repeated=repeated)


OFFERS = [
    build_offer("slack batch offered", slack_world, repeated=True),
    build_offer("discord batch offered", discord_world, repeated=False),
]

BATCH_KINDS = [build_kind("slack batch", slack_world), build_kind("discord batch", discord_world)]
