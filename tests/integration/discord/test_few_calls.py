"""What has to be asked of Discord before Claude is asked: nothing for a mention that begins its conversation.

Tests bots.discord.history, bots.discord.directory, bots.discord.surface.
"""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from tests.fakes.claude.script import Answer, Gate
from tests.support.discord_house import confab, settled, told
from tests.support.waiting import until


def reads(guild, since: int = 0) -> list[str]:
    """What was read of Discord: the last part of each path."""
    return [
        one.path.rpartition("/")[2] for one in guild.calls[since:] if one.method == "GET" and "/channels/" in one.path
    ]


def lookups(guild) -> list[str]:
    return [one.path for one in guild.calls if "/members/" in one.path or one.path.startswith("/users/7")]


async def test_a_mention_that_replies_to_nothing_reads_nothing(guild, claude, running):
    await guild.say("bob", "general", f"<@{guild.me}> good morning")
    await settled(guild, running)
    before = len(guild.calls)
    await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue? <@7002>")
    await settled(guild, running)

    assert told(claude)[1] == [("user", "Ada: why is the sky blue? @Bob")]
    assert reads(guild, before) == []
    assert lookups(guild) == []


async def test_what_follows_a_mention_is_told_though_nothing_was_read(guild, claude, running):
    await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
    await settled(guild, running)
    answer = guild.visible("general")[-1].id
    await guild.say("bob", "general", "and at night?", reply_to=answer)
    await settled(guild, running)

    assert told(claude)[1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Bob: and at night?"),
    ]


async def test_a_mention_whose_event_was_missed_is_read(guild, claude, store):
    async with confab(guild, claude, store) as running:
        await guild.say("bob", "general", "Good morning")
        await settled(guild, running)
    await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
    async with confab(guild, claude, store) as running:
        await guild.until(lambda: claude.requests)
        await settled(guild, running)

    assert told(claude)[0] == [("user", "Ada: why is the sky blue?")]
    assert "messages" in reads(guild)


async def test_a_thread_that_was_never_seen_costs_one_call(guild, claude, store):
    named = replace(guild.world.guilds["8138"], nicknames=(("7001", "Countess"),))
    start = await guild.say("bob", "general", "the plan is this")
    thread = await guild.start_thread(start, "plans", "bob")
    await guild.say("cy", thread, "a good plan, <@7004>")
    async with confab(guild, claude, store) as running:
        guild.world.guilds["8138"] = named
        await settled(guild, running)
        before = len(guild.calls)
        await guild.say("ada", thread, f"<@{guild.me}> is it?")
        await settled(guild, running)

    assert told(claude) == [[("user", "Bob: the plan is this\nCy: a good plan, @Dee\nCountess: is it?")]]
    assert (reads(guild, before), lookups(guild)) == (["messages"], [])


async def test_a_thread_on_a_message_that_is_deleted_costs_one_call_too(guild, claude, running):
    start = await guild.say("bob", "general", "the plan is this")
    thread = await guild.start_thread(start, "plans", "bob")
    await guild.delete(start)
    await guild.say("cy", thread, "a good plan")
    before = len(guild.calls)
    await guild.say("ada", thread, f"<@{guild.me}> is it?")
    await settled(guild, running)

    assert told(claude) == [[("user", "Cy: a good plan\nAda: is it?")]]
    assert (reads(guild, before), lookups(guild)) == (["messages"], [])


class Watched:
    """A protocol of the store that counts its calls; `waits` names one that waits until another has begun."""

    def __init__(self, within, begun: dict[str, asyncio.Event], calls: Counter[str], waits: str = "") -> None:
        self._within, self._begun, self._calls, self._waits = within, begun, calls, waits

    def __getattr__(self, name):
        async def call(*given, **named):
            self._calls[name] += 1
            if name in self._begun:
                self._begun[name].set()
            if name == self._waits:
                await asyncio.gather(*(event.wait() for event in self._begun.values()))
            return await getattr(self._within, name)(*given, **named)

        return call


async def test_a_thread_that_was_never_seen_is_read_once_again_and_its_names_are_kept_while_the_zone_is_found(
    guild, claude, store
):
    begun, calls = {"remember_names": asyncio.Event()}, Counter[str]()
    threads, questions = Watched(store.threads, begun, calls, "remember_zone"), Watched(store.questions, {}, calls)
    start = await guild.say("bob", "general", "the plan is this")
    thread = await guild.start_thread(start, "plans", "bob")
    async with confab(guild, claude, replace(store, threads=threads, questions=questions)) as running:
        await guild.say("ada", thread, f"<@{guild.me}> is it?")
        await settled(guild, running)

    assert told(claude) == [[("user", "Bob: the plan is this\nAda: is it?")]]
    assert (calls["open"], calls["refresh"], calls["thread"], calls["join_waiting"]) == (1, 1, 0, 0)


def list_before(guild, since: int, what: str) -> list[str]:
    """The calls since then up to the first of a kind, that one too."""
    named = [f"{one.method} {one.path.rpartition('/')[2]}" for one in guild.calls[since:]]
    return named[: named.index(what) + 1]


class Held:
    """Claude's answer is held until it is asked, so it is known what of Discord's came before; `seen` counts calls."""

    def __init__(self, guild, claude) -> None:
        self.seen: list[int] = []
        self.gate = Gate(after=4)
        claude.answer = lambda _body: Answer(text="one two three", chunk=4, gate=self.gate)
        claude.on_request(self._note(guild, claude))

    def _note(self, guild, claude):
        async def note(index: int) -> None:
            if claude.requests[index].path == "/v1/messages":
                self.seen.append(len(guild.calls))

        return note


@pytest.mark.parametrize(("place", "reading"), [("a channel", []), ("a thread never seen", ["GET messages"])])
async def test_the_calls_in_series_up_to_the_request_and_from_there_to_the_first_text_are_counted(
    guild, claude, running, place, reading
):
    channel = "general"
    if place != "a channel":
        channel = await guild.start_thread(await guild.say("bob", "general", "the plan is this"), "plans", "bob")
        await guild.say("cy", channel, "a good plan")
    await settled(guild, running)
    held, before = Held(guild, claude), len(guild.calls)
    await guild.say("ada", channel, f"<@{guild.me}> is it?")
    await held.gate.reached.wait()
    await until(lambda: [one for one in guild.visible(channel) if one.author == "confab"])
    held.gate.opened.set()
    await settled(guild, running)

    asked = [f"{one.method} {one.path.rpartition('/')[2]}" for one in guild.calls[before : held.seen[0]]]
    shown = list_before(guild, held.seen[0], "POST messages")
    assert [one for one in asked if one != "POST typing"] == reading
    assert [one for one in shown if one != "POST typing"] == ["POST messages"]  # typing goes beside it
