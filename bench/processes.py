"""A bot as a process of its own: started, measured, killed."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TICKS = os.sysconf("SC_CLK_TCK")  # of the processor's time, a second
OURS = ("bots", "run")


@dataclass(frozen=True, slots=True)
class Process:
    """A bot that runs."""

    id: int

    def cpu(self) -> float:
        """Seconds of processor time used so far, by all its threads."""
        user, system = Path(f"/proc/{self.id}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def peak(self) -> float:
        """The most memory that it had, in MB."""
        return self._memory("VmHWM")

    def memory(self) -> float:
        """What memory it has, in MB."""
        return self._memory("VmRSS")

    def _memory(self, name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{self.id}/status").read_text())
        assert found
        return int(found[1]) / 1024


@asynccontextmanager
async def process(arguments: tuple[str, ...], settings: Mapping[str, str], folder: Path) -> AsyncIterator[Process]:
    """`python -m` with `arguments` in `folder`, where its log stays; it is killed at the end."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    with (folder / "log").open("ab") as log:
        run = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        yield Process(run.pid)
    finally:
        if run.returncode is None:
            run.kill()
        await run.wait()
