"""Random worlds of schedules: added, paused and removed, while time leaps, two processes look and end, and Claude fails.

Tests core.jobs.schedules, core.store.places.schedules, core.store.rules.jobs.schedules, core.answering.tasks.scheduled_runs.
"""

import asyncio
import os
import random
import re
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from core.billing.ledger_rows import Scope, UsageRow
from core.domain.messages import ThreadKey
from core.jobs.schedules import ScheduleWorker
from core.store import open_store
from core.store.protocols import Store
from tests.fakes.board import START, Board
from tests.fakes.claude.script import Answer, Fault
from tests.fakes.claude.server import ClaudeFake
from tests.support.board_house import command
from tests.support.databases import POSTGRES, SQLITE, Databases
from tests.support.house import at_once, house
from tests.support.waiting import PATIENCE

WORLDS, STEPS = int(os.environ.get("SCHEDULE_WORLDS", "4")), 40
HERE = ThreadKey("board:w1", "c1", "")
TIMES = ("every 10 minutes", "every hour", "every 15 minutes", "every day at 10")
LEAPS = (0, 60, 300, 600, 900, 3600, 3 * 3600)  # seconds
FAULTS = (Fault(None), Fault(None, after=True), Fault(500), Fault(529))
HEADING = re.compile(r"Schedule (\d+) of (\w+ \d+ \w+ \d+, \d\d:\d\d)")


class World:
    """A board, Claude, a store, and two processes at a time, each of which may end."""

    def __init__(self, seed: int, store: Store, claude: ClaudeFake, board: Board) -> None:
        self.chance = random.Random(seed)
        self.store, self.claude, self.board = store, claude, board
        self.processes = 0
        self.given = 0
        self.rests: defaultdict[int, list[tuple[datetime, datetime | None]]] = defaultdict(list)
        """By number: when each schedule began to rest, and when it went on."""
        self._running: list[AsyncExitStack] = []
        self._workers: list[ScheduleWorker] = []
        self._assistants: list = []

    async def __aenter__(self) -> "World":
        for _ in range(2):
            await self._begin()
        return self

    async def __aexit__(self, *error: object) -> None:
        for one in self._running:
            await one.aclose()

    async def _begin(self) -> None:
        self.processes += 1
        stack = AsyncExitStack()
        process = f"p{self.processes}"
        opened = house(
            self.store, self.claude, self.board, process=process, clock=self.board.now, sleep=at_once, alone=False
        )
        assistant = await stack.enter_async_context(opened)
        self._running.append(stack)
        self._assistants.append(assistant)
        self._workers.append(ScheduleWorker(self.store.schedules, assistant.list_connected, assistant.worker.wake))

    async def take_step(self) -> None:
        steps = (self.add, self.pause, self.resume, self.remove, self.look, self.fail, self.die)
        (step,) = self.chance.choices(steps, (2, 2, 3, 1, 10, 3, 3))
        await step()
        self.board.slept(self.chance.choice(LEAPS))

    async def add(self) -> None:
        await self._give(f'schedule add "{self.chance.choice(TIMES)}" Say hello.')

    async def pause(self) -> None:
        await self._rest("pause")

    async def remove(self) -> None:
        await self._rest("remove")

    async def resume(self) -> None:
        await self._settle()
        for one in await self._choose():
            await self._give(f"schedule resume {one}")
            if self.rests[one]:
                began, ended = self.rests[one].pop()
                self.rests[one].append((began, ended or self.board.now()))

    async def look(self) -> None:
        """Both processes look for what is due, at once."""
        await asyncio.gather(*(one.leave_due() for one in self._workers))

    async def fail(self) -> None:
        self.claude.script(self.chance.choice(FAULTS))

    async def die(self) -> None:
        self._workers.pop(0)
        self._assistants.pop(0)
        await self._running.pop(0).aclose()
        await self._begin()

    async def _rest(self, what: str) -> None:
        """Pause or remove one, once nothing waits that was due before."""
        await self._settle()
        for one in await self._choose():
            await self._give(f"schedule {what} {one}")
            if not self.rests[one] or self.rests[one][-1][1] is not None:
                self.rests[one].append((self.board.now(), None))

    async def _choose(self) -> list[int]:
        known = [one.number for one in await self.store.schedules.list(HERE)]
        return [self.chance.choice(known)] if known else []

    async def _give(self, line: str) -> None:
        self.given += 1
        await self._assistants[-1].ingest(command(line, name=f"k{self.given}"))
        await self._settle()

    async def _settle(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while (await self.store.questions.count_open())[0]:
                for one in self._assistants:
                    await one.worker.heartbeat()
                    one.worker.wake()
                await asyncio.sleep(0.002)

    async def settle(self) -> None:
        await self.look()
        await self._settle()

    def list_runs(self) -> list[tuple[int, datetime]]:
        """The number and the time of each run that people see."""
        texts = [one.text for said in self.board.posts.values() for one in said if one.mine]
        found = [match for text in texts if (match := HEADING.search(text.partition("\n")[0]))]
        return [(int(one[1]), datetime.strptime(one[2], "%a %d %b %Y, %H:%M").replace(tzinfo=UTC)) for one in found]

    def rested(self, number: int, at: datetime) -> bool:
        return any(began < at and (ended is None or at < ended) for began, ended in self.rests[number])


@pytest.mark.parametrize("engine", [SQLITE, pytest.param(POSTGRES, marks=pytest.mark.reliability)])
@pytest.mark.parametrize("seed", range(WORLDS))
async def test_whatever_happens_each_time_of_a_schedule_comes_once_and_is_paid_exactly(tmp_path, engine, seed):
    board = Board()
    with Databases(engine) as databases:
        world, spent, billed = await live(seed, board, databases.of(tmp_path).url)
    runs = world.list_runs()

    assert runs
    assert [one for one, count in Counter(runs).items() if count > 1] == []
    assert [(number, at) for number, at in runs if world.rested(number, at)] == []
    assert all(START <= at <= board.now() for _, at in runs)
    assert spent is not None
    assert spent.micro_usd >= billed if spent.died else spent.micro_usd == billed


async def live(seed: int, board: Board, url: str) -> tuple[World, UsageRow | None, int]:
    """A world from its first schedule to its end, what its ledger says, and what Claude billed, in micro-dollars."""
    store = await open_store(url, clock=board.now, stale=timedelta(days=9))
    async with ClaudeFake() as claude:
        claude.answer = lambda _body: Answer(text="hello")
        async with World(seed, store, claude, board) as world:
            await world.add()
            for _ in range(STEPS):
                await world.take_step()
            await world.settle()
        (spent,) = await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9999), "model") or (None,)
        billed = sum(one.micro_usd for one in claude.billed)
    await store.shut()
    return world, spent, billed
