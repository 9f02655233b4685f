"""A hold is sure while the last beat counts; afterwards only the next beat tells whose it is."""

import asyncio
from datetime import timedelta

import pytest

from core.domain.errors import LeaseLost
from core.worker.lease import ProcessLease, QuestionLease

LEASE = timedelta(seconds=5)


@pytest.fixture
def process_lease(clock):
    process_lease = ProcessLease(clock)
    process_lease.renew(clock.now + LEASE)
    return process_lease


async def test_a_hold_is_sure_while_the_last_beat_counts(process_lease, clock):
    clock.tick(4.9)

    await QuestionLease(process_lease).ensure_held()

    assert process_lease.left == pytest.approx(0.1)


@pytest.mark.parametrize("dropped", [False, True])
async def test_after_that_it_waits_for_the_next_beat_which_tells_whose_it_is(process_lease, clock, dropped):
    lease = QuestionLease(process_lease)
    clock.tick(5)
    looking = asyncio.create_task(lease.ensure_held())
    await asyncio.sleep(0)
    assert not looking.done()

    if dropped:
        lease.drop()
    process_lease.renew(clock.now + LEASE)
    (end,) = await asyncio.gather(looking, return_exceptions=True)

    assert type(end) is (LeaseLost if dropped else type(None))


async def test_before_its_first_beat_a_process_is_sure_of_nothing(clock):
    looking = asyncio.create_task(QuestionLease(ProcessLease(clock)).ensure_held())
    await asyncio.sleep(0)

    assert not looking.done()
    looking.cancel()
