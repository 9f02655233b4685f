"""Shards shared among processes on one database, over the loopback Discord and the unmodified discord.py.

Tests bots.discord.shards, bots.discord.shards.client, bots.discord.shards.sharing, bots.discord.servers.known and
bots.discord.servers.places.
"""

import asyncio
from dataclasses import replace

import discord
import pytest

from core.domain.clock import system_clock
from core.domain.errors import CannotConnect
from core.domain.events import Missed, Posted, WorkspaceEnded
from core.domain.messages import Question
from core.store.records.shards.leases import ShardOverview
from core.telemetry import ShardsCounted
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import error
from tests.fakes.discord.nouns import Permission
from tests.fakes.discord.starts import SessionStarts
from tests.fakes.discord.world import APPLICATION
from tests.support.discord_house import answered, idle, told
from tests.support.discord_shards import (
    Processes,
    all_answered,
    ask,
    count_answers,
    discord_of,
    find_server,
    heard,
    held,
    resumable,
    sharing,
)
from tests.support.waiting import until

PACE = {"spacing": 0.15, "lead": 0.1}  # with a window of 0.05 seconds, a tenth of Discord's or less
BOT = f"discord:{APPLICATION}"


@pytest.fixture
def processes(claude, store):
    """Makes processes of a Discord."""
    return lambda guild: Processes(guild, claude, store)


async def test_one_process_holds_all_shards_and_answers_in_each(processes):
    async with discord_of(4) as guild, processes(guild) as shared:
        running = await shared.start("p1")
        await heard(guild, 4)
        await ask(guild, "hello", 4)
        await all_answered(guild, 4, 1)
        await idle(running)

        assert count_answers(guild, 4) == [1] * 4
        assert (held(running), running.discord.offline, guild.refusals) == ({0, 1, 2, 3}, "", [])


async def test_who_leaves_is_followed_at_once_in_the_same_sessions_and_each_question_is_answered_once(processes):
    async with discord_of(4) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await heard(guild, 4)
        await resumable(first, 4)
        second = await shared.start("p2")
        assert (held(second), second.discord.offline) == (set(), "")
        await ask(guild, "before", 4)
        await all_answered(guild, 4, 1)
        await shared.leave("p1")
        await ask(guild, "between", 4)
        await heard(guild, 4)
        await ask(guild, "after", 4)
        await all_answered(guild, 4, 3)
        await idle(second)

        assert count_answers(guild, 4) == [3] * 4
        assert (guild.gateway.identified, guild.gateway.resumed, held(second)) == (4, 4, {0, 1, 2, 3})


async def test_processes_share_out_what_one_leaves(processes, store):
    async with discord_of(4) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 4)
        second, third = await shared.start("p2"), await shared.start("p3")
        await shared.leave("p1")
        await heard(guild, 4)
        overview = await store.shards.read(BOT)

        assert sorted(map(len, (held(second), held(third)))) == [2, 2]
        assert held(second) | held(third) == {0, 1, 2, 3}
        assert sorted(overview.held.values()) == [2, 2]


@pytest.mark.parametrize("concurrency", [1, 16], ids=["one at once", "all at once"])
async def test_sessions_begin_no_faster_than_discord_allows(processes, store, concurrency):
    starts = SessionStarts(concurrency, 0.05)
    async with discord_of(16, starts=starts) as guild, processes(guild) as shared:
        pace = sharing(store, **PACE)
        await shared.start("p1", sharing=pace)
        await heard(guild, 16)

        assert (guild.gateway.identified, starts.crowded) == (16, 0)


async def test_sessions_of_several_processes_begin_no_faster_than_discord_allows(processes, store):
    starts = SessionStarts(1, 0.05)
    async with discord_of(6, starts=starts) as guild, processes(guild) as shared:
        for name in ("p1", "p2"):
            await shared.start(name, sharing=sharing(store, **PACE))
        await heard(guild, 6)
        await shared.leave("p1")
        guild.gateway.invalidate(resumable=False)
        await shared.start("p3", sharing=sharing(store, **PACE))
        await heard(guild, 6)

        assert starts.crowded == 0


async def test_discord_is_asked_once_by_each_process_and_once_before_each_session(processes, store):
    async with discord_of(6, starts=SessionStarts(1, 0.05)) as guild, processes(guild) as shared:
        for name in ("p1", "p2", "p3"):
            await shared.start(name, sharing=sharing(store, **PACE, fresh=0.0))
        await heard(guild, 6)

        assert [call.path for call in guild.calls].count("/gateway/bot") == 3 + 6


async def test_with_too_few_sessions_left_none_begins_until_discord_counts_anew(processes, store, caplog):
    starts = SessionStarts(1)
    starts.reset_after = 300
    async with discord_of(1, starts=starts) as guild, processes(guild) as shared:
        guild.world.sessions = 1
        running = await shared.start("p1")
        await until(lambda: "no more sessions" in running.discord.offline)
        told_why, began = running.discord.offline, guild.gateway.identified
        guild.world.sessions = 1000
        await until(lambda: not running.discord.offline)

        assert told_why.startswith("shards not connected: 0 (Discord allows no more sessions today; it counts anew in")
        assert (began, guild.gateway.identified) == (0, 1)
        assert "Discord allows no more sessions today" in caplog.text


async def test_a_number_of_shards_that_others_do_not_share_is_refused_with_its_mend(processes, store):
    async with discord_of(2) as guild, processes(guild) as shared:
        await shared.start("p1")
        with pytest.raises(CannotConnect, match="DISCORD_SHARDS: others on this database share 2 shards, not 4. Set"):
            await (await shared.start("p2", sharing=sharing(store, 4))).connected


async def test_what_discord_advises_changes_nothing_while_anybody_lives(processes):
    async with discord_of(2) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 2)
        guild.gateway.shards = 4
        second = await shared.start("p2")

        assert second.discord._client.shard_count == 2


async def test_a_session_that_discord_has_given_up_begins_anew_and_what_was_missed_is_found(processes):
    async with discord_of(2) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 2)
        await ask(guild, "before", 2)
        await all_answered(guild, 2, 1)
        await shared.leave("p1")
        await guild.until(lambda: not guild.gateway.live)
        guild.gateway.forget()
        await ask(guild, "missed", 2)
        second = await shared.start("p2")
        await all_answered(guild, 2, 2)
        await idle(second)

        assert count_answers(guild, 2) == [2, 2]
        assert (guild.gateway.identified, guild.gateway.resumed) == (4, 0)


async def test_what_a_process_has_heard_and_not_stored_is_told_to_its_successor(processes):
    stuck = asyncio.Event()

    def hold(ingest):
        async def held_back(event):
            if isinstance(event, Posted) and event.message.author != "4242":
                stuck.set()
                await asyncio.Event().wait()
            return await ingest(event)

        return held_back

    async with discord_of(1) as guild, processes(guild) as shared:
        first = await shared.start("p1", through=hold)
        await resumable(first, 1)
        await ask(guild, "hello", 1)
        await stuck.wait()
        await shared.leave("p1")
        second = await shared.start("p2")
        await all_answered(guild, 1, 1)
        await idle(second)

        assert (guild.gateway.identified, guild.gateway.resumed) == (1, 1)


async def test_who_is_killed_while_it_looks_for_what_was_missed_leaves_no_session(processes, store):
    async with discord_of(1) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 1)
        backfill = first.discord._backfill
        assert first.discord._client.read_sessions()[0] is not None
        backfill._looking.add(f"discord:{find_server(0, 1)}")

        assert first.discord._client.read_sessions() == {0: None}


async def test_a_session_of_other_intents_is_not_gone_on_with(processes):
    async with discord_of(1) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 1)
        await shared.leave("p1")
        second = await shared.start("p2", sharing=None)
        await guild.until(lambda: guild.gateway.resumed == 1)
        await resumable(second, 1)
        intents = second.discord._client._connection._intents
        intents.emojis_and_stickers = not intents.emojis_and_stickers
        second.discord._client.open_shard(0, replace_url(second.discord._client, "0"))
        await guild.until(lambda: guild.gateway.identified == 2)


def replace_url(client, fragment):
    session = client.read_sessions()[0]
    return replace(session, url=session.url.partition("#")[0] + f"#{fragment}")


async def test_a_lost_connection_is_taken_up_again_and_waits_for_no_other_shard(processes):
    async with discord_of(4) as guild, processes(guild) as shared:
        running = await shared.start("p1")
        await heard(guild, 4)
        await resumable(running, 4)
        guild.gateway.cut()
        await guild.until(lambda: guild.gateway.resumed == 4)
        await ask(guild, "hello", 4)
        await all_answered(guild, 4, 1)
        await idle(running)

        assert guild.gateway.identified == 4


async def test_a_process_answers_where_it_holds_no_shard_with_the_same_names_ranks_and_permissions(processes, claude):
    async with discord_of(2) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await heard(guild, 2)
        await resumable(first, 2)
        second = await shared.start("p2")
        guild.room("secret", find_server(1, 2))
        guild.permit("confab", "secret", deny=Permission.SEND_MESSAGES)
        rooms = {name: guild.world.channel(name).id for name in ("room-1", "secret")}
        name = (await ask(guild, "hello", 2))[1]
        await all_answered(guild, 2, 1)
        [question] = [event for event in first.heard if isinstance(event, Posted) and event.message.id == name]

        def describe(running):
            discord, server = running.discord, find_server(1, 2)
            return [discord._explain_closed(server, rooms[one]) for one in rooms], discord._directory.list_managers(
                server
            )

        found = []
        for running in (first, second):
            asked = Question(question.key, name, "7001", system_clock())
            surface = await running.discord.surface(asked)
            rank = await surface.rank("7001")
            names = await running.discord._directory.fetch_names(find_server(1, 2), {f"#{rooms['secret']}"})
            found.append((rank, names, *describe(running)))

        assert held(second) == set()
        assert found[0] == found[1]
        assert [bool(barrier) for barrier in found[0][2]] == [False, True]


async def test_what_is_known_of_a_server_ends_with_its_shard_and_is_asked_for_from_then_on(processes):
    async with discord_of(2) as guild, processes(guild) as shared:
        running = await shared.start("p1")
        await heard(guild, 2)
        await resumable(running, 2)
        client, server, servers = running.discord._client, find_server(1, 2), running.discord._directory.servers
        await until(lambda: servers.get(server) and not servers.get(server).unavailable)
        told, heard_of = await servers.fetch(server), servers.hears(server)
        await client.close_shards([1])
        guild.room("opened later", server)
        found = await servers.fetch(server)

        assert (heard_of, servers.hears(server), client.get_guild(int(server))) == (True, False, None)
        assert sorted({one.name for one in found.channels} - {one.name for one in told.channels}) == ["opened later"]


async def test_a_shard_that_went_to_another_process_and_came_back_in_its_session_tells_nothing_of_its_servers(
    processes,
):
    async with discord_of(2) as guild, processes(guild) as shared:
        running = await shared.start("p1")
        await heard(guild, 2)
        await resumable(running, 2)
        client, server, servers = running.discord._client, find_server(1, 2), running.discord._directory.servers
        sessions = await client.close_shards([1])
        away = running.discord.reachable
        client.open_shard(1, sessions[1])
        await until(lambda: not running.discord.offline and guild.gateway.resumed == 1 and 1 in client._list_heard())

        assert (away, servers.hears(server), client.get_guild(int(server))) == (True, False, None)
        assert (await servers.fetch(server)).name == "Server 1"


async def test_who_may_have_lost_a_shard_takes_its_session_up_only_when_the_lease_is_sure_again(processes, caplog):
    async with discord_of(1) as guild, processes(guild) as shared:
        running = await shared.start("p1")
        await resumable(running, 1)
        leases = running.discord._sharing.leases
        clock, leases._clock = leases._clock, lambda: float("inf")
        guild.gateway.cut()
        await until(lambda: "shard 0 is not connected (ConnectionAbortedError)" in caplog.text)
        resumed = guild.gateway.resumed
        leases._clock = clock
        await guild.until(lambda: guild.gateway.resumed == 1)

        assert resumed == 0


async def test_a_server_is_asked_for_once_by_all_who_want_it(processes):
    async with discord_of(1) as guild, processes(guild) as shared:
        await resumable(await shared.start("p1"), 1)
        second = await shared.start("p2")
        key = find_server(0, 1)
        servers = second.discord._directory.servers
        found = await asyncio.gather(*(servers.fetch(key) for _ in range(5)), servers.fetch("999999999"))
        asked = [call.path for call in guild.calls if call.path == f"/guilds/{key}/channels"]

        assert ({one.name for one in found[:5]}, found[5], len(asked)) == ({"Server 0"}, None, 1)


async def test_a_thread_in_a_session_that_another_began_is_one_conversation(processes, claude):
    async with discord_of(1) as guild, processes(guild) as shared:
        await resumable(await shared.start("p1"), 1)
        await shared.leave("p1")
        second = await shared.start("p2")
        thread = await guild.start_thread("room-0", "a thread")
        await guild.say("ada", thread, f"<@{guild.me}> one")
        await guild.until(lambda: len(guild.visible(thread)) == 2)
        await guild.say("ada", thread, f"<@{guild.me}> two")
        await guild.until(lambda: len(guild.visible(thread)) == 4)
        await idle(second)

        assert len(told(claude)[-1]) == 3


async def test_roles_have_names_in_the_first_message_of_a_session_that_another_began(processes, claude):
    async with discord_of(1) as guild, processes(guild) as shared:
        await until_resumed(guild, shared, await shared.start("p1"))
        await guild.say("ada", "room-0", f"<@{guild.me}> who is <@&{find_server(0, 1)}02>?")
        await guild.until(lambda: len(guild.visible("room-0")) == 2)

        assert told(claude)[-1][-1][1].endswith("who is @crew?")


async def test_a_slash_command_is_answered_in_a_session_that_another_began(processes):
    async with discord_of(1) as guild, processes(guild) as shared:
        await resumable(await shared.start("p1"), 1)
        await shared.leave("p1")
        second = await shared.start("p2")
        await heard(guild, 1)
        said = await answered(second, await guild.interact("ada", "room-0", "help"))

        assert "Commands:" in said


async def test_shards_and_sessions_are_counted_for_metrics(processes, store):
    counted = []
    async with discord_of(2) as guild, processes(guild) as shared:
        await shared.start("p1", sharing=sharing(store, emit=counted.append))
        await heard(guild, 2)
        await until(lambda: counted[-1].starts_left is not None)

        assert counted[-1] == ShardsCounted("discord", 2, 2, 0, counted[-1].starts_left)
        assert await store.shards.read(BOT) == ShardOverview(2, {next(iter((await store.shards.read(BOT)).held)): 2})


async def test_commands_are_synced_by_one_of_several_processes_and_gaps_are_told_by_who_began_a_session(processes):
    async with discord_of(2) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 2)
        second = await shared.start("p2")
        await shared.leave("p1")
        await heard(guild, 2)
        await until(lambda: held(second) == {0, 1})

        assert [call.method for call in guild.calls if call.path.endswith("/commands")].count("PUT") == 1
        assert [event for event in second.heard if isinstance(event, Missed)] == []


async def test_the_number_of_shards_stays_when_who_began_them_leaves_although_discord_advises_another(processes):
    async with discord_of(2) as guild, processes(guild) as shared:
        await resumable(await shared.start("p1"), 2)
        guild.gateway.shards = 4
        second = await shared.start("p2")
        guild.gateway.shards = 2  # Discord takes more shards than it asks for; this fake would take no fewer
        await shared.leave("p1")
        await heard(guild, 2)
        await ask(guild, "hello", 2)
        await all_answered(guild, 2, 1)
        await second.discord._client._leases.renew(second.discord._client)

        assert (second.discord._client.shard_count, held(second), guild.gateway.identified) == (2, {0, 1}, 2)


async def test_a_server_that_is_left_in_a_session_that_another_began_is_ended(processes, store):
    async with discord_of(1) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 1)
        await ask(guild, "hello", 1)
        await all_answered(guild, 1, 1)
        await until_resumed(guild, shared, first)
        server = f"discord:{find_server(0, 1)}"
        before = await store.installations.find(server)
        guild.remove_bot(find_server(0, 1))
        second = shared._running["p2"]
        await until(lambda: any(isinstance(event, WorkspaceEnded) for event in second.heard))

        assert (before.identity, await store.installations.find(server)) == (guild.me, None)


async def test_a_server_that_is_joined_in_a_session_that_another_began_is_written_down_as_ours(processes, store):
    async with discord_of(1) as guild, processes(guild) as shared:
        await until_resumed(guild, shared, await shared.start("p1"))
        guild.remove_bot(find_server(0, 1))
        await until_gone(store, find_server(0, 1))
        guild.add_bot(find_server(0, 1))
        async with asyncio.timeout(10):
            while not (row := await store.installations.find(f"discord:{find_server(0, 1)}")):
                await asyncio.sleep(0)

        assert row.identity == guild.me


async def test_a_gateway_that_closes_right_after_each_resume_is_not_asked_without_end(processes, caplog):
    async with discord_of(1) as guild, processes(guild) as shared:
        running = await shared.start("p1")
        await resumable(running, 1)
        resume = guild.gateway._resume

        def resume_and_close(line, body):
            resume(line, body)
            line.hang_up(4000)

        guild.gateway._resume = resume_and_close
        guild.gateway.cut()
        await until(lambda: "shard 0 was closed right after" in caplog.text)
        resumed = guild.gateway.resumed
        guild.gateway._resume = resume
        await ask(guild, "hello", 1)
        await all_answered(guild, 1, 1)

        assert resumed == 1


async def test_a_token_that_was_reset_ends_the_connection_also_where_a_session_only_waits_to_begin(processes, store):
    async with discord_of(1) as guild, processes(guild) as shared:
        running = await shared.start("p1", sharing=sharing(store, fresh=0.0))
        await resumable(running, 1)
        guild.fault("GET /gateway/bot", error(401), 9)
        guild.gateway.invalidate(resumable=False)
        with pytest.raises(CannotConnect, match="DISCORD_BOT_TOKEN: Discord does not take it"):
            await running.connected


async def test_channels_of_a_server_are_asked_for_once_in_a_session_that_another_began(processes):
    async with discord_of(1) as guild, processes(guild) as shared:
        key = find_server(0, 1)
        rooms = [guild.room(f"many-{one}", key) for one in range(60)]
        await until_resumed(guild, shared, await shared.start("p1"))
        before = len(guild.calls)
        for one in rooms:
            await guild.say("ada", one, "hello all")
        opened = await guild.start_thread(rooms[0], "a thread")
        await guild.say("ada", opened, f"<@{guild.me}> hello")
        await guild.until(lambda: len(guild.visible(opened)) == 2)
        paths = [call.path for call in guild.calls[before:] if call.method == "GET"]

        assert [path for path in paths if path.startswith("/channels/") and path.count("/") == 2] in (
            [],
            [f"/channels/{opened}"],
        )


async def until_resumed(guild, shared, first):
    """Another process has taken the only session up, after the first one left."""
    await resumable(first, 1)
    await shared.leave("p1")
    await shared.start("p2")
    await guild.until(lambda: guild.gateway.resumed == 1)


async def until_gone(store, server):
    async with asyncio.timeout(10):
        while await store.installations.find(f"discord:{server}"):
            await asyncio.sleep(0)


async def test_menus_forms_and_buttons_work_in_a_session_that_another_began(processes, claude):
    async with discord_of(1) as guild, processes(guild) as shared:
        await until_resumed(guild, shared, await shared.start("p1"))
        second = shared._running["p2"]
        message = await guild.say("bob", "room-0", "Deploys stop on Friday.")
        chosen = await guild.choose("ada", message, "Ask about this")
        await guild.until(lambda: chosen.modal)
        about = await answered(second, await guild.submit_modal(chosen, {"question": "Why?"}))
        await ask(guild, "hello", 1)
        await all_answered(guild, 1, 1)
        await idle(second)
        [page] = [post for post in guild.visible("room-0") if post.author == "confab"]
        pressed = await guild.press("ada", page.id, "Try again")
        await until(lambda: any(event.id == pressed.id for event in second.heard))
        await idle(second)

        assert (bool(about), pressed.acknowledged, guild.refusals) == (True, True, [])


async def test_an_answer_that_streams_while_its_shard_is_handed_over_is_ended_once(processes, claude):
    gate = Gate()
    claude.answer = lambda _body: Answer(text="a long answer", gate=gate)
    async with discord_of(1) as guild, processes(guild) as shared:
        first = await shared.start("p1")
        await resumable(first, 1)
        second = await shared.start("p2")
        await ask(guild, "hello", 1)
        await gate.reached.wait()
        await first.discord._client.leave()
        await guild.until(lambda: guild.gateway.resumed == 1)
        gate.opened.set()
        await all_answered(guild, 1, 1)
        await idle(first)
        await idle(second)

        assert [post.content for post in guild.visible("room-0") if post.author == "confab"] == ["a long answer"]


@pytest.mark.parametrize(
    ("code", "says"), [(4004, "DISCORD_BOT_TOKEN"), (4010, "DISCORD_SHARD"), (4011, "DISCORD_SHARDS")]
)
async def test_a_refusal_of_the_gateway_gives_the_shards_back_and_is_told_with_its_mend(processes, store, code, says):
    async with discord_of(2) as guild, processes(guild) as shared:
        running = await shared.start("p1")
        await resumable(running, 2)
        guild.gateway.hang_up(code)
        with pytest.raises(CannotConnect, match=says):
            await running.connected

        assert await store.shards.read(BOT) == ShardOverview()


async def test_a_start_says_nothing_of_voice(processes, caplog):
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = True
    async with discord_of(1) as guild, processes(guild) as shared:
        await shared.start("p1")

        assert "voice" not in caplog.text
