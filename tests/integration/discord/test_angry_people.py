"""Angry people on Discord: what they take away, close or press while an answer is being written.

Tests bots.discord.publisher, bots.discord.interactions, core.store.rules.presses.
"""

import asyncio

import pytest

from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import confab, idle, settled, told
from tests.support.waiting import until

WORDS = " ".join(f"word{number:03}" for number in range(60))


@pytest.fixture
async def running(guild, claude, store):
    async with confab(guild, claude, store) as process:
        yield process


def ours(guild, channel: str = "general") -> list:
    return [one for one in guild.visible(channel) if one.author == "confab"]


async def test_fifty_presses_at_once_are_all_answered_and_do_their_work_once(guild, claude, running):
    claude.answer = lambda _body: Answer(text=f"try {len(told(claude))}")
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await settled(guild, running)
    page = ours(guild)[0].id
    people, labels = ("ada", "bob", "cy", "dee", "zoe"), ("Try again", "👍", "👎", "Try again")
    pressed = await asyncio.gather(*(guild.press(people[at % 5], page, labels[at // 5 % 4]) for at in range(50)))
    await until(lambda: all(one.acknowledged for one in pressed))
    await idle(running)
    await settled(guild, running)

    assert guild.failed == []
    (left,) = ours(guild)
    assert left.content == f"try {len(told(claude))}"
    silent = [one for one in pressed if not (one.followups or (one.original != page and one.answer))]
    assert {one.user for one in silent} <= {guild.world.user("ada").id}  # hers are the tries themselves
    assert len(silent) == len(told(claude)) - 1


@pytest.mark.parametrize("gone", ["thread", "forum post", "page", "role"])
async def test_what_is_taken_away_while_an_answer_is_written_holds_up_nobody(guild, claude, running, gone, caplog):
    place = {
        "thread": lambda: guild.start_thread("general", "plans", "bob"),
        "forum post": lambda: guild.forum_post("ada", "questions", "How?", "really"),
    }.get(gone)
    channel = await place() if place else "dev"
    gate = Gate(after=8)
    claude.script(Answer(text=WORDS, chunk=20, gate=gate), Answer(text="fine"))
    await guild.say("ada", channel, f"<@{guild.me}> why?")
    await until(lambda: ours(guild, channel))
    if gone == "page":
        await guild.delete(ours(guild, channel)[0].id)
    elif gone == "role":
        guild.permit("confab", "dev", deny=Permission.VIEW_CHANNEL)
    else:
        guild.world.channels.pop(channel)
    gate.opened.set()
    await idle(running)
    claude.answer = lambda _body: Answer(text="fine")
    await guild.say("bob", "general", f"<@{guild.me}> and here?")
    await settled(guild, running)

    assert [one.content for one in ours(guild)] == ["fine"]
    assert "Traceback" not in caplog.text
    if gone == "role":
        assert WORDS in "\n".join(one.content for one in guild.visible("@ada"))
    if gone == "page":
        assert ours(guild, channel) == []
