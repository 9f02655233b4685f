"""Web search and web fetch over the real SDK: what comes of them, what they cost, and where they may go.

Tests core.claude.client, core.claude.streams.accumulator, core.tools.hosted and the stand-in's tests.fakes.claude.web.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bots.app.tool_check import find_refused
from core.billing.prices import read_prices
from core.claude.citations import WEB, Citation
from core.claude.client import Activity, Claude, Completion
from core.claude.metering import dump_completion, restore_completion
from core.claude.streams.accumulator import MessageAccumulator
from core.prompting.code_requests import continue_request
from core.prompting.request import Request
from core.tools.hosted import build_web_tools
from tests.fakes.claude.script import Answer, Break, Fetch, Passage, Search
from tests.fakes.claude.server import ClaudeFake

HAIKU = "claude-haiku-5-5"
HEAT, COST = "https://energy.example/heat", "https://energy.example/cost"
PAGES = {
    HEAT: "Heat pumps explained\nThey move warmth.\nMore at https://energy.example/more",
    COST: "What pumps cost\nAbout 9,000.",
    "https://energy.example/more": "More\nYes.",
    "https://evil.example/?words": "Evil\nCaught.",
}
WARM = Citation(WEB, "Heat pumps explained", 0, 0, url=HEAT)
CACHED = {"type": "ephemeral", "ttl": "1h"}


@pytest.fixture
async def claude():
    async with ClaudeFake() as server:
        server.web = dict(PAGES)
        yield server


@pytest.fixture
async def client(claude):
    opened = Claude(claude.key, claude.url)
    yield opened
    await opened.close()


def ask(words: str = "How do heat pumps work?", **bounds: Any) -> Request:
    tools = [dict(tool.definition.body) for tool in build_web_tools(**bounds)]
    body = {"model": HAIKU, "max_tokens": 1_000, "tools": tools, "cache_control": CACHED}
    system = [{"type": "text", "text": "Be brief. " * 300, "cache_control": CACHED}]
    return Request(body | {"system": system, "messages": [{"role": "user", "content": say(words)}]}, ())


def say(words: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": words}]


async def stream(client: Claude, request: Request) -> tuple[list[str], Completion]:
    events = [event async for event in client.stream(request)]
    completion = events[-1]
    assert isinstance(completion, Completion)
    return [event.words for event in events if isinstance(event, Activity)], completion


async def test_a_search_is_told_cited_and_priced_as_it_is_billed(client, claude):
    claude.script(
        Answer(passages=(Search("heat pumps"), Fetch(HEAT), Passage("They move warmth", (HEAT,)), Passage(".")))
    )

    doing, answer = await stream(client, ask())

    assert doing == ["searching “heat pumps”", "reading energy.example/heat"]
    assert (answer.text, answer.citations) == ("They move warmth.", (replace(WARM, at=16),))
    cost = read_prices().cost(HAIKU, answer.usage, date(2026, 11, 27))
    assert cost.micro_usd == claude.billed[-1].micro_usd > 10_000
    assert answer.usage.web_searches == 1
    assert answer.usage.cache_write_1h > 600


async def test_what_a_search_found_is_cited_where_the_page_was_not_read(client, claude):
    claude.script(Answer(passages=(Search("pumps"), Passage("9,000", (COST,)), Passage(" they cost."))))

    _, answer = await stream(client, ask())

    assert answer.citations == (Citation(WEB, "What pumps cost", 0, 0, 5, COST),)


async def test_a_turn_that_paused_amid_a_search_goes_on_with_all_it_brought_unchanged(client, claude):
    claude.script(
        Answer(passages=(Search("heat"), Fetch(HEAT), Search("cost", held=True)), stop_reason="pause_turn"),
        Answer(passages=(Passage("Warm", (HEAT,)), Passage(", and dear", (COST,)))),
    )
    request = ask()

    _, paused = await stream(client, request)
    paused = restore_completion(dump_completion(paused))  # as another process goes on
    doing, answer = await stream(client, continue_request(request, paused.content))

    assert (paused.stop, doing, claude.refused) == ("pause_turn", [], [])
    assert [one.url for one in answer.citations] == [HEAT, COST]
    assert answer.usage.web_searches == 1


async def test_what_comes_back_changed_is_refused(client, claude):
    claude.script(Answer(passages=(Search("heat"),), stop_reason="pause_turn"))
    request = ask()
    _, paused = await stream(client, request)

    paused.content[1]["content"][0]["encrypted_content"] = "x"
    with pytest.raises(Exception, match="Invalid `encrypted_content` in `web_search_tool_result` block"):
        await stream(client, continue_request(request, paused.content))


async def test_fields_that_the_sdk_does_not_know_come_back_too(client, claude):
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_9", "content": [], "score": {"of": [1, None]}}
    accumulator = MessageAccumulator()
    use = {"type": "server_tool_use", "id": "srvtoolu_9", "name": "web_search", "input": {"query": "x"}, "lane": 3}
    claude.script(Answer(blocks=(use, found), stop_reason="pause_turn"))

    completion = [event async for event in client.stream(ask(), accumulator)][-1]

    assert completion.content == [use, found]


@pytest.mark.parametrize("after", range(4, 17, 2))
async def test_a_stream_that_breaks_amid_searches_has_cost_no_more_than_its_bound(client, claude, after):
    steps = (Search("heat pumps"), Fetch(HEAT), Passage("They move warmth", (HEAT,)))
    claude.script(Answer(passages=steps, breaks=Break("reset", after=after)))
    accumulator, request = MessageAccumulator(), ask()

    with pytest.raises(Exception, match="broken off"):
        _ = [event async for event in client.stream(request, accumulator)]
    await claude.settled()

    bound = accumulator.bound_usage(1_000, "1h")
    cost = read_prices().cost(HAIKU, replace(bound.prompt, output=bound.output), date(2026, 11, 27))
    assert claude.billed[-1].micro_usd <= cost.micro_usd < claude.billed[-1].micro_usd + 13_000


NOT_TOLD = "url_not_in_prior_context"
FETCHES = {
    "named by a person": (f"Read {HEAT}", (Fetch(HEAT),), ""),
    "found by a search": ("Read", (Search("heat"), Fetch(HEAT)), ""),
    "named by a page alone": (f"Read {HEAT}", (Fetch(HEAT), Fetch("https://energy.example/more")), NOT_TOLD),
    "named by nobody": ("Read", (Fetch("https://evil.example/?words"),), NOT_TOLD),
}


@pytest.mark.parametrize(("words", "steps", "error"), FETCHES.values(), ids=FETCHES)
async def test_pages_are_read_only_where_a_person_or_a_search_pointed(client, claude, words, steps, error):
    claude.script(Answer(passages=(*steps, Passage("Done."))))

    _, answer = await stream(client, ask(words))

    result = answer.content[-2]["content"]
    assert (result.get("error_code", ""), answer.text) == (error, "Done.")


@pytest.mark.parametrize(
    ("bounds", "read"),
    [
        ({}, "web_fetch_result"),
        ({"allowed": ["energy.example/he"]}, "web_fetch_result"),
        ({"allowed": ["other.example"]}, "url_not_allowed"),
        ({"blocked": ["example"]}, "url_not_allowed"),
    ],
    ids=["anywhere", "allowed", "not among the allowed", "blocked"],
)
async def test_the_web_is_as_large_as_an_operator_lets_it_be(client, claude, bounds, read):
    claude.script(Answer(passages=(Search("heat"), Fetch(HEAT))))

    _, answer = await stream(client, ask(f"Read {HEAT}", **bounds))

    found, page = (block["content"] for block in answer.content if block["type"].endswith("_tool_result"))
    assert (len(found) == 1, page.get("error_code", page["type"])) == (read == "web_fetch_result", read)


async def test_so_many_searches_are_made_and_no_more(client, claude):
    claude.script(Answer(passages=(*[Search("heat")] * 7, Passage("Done."))))

    _, answer = await stream(client, ask())

    codes = [block["content"] for block in answer.content if block["type"] == "web_search_tool_result"]
    assert [isinstance(one, Mapping) and one["error_code"] for one in codes] == [False] * 5 + ["max_uses_exceeded"] * 2
    assert answer.usage.web_searches == 5


REFUSED = {
    "all is taken": (HAIKU, set(), {}),
    "an older type is taken": ("claude-haiku-4-5", set(), {}),
    "an organization that has not switched it on": (
        HAIKU,
        {"enabled web search"},
        {"web_search": "not enabled for this"},
    ),
    "a model without": (HAIKU, {"web_search"}, {"web_search": "does not support"}),
}


@pytest.mark.parametrize(("model", "lacks", "refused"), REFUSED.values(), ids=REFUSED)
async def test_an_operator_can_be_told_what_the_api_refuses_before_anybody_asks(client, claude, model, lacks, refused):
    claude.lacks = frozenset(lacks)

    found = await find_refused(client, model, build_web_tools())

    assert {name: part in found.get(name, "") for name, part in refused.items()} == dict.fromkeys(found, True)
    assert [one.path for one in claude.requests if one.path == "/v1/messages"] == []
