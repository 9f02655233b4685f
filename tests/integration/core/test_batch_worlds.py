"""Random worlds of batches: given, started, stopped, deleted and asked again, while Claude's API fails and processes end.

Tests core.jobs.worker, core.jobs.submission, core.jobs.collection, core.store.rules.jobs.batches,
core.store.rules.jobs.endings.
"""

import asyncio
import os
import random
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.events import Deleted, Pressed
from core.domain.messages import Attachment
from core.store import open_store
from core.store.protocols import Store
from tests.fakes.board import START, Board
from tests.fakes.claude.script import Answer, Fault, last_words
from tests.fakes.claude.server import ClaudeFake
from tests.support.board_house import command, key
from tests.support.house import house
from tests.support.waiting import PATIENCE

WORLDS, STEPS = int(os.environ.get("BATCH_WORLDS", "6")), 25
LINGER = timedelta(minutes=10)  # on the board's clock, some seconds here: longer than a request is on its way
PATHS = ("/v1/messages/batches", "GET /v1/messages/batches", "DELETE /v1/messages/batches")
FAULTS = (Fault(None), Fault(None, after=True), Fault(500), Fault(529, after=True), Fault(429, "rate_limit_error"))


class World:
    """A board, Claude, a store, and one process after the other."""

    def __init__(self, seed: int, store: Store, claude: ClaudeFake, board: Board) -> None:
        self.chance = random.Random(seed)
        self.store, self.claude, self.board = store, claude, board
        self.processes, self.presses = 0, 0
        self.given = 0
        self.erased: set[str] = set()

    async def __aenter__(self) -> "World":
        await self._begin()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._running.aclose()

    async def _begin(self) -> None:
        self.processes += 1
        self._running = AsyncExitStack()
        process = f"p{self.processes}"
        self.assistant = await self._running.enter_async_context(
            house(self.store, self.claude, self.board, process=process, alone=False, batch_requests=2, linger=LINGER)
        )

    async def take_step(self) -> None:
        step = self.chance.choice(
            [
                self.give,
                self.start,
                self.start,
                self.stop,
                self.delete,
                self.retry,
                self.fail,
                self.die,
                self.end,
                self.wait,
            ]
        )
        await step()
        await asyncio.sleep(self.chance.choice((0, 0.01, 0.05)))
        self.board.slept(self.chance.choice((0, 1, 30)))

    async def give(self) -> None:
        self.given += 1
        name, rows = f"b{self.given}", self.chance.randint(1, 5)
        table = ("text\n" + "".join(f"{name}-{number}\n" for number in range(rows))).encode()
        self.board.files[name] = table
        file = Attachment(name, "a.csv", "text/csv", len(table))
        await self.assistant.ingest(command("batch Say {text}", name=name, attachments=(file,)))

    async def start(self) -> None:
        await self._press(Control.START, f"b{self.chance.randint(1, max(1, self.given))}")

    async def stop(self) -> None:
        if run := await self._choose_run():
            await self._press(Control.STOP, run)

    async def retry(self) -> None:
        if run := await self._choose_run():
            await self._press(Control.RETRY_FAILED, run)

    async def delete(self) -> None:
        name = f"b{self.chance.randint(1, max(1, self.given))}"
        if self.chance.random() < 0.5 and name not in self.erased:
            self.erased.add(name)
            await self.assistant.ingest(Deleted(f"gone-{name}", key(), name, self.board.now()))

    async def fail(self) -> None:
        self.claude.script(self.chance.choice(FAULTS), path=self.chance.choice(PATHS))

    async def die(self) -> None:
        await self._running.aclose()
        await self._begin()

    async def end(self) -> None:
        some = [one.id for one in self.claude.batches.given.values() if one.status != "ended"]
        if some:
            self.claude.batches.end(self.chance.choice(some))

    async def wait(self) -> None:
        await asyncio.sleep(0.1)

    async def settle(self) -> None:
        """Let all end that was begun."""
        self.claude.batches.seconds = 0.0
        async with asyncio.timeout(PATIENCE):
            while not await self._is_settled():
                self.board.slept(20)
                await asyncio.sleep(0.05)

    async def _is_settled(self) -> bool:
        waits = await self.store.batches.count_due() + (await self.store.questions.count_open())[0]
        jobs = await self.store.jobs.list_newest(key(), 99)
        return not waits and all(one.state.value in {"offered", "closed"} for one in jobs)

    async def _press(self, control: Control, subject: str) -> None:
        self.presses += 1
        await self.assistant.ingest(
            Pressed(f"s{self.presses}", key(), "U1", control, subject, self.board.now(), '{"press": 1}')
        )

    async def _choose_run(self) -> str | None:
        runs = [one.run for one in await self.store.jobs.list_newest(key(), 99) if one.run]
        return self.chance.choice(runs) if runs else None


def list_results(board: Board) -> Counter[str]:
    """How often each file of results was posted."""
    return Counter(file.name for files in board.hung.values() for file in files if file.name.startswith("batch-"))


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_whatever_happens_batches_are_made_once_paid_exactly_posted_once_and_deleted(tmp_path, seed):
    board = Board()
    store = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=board.now, stale=timedelta(seconds=1))
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(text=f"said {last_words(body)}")
        claude.batches.seconds = None
        async with World(seed, store, claude, board) as world:
            for _ in range(STEPS):
                await world.take_step()
            await world.settle()
        await claude.settled()
        (spent,) = await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9999), "model") or (None,)
        jobs = await store.jobs.list_newest(key(), 99)
        tokens = Counter(str(one.requests[0]["custom_id"]).rpartition("-")[0] for one in claude.batches.ever)
        billed = sum(one.micro_usd for one in claude.billed)
    await store.shut()

    assert claude.batches.given == {}
    assert [token for token, count in tokens.items() if count > 1] == []
    assert spent is None or (spent.micro_usd >= billed if spent.died else spent.micro_usd == billed)
    assert [name for name, count in list_results(board).items() if count > 1] == []
    assert {one.state.value for one in jobs} <= {"offered", "closed"}
