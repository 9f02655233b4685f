"""Live figures (bots.web.dashboard.figures.live): one reading for all who look, bounded streams, an end at once."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from bots.web.dashboard.figures.live import ALL, EACH, LiveFigures
from bots.web.site.site import PageRefused
from core.domain.errors import StoreUnavailable
from core.store.records.reports.live import Pulse
from tests.support.waiting import let_others_run, until

START = datetime(2026, 11, 20, tzinfo=UTC)


class Readings:
    """Workspaces as they are read: which, how often, and a gate between two readings."""

    def __init__(self):
        self.read: list[str] = []
        self.gate = asyncio.Semaphore(0)
        self.troubles: list[Exception] = []
        self.live = LiveFigures(self.take, self.wait)

    async def take(self, workspace, _since):
        self.read.append(workspace)
        if self.troubles:
            raise self.troubles.pop()
        return Pulse(done={1: len(self.read)})

    async def wait(self, _seconds):
        await self.gate.acquire()

    async def look(self, workspace, seen):
        async with aclosing(self.live.follow(workspace, lambda: START)) as pulses:
            async for pulse in pulses:
                seen.append(pulse.done[1])


async def test_fifty_windows_on_a_workspace_cost_one_reading_an_interval():
    readings, seen = Readings(), []
    windows = [asyncio.create_task(readings.look("w1", seen)) for _ in range(50)]
    await until(lambda: len(seen) == 50)
    readings.gate.release()
    await until(lambda: len(seen) == 100)
    readings.live.close()
    await asyncio.gather(*windows)

    assert readings.read == ["w1", "w1"]
    assert sorted(seen) == [1] * 50 + [2] * 50


async def test_a_workspace_at_which_nobody_looks_any_more_is_read_no_more():
    readings, seen = Readings(), []
    window = asyncio.create_task(readings.look("w1", seen))
    await until(lambda: seen)
    window.cancel()
    await asyncio.gather(window, return_exceptions=True)
    readings.gate.release()
    await let_others_run()
    read = list(readings.read)
    again = asyncio.create_task(readings.look("w1", seen))
    await until(lambda: len(seen) == 2)
    readings.live.close()
    await again

    assert read == ["w1"]


async def test_figures_go_on_after_a_database_that_was_away():
    readings, seen = Readings(), []
    readings.troubles = [StoreUnavailable("away"), RuntimeError("a bug")]
    window = asyncio.create_task(readings.look("w1", seen))
    await until(lambda: len(readings.read) == 1)
    readings.gate.release()
    readings.gate.release()
    await until(lambda: seen)
    readings.live.close()
    await window

    assert seen == [3]


async def test_at_the_end_windows_are_let_go_at_once_and_none_is_let_in():
    readings, seen = Readings(), []
    windows = [asyncio.create_task(readings.look(f"w{n}", seen)) for n in range(3)]
    await until(lambda: len(seen) == 3)
    readings.live.close()
    await asyncio.wait_for(asyncio.gather(*windows), 5)

    with pytest.raises(PageRefused), readings.live.count_stream(1):
        pass
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("live") and not task.cancelling()]


def test_a_session_has_four_streams_and_a_process_sixty_four():
    live, held = LiveFigures(Readings().take), []
    for number in range(ALL):
        held.append(live.count_stream(number // EACH))
        held[-1].__enter__()

    refused = 0
    for number in (0, 999):
        try:
            with live.count_stream(number):
                pass
        except PageRefused as error:
            refused += error.status == 429
    held.pop().__exit__(None, None, None)
    with live.count_stream(999):
        pass

    assert refused == 2
