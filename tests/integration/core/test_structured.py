"""Structured output: instances of classes, metered and tried again as answers are. Tests core.claude.structured."""

import json
import logging
import sqlite3
import traceback
from contextlib import asynccontextmanager, closing
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from core.answering.completions import Completions
from core.answering.final_answer import explain_error
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.billing.prices import read_prices
from core.claude.client import Claude
from core.claude.errors import ClaudeError
from core.claude.metering import MeteredRequest, Metering
from core.domain.content import Document, Image, Text
from core.domain.errors import BudgetForbids
from core.domain.messages import Question, ThreadKey
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import build_request
from core.prompting.turns import Turn
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Break, Fault, echo, refusal
from tests.support.gateway import Gateway, serve, words
from tests.support.house import Haste

MODEL = "claude-haiku-5-5"
QUESTION = Question(ThreadKey("board:w1", "c1", "t1"), "1", "U1", START)
WORKSPACE = Scope("board:w1")
SECRET = "zebra crossing"
GOOD = json.dumps({"title": "Cold caches", "kind": "question", "weight": 3})
HEAVY = json.dumps({"title": "Cold caches", "kind": "question", "weight": 11})


class Title(BaseModel):
    """What a thread is about."""

    title: str = Field(max_length=40, description="at most six words")
    kind: Literal["question", "task"]
    weight: int = Field(ge=0, le=10)


TITLE = Title(title="Cold caches", kind="question", weight=3)


@asynccontextmanager
async def completions(store, server, board):
    claude, haste = Claude(server.key, server.url), Haste()
    metering = Metering(claude, store.ledger, read_prices(), board.now, sleep=haste.sleep)
    try:
        yield Completions(claude, metering, store.notes, board.now, sleep=haste.sleep, seconds=haste.seconds)
    finally:
        await claude.close()


async def ask(asked: Completions, content="Why is it slow?", **options) -> Title:
    instruction = "Say what this is about."
    return await asked.structured_output.request(Title, QUESTION, MODEL, instruction, content, **options)


async def fail(asked: Completions, **options) -> ClaudeError:
    with pytest.raises(ClaudeError) as caught:
        await ask(asked, **options)
    return caught.value


def bodies(server) -> list[dict]:
    return [one.body for one in server.requests if one.path == "/v1/messages"]


def read_column(tmp_path, name: str) -> list:
    with closing(sqlite3.connect(tmp_path / "confab.db")) as database:
        return [value for (value,) in database.execute(f"SELECT {name} FROM requests ORDER BY id")]


async def rows(store) -> tuple[int, int, int]:
    """Requests in the ledger, those that stand at their bound, and what all cost."""
    lines = await store.ledger.sum_usage(WORKSPACE, START, "model")
    return sum(one.requests for one in lines), sum(one.died for one in lines), sum(one.micro_usd for one in lines)


async def test_an_answer_is_an_instance_of_the_class_and_is_paid_for(store, claude, board, tmp_path):
    claude.script(Answer(GOOD))
    async with completions(store, claude, board) as asked:
        found = await ask(asked)

    (body,) = bodies(claude)
    assert found == TITLE
    assert (body["max_tokens"], body["stream"], body["thinking"]) == (2_048, True, {"type": "disabled"})
    assert body["output_config"]["effort"] == "low"
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert [block["text"] for block in body["system"]] == ["Say what this is about."]
    assert await rows(store) == (1, 0, claude.billed[0].micro_usd)
    assert read_column(tmp_path, "step") == [None], "it is no step of an answer, at whose end that would be wiped"


class Yes(BaseModel):
    yes: bool


class Wordy(BaseModel):
    yes: bool = Field(description="word " * 2_000)


@pytest.mark.parametrize("form", [Yes, Wordy])
async def test_what_is_reserved_covers_the_form(store, claude, board, tmp_path, form):
    claude.answer = echo
    async with completions(store, claude, board) as asked:
        await asked.structured_output.request(form, QUESTION, MODEL, "Say.", "Is it?")

    (bound,) = read_column(tmp_path, "input_bound")
    assert bound >= claude.billed[0].usage.input_tokens > 200


async def test_turns_are_told_as_they_are_and_end_with_the_user(store, claude, board):
    turns = [
        Turn("user", (Text("Ada: hello"), Image("a.png", "image/png", 1, 1, PNG))),
        Turn("assistant", (Text("Hi."),)),
    ]
    claude.script(Answer(GOOD))
    async with completions(store, claude, board) as asked:
        await ask(asked, turns)

    assert [(one["role"], [block["type"] for block in one["content"]]) for one in bodies(claude)[0]["messages"]] == [
        ("user", ["text", "image"]),
        ("assistant", ["text"]),
        ("user", ["text"]),
    ]


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


async def test_documents_are_not_cited_for_a_form_excludes_that(store, claude, board):
    pdf = Document("plan.pdf", 1, 5, "JVBERi0xLjQgL1R5cGUgL1BhZ2U=")
    claude.script(Answer(GOOD))
    async with completions(store, claude, board) as asked:
        await ask(asked, [Turn("user", (pdf, Text("Ada: and?")))])

    assert "citations" not in bodies(claude)[0]["messages"][0]["content"][0]


@pytest.mark.parametrize("said", ["", f"{SECRET} and"], ids=["before a word", "after words"])
async def test_a_refusal_is_an_error_that_says_so(store, claude, board, caplog, said):
    caplog.set_level(logging.DEBUG)
    claude.script(refusal(said))
    async with completions(store, claude, board) as asked:
        error = await fail(asked)

    assert (error.kind, error.sentence) == ("refused", "Claude declines to answer this.")
    assert len(bodies(claude)) == 1
    assert await rows(store) == (1, 0, sum(one.micro_usd for one in claude.billed))
    assert SECRET not in caplog.text


async def test_an_answer_that_was_cut_is_asked_for_once_more_with_more_room(store, claude, board):
    long = json.dumps({"title": "x" * 40, "kind": "task", "weight": 1})
    claude.answer = lambda body: Answer(long)
    async with completions(store, claude, board) as asked:
        found = await ask(asked, max_tokens=10)

    assert found.title == "x" * 40
    assert [body["max_tokens"] for body in bodies(claude)] == [10, 40]
    assert (await rows(store))[:2] == (2, 0)


async def test_an_answer_that_is_cut_twice_is_an_error(store, claude, board):
    claude.answer = lambda body: Answer(GOOD * 50)
    async with completions(store, claude, board) as asked:
        error = await fail(asked, max_tokens=10)

    assert (error.kind, error.sentence) == ("cut", "Claude's answer took more words than it may have.")
    assert [body["max_tokens"] for body in bodies(claude)] == [10, 40]


async def test_more_room_is_not_asked_for_where_a_budget_has_not_as_much_left(store, claude, board):
    await store.ledger.allow(Budget(WORKSPACE, Period.MONTH, 700, "UTC", "U1", START), 0)
    claude.answer = lambda body: Answer(GOOD * 200)
    async with completions(store, claude, board) as asked:
        with pytest.raises(BudgetForbids, match=r"this workspace's budget of \$0.0007 a month"):
            await ask(asked, max_tokens=500)

    assert [body["max_tokens"] for body in bodies(claude)] == [500]
    assert (await rows(store))[:2] == (1, 0)


async def test_what_no_budget_has_left_is_not_sent_nor_shortened(store, claude, board):
    await store.ledger.allow(Budget(Scope("board:w1", person="U1"), Period.MONTH, 900, "UTC", "U2", START), 0)
    async with completions(store, claude, board) as asked:
        with pytest.raises(BudgetForbids) as caught:
            await ask(asked)

    assert bodies(claude) == []
    assert await rows(store) == (0, 0, 0)
    assert caught.value.personal
    assert explain_error(caught.value).text == str(caught.value)


WRONG = {
    "no JSON": (f"It is about {SECRET}.", "Invalid JSON"),
    "half of it": (GOOD[:-5], "Invalid JSON"),
    "another form": (json.dumps({"title": SECRET}), "kind: Field required"),
    "a limit of ours": (HEAVY, "weight: Input should be less than or equal to 10"),
    "nothing": ("", "Invalid JSON"),
}


@pytest.mark.parametrize(("said", "problem"), WRONG.values(), ids=WRONG)
async def test_what_is_no_instance_is_asked_for_once_more_with_what_was_wrong(
    store, claude, board, caplog, said, problem
):
    caplog.set_level(logging.DEBUG, "core")
    claude.script(Answer(said), Answer(GOOD))
    async with completions(store, claude, board) as asked:
        found = await ask(asked)

    first, second = bodies(claude)
    told = [(one["role"], one["content"][0]["text"]) for one in second["messages"][len(first["messages"]) :]]
    assert found == TITLE
    assert told[:-1] == ([("assistant", said)] if said else [])
    assert problem in told[-1][1]
    assert (await rows(store))[:2] == (2, 0)
    assert SECRET not in caplog.text


async def test_what_is_no_instance_twice_is_an_error_that_holds_no_words_of_it(store, claude, board, caplog):
    caplog.set_level(logging.DEBUG, "core")
    claude.answer = lambda body: Answer(json.dumps({"title": SECRET * 9, "kind": SECRET, "weight": 1}))
    async with completions(store, claude, board) as asked:
        error = await fail(asked)

    assert (error.kind, error.detail) == ("unformed", "no Title: literal_error, string_too_long")
    assert explain_error(error).text.startswith("Claude did not answer in the form that it was asked for. (reference")
    assert len(bodies(claude)) == 2
    assert SECRET not in caplog.text + "".join(traceback.format_exception(error))


@pytest.mark.parametrize("said", [GOOD, f"Here it is:\n\n```json\n{GOOD}\n```\nGood luck!", f"Well: {GOOD} Good luck!"])
async def test_a_model_without_structured_outputs_is_asked_in_words(store, claude, board, said):
    claude.lacks = frozenset({"structured_outputs"})
    claude.answer = lambda body: Answer(said)
    async with completions(store, claude, board) as asked:
        found = await ask(asked)

    (body,) = bodies(claude)
    assert found == TITLE
    assert "format" not in body["output_config"]
    assert "at most six words" in body["system"][0]["text"]
    assert claude.refused == []


COMPLAINTS = {
    "a model": f"'{MODEL}' does not support output format.",
    "a gateway": "output_config.format: Extra inputs are not permitted",
    "an older gateway": "output_config: Extra inputs are not permitted",
}


@pytest.mark.parametrize("complaint", COMPLAINTS.values(), ids=COMPLAINTS)
async def test_what_does_not_take_the_form_is_asked_in_words_from_then_on(store, board, complaint):
    async with serve(Plain(complaint)) as gateway, completions(store, gateway, board) as asked:
        found = [await ask(asked), await ask(asked)]

    formed = ["format" in body.get("output_config", {}) for body in gateway.bodies]
    assert found == [TITLE, TITLE]
    assert formed == [True, False, False]
    assert (await rows(store))[0] == 3


class Plain(Gateway):
    """A gateway that does not know the form."""

    def __init__(self, complaint: str) -> None:
        super().__init__(ANSWERED)
        self._complaint = complaint

    def refuses(self, body):
        return self._complaint if "format" in body.get("output_config", {}) else None


ANSWERED = [
    {"type": "message_start", "message": {"model": MODEL, "content": [], "usage": {"input_tokens": 30}}},
    words(GOOD),
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
]


async def test_another_complaint_is_told_as_it_is(store, claude, board):
    claude.script(Fault(400, "invalid_request_error", "metadata: odd"))
    async with completions(store, claude, board) as asked:
        error = await fail(asked)

    assert (error.kind, len(bodies(claude))) == ("rejected", 1)


async def test_trouble_is_waited_out_and_each_try_has_its_row(store, claude, board):
    claude.script(Fault(529), Answer(GOOD, breaks=Break("reset", after=4)), Answer(GOOD))
    async with completions(store, claude, board) as asked:
        found = await ask(asked)

    assert found == TITLE
    assert (await rows(store))[:2] == (3, 1)


async def test_trouble_is_shared_with_answers(store, claude, board):
    claude.answer = lambda body: Fault(529)
    async with completions(store, claude, board) as asked:
        error = await fail(asked)
        breaker = asked.sender.circuit_breakers[MODEL]

    assert (error.kind, breaker.trouble and breaker.trouble.kind) == ("overloaded", "overloaded")


async def test_it_says_nothing_of_the_threads_cache(store, claude, board, tmp_path):
    turns = [Turn("user", (Text("Ada: hello"),))]
    request = build_request(Persona(system="s " * 2_000), turns, Model(MODEL), "5m")
    async with completions(store, claude, board) as asked:
        for _ in range(2):
            async for _event in asked.sender.metering.stream(MeteredRequest(QUESTION, None, request)):
                pass
            claude.script(Answer(GOOD))
            await ask(asked)

    assert read_column(tmp_path, "miss") == ["new", None, None, None]
