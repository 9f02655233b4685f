"""Trouble with Claude, told where it was asked: calm sentences, retries, other models, every way to stop.

Tests core.claude.sender, core.claude.retry and core.answering.final_answer.
"""

import asyncio
import logging
import re
from dataclasses import replace

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.errors import StoreUnavailable
from core.domain.personas import Persona, Place
from core.rendering.reply_notes import append_note
from core.store import open_store
from tests.fakes.board import START, Board
from tests.fakes.claude.script import Answer, Break, Fault, refusal
from tests.support.board_house import closed, command, messages, spent
from tests.support.house import house

MODEL = "claude-haiku-5-5"


TROUBLE = r"[A-Z].*\. \(reference [0-9A-F]{6}\)"


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Fault(403, "permission_error", "secret detail"), 1),
        (Fault(429, "rate_limit_error", "secret detail", retry_after="3600"), 1),
        (Answer(text="Half an", breaks=Break("reset", 4)), 4),
    ],
    ids=["a forbidden request", "a wait too long", "a broken stream"],
)
async def test_trouble_is_told_in_a_calm_sentence(assistant, board, claude, store, caplog, fault, requests):
    claude.script(*[fault] * 9)
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    (shown,) = board.shown("t1")
    assert re.fullmatch(TROUBLE, shown)
    assert "secret detail" not in shown
    reference = shown[-7:-1]
    (line,) = [r.getMessage() for r in caplog.records if reference in r.getMessage()]
    assert "request req_" in line or "broken off" in line
    assert len(messages(claude)) == requests
    assert sum(one.requests for one in await spent(store)) == requests


async def test_a_key_that_is_not_accepted_is_told_without_a_reference_or_a_line_for_each_question(
    assistant, board, claude, store, caplog
):
    claude.script(Fault(401, "authentication_error", "secret detail"))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)
    await assistant.ingest(board.said("t2", "U1", "hello"))
    await closed(store)

    assert board.shown("t1") == [
        "Claude does not accept this bot's key. Whoever runs this bot has to set one that works."
    ]
    assert board.shown("t2") == ["fine"]
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []
    assert len(messages(claude)) == 2


async def test_trouble_is_not_read_back_as_words_of_claude(assistant, board, claude, store):
    claude.script(Fault(401, "authentication_error"))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    await assistant.ingest(board.said("t1", "U1", "again"))
    await closed(store)

    assert messages(claude)[1] == [("user", "Ada: hello\nAda: again")]


async def test_what_may_pass_is_tried_again_and_each_request_is_accounted_for(assistant, board, claude, store):
    claude.script(Fault(529), Answer(text="Half an ans", breaks=Break("error", 4)), Answer(text="Whole."))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "Whole.")
    await closed(store)

    (line,) = await spent(store)
    assert (line.requests, line.died) == (3, 1)


async def test_another_model_answers_when_the_first_is_overloaded_or_gone(store, board, claude):
    async with house(store, claude, board, fallbacks=["claude-nonsense", "claude-sonnet-5-5"]) as assistant:
        claude.script(Fault(529), Fault(529))
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await board.until("t1", "fine")

    models = [one.body["model"] for one in claude.requests if one.path == "/v1/messages"]
    assert models == [MODEL, MODEL, "claude-nonsense", "claude-sonnet-5-5"]


async def test_a_model_that_does_not_exist_is_named(store, board, claude):
    async with house(store, claude, board) as assistant:
        await store.personas.change(Place("board:w1", "c1"), Persona(model="claude-nonsense"), 0, "U1", START)
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await closed(store)

    assert re.match(
        r"There is no model `claude-nonsense` \(any more\)\. Choose another with `persona tune", board.shown("t2")[0]
    )


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (
            Answer(text="I could say", stop_reason="max_tokens"),
            append_note("I could say", "This answer reached its longest length. Continue goes on from here."),
        ),
        (
            Answer(text="```py\nx = 1", stop_reason="max_tokens"),
            append_note("```py\nx = 1", "This answer reached its longest length. Continue goes on from here."),
        ),
        (
            Answer(text="", stop_reason="max_tokens"),
            "Claude used up its tokens before it wrote anything. Raise them with `persona tune max_tokens=...`.",
        ),
        (
            Answer(text="x", stop_reason="model_context_window_exceeded"),
            append_note("x", "This thread fills all that claude-haiku-5-5 can read. Start a new one."),
        ),
        (refusal("I could", category="bio"), "Claude declines to answer this (bio)."),
        (refusal(category=None), "Claude declines to answer this."),
        (Answer(text=""), "Claude had nothing to say to that."),
    ],
    ids=["cut", "cut in code", "cut in thought", "window", "refusal after words", "refusal", "nothing"],
)
async def test_every_way_to_stop_ends_in_plain_words(assistant, board, claude, answer, shown):
    claude.script(answer)

    await assistant.ingest(board.said("t1", "U1", "hello"))

    await board.until("t1", shown)


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}


async def test_after_a_pause_claude_goes_on_in_the_same_answer(assistant, board, claude, store):
    claude.script(Answer(text="First part, ", blocks=(SEARCH,), stop_reason="pause_turn"), Answer(text="second part."))

    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "First part, second part.")
    await closed(store)

    assert (await spent(store))[0].requests == 2


async def test_capabilities_are_known_without_the_models_api(store, claude, board):
    async with house(store, claude, board) as assistant:
        await assistant.ingest(command("persona tune effort=low"))
        await closed(store)
    claude.script(*[Fault(500)] * 5, path=f"/v1/models/{MODEL}")

    async with house(store, claude, board) as assistant:
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await board.until("t2", "fine")

    assert [one.body["output_config"] for one in claude.requests if one.path == "/v1/messages"] == [{"effort": "low"}]


class Cancelling(Board):
    """A board whose library, the first time, raises a cancellation that nobody asked for."""

    async def surface(self, question):
        surface = await super().surface(question)
        if "cancelled" not in self.calls:
            surface.show = self._cancelled
        return surface

    async def _cancelled(self, reply) -> None:
        self.calls.append("cancelled")
        raise asyncio.CancelledError


async def test_an_answer_that_a_library_cancels_while_it_is_shown_is_shown_all_the_same(tmp_path, claude):
    board = Cancelling()
    store = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=board.now)
    async with house(store, claude, board) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await closed(store)
    await store.shut()

    assert "cancelled" in board.calls
    assert board.shown("t1") == ["fine"]


class Unsettled:
    """A ledger in which so many requests can't be settled."""

    def __init__(self, within, errors) -> None:
        self._within, self.errors = within, list(errors)

    def __getattr__(self, name):
        return getattr(self._within, name)

    async def settle(self, reservation, settled, end=None):
        if self.errors:
            raise self.errors.pop(0)
        return await self._within.settle(reservation, settled, end)


async def test_a_disk_that_is_full_when_a_request_is_settled_is_waited_for(store, board, claude):
    ledger = Unsettled(store.ledger, [StoreUnavailable("the disk is full")] * 40)
    async with house(replace(store, ledger=ledger), claude, board) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await closed(store)
        (row,) = await spent(store)

    assert board.shown("t1") == ["fine"]
    assert [one.micro_usd for one in claude.billed] == [row.micro_usd]
    assert ledger.errors == []
    assert (row.requests, row.died) == (1, 0)


async def test_a_request_that_can_not_be_settled_loses_no_answer_and_stands_at_its_bound(store, board, claude, caplog):
    ledger = Unsettled(store.ledger, [ValueError("a bug")])
    async with house(replace(store, ledger=ledger), claude, board) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await closed(store)
        (row,) = await spent(store)

    assert board.shown("t1") == ["fine"]
    assert len(claude.billed) == 1
    assert "stands at its bound" in caplog.text
    assert (row.requests, row.died) == (1, 1)


async def test_a_budget_that_refuses_says_nothing_of_an_overloaded_model(store, board, claude):
    claude.answer = lambda body: Fault(529)
    async with house(store, claude, board) as assistant:
        await store.ledger.allow(Budget(Scope("board:w1", person="U2"), Period.MONTH, 0, "UTC", "U1", START), 0)
        for number in range(6):
            await assistant.ingest(board.said(f"t{number}", "U1", "hello"))
        await closed(store)
        asked = len(claude.requests)
        for number in range(8):
            await assistant.ingest(board.said(f"p{number}", "U2", "hello"))
        await closed(store)
        breaker = assistant._completions.sender.circuit_breakers[MODEL]

    assert breaker.trouble is not None
    assert len([one for one in claude.requests[asked:] if one.path == "/v1/messages"]) == 0
