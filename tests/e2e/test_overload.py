"""Overload: many ask at once, in many places. All are answered, nobody is starved, and what is held stays bounded.

`make reliability` asks 2,000 times; QUESTIONS chooses how many.
"""

import asyncio
import os
import resource
import time

from core.domain.events import Posted
from core.domain.messages import Asks, ThreadKey
from core.worker.fair_semaphore import FairSemaphore
from core.worker.worker import SLOTS as TAKEN
from tests.fakes.board import START, Board, Message
from tests.fakes.claude.script import Answer, Gate
from tests.support.databases import ENGINES
from tests.support.house import house

QUESTIONS = int(os.environ.get("QUESTIONS", "200"))
PER_THREAD = 4
WORKSPACES = ("board:w1", "board:w2")
CHANNELS = 5  # in each workspace


def asked(board: Board, key: ThreadKey) -> Posted:
    message = board.post(key, Message(board.number(), "U1", "hello", START))
    return Posted(f"e{message.id}", key, message, Asks.CERTAINLY)


def places() -> list[ThreadKey]:
    """The threads in which they ask, as the questions come: now here, now there."""
    threads = range(max(1, QUESTIONS // PER_THREAD))
    keys = [ThreadKey(WORKSPACES[n % 2], f"c{n // 2 % CHANNELS}", f"t{n}") for n in threads]
    return [keys[number % len(keys)] for number in range(QUESTIONS)]


async def closed(store, seconds: float = 300) -> None:
    async with asyncio.timeout(seconds):
        while (await store.questions.count_open())[0]:
            await asyncio.sleep(0.02)


@ENGINES
async def test_all_who_ask_at_once_are_answered_a_bounded_number_at_a_time(store, databases, board, claude, capsys):
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    events = [asked(board, key) for key in places()]
    for event in events:
        await store.questions.ingest(event)
    heard = time.perf_counter() - began
    tasks = 0
    async with house(store, claude, board) as assistant:
        closing = asyncio.create_task(closed(store))
        while not closing.done():
            tasks = max(tasks, len(assistant.worker._answering))
            await asyncio.sleep(0.01)
        await closing

    told = {key: [post for post in posts if not post.mine] for key, posts in board.posts.items()}
    answers = {key: [post.text for post in posts if post.mine] for key, posts in board.posts.items()}
    assert sum(map(len, told.values())) == QUESTIONS
    assert set(map(tuple, answers.values())) == {("fine",)}  # what waits in one thread is answered together
    assert tasks <= TAKEN
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with capsys.disabled():
        whole = time.perf_counter() - began
        print(
            f"\noverload, {databases}: {QUESTIONS} questions in {len(told)} threads, 0 lost, 0 doubled, heard in {heard:.1f} s, "
            f"answered in {whole:.1f} s, at most {tasks} at a time, {grown:.0f} MB more (with the servers)"
        )
    assert grown < 100


@ENGINES
async def test_no_more_than_its_places_are_with_claude_at_a_time(store, board, claude):
    gates = [Gate(after=1) for _ in range(3)]
    claude.script(*[Answer(text="fine", gate=gate) for gate in gates])
    async with house(store, claude, board, semaphore=FairSemaphore(2)) as assistant:
        for number in range(3):
            await assistant.ingest(asked(board, ThreadKey("board:w1", "c1", f"t{number}")))
        await asyncio.gather(*[gate.reached.wait() for gate in gates[:2]])
        await asyncio.sleep(0.05)
        assert not gates[2].reached.is_set()
        for gate in gates:
            gate.opened.set()
        await closed(store)


@ENGINES
async def test_a_question_elsewhere_is_answered_while_a_flood_in_one_channel_waits(store, board, claude):
    flood = [ThreadKey("board:w1", "c1", f"t{number}") for number in range(60)]
    alone = ThreadKey("board:w2", "c9", "alone")
    gate = Gate(after=1)
    claude.script(Answer(text="fine", gate=gate))
    async with house(store, claude, board, semaphore=FairSemaphore(1)) as assistant:
        for key in flood:
            await assistant.ingest(asked(board, key))
        await gate.reached.wait()
        await assistant.ingest(asked(board, alone))
        while len(assistant.worker._answering) <= len(flood):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        gate.opened.set()
        await closed(store)

    assert list(board.written).index(alone) < 5


@ENGINES
async def test_who_waits_for_a_place_is_told_and_answered_in_the_same_place(store, board, claude):
    gate = Gate(after=1)
    claude.script(Answer(text="fine", gate=gate))
    async with house(store, claude, board, semaphore=FairSemaphore(1, silent=0.05)) as assistant:
        await assistant.ingest(asked(board, ThreadKey("board:w1", "c1", "t1")))
        await gate.reached.wait()
        await assistant.ingest(asked(board, ThreadKey("board:w1", "c1", "t2")))
        while not board.shown("t2"):
            await asyncio.sleep(0.005)
        gate.opened.set()
        await closed(store)

    waited, answer = board.written[ThreadKey("board:w1", "c1", "t2")]
    assert "waits for its turn" in waited
    assert (answer, board.shown("t2")) == ("fine", ["fine"])
