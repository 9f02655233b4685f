"""A question takes as few units of work as it can, and still misses nothing that changes meanwhile."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from core.answering.bot_loop_guard import BotLoopGuard
from core.answering.inbox import Inbox
from core.domain.events import Edited
from core.domain.messages import Asks, Outcome
from core.worker.worker import Worker
from tests.fakes.claude.script import Answer, Gate
from tests.support.house import at_once, house, working
from tests.support.waiting import let_others_run, until

NEEDED = {"ingest": 1, "claim_next": 1, "open": 1, "reserve": 1, "settle": 1, "record_page": 1, "close": 1}


class Counted:
    """A part of a store, whose calls are counted; `held` ones wait before their result is told."""

    def __init__(self, within, calls: Counter[str]) -> None:
        self._within, self._calls = within, calls
        self.held: dict[str, asyncio.Event] = {}
        self.ended = Counter[str]()

    def __getattr__(self, name):
        found = getattr(self._within, name)
        if not callable(found):
            return found

        async def call(*given, **named):
            self._calls[name] += 1
            result = await found(*given, **named)
            self.ended[name] += 1
            if name in self.held:
                await self.held[name].wait()
            return result

        return call


async def closed(store) -> None:
    async with asyncio.timeout(20):
        while (await store.questions.count_open())[0]:
            await asyncio.sleep(0.01)


def take_units(calls: Counter[str]) -> dict[str, int]:
    """What was called, without what a process does whether anybody asks or not."""
    aside = {"heartbeat", "count_open", "workspaces"}
    return {name: count for name, count in calls.items() if name not in aside}


async def test_a_question_in_a_known_thread_takes_seven_units_of_work(store, board, claude):
    calls = Counter[str]()
    parts = {name: Counted(getattr(store, name), calls) for name in ("questions", "threads", "ledger", "personas")}
    async with house(replace(store, **parts), claude, board, clock=board.now) as assistant:
        taken = []
        for number in range(6):
            await assistant.ingest(board.said("t1", "U1", f"question {number}"))
            await closed(store)
            taken.append(take_units(calls))
            calls.clear()

    assert NEEDED in taken  # the queue is polled besides, once a second


async def test_where_another_process_lives_on_a_file_it_is_looked_for_what_that_one_heard(store, board, claude):
    calls = Counter[str]()
    await store.questions.heartbeat("p2")
    async with house(
        replace(store, questions=Counted(store.questions, calls)), claude, board, clock=board.now
    ) as assistant:
        await assistant.worker.heartbeat()
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await closed(store)

    assert calls["join_waiting"] == 1


async def test_what_is_said_while_its_claim_is_on_its_way_is_answered_with_it(store, board, claude):
    calls = Counter[str]()
    questions = Counted(store.questions, calls)
    async with house(replace(store, questions=questions), claude, board, clock=board.now) as assistant:
        await assistant.worker.heartbeat()
        await until(lambda: questions.ended["claim_next"])  # which found nothing
        before = questions.ended["claim_next"]
        questions.held["claim_next"] = told = asyncio.Event()
        await assistant.ingest(board.said("t1", "U1", "hi"))
        await until(lambda: questions.ended["claim_next"] > before)
        await assistant.ingest(board.said("t1", "U1", "help"))
        told.set()
        await closed(store)

    assert board.shown("t1") == ["fine"]


async def test_the_worker_looks_again_only_where_something_may_be_left(store, board):
    calls = Counter[str]()
    begun: list[str] = []
    go = asyncio.Event()

    async def answer(claim, lease) -> None:
        begun.append(claim.question.name)
        await go.wait()
        lease.ended = await store.questions.close(claim, Outcome.SHOWN)

    class Unaided(Counted):
        async def heartbeat(self, *given, **named):
            """One that tells of nothing that waits."""
            return replace(await store.questions.heartbeat(*given, **named), waiting=False)

    questions = Unaided(store.questions, calls)
    worker = Worker(questions, answer, "p1", lambda: ["board"], sleep=at_once, poll=60.0)
    inbox = Inbox(questions, worker, BotLoopGuard((), store.bot_answers), board.now, timedelta())
    async with working(worker):
        await until(lambda: calls["claim_next"] == 1)
        for thread, person in (("t1", "U1"), ("t2", "U1"), ("t1", "U2")):  # the last one has to wait for the first
            looks = calls["claim_next"]
            await inbox.ingest(board.said(thread, person, "hello", asks=Asks.CERTAINLY))
            await until(lambda: calls["claim_next"] > looks)  # noqa: B023  before the next round
        await until(lambda: len(begun) == 2)
        looks = calls["claim_next"]
        go.set()
        await until(lambda: len(begun) == 3)
        await closed(store)
        ended = calls["claim_next"]

    assert looks == 4
    assert ended <= 8


async def test_words_that_come_while_an_answer_is_being_begun_again_are_not_shown(store, board, claude):
    calls, gate = Counter[str](), Gate(after=1)
    claude.script(Answer(text="old", gate=gate))
    claude.script(Answer(text="new"))
    async with house(
        replace(store, questions=Counted(store.questions, calls)), claude, board, clock=board.now
    ) as assistant:
        await assistant.worker.heartbeat()
        asked = board.said("t1", "U1", "hello")
        await assistant.ingest(asked)
        await gate.reached.wait()
        ((_, lease),) = assistant.worker._answering.values()
        async with lease.acting:  # which is waited for
            board.posts[asked.key] = [edited := replace(asked.message, text="hi", edited=board.now())]
            await assistant.ingest(Edited("x", asked.key, edited, Asks.CERTAINLY))
            await until(lambda: calls["join_waiting"])
            gate.opened.set()
            await until(lambda: claude.billed)
            await let_others_run()
        await closed(store)

    assert board.written == {asked.key: ["new"]}


async def test_who_begins_a_thread_is_introduced_while_its_tools_are_written_down(store, board, claude):
    calls = Counter[str]()
    threads = Counted(store.threads, calls)
    threads.held["remember_tools"] = told = asyncio.Event()
    async with house(replace(store, threads=threads), claude, board, clock=board.now) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await until(lambda: {"remember_tools", "remember_names", "remember_zone"} <= threads.ended.keys())
        told.set()
        await closed(store)

    assert (calls["remember_names"], calls["remember_zone"]) == (1, 1)
