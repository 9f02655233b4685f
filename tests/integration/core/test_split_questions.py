"""A question in pieces is one: what is added or edited while no word of the answer is visible belongs to it.

Tests core.answering.responder, core.answering.inbox, core.store.rules.companions and core.worker.worker.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.answering.responder import BEGUN_AGAIN
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.events import Deleted, Edited
from core.domain.messages import Asks
from core.store.rules.claims import STALE
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Fault, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.support.board_house import closed, command, messages, spent
from tests.support.house import Haste, house
from tests.support.waiting import until


def thinking() -> Gate:
    """Claude was asked, and says nothing yet."""
    return Gate(after=0)


async def asked(claude, times: int) -> None:
    await until(lambda: len(messages(claude)) >= times)


def lasts(claude) -> list[str]:
    """The last turn of each request."""
    return [request[-1][1] for request in messages(claude)]


async def test_what_is_added_while_claude_thinks_is_answered_in_one_reply(assistant, board, claude, store):
    claude.script(Answer(text="never", gate=thinking()), Answer(text="never", gate=thinking()))
    for number, text in enumerate(("hi", "can you help me", "with my CV?"), 1):
        await assistant.ingest(board.said("t1", "U1", text))
        await asked(claude, number)
    await board.until("t1", "fine")
    await closed(store)

    assert lasts(claude) == [
        "Ada: hi",
        "Ada: hi\nAda: can you help me",
        "Ada: hi\nAda: can you help me\nAda: with my CV?",
    ]
    (line,) = await spent(store)
    assert (line.requests, line.died) == (3, 2)
    assert board.written[next(iter(board.written))] == ["fine"]


async def test_the_next_question_begins_with_what_was_told(assistant, board, claude, store):
    claude.script(Answer(text="never", gate=thinking()))
    await assistant.ingest(board.said("t1", "U1", "hi"))
    await asked(claude, 1)
    await assistant.ingest(board.said("t1", "U1", "and?", asks=Asks.PERHAPS))
    await closed(store)
    await assistant.ingest(board.said("t1", "U1", "so"))
    await closed(store)

    assert messages(claude)[-1] == [("user", "Ada: hi\nAda: and?"), ("assistant", "fine"), ("user", "Ada: so")]


async def test_what_is_added_once_words_are_visible_gets_its_own_answer(assistant, board, claude, store):
    gate = Gate(after=4)
    claude.script(Answer(text="the first answer", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "hi"))
    await gate.reached.wait()
    await board.until("t1", "the f")
    await assistant.ingest(board.said("t1", "U1", "more"))
    gate.opened.set()
    await closed(store)

    assert board.shown("t1") == ["the first answer", "fine"]
    assert lasts(claude) == ["Ada: hi", "Ada: more"]


async def test_what_others_add_does_not_join_nor_what_stands_behind_it(assistant, board, claude, store):
    gate = thinking()
    claude.script(Answer(text="to Ada", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "hi"))
    await asked(claude, 1)
    await assistant.ingest(board.said("t1", "U2", "me too"))
    await assistant.ingest(board.said("t1", "U1", "with my CV?"))
    gate.opened.set()
    await closed(store)

    assert lasts(claude) == ["Ada: hi", "Bob: me too", "Ada: with my CV?"]
    assert board.shown("t1") == ["to Ada", "fine", "fine"]


async def test_a_command_in_between_is_no_part_of_the_question(assistant, board, claude, store):
    gate = thinking()
    claude.script(Answer(text="hello", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "hi"))
    await asked(claude, 1)
    await assistant.ingest(command("persona show", private=True))
    gate.opened.set()
    await closed(store)

    assert lasts(claude) == ["Ada: hi"]


async def test_an_edit_before_the_first_word_is_what_is_answered(assistant, board, claude, store):
    claude.script(Answer(text="never", gate=thinking()))
    event = board.said("t1", "U1", "teh?")
    await assistant.ingest(event)
    await asked(claude, 1)
    words = replace(event.message, text="the?", edited=event.message.at + timedelta(seconds=1))
    board.posts[event.key][0] = words
    await assistant.ingest(Edited("x1", event.key, words))
    await board.until("t1", "fine")
    await closed(store)

    assert lasts(claude) == ["Ada: teh?", "Ada: the?"]


@pytest.mark.parametrize("gone", [0, 1], ids=["the first piece", "the second piece"])
async def test_a_piece_that_is_deleted_before_the_first_word_is_not_answered(assistant, board, claude, store, gone):
    claude.script(*[Answer(text="never", gate=thinking()) for _ in range(2)])
    events = [board.said("t1", "U1", "hi")]
    await assistant.ingest(events[0])
    await asked(claude, 1)
    events.append(board.said("t1", "U1", "help"))
    await assistant.ingest(events[1])
    await asked(claude, 2)
    del board.posts[events[gone].key][gone]
    await assistant.ingest(Deleted("d1", events[gone].key, events[gone].message.id, board.now()))
    await closed(store)

    assert board.shown("t1") == ["fine"]
    assert lasts(claude)[-1] == ("Ada: help" if gone == 0 else "Ada: hi")


async def test_an_answer_begins_again_at_most_so_often_and_all_is_answered(assistant, board, claude, store):
    gates = [thinking() for _ in range(BEGUN_AGAIN + 1)]
    claude.script(*(Answer(text="slow", gate=gate) for gate in gates))
    await assistant.ingest(board.said("t1", "U1", "0"))
    for number in range(1, BEGUN_AGAIN + 1):
        await asked(claude, number)
        await assistant.ingest(board.said("t1", "U1", str(number)))
    await asked(claude, BEGUN_AGAIN + 1)
    for number in range(20, 30):
        await assistant.ingest(board.said("t1", "U1", str(number)))
    gates[-1].opened.set()
    await closed(store)

    assert len(messages(claude)) == BEGUN_AGAIN + 2
    assert board.shown("t1") == ["slow", "fine"]
    assert lasts(claude)[-1] == "\n".join(f"Ada: {number}" for number in range(20, 30))


class Adding(Haste):
    """Haste in which somebody adds to a question at the first pause, which lasts until that ends it."""

    def __init__(self, add) -> None:
        super().__init__()
        self._add, self._added = add, False

    async def sleep(self, seconds: float) -> None:
        if not self._added:
            self._added = True
            await self._add()
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def test_what_is_added_while_an_overload_is_waited_for_joins(store, board, claude):
    claude.script(Fault())

    async def add() -> None:
        await assistant.ingest(board.said("t1", "U1", "help"))

    async with house(store, claude, board, clock=board.now, haste=Adding(add)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hi"))
        await closed(store)

    assert lasts(claude) == ["Ada: hi", "Ada: hi\nAda: help"]
    assert board.shown("t1") == ["fine"]


async def test_another_process_hears_the_addition_before_it_shows_the_first_word(store, board):
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(text="fine")
        gate = thinking()
        claude.script(Answer(text="hello", gate=gate))
        await store.questions.heartbeat("p2")
        async with house(store, claude, board, clock=board.now, process="p1") as one:
            await one.worker.heartbeat()
            await one.ingest(board.said("t1", "U1", "hi"))
            await asked(claude, 1)
            await store.questions.ingest(board.said("t1", "U1", "help"))  # as the other process does
            gate.opened.set()
            await board.until("t1", "fine")
            await closed(store)

        assert lasts(claude) == ["Ada: hi", "Ada: hi\nAda: help"]
        assert board.shown("t1") == ["fine"]


async def test_pieces_that_a_dead_process_took_together_are_answered_together(store, board):
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(text="fine")
        await store.questions.ingest(board.said("t1", "U1", "hi"))
        held = await store.questions.claim_next("dead", {"board"})
        await store.questions.ingest(board.said("t1", "U1", "help"))
        joined = await store.questions.join_waiting(held)
        board.slept(STALE.total_seconds() + 1)
        async with house(store, claude, board, clock=board.now) as one:
            await one.worker.heartbeat()
            await closed(store)

        assert [one.name for one in joined.together] == ["0002"]
        assert lasts(claude) == ["Ada: hi\nAda: help"]
        assert board.shown("t1") == ["fine"]


async def test_what_is_begun_again_stays_within_the_budget(store, board, claude):
    scope = Scope("board:w1", person="U1")
    await store.ledger.allow(Budget(scope, Period.MONTH, 6_000, "UTC", "U1", START), 0)
    claude.script(Answer(text="never", gate=thinking()))
    async with house(store, claude, board, clock=board.now) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hi"))
        await asked(claude, 1)
        await assistant.ingest(board.said("t1", "U1", "help"))
        await closed(store)
        await assistant.ingest(board.said("t1", "U1", "more"))
        await closed(store)

    limits = [one.body["max_tokens"] for one in claude.requests if one.path == "/v1/messages"]
    assert limits[0] > limits[1]
    assert (await spent(store))[0].micro_usd <= 6_000
    assert board.shown("t1")[0] == "fine"
