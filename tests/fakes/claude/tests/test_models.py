"""The stand-in for Claude describes its models as the Models API does."""

import anthropic
import pytest

from tests.fakes.claude.client import HAIKU, OLD_HAIKU, OLD_SONNET, OPUS, SONNET


async def test_models_come_in_pages_with_their_limits(claude, sdk):
    models = [model async for model in sdk.models.list(limit=2)]

    assert [(model.id, model.line, model.max_input_tokens, model.max_tokens) for model in models] == [
        (HAIKU, "haiku", 1_000_000, 128_000),
        (SONNET, "sonnet", 1_000_000, 128_000),
        (OPUS, "opus", 1_000_000, 128_000),
        (OLD_SONNET, "sonnet", 1_000_000, 128_000),
        (OLD_HAIKU, "haiku", 200_000, 64_000),
        ("claude-sonnet-4-5", "sonnet", 200_000, 64_000),
    ]
    assert [received.path for received in claude.requests] == ["/v1/models"] * 3


async def test_models_can_be_paged_backwards(sdk):
    page = await sdk.models.list(limit=2, before_id=OLD_SONNET)

    assert ([model.id for model in page.data], page.has_more) == ([SONNET, OPUS], True)


async def test_retired_models_are_listed_only_if_asked_for(sdk):
    models = [model async for model in sdk.models.list(lifecycle=["retired"])]

    assert [(model.id, model.lifecycle) for model in models] == [("claude-3-7-sonnet-20250219", "retired")]


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1001}, {"after_id": "claude-9"}])
async def test_a_page_of_models_out_of_range_is_refused(sdk, asked):
    with pytest.raises(anthropic.BadRequestError):
        await sdk.models.list(**asked)


@pytest.mark.parametrize(
    ("model", "thinking", "efforts"),
    [
        (HAIKU, {"adaptive", "disabled"}, {"low", "medium", "high", "xhigh", "max"}),
        (SONNET, {"adaptive", "between_tools"}, {"low", "medium", "high", "xhigh", "max"}),
        (OLD_SONNET, {"adaptive", "enabled", "disabled"}, {"low", "medium", "high", "max"}),
        ("claude-haiku-4-5-20251001", {"enabled"}, set()),
    ],
)
async def test_a_model_tells_what_it_can(sdk, model, thinking, efforts):
    capabilities = (await sdk.models.retrieve(model)).capabilities

    effort = capabilities.effort.to_dict()
    assert {kind for kind, said in capabilities.thinking.types.to_dict().items() if said["supported"]} == thinking
    assert {level for level, said in effort.items() if level != "supported" and said["supported"]} == efforts
    assert effort["supported"] is bool(efforts)
    assert capabilities.image_input.supported


async def test_an_unknown_model_is_not_found(sdk):
    with pytest.raises(anthropic.NotFoundError):
        await sdk.models.retrieve("claude-sonnet-9")
