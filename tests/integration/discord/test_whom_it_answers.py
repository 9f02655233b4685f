"""For whom a message is on Discord, and what an edit asks: the real library, SDK and store, over loopback.

Tests bots.discord.parse, core.answering.policy, core.store.rules.ingest.
"""

import json

import pytest

from core.domain.controls import Control
from core.domain.events import Pressed
from tests.fakes.claude.script import Answer, Gate
from tests.support.discord_house import confab, idle, settled, told

ADA = "7001"


def ours(guild, channel: str) -> list[str]:
    return [one.content for one in guild.visible(channel) if one.author == "confab"]


@pytest.mark.parametrize(
    "text",
    ["how do I write `<@{me}>`?", "```\n<@{me}> hello\n```", "``<@{me}> ` ``", "<@&813802> look", "@here look"],
    ids=["a span", "a fence", "a span of two", "a role", "here"],
)
async def test_what_is_not_for_us_in_a_channel_is_not_answered(guild, claude, running, text):
    await guild.say("ada", "general", text.format(me=guild.me))
    await settled(guild, running)

    assert ours(guild, "general") == []


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("<@&813802> what do you think?", 1),
        ("@here what do you think?", 1),
        ("@everyone and you?", 1),
        ("<@7002> and you?", 1),
        ("what does `@here` do?", 2),
        ("what is `<@7002>`?", 2),
        ("<@{me}> ask <@7002> and @here", 2),
    ],
)
async def test_a_follow_up_that_calls_others_is_theirs(guild, claude, running, text, answers):
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> hello")
    await settled(guild, running)
    await guild.say("ada", thread, text.format(me=guild.me))
    await settled(guild, running)

    assert len(ours(guild, thread)) == answers


@pytest.mark.parametrize(("ping", "answers"), [(True, 1), (False, 2)])
async def test_a_reply_in_our_thread_that_pings_somebody_else_is_theirs(guild, claude, running, ping, answers):
    thread = await guild.start_thread("general", "plans", "bob")
    asked = await guild.say("bob", thread, f"<@{guild.me}> hello")
    await settled(guild, running)
    await guild.say("ada", thread, "I agree", asked, ping=ping)
    await settled(guild, running)

    assert len(ours(guild, thread)) == answers


@pytest.mark.parametrize("text", ["help", "!help", "Help!", "HELP?", "!Help."])
async def test_to_call_us_and_say_help_is_help(guild, claude, running, text):
    await guild.say("ada", "general", f"<@{guild.me}> {text}")
    await settled(guild, running)

    (shown,) = ours(guild, "general")
    assert "Commands" in shown
    assert told(claude) == []


@pytest.mark.parametrize("text", ["help me with this", "!important: look", "!!! help is near"])
async def test_other_words_are_words(guild, claude, running, text):
    await guild.say("ada", "general", f"<@{guild.me}> {text}")
    await settled(guild, running)

    assert told(claude) == [[("user", f"Ada: {text}")]]


async def test_a_mention_added_by_an_edit_is_a_question_once(guild, claude, running):
    said = await guild.say("ada", "general", "why is the sky blue?")
    await settled(guild, running)
    await guild.edit(said, f"<@{guild.me}> why is the sky blue?")
    await settled(guild, running)
    await guild.edit(said, f"<@{guild.me}> why is the sky red?")
    await guild.unfurl(said, "https://example.org")
    await settled(guild, running)

    assert ours(guild, "general") == ["fine"]
    assert guild.visible("general")[1].reference == said
    assert told(claude) == [[("user", "Ada: why is the sky blue?")]]


async def test_an_edit_of_what_was_answered_asks_nothing(guild, claude, running):
    said = await guild.say("ada", "general", f"<@{guild.me}> one")
    await settled(guild, running)
    await guild.edit(said, f"<@{guild.me}> two")
    await settled(guild, running)

    assert ours(guild, "general") == ["fine"]


async def test_an_edit_that_takes_the_mention_away_takes_the_question_back(guild, claude, running):
    gate = Gate()
    claude.script(Answer(text="never", gate=gate))
    said = await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    await guild.edit(said, "why?")
    await settled(guild, running)

    assert ours(guild, "general") == []


async def test_an_edit_while_we_were_away_is_found(guild, claude, store):
    async with confab(guild, claude, store) as running:
        said = await guild.say("ada", "general", "why is the sky blue?")
        await settled(guild, running)
    await guild.edit(said, f"<@{guild.me}> why is the sky blue?")
    async with confab(guild, claude, store) as running:
        await guild.until(lambda: ours(guild, "general"))
        await idle(running)

    assert ours(guild, "general") == ["fine"]


async def test_follow_ups_are_answered_only_where_the_channel_wants_that(guild, claude, running):
    await guild.interact("ada", "general", "persona tune", {"follow_ups": "never"})
    await settled(guild, running)
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> hello")
    await settled(guild, running)
    await guild.say("ada", thread, "and then?")
    await settled(guild, running)
    assert ours(guild, thread) == ["fine"]

    await guild.say("bob", thread, f"<@{guild.me}> so?")
    await settled(guild, running)
    assert told(claude)[-1][-1] == ("user", "Ada: and then?\nBob: so?")
    await guild.interact("ada", "general", "persona tune", {"follow_ups": "default"})
    await settled(guild, running)
    await guild.say("ada", thread, "and now?")
    await settled(guild, running)
    assert len(ours(guild, thread)) == 3


async def test_where_a_model_decides_claude_answers_what_is_meant_for_it_and_nothing_else(guild, claude, running):
    def answer(body) -> Answer:
        if "whether Claude should answer it" not in body["system"][0]["text"]:
            return Answer(text="Gladly.")
        return Answer(text=json.dumps({"for_claude": body["messages"][-1]["content"][-1]["text"].endswith("?")}))

    claude.answer = answer
    await guild.interact("ada", "general", "persona tune", {"follow_ups": "smart"})
    await settled(guild, running)
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> hello")
    await settled(guild, running)
    await guild.say("bob", thread, "thanks, Ada")
    await settled(guild, running)
    silent = ours(guild, thread)
    await guild.say("bob", thread, "and then?")
    await settled(guild, running)

    assert (silent, ours(guild, thread)) == (["Gladly."], ["Gladly.", "Gladly."])
    assert len(told(claude)) == 2
    assert len([one for one in claude.requests if one.path == "/v1/messages"]) == 4


@pytest.mark.parametrize(("text", "shown"), [("help", "Commands"), ("!persona show", "No persona is set here")])
async def test_an_edit_that_makes_a_command_of_a_message_is_carried_out_once(guild, claude, running, text, shown):
    said = await guild.say("ada", "general", "hello?")
    await settled(guild, running)
    await guild.edit(said, f"<@{guild.me}> {text}")
    await settled(guild, running)
    await guild.edit(said, f"<@{guild.me}> {text}!")
    await settled(guild, running)

    (answer,) = ours(guild, "general")
    assert shown in answer
    assert told(claude) == []


async def test_a_question_that_an_edit_makes_a_command_is_not_answered_beside_it(guild, claude, running):
    gate = Gate()
    claude.script(Answer(text="never", gate=gate))
    said = await guild.say("ada", "general", f"<@{guild.me}> tell me")
    await gate.reached.wait()
    await guild.edit(said, f"<@{guild.me}> help")
    await settled(guild, running)

    (answer,) = ours(guild, "general")
    assert "Commands" in answer
    assert len(told(claude)) == 1


@pytest.mark.parametrize("waits", [True, False], ids=["when it was taken back", "at once"])
async def test_a_question_that_edits_take_back_and_ask_again_is_answered_once(guild, claude, running, waits):
    gate = Gate()
    claude.script(Answer(text="never", gate=gate))
    said = await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    await guild.edit(said, "why?")
    if waits:
        await settled(guild, running)
    await guild.edit(said, f"<@{guild.me}> why really?")
    await settled(guild, running)
    await guild.edit(said, "never mind")
    await guild.edit(said, f"<@{guild.me}> and why?")
    await settled(guild, running)

    assert ours(guild, "general") == ["fine"]
    assert told(claude)[-1] == [("user", "Ada: why really?")]


async def test_a_stopped_question_is_not_asked_again_by_an_edit(guild, claude, running):
    gate = Gate()
    claude.script(Answer(text="never", gate=gate))
    said = await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    await running.ingest(Pressed("p1", running.heard[-1].key, ADA, Control.STOP))
    await idle(running)
    await guild.edit(said, f"<@{guild.me}> why really?")
    await settled(guild, running)

    assert ours(guild, "general") == []


@pytest.mark.parametrize("text", ["<@7002> what do you think?", "@here what do you think?"])
@pytest.mark.parametrize("before", ["what do you think?", "<@{me}> what do you think?"])
async def test_a_reply_that_an_edit_makes_somebody_elses_is_not_answered(guild, claude, running, before, text):
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> hello")
    await settled(guild, running)
    gate = Gate()
    claude.script(Answer(text="never", gate=gate))
    said = await guild.say("ada", thread, before.format(me=guild.me))
    await gate.reached.wait()
    await guild.edit(said, text)
    await settled(guild, running)

    assert ours(guild, thread) == ["fine"]
    assert len(told(claude)) == 2


@pytest.mark.parametrize(("text", "answers"), [("why?", 0), ("`<@{me}>` why?", 0), ("<@{me}> really?", 1)])
async def test_a_question_that_an_edit_takes_back_while_we_are_away_is_not_answered(
    guild, claude, store, text, answers
):
    gate = Gate()
    claude.script(Answer(text="never", gate=gate))
    async with confab(guild, claude, store) as running:
        said = await guild.say("ada", "general", f"<@{guild.me}> why?")
        await gate.reached.wait()
    await guild.edit(said, text.format(me=guild.me))
    async with confab(guild, claude, store, process="p2") as running:
        await idle(running)

    assert ours(guild, "general") == ["fine"] * answers
    assert len(told(claude)) == 1 + answers
