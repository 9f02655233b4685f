"""What Claude is told on Discord beside what people say: what is not drawn, whom a name notifies, and the time.

Tests bots.discord.formatting and bots.discord.surface.
"""

import re
from dataclasses import replace

import pytest

from core.domain.events import Posted
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.world import Event, Intent
from tests.support.discord_house import confab, settled, told
from tests.support.waiting import until


async def test_claude_is_told_what_discord_draws_and_that_a_name_notifies_nobody(guild, claude, running):
    await guild.say("ada", "general", f"<@{guild.me}> hello")
    await settled(guild, running)

    body = claude.requests[-1].body
    system = body["system"][0]["text"]
    assert "Discord" in system
    assert all(word in system for word in ("tables", "rules", "task lists", "pictures", "headings", "LaTeX"))
    assert "@name in your answer notifies nobody" in system
    assert "Slack" not in system
    assert re.match(r"\[\w+day, .*, UTC\]\nAda: hello", body["messages"][0]["content"][0]["text"])


@pytest.mark.parametrize("shown", ["Claude", "Confab", "Helper"])
@pytest.mark.parametrize("where", ["general", "dm"])
async def test_a_person_with_our_name_is_told_apart_from_us(guild, claude, store, shown, where):
    world = guild.world
    world.me = replace(world.me, name=shown)
    world.users |= {world.me.id: world.me, "7001": replace(world.users["7001"], display=shown)}
    async with confab(guild, claude, store) as running:
        await guild.say("ada", where, f"<@{guild.me}> Did <@7001> ask you, <@{guild.me}>?")
        await settled(guild, running)

    assert told(claude)[-1] == [("user", f"{shown} (2): Did @{shown} (2) ask you, @{shown}?")]


async def test_an_update_without_the_words_takes_none_away(guild, claude, running):
    asked = guild.world.posts[await guild.say("ada", "dm", "what is two?")]
    await settled(guild, running)
    author = {"id": "7001", "username": "ada"}
    place = {"id": asked.id, "channel_id": asked.channel, "type": 0, "author": author}
    edited = {**place, "edited_timestamp": "2030-01-01T00:00:00+00:00", "embeds": [{"type": "link", "title": "x"}]}
    guild.world.tell(Event("MESSAGE_UPDATE", edited, None, Intent.DIRECT_MESSAGES))
    await guild.say("ada", "dm", "and three?")
    await settled(guild, running)

    assert told(claude)[-1] == [("user", "Ada: what is two?"), ("assistant", "fine"), ("user", "Ada: and three?")]


async def test_a_paste_that_was_cut_in_two_is_one_question(guild, claude, running):
    gate = Gate(after=0)
    claude.script(Answer(text="never", gate=gate))
    await guild.say("ada", "dm", "a" * 1900)
    await gate.reached.wait()
    await guild.say("ada", "dm", "b" * 900)
    await until(lambda: len(told(claude)) > 1)
    await settled(guild, running)

    direct = next(one.key.channel for one in running.heard if isinstance(one, Posted) and one.key.channel != "marks")
    assert [one.content for one in guild.visible(direct) if one.author == "confab"] == ["fine"]
    assert told(claude)[-1] == [("user", f"Ada: {'a' * 1900}\nAda: {'b' * 900}")]
