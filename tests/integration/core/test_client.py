"""Claude through the real SDK: what an answer is, and what every failure is called by core.claude.sdk_errors."""

import re

import pytest

from core.claude.client import Claude, Completion
from core.claude.errors import SENTENCES, ClaudeError
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.usage import Usage
from core.prompting.request import HOUSE, build_request
from core.prompting.turns import Turn
from tests.fakes.claude.script import Answer, Break, Fault, refusal
from tests.fakes.claude.server import ClaudeFake

HAIKU = "claude-haiku-5-5"


@pytest.fixture
async def fake():
    async with ClaudeFake() as server:
        yield server


@pytest.fixture
async def claude(fake):
    client = Claude(fake.key, fake.url)
    yield client
    await client.close()


async def ask(claude: Claude, persona=Persona(), model=Model(HAIKU)) -> tuple[Completion, list[str]]:  # noqa: B008
    heard: list[str] = []
    asked = build_request(persona, [Turn("user", "Ada: hello")], model, "1h")
    async for event in claude.stream(asked):
        if isinstance(event, Completion):
            return event, heard
        heard.append(event.text)
    raise AssertionError("no completion came")


async def test_an_answer_is_its_text_blocks_and_grows_as_it_is_heard(fake, claude):
    fake.script(Answer(text="Hello, Ada!", thinking="Who is Ada?", chunk=4))

    completion, heard = await ask(claude)

    assert completion.text == "Hello, Ada!"
    assert heard == ["Hell", "Hello, A", "Hello, Ada!"]
    assert (completion.stop, completion.model, completion.category) == ("end_turn", HAIKU, None)
    assert completion.request == fake.billed[0].request_id


async def test_usage_is_what_was_billed(fake, claude):
    fake.script(Answer(text="Hello", thinking="Hm"), Answer(text="Hello"))

    persona = Persona(system="A long persona. " * 300)
    first, _ = await ask(claude, persona)
    second, _ = await ask(claude, persona)

    assert [billed_as(one.usage) for one in fake.billed] == [first.usage, second.usage]
    assert first.usage.cache_write_1h > 0
    assert first.usage.thinking > 0
    assert second.usage.cache_read == first.usage.cache_write_1h


def billed_as(usage) -> Usage:
    return Usage(
        input=usage.input_tokens,
        output=usage.output_tokens,
        thinking=usage.thinking_tokens,
        cache_read=usage.cache_read_input_tokens,
        cache_write_5m=usage.ephemeral_5m_input_tokens,
        cache_write_1h=usage.ephemeral_1h_input_tokens,
    )


async def test_the_key_and_nothing_optional_is_sent(fake, claude):
    await ask(claude)

    (received,) = fake.requests
    assert received.headers["authorization"] == f"Bearer {fake.key}"
    assert set(received.body) == {"model", "max_tokens", "system", "messages", "cache_control", "stream"}
    assert received.body["system"][0]["text"] == HOUSE


async def test_a_model_that_takes_a_temperature_gets_it(fake, claude):
    model = await claude.model("claude-haiku-4-5")

    await ask(claude, Persona(temperature=0.5), model)

    assert fake.requests[-1].body["temperature"] == 0.5
    assert fake.requests[-1].headers["anthropic-version"] == "2023-06-01"
    assert not fake.refused


async def test_effort_and_thinking_are_sent_as_the_api_takes_them(fake, claude):
    model = await claude.model(HAIKU)

    await ask(claude, Persona(effort="low", thinking="disabled"), model)

    body = fake.requests[-1].body
    assert (body["output_config"], body["thinking"]) == ({"effort": "low"}, {"type": "disabled"})
    assert not fake.refused


@pytest.mark.parametrize(
    "stop", ["end_turn", "max_tokens", "stop_sequence", "pause_turn", "model_context_window_exceeded"]
)
async def test_why_claude_stopped_is_told(fake, claude, stop):
    fake.script(Answer(text="x", stop_reason=stop))

    assert (await ask(claude))[0].stop == stop


async def test_a_refusal_tells_its_category(fake, claude):
    fake.script(refusal("I could", category="bio"))

    completion, _ = await ask(claude)

    assert (completion.stop, completion.category, completion.text) == ("refusal", "bio", "I could")


async def test_an_empty_answer_is_one(fake, claude):
    fake.script(Answer(text=""))

    assert (await ask(claude))[0].text == ""


def status(code: int, kind: str, **fields) -> Fault:
    return Fault(status=code, type=kind, message="the cause", **fields)


SPENT = {"error_code": "enforced_spend_limit_reached"}
BEFORE = [
    ("a bad request", status(400, "invalid_request_error"), "rejected", False),
    (
        "our own spend limit",
        Fault(400, "invalid_request_error", "You have reached your specified API usage limits"),
        "spent",
        False,
    ),
    ("no credit", Fault(400, "invalid_request_error", "Your credit balance is too low"), "spent", False),
    (
        "a prompt too long",
        Fault(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
        "too long",
        False,
    ),
    ("a wrong key", status(401, "authentication_error"), "key", False),
    ("billing", status(402, "billing_error"), "unpaid", False),
    ("a key that may not", status(403, "permission_error"), "forbidden", False),
    ("an unknown model", status(404, "not_found_error"), "no model", False),
    ("a request timeout", status(408, "timeout_error"), "failing", True),
    ("a conflict", status(409, "conflict_error"), "failing", True),
    ("a precondition", status(412, "invalid_request_error"), "rejected", False),
    ("too large", status(413, "request_too_large"), "too large", False),
    ("too large, says Cloudflare", Fault(413, html="<html>413</html>"), "too large", False),
    ("unprocessable", status(422, "invalid_request_error"), "rejected", False),
    ("a rate limit", status(429, "rate_limit_error", retry_after="7"), "limited", True),
    ("a rate limit in milliseconds", status(429, "rate_limit_error", retry_after_ms=1500), "limited", True),
    ("a monthly cap", status(429, "rate_limit_error", details=SPENT), "spent", False),
    ("headers too large", status(431, "invalid_request_error"), "rejected", False),
    ("closed by the client", status(499, "api_error"), "failing", True),
    ("an internal error", status(500, "api_error"), "failing", True),
    ("not implemented", status(501, "api_error"), "failing", True),
    ("a bad gateway", Fault(502, html="<html>502 Bad Gateway</html>"), "failing", True),
    ("unavailable", status(503, "api_error"), "failing", True),
    ("a gateway timeout", status(504, "timeout_error"), "failing", True),
    ("overload", status(529, "overloaded_error"), "overloaded", True),
    ("an error that says: again", status(400, "invalid_request_error", should_retry=True), "rejected", True),
    ("an error that says: not again", status(429, "rate_limit_error", should_retry=False), "limited", False),
    ("a reset", Fault(status=None), "unreachable", True),
    ("a captive portal", Fault(200, html="<html>Log in</html>"), "not Claude", False),
]
DURING = [
    ("an error event", Break("error", 3), "overloaded", True),
    ("an api error event", Break("error", 3, type="api_error"), "failing", True),
    ("a rate limit event", Break("error", 3, type="rate_limit_error"), "limited", True),
    ("an invalid request event", Break("error", 3, type="invalid_request_error"), "rejected", False),
    ("a reset", Break("reset", 3), "broken off", True),
    ("a connection closed", Break("close", 3), "broken off", True),
    ("an end without message_stop", Break("eof", 3), "broken off", True),
    ("garbage", Break("garbage", 3), "not Claude", False),
    ("an end before message_start", Break("eof"), "broken off", True),
    ("no message_start", Break("headless"), "not Claude", False),
]


async def troubled(claude: Claude) -> ClaudeError:
    with pytest.raises(ClaudeError) as raised:
        await ask(claude)
    return raised.value


@pytest.mark.parametrize(("fault", "kind", "transient"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE])
async def test_a_request_that_fails_has_a_name_and_a_sentence(fake, claude, fault, kind, transient):
    fake.script(fault)

    trouble = await troubled(claude)

    assert (trouble.kind, trouble.transient) == (kind, transient)
    assert re.fullmatch(r"[A-Z][^<>{}]+\.", trouble.sentence)
    assert "the cause" not in trouble.sentence
    assert len(fake.requests) == 1


@pytest.mark.parametrize(("fault", "kind", "transient"), [row[1:] for row in DURING], ids=[row[0] for row in DURING])
async def test_an_answer_that_breaks_in_its_middle_has_a_name_too(fake, claude, fault, kind, transient):
    fake.script(Answer(text="Hello, this is long enough.", breaks=fault))

    trouble = await troubled(claude)

    assert (trouble.kind, trouble.transient, trouble.billed) == (kind, transient, True)
    assert trouble.sentence == SENTENCES[kind].format(model=HAIKU)


async def test_silence_ends(fake):
    fake.script(Answer(text="Hello", breaks=Break("silence", 2)))
    claude = Claude(fake.key, fake.url, silence=0.05)

    trouble = await troubled(claude)

    await claude.close()
    assert (trouble.kind, trouble.transient) == ("broken off", True)


async def test_nobody_at_the_address_is_not_billed():
    claude = Claude("k", "http://127.0.0.1:9")

    trouble = await troubled(claude)

    await claude.close()
    assert (trouble.kind, trouble.transient, trouble.billed) == ("unreachable", True, False)


@pytest.mark.parametrize(
    "address", ["http://nowhere.invalid", "https://127.0.0.1:{port}"], ids=["no such name", "no TLS"]
)
async def test_who_could_not_connect_sent_nothing_that_is_billed(fake, address):
    claude = Claude("k", address.format(port=fake.url.rpartition(":")[2]))

    trouble = await troubled(claude)

    await claude.close()
    assert (trouble.kind, trouble.transient, trouble.billed) == ("unreachable", True, False)


async def test_a_connection_that_ends_before_the_answer_may_be_billed(fake, claude):
    fake.script(Fault(status=None))

    trouble = await troubled(claude)

    assert (trouble.kind, trouble.transient, trouble.billed) == ("unreachable", True, True)


async def test_the_operator_reads_the_cause_and_the_request_id(fake, claude):
    fake.script(status(400, "invalid_request_error"))

    trouble = await troubled(claude)

    assert re.fullmatch(
        r"rejected: 400 invalid_request_error the cause \(model claude-haiku-5-5, request req_\w+\)", str(trouble)
    )
    assert not trouble.billed


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (status(429, "rate_limit_error", retry_after="7"), 7),
        (status(529, "overloaded_error", retry_after_ms=1500), 1.5),
        (status(529, "overloaded_error"), None),
        (status(529, "overloaded_error", retry_after="soon"), None),
    ],
)
async def test_how_long_to_wait_is_read(fake, claude, fault, seconds):
    fake.script(fault)

    assert (await troubled(claude)).retry_after == seconds


async def test_a_date_to_wait_for_is_read_as_seconds(fake, claude):
    fake.script(status(429, "rate_limit_error", retry_after="Wed, 21 Oct 2015 07:28:00 GMT"))

    seconds = (await troubled(claude)).retry_after

    assert seconds is not None
    assert seconds < 0
