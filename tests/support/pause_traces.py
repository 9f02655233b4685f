"""Traces of how teams pause: threads of questions, each with its time in seconds and the tokens of its prompt."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.billing.cache_lifetimes import LIFETIMES, LONGER, READ, TTL, WRITE

BEGINNING, QUESTION, ANSWER = 1_900, 100, 300  # tokens, about: what stands before all turns with the first question
REQUESTS = 900  # of each kind, so that none outweighs the others
HOUR, DAY = 3600.0, 86_400.0
START = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a thread."""

    thread: int
    turn: int
    at: float
    size: int


Trace = Sequence[Asked]
"""In the order of time."""
Choose = Callable[[Asked, Sequence[Asked]], TTL]
"""A lifetime for a question, after those of its thread that came before."""


def at(one: Asked) -> datetime:
    return START + timedelta(seconds=one.at)


def generate_traces(seed: int) -> dict[str, Trace]:
    """Six kinds: two who go back and forth, slow threads, a working day, a night on call, a long tail, all of them."""
    dice = random.Random(seed)

    def about(median: float, spread: float) -> float:
        return dice.lognormvariate(math.log(median), spread)

    def pair() -> tuple[float, list[float]]:
        return dice.uniform(0, 5 * DAY), [about(45, 0.7) for _ in range(dice.randint(10, 30))]

    def slow() -> tuple[float, list[float]]:
        return dice.uniform(0, 5 * DAY), [about(1300, 0.5) for _ in range(dice.randint(5, 20))]

    def office() -> tuple[float, list[float]]:
        begun = dice.randrange(5) * DAY + dice.uniform(9, 17) * HOUR
        gaps = [about(120, 0.9) if dice.random() < 0.8 else about(3000, 1) for _ in range(int(dice.expovariate(1 / 5)))]
        return begun, gaps

    def night() -> tuple[float, list[float]]:
        begun = dice.randrange(8) * DAY + dice.uniform(20, 28) * HOUR
        return begun, [
            about(100, 0.6) if dice.random() < 0.85 else about(9000, 0.7) for _ in range(dice.randint(4, 16))
        ]

    def tail() -> tuple[float, list[float]]:
        many = min(80, int(dice.paretovariate(1.1) - 1))
        return dice.uniform(0, 5 * DAY), [60 * dice.paretovariate(0.6) for _ in range(many)]

    kinds = {"rapid pair": pair, "slow thread": slow, "office day": office, "on-call night": night, "long tail": tail}

    def mixed() -> tuple[float, list[float]]:
        return dice.choice(list(kinds.values()))()

    return {name: _gather(dice, draw) for name, draw in [*kinds.items(), ("mixed", mixed)]}


def bill(trace: Trace, choose: Choose, since: float = 0.0) -> float:
    """What the input of a trace costs from that time on, in tokens at the price of input."""
    cost, before = 0.0, dict[int, tuple[list[Asked], TTL]]()
    for one in trace:
        past, ttl = before.get(one.thread, ([], "5m"))
        kept = past[-1].size if past and one.at - past[-1].at < LIFETIMES[ttl].total_seconds() else 0
        ttl = choose(one, past)
        write = WRITE + (LONGER if ttl == "1h" else 0)
        cost += (READ * kept + write * (one.size - kept)) if one.at >= since else 0
        before[one.thread] = ([*past, one], ttl)
    return cost


def know_future(trace: Trace) -> Choose:
    """The best choice in hindsight: an hour where the next question of the thread comes after a middle pause."""
    followed = {(one.thread, one.turn - 1): one.at for one in trace}

    def choose(one: Asked, _past: Sequence[Asked]) -> TTL:
        gap = followed.get((one.thread, one.turn), math.inf) - one.at
        return "1h" if LIFETIMES["5m"].total_seconds() <= gap < LIFETIMES["1h"].total_seconds() else "5m"

    return choose


def _gather(dice: random.Random, draw: Callable[[], tuple[float, list[float]]]) -> Trace:
    found: list[Asked] = []
    thread = 0
    while len(found) < REQUESTS:
        found += _thread(dice, thread, *draw())
        thread += 1
    return sorted(found, key=lambda one: one.at)


def _thread(dice: random.Random, number: int, begun: float, gaps: Sequence[float]) -> Iterator[Asked]:
    when, size = begun, int(BEGINNING * dice.uniform(0.8, 1.5))
    yield Asked(number, 0, when, size)
    for turn, gap in enumerate(gaps, 1):
        when += gap
        size += int(ANSWER * dice.uniform(0.5, 1.8)) + int(QUESTION * dice.uniform(0.5, 2))
        yield Asked(number, turn, when, size)
