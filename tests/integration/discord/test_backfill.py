"""What was missed on Discord: found when a new session begins, answered once, oldest first, as far back as wanted.

Tests bots.discord.backfill.
"""

import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bots.delivery.backfill import BackfillProgress
from bots.discord.backfill import BackfillSource
from bots.discord.client import Rest
from bots.discord.shielded_calls import Inflight
from core.domain.events import Deleted, Edited, Missed, MissedRange, Posted
from core.store import backup, open_store
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import error, limited
from tests.fakes.discord.nouns import Permission
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import answered, confab, idle, settled, told
from tests.support.house import at_once
from tests.support.waiting import until

HOUR = 3600.0
LIST = "GET /channels/{channel}/messages"


class Town:
    """A Discord with its own time, and processes of Confab that come and go in it."""

    def __init__(self, guild: DiscordFake, claude, url: str, caplog) -> None:
        self.guild, self.claude, self.url, self._caplog = guild, claude, url, caplog

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.guild.clock(), UTC)

    @asynccontextmanager
    async def process(self, url: str = "", looks: int = 2, rules: dict | None = None, **options):
        """Confab, connected, when it has looked through so many workspaces."""
        store = await open_store(url or self.url, clock=self.now)
        before = self._caplog.text.count("caught up in")
        try:
            async with confab(
                self.guild, self.claude, store, rules={"clock": self.now} | (rules or {}), **options
            ) as running:
                await until(lambda: self._caplog.text.count("caught up in") >= before + looks)
                await idle(running)
                yield running
        finally:
            await store.shut()

    async def lived(self, **options) -> None:
        async with self.process(**options):
            pass

    def answers(self, message: str, channel: str = "general") -> int:
        return len([one for one in self.guild.visible(channel) if one.author == "confab" and one.reference == message])

    async def ask(self, channel: str, text: str, user: str = "ada", **options) -> str:
        return await self.guild.say(user, channel, f"<@{self.guild.me}> {text}", **options)


@pytest.fixture
async def town(guild, claude, tmp_path, caplog):
    caplog.set_level(logging.INFO, "bots.delivery.backfill")
    return Town(guild, claude, f"sqlite:///{tmp_path}/confab.db", caplog)


async def begun(town) -> tuple[str, str, str]:
    """Answer a mention, one in a thread, and a direct message; the answer, the thread, the direct messages."""
    async with town.process(looks=0) as running:
        await town.ask("general", "hello")
        thread = await town.guild.start_thread("dev", "plans", "bob")
        await town.ask(thread, "a plan?", "bob")
        await town.guild.say("ada", "dm", "psst")
        await settled(town.guild, running)
    return town.guild.visible("general")[-1].id, thread, town.guild.world.dm("7001").id


async def test_what_was_asked_while_we_were_away_is_answered_once_and_never_again(town):
    answer, thread, direct = await begun(town)
    mention = await town.ask("general", "in a channel")
    reply = await town.guild.say("bob", "general", "a reply to you", answer, ping=False)
    follow = await town.guild.say("cy", thread, "a follow-up")
    dm = await town.guild.say("ada", "dm", "a direct message")
    fresh = await town.guild.start_thread("dev", "new plans", "bob")
    within = await town.ask(fresh, "in a new thread")
    post = await town.guild.forum_post("bob", "questions", "Installing", f"<@{town.guild.me}> in a forum")
    await town.guild.say("bob", "general", "not to us")
    await town.guild.say("robot", "general", f"<@{town.guild.me}> a bot")
    asked = [
        (mention, "general"),
        (reply, "general"),
        (follow, thread),
        (dm, direct),
        (within, fresh),
        (post, post),
    ]
    await town.lived()
    first = [town.answers(*each) for each in asked]
    await town.lived()
    await town.lived()

    assert first == [town.answers(*each) for each in asked] == [1] * 6
    assert len(told(town.claude)) == 9


async def test_a_session_that_could_not_be_resumed_is_caught_up_without_a_restart(town):
    await begun(town)
    async with town.process() as running:
        before = len(running.heard)
        town.guild.gateway.forget()
        town.guild.gateway.pause()
        asked = await town.ask("general", "anybody?")
        town.guild.gateway.proceed()
        await until(lambda: any(isinstance(one, Posted) and one.id == asked for one in running.heard[before:]))
        await idle(running)

    assert town.answers(asked) == 1


async def test_what_is_taken_back_or_changed_while_we_look_for_it_is_not_told_as_it_was(town):
    await begun(town)
    first = await town.ask("general", "something else", "bob")
    taken_back = await town.ask("general", "never mind", "ada", reply_to=first)
    changed = await town.ask("general", "what is a bog", "cy")
    heard = set()

    def through(ingest):
        async def told(event):
            kept = await ingest(event)
            heard.add(type(event))
            if event.id == first:
                await town.guild.delete(taken_back)
                await town.guild.edit(changed, f"<@{town.guild.me}> what is a bot")
                await until(lambda: {Deleted, Edited} <= heard)
            return kept

        return told

    async with town.process(through=through) as running:
        said = {event.id for event in running.heard if isinstance(event, Posted)}

    assert said & {first, taken_back, changed} == {first, changed}
    assert [town.answers(one) for one in (first, taken_back, changed)] == [1, 0, 1]
    assert not [words for words in map(str, told(town.claude)) if "never mind" in words or "bog" in words]


async def test_a_question_deleted_in_a_gap_is_not_told_with_the_one_that_it_would_have_been_answered_with(town):
    gate = Gate(after=4)
    town.claude.script(Answer(text="a long answer", gate=gate))
    async with town.process(looks=0) as running:
        first = await town.ask("general", "tell me all")
        await gate.reached.wait()
        second = await town.ask("general", "and briefly", reply_to=first)
        third = await town.ask("general", "never mind", reply_to=second)
        await until(lambda: third in {event.id for event in running.heard})
        town.guild.gateway.forget()
        town.guild.gateway.pause()
        await town.guild.delete(third)
        gaps = sum(isinstance(event, Missed) for event in running.heard)
        town.guild.gateway.proceed()
        await until(lambda: sum(isinstance(event, Missed) for event in running.heard) > gaps)
        gate.opened.set()
        await idle(running)

    assert [town.answers(one) for one in (first, second, third)] == [1, 1, 0]
    assert "never mind" not in str(told(town.claude))


async def test_what_is_older_than_we_catch_up_is_left(town):
    await begun(town)
    old = await town.ask("general", "before dinner")
    town.guild.clock.forward(2 * HOUR)
    new = await town.ask("general", "after dinner")
    await town.lived()

    assert (town.answers(old), town.answers(new)) == (0, 1)


async def test_switched_off_nothing_is_looked_for(town):
    await begun(town)
    asked = await town.ask("general", "anybody?")
    listed = len(town.guild.calls)
    async with town.process(looks=0, rules={"catch_up": timedelta()}) as running:
        await settled(town.guild, running)

    assert town.answers(asked) == 0
    assert [call.path for call in town.guild.calls[listed:] if call.method == "GET" and "messages" in call.path] == []


async def test_with_an_older_copy_of_our_database_what_has_our_answer_is_not_answered_again(town, tmp_path):
    await begun(town)
    async with town.process() as running:
        await answered(running, await town.guild.interact("ada", "dev", "persona tune", {"answers": "thread"}))
    backup(town.url, f"{tmp_path}/copy.db")
    async with town.process() as running:
        asked = await town.ask("general", "hello again")
        opened = await town.ask("dev", "a thread, please")
        await settled(town.guild, running)
    before = len(told(town.claude))
    await town.lived(url=f"sqlite:///{tmp_path}/copy.db")

    assert town.answers(asked) == 1
    assert [one.author for one in town.guild.visible(opened)[1:]] == ["confab"]
    assert len(told(town.claude)) == before


@pytest.mark.parametrize("trouble", [error(503), limited(0.01)], ids=["503", "429"])
async def test_a_discord_in_trouble_is_waited_for(town, trouble):
    await begun(town)
    asked = await town.ask("general", "anybody?")
    town.guild.fault(LIST, trouble, 3)
    await town.lived()

    assert town.answers(asked) == 1


async def test_where_we_may_not_read_nothing_is_found_and_elsewhere_it_is(town):
    await begun(town)
    town.guild.permit("confab", "dev", deny=Permission.READ_MESSAGE_HISTORY)
    hidden = await town.ask("dev", "anybody?")
    asked = await town.ask("general", "anybody?")
    before = len(town.guild.calls)
    await town.lived()

    assert (town.answers(hidden, "dev"), town.answers(asked)) == (0, 1)
    assert not [call for call in town.guild.calls[before:] if call.method == "GET" and "/81383/messages" in call.path]


async def test_where_nothing_was_said_nothing_is_asked_for(town):
    _, _, direct = await begun(town)
    town.guild.clock.forward(HOUR)
    await town.guild.say("bob", "general", "not to us")
    before = len(town.guild.calls)
    await town.lived()

    listed = [call.path for call in town.guild.calls[before:] if call.method == "GET" and "messages" in call.path]
    assert sorted(listed) == sorted(["/channels/81382/messages", f"/channels/{direct}/messages"])


async def test_a_long_absence_is_read_whole_and_told_oldest_first(town, store):
    asked = [await town.ask("general", f"{number}") for number in range(3)]
    for number in range(120):
        await town.guild.say("bob", "general", f"chatter {number}")
    asked += [await town.ask(channel, "late") for channel in ("dev", "general")]

    async with confab(town.guild, town.claude, store) as running:
        client = running.discord._connected
        search = BackfillSource(
            Rest(lambda: client.http, Inflight(town.guild.api_url)), lambda: client, at_once, running.discord._admission
        )
        missed = MissedRange("discord:8138", town.now() - timedelta(hours=1))
        found = await search.fetch_missed(missed, BackfillProgress(missed))

    assert [event.id for event in found] == asked


async def test_a_server_that_comes_late_is_waited_for(town, store):
    asked = await town.ask("general", "anybody?")
    async with confab(town.guild, town.claude, store) as running:
        client = running.discord._connected
        await client.wait_until_ready()
        house = client.get_guild(8138)
        client._connection._add_guild_from_data({"id": "8138", "unavailable": True})

        async def comes(seconds: float) -> None:
            client._connection._add_guild(house)

        search = BackfillSource(
            Rest(lambda: client.http, Inflight(town.guild.api_url)), lambda: client, comes, running.discord._admission
        )
        missed = MissedRange("discord:8138", town.now() - timedelta(hours=1))
        found = await search.fetch_missed(missed, BackfillProgress(missed))

    assert [event.id for event in found] == [asked]


async def test_a_channel_that_is_not_known_or_can_not_be_read_is_one_warning_in_a_process(town, store, caplog):
    caplog.set_level("DEBUG", "bots.discord")
    await town.ask("general", "anybody?")
    async with confab(town.guild, town.claude, store) as running:
        client, places = running.discord._connected, running.discord._intake._places
        await client.wait_until_ready()
        search = BackfillSource(
            Rest(lambda: client.http, Inflight(town.guild.api_url)), lambda: client, at_once, running.discord._admission
        )
        await idle(running)
        caplog.clear()
        missed = MissedRange("discord:8138", town.now() - timedelta(hours=1))
        for _ in range(3):
            await places.find("8138", "404")
            town.guild.fault(LIST, error(403), 1)
            await search.fetch_missed(missed, BackfillProgress(missed))

    told = [(one.levelname, one.getMessage().partition(" is not ")[0]) for one in caplog.records]
    told = [one for one in told if one[1].startswith(("channel 404", "what was missed"))]
    assert told == [
        (level, said) for level in ("WARNING", "DEBUG", "DEBUG") for said in ("channel 404", "what was missed in 81382")
    ]
