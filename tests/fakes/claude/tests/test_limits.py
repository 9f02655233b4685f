"""The stand-in for Claude refuses what a model of the Messages API does not take, in its words."""

from typing import Any

import anthropic
import pytest

from tests.fakes.claude.client import (
    ASK,
    HAIKU,
    OLD_HAIKU,
    OLD_SONNET,
    OPUS,
    SONNET,
    assistant,
    said,
    text,
    user,
)

TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}, "additionalProperties": False}}
FIVE = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}


def effort(level: str) -> dict[str, Any]:
    return {"output_config": {"effort": level}}


def thinking(kind: str, **more) -> dict[str, Any]:
    return {"thinking": {"type": kind, **more}}


def sampled(model: str, **body) -> dict[str, Any]:
    return {"model": model, "extra_headers": {"anthropic-version": "2023-06-01"}, "extra_body": body}


MARKED = [text(f"{number}", "5m") for number in range(5)]
MODELS = {
    "max_tokens over the model's": (
        {"max_tokens": 128_001, "timeout": 5},
        f"max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens for {HAIKU}",
    ),
    "a prompt over the model's": (
        {"model": OLD_HAIKU, **said(user("x" * 800_001))},
        "prompt is too long: 200001 tokens > 200000 maximum",
    ),
    "effort where there is none": (
        {"model": OLD_HAIKU, **effort("low")},
        "This model does not support the effort parameter.",
    ),
    "an effort of later models": (
        {"model": OLD_SONNET, **effort("xhigh")},
        "output_config.effort: xhigh is not supported for this model.",
    ),
    "adaptive thinking of an old model": (
        {"model": OLD_HAIKU, **thinking("adaptive")},
        '"thinking.type.adaptive" is not supported for this model.',
    ),
    "enabled thinking": (
        {**thinking("enabled", budget_tokens=1024), "max_tokens": 2000},
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "no thinking where it is always on": (
        {"model": OPUS, **thinking("disabled")},
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "no thinking at great effort": (
        {**thinking("disabled"), **effort("max")},
        '"thinking.type.disabled" is not supported at effort max.',
    ),
    "a budget over max_tokens": (
        {"model": OLD_HAIKU, **thinking("enabled", budget_tokens=1024)},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "a tool forced on a thinking model": (
        {"model": SONNET, "tools": [TOOL], "tool_choice": {"type": "any"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "a choice of no tools": (
        {"tool_choice": {"type": "auto"}},
        "tool_choice may only be specified while providing tools.",
    ),
    "a choice of another tool": (
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "hear"}},
        "Tool 'hear' not found in provided tools",
    ),
    "two tools of a name": ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    "a stop sequence of white space": (
        {"stop_sequences": ["\n"]},
        "stop_sequences: each stop sequence must contain non-whitespace",
    ),
    "an address as user id": (
        {"metadata": {"user_id": "ann@example.com"}},
        "metadata.user_id: user_id appears to contain an email address",
    ),
    "a warm-up that streams": (
        {"max_tokens": 0, "stream": True},
        "max_tokens: 0 is not supported with streaming, structured output or forced tool use",
    ),
}
BREAKPOINTS = {
    "five breakpoints": (
        said(user(*MARKED)),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "four breakpoints and the automatic one": (
        {**said(user(*MARKED[:4], text("4"))), "cache_control": FIVE},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "an hour behind five minutes": (
        {"system": [text("Be kind", "5m")], **said(user(text("Hi", "1h")))},
        "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
        "Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
    ),
    "two ttls on the last block": (
        {**said(user(text("Hi", "5m"))), "cache_control": HOUR},
        "cache_control: the last block already has a cache_control with a different ttl",
    ),
}
SAMPLING = {
    "sampling of a new model": (sampled(HAIKU, temperature=1.0), "`temperature` is not supported for this model."),
    "both kinds of sampling": (
        sampled(OLD_HAIKU, temperature=1.0, top_p=0.9),
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ),
    "a high temperature": (
        sampled(OLD_SONNET, temperature=1.5),
        "temperature: Input should be less than or equal to 1",
    ),
    "a temperature while thinking": (
        {**sampled(OLD_SONNET, temperature=0.5), **thinking("adaptive")},
        "`temperature` may only be set to 1 when thinking is enabled.",
    ),
    "an unknown version": (
        {"extra_headers": {"anthropic-version": "2025-01-01"}},
        'anthropic-version: "2025-01-01" is not a valid version',
    ),
    "no version": (
        {"extra_headers": {"anthropic-version": anthropic.omit}},
        "anthropic-version: header is required",
    ),
}
TAKEN = {
    "a system turn at the end": said(user("Hi"), {"role": "system", "content": "Be kind"}),
    "three breakpoints and the automatic one": {**said(user(*MARKED[:3], text("3"))), "cache_control": FIVE},
    "four breakpoints, the automatic one on the last": {**said(user(*MARKED[:4])), "cache_control": FIVE},
    "an hour before five minutes": {"system": [text("Be kind", "1h")], "cache_control": FIVE},
    "a warm-up": {"max_tokens": 0},
    "a temperature of an old model": sampled(OLD_SONNET, temperature=0.2),
    "a prefill of an old model": {"model": OLD_HAIKU, **said(user("Hi"), assistant("Well"))},
    "the most tokens": {"model": OLD_HAIKU, "max_tokens": 64_000, "timeout": 5},
    "the longest prompt": {"model": OLD_HAIKU, **said(user("x" * 800_000))},
    "a budget": {"model": OLD_HAIKU, "max_tokens": 1025, **thinking("enabled", budget_tokens=1024)},
    "great effort": effort("max"),
    "no thinking": {**thinking("disabled"), **effort("high")},
    "thinking between tools": {"model": SONNET, **thinking("between_tools")},
    "a call and its result": {"tools": [TOOL], **said(user("Hi"), assistant(CALL), user(RESULT))},
    "a forced tool": {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}},
    "web search": {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
    "a form": {
        "output_config": {
            "format": {
                "type": "json_schema",
                "schema": {"type": "object", "properties": {}, "additionalProperties": False},
            }
        }
    },
    "people who speak in a row": said(user("Hi"), user("Hello")),
    "a hash as user id": {"metadata": {"user_id": "5f3a" * 64}},
}
REFUSALS = {**MODELS, **BREAKPOINTS, **SAMPLING}


@pytest.mark.parametrize(("asked", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_it_refuses(claude, sdk, asked, words):
    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.messages.create(**{**ASK, **asked})

    error = {"type": "invalid_request_error", "message": words, "details": None}
    assert caught.value.body == {"type": "error", "error": error, "request_id": caught.value.request_id}
    assert [refused.message for refused in claude.refused] == [words]
    assert claude.billed == []


@pytest.mark.parametrize("asked", TAKEN.values(), ids=TAKEN)
async def test_it_takes(claude, sdk, asked):
    await sdk.messages.create(**{**ASK, **asked})

    assert claude.refused == []


async def test_a_warm_up_has_no_words(sdk):
    message = await sdk.messages.create(**{**ASK, "max_tokens": 0})

    assert (message.content, message.stop_reason, message.usage.output_tokens) == ([], "max_tokens", 0)


@pytest.mark.parametrize("model", ["claude-sonnet-9", "claude-3-7-sonnet-20250219"], ids=["unknown", "retired"])
@pytest.mark.filterwarnings("ignore:The model 'claude-3-7:DeprecationWarning")  # the SDK's own, and no matter here
async def test_a_model_that_does_not_serve_is_not_found(sdk, model):
    with pytest.raises(anthropic.NotFoundError) as caught:
        await sdk.messages.create(**{**ASK, "model": model})

    assert caught.value.api_message == f"model: {model}"
