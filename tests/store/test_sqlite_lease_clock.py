"""The clock that leases in a file count on: nobody's clock change moves it, and a start of the machine ends all leases.

Tests core.store.sqlite.lease_clock.
"""

from datetime import timedelta

import pytest

from core.domain.clock import steady_clock, system_clock
from core.store import open_store
from core.store.sqlite import connection
from core.store.sqlite.connection import DatabaseThread
from core.store.sqlite.lease_clock import open_lease_clock
from tests.support.talk import PLATFORMS, asked

STEP = timedelta(seconds=300)
INSTANT = timedelta(seconds=60)  # longer than a test takes


class Wall:
    """A machine's time of day, which somebody sets."""

    def __init__(self, by=timedelta()) -> None:
        self.by = by

    def __call__(self):
        return system_clock() + self.by


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/confab.db"


@pytest.mark.parametrize("step", [STEP, -STEP], ids=["forward", "back"])
async def test_a_machine_whose_clock_is_set_loses_no_claim_and_delays_no_takeover(url, step):
    wall = Wall()
    store, other = await open_store(url, wall=wall), await open_store(url, wall=wall, stale=timedelta())
    await store.questions.ingest(asked("1"))
    await store.questions.heartbeat("p")
    held = await store.questions.claim_next("p", PLATFORMS)
    wall.by = step

    assert await store.questions.claim_next("q", PLATFORMS) is None
    assert not (await store.questions.heartbeat("p")).late
    assert (await other.questions.claim_next("q", PLATFORMS)).question == held.question  # who stopped just now
    await store.shut()
    await other.shut()


async def test_processes_whose_clocks_differ_leave_each_other_their_claims(url):
    store, ahead = await open_store(url), await open_store(url, wall=Wall(STEP))
    behind = await open_store(url, wall=Wall(-STEP))
    await store.questions.ingest(asked("1"))
    for name, one in (("p", store), ("a", ahead), ("b", behind)):
        await one.questions.heartbeat(name)
    held = await behind.questions.claim_next("b", PLATFORMS)

    assert held is not None
    assert await ahead.questions.claim_next("a", PLATFORMS) is None
    assert (await store.questions.heartbeat("p")).processes == 3
    for one in (store, ahead, behind):
        await one.shut()


@pytest.fixture
async def db(path):
    engine = DatabaseThread(str(path))
    await engine.open()
    await engine.shut()
    with connection.Database(str(path), execute_plugins=False) as opened:
        yield opened


def test_all_processes_of_a_machine_read_the_same(db, tmp_path):
    boot = tmp_path / "boot"
    boot.write_text("one\n")
    first = open_lease_clock(db, system_clock, boot)
    second = open_lease_clock(db, Wall(STEP), boot)

    assert abs(second() - first()) < INSTANT


def test_after_a_start_it_begins_at_the_time_of_day_but_before_no_heartbeat(db, tmp_path):
    boot = tmp_path / "boot"
    boot.write_text("one\n")
    before = open_lease_clock(db, Wall(STEP), boot)()
    db.execute("INSERT INTO processes (process, beat_at) VALUES ('p', ?)", (before.isoformat(timespec="microseconds"),))
    boot.write_text("another\n")
    after_a_loss = open_lease_clock(db, Wall(-STEP), boot)()
    boot.write_text("a third\n")
    later = open_lease_clock(db, Wall(2 * STEP), boot)()

    assert timedelta() <= after_a_loss - before < INSTANT
    assert abs(later - system_clock() - 2 * STEP) < INSTANT


def test_where_starts_cannot_be_told_apart_it_is_the_time_of_day(db, tmp_path):
    wall = Wall(STEP)

    assert open_lease_clock(db, wall, tmp_path / "missing") is wall


def test_the_steady_clock_goes_on():
    first = steady_clock()

    assert timedelta() <= steady_clock() - first < INSTANT
