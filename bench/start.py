"""Start: from a process's first moment until its bot is connected, until it has answered, and until it helps.

And the memory that it has then, at rest.
"""

import asyncio
import sys
import time
from pathlib import Path
from subprocess import DEVNULL, run

from bench.figures import Figure, at
from bench.processes import ROOT
from bench.sides import BOTS, Bot, Side, side

TIMES = 5
LEAST = 1.1  # times what the shortest honest bot takes, to the end of the first answer, and of memory then
REST = 1.0  # seconds after that answer
MEASURES = (
    ("process to connected, p50", "ms", None),
    ("process to first answer, p50", "ms", LEAST),
    ("memory after the first answer", "MB", LEAST),
)


async def start(platform: str, folder: Path, times: int = TIMES) -> list[Figure]:
    taken: dict[Bot, list[tuple[float, ...]]] = {bot: [] for bot in BOTS}
    for number in range(times):
        for bot in BOTS:
            place = folder / f"{bot}-{number}"
            place.mkdir(parents=True)
            async with side(platform, bot, place) as started:
                answered = started.started + await take_first_answer(started)
                await asyncio.sleep(REST)
                taken[bot].append((1000 * started.started, 1000 * answered, started.process.memory()))
    figures = []
    for which, (what, unit, goal) in enumerate(MEASURES):
        limit, confab = (at([one[which] for one in taken[bot]], 0.5) for bot in BOTS)
        figures.append(Figure("start", platform, what, unit, limit, confab, goal))
    return figures


async def take_first_answer(started: Side) -> float:
    """Seconds from a question that is asked as soon as the bot is connected to the end of its answer, without Claude's."""
    asked = await started.ask(await started.stage.thread(0))
    return asked.last_shown - asked.asked - (asked.last_token - asked.requested)


def helped(times: int = TIMES) -> list[Figure]:
    """`confab --help`, beside a Python that does nothing."""
    taken = [[_run(*arguments) for _ in range(times)] for arguments in (("-c", "pass"), ("-m", "bots", "--help"))]
    return [Figure("start", "`confab --help`", "p50", "ms", at(taken[0], 0.5), at(taken[1], 0.5))]


def _run(*arguments: str) -> float:
    began = time.perf_counter()
    run([sys.executable, *arguments], cwd=ROOT, stdout=DEVNULL, check=True)
    return 1000 * (time.perf_counter() - began)
