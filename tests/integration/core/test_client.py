"""Claude through the real SDK: what an answer is, and what every failure is called by core.claude.sdk_errors."""

import re

import pytest

from core.claude.client import Claude, Completion
from core.claude.errors import SENTENCES, ClaudeError
from core.claude.sdk_errors import LONGEST_WAIT
from core.domain.content import Text
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.usage import Usage
from core.prompting.request import HOUSE, build_request
from core.prompting.turns import Turn
from tests.fakes.claude.script import Answer, Break, Fault, refusal
from tests.support.claude_faults import BEFORE, DURING, status
from tests.support.proxy import refusing_proxy

HAIKU = "claude-haiku-5-5"


@pytest.fixture
async def client(claude):
    client = Claude(claude.key, claude.url)
    yield client
    await client.close()


async def ask(client: Claude, persona=Persona(), model=Model(HAIKU)) -> tuple[Completion, list[str]]:  # noqa: B008
    heard: list[str] = []
    asked = build_request(persona, [Turn("user", (Text("Ada: hello"),))], model, "1h")
    async for event in client.stream(asked):
        if isinstance(event, Completion):
            return event, heard
        heard.append(event.text)
    raise AssertionError("no completion came")


async def test_an_answer_is_its_text_blocks_and_grows_as_it_is_heard(claude, client):
    claude.script(Answer(text="Hello, Ada!", thinking="Who is Ada?", chunk=4, delay=0.01))

    completion, heard = await ask(client)

    assert completion.text == heard[-1] == "Hello, Ada!"
    assert heard[:-1] == ["Hell", "Hello, A"][: len(heard) - 1]  # what comes at once is told at once
    assert (completion.stop, completion.model, completion.category) == ("end_turn", HAIKU, None)
    assert completion.request == claude.billed[0].request_id


async def test_usage_is_what_was_billed(claude, client):
    claude.script(Answer(text="Hello", thinking="Hm"), Answer(text="Hello"))

    persona = Persona(system="A long persona. " * 300)
    first, _ = await ask(client, persona)
    second, _ = await ask(client, persona)

    assert [billed_as(one.usage) for one in claude.billed] == [first.usage, second.usage]
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


async def test_the_key_and_nothing_optional_is_sent(claude, client):
    await ask(client)

    (received,) = claude.requests
    assert received.headers["authorization"] == f"Bearer {claude.key}"
    assert set(received.body) == {"model", "max_tokens", "system", "messages", "cache_control", "stream"}
    assert received.body["system"][0]["text"] == HOUSE


async def test_a_model_that_takes_a_temperature_gets_it(claude, client):
    model = await client.model("claude-haiku-4-5")

    await ask(client, Persona(temperature=0.5), model)

    assert claude.requests[-1].body["temperature"] == 0.5
    assert claude.requests[-1].headers["anthropic-version"] == "2023-06-01"
    assert not claude.refused


async def test_effort_and_thinking_are_sent_as_the_api_takes_them(claude, client):
    model = await client.model(HAIKU)

    await ask(client, Persona(effort="low", thinking="disabled"), model)

    body = claude.requests[-1].body
    assert (body["output_config"], body["thinking"]) == ({"effort": "low"}, {"type": "disabled"})
    assert not claude.refused


@pytest.mark.parametrize(
    "stop", ["end_turn", "max_tokens", "stop_sequence", "pause_turn", "model_context_window_exceeded"]
)
async def test_why_claude_stopped_is_told(claude, client, stop):
    claude.script(Answer(text="x", stop_reason=stop))

    assert (await ask(client))[0].stop == stop


async def test_a_refusal_tells_its_category(claude, client):
    claude.script(refusal("I could", category="bio"))

    completion, _ = await ask(client)

    assert (completion.stop, completion.category, completion.text) == ("refusal", "bio", "I could")


async def test_an_empty_answer_is_one(claude, client):
    claude.script(Answer(text=""))

    assert (await ask(client))[0].text == ""


async def troubled(client: Claude) -> ClaudeError:
    with pytest.raises(ClaudeError) as raised:
        await ask(client)
    return raised.value


@pytest.mark.parametrize(("fault", "kind", "transient"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE])
async def test_a_request_that_fails_has_a_name_and_a_sentence(claude, client, fault, kind, transient):
    claude.script(fault)

    trouble = await troubled(client)

    assert (trouble.kind, trouble.transient) == (kind, transient)
    assert re.fullmatch(r"[A-Z][^<>{}]+\.", trouble.sentence)
    assert "the cause" not in trouble.sentence
    assert len(claude.requests) == 1


@pytest.mark.parametrize(("fault", "kind", "transient"), [row[1:] for row in DURING], ids=[row[0] for row in DURING])
async def test_an_answer_that_breaks_in_its_middle_has_a_name_too(claude, client, fault, kind, transient):
    claude.script(Answer(text="Hello, this is long enough.", breaks=fault))

    trouble = await troubled(client)

    assert (trouble.kind, trouble.transient, trouble.billed) == (kind, transient, True)
    assert trouble.sentence == SENTENCES[kind].format(model=HAIKU)


async def test_silence_ends(claude):
    claude.script(Answer(text="Hello", breaks=Break("silence", 2)))
    client = Claude(claude.key, claude.url, silence=0.05)

    trouble = await troubled(client)

    await client.close()
    assert (trouble.kind, trouble.transient) == ("broken off", True)


async def test_nobody_at_the_address_is_not_billed():
    client = Claude("k", "http://127.0.0.1:9")

    trouble = await troubled(client)

    await client.close()
    assert (trouble.kind, trouble.transient, trouble.billed) == ("unreachable", True, False)


@pytest.mark.parametrize(
    "address", ["http://nowhere.invalid", "https://127.0.0.1:{port}"], ids=["no such name", "no TLS"]
)
async def test_who_could_not_connect_sent_nothing_that_is_billed(claude, address):
    client = Claude("k", address.format(port=claude.url.rpartition(":")[2]))

    trouble = await troubled(client)

    await client.close()
    assert (trouble.kind, trouble.transient, trouble.billed) == ("unreachable", True, False)


@pytest.mark.parametrize(
    ("key", "address", "kind"),
    [("sk-ant\n", None, "key"), ("sk-\0ant", None, "key"), ("k", "http://127.0.0.1:99999", "not Claude")],
    ids=["a line break in the key", "a null in the key", "no such port"],
)
async def test_what_can_t_be_sent_is_not_tried_again_and_costs_nothing(claude, key, address, kind):
    client = Claude(key, address or claude.url)

    trouble = await troubled(client)

    await client.close()
    assert (trouble.kind, trouble.transient, trouble.billed) == (kind, False, False)
    assert claude.requests == []


@pytest.mark.parametrize("status", ["", "407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
async def test_a_proxy_that_lets_nothing_through_is_named(monkeypatch, status):
    async with refusing_proxy(monkeypatch, status):
        client = Claude("k", "https://nowhere.invalid")
        trouble = await troubled(client)
        await client.close()

    assert (trouble.kind, trouble.transient, trouble.billed) == ("proxy", True, False)
    assert trouble.sentence.startswith("The proxy on the way to Claude does not let me through.")


async def test_no_proxy_is_honoured(monkeypatch, claude):
    async with refusing_proxy(monkeypatch, "403 Forbidden"):
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        client = Claude(claude.key, claude.url)
        models = await client.models()
        await client.close()

    assert models


async def test_a_page_of_a_proxy_is_told_by_its_title(claude, client):
    claude.script(Fault(403, html="<html><head><title>Blocked by policy</title></head></html>"))

    assert (await troubled(client)).detail == "403  an HTML page: Blocked by policy"


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (30, "We ask more of Claude than our limits allow just now. Please ask again in a minute."),
        (600, "We ask more of Claude than our limits allow just now. Please ask again in 10 minutes."),
        (3600, "We ask more of Claude than our limits allow just now. Please ask again in an hour."),
        (7000, "We ask more of Claude than our limits allow just now. Please ask again in 2 hours."),
        (400_000, "We ask more of Claude than our limits allow just now. Please ask again in 5 days."),
    ],
)
async def test_a_long_wait_is_told_as_long_as_it_is(claude, client, seconds, sentence):
    claude.script(Fault(429, "rate_limit_error", retry_after=str(seconds)))

    assert (await troubled(client)).sentence == sentence


async def test_a_connection_that_ends_before_the_answer_may_be_billed(claude, client):
    claude.script(Fault(status=None))

    trouble = await troubled(client)

    assert (trouble.kind, trouble.transient, trouble.billed) == ("unreachable", True, True)


async def test_the_operator_reads_the_cause_and_the_request_id(claude, client):
    claude.script(status(400, "invalid_request_error"))

    trouble = await troubled(client)

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
        (status(529, "overloaded_error", retry_after="nan"), None),
        (status(529, "overloaded_error", retry_after="inf"), LONGEST_WAIT),
        (status(529, "overloaded_error", retry_after="1e308"), LONGEST_WAIT),
        (status(529, "overloaded_error", retry_after="Wed, 21 Oct 9999 07:28:00 GMT"), LONGEST_WAIT),
    ],
)
async def test_how_long_to_wait_is_read(claude, client, fault, seconds):
    claude.script(fault)

    assert (await troubled(client)).retry_after == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
async def test_a_date_to_wait_for_is_read_as_seconds(claude, client, zone):
    claude.script(status(429, "rate_limit_error", retry_after=f"Wed, 21 Oct 2015 07:28:00 {zone}"))

    seconds = (await troubled(client)).retry_after

    assert seconds is not None
    assert seconds < 0


ODD = 'event: error\ndata: {"error": "Overloaded"}\n\n'


async def test_an_error_without_a_type_amid_an_answer_may_pass(claude, client):
    claude.script(Answer(text="Hello, Ada!", breaks=Break("garbage", 3, line=ODD)))

    trouble = await troubled(client)

    assert (trouble.kind, trouble.transient) == ("broken off", True)
