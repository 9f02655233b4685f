"""README's pictures: real conversations over the fakes, drawn as they look in Slack and Discord.

`python -m tests.support.pictures` runs them and writes docs/*.svg anew.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.server import DiscordFake
from tests.fakes.slack.nouns import BOT
from tests.support.discord_house import confab, settled
from tests.support.picture_svg import THEMES, draw_conversation
from tests.support.slack_house import at_home

DOCS = Path(__file__).parents[2] / "docs"
NAMES = {"U0ADA": "Ada", "U0BOB": "Bob", "U0CY": "Cy", BOT: "Confab"}

BUILD = (
    "Three things, the cheapest first:\n\n"
    "1. **Run the tests side by side.** `pytest -n auto` often halves the time.\n"
    "2. **Find the slow ones.** A few tests usually take most of it:\n\n"
    "```sh\npytest --durations=20\n```\n\n"
    "3. **Cache what you install**, keyed by the lock file."
)
SCHEMA = (
    "Then give each worker a schema of its own, Bob: the variable `PYTEST_XDIST_WORKER` names the worker. "
    "Ada's build keeps the gain, and your tests stay as they are."
)
PRICING = (
    "You are closer than it looks:\n\n"
    "| who | wants to charge | because |\n| --- | --- | --- |\n"
    "| Bob | for each seat | customers expect it |\n| Cy | for what is used | our costs follow it |\n\n"
    "A price for each seat **with a fair limit of use** would give both of you most of that."
)


@dataclass(frozen=True, slots=True)
class Said:
    """A message as it was posted: who said it, and its text in the platform's Markdown."""

    author: str
    text: str

    @property
    def ours(self) -> bool:
        return self.author == "Confab"


async def talk_in_slack() -> list[Said]:
    """Ask about a build in a thread, and go on without a mention; what Slack then has."""
    async with at_home() as home:
        home.claude.script(Answer(text=BUILD))
        question = f"<@{BOT}> our build takes 41 minutes, nearly all of it tests. Where would you start?"
        root = await home.slack.say("ada", "dev", question)
        await home.answered()
        home.claude.script(Answer(text=SCHEMA))
        await home.slack.say("bob", "dev", "The database tests can't run side by side: they share one schema.", root)
        await home.answered(2)
        return [Said(NAMES[one.user], _name_people(one.text, NAMES)) for one in home.slack.thread("dev", root)]


async def talk_in_discord() -> list[Said]:
    """Ask in a thread of several people; what Discord then has."""
    store = await open_store("sqlite://")
    try:
        async with DiscordFake() as guild, ClaudeFake() as claude, confab(guild, claude, store) as process:
            claude.script(Answer(text=PRICING))
            start = await guild.say("bob", "general", "I'd charge for each seat. It's what customers expect.")
            thread = await guild.start_thread(start, "Pricing", "bob")
            await guild.say("cy", thread, "For what they use! That's how our own costs grow.")
            await guild.say("ada", thread, f"<@{guild.me}> where do the two agree?")
            await settled(guild, process)
            shown = [*guild.visible("general")[:1], *(one for one in guild.visible(thread) if one.content)]
            return [Said(one.author.capitalize(), _name_people(one.content, {guild.me: "Confab"})) for one in shown]
    finally:
        await store.shut()


def _name_people(text: str, names: dict[str, str]) -> str:
    """Mentions as people see them."""
    return re.sub(r"<@(\w+)>", lambda found: f"@{names[found[1]]}", text)


async def draw_pictures() -> dict[str, str]:
    """Each picture by its file's name."""
    talks = {"slack": ("# dev", await talk_in_slack()), "discord": ("# general, Pricing", await talk_in_discord())}
    return {
        f"{platform}-{name}.svg": draw_conversation(title, [(one.author, one.text) for one in talk], theme)
        for platform, (title, talk) in talks.items()
        for name, theme in THEMES[platform].items()
    }


def write_pictures() -> None:
    for name, svg in asyncio.run(draw_pictures()).items():
        (DOCS / name).write_text(svg)


if __name__ == "__main__":
    write_pictures()
