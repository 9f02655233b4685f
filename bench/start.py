"""Start: from a process's first moment until its bot is connected, until it has answered, and until it helps."""

import sys
import time
from pathlib import Path
from subprocess import DEVNULL, run

from bench.figures import Figure, at
from bench.processes import ROOT
from bench.sides import BOTS, Bot, Side, side

TIMES = 5
ANSWERED = 1.1  # times as long as the shortest honest bot, from the start to the end of the first answer
MEASURES: tuple[tuple[str, float | None], ...] = (("connected", None), ("first answer", ANSWERED))


async def start(platform: str, folder: Path, times: int = TIMES) -> list[Figure]:
    taken: dict[Bot, list[tuple[float, float]]] = {bot: [] for bot in BOTS}
    for number in range(times):
        for bot in BOTS:
            place = folder / f"{bot}-{number}"
            place.mkdir(parents=True)
            async with side(platform, bot, place) as started:
                taken[bot].append((started.started, started.started + await take_first_answer(started)))
    figures = []
    for which, (what, goal) in enumerate(MEASURES):
        limit, confab = (at([1000 * one[which] for one in taken[bot]], 0.5) for bot in BOTS)
        figures.append(Figure("start", platform, f"process to {what}, p50", "ms", limit, confab, goal))
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
