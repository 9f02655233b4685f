"""Leases of shards in one process: what it opens, closes and gives away, over a real database that may be out of reach.

Tests bots.discord.shards.leases.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bots.discord.shards.leases import ShardLeases
from core.domain.errors import StoreUnavailable
from core.store import open_store
from core.store.places.shards.leases import SETTLED
from core.store.records.shards.leases import LEASE, GatewaySession, ShardHolder
from core.telemetry import ShardsCounted
from tests.support.clock import ManualClock

BOT = "discord:7"
OTHER = ShardHolder(BOT, "other", 4)
SESSION = GatewaySession("s1", 5, "wss://resume")
BEAT = LEASE.total_seconds() / 3


class Sockets:
    """Notes what is opened and closed; each shard that was opened has a session."""

    starts_left = 990

    def __init__(self):
        self.open, self.count, self.closed, self.closing = {}, 0, [], lambda: None

    def open_shard(self, shard, session):
        self.open[shard] = session

    async def close_shards(self, shards):
        self.closing()
        self.closed.append(sorted(shards))
        for shard in shards:
            del self.open[shard]
        return dict.fromkeys(shards, SESSION)

    def read_sessions(self):
        return dict.fromkeys(self.open, SESSION)

    def set_count(self, count):
        self.count = count


class Unsteady:
    """Leases in a database that can't be reached while it is `down`."""

    def __init__(self, shards):
        self._shards, self.down = shards, False

    def __getattr__(self, name):
        async def call(*given, **named):
            if self.down:
                raise StoreUnavailable("down")
            return await getattr(self._shards, name)(*given, **named)

        return call


class Bench:
    """A process with its sockets, beside a clock that the database shares."""

    def __init__(self, store, clock, **options):
        self.store, self.clock, self.counted = store, clock, []
        self.shards, self.sockets = Unsteady(store.shards), Sockets()
        self.began = clock()
        self.leases = ShardLeases(
            self.shards,
            wanted=options.get("wanted"),
            emit=self.counted.append,
            sleep=self.sleep,
            clock=self.count_seconds,
        )

    def count_seconds(self):
        return (self.clock() - self.began).total_seconds()

    async def sleep(self, seconds):
        self.clock.tick(seconds)
        await asyncio.sleep(0)

    async def join(self, advised=4):
        async def advise():
            return advised

        await self.leases.join(BOT, advise, self.sockets)

    async def settle_another(self):
        """Another process has lived for nearly as long as others have to, before they are given shards."""
        await self.store.shards.renew(OTHER, {})
        for _ in range(int(SETTLED.total_seconds() / BEAT) - 1):
            await self.beat()
            await self.store.shards.renew(OTHER, {})

    async def beat(self, seconds=BEAT):
        self.clock.tick(seconds)
        await self.leases.renew(self.sockets)


@pytest.fixture
async def bench():
    clock = ManualClock()
    store = await open_store("sqlite://", clock=clock)
    yield Bench(store, clock)
    await store.shut()


async def test_a_process_listens_to_what_it_holds_and_says_so(bench):
    await bench.join()

    assert bench.sockets.open == dict.fromkeys(range(4))
    assert (bench.sockets.count, bench.leases.held) == (4, {0, 1, 2, 3})
    assert bench.counted == [ShardsCounted("discord", 4, 4, 0, 990)]


async def test_shards_of_the_dead_are_opened_in_their_sessions_twelve_seconds_after_its_last_heartbeat_at_most(bench):
    await bench.store.shards.renew(OTHER, {})
    await bench.store.shards.renew(OTHER, dict.fromkeys(range(4), SESSION))
    await bench.join()
    before = dict(bench.sockets.open)
    for _ in range(3):
        await bench.beat()

    assert (before, bench.sockets.open) == ({}, dict.fromkeys(range(4), SESSION))
    assert timedelta(seconds=4 * BEAT) == timedelta(seconds=12)


async def test_the_log_says_what_is_listened_to_in_all_and_that_it_is_so_because_a_process_has_ended(bench, caplog):
    caplog.set_level("INFO", "bots.discord.shards.leases")
    await bench.join()
    await bench.settle_another()
    await bench.beat()
    await bench.store.shards.renew(OTHER, {})
    for _ in range(3):
        await bench.beat()

    assert caplog.messages == [
        "listening to shards 0, 1, 2, 3 of 4",
        "giving shards 2, 3 to other processes",
        "listening to shards 2, 3 of 4, in all to 0, 1, 2, 3, as another process has ended",
    ]


async def test_without_a_heartbeat_for_a_lease_a_process_stops_listening_and_later_goes_on_where_it_was(bench):
    await bench.join()
    bench.shards.down = True
    await bench.beat()
    await bench.beat()
    sure = bench.leases.held
    await bench.beat()
    unsure, closed = bench.leases.held, dict(bench.sockets.open)
    bench.shards.down = False
    await bench.beat()

    assert (sure, unsure, closed) == ({0, 1, 2, 3}, set(), {})
    assert bench.sockets.open == dict.fromkeys(range(4), SESSION)


async def test_shards_that_another_has_taken_over_are_closed_at_once(bench):
    await bench.join()
    bench.clock.tick(LEASE.total_seconds())
    await bench.store.shards.renew(OTHER, {})
    held = bench.leases.held
    await bench.leases.renew(bench.sockets)

    assert (held, bench.leases.held, bench.sockets.closed) == (set(), set(), [[0, 1, 2, 3]])


async def test_what_is_another_process_part_is_given_away_with_its_sessions(bench):
    await bench.join()
    await bench.settle_another()
    await bench.beat()
    taken = await bench.store.shards.renew(OTHER, {})

    assert taken.held == {2: SESSION, 3: SESSION}
    assert (bench.leases.held, sorted(bench.sockets.open)) == ({0, 1}, [0, 1])


async def test_what_could_not_be_given_away_is_listened_to_again_where_it_was(bench):
    await bench.join()
    await bench.settle_another()
    bench.sockets.closing = lambda: setattr(bench.shards, "down", True)
    await bench.beat()
    given, bench.shards.down = sorted(bench.sockets.open), False
    await bench.store.shards.release(OTHER, dict.fromkeys(range(4)), leaving=True)
    await bench.beat()

    assert given == [0, 1]
    assert bench.sockets.open == {0: None, 1: None, 2: SESSION, 3: SESSION}


async def test_who_leaves_gives_all_back_and_who_can_not_reach_the_database_leaves_all_the_same(bench):
    await bench.join()
    await bench.leases.leave(bench.sockets)
    after = await bench.store.shards.renew(OTHER, {})
    await bench.join()
    bench.shards.down = True
    await bench.leases.leave(bench.sockets)

    assert after.held == dict.fromkeys(range(4), SESSION)
    assert bench.sockets.open == {}


async def test_the_number_of_shards_that_others_had_stays_when_they_are_gone(bench):
    await bench.store.shards.renew(OTHER, {})
    await bench.join(advised=8)
    await bench.store.shards.release(OTHER, dict.fromkeys(range(4)), leaving=True)
    await bench.beat()

    assert (bench.sockets.count, sorted(bench.sockets.open)) == (4, [0, 1, 2, 3])


async def test_who_slept_while_the_others_changed_the_number_joins_them_anew(bench):
    await bench.join()
    bench.clock.tick(LEASE.total_seconds())
    await bench.store.shards.renew(replace(OTHER, count=6), {})

    with pytest.raises(ConnectionAbortedError, match="others share 6 shards by now, and not 4"):
        await bench.leases.renew(bench.sockets)
    await bench.leases.leave(bench.sockets)
    await bench.join(advised=8)
    assert bench.sockets.count == 6


async def test_a_process_that_is_given_no_shard_says_that_it_stands_by(bench, caplog):
    caplog.set_level("INFO")
    await bench.store.shards.renew(OTHER, {})
    await bench.join()

    assert "sharing 4 shards with 1 other process; this one has none yet" in caplog.text
