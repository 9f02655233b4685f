"""Overhead: what a bot adds between somebody's question and Claude, and between Claude and what people see."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bench.asked import Asked
from bench.figures import Figure, at
from bench.sides import Side, both

THREADS = {0.0: 40, 0.12: 12}  # asked in turn, so that no question comes within the pace of its channel's last answer
WARM, COLD = (20, 200), 20  # messages of a thread
QUESTIONS = {0.0: 60, 0.12: 12}  # in each case, by the platform's latency in seconds
GOALS = {  # of the median, by the platform's latency, the phase, and what the case begins with
    (0.0, "question to request", "warm"): 1.2,
    (0.12, "question to request", "warm"): 0.5,
    (0.12, "question to request", "cold"): 1.1,  # one call, as the limit's
    (0.12, "question to request", "begun"): 0.12,  # none
    (
        0.12,
        "first token to first text",
        "discord",
    ): 1.05,  # one call, as the limit's; on Slack a short answer is held until it is whole
}

PHASES: dict[str, Callable[[Asked], float]] = {
    "question to request": lambda asked: asked.requested - asked.asked,
    "first token to first text": lambda asked: asked.first_shown - asked.first_token,
    "last token to final text": lambda asked: asked.last_shown - asked.last_token,
}
Threads = AsyncIterator[str]


async def overhead(platform: str, latency: float, folder: Path, questions: int = 0) -> list[Figure]:
    """Each case for both sides, question by question in turn."""
    count = questions or QUESTIONS[latency]
    figures: list[Figure] = []
    async with both(platform, folder) as sides:
        for side in sides:
            await side.warm(1)
            side.stage.delay(latency)
        for messages in WARM:
            threads = [await _warm(side, messages, min(count, THREADS[latency])) for side in sides]
            asked = await _asked(sides, threads, count)
            figures += _figures(platform, f"warm, {messages} messages", latency, asked)
        asked = await _asked(sides, [_cold(side) for side in sides], count)
        figures += _figures(platform, f"cold, {COLD} messages", latency, asked)
        asked = await _asked(sides, [_begun(side) for side in sides], count)
        figures += _figures(platform, "begun by the question", latency, asked)
    return figures


async def _warm(side: Side, messages: int, count: int) -> Threads:
    return _forever([await side.warm(messages) for _ in range(count)])


async def _forever(threads: list[str]) -> Threads:
    while True:
        for thread in threads:
            yield thread


async def _cold(side: Side) -> Threads:
    while True:
        yield await side.stage.thread(COLD)


async def _begun(side: Side) -> Threads:
    """A channel each, in which somebody asks who replies to nothing."""
    while True:
        yield await side.stage.thread(0)


async def _asked(sides: tuple[Side, Side], threads: list[Threads], count: int) -> list[list[Asked]]:
    asked: list[list[Asked]] = [[], []]
    for _ in range(count):
        for number, side in enumerate(sides):
            asked[number].append(await side.ask(await anext(threads[number])))
    return asked


def _figures(platform: str, case: str, latency: float, asked: list[list[Asked]]) -> list[Figure]:
    figures = []
    for phase, seconds in PHASES.items():
        limit, confab = ([1000 * seconds(one) for one in side] for side in asked)
        goals = (GOALS.get((latency, phase, kind)) for kind in (case[:4], case[:5], platform))
        goal = next(filter(None, goals), None)
        for name, part in (("p50", 0.5), ("p99", 0.99)):
            where = f"{platform}, {1000 * latency:g} ms a call, {case}"
            middle = goal if part == 0.5 else None
            figures.append(
                Figure("overhead", where, f"{phase}, {name}", "ms", at(limit, part), at(confab, part), middle)
            )
    return figures
