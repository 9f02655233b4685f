"""The purse: no money is spent that a budget forbids, and each request is paid for to the micro-dollar."""

import asyncio
import json
import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.billing.prices import read_prices
from core.claude.client import Claude
from core.claude.metering import MeteredRequest, Metering
from core.claude.streams.accumulator import AFTER_END
from core.domain.content import Text
from core.domain.controls import Control
from core.domain.errors import CannotShow, LeaseLost
from core.domain.events import Edited, Pressed
from core.domain.messages import Attachment, Question, ThreadKey
from core.domain.models import Model
from core.domain.personas import Persona, Place
from core.domain.usage import Usage
from core.prompting.request import Block, Request, build_request, shorten_request
from core.prompting.turns import Turn
from tests.fakes.board import START, Board
from tests.fakes.claude.script import Answer, Break, Fault, refusal
from tests.fakes.claude.server import ClaudeFake
from tests.support.drawings import draw
from tests.support.gateway import (
    ENDED,
    JSON,
    OVER,
    STARTED,
    STOPPED,
    TEXT,
    Gateway,
    Raw,
    serve,
    whole_message,
    without,
    words,
)
from tests.support.house import house
from tests.support.waiting import let_others_run, until

WORKSPACE = Scope("board:w1")


async def allow(store, micro_usd: int, scope: Scope = WORKSPACE, period: Period = Period.MONTH) -> None:
    await store.ledger.allow(Budget(scope, period, micro_usd, "UTC", "U1", START), 0)


def bodies(claude) -> list[dict]:
    return [one.body for one in claude.requests if one.path == "/v1/messages"]


def counts(claude) -> int:
    return sum(one.path == "/v1/messages/count_tokens" for one in claude.requests)


async def answers(board, assistant, *words: str, thread: str = "t1") -> list[str]:
    """Say these, one after the other, each answered before the next."""
    for text in words:
        await assistant.ingest(board.said(thread, "U2", text))
        async with asyncio.timeout(20):
            await assistant.worker.idle()
    return board.shown(thread)


async def test_where_the_worst_case_fits_nothing_is_counted_and_nothing_shortened(store, claude, board):
    await allow(store, 1_000_000)

    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, "question")

    assert (bodies(claude)[0]["max_tokens"], counts(claude)) == (8192, 0)


async def test_where_it_does_not_the_prompt_is_counted_and_the_answer_may_be_as_long_as_what_is_left(
    store, claude, board
):
    await allow(store, 1_500)
    claude.answer = lambda body: Answer("word " * 5_000)

    async with house(store, claude, board, clock=board.now) as assistant:
        shown = await answers(board, assistant, "question")

    asked = bodies(claude)[0]["max_tokens"]
    assert 1_000 <= asked < 8192
    assert counts(claude) == 1
    assert shown[-1].endswith("*(A budget here is nearly used up and allowed no longer answer.)*")
    assert claude.billed[0].micro_usd <= 1_500


async def test_a_budget_that_is_too_small_for_a_thousand_tokens_says_what_helps_and_not_when_it_renews(
    store, claude, board
):
    await allow(store, 450)

    async with house(store, claude, board, clock=board.now) as assistant:
        shown = await answers(board, assistant, "question")

    assert shown == [
        "I can't ask Claude this: it may cost $0.000573, more than all of this workspace's budget of $0.00045 a month. A "
        "shorter thread costs less, and so does `persona tune` with a smaller `model=` or `max_tokens=`. "
        "Whoever manages the whole workspace can raise it with `budget set`."
    ]
    assert bodies(claude) == []


async def test_too_little_left_for_a_thousand_tokens_is_refused_until_the_budget_renews(store, claude, board):
    await allow(store, 1_500)
    claude.answer = lambda body: Answer("word " * 2_000)

    async with house(store, claude, board, clock=board.now) as assistant:
        shown = await answers(board, assistant, "question", "and this?")

    assert "of this workspace's budget of $0.0015 a month $0.00" in shown[-1]
    assert "It renews on Sunday, 1 February, 00:00 (UTC)." in shown[-1]
    assert len(bodies(claude)) == 1


async def test_a_persons_budget_that_ends_in_the_middle_of_an_answer_says_so_where_the_answer_stood(
    store, claude, board
):
    await allow(store, 1_500, Scope("board:w1", person="U2"))
    claude.answer = lambda body: Answer("word " * 1_500, stop_reason="pause_turn")

    async with house(store, claude, board, clock=board.now) as assistant:
        shown = await answers(board, assistant, "question")

    assert len(bodies(claude)) == 1
    assert "of your budget of $0.0015 a month" in shown[0]
    assert board.whispered == []


async def test_what_can_t_be_counted_is_bounded_by_its_bytes(store, claude, board):
    await allow(store, 450)
    claude.script(Fault(status=500, type="api_error"), path="/v1/messages/count_tokens")

    async with house(store, claude, board, clock=board.now) as assistant:
        shown = await answers(board, assistant, "question")

    assert (counts(claude), len(bodies(claude))) == (1, 0)
    assert shown[0].startswith("I can't ask Claude this")


async def test_a_model_without_a_price_is_not_used_where_a_budget_holds(store, claude, board):
    await allow(store, 1_000_000)
    persona = Persona(model="claude-3-7-sonnet-20250219")

    async with house(store, claude, board, persona=persona, clock=board.now) as assistant:
        shown = await answers(board, assistant, "question")

    assert "I know no price of that model" in shown[0]
    assert bodies(claude) == []


@pytest.mark.parametrize("scope", [WORKSPACE, Scope("board:w1", "c1"), Scope("board:w1", person="U2")])
async def test_fifty_questions_at_once_on_a_nearly_empty_budget_never_go_over(store, claude, board, scope):
    await allow(store, 20_000, scope)
    claude.answer = lambda body: Answer("word " * 2_000)

    async with house(store, claude, board, clock=board.now) as assistant:
        await asyncio.gather(*(assistant.ingest(board.said(f"t{number}", "U2", "question")) for number in range(50)))
        async with asyncio.timeout(60):
            await assistant.worker.idle()

    shown = [board.shown(f"t{number}") for number in range(50)]
    refused = sum(pages[0].startswith("I can't ask Claude just now") for pages in shown)
    assert 0 < len(claude.billed) == 50 - refused
    assert sum(one.micro_usd for one in claude.billed) <= 20_000


async def test_pictures_asked_about_at_once_on_a_nearly_empty_budget_never_go_over(store, claude, board):
    await allow(store, 20_000)
    board.files["F1"] = draw()
    attached = (Attachment("F1", "plan.png", "image/png", 100),)
    claude.answer = lambda body: Answer("word " * 2_000)

    async with house(store, claude, board, clock=board.now) as assistant:
        events = [board.said(f"t{number}", "U2", "what is this?", attachments=attached) for number in range(20)]
        await asyncio.gather(*map(assistant.ingest, events))
        async with asyncio.timeout(60):
            await assistant.worker.idle()

    assert claude.billed
    assert sum(one.micro_usd for one in claude.billed) <= 20_000


async def test_a_warm_thread_is_bounded_by_what_it_had_and_the_bytes_of_what_is_new(store, claude, board):
    long = "The quick brown fox jumps over the lazy dog. " * 400
    claude.answer = lambda body: Answer("fine")
    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, long)
        await allow(store, 7_000)  # its bytes alone would be bound to 3,600, and the answer to 4,096
        await answers(board, assistant, "again", "and again")

    assert [body["max_tokens"] for body in bodies(claude)] == [8192, 8192, 8192]
    assert counts(claude) == 0


async def test_a_refusal_before_any_word_costs_nothing(store, claude, board):
    claude.script(refusal())

    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, "question")

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert (line.requests, line.died, line.micro_usd) == (1, 0, 0)


BROKEN_OFF = {
    "reset": Break("reset", after=6),
    "an error event": Break("error", after=6),
    "an end without a reason": Break("eof", after=6),
}


@pytest.mark.parametrize("breaks", BROKEN_OFF.values(), ids=BROKEN_OFF)
@pytest.mark.parametrize("thinking", ["", "Let me think about that. " * 20], ids=["plain", "after thinking"])
async def test_a_stream_that_broke_off_costs_its_prompt_and_at_most_the_output_that_came(
    store, claude, board, breaks, thinking
):
    claude.script(Answer("half an answer. " * 9, thinking=thinking, breaks=breaks), Answer("fine"))

    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, "question")

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert (line.requests, line.died) == (2, 1)
    billed = sum(one.micro_usd for one in claude.billed)
    assert billed < line.micro_usd <= billed + (AFTER_END + 1_000) // 2
    prompt = sum(asked.usage.input_tokens for asked in claude.billed)
    assert line.usage.prompt == prompt


async def test_a_stream_that_fell_silent_may_have_been_written_to_its_longest(store, claude, board):
    claude.script(Answer("half an answer. " * 9, breaks=Break("silence", after=6)), Answer("fine"))

    async with house(store, claude, board, clock=board.now, silence=0.1) as assistant:
        await answers(board, assistant, "question")

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert 8192 <= line.usage.output < 8192 + 10


async def test_a_request_whose_answer_never_began_stands_at_its_whole_bound(store, claude, board):
    claude.script(Answer("half", breaks=Break("reset")), Answer("fine"))

    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, "question")

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert line.usage.output >= 8192
    assert line.usage.input > sum(one.usage.input_tokens for one in claude.billed)


async def test_a_gateway_that_tells_no_usage_is_booked_at_what_it_can_have_used(store, board):
    events = [without(STARTED, "message.usage"), TEXT, words("Hello!"), STOPPED, without(ENDED, "usage"), OVER]
    async with serve(Gateway(events)) as gateway, house(store, gateway, board, clock=board.now) as assistant:
        shown = await answers(board, assistant, "question")

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert shown == ["Hello!"]
    assert (line.requests, line.died, line.usage.output) == (1, 1, len("Hello!"))
    assert line.micro_usd > 0


async def test_a_message_that_a_gateway_answers_whole_is_shown_and_booked(store, board):
    async with (
        serve(Raw(whole_message(), headers=JSON)) as gateway,
        house(store, gateway, board, clock=board.now) as assistant,
    ):
        shown = await answers(board, assistant, "question")
        gateway.bill()

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert shown == ["Hello, Ada!"]
    assert (line.requests, line.died, line.usage) == (1, 0, Usage(input=30, output=7))


ERROR = {"type": "error", "error": {"type": "authentication_error", "message": "no"}}
BEGUN_ERROR = [STARTED, TEXT, words("Hello!"), ERROR]
EVENTS = {"content-type": "text/event-stream"}


def stream_of(*events: dict) -> str:
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)


@pytest.mark.parametrize(
    ("stream", "headers", "costs"),
    [
        (json.dumps(ERROR), JSON, False),
        (stream_of(ERROR), EVENTS, False),
        (stream_of({"type": "ping"}, ERROR), EVENTS, False),
        (stream_of(STARTED, ERROR), EVENTS, True),
        (stream_of(*BEGUN_ERROR), EVENTS, True),
        (stream_of(*BEGUN_ERROR), JSON, True),
    ],
    ids=[
        "in place of an answer",
        "in its first event",
        "after a ping",
        "after its beginning",
        "amid it",
        "amid an answer that calls itself json",
    ],
)
async def test_an_error_with_status_200_costs_something_where_an_answer_had_begun(store, board, stream, headers, costs):
    async with (
        serve(Raw(stream.encode(), headers=headers)) as gateway,
        house(store, gateway, board, clock=board.now) as assistant,
    ):
        (shown,) = await answers(board, assistant, "question")

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert shown.startswith("Claude does not accept this bot's key.")
    assert (line.requests, line.died, line.micro_usd > 0) == (1, int(costs), costs)


async def test_a_request_that_was_refused_costs_nothing(store, claude, board):
    claude.script(Fault(status=529, type="overloaded_error"))

    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, "question")

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert (line.requests, line.died) == (2, 0)
    assert line.micro_usd == sum(one.micro_usd for one in claude.billed)


async def test_whoever_set_a_budget_is_told_when_it_is_nearly_used_up(store, claude, board):
    await allow(store, 6_000, Scope("board:w1", "c1"), Period.DAY)
    claude.answer = lambda body: Answer("word " * 8_000)

    async with house(store, claude, board, clock=board.now) as assistant:
        for thread in ("t1", "t2", "t3"):
            await answers(board, assistant, "question", thread=thread)

    assert [told[:2] for told in board.told] == [("board:w1", "U1")]
    assert board.told[0][2].endswith(
        "It renews on Saturday, 3 January, 00:00 (UTC). Once it is used up I refuse questions; `budget set` raises it."
    )
    assert "% of <#c1>'s budget of $0.0060 a day is used: $" in board.told[0][2]


class Broken(Board):
    """Telling somebody alone is a bug."""

    async def tell(self, workspace: str, person: str, text: str) -> None:
        raise KeyError("channel")


async def test_a_warning_that_breaks_loses_no_answer(store, claude, caplog):
    await allow(store, 6_000, Scope("board:w1", "c1"), Period.DAY)
    claude.answer = lambda body: Answer("word " * 8_000)
    board = Broken()

    async with house(store, claude, board, clock=board.now) as assistant:
        shown = [await answers(board, assistant, "question", thread=thread) for thread in ("t1", "t2")]

    assert [text.startswith("word word") for (text,) in shown] == [True, True]
    assert "who set budget 1 could not be told" in caplog.text


class Deaf(Board):
    """Nobody takes direct messages."""

    async def tell(self, workspace: str, person: str, text: str) -> None:
        raise CannotShow("closed to strangers")


async def test_a_warning_that_can_t_be_sent_hurts_no_answer_and_stands_in_the_log(store, claude, caplog):
    board = Deaf()
    await allow(store, 4_400)
    claude.answer = lambda body: Answer("word " * 8_000)

    with caplog.at_level(logging.WARNING):
        async with house(store, claude, board, clock=board.now) as assistant:
            shown = await answers(board, assistant, "question")

    assert shown
    assert "who set budget 1 could not be told: closed to strangers" in caplog.text


async def misses(store) -> dict[str, int]:
    return {line.group: line.requests for line in await store.ledger.sum_usage(WORKSPACE, START, "miss")}


LONG = "The quick brown fox jumps over the lazy dog. " * 100


async def test_a_thread_that_goes_on_finds_all_of_it_in_the_cache(store, claude, board):
    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, LONG, "more", "and more")

    assert await misses(store) == {"": 2, "new": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Persona(model="claude-sonnet-5-5"), "model"),
        (Persona(system="Be brief."), "system"),
        (Persona(effort="low"), "settings"),
    ],
)
async def test_why_the_cache_missed_is_kept(store, claude, board, change, reason):
    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, LONG)
        await store.personas.change(Place("board:w1", "c1"), change, 0, "U1", START)
        await answers(board, assistant, "more")

    assert await misses(store) == {"new": 1, reason: 1}


async def test_a_thread_that_rested_too_long_is_read_anew_and_that_is_kept(store, board):
    async with (
        ClaudeFake(clock=lambda: board.now().timestamp()) as claude,
        house(store, claude, board, clock=board.now) as assistant,
    ):
        await answers(board, assistant, LONG)
        board.slept(3_700)
        await answers(board, assistant, "more")

    assert await misses(store) == {"new": 1, "expired": 1}


async def test_a_prompt_too_short_for_the_cache_is_kept_as_such(store, claude, board):
    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, "hi", "hi again")

    assert await misses(store) == {"new": 1, "small": 1}


async def test_an_edit_of_what_was_said_before_is_why_the_cache_missed(store, claude, board):
    async with house(store, claude, board, clock=board.now) as assistant:
        await answers(board, assistant, LONG)
        first = board.posts[ThreadKey("board:w1", "c1", "t1")][0]
        edited = replace(first, text=LONG + "!", edited=board.now())
        await assistant.ingest(Edited("e", ThreadKey("board:w1", "c1", "t1"), edited))
        await answers(board, assistant, "more")

    assert await misses(store) == {"new": 1, "history": 1}


class SlowLedger:
    """A ledger that says only after a while what it has set aside, or is slow to begin to settle."""

    def __init__(self, within, slow="reserve") -> None:
        self._within, self._slow, self.reached, self.go = within, slow, asyncio.Event(), asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._within, name)

    async def reserve(self, *of):
        found = await self._within.reserve(*of)
        await self._hold("reserve")
        return found

    async def settle(self, *of):
        await self._hold("settle")
        return await self._within.settle(*of)

    async def _hold(self, act):
        if act == self._slow:
            self.reached.set()
            await self.go.wait()


async def test_what_is_set_aside_for_an_answer_that_is_stopped_meanwhile_is_free_again(store, claude, board, tmp_path):
    ledger = SlowLedger(store.ledger)
    async with house(replace(store, ledger=ledger), claude, board, alone=False) as assistant:
        event = board.said("t1", "U2", "question")
        await assistant.ingest(event)
        await ledger.reached.wait()
        await assistant.ingest(Pressed("press", event.key, "U2", Control.STOP, event.message.id, board.now()))
        await let_others_run()
        ledger.go.set()
        await assistant.worker.idle()

    assert read_rows(tmp_path) == [("settled", "cancelled", 0)]
    assert bodies(claude) == []


@pytest.mark.parametrize("slow", ["reserve", "settle"])
async def test_nothing_stays_set_aside_for_an_answer_that_is_cancelled_again_while_it_ends(
    store, claude, board, tmp_path, slow
):
    client, ledger = Claude(claude.key, claude.url), SlowLedger(store.ledger, slow)
    metering = Metering(client, ledger, read_prices(), board.now)
    question = Question(ThreadKey("board:w1", "c1", "t1"), "1", "U1", START)
    order = MeteredRequest(
        question, None, build_request(Persona(), [Turn("user", (Text("Why?"),))], Model("claude-haiku-5-5"), "5m")
    )

    async def answer():
        async for _ in metering.stream(order):
            pass

    answering = asyncio.create_task(answer())
    await ledger.reached.wait()
    for _ in range(3):
        answering.cancel()
        await let_others_run()
    ledger.go.set()
    await asyncio.gather(answering, return_exceptions=True)
    await until(lambda: read_rows(tmp_path) and all(state == "settled" for state, *_ in read_rows(tmp_path)))
    await client.close()

    assert answering.cancelled()
    assert len(read_rows(tmp_path)) == 1


def read_rows(folder):
    with closing(sqlite3.connect(folder / "confab.db")) as db:
        return db.execute("SELECT state, outcome, micro_usd FROM requests").fetchall()


def test_a_shortened_request_thinks_no_longer_than_it_may():
    body = {"model": "m", "max_tokens": 8192, "thinking": {"type": "enabled", "budget_tokens": 4096}}
    request = Request(body, (Block("house", Text("x")),))

    assert shorten_request(request, 8192) is request
    assert shorten_request(request, 4000).body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert shorten_request(request, 1500).body["thinking"] == {"type": "disabled"}
    assert shorten_request(request, 1500).bounded


async def test_what_another_process_has_taken_over_is_not_asked_and_nothing_stays_set_aside(store, claude, board):
    async def lose() -> None:
        raise LeaseLost

    client = Claude(claude.key, claude.url)
    metering = Metering(client, store.ledger, read_prices(), board.now, ensure_held=lose)
    question = Question(ThreadKey("board:w1", "c1", "t1"), "1", "U1", START)
    order = MeteredRequest(
        question, None, build_request(Persona(), [Turn("user", (Text("Why?"),))], Model("claude-haiku-5-5"), "5m")
    )
    with pytest.raises(LeaseLost):
        await anext(metering.stream(order))
    await client.close()

    (row,) = await store.ledger.sum_usage(WORKSPACE, START - timedelta(days=1), "model")
    assert (bodies(claude), row.micro_usd) == ([], 0)
