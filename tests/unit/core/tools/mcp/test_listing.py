"""Pages of a server's list of tools, which the SDK is not shown: core.tools.mcp.listing."""

import asyncio

import mcp_types as types

from core.tools.mcp.definitions import LISTED, ListedTool
from core.tools.mcp.listing import PAGES_KEPT, SLICE, ListedPages

OBJECT = {"type": "object"}
MIRRORED = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


def page(result):
    return types.ListToolsResult.model_validate(result, by_name=False)


async def test_a_page_is_read_whole_and_the_sdk_is_shown_the_tools_alone_whose_arguments_it_repeats_in_headers():
    listing = ListedPages()
    listed = [
        {"name": "a", "title": "A", "inputSchema": OBJECT, "annotations": {"readOnlyHint": True}},
        {"name": "b", "description": "B", "inputSchema": MIRRORED},
        {"name": "c", "inputSchema": {"type": "array"}},
        7,
    ]
    result = {"tools": listed, "nextCursor": "more"}
    await listing.keep_page(result)

    assert [one["name"] for one in result["tools"]] == ["b"]
    assert page(result).next_cursor == "more"
    assert listing.take_page(page(result)) == [
        ListedTool("a", "A", OBJECT, reads_only=True),
        ListedTool("b", "B", MIRRORED),
    ]
    assert listing.malformed == {"c"}
    assert listing.take_page(page(result)) == []


async def test_a_tool_that_the_sdk_drops_is_not_used():
    listing = ListedPages()
    result = {"tools": [{"name": "a", "inputSchema": OBJECT}, {"name": "b", "inputSchema": MIRRORED}]}
    await listing.keep_page(result)
    shown = page(result)
    shown.tools = []

    assert [one.name for one in listing.take_page(shown)] == ["a"]


async def test_while_a_long_page_is_read_all_else_has_its_turns():
    turns = 0

    async def go_round():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(go_round())
    await ListedPages().keep_page({"tools": [{"name": f"tool{n}", "inputSchema": OBJECT} for n in range(10 * LISTED)]})
    beside.cancel()

    assert LISTED // SLICE <= turns <= LISTED // SLICE + 1


async def test_of_pages_that_nobody_asked_for_a_few_are_kept():
    listing = ListedPages()
    results = [{"tools": [{"name": f"tool{n}", "inputSchema": OBJECT}]} for n in range(PAGES_KEPT + 1)]
    for result in results:
        await listing.keep_page(result)

    assert [len(listing.take_page(page(result))) for result in results] == [0, *[1] * PAGES_KEPT]
