"""The stand-in's web tools are as strict as the API's: the types that a model takes, their fields, and what comes back."""

import anthropic
import pytest

from core.tools.hosted import build_web_tools
from tests.fakes.claude.client import ASK, HAIKU, OLD_HAIKU, assistant, said, user
from tests.fakes.claude.script import Answer, Search

SEARCH, FETCH = (dict(tool.definition.body) for tool in build_web_tools())
ONLY_SEARCH = {"type": "only", "tools": [{"type": "tool_reference", "name": "web_search"}]}
REFUSED = {
    "both lists": ({**SEARCH, "allowed_domains": ["a.example"], "blocked_domains": ["b.example"]}, "Only one of"),
    "a scheme": ({**SEARCH, "allowed_domains": ["https://a.example"]}, "is not a domain"),
    "an unknown field": ({**SEARCH, "depth": 3}, "Extra inputs are not permitted"),
    "no uses": ({**FETCH, "max_uses": 0}, "greater than 0"),
    "an unknown type": ({**SEARCH, "type": "web_search_20990101"}, "Input should be"),
    "an undeclared source": (FETCH | {"url_sources": {"server_tool_results": ONLY_SEARCH}}, "is not declared"),
    "an unknown source": (FETCH | {"url_sources": {"pages": {"type": "all"}}}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("tool", "why"), REFUSED.values(), ids=REFUSED)
async def test_it_refuses_a_web_tool_that_the_api_does_not_take(sdk, tool, why):
    with pytest.raises(anthropic.BadRequestError, match=why):
        await sdk.messages.create(**ASK, tools=[tool])


@pytest.mark.parametrize(
    ("model", "lacks", "why"),
    [
        (OLD_HAIKU, (), "does not support tool types: web_search_20260318. Did you mean one of web_search_20250305"),
        (HAIKU, ("web_search",), "does not support tool types: web_search_20260318"),
        (HAIKU, ("enabled web search",), "Web search is not enabled for this organization"),
        (HAIKU, ("citations",), "tools.1: citations are not supported"),
    ],
    ids=["an old model", "a model without", "an organization without", "a model that does not cite"],
)
async def test_a_model_or_an_organization_may_have_no_web_search(claude, sdk, model, lacks, why):
    claude.lacks = frozenset(lacks)

    with pytest.raises(anthropic.BadRequestError, match=why):
        await sdk.messages.create(**{**ASK, "model": model}, tools=[SEARCH, FETCH])


async def test_what_a_search_found_comes_back_unchanged_or_is_refused(claude, sdk):
    claude.web = {"https://a.example": "A\nHeat."}
    claude.script(Answer(passages=(Search("heat"),), stop_reason="pause_turn"))
    first = await sdk.messages.create(**ASK, tools=[SEARCH])
    use, found = (block.to_dict() for block in first.content)

    await sdk.messages.create(**{**ASK, **said(user("Hi"), assistant(use, found))}, tools=[SEARCH])
    found["content"][0]["encrypted_content"] = "x"
    with pytest.raises(anthropic.BadRequestError, match="Invalid `encrypted_content` in `web_search_tool_result`"):
        await sdk.messages.create(**{**ASK, **said(user("Hi"), assistant(use, found))}, tools=[SEARCH])
