"""The nursery: starts bots that can be killed at any point, and lets none outlive a test."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support import fork_server

FOREIGN = (
    *("CONFAB_", "SLACK_", "DISCORD_", "ANTHROPIC_", "DATABASE_"),
    *("DEATH", "CALLS", "MACHINE", "LEASE", "CLOCK", "SILENCE", "HALT"),
)


class Bot:
    """A process. `ended` is set once it is gone."""

    def __init__(self, process: fork_server.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.ended: asyncio.Event = process.ended

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self._process.kill()
        await self.ended.wait()


class Nursery:
    """All the bots of a test."""

    def __init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self._environment = kept | {"PYTHONPATH": str(fork_server.ROOT)}
        self._bots: list[Bot] = []

    async def bot(self, environment: Mapping[str, str], log: Path) -> Bot:
        """A new process with these settings; it writes its log there. The folder it runs in has no `.env`."""
        with log.open("ab") as file:
            process = await fork_server.start(
                program="tests.e2e.reliability.bot", environment={**self._environment, **environment},
                folder=log.parent, stdout=file.fileno(), stderr=file.fileno(),
            )  # fmt: skip
        self._bots.append(Bot(process))
        return self._bots[-1]

    async def clear(self) -> None:
        for bot in self._bots:
            await bot.kill()


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery; every bot that still lives is killed at its end."""
    opened = Nursery()
    try:
        yield opened
    finally:
        await opened.clear()
