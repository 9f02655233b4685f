"""Shards that are not connected, and servers in an outage: what is answered meanwhile, and who may do what there.

Over the unmodified discord.py. Tests bots.discord.gateway, bots.discord.servers.known and bots.discord.directory.
"""

from dataclasses import replace

import pytest

from bots.discord.directory import Directory
from bots.discord.shards.sharing import ShardSharing
from core.domain.errors import NoAnswer
from core.domain.events import Missed, Posted, Receipt
from core.domain.messages import Rank
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.limits import error
from tests.fakes.discord.nouns import Permission
from tests.fakes.discord.starts import SessionStarts
from tests.support.discord_house import confab, idle
from tests.support.waiting import until

HOME, AWAY = "8138", str(1 << 22)  # of the first shard of two, and of the second
ROOMS = {HOME: "general", AWAY: "elsewhere"}
MEMBER = "GET /guilds/{guild}/members/{user}"
SERVER = "GET /guilds/{guild}"
REFUSED = Served(403, {"message": "Forbidden", "code": 0})
ADA, BOB, ZOE = "7001", "7002", "7005"


@pytest.fixture
def town(guild):
    """A Discord with a server on each of two shards."""
    guild.guild(AWAY, "Server 1")
    guild.room(ROOMS[AWAY], AWAY)
    return guild


@pytest.fixture
def start(town, claude, store):
    """Starts a process that listens to both shards, and keeps none of the questions that are put `aside`."""

    def build(aside=None, **options):
        def put_aside(ingest):
            async def keep(event):
                if aside is None or not isinstance(event, Posted):
                    return await ingest(event)
                aside.append(event)
                return Receipt(new=False, ours=False, question=False, key=event.key)

            return keep

        return confab(town, claude, store, through=put_aside, shards=(None, 2), **options)

    return build


async def hear(start, town, *servers):
    """What a process is told of a question in each of these servers, and does not keep."""
    aside = []
    async with start(aside):
        for server in servers:
            await town.say("ada", ROOMS[server], f"<@{town.me}> hello")
        await until(lambda: len(aside) == len(servers))
    return aside


def answers(town, server):
    return [post.content for post in town.visible(ROOMS[server]) if post.author == "confab"]


def count_asked(town, server=AWAY):
    return len([call for call in town.calls if call.path == f"/guilds/{server}"])


async def fetch_rank(running, person=ADA, channel=None):
    directory, channels = running.discord._directory, running.discord._client.get_guild(int(AWAY))
    room = channel or next(one.id for one in channels.channels if one.name == ROOMS[AWAY])
    return await directory.fetch_rank(AWAY, str(room), person)


async def test_while_a_shard_is_not_connected_questions_of_all_servers_are_answered(start, town, store):
    kept = await hear(start, town, HOME, AWAY)
    async with start() as running:
        town.gateway.hold(1)
        await until(lambda: running.discord.offline == "shards not connected: 1")
        for event in kept:
            await running.assistant.ingest(event)
        await town.until(lambda: answers(town, HOME) and answers(town, AWAY))

        assert running.discord.offline
        assert (count_asked(town, HOME), count_asked(town, AWAY)) == (0, 1)
        town.gateway.release(1)


async def test_at_a_start_nobody_waits_for_a_shard_whose_turn_comes_later(start, town, store):
    kept = await hear(start, town, HOME, AWAY)
    town.gateway.hold(1)
    async with start(listens=False) as running:
        for event in kept:
            await running.assistant.ingest(event)
        await town.until(lambda: answers(town, HOME) and answers(town, AWAY))
        away = running.discord.offline
        town.gateway.release(1)
        await until(lambda: not running.discord.offline)
        await until(lambda: not running.discord._backfill.unfinished)
        await idle(running)

        assert away == "shards not connected: 1"
        assert (answers(town, HOME), answers(town, AWAY)) == (["fine"], ["fine"])


async def test_a_shard_that_is_lost_before_its_session_has_begun_begins_one_anew(start, town):
    town.gateway.hold(1)
    async with start(listens=False) as running:
        await until(lambda: running.discord.offline == "shards not connected: 1" and town.gateway.sockets == 2)
        town.gateway.cut()
        await until(lambda: town.gateway.sockets >= 4)
        town.gateway.release(1)
        await until(lambda: not running.discord.offline)

        assert town.gateway.sockets < 10


async def test_nothing_is_answered_while_no_shard_is_connected(start, town):
    [kept] = await hear(start, town, HOME)
    async with start() as running:
        for shard in (0, 1):
            town.gateway.hold(shard)
        await until(lambda: not running.discord.reachable)
        await running.assistant.ingest(kept)
        claimed = await running.assistant.worker._claim_next()
        town.gateway.release(1)
        await town.until(lambda: answers(town, HOME))

        assert claimed is None
        assert running.discord.offline == "shards not connected: 0"


async def test_what_was_deleted_while_its_shard_was_away_gets_no_answer(start, town):
    [kept] = await hear(start, town, AWAY)
    async with start() as running:
        town.gateway.hold(1)
        await until(lambda: running.discord.offline)
        await town.delete(kept.message.id)
        await running.assistant.ingest(kept)
        await idle(running)

        assert answers(town, AWAY) == []


async def test_where_no_session_may_begin_today_what_waits_is_answered_all_the_same(town, claude, store, start):
    [kept] = await hear(start, town, HOME)
    town.gateway.starts = SessionStarts(1)
    town.world.sessions = 1
    sharing = ShardSharing(store.shards, 2, spacing=0.0, lead=0.0)
    async with confab(town, claude, store, sharing=sharing, listens=False) as running:
        await running.assistant.ingest(kept)
        await town.until(lambda: answers(town, HOME))

        assert "Discord allows no more sessions today" in running.discord.offline


async def test_of_a_lost_shards_servers_nobody_believes_what_was_told_before(start, town):
    async with start() as running:
        ranks = [await fetch_rank(running)]
        town.gateway.hold(1)
        await until(lambda: running.discord.offline)
        server = town.world.guilds[AWAY]
        town.world.guilds[AWAY] = replace(
            server, roles=tuple(replace(one, permissions=Permission.VIEW_CHANNEL) for one in server.roles)
        )
        ranks.append(await fetch_rank(running))
        town.gateway.release(1)
        await until(lambda: not running.discord.offline)
        before = count_asked(town)
        ranks.append(await fetch_rank(running))

    assert ranks == [Rank.MANAGER, Rank.MEMBER, Rank.MANAGER]
    assert (before, count_asked(town), town.gateway.resumed) == (1, 1, 1)


async def test_in_a_server_in_an_outage_ranks_are_asked_for_until_it_is_back(start, town):
    town.world.unavailable.add(AWAY)
    room = town.world.channel(ROOMS[AWAY]).id
    async with start() as running:
        client = running.discord._client
        unknown = client.get_guild(int(AWAY)).unavailable
        ranks = [await fetch_rank(running, person, room) for person in (ADA, BOB, ZOE)]
        asked = count_asked(town)
        town.end_outage(AWAY)
        await until(lambda: not client.get_guild(int(AWAY)).unavailable)
        running.discord._directory.servers._fetched.clear()
        ranks.append(await fetch_rank(running, ADA, room))

    assert unknown
    assert ranks == [Rank.MANAGER, Rank.MEMBER, Rank.OWNER, Rank.MANAGER]
    assert (asked, count_asked(town)) == (1, 1)


@pytest.mark.parametrize(
    ("route", "trouble"),
    [(SERVER, error(503)), (SERVER, REFUSED), (MEMBER, error(503)), (MEMBER, REFUSED)],
    ids=["no server", "a refused server", "no member", "a refused member"],
)
async def test_a_rank_that_discord_does_not_tell_in_an_outage_is_none(start, town, route, trouble):
    town.world.unavailable.add(AWAY)
    room = town.world.channel(ROOMS[AWAY]).id
    async with start() as running:
        directory = Directory(running.discord._rest, lambda: running.discord._connected, rank_deadline=0.2)
        town.fault(route, trouble, 100)
        with pytest.raises(NoAnswer, match="Discord does not tell me just now what you may do"):
            await directory.fetch_rank(AWAY, room, ADA)


async def test_what_was_missed_in_a_server_in_a_long_outage_is_answered_when_it_is_back(start, town):
    async with start() as running:
        await town.say("ada", ROOMS[AWAY], f"<@{town.me}> before")
        await town.until(lambda: answers(town, AWAY))
        await idle(running)
    await town.say("ada", ROOMS[AWAY], f"<@{town.me}> missed")
    town.world.unavailable.add(AWAY)
    async with start() as running:
        await until(lambda: any(isinstance(event, Missed) for event in running.heard))
        await until(lambda: not running.discord._backfill.unfinished)
        meanwhile = len(answers(town, AWAY))
        town.end_outage(AWAY)
        await town.until(lambda: len(answers(town, AWAY)) == 2)
        await until(lambda: not running.discord._backfill.unfinished)
        await idle(running)
        gaps = [event.workspaces for event in running.heard if isinstance(event, Missed)]

    assert (meanwhile, answers(town, AWAY)) == (1, ["fine", "fine"])
    assert gaps[2:] == [{f"discord:{AWAY}"}]


@pytest.mark.parametrize(("person", "rank"), [(BOB, Rank.MEMBER), (ZOE, Rank.OWNER), ("99", Rank.GUEST)])
async def test_in_a_channel_that_is_closed_to_us_an_owner_is_one(start, person, rank):
    async with start() as running:
        assert await fetch_rank(running, person, "999999") is rank
