"""The stand-in through the real SDK: it streams as the API does, and never pretends to be Claude."""

import asyncio

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.billing.prices import read_prices
from core.claude.client import Claude, Completion
from core.claude.metering import MeteredRequest, Metering
from core.claude.offline import OfflineTransport, compose_text
from core.domain.content import Text
from core.domain.messages import Question
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import build_request
from core.prompting.turns import Turn
from tests.fakes.board import START
from tests.support.talk import KEY, at

WORKSPACE = Scope(KEY.workspace)


async def test_it_streams_what_it_was_sent_and_says_what_it_is():
    claude = Claude("none", "https://api.anthropic.com", OfflineTransport(pause=0))
    asked = build_request(
        Persona(system="Be brief."), [Turn("user", (Text("Ada: hello\nBob: hi"),))], Model("claude-haiku-5-5"), "1h"
    )

    *grown, completion = [event async for event in claude.stream(asked)]
    heard = [event.text for event in grown]
    model = await claude.model("claude-haiku-5-5")
    await claude.close()

    assert completion.text == heard[-1] == compose_text(asked.body)
    assert len(heard) > 20
    assert completion.stop == "end_turn"
    assert completion.model == "stand-in"
    assert completion.usage.input > 0
    assert model == Model("claude-haiku-5-5")
    for part in ("not Claude", "> Ada: hello\n> Bob: hi", "*Be brief.*", "would have been sent 1 turn."):
        assert part in completion.text


@pytest.fixture
async def metering(store):
    claude = Claude("none", "https://api.anthropic.com", OfflineTransport(pause=0))
    yield Metering(claude, store.ledger, read_prices(), lambda: START)
    await claude.close()


def order(model: str) -> MeteredRequest:
    turns = [Turn("user", (Text("Ada: hello"),))]
    question = Question(KEY, "1", "U1", at(0))
    return MeteredRequest(question, None, build_request(Persona(), turns, Model(model), "1h"))


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-haiku-5-5-20251001", "our-own-model"])
async def test_a_budget_of_nothing_pays_for_every_answer_of_the_stand_in(store, metering, model):
    await store.ledger.allow(Budget(WORKSPACE, Period.MONTH, 0, "UTC", "U1", START), 0)

    *_, completion = [event async for event in metering.stream(order(model))]

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert isinstance(completion, Completion)
    assert (line.group, line.micro_usd, line.died) == ("stand-in", 0, 0)
    assert line.usage.input > 0


async def test_an_answer_of_the_stand_in_that_is_stopped_before_it_begins_costs_nothing(store, metering):
    answering = asyncio.ensure_future(anext(metering.stream(order("claude-opus-5-5"))))
    while not (lines := await store.ledger.sum_usage(WORKSPACE, START, "model")):
        await asyncio.sleep(0)
    reserved = lines[0]
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)

    (line,) = await store.ledger.sum_usage(WORKSPACE, START, "model")
    assert [(one.group, one.micro_usd) for one in (reserved, line)] == [("stand-in", 0)] * 2
