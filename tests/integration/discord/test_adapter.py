"""Discord's door: what comes in, what is lost, and what keeps it shut."""

import asyncio
from types import SimpleNamespace

import pytest
from discord.gateway import ReconnectWebSocket

from bots.discord.adapter import Discord
from bots.discord.gateway import SessionResumer
from core.domain.errors import CannotConnect, StoreUnavailable
from core.domain.events import Deleted, Edited, Missed, Posted
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import error
from tests.fakes.discord.nouns import Intent
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import answered, confab, idle, settled, told
from tests.support.waiting import until
from tests.support.wire import Wire

TOKEN = "MTIz.GabcDE.secret-part"


def gaps(running) -> list[Missed]:
    return [event for event in running.heard if isinstance(event, Missed)]


async def test_a_malformed_event_is_logged_and_does_not_end_the_client(guild, claude, running, caplog):
    session = guild.gateway.live[0]
    session.tell("MESSAGE_CREATE", {"channel_id": "81382", "content": "a secret", "author": 5, "guild_id": "8138"})
    session.tell("MESSAGE_UPDATE", {"nothing": True})
    session.tell("MESSAGE_DELETE", {"channel_id": "81382", "guild_id": "8138"})
    session.tell("INTERACTION_CREATE", {"id": "1"})
    session.tell("GUILD_CREATE", {})
    await guild.say("ada", "general", f"<@{guild.me}> still there?")
    await settled(guild, running)

    assert guild.visible("general")[1].content == "fine"
    assert guild.gateway.identified == 1
    for name in ("MESSAGE_CREATE", "MESSAGE_DELETE", "INTERACTION_CREATE", "GUILD_CREATE"):
        assert f"an event {name} can't be read" in caplog.text
    assert "a secret" not in caplog.text


async def test_a_resumed_session_is_no_gap_and_loses_nothing(guild, claude, running):
    gate = Gate(after=3)
    claude.script(Answer(text="the first answer", gate=gate))
    await guild.say("ada", "general", f"<@{guild.me}> one")
    await gate.reached.wait()
    guild.gateway.pause()
    await guild.say("bob", "dev", f"<@{guild.me}> two")
    guild.gateway.proceed()
    gate.opened.set()
    await guild.until(lambda: guild.gateway.resumed == 1)
    await settled(guild, running)

    assert len(gaps(running)) == 1
    assert [one.content for one in guild.visible("general")][1:] == ["the first answer"]
    assert [one.content for one in guild.visible("dev")][1] == "fine"


async def test_a_session_is_resumed_also_when_discord_could_not_be_reached_at_once(guild, claude, store, caplog):
    async with Wire(guild.world.address) as wire:
        guild.lie_at(wire.url)
        async with confab(guild, claude, store) as running:
            await wire.cut()
            await guild.until(lambda: not guild.gateway.live)
            await guild.say("bob", "dev", f"<@{guild.me}> are you there?")
            await until(lambda: caplog.text.count("Attempting a reconnect") == 2)
            await wire.mend()
            await guild.until(lambda: guild.gateway.resumed == 1, 20)
            await settled(guild, running)

            assert len(gaps(running)) == guild.gateway.identified == 1
            assert [one.content for one in guild.visible("dev")][1:] == ["fine"]


async def test_what_is_told_of_our_own_messages_is_stored_in_its_turn_and_holds_up_no_others(guild, claude, store):
    begun, go = [], asyncio.Event()

    def hold_ours(ingest):
        async def hold(event):
            begun.append(event.id)
            if isinstance(event, Posted) and event.message.mine:
                await go.wait()
            return await ingest(event)

        return hold

    async with confab(guild, claude, store, through=hold_ours) as running:
        said = {"type": 0, "guild_id": "8138", "channel_id": "81382", "content": "hello"}
        for name, author in (
            ("14736000000000001", guild.me),
            ("14736000000000002", "7001"),
            ("14736000000000003", "7001"),
        ):
            payload = {**said, "id": name, "author": {"id": author, "username": "somebody"}}
            running.discord._intake.accept("MESSAGE_CREATE", payload)
        await until(lambda: "14736000000000003" in [event.id for event in running.heard])
        assert begun[-3:] == ["14736000000000001", "14736000000000002", "14736000000000003"]
        go.set()
        await until(lambda: "14736000000000001" in [event.id for event in running.heard])


class Trying:
    """A shard that notes how it is to connect."""

    def __init__(self, session: str | None) -> None:
        self.id, self.tries = 0, []
        self.ws = SimpleNamespace(session_id=session)

    async def reidentify(self, how: ReconnectWebSocket) -> None:
        self.tries.append("resume" if how.resume else "identify")

    async def reconnect(self) -> None:
        self.tries.append("anew")


async def test_a_session_is_resumed_for_five_minutes_and_each_has_its_own():
    seconds = iter([0, 100, 399, 401, 500, 600])
    shard = Trying("s1")
    resuming = SessionResumer(shard, clock=lambda: next(seconds))
    shard.ws = SimpleNamespace(session_id="s2")
    for _ in range(2):
        await resuming.reconnect()
    shard.ws = SimpleNamespace(session_id="s3")
    await resuming.reconnect()

    assert shard.tries == ["resume", "anew", "resume"]


async def test_without_a_session_there_is_nothing_to_resume():
    shard = Trying(None)
    await SessionResumer(shard, clock=lambda: 0.0).reconnect()

    assert shard.tries == ["anew"]


async def test_a_new_session_is_a_gap_after_which_threads_are_read_again(guild, claude, running):
    thread = await guild.start_thread("general", "plans", "bob")
    first = await guild.say("bob", thread, "it is red")
    gate = Gate(after=3)
    claude.script(Answer(text="an answer", gate=gate))
    await guild.say("ada", thread, f"<@{guild.me}> which colour?")
    await gate.reached.wait()
    guild.gateway.forget()
    guild.gateway.pause()
    await guild.edit(first, "it is blue")
    await guild.say("cy", thread, "<@7002> I saw it too")
    guild.gateway.proceed()
    await until(lambda: len(gaps(running)) == 2)
    gate.opened.set()
    await settled(guild, running)
    await guild.say("ada", thread, "and now?")
    await settled(guild, running)

    assert told(claude)[1] == [
        ("user", "Bob: it is blue\nAda: which colour?"),
        ("assistant", "an answer"),
        ("user", "Cy: @Bob I saw it too\nAda: and now?"),
    ]
    assert [one.content for one in guild.visible(thread) if one.author == "confab"] == ["an answer", "fine"]


@pytest.mark.parametrize("resumable", [True, False])
async def test_an_invalid_session_begins_anew(guild, claude, running, resumable):
    guild.gateway.invalidate(resumable=resumable)
    await until(lambda: guild.gateway.resumed == 1 if resumable else len(gaps(running)) == 2, 12)
    await guild.say("ada", "general", f"<@{guild.me}> still there?")
    await settled(guild, running)

    assert [one.content for one in guild.visible("general")][1:] == ["fine"]


async def test_every_shard_of_ours_tells_its_servers_gaps(claude, store):
    async with DiscordFake(shards=2) as guild:
        odd = str((1 << 22) + 8139)
        guild.guild(odd, "The other house")
        room = guild.room("hall", odd)
        async with confab(guild, claude, store, shards=(None, None)) as running:
            await until(lambda: len(gaps(running)) == 2)
            await guild.say("ada", room, f"<@{guild.me}> hi")
            await guild.say("ada", "general", f"<@{guild.me}> hi")
            await settled(guild, running)
            await until(lambda: len(guild.visible(room)) == 2)

            assert {gap.workspaces for gap in gaps(running)} == {
                frozenset({"discord:8138", "discord:@me"}),
                frozenset({f"discord:{odd}"}),
            }


async def test_a_shard_of_its_own_hears_only_its_servers(claude, store):
    async with DiscordFake(shards=2) as guild:
        odd = str((1 << 22) + 8139)
        guild.guild(odd, "The other house")
        room = guild.room("hall", odd)
        async with confab(guild, claude, store, shards=((1,), 2)) as running:
            await guild.say("ada", "general", f"<@{guild.me}> hi")
            await guild.say("ada", room, f"<@{guild.me}> hi")
            await until(lambda: len(guild.visible(room)) == 2)
            await idle(running)

            assert len(guild.visible("general")) == 1


async def test_without_the_content_intent_all_that_discord_allows_works(claude, store, caplog):
    async with DiscordFake(privileged=Intent(0)) as guild, confab(guild, claude, store) as running:
        await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
        await settled_without_words(guild, running)
        await guild.say("bob", "general", "and at night?", reply_to=guild.visible("general")[1].id)
        await guild.say("bob", "general", "unseen", reply_to=guild.visible("general")[1].id, ping=False)
        await settled_without_words(guild, running)
        await guild.say("cy", "dm", "psst")
        await settled_without_words(guild, running)
        asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
        await answered(running, asked)

        assert told(claude) == [
            [("user", "Ada: why is the sky blue?")],
            [("user", "Ada: why is the sky blue?"), ("assistant", "fine"), ("user", "Bob: and at night?")],
            [("user", "Cy: psst")],
            [("user", "Ada: why?")],
        ]
        lines = [record.getMessage() for record in caplog.records if "4014" in record.getMessage()]
        assert lines == [
            "Switch on “Message Content Intent” in the developer portal under Bot and restart; until then only"
            " mentions, commands and direct messages are read (4014)."
        ]


async def settled_without_words(guild, running) -> None:
    mark = await guild.say("zoe", "dev", "(a mark)")
    await guild.delete(mark)
    await until(lambda: any(isinstance(event, Deleted) and event.message == mark for event in running.heard))
    await idle(running)


async def test_without_the_content_intent_our_own_copy_of_a_thread_stays(claude, store):
    async with DiscordFake() as guild:
        async with confab(guild, claude, store) as running:
            thread = await guild.start_thread("general", "plans", "bob")
            first = await guild.say("bob", thread, "it is red")
            await guild.say("ada", thread, f"<@{guild.me}> which colour?")
            await settled(guild, running)
        guild.world.privileged = Intent(0)
        async with confab(guild, claude, store, process="p2") as running:
            await guild.edit(first, "it is blue")
            await guild.say("ada", thread, f"<@{guild.me}> and now?")
            await settled_without_words(guild, running)

    assert told(claude)[1] == [
        ("user", "Bob: it is red\nAda: which colour?"),
        ("assistant", "fine"),
        ("user", "Ada: and now?"),
    ]


@pytest.mark.parametrize(
    ("token", "shards", "why"),
    [
        pytest.param("wrong.tok.en", (None, None), "DISCORD_BOT_TOKEN: Discord does not take it.", id="a wrong token"),
        pytest.param(None, ((0,), 1), "DISCORD_SHARD_COUNT: this bot is in too many servers", id="too few shards"),
    ],
)
async def test_what_will_not_mend_itself_is_one_line_for_the_operator(store, token, shards, why):
    from tests.fakes.discord.client import pointed

    async with DiscordFake(shards=2) as guild:
        with pointed(guild):
            chosen = {"api_url": guild.api_url, "gateway_url": guild.gateway_url, "quick": True, "shards": shards}
            platform = Discord(token or guild.token, store.notes, store.installations, **chosen)
            with pytest.raises(CannotConnect, match=why):
                await asyncio.wait_for(platform.run(nobody), 30)
            assert platform.offline == "not connected"
            await platform.close()


async def nobody(event):
    raise AssertionError(event)


async def test_an_answer_under_way_is_ended_after_the_gateway_is_left(guild, claude, running):
    gate = Gate(after=3)
    claude.script(Answer(text="a whole answer", gate=gate))
    await guild.say("ada", "general", f"<@{guild.me}> one")
    await gate.reached.wait()
    assert running.discord.offline == ""
    running.connected.cancel()
    await asyncio.gather(running.connected, return_exceptions=True)
    await guild.until(lambda: not guild.gateway.live)
    assert running.discord.offline == "shards not connected: 0"
    heard = len(running.heard)
    await guild.say("ada", "general", f"<@{guild.me}> two")
    gate.opened.set()
    await idle(running)

    assert [one.content for one in guild.visible("general") if one.author == "confab"] == ["a whole answer"]
    assert len(running.heard) == heard


async def test_a_server_that_is_down_is_tried_again(guild, claude, store, caplog):
    guild.fault("GET /users/@me", error(503))
    async with confab(guild, claude, store) as running:
        await guild.say("ada", "general", f"<@{guild.me}> hi")
        await settled(guild, running)

        assert guild.visible("general")[1].content == "fine"
        assert "the connection to Discord ended (DiscordServerError)" in caplog.text


async def test_a_message_waits_for_a_busy_database(guild, claude, store, caplog):
    failures = [StoreUnavailable("the disk is full")]

    def through(ingest):
        async def told(event):
            if isinstance(event, Posted) and failures:
                raise failures.pop()
            return await ingest(event)

        return told

    async with confab(guild, claude, store, through=through) as running:
        await guild.say("ada", "general", f"<@{guild.me}> hi")
        await settled(guild, running)

        assert guild.visible("general")[1].content == "fine"
        assert "an event waits for the database: the disk is full" in caplog.text


async def test_unfolded_links_are_no_edits(guild, claude, running):
    first = await guild.say("bob", "general", "https://example.org")
    await guild.unfurl(first, "https://example.org")
    await settled(guild, running)
    await guild.edit(first, "something else")
    await settled(guild, running)

    edits = [event for event in running.heard if isinstance(event, Edited)]
    assert [event.message.text for event in edits] == ["something else"]
