"""Shards on every engine: shared out fairly, held by lease, handed on with their sessions.

Tests core.store.records.shards and core.store.places.shards, with core.store.records.shards.leases and
core.store.places.shards.leases.
"""

import asyncio
from datetime import timedelta

from core.store import open_store
from core.store.places.shards.leases import SETTLED
from core.store.records.shards.leases import (
    LEASE,
    GatewaySession,
    ShardAssignment,
    ShardHolder,
    ShardOverview,
)

BOT = "discord:7"
FIRST, SECOND, THIRD = (ShardHolder(BOT, name, 4) for name in ("p1", "p2", "p3"))
NEW = dict.fromkeys(range(4))
SESSION = GatewaySession("s1", 17, "wss://resume")
MOMENT = timedelta(microseconds=1)
SPACING = timedelta(seconds=5)


def pass_time(clock, time):
    clock.tick(time.total_seconds())


async def test_the_first_process_takes_all_and_the_next_one_nothing_that_is_held(store):
    assert await store.shards.renew(FIRST, {}) == ShardAssignment(4, NEW)
    assert await store.shards.renew(SECOND, {}) == ShardAssignment(4, {}, processes=2)
    assert await store.shards.read(BOT) == ShardOverview(4, {"p1": 4, "p2": 0})


async def test_processes_that_come_to_free_shards_take_their_part_of_them_and_together_all(store):
    await store.shards.renew(FIRST, {})
    await store.shards.renew(SECOND, {})
    await store.shards.renew(THIRD, {})
    await store.shards.release(FIRST, NEW)

    found = [await store.shards.renew(one, {}) for one in (FIRST, SECOND, THIRD)]

    assert [sorted(one.held) for one in found] == [[0, 1], [2, 3], []]
    assert [sorted(one.unheld) for one in found] == [[2, 3], [], []]


async def test_shards_of_a_dead_process_are_free_when_its_lease_ends_and_go_on_with_their_sessions(store, clock):
    await store.shards.renew(FIRST, {})
    await store.shards.renew(FIRST, {**NEW, 2: SESSION})
    pass_time(clock, LEASE - MOMENT)
    early = await store.shards.renew(SECOND, {})
    pass_time(clock, MOMENT)

    assert early.held == {}
    assert await store.shards.renew(SECOND, {}) == ShardAssignment(4, {**NEW, 2: SESSION})


async def test_who_comes_back_late_has_lost_what_another_took_and_changes_nothing_of_it(store, clock):
    await store.shards.renew(FIRST, {})
    pass_time(clock, LEASE)
    await store.shards.renew(SECOND, {})
    late = await store.shards.renew(FIRST, {0: SESSION})
    await store.shards.release(FIRST, {0: SESSION})

    assert (late.held, late.processes) == ({}, 2)
    assert await store.shards.renew(SECOND, NEW) == ShardAssignment(4, NEW, processes=2)


async def test_a_process_that_leaves_is_followed_at_once_with_the_sessions_it_leaves(store):
    await store.shards.renew(FIRST, {})
    await store.shards.renew(SECOND, {})
    await store.shards.release(FIRST, {**NEW, 1: SESSION}, leaving=True)

    assert await store.shards.read(BOT) == ShardOverview(4, {"p2": 0})
    assert await store.shards.renew(SECOND, {}) == ShardAssignment(4, {**NEW, 1: SESSION})


async def test_a_session_is_kept_as_far_as_it_went_and_one_that_ended_is_kept_no_more(store, clock):
    further = GatewaySession("s1", 18, "wss://resume")
    await store.shards.renew(FIRST, {})
    await store.shards.renew(FIRST, {**NEW, 0: SESSION, 1: SESSION})
    await store.shards.renew(FIRST, {**NEW, 0: further})
    pass_time(clock, LEASE)

    assert (await store.shards.renew(SECOND, {})).held == {**NEW, 0: further}


async def test_who_has_lived_for_a_while_is_given_its_part_of_what_another_has_too_much(store, clock):
    await store.shards.renew(FIRST, {})
    await store.shards.renew(SECOND, {})
    young = await store.shards.renew(FIRST, NEW)
    for _ in range(4):
        pass_time(clock, SETTLED / 4)
        await store.shards.renew(FIRST, NEW)
        await store.shards.renew(SECOND, {})
    settled = await store.shards.renew(FIRST, NEW)

    assert (young.surplus, settled.surplus) == (frozenset(), {2, 3})


async def test_the_count_in_force_stays_while_anybody_lives_and_then_another_begins_anew(store, clock):
    await store.shards.renew(FIRST, {})
    await store.shards.renew(FIRST, {**NEW, 0: SESSION})
    other = ShardHolder(BOT, "p2", 8)
    follows = await store.shards.renew(other, {})
    await store.shards.release(other, {}, leaving=True)
    pass_time(clock, LEASE)

    assert (follows.count, follows.held) == (4, {})
    assert await store.shards.renew(other, {}) == ShardAssignment(8, dict.fromkeys(range(8)))


async def test_who_can_only_do_with_another_count_does_not_join(store):
    await store.shards.renew(FIRST, {})
    exact = ShardHolder(BOT, "p2", 8, exact=True)

    assert await store.shards.renew(exact, {}) == ShardAssignment(4, {})
    assert await store.shards.read(BOT) == ShardOverview(4, {"p1": 4})


async def test_another_bot_has_shards_of_its_own(store):
    await store.shards.renew(FIRST, {})

    assert await store.shards.renew(ShardHolder("discord:8", "p1", 1), {}) == ShardAssignment(1, {0: None})
    assert await store.shards.read("discord:9") == ShardOverview()


async def test_in_each_bucket_one_session_begins_in_its_time(store, clock):
    first = await store.shards.claim_start(BOT, 0, SPACING)
    others = [await store.shards.claim_start(BOT, bucket, SPACING) for bucket in (1, 0)]
    pass_time(clock, SPACING)

    assert (first, others) == (timedelta(0), [timedelta(0), SPACING])
    assert await store.shards.claim_start(BOT, 0, SPACING) == timedelta(0)


async def test_a_heartbeat_is_one_unit_of_work_and_writes_no_session_that_has_not_changed(store):
    await store.shards.renew(FIRST, {})
    units, written = [], []
    engine = store.shards._engine

    class Watched:
        async def unit(self, work, **_patience):
            units.append(work)
            return await engine.unit(lambda sql: work(Counting(sql)))

    class Counting:
        def __init__(self, sql):
            self._sql = sql

        def __getattr__(self, name):
            return getattr(self._sql, name)

        def execute(self, statement, values):
            if "SET session" in statement:
                written.append(values["shard"])
            self._sql.execute(statement, values)

    store.shards._engine = Watched()
    sessions = dict.fromkeys(range(4), SESSION)
    await store.shards.renew(FIRST, sessions)
    await store.shards.renew(FIRST, {**sessions, 3: GatewaySession("s1", 18, "wss://resume")})

    assert (len(units), sorted(written)) == (2, [0, 1, 2, 3, 3])


async def test_of_processes_that_take_shards_at_the_same_time_no_two_hold_the_same(shared_url):
    stores = [await open_store(shared_url) for _ in range(3)]
    holders = [ShardHolder(BOT, f"p{number}", 16) for number in range(3)]
    for store, holder in zip(stores, holders, strict=True):
        await store.shards.renew(holder, {})
    await stores[0].shards.release(holders[0], dict.fromkeys(range(16)))

    found = await asyncio.gather(
        *(store.shards.renew(holder, {}) for store, holder in zip(stores, holders, strict=True))
    )
    held = sorted(shard for one in found for shard in one.held)
    for store in stores:
        await store.shut()

    assert held == list(range(16))
    assert max(len(one.held) for one in found) == 6


async def test_shards_whose_assignment_was_never_heard_of_go_on_with_the_sessions_that_are_written(store):
    await store.shards.renew(FIRST, {})
    await store.shards.renew(FIRST, {**NEW, 2: SESSION})
    await store.shards.release(FIRST, {**NEW, 2: SESSION}, leaving=True)
    await store.shards.renew(SECOND, {})  # its answer is lost

    assert (await store.shards.renew(SECOND, {})).held == {**NEW, 2: SESSION}
