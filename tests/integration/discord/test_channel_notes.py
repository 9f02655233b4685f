"""Notes of a channel on Discord, end to end: given by commands, told to Claude there alone, and proposed with a button.

Tests core.commands.memory.notes, core.tools.notes, bots.discord.publisher.
"""

import asyncio

from core.tools.notes import NoteTools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer
from tests.support.discord_house import answered, confab, idle, settled
from tests.support.tool_shed import call, use
from tests.support.waiting import PATIENCE

APRIL = "Our fiscal year begins in April."


async def give(guild, running, command: str, options=None, user: str = "ada", channel: str = "general"):
    return await answered(running, await guild.interact(user, channel, command, options or {}))


def list_systems(claude) -> list[str]:
    """The whole system prompt of each request."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return ["\n".join(block["text"] for block in body["system"]) for body in asked]


async def test_a_note_is_given_listed_and_removed_and_told_to_claude_in_its_channel_alone(guild, running, claude):
    claude.answer = lambda _body: Answer(text="Yes.")
    added = await give(guild, running, "note add", {"text": APRIL})
    listed = await give(guild, running, "note list", user="bob")
    refused = await give(guild, running, "note remove", {"number": 1}, user="bob")
    await guild.say("bob", "general", f"<@{guild.me}> when does it begin?")
    await settled(guild, running)
    await guild.say("ada", "dm", "and here?")
    await settled(guild, running)
    removed = await give(guild, running, "note remove", {"number": 1})

    assert "Note 1 is what Claude is told here from its next answer on. Noted by Ada." in added
    assert f"`1` {APRIL}" in listed
    assert "Only those who manage this channel can use `note remove`." in refused
    assert [APRIL in system for system in list_systems(claude)] == [True, False]
    assert "Claude is not told note 1 any more. Removed by Ada." in removed


async def test_what_claude_proposes_is_kept_once_somebody_who_manages_the_channel_presses_allow(guild, claude, store):
    tools = ToolRegistry([NoteTools()], ["notes"], ["notes"])
    async with confab(guild, claude, store, rules={"tools": tools}) as running:
        claude.script(call(use("propose_note", text=APRIL), text="I'll remember."), Answer(text="Noted."))
        await guild.say("ada", "general", f"<@{guild.me}> remember when our year begins")
        async with asyncio.timeout(PATIENCE):
            while await store.questions.count_parked() != 1:
                await asyncio.sleep(0.005)
        await idle(running)
        page = [one for one in guild.visible("general") if one.author == "confab"][-1]
        before = await give(guild, running, "note list")
        await guild.press("ada", page.id, "Allow once")
        await settled(guild, running)
        listed = await give(guild, running, "note list")

    assert (page.buttons, APRIL in page.content) == (("Allow once", "Deny"), True)
    assert "This channel has no notes." in before
    assert f"`1` {APRIL}" in listed
    assert [one.content for one in guild.visible("general") if one.id == page.id] == ["I'll remember.\n\nNoted."]


async def test_in_a_private_thread_notes_are_told_and_none_is_added(guild, claude, store):
    tools = ToolRegistry([NoteTools()], ["notes"], ["notes"])
    async with confab(guild, claude, store, rules={"tools": tools}) as running:
        claude.answer = lambda _body: Answer(text="Yes.")
        private = await guild.start_thread("general", "Secret", user="ada", invited=["confab", "cy"])
        public = await guild.start_thread("general", "Open", user="ada")
        refused = await give(guild, running, "note add", {"text": "Zoe goes in May."}, channel=private)
        added = await give(guild, running, "note add", {"text": APRIL}, channel=public)
        listed = await give(guild, running, "note list", channel=private)
        await guild.say("ada", private, f"<@{guild.me}> remember that Zoe goes in May")
        await settled(guild, running)
        asked = claude.requests[-1].body

    assert "this is a private thread of it, so none can be added here" in refused
    assert "Note 1 is what Claude is told here" in added
    assert APRIL in listed
    assert ("tools" in asked, APRIL in list_systems(claude)[-1]) == (False, True)
