"""Commands that Claude answers on Discord, end to end: a channel is read as far as who asks may read it.

Tests bots.discord.history, bots.discord.surface, bots.discord.slash.
"""

import json
import re

from core.commands import TABLE
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import answered, idle, settled, told
from tests.support.waiting import until

LIST = "/channels/81382/messages"


async def give(guild, running, command: str, options=None, user: str = "ada", channel: str = "general"):
    return await answered(running, await guild.interact(user, channel, command, options or {}))


async def test_the_last_messages_of_a_channel_are_summarized_to_who_asked_alone_with_permalinks(guild, running, claude):
    claude.answer = lambda _body: Answer(text="Friday it is [#2].")
    await guild.say("bob", "general", "When do we ship?")
    decided = await guild.say("zoe", "general", "On Friday.")
    await settled(guild, running)

    shown = await give(guild, running, "summarize", {"last": 2})

    assert f"[#2](https://discord.com/channels/8138/81382/{decided})" in shown.replace("<", "").replace(">", "")
    assert re.findall(r"\w+: (.*)", told(claude)[-1][-1][1]) == ["When do we ship?", "On Friday."]
    assert [one for one in guild.visible("general") if one.author == "confab"] == []
    assert guild.refusals == []


async def test_a_thread_is_summarized_in_itself(guild, running, claude):
    await guild.say("bob", "general", "Outside.")
    thread = await guild.start_thread("general", "Plans", "bob")
    await guild.say("bob", thread, "Inside.")
    await settled(guild, running)

    await give(guild, running, "summarize", channel=thread)

    assert re.findall(r"\w+: (.*)", told(claude)[-1][-1][1])[-1] == "Inside."
    assert "Outside." not in told(claude)[-1][-1][1]


async def test_who_may_not_read_a_channels_history_has_none_of_it_read(guild, running, claude):
    await guild.say("zoe", "general", "A secret.")
    guild.permit("bob", "general", deny=Permission.READ_MESSAGE_HISTORY)
    await settled(guild, running)

    shown = await give(guild, running, "summarize", {"last": 5}, user="bob")

    assert "You may not read the history of this channel" in shown
    assert told(claude) == []


async def test_a_thousand_messages_are_read_in_ten_requests(guild, running, claude):
    claude.answer = lambda _body: Answer(text="Many.")
    for number in range(1_050):
        await guild.say("bob", "general", f"message {number}")
    await settled(guild, running)
    before = sum(call.method == "GET" and call.path.endswith(LIST) for call in guild.calls)

    await give(guild, running, "summarize", {"last": 1000})

    assert told(claude)[-1][-1][1].count("Bob: message ") == 1_000
    assert sum(call.method == "GET" and call.path.endswith(LIST) for call in guild.calls) - before <= 11
    assert guild.refusals == []


async def test_a_message_is_translated_by_a_reply_to_it(guild, running, claude):
    claude.answer = lambda _body: Answer(text="Good morning")
    message = await guild.say("bob", "general", "Guten Morgen")
    await guild.say("bob", "general", "Something else.")
    await guild.say("ada", "general", f"<@{guild.me}> !translate to=English", message)
    await settled(guild, running)
    await idle(running)

    (asked,) = told(claude)
    assert asked[-1][1].endswith("Bob: Guten Morgen")


async def test_a_table_has_its_files_at_once(guild, running, claude):
    found = json.dumps({"messages": [{"message": 1, "category": "bug"}]})
    claude.answer = lambda _body: Answer(text=found)
    await guild.say("bob", "general", "It crashes.")
    await settled(guild, running)

    await give(guild, running, "classify", {"categories": "bug, praise", "last": 1})

    assert sorted(file.upload.name for file in guild.world.files.values()) == ["categories.png", "messages.csv"]


def test_no_more_commands_hang_in_a_messages_menu_than_discord_takes():
    assert len([row for row in TABLE if row.action and not row.takes_files]) <= 5


async def test_a_command_that_runs_is_stopped_by_the_button_below_what_it_is_at(guild, running, claude):
    gate, found = (
        Gate(after=1),
        json.dumps({"messages": [{"message": one, "category": "bug"} for one in range(1, 101)]}),
    )
    for number in range(110):
        await guild.say("bob", "general", f"It crashes {number}.")
    claude.script(Answer(text=found), Answer(text="{}", gate=gate))
    asked = await guild.interact("ada", "general", "classify", {"categories": "bug, praise", "last": 110})
    await until(gate.reached.is_set)
    await until(lambda: "Stop" in json.dumps(guild.world.posts[asked.original].components))
    await guild.press("ada", asked.original, "Stop")
    await settled(guild, running)
    await idle(running)

    shown = guild.world.posts[asked.original]
    assert "I stopped after message 100 of 110: I was asked to." in shown.content
    assert "All of it cost $0." in shown.content
    assert sorted(file.upload.name for file in guild.world.files.values()) == ["categories.png", "messages.csv"]


async def test_who_does_not_see_a_thread_any_more_has_none_of_it_read(guild, running, claude):
    thread = await guild.start_thread("general", "Plans", "zoe")
    await guild.say("zoe", thread, f"<@{guild.me}> What is the secret?")
    await settled(guild, running)
    await idle(running)
    guild.permit("bob", "general", deny=Permission.VIEW_CHANNEL)
    before = len(told(claude))

    shown = await give(guild, running, "summarize", channel=thread, user="bob")

    assert "You may not read the history of this channel" in shown
    assert len(told(claude)) == before
