"""`make bench`, or `python -m bench [PART ...]`: measure, and write the report; of some parts only, print it.

It fails where a goal is missed by more than its noise.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import product
from pathlib import Path

from bench import report
from bench.calls import calls
from bench.cost import cost
from bench.engines import engines
from bench.figures import Figure
from bench.growth import growth
from bench.overhead import QUESTIONS, overhead
from bench.pages import pages
from bench.processes import ROOT
from bench.scale import grow, replicas
from bench.servers import servers
from bench.short import short
from bench.start import helped, start
from bench.throughput import throughput

PLATFORMS = ("slack", "discord")
OF_A_PLATFORM: dict[str, Callable[[str, Path], Awaitable[list[Figure]]]] = {
    "short": short,
    "throughput": throughput,
    "calls": calls,
    "start": start,
}
OF_A_FOLDER: dict[str, Callable[[Path], Awaitable[list[Figure]]]] = {
    "growth": growth,
    "pages": pages,
    "engines": engines,
    "servers": servers,
    "scale": replicas,
    "large": grow,
}
REASONS: dict[str, str] = {
    "overhead: question to request, p50": (
        "Before Claude is asked, a question is kept and claimed, and its worst cost is set aside: two writes that are "
        "on disk before the next step, which the limit has not. Where the platform takes its time this costs nothing."
    ),
    "short: question to request": (
        "Before Claude is asked, a question is on disk, claimed, and its worst cost set aside; of a thread that was never "
        "seen its messages are kept as well. Where the platform takes its time this is less than the call that it saves."
    ),
    "short: processor time a question": (
        "A short answer leaves little to spread the writes over: a question passes seven units of work, a fifth of "
        "its time is SQLite's thread, and the rest is spread over hundreds of functions, none of which takes two hundredths."
    ),
    "short: answers a second": (
        "On Discord Confab sends 48 requests a second at most, as Discord's documentation has it; the limit's bot sends all "
        "at once, and where the limits are kept, it loses four questions of five. On Slack it is what the processor allows."
    ),
    "throughput: processor time a question": (
        "Confab writes down six times a question what a restart needs, and hears of its own posts. Four of the "
        "milliseconds that it adds are SQLite's thread; reading Claude's stream costs it less than the limit."
    ),
    "scale: question to request": (
        "Who is told of a question and has no place keeps it, and tells the others with that transaction; the other one then "
        "passes the eleven units of work that each question in a fresh thread does, at one to three round trips each. Told to "
        "that one itself it takes nearly as long."
    ),
}
"""Why a figure may miss its goal, by its part and measure."""


async def measured(part: str, folder: Path) -> AsyncIterator[Sequence[Figure]]:
    """The figures of one part, as they come."""
    match part:
        case "overhead":
            for platform, latency in product(PLATFORMS, QUESTIONS):
                yield await overhead(platform, latency, folder / f"{platform}-{latency}")
        case "short" | "throughput" | "calls" | "start":
            for platform in PLATFORMS:
                yield await OF_A_PLATFORM[part](platform, folder / platform)
            if part == "start":
                yield helped()
        case _ if part in OF_A_FOLDER:
            yield await OF_A_FOLDER[part](folder)
        case "cost":
            yield await cost()
        case _:
            sys.exit(f"there is no part {part}; there are {', '.join(report.HEADINGS)}")


async def main(chosen: Sequence[str]) -> None:
    figures: list[Figure] = []
    for part in chosen or report.HEADINGS:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            async for some in measured(part, Path(folder)):
                figures += some
    docs = ROOT / "docs"
    print(report.tables(figures, REASONS, report.read_recorded(docs)))
    if not chosen:
        report.written(figures, REASONS, docs)
    if missed := report.list_missed(figures):
        sys.exit(missed)


if __name__ == "__main__":
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # the servers tell of each call that a bot gives up
    asyncio.run(main(sys.argv[1:]))
