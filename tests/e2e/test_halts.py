"""A process stands still in the middle of its work, for long, and goes on: others work meanwhile, each answers once."""

import asyncio
import random
import signal
import time

import pytest

from tests.e2e.reliability.bot import SILENCE
from tests.e2e.reliability.halting import HALT, UNENDED
from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.pair import Pair, answer, ask, wrong
from tests.e2e.reliability.worlds import slack_world
from tests.support.databases import POSTGRES, SQLITE
from tests.support.waiting import until

LOCK = "SELECT coalesce((SELECT beat_at"
"""A heartbeat has read the last one: it holds the lock of all claims, and the server waits for more."""
UNSENT = "INSERT INTO processes (process, beat_at)"
"""The same heartbeat has written the new one, which goes along with what it asks next."""
HALF = f"{UNENDED}{LOCK}"
"""A heartbeat waits for the lock of all claims, or has it, and the server does not know that there is no more to come."""
LEASE = "'output_bound':"
"""A request to Claude is reserved: it holds the lock of the money, and a question whose turn is to be asked."""
NAMES = {LOCK: "lock", UNSENT: "open transaction", HALF: "half a statement", LEASE: "lease"}
FORMS = [pytest.param(HALF, 2.0, 4.0, id=NAMES[HALF])] + [
    pytest.param(words, silence, asleep, id=f"{name}, {asleep:g} seconds", marks=pytest.mark.reliability)
    for silence, asleep in ((4.0, 9.0), (10.0, 30.0))
    for words, name in NAMES.items()
]
"""Where a process stands, for how many seconds it may be silent, and for how many it stands."""
QUESTIONS = 6
ALL_SHOWN = "outcome = 'shown'"
AWAKE = 2.0  # seconds in which one that woke does what it would


def count_requests(pair: Pair) -> int:
    return sum(one.path == "/v1/messages" for one in pair.world.claude.requests)


async def halt(pair: Pair, words: str, silence: float, asleep: float) -> dict[str, float]:
    """Stop one of three processes after a statement, ask, and let it go on later. What was done meanwhile, and after."""
    file = pair.folder / "halt"
    pair.world.claude.answer = answer
    bot = await pair.start(**{SILENCE: str(silence), HALT: str(file)})
    for _ in range(2):
        await pair.start(**{SILENCE: str(silence), HALT: "never"})
    file.write_text(words)
    if words is not LEASE:
        await until(lambda: not file.exists(), seconds=20)
    began = time.monotonic()
    await ask(pair.world.slack, QUESTIONS, 1, random.Random(7), 0)
    await until(lambda: not file.exists(), seconds=20)
    await finish(pair, asleep)
    figures = {"shown meanwhile": pair.database.count("questions", ALL_SHOWN), "after": time.monotonic() - began}
    await asyncio.sleep(max(0.0, began + asleep - time.monotonic()))
    before = count_requests(pair)
    bot.signal(signal.SIGCONT)
    await finish(pair, 60)
    await asyncio.sleep(AWAKE)
    return {**figures, "asked by who woke": count_requests(pair) - before, "requests": count_requests(pair)}


async def finish(pair: Pair, seconds: float) -> None:
    end = time.monotonic() + seconds
    while pair.database.count("questions", ALL_SHOWN) < QUESTIONS and time.monotonic() < end:
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("databases", [POSTGRES], indirect=True)
@pytest.mark.parametrize(("words", "silence", "asleep"), FORMS)
async def test_while_a_process_stands_still_in_a_transaction_others_answer_and_it_does_nothing_of_that_when_it_wakes(
    tmp_path, databases, words, silence, asleep, record_property
):
    async with slack_world() as world, nursery() as bots:
        pair = Pair(world, bots, tmp_path, databases.of(tmp_path))
        figures = await halt(pair, words, silence, asleep)
        found = wrong(world.slack, pair.database)
        left = pair.database.count("requests", "state = 'reserved'")
    record_property("figures", {"what": f"stopped for {asleep:g} s, {NAMES[words]}", **figures, **found})

    assert (+found).total() == left == 0
    assert figures["shown meanwhile"] == QUESTIONS
    assert (figures["asked by who woke"], figures["requests"]) == (0, QUESTIONS)


@pytest.mark.reliability
@pytest.mark.parametrize("databases", [SQLITE], indirect=True)
async def test_who_stands_still_for_30_seconds_in_a_transaction_keeps_nobody_from_answering_once_in_the_end(
    tmp_path, databases, record_property
):
    async with slack_world() as world, nursery() as bots:
        pair = Pair(world, bots, tmp_path, databases.of(tmp_path))
        figures = await halt(pair, LOCK, 10.0, 30.0)
        found = wrong(world.slack, pair.database)
    record_property("figures", {"what": f"stopped in a transaction for 30 s, {databases}", **figures, **found})

    assert (+found).total() == pair.database.open == 0
    assert figures["requests"] == QUESTIONS
