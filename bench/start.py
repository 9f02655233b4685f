"""Start: from a process's first moment until its bot is connected, and until it helps."""

import sys
import time
from pathlib import Path
from subprocess import DEVNULL, run

from bench.figures import Figure, at
from bench.processes import ROOT
from bench.sides import BOTS, Bot, side

TIMES = 5


async def start(platform: str, folder: Path, times: int = TIMES) -> list[Figure]:
    taken: dict[Bot, list[float]] = {bot: [] for bot in BOTS}
    for number in range(times):
        for bot in BOTS:
            place = folder / f"{bot}-{number}"
            place.mkdir(parents=True)
            async with side(platform, bot, place) as started:
                taken[bot].append(1000 * started.started)
    limit, confab = (at(taken[bot], 0.5) for bot in BOTS)
    return [Figure("start", platform, "process to connected, p50", "ms", limit, confab)]


def helped(times: int = TIMES) -> list[Figure]:
    """`confab --help`, beside a Python that does nothing."""
    taken = [[_run(*arguments) for _ in range(times)] for arguments in (("-c", "pass"), ("-m", "bots", "--help"))]
    return [Figure("start", "`confab --help`", "p50", "ms", at(taken[0], 0.5), at(taken[1], 0.5))]


def _run(*arguments: str) -> float:
    began = time.perf_counter()
    run([sys.executable, *arguments], cwd=ROOT, stdout=DEVNULL, check=True)
    return 1000 * (time.perf_counter() - began)
