"""The nursery: starts bots fast. It imports the house once, and forks a process for each bot.

`python -m tests.e2e.reliability.nursery` reads a line of JSON for each bot, and says when one has started or ended.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[3]
living: set[int] = set()
FOREIGN = ("CONFAB_", "SLACK_", "DISCORD_", "ANTHROPIC_", "DATABASE_", "DEATH", "CALLS", "MACHINE")


@dataclass(eq=False)
class Bot:
    """A process. `ended` is set once it is gone."""

    pid: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def signal(self, number: signal.Signals) -> None:
        if not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.ended.wait()


class Nursery:
    """The process that forks them, from the outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asked: dict[int, asyncio.Future[Bot]] = {}
        self._bots: dict[int, Bot] = {}

    async def bot(self, environment: Mapping[str, str], log: Path) -> Bot:
        """A new process with these settings; it writes its log there."""
        number = len(self._asked)
        self._asked[number] = asyncio.get_running_loop().create_future()
        order = {"number": number, "environment": dict(environment), "log": str(log)}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._asked[number]

    async def listen(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            told = json.loads(line)
            if "number" in told:
                bot = self._bots[told["pid"]] = Bot(told["pid"])
                self._asked[told["number"]].set_result(bot)
            else:
                self._bots.pop(told["pid"]).ended.set()

    async def clear(self) -> None:
        for bot in list(self._bots.values()):
            await bot.kill()


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery; every bot that still lives is killed at its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.e2e.reliability.nursery"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    opened = Nursery(process)
    listening = asyncio.create_task(opened.listen())
    try:
        yield opened
        await opened.clear()
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()
        await listening


def tell(**told: object) -> None:
    os.write(1, json.dumps(told).encode() + b"\n")


def reap(*_: object) -> None:
    """Tell of each that has ended."""
    with contextlib.suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) > 0:
            living.discard(pid)
            tell(pid=pid)


def be(order: Mapping[str, Any]) -> NoReturn:
    """Be a bot, and nothing else afterwards. The folder it runs in has no `.env`."""
    from tests.e2e.reliability import bot

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(order["environment"])
    log = os.open(order["log"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(0)
    os.chdir(Path(order["log"]).parent)
    try:
        asyncio.run(bot.main())
    except BaseException:
        traceback.print_exc()
    os._exit(0)


def main() -> None:
    """Fork a bot for each line, until there are no more; then end those that live."""
    from tests.e2e.reliability import bot  # noqa: F401  before the first fork

    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        order = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            be(order)
        living.add(pid)
        tell(number=order["number"], pid=pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for pid in tuple(living):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
