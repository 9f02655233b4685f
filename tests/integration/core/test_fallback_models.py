"""Fallback models (core.answering.completions): limits and incidents are a model's own, and another one answers."""

import asyncio
import re

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.content import Text
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import build_request, simplify_request
from core.prompting.turns import Turn
from core.rendering.reply_notes import append_note
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Fault
from tests.support.board_house import closed
from tests.support.gateway import ENDED, OVER, STARTED, STOPPED, TEXT, Gateway, serve, words
from tests.support.house import Haste, house

HAIKU, SONNET, OLD = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-haiku-4-5"
HASTE = Haste(150)
HOUR = Fault(429, "rate_limit_error", retry_after="3600")
REASON = r"[A-Z].*\.( \(reference [0-9A-F]{6}\))?"  # of a key that is not accepted there is none


class Troubled:
    """Claude whose models answer, or fail, each in its own way. `asked` are the models that were asked, in order."""

    def __init__(self, claude, **faults) -> None:
        self.faults = {name.replace("_", "-"): fault for name, fault in faults.items()}
        self.asked: list[str] = []
        claude.answer = self.answer

    def answer(self, body):
        self.asked.append(body["model"])
        return self.faults.get(body["model"]) or Answer(f"fine, says {body['model']}")


async def shown_of(store, claude, board, fallbacks=(SONNET,), persona=None, words="hello") -> str:
    persona = persona or Persona(model=HAIKU)
    async with house(store, claude, board, persona=persona, haste=HASTE, fallbacks=fallbacks) as assistant:
        await assistant.ingest(board.said("t1", "U1", words))
        await closed(store)
    (shown,) = board.shown("t1")
    return shown


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (HOUR, 1),
        (Fault(429, "rate_limit_error", retry_after="1"), 2),
        (Fault(429, "rate_limit_error"), 2),
        (Fault(500, "api_error"), 2),
        (Fault(503, "api_error"), 2),
        (Fault(502, html="<html>502</html>"), 2),
        (Fault(504, "timeout_error"), 2),
        (Fault(529, retry_after="60"), 1),
        (Fault(404, "not_found_error", "model: x"), 1),
        (Fault(403, "permission_error", "not this model"), 1),
        (Fault(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), 1),
    ],
)
async def test_what_is_a_models_own_trouble_is_answered_by_another(store, board, claude, fault, times):
    troubled = Troubled(claude, claude_haiku_5_5=fault)

    assert await shown_of(store, claude, board) == f"fine, says {SONNET}"
    assert troubled.asked == [HAIKU] * times + [SONNET]


@pytest.mark.parametrize(
    "fault", [Fault(413, "request_too_large"), Fault(401, "authentication_error"), Fault(402, "billing_error")]
)
async def test_what_every_model_would_refuse_is_asked_of_none_else(store, board, claude, fault):
    troubled = Troubled(claude, claude_haiku_5_5=fault)

    assert re.fullmatch(REASON, await shown_of(store, claude, board))
    assert troubled.asked == [HAIKU]


async def test_where_all_are_limited_the_one_that_may_soonest_is_waited_for(store, board, claude):
    troubled = Troubled(claude, claude_haiku_5_5=HOUR)
    troubled.faults[SONNET] = Fault(429, "rate_limit_error", retry_after="30")
    running = asyncio.create_task(shown_of(store, claude, board))
    waiting = "We ask more of Claude than our limits allow just now. I keep trying, and answer here when that is over."
    await board.until("t1", append_note("", waiting))
    del troubled.faults[SONNET]

    assert await running == f"fine, says {SONNET}"
    assert HAIKU not in troubled.asked[1:]


async def test_where_all_are_limited_for_long_people_are_told_how_long(store, board, claude):
    Troubled(claude, claude_haiku_5_5=HOUR, claude_sonnet_5_5=HOUR)

    shown = await shown_of(store, claude, board)

    assert shown.startswith("We ask more of Claude than our limits allow just now. Please ask again in an hour.")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(404, "not_found_error", "model: x"),
        Fault(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
        Fault(400, "invalid_request_error", "nothing of ours"),
    ],
    ids=["gone", "a smaller context", "a refusal"],
)
async def test_a_fallback_that_is_no_help_is_no_reason_to_give_up_the_first(store, board, claude, fault):
    troubled = Troubled(claude, claude_haiku_5_5=Fault(529), claude_sonnet_5_5=fault)
    running = asyncio.create_task(shown_of(store, claude, board))
    async with asyncio.timeout(20):
        while troubled.asked.count(HAIKU) < 4:
            await asyncio.sleep(0.002)
    del troubled.faults[HAIKU]

    assert await running == f"fine, says {HAIKU}"
    assert troubled.asked.count(SONNET) == 1


async def test_a_fallback_that_no_budget_pays_for_is_not_asked_and_the_first_is_waited_for(store, board, claude):
    await store.ledger.allow(Budget(Scope("board:w1"), Period.MONTH, 9_000, "UTC", "U1", START), 0)
    troubled = Troubled(claude, claude_haiku_5_5=Fault(529))
    running = asyncio.create_task(shown_of(store, claude, board, fallbacks=("claude-opus-5-5",)))
    async with asyncio.timeout(20):
        while troubled.asked.count(HAIKU) < 4:
            await asyncio.sleep(0.002)
    del troubled.faults[HAIKU]

    assert await running == f"fine, says {HAIKU}"
    assert set(troubled.asked) == {HAIKU}


async def test_a_fallback_is_asked_only_what_it_takes(store, board, claude):
    Troubled(claude, claude_haiku_5_5=HOUR)
    persona = Persona(model=HAIKU, effort="low", thinking="disabled", max_tokens=100_000)

    assert await shown_of(store, claude, board, fallbacks=(OLD,), persona=persona) == f"fine, says {OLD}"

    body = claude.requests[-1].body
    assert body["max_tokens"] == 64_000
    assert not {"output_config", "thinking"} & set(body)
    assert not claude.refused


async def test_a_circuit_that_limits_opened_is_one_models_own(store, board, claude):
    troubled = Troubled(claude, claude_haiku_5_5=HOUR)
    async with house(store, claude, board, haste=HASTE, fallbacks=[SONNET]) as assistant:
        for number in range(9):
            await assistant.ingest(board.said(f"t{number}", "U1", "hello"))
            await board.until(f"t{number}", f"fine, says {SONNET}")

    assert troubled.asked.count(SONNET) == 9
    assert troubled.asked.count(HAIKU) == 5


class Old(Gateway):
    """A gateway that knows no `cache_control` but, for some, that of blocks."""

    def __init__(self, blocks: bool) -> None:
        super().__init__([STARTED, TEXT, words("fine"), STOPPED, ENDED, OVER])
        self._blocks = blocks

    def refuses(self, body):
        if "cache_control" in body:
            return "cache_control: Extra inputs are not permitted"
        blocks = [*body["system"], *(block for one in body["messages"] for block in one["content"])]
        if not self._blocks and any("cache_control" in block for block in blocks):
            return "system.0.cache_control: Extra inputs are not permitted"
        return None


@pytest.mark.parametrize(("blocks", "requests"), [(True, 2), (False, 3)], ids=["on blocks", "not at all"])
async def test_a_gateway_that_takes_no_cache_control_there_is_asked_without_it_from_then_on(
    store, board, blocks, requests
):
    async with serve(Old(blocks)) as gateway, house(store, gateway, board, haste=HASTE) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await board.until("t1", "fine")
        once = len(gateway.bodies)
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await board.until("t2", "fine")

    assert (once, len(gateway.bodies)) == (requests, requests + 1)
    last = gateway.bodies[-1]["messages"][-1]["content"][-1]
    assert ("cache_control" in last) == blocks


def test_a_complaint_of_nothing_that_was_sent_changes_nothing():
    request = build_request(Persona(), [Turn("user", (Text("Ada: hello"),))], Model(HAIKU), "1h")

    for complaint in ("messages: too many", "temperature is not supported", "thinking", "max_tokens: 5 > 9000"):
        assert simplify_request(request, complaint) is None
