"""The stand-in for Claude breaks as the Messages API does, and the SDK says so as it does there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import anthropic
import httpx2
import pytest

from tests.fakes.claude.client import ASK, HAIKU, client_of, streamed
from tests.fakes.claude.script import Answer, Break, Fault, Gate
from tests.fakes.claude.server import Billed
from tests.fakes.claude.tokens import Usage

HTML = "<html><title>502 Bad Gateway</title></html>"
FAULTS = {
    "a bad request": (Fault(400, "invalid_request_error"), anthropic.BadRequestError),
    "no credit": (Fault(402, "billing_error"), anthropic.PaymentRequiredError),
    "no permission": (Fault(403, "permission_error"), anthropic.PermissionDeniedError),
    "a request timeout": (Fault(408, "timeout_error"), anthropic.RequestTimeoutError),
    "a conflict": (Fault(409, "conflict_error"), anthropic.ConflictError),
    "a rate limit": (Fault(429, "rate_limit_error", retry_after="7"), anthropic.RateLimitError),
    "an internal error": (Fault(500, "api_error"), anthropic.InternalServerError),
    "an outage": (Fault(503, "api_error"), anthropic.ServiceUnavailableError),
    "a gateway timeout": (Fault(504, "timeout_error"), anthropic.GatewayTimeoutError),
    "an overload": (Fault(529, "overloaded_error"), anthropic.OverloadedError),
}
SPENT = {"error_code": "enforced_spend_limit_reached"}
BREAKS = {
    "an error event": (Break("error", 3), anthropic.APIStatusError),
    "an error event before all others": (Break("error", 0), anthropic.APIStatusError),
    "a reset": (Break("reset", 3), httpx2.ReadError),
    "a closed connection": (Break("close", 3), httpx2.RemoteProtocolError),
    "silence": (Break("silence", 3), httpx2.ReadTimeout),
    "a reset before a word": (Break("reset"), httpx2.ReadError),
    "silence before a word": (Break("silence"), httpx2.ReadTimeout),
    "garbage": (Break("garbage", 3), json.JSONDecodeError),
}


@pytest.fixture
async def impatient(claude) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """A client that waits for a second, which is as long as tests with it take."""
    async with client_of(claude, seconds=1) as sdk:
        yield sdk


@pytest.mark.parametrize(("fault", "raised"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_is_the_sdks_exception_of_its_status(claude, sdk, fault, raised):
    claude.script(fault)

    with pytest.raises(raised) as caught:
        await streamed(sdk)

    assert (type(caught.value), caught.value.type, caught.value.status_code) == (raised, fault.type, fault.status)
    assert caught.value.request_id is not None
    assert claude.billed == []


async def test_a_fault_names_its_cause_in_details(claude, sdk):
    claude.script(Fault(429, "rate_limit_error", details=SPENT))

    with pytest.raises(anthropic.RateLimitError) as caught:
        await streamed(sdk)

    assert caught.value.error_code == SPENT["error_code"]


async def test_a_fault_says_when_to_come_back(claude, sdk):
    claude.script(Fault(429, "rate_limit_error", retry_after="7", retry_after_ms=7100, should_retry=False))

    with pytest.raises(anthropic.RateLimitError) as caught:
        await streamed(sdk)

    said = {name: caught.value.response.headers[name] for name in ("retry-after", "retry-after-ms", "x-should-retry")}
    assert said == {"retry-after": "7", "retry-after-ms": "7100", "x-should-retry": "false"}


@pytest.mark.parametrize("status", [413, 502])
async def test_cloudflare_answers_in_html(claude, sdk, status):
    claude.script(Fault(status, html=HTML))

    with pytest.raises(anthropic.APIStatusError) as caught:
        await streamed(sdk)

    assert (caught.value.status_code, caught.value.type, caught.value.body) == (status, None, HTML)
    assert caught.value.request_id is None


async def test_a_captive_portal_is_a_string(claude, sdk):
    claude.script(Fault(200, html=HTML))

    assert await sdk.messages.create(**ASK) == HTML


async def test_a_connection_can_be_reset_before_the_answer(claude, sdk):
    claude.script(Fault(None))

    with pytest.raises(anthropic.APIConnectionError):
        await streamed(sdk)


async def test_the_list_of_models_can_fail(claude, sdk):
    claude.script(Fault(529), path="/v1/models")

    with pytest.raises(anthropic.OverloadedError):
        await sdk.models.list()


@pytest.mark.parametrize(("breaks", "raised"), BREAKS.values(), ids=BREAKS)
async def test_a_stream_breaks_as(claude, sdk, impatient, breaks, raised):
    claude.script(Answer(text="Hello there", breaks=breaks))

    with pytest.raises(raised) as caught:
        await streamed(impatient if raised is httpx2.ReadTimeout else sdk)

    assert type(caught.value) is raised


@pytest.mark.parametrize("kind", ["overloaded_error", "api_error", "rate_limit_error"])
async def test_an_error_event_has_a_type_and_status_200(claude, sdk, kind):
    claude.script(Answer(text="Hello there", breaks=Break("error", 3, type=kind, message="Sorry")))

    with pytest.raises(anthropic.APIStatusError) as caught:
        await streamed(sdk)

    assert (caught.value.type, caught.value.status_code, caught.value.api_message) == (kind, 200, "Sorry")


async def test_a_stream_that_ends_early_has_no_stop_reason(claude, sdk):
    claude.script(Answer(text="Hello there", breaks=Break("eof", 5)))

    async with sdk.messages.stream(**ASK) as stream:
        message = await stream.get_final_message()

    assert (message.content[0].text, message.stop_reason) == ("Hello ther", None)


async def test_a_stream_without_a_beginning_has_no_message(claude, sdk):
    claude.script(Answer(text="Hello", breaks=Break("headless")))

    with pytest.raises(AssertionError):
        async with sdk.messages.stream(**ASK) as stream:
            await stream.get_final_message()


@pytest.mark.parametrize(
    "slow", [Answer(text="Hello", first=60), Answer(text="Hello", delay=60)], ids=["first", "each"]
)
async def test_tokens_can_be_slow(claude, impatient, slow):
    claude.script(slow)

    with pytest.raises(httpx2.ReadTimeout):
        await streamed(impatient)


async def test_silence_ends(claude, sdk):
    claude.script(Answer(text="Hello", breaks=Break("silence", 3, seconds=0.01)))

    assert (await streamed(sdk))[-1].type == "message_stop"


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_an_answer_in_one_piece_breaks_in_its_middle(claude, sdk, how):
    claude.script(Answer(text="Hello", breaks=Break(how)))

    with pytest.raises(anthropic.APIConnectionError):
        await sdk.messages.create(**ASK)

    assert [billed.ended for billed in claude.billed] == ["broken"]


async def test_an_answer_in_one_piece_can_stay_away(claude, impatient):
    claude.script(Answer(text="Hello", breaks=Break("silence")))

    with pytest.raises(anthropic.APITimeoutError):
        await impatient.messages.create(**ASK)


async def test_a_broken_stream_costs_what_was_sent(claude, sdk):
    claude.script(Answer(text="Hello there", chunk=4, breaks=Break("error", 5)))

    with pytest.raises(anthropic.APIStatusError):
        await streamed(sdk)

    [billed] = claude.billed
    assert billed == Billed(billed.request_id, HAIKU, Usage(input_tokens=2, output_tokens=2), "broken")


@pytest.mark.parametrize(("how", "bills"), [("error", 0), ("reset", 1), ("close", 1), ("eof", 1)])
async def test_an_error_in_place_of_the_first_event_is_not_billed(claude, sdk, how, bills):
    claude.script(Answer(text="Hello", breaks=Break(how)))

    with suppress(anthropic.APIStatusError, httpx2.HTTPError):
        await streamed(sdk)
    await claude.settled()

    assert len(claude.billed) == bills


async def test_a_client_that_goes_away_pays_for_what_was_produced(claude, sdk):
    gate = Gate(after=5)
    claude.script(Answer(text="Hello there", chunk=4, gate=gate))

    asking = asyncio.create_task(streamed(sdk))
    await gate.reached.wait()
    asking.cancel()
    await asyncio.wait([asking])
    await claude.settled()

    [billed] = claude.billed
    assert billed == Billed(billed.request_id, HAIKU, Usage(input_tokens=2, output_tokens=2), "gone")


async def test_what_is_scripted_is_answered_in_order_and_then_the_default(claude, sdk):
    claude.script(Fault(529), Answer(text="First"))
    claude.answer = lambda body: Answer(text=f"{body['max_tokens']} tokens")

    with pytest.raises(anthropic.OverloadedError):
        await sdk.messages.create(**ASK)
    answers = [await sdk.messages.create(**ASK) for _ in range(2)]

    assert [answer.content[0].text for answer in answers] == ["First", "1000 tokens"]
