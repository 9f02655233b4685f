"""A hold is sure while the last beat counts; afterwards only the next beat tells whose it is."""

import asyncio
from datetime import timedelta

import pytest

from core.worker.lease import Dropped, Hold, Life

LEASE = timedelta(seconds=5)


@pytest.fixture
def life(clock):
    life = Life(clock)
    life.beaten(clock.now + LEASE)
    return life


async def test_a_hold_is_sure_while_the_last_beat_counts(life, clock):
    clock.tick(4.9)

    await Hold(life).sure()

    assert life.left == pytest.approx(0.1)


@pytest.mark.parametrize("dropped", [False, True])
async def test_after_that_it_waits_for_the_next_beat_which_tells_whose_it_is(life, clock, dropped):
    hold = Hold(life)
    clock.tick(5)
    looking = asyncio.create_task(hold.sure())
    await asyncio.sleep(0)
    assert not looking.done()

    if dropped:
        hold.drop()
    life.beaten(clock.now + LEASE)
    (end,) = await asyncio.gather(looking, return_exceptions=True)

    assert type(end) is (Dropped if dropped else type(None))


async def test_before_its_first_beat_a_process_is_sure_of_nothing(clock):
    looking = asyncio.create_task(Hold(Life(clock)).sure())
    await asyncio.sleep(0)

    assert not looking.done()
    looking.cancel()
