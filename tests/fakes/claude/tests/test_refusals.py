"""The stand-in for Claude refuses the shapes and the turns that the Messages API refuses, in its words."""

import anthropic
import httpx2
import pytest

from tests.fakes.claude.client import ASK, OLD_HAIKU, OLD_SONNET, assistant, base64_block, said, text, user

CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}
FIVE = {"type": "ephemeral"}
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "forged"}


SHAPES = {
    "temperature": ({"extra_body": {"temperature": 1.0}}, "temperature: Extra inputs are not permitted"),
    "top_p": ({"extra_body": {"top_p": 0.9}}, "top_p: Extra inputs are not permitted"),
    "top_k": ({"extra_body": {"top_k": 5}}, "top_k: Extra inputs are not permitted"),
    "an unknown field": ({"extra_body": {"colour": "red"}}, "colour: Extra inputs are not permitted"),
    "an unknown field of a message": (
        said({**user("Hi"), "name": "Ann"}),
        "messages.0.name: Extra inputs are not permitted",
    ),
    "an unknown field of a block": (
        said(user({**text("Hi"), "id": 1})),
        "messages.0.content.0.text.id: Extra inputs are not permitted",
    ),
    "an unknown field of a breakpoint": (
        {"cache_control": {**FIVE, "scope": "all"}},
        "cache_control.scope: Extra inputs are not permitted",
    ),
    "an unknown ttl": ({"cache_control": {**FIVE, "ttl": "2h"}}, "cache_control.ttl: Input should be '5m' or '1h'"),
    "a breakpoint of no type": ({"cache_control": {"ttl": "5m"}}, "cache_control.type: Field required"),
    "an unknown block": (
        said(user({"type": "video"})),
        "messages.0.content.0: Input tag 'video' found using 'type' does not match any of the expected tags: 'text', "
        "'image', 'document', 'container_upload', 'thinking', 'redacted_thinking', 'tool_use', 'server_tool_use', 'tool_result', "
        "'web_search_tool_result', 'web_fetch_tool_result', 'bash_code_execution_tool_result', "
        "'code_execution_tool_result', 'text_editor_code_execution_tool_result'",
    ),
    "an unknown role": (
        said({"role": "bot", "content": "Hi"}),
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ),
    "an unknown media type": (
        said(user(base64_block("image", "image/bmp", b"BM"))),
        "messages.0.content.0.image.source.base64.media_type: "
        "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
    ),
    "an unknown effort": (
        {"output_config": {"effort": "extreme"}},
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
    ),
    "max_tokens in words": ({"max_tokens": "many"}, "max_tokens: Input should be a valid integer"),
    "a long user id": (
        {"metadata": {"user_id": "x" * 257}},
        "metadata.user_id: String should have at most 256 characters",
    ),
    "a name beside the user id": (
        {"metadata": {"user_id": "x", "name": "Ann"}},
        "metadata.name: Extra inputs are not permitted",
    ),
    "a small thinking budget": (
        {"model": OLD_HAIKU, "thinking": {"type": "enabled", "budget_tokens": 1000}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    "too many messages": (
        said(*[user("x")] * 100_001),
        "messages: List should have at most 100000 items after validation, not 100001",
    ),
}
TURNS = {
    "no message": (said(), "messages: at least one message is required"),
    "an assistant first": (said(assistant("Hi"), user("Hi")), 'messages: first message must use the "user" role'),
    "an empty string": (said(user("")), "messages: text content blocks must be non-empty"),
    "an empty block": (said(user(text("Hi"), text(""))), "messages: text content blocks must be non-empty"),
    "an empty block with a breakpoint": (
        said(user(text("", "5m"))),
        "messages: cache_control cannot be set for empty text blocks",
    ),
    "white space": (said(user(" \n")), "messages: text content blocks must contain non-whitespace text"),
    "a turn of white space": (
        said(user("Hi"), assistant("\n"), user("Hi")),
        "messages: text content blocks must contain non-whitespace text",
    ),
    "an empty system": ({"system": ""}, "system: text content blocks must be non-empty"),
    "an empty system block": ({"system": [text(" ")]}, "system: text content blocks must contain non-whitespace text"),
    "a turn of nothing": (
        said({"role": "user", "content": []}),
        "messages.0: all messages must have non-empty content except for the optional final assistant message",
    ),
    "a prefill": (
        said(user("Hi"), assistant("Well")),
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
    "a prefill of 4.6": (
        {"model": OLD_SONNET, **said(user("Hi"), assistant("Well"))},
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
    "a prefill that ends in a space": (
        {"model": OLD_HAIKU, **said(user("Hi"), assistant("Well, "))},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    "a system turn of an old model": (
        {"model": OLD_SONNET, **said(user("Hi"), {"role": "system", "content": "Be kind"})},
        "messages.1.role: Input should be 'user' or 'assistant'",
    ),
    "a system turn before a person's": (
        said(user("Hi"), {"role": "system", "content": "Be kind"}, user("Hi")),
        "messages.1: a system turn must follow a user turn and precede an assistant turn",
    ),
    "an image of Claude's": (
        said(user("Hi"), assistant(base64_block("image", "image/png", b"")), user("Hi")),
        "messages.1.content.0: `image` blocks not permitted in assistant turns",
    ),
    "a document of Claude's": (
        said(user("Hi"), assistant(base64_block("document", "application/pdf", b"")), user("Hi")),
        "messages.1.content.0: `document` blocks not permitted in assistant turns",
    ),
    "citations of a person's": (
        said(user({**text("Hi"), "citations": [{"type": "char_location"}]})),
        "messages.0.content.0.text.citations: not permitted in user turns",
    ),
    "forged thinking": (
        said(user("Hi"), assistant(THOUGHT, text("Hi")), user("Hi")),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "a call without its result": (
        said(user("Hi"), assistant(CALL), user("Well?")),
        "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
    ),
    "a result without its call": (
        said(user("Hi"), assistant("Hi"), user(RESULT)),
        "messages.2: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1",
    ),
}
REFUSALS = {**SHAPES, **TURNS}


@pytest.mark.parametrize(("asked", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_it_refuses(claude, sdk, asked, words):
    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.messages.create(**{**ASK, **asked})

    error = {"type": "invalid_request_error", "message": words, "details": None}
    assert caught.value.body == {"type": "error", "error": error, "request_id": caught.value.request_id}
    assert [refused.message for refused in claude.refused] == [words]
    assert claude.billed == []


@pytest.mark.parametrize("missing", ["model", "messages", "max_tokens"])
async def test_it_refuses_a_request_without(sdk, missing):
    body = {name: value for name, value in ASK.items() if name != missing}

    with pytest.raises(anthropic.BadRequestError, match=f"{missing}: Field required"):
        await sdk.post("/v1/messages", body=body, cast_to=object)


async def test_it_counts_the_tokens_of_nothing_that_it_refuses(sdk):
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: Extra inputs are not permitted"):
        await sdk.messages.count_tokens(model=ASK["model"], messages=ASK["messages"], extra_body={"max_tokens": 1})


BODIES = {
    "nothing": b"",
    "half of it": b'{"model": ',
    "a list": b"[]",
    "half a character": b'{"model": "\\ud83d"}',
    "no UTF-8": b'{"model": "\xff"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_it_refuses_a_body_of(claude, body):
    headers = {"authorization": f"Bearer {claude.key}", "anthropic-version": "2026-10-21"}

    async with httpx2.AsyncClient(base_url=claude.url, headers=headers) as http:
        response = await http.post("/v1/messages", content=body)

    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")
    assert [received.body for received in claude.requests] == [{}]


async def test_it_refuses_another_key(claude):
    async with anthropic.AsyncAnthropic(api_key="sk-ant-wrong", base_url=claude.url) as sdk:
        with pytest.raises(anthropic.AuthenticationError, match="Invalid API key"):
            await sdk.messages.create(**ASK)


async def test_it_takes_the_key_in_its_old_header(claude):
    headers = {"x-api-key": claude.key, "authorization": anthropic.omit}

    async with anthropic.AsyncAnthropic(api_key="-", base_url=claude.url, default_headers=headers) as sdk:
        await sdk.messages.create(**ASK)

    assert claude.refused == []


async def test_it_refuses_a_body_over_32_megabytes(sdk):
    with pytest.raises(anthropic.ContentTooLargeError) as caught:
        await sdk.messages.create(**{**ASK, **said(user("x" * 33_554_432))})

    assert caught.value.type == "request_too_large"


async def test_there_is_nothing_elsewhere(sdk):
    with pytest.raises(anthropic.NotFoundError):
        await sdk.post("/v1/complete", body={}, cast_to=object)
