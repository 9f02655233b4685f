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
from tests.support.guild import answered, confab, idle, settled, told, until
from tests.support.wire import Wire

pytest_plugins = ("tests.support.guild_fixtures",)

TOKEN = "MTIz.GabcDE.secret-part"


def gaps(running) -> list[Missed]:
    return [event for event in running.heard if isinstance(event, Missed)]


async def test_a_malformed_event_is_logged_and_does_not_end_the_client(fake, claude, running, caplog):
    session = fake.gateway.live[0]
    session.tell("MESSAGE_CREATE", {"id": "1", "channel_id": "81382", "content": "a secret", "guild_id": "8138"})
    session.tell("MESSAGE_UPDATE", {"nothing": True})
    session.tell("MESSAGE_DELETE", {"channel_id": "81382", "guild_id": "8138"})
    session.tell("INTERACTION_CREATE", {"id": "1"})
    session.tell("GUILD_CREATE", {})
    await fake.say("ada", "general", f"<@{fake.me}> still there?")
    await settled(fake, running)

    assert fake.visible("general")[1].content == "fine"
    assert fake.gateway.identified == 1
    for name in ("MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "INTERACTION_CREATE", "GUILD_CREATE"):
        assert f"an event {name} can't be read" in caplog.text
    assert "a secret" not in caplog.text


async def test_a_resumed_session_is_no_gap_and_loses_nothing(fake, claude, running):
    gate = Gate(after=3)
    claude.script(Answer(text="the first answer", gate=gate))
    await fake.say("ada", "general", f"<@{fake.me}> one")
    await gate.reached.wait()
    fake.gateway.pause()
    await fake.say("bob", "dev", f"<@{fake.me}> two")
    fake.gateway.proceed()
    gate.opened.set()
    await fake.until(lambda: fake.gateway.resumed == 1)
    await settled(fake, running)

    assert len(gaps(running)) == 1
    assert [one.content for one in fake.visible("general")][1:] == ["the first answer"]
    assert [one.content for one in fake.visible("dev")][1] == "fine"


async def test_a_session_is_resumed_also_when_discord_could_not_be_reached_at_once(fake, claude, kept, caplog):
    async with Wire(fake.world.address) as wire:
        fake.lie_at(wire.url)
        async with confab(fake, claude, kept) as running:
            await wire.cut()
            await fake.until(lambda: not fake.gateway.live)
            await fake.say("bob", "dev", f"<@{fake.me}> are you there?")
            await until(lambda: caplog.text.count("Attempting a reconnect") == 2, 10)
            await wire.mend()
            await fake.until(lambda: fake.gateway.resumed == 1, 20)
            await settled(fake, running)

            assert len(gaps(running)) == fake.gateway.identified == 1
            assert [one.content for one in fake.visible("dev")][1:] == ["fine"]


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


async def test_a_new_session_is_a_gap_after_which_threads_are_read_again(fake, claude, running):
    thread = await fake.start_thread("general", "plans", "bob")
    first = await fake.say("bob", thread, "it is red")
    gate = Gate(after=3)
    claude.script(Answer(text="an answer", gate=gate))
    await fake.say("ada", thread, f"<@{fake.me}> which colour?")
    await gate.reached.wait()
    fake.gateway.forget()
    fake.gateway.pause()
    await fake.edit(first, "it is blue")
    await fake.say("cy", thread, "<@7002> I saw it too")
    fake.gateway.proceed()
    await until(lambda: len(gaps(running)) == 2)
    gate.opened.set()
    await settled(fake, running)
    await fake.say("ada", thread, "and now?")
    await settled(fake, running)

    assert told(claude)[1] == [
        ("user", "Bob: it is blue\nAda: which colour?"),
        ("assistant", "an answer"),
        ("user", "Cy: @Bob I saw it too\nAda: and now?"),
    ]
    assert [one.content for one in fake.visible(thread) if one.author == "confab"] == ["an answer", "fine"]


@pytest.mark.parametrize("resumable", [True, False])
async def test_an_invalid_session_begins_anew(fake, claude, running, resumable):
    fake.gateway.invalidate(resumable=resumable)
    await until(lambda: fake.gateway.resumed == 1 if resumable else len(gaps(running)) == 2, 12)
    await fake.say("ada", "general", f"<@{fake.me}> still there?")
    await settled(fake, running)

    assert [one.content for one in fake.visible("general")][1:] == ["fine"]


async def test_every_shard_of_ours_tells_its_servers_gaps(claude, kept):
    async with DiscordFake(shards=2) as fake:
        odd = str((1 << 22) + 8139)
        fake.guild(odd, "The other house")
        room = fake.room("hall", odd)
        async with confab(fake, claude, kept, shards=(None, None)) as running:
            await until(lambda: len(gaps(running)) == 2)
            await fake.say("ada", room, f"<@{fake.me}> hi")
            await fake.say("ada", "general", f"<@{fake.me}> hi")
            await settled(fake, running)
            await until(lambda: len(fake.visible(room)) == 2)

            assert {gap.workspaces for gap in gaps(running)} == {
                frozenset({"discord:8138", "discord:@me"}),
                frozenset({f"discord:{odd}"}),
            }


async def test_a_shard_of_its_own_hears_only_its_servers(claude, kept):
    async with DiscordFake(shards=2) as fake:
        odd = str((1 << 22) + 8139)
        fake.guild(odd, "The other house")
        room = fake.room("hall", odd)
        async with confab(fake, claude, kept, shards=((1,), 2)) as running:
            await fake.say("ada", "general", f"<@{fake.me}> hi")
            await fake.say("ada", room, f"<@{fake.me}> hi")
            await until(lambda: len(fake.visible(room)) == 2)
            await idle(running)

            assert len(fake.visible("general")) == 1


async def test_without_the_content_intent_all_that_discord_allows_works(claude, kept, caplog):
    async with DiscordFake(privileged=Intent(0)) as fake, confab(fake, claude, kept) as running:
        await fake.say("ada", "general", f"<@{fake.me}> why is the sky blue?")
        await settled_without_words(fake, running)
        await fake.say("bob", "general", "and at night?", reply_to=fake.visible("general")[1].id)
        await fake.say("bob", "general", "unseen", reply_to=fake.visible("general")[1].id, ping=False)
        await settled_without_words(fake, running)
        await fake.say("cy", "dm", "psst")
        await settled_without_words(fake, running)
        asked = await fake.interact("ada", "general", "ask", {"prompt": "why?"})
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


async def settled_without_words(fake, running) -> None:
    mark = await fake.say("zoe", "dev", "(a mark)")
    await fake.delete(mark)
    await until(lambda: any(isinstance(event, Deleted) and event.message == mark for event in running.heard))
    await idle(running)


async def test_without_the_content_intent_our_own_copy_of_a_thread_stays(claude, kept):
    async with DiscordFake() as fake:
        async with confab(fake, claude, kept) as running:
            thread = await fake.start_thread("general", "plans", "bob")
            first = await fake.say("bob", thread, "it is red")
            await fake.say("ada", thread, f"<@{fake.me}> which colour?")
            await settled(fake, running)
        fake.world.privileged = Intent(0)
        async with confab(fake, claude, kept, process="p2") as running:
            await fake.edit(first, "it is blue")
            await fake.say("ada", thread, f"<@{fake.me}> and now?")
            await settled_without_words(fake, running)

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
async def test_what_will_not_mend_itself_is_one_line_for_the_operator(kept, token, shards, why):
    from tests.fakes.discord.client import pointed

    async with DiscordFake(shards=2) as fake:
        with pointed(fake):
            chosen = {"api_url": fake.api_url, "gateway_url": fake.gateway_url, "quick": True, "shards": shards}
            platform = Discord(token or fake.token, kept.notes, **chosen)
            with pytest.raises(CannotConnect, match=why):
                await asyncio.wait_for(platform.run(nobody), 5)
            assert platform.offline == "not connected"
            await platform.close()


async def nobody(event):
    raise AssertionError(event)


async def test_an_answer_under_way_is_ended_after_the_gateway_is_left(fake, claude, running):
    gate = Gate(after=3)
    claude.script(Answer(text="a whole answer", gate=gate))
    await fake.say("ada", "general", f"<@{fake.me}> one")
    await gate.reached.wait()
    assert running.discord.offline == ""
    running.connected.cancel()
    await asyncio.gather(running.connected, return_exceptions=True)
    await fake.until(lambda: not fake.gateway.live)
    assert running.discord.offline == "shards not connected: 0"
    heard = len(running.heard)
    await fake.say("ada", "general", f"<@{fake.me}> two")
    gate.opened.set()
    await idle(running)

    assert [one.content for one in fake.visible("general") if one.author == "confab"] == ["a whole answer"]
    assert len(running.heard) == heard


async def test_a_server_that_is_down_is_tried_again(fake, claude, kept, caplog):
    fake.fault("GET /users/@me", error(503))
    async with confab(fake, claude, kept) as running:
        await fake.say("ada", "general", f"<@{fake.me}> hi")
        await settled(fake, running)

        assert fake.visible("general")[1].content == "fine"
        assert "the connection to Discord ended (DiscordServerError)" in caplog.text


async def test_a_message_waits_for_a_busy_database(fake, claude, kept, caplog):
    failures = [StoreUnavailable("the disk is full")]

    def through(ingest):
        async def told(event):
            if isinstance(event, Posted) and failures:
                raise failures.pop()
            return await ingest(event)

        return told

    async with confab(fake, claude, kept, through=through) as running:
        await fake.say("ada", "general", f"<@{fake.me}> hi")
        await settled(fake, running)

        assert fake.visible("general")[1].content == "fine"
        assert "an event waits for the database: the disk is full" in caplog.text


async def test_unfolded_links_are_no_edits(fake, claude, running):
    first = await fake.say("bob", "general", "https://example.org")
    await fake.unfurl(first, "https://example.org")
    await settled(fake, running)
    await fake.edit(first, "something else")
    await settled(fake, running)

    edits = [event for event in running.heard if isinstance(event, Edited)]
    assert [event.message.text for event in edits] == ["something else"]
