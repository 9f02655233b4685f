"""Notes of a channel in Slack, end to end: given by commands, told to Claude there alone, and proposed with a button.

Tests core.commands.memory.notes, core.tools.notes, bots.slack.publisher.
"""

import asyncio

from core.domain.personas import Place
from core.tools.notes import NoteTools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer
from tests.fakes.slack.nouns import BOT
from tests.support.slack_house import at_home
from tests.support.tool_shed import call, use
from tests.support.waiting import PATIENCE

APRIL = "Our fiscal year begins in April."


async def give(home, line: str, user: str = "ada", channel: str = "dev") -> str:
    """Give a slash command; what was answered, to its giver alone or in the channel."""
    before = len(home.slack.visible(channel, user))
    await home.slack.acked(await home.slack.command(user, channel, "/confab", line))
    await home.slack.until(lambda: len(home.slack.visible(channel, user)) > before)
    await home.rest()
    return home.slack.visible(channel, user)[-1].text


def list_systems(home) -> list[str]:
    """The whole system prompt of each request."""
    asked = [one.body for one in home.claude.requests if one.path == "/v1/messages"]
    return ["\n".join(block["text"] for block in body["system"]) for body in asked]


async def test_a_note_is_given_listed_and_removed_and_told_to_claude_in_its_channel_alone():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="Yes.")
        added = await give(home, f"note add {APRIL}")
        listed = await give(home, "note list", "bob")
        refused = await give(home, "note remove 1", "bob")
        await home.slack.say("bob", "dev", f"<@{BOT}> when does it begin?")
        await home.answered(1)
        await home.slack.say("ada", "D0ADA", "and here?")
        await home.answered(2)
        removed = await give(home, "note remove 1")

        assert added.startswith("Note 1 is what Claude is told here from its next answer on. Noted by Ada.")
        assert f"`1` {APRIL}" in listed
        assert refused == "Only those who manage this channel can use `note remove`."
        assert [APRIL in system for system in list_systems(home)] == [True, False]
        assert removed.startswith("Claude is not told note 1 any more. Removed by Ada.")


async def test_what_claude_proposes_is_kept_once_somebody_who_manages_the_channel_presses_allow():
    tools = ToolRegistry([NoteTools()], ["notes"], ["notes"])
    async with at_home(rules={"tools": tools}) as home:
        home.claude.script(call(use("propose_note", text=APRIL), text="I'll remember."), Answer(text="Noted."))
        root = await home.slack.say("ada", "dev", f"<@{BOT}> remember when our year begins")
        async with asyncio.timeout(PATIENCE):
            while await home.store.questions.count_parked() != 1:
                await asyncio.sleep(0.005)
        await home.rest()
        page = home.ours("dev", root)[-1].ts
        asked, buttons = home.texts("dev", root)[-1], home.slack.buttons("dev", page)
        before = await home.store.channel_notes.history(Place("slack:T024", "C0DEV"))
        await home.slack.acked(await home.slack.press("ada", "dev", page, "Allow once"))
        await home.answered(2)
        listed = await give(home, "note list")

        assert APRIL in asked
        assert (buttons, before.changes) == (["Allow once", "Deny"], ())
        assert home.texts("dev", root) == ["I'll remember.\n\nNoted."]
        assert f"`1` {APRIL} *(Ada, " in listed
