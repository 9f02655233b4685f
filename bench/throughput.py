"""Throughput: many people ask in many threads at once."""

import asyncio
import time
from pathlib import Path

from bench.asked import Speech
from bench.figures import Figure
from bench.sides import BOTS, Bot, side

THREADS, QUESTIONS = 50, 200
SPEECH = Speech(size=500, first=0.2, pause=0.01)  # 400 tokens a second
GOAL = 1.5  # times the limit's processor time


async def throughput(platform: str, folder: Path, threads: int = THREADS, questions: int = QUESTIONS) -> list[Figure]:
    """One side after the other: the questions are too many for both at once."""
    found = {bot: await _one(platform, bot, folder, threads, questions) for bot in BOTS}
    case = f"{platform}, {questions} questions in {threads} threads"
    rows = (("questions a second", "", None), ("processor time a question", "ms", GOAL), ("peak memory", "MB", None))
    return [
        Figure("throughput", case, measure, unit, found["limit"][number], found["confab"][number], goal)
        for number, (measure, unit, goal) in enumerate(rows)
    ]


async def _one(platform: str, bot: Bot, folder: Path, threads: int, questions: int) -> tuple[float, float, float]:
    """Questions a second, milliseconds of the processor a question, MB."""
    (folder / bot).mkdir(parents=True, exist_ok=True)
    async with side(platform, bot, folder / bot) as asked:
        asked.questions.speech = SPEECH
        await asked.warm(1)
        places = [await asked.stage.thread(5) for _ in range(threads)]
        began, used = time.perf_counter(), asked.process.cpu()

        async def talk(thread: str) -> None:
            for _ in range(questions // threads):
                await asked.ask(thread)

        await asyncio.gather(*(talk(thread) for thread in places))
        seconds, used = time.perf_counter() - began, asked.process.cpu() - used
        return questions / seconds, 1000 * used / questions, asked.process.peak()
