"""The stand-in for Claude takes batches as the Message Batches API does: half the price, in any order, after a while."""

from fractions import Fraction
from typing import Any

import anthropic
import pytest

from tests.fakes.claude import batches
from tests.fakes.claude.client import ASK, HAIKU
from tests.fakes.claude.script import Answer, Fault, refusal
from tests.fakes.claude.server import ClaudeFake


def rows(count: int, **asked: Any) -> list[Any]:
    return [{"custom_id": f"row-{number}", "params": {**ASK, **asked}} for number in range(count)]


async def read(sdk: anthropic.AsyncAnthropic, name: str) -> dict[str, Any]:
    return {one.custom_id: one.result async for one in await sdk.messages.batches.results(name)}


@pytest.fixture
def held(claude: ClaudeFake) -> ClaudeFake:
    """A server whose batches end when the test says so."""
    claude.batches.seconds = None
    return claude


async def test_a_batch_is_answered_when_it_ends_and_counted_then(held, sdk):
    made = await sdk.messages.batches.create(requests=rows(3))
    before = await sdk.messages.batches.retrieve(made.id)
    held.batches.end()
    after = await sdk.messages.batches.retrieve(made.id)
    found = await read(sdk, made.id)

    assert (before.processing_status, before.request_counts.processing, before.results_url) == ("in_progress", 3, None)
    assert (after.processing_status, after.request_counts.processing, after.request_counts.succeeded) == ("ended", 0, 3)
    assert {one.message.content[0].text for one in found.values()} == {"You said: Hello"}
    assert {one.message.usage.service_tier for one in found.values()} == {"batch"}


async def test_results_come_in_another_order_than_the_requests(claude, sdk):
    made = await sdk.messages.batches.create(requests=rows(12))

    assert list(await read(sdk, made.id)) != [f"row-{number}" for number in range(12)]


async def test_a_batch_costs_half(claude, sdk):
    await sdk.messages.create(**ASK)
    made = await sdk.messages.batches.create(requests=rows(1))
    await read(sdk, made.id)

    single, batched = claude.billed
    nano = single.usage.input_tokens * 100 + single.usage.output_tokens * 500
    assert single.usage == batched.usage
    assert batched.micro_usd == -(-Fraction(nano, 2000) // 1)


@pytest.mark.parametrize(
    ("requests", "what"),
    [
        pytest.param([], "at least 1", id="none"),
        pytest.param([*rows(1), *rows(1)], "more than once", id="the same id twice"),
        pytest.param([{"custom_id": "a b", "params": ASK}], "pattern", id="a space in an id"),
        pytest.param([{"custom_id": "a" * 65, "params": ASK}], "pattern", id="a long id"),
        pytest.param([{"custom_id": "a", "params": {**ASK, "stream": True}}], "stream", id="a stream"),
        pytest.param([{"custom_id": "a", "params": {**ASK, "max_tokens": 0}}], "max_tokens", id="no answer"),
    ],
)
async def test_what_the_api_would_not_take_is_refused(claude, sdk, requests, what):
    with pytest.raises(anthropic.BadRequestError, match=what):
        await sdk.messages.batches.create(requests=requests)

    assert claude.batches.given == {}


async def test_more_rows_than_a_batch_may_have_are_refused(claude, sdk):
    with pytest.raises(anthropic.BadRequestError, match="at most"):
        await sdk.messages.batches.create(requests=rows(batches.MOST + 1))

    assert claude.batches.given == {}


async def test_a_batch_that_is_too_large_is_refused(claude, sdk):
    claude.batches.largest = 1_000

    with pytest.raises(anthropic.APIStatusError) as caught:
        await sdk.messages.batches.create(requests=rows(20))

    assert (caught.value.status_code, batches.LARGEST) == (413, 256 * 1024 * 1024)


async def test_each_request_fails_by_itself(claude, sdk):
    answers = {"a": Answer("fine"), "b": Fault(529), "c": refusal()}
    claude.answer = lambda body: answers[body["messages"][0]["content"]]
    asked = {name: {**ASK, "messages": [{"role": "user", "content": name}]} for name in ("a", "b", "c")} | {
        "d": {**ASK, "temperature": 1}
    }
    claude.batches.expires = frozenset({"e"})
    requests: Any = [{"custom_id": name, "params": params} for name, params in (asked | {"e": ASK}).items()]
    made = await sdk.messages.batches.create(requests=requests)
    found = await read(sdk, made.id)

    assert {name: one.type for name, one in found.items()} == {
        "a": "succeeded", "b": "errored", "c": "succeeded", "d": "errored", "e": "expired"
    }  # fmt: skip
    assert (found["b"].error.error.type, found["d"].error.error.type) == ("overloaded_error", "invalid_request_error")
    assert found["c"].message.stop_reason == "refusal"
    assert [one.model for one in claude.billed] == [HAIKU]


async def test_of_a_canceled_batch_what_was_done_by_then_is_answered_and_billed(held, sdk):
    held.batches.done = 2
    made = await sdk.messages.batches.create(requests=rows(5))
    canceling = await sdk.messages.batches.cancel(made.id)
    ended = await sdk.messages.batches.retrieve(made.id)

    assert canceling.processing_status == "canceling"
    assert (ended.request_counts.succeeded, ended.request_counts.canceled) == (2, 3)
    assert len(held.billed) == 2


async def test_what_still_runs_has_no_results_and_can_not_be_deleted(held, sdk):
    made = await sdk.messages.batches.create(requests=rows(1))

    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        await sdk.messages.batches.results(made.id)
    with pytest.raises(anthropic.BadRequestError, match="Cancel it first"):
        await sdk.messages.batches.delete(made.id)


async def test_what_has_ended_can_be_deleted_once_and_canceled_no_more(claude, sdk):
    made = await sdk.messages.batches.create(requests=rows(1))
    await sdk.messages.batches.retrieve(made.id)

    with pytest.raises(anthropic.BadRequestError):
        await sdk.messages.batches.cancel(made.id)
    await sdk.messages.batches.delete(made.id)
    with pytest.raises(anthropic.NotFoundError):
        await sdk.messages.batches.delete(made.id)


async def test_all_batches_are_listed_page_by_page_newest_first(sdk):
    names = [(await sdk.messages.batches.create(requests=rows(1))).id for _ in range(5)]

    assert [one.id async for one in sdk.messages.batches.list(limit=2)] == names[::-1]


async def test_a_batch_expires_after_a_day():
    now = [1_000.0]
    async with ClaudeFake(clock=lambda: now[0]) as claude:
        claude.batches.seconds, claude.batches.expires = None, frozenset({"row-0"})
        async with anthropic.AsyncAnthropic(api_key=claude.key, base_url=claude.url, max_retries=0) as sdk:
            made = await sdk.messages.batches.create(requests=rows(2))
            now[0] += batches.DAY
            ended = await sdk.messages.batches.retrieve(made.id)

    assert (ended.processing_status, ended.request_counts.expired) == ("ended", 1)
