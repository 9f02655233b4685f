"""Short answers, of 40 tokens: in threads that live, fresh and unseen ones, alone and under load."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.asked import Asked, Speech
from bench.figures import Figure, at, combine
from bench.sides import BOTS, Bot, Side, both, side

ROUNDS = 2  # each with processes of its own
LIVE = 50  # turns of a thread at its last question
BEGUN = 20  # turns that it has before its questions count
UNSEEN = 40  # messages of a thread that the bot never heard of
FRESH = 20  # questions that begin a thread, of each round
LATENCY = {"slack": 0.08, "discord": 0.12}  # seconds a call
AT_ONCE = Speech(size=160, pause=0.0)
STEADY = Speech(size=160, first=0.2, pause=0.01)  # 400 tokens a second
THREADS, QUESTIONS = 50, 200
GOALS = {
    ("slack", "live", "question to request"): 1.2,
    ("slack", "fresh", "question to request"): 1.5,
    ("slack", "unseen", "question to request"): 1.8,
    ("slack", "fresh", "last token to final text"): 1.2,
    ("slack", "fresh", "processor time a question"): 1.3,
    ("discord", "live", "question to request"): 1.5,
    ("discord", "fresh", "question to request"): 1.8,
}
"""Times the limit's."""
MOST = {
    ("slack", "live"): 13.0,
    ("slack", "fresh"): 15.0,
    ("discord", "live"): 12.0,
    ("discord", "fresh"): 15.0,
    ("discord", "unseen"): 140.0,
}
"""Milliseconds from question to request where calls take their time."""
PROCESSOR, ANSWERS, SLOWEST = 1.4, 0.9, 1.3  # times the limit's, under load
WITHIN_LIMITS = 24.0  # answers a second that Discord's documented limits leave: 48 requests a second, two an answer
PATIENCE = 120.0  # seconds after which a question under load counts as lost
KEPT = 60.0  # the same where Discord's limits are kept: what is lost there is never answered


async def short(platform: str, folder: Path, rounds: int = ROUNDS) -> list[Figure]:
    """Each figure is the median of its rounds."""
    found = []
    for number in range(rounds):
        place = folder / str(number)
        found.append([*await alone(platform, place), *await under_load(platform, place)])
    return combine(found)


async def alone(platform: str, folder: Path, fresh: int = FRESH, turns: int = LIVE) -> list[Figure]:
    """Both sides asked in turn, one question at a time: where calls take no time, and where they take theirs."""
    figures: list[Figure] = []
    async with both(platform, folder) as sides:
        for one in sides:
            one.questions.speech = AT_ONCE
            await one.warm(1)
        live = [await one.stage.thread(1) for one in sides]
        await _ask_in_turn(sides, lambda one: _name(live[sides.index(one)]), BEGUN // 2)
        for latency in (0.0, LATENCY[platform]):
            for one in sides if latency else ():
                one.stage.delay(latency)
            count = (turns - BEGUN) // 4  # two turns a question, half of them at each latency
            cases = {
                "live": await _ask_in_turn(sides, lambda one: _name(live[sides.index(one)]), count),
                "unseen": await _ask_in_turn(sides, lambda one: one.stage.thread(UNSEEN), count),
            }
            used = [one.process.cpu() for one in sides]
            cases["fresh"] = await _ask_in_turn(sides, lambda one: one.stage.thread(0), fresh)
            used = [one.process.cpu() - before for one, before in zip(sides, used, strict=True)]
            for case, asked in cases.items():
                figures += _time(platform, case, latency, asked)
            if not latency:
                figures.append(_use(platform, [1000 * seconds / fresh for seconds in used]))
    return figures


async def _name(thread: str) -> str:
    return thread


async def _ask_in_turn(
    sides: tuple[Side, Side], thread: Callable[[Side], Awaitable[str]], count: int
) -> list[list[Asked]]:
    asked: list[list[Asked]] = [[], []]
    for _ in range(count):
        for answers, one in zip(asked, sides, strict=True):
            answers.append(await one.ask(await thread(one)))
    return asked


def _time(platform: str, case: str, latency: float, asked: list[list[Asked]]) -> list[Figure]:
    """What a bot adds before Claude; where calls take no time, also what it adds after."""
    where = f"{platform}, {1000 * latency:g} ms a call, {case}"
    before = [at([1000 * (one.requested - one.asked) for one in side], 0.5) for side in asked]
    goal = GOALS.get((platform, case, "question to request"))
    if latency:
        most = MOST.get((platform, case))
        limit, goal = (None, most) if most else (before[0], None)
        return [Figure("short", where, "question to request", "ms", limit, before[1], goal)]
    after = [at([1000 * (one.last_shown - one.last_token) for one in side], 0.5) for side in asked]
    return [
        Figure("short", where, "question to request", "ms", before[0], before[1], goal),
        Figure(
            "short",
            where,
            "last token to final text",
            "ms",
            after[0],
            after[1],
            GOALS.get((platform, case, "last token to final text")),
        ),
    ]


def _use(platform: str, milliseconds: list[float]) -> Figure:
    measure = "processor time a question"
    return Figure(
        "short",
        f"{platform}, 0 ms a call, fresh",
        measure,
        "ms",
        milliseconds[0],
        milliseconds[1],
        GOALS.get((platform, "fresh", measure)),
    )


@dataclass(frozen=True, slots=True)
class Load:
    """What a bot did of many questions at once."""

    answered: int
    seconds: float
    processor: float
    """Seconds."""
    taken: list[float]
    """Milliseconds of each answer."""


async def under_load(platform: str, folder: Path, threads: int = THREADS, questions: int = QUESTIONS) -> list[Figure]:
    """One side after the other: the questions are too many for both at once."""
    limit, confab = [await _load(platform, bot, folder / "load", threads, questions) for bot in BOTS]
    case = f"{platform}, {questions} questions in {threads} threads"
    rate = [one.answered / one.seconds for one in (limit, confab)]
    used = [1000 * one.processor / questions for one in (limit, confab)]
    slowest = [at(one.taken, 0.99) for one in (limit, confab)]
    figures = [
        Figure("short", case, "answers a second", "", rate[0], rate[1], ANSWERS, more=True),
        Figure("short", case, "processor time a question", "ms", used[0], used[1], PROCESSOR),
        Figure("short", case, "an answer, p99", "ms", slowest[0], slowest[1], SLOWEST if platform == "slack" else None),
    ]
    if platform == "discord":
        others, kept = [await _load(platform, bot, folder / "limits", threads, questions, limited=True) for bot in BOTS]
        case, lost = f"{case}, Discord's limits kept", [questions - one.answered for one in (others, kept)]
        figures += [
            Figure("short", case, "answers a second", "", None, kept.answered / kept.seconds, WITHIN_LIMITS, more=True),
            Figure("short", case, "lost", "", lost[0], lost[1], 0),
        ]
    return figures


async def _load(platform: str, bot: Bot, folder: Path, threads: int, questions: int, *, limited: bool = False) -> Load:
    (folder / bot).mkdir(parents=True, exist_ok=True)
    async with side(platform, bot, folder / bot) as one:
        one.questions.speech = STEADY
        await one.warm(1)
        if limited:
            one.stage.keep_limits()
        places = [await one.stage.thread(0) for _ in range(threads)]
        taken: list[float] = []

        async def talk(thread: str) -> None:
            for _ in range(questions // threads):
                asked = await one.ask(thread)
                taken.append(1000 * (asked.last_shown - asked.asked))

        began, used = time.perf_counter(), one.process.cpu()
        talks = [asyncio.create_task(talk(thread)) for thread in places]
        await asyncio.wait(talks, timeout=KEPT if limited else PATIENCE)
        seconds, used = time.perf_counter() - began, one.process.cpu() - used
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        return Load(len(taken), seconds, used, taken or [1000 * PATIENCE])
