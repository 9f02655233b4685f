"""Answers with tools of MCP servers: what people see, what Claude is told, and who may let one act."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from core.domain.controls import Control
from core.tools.mcp.settings import McpServer
from tests.fakes.claude.script import Answer
from tests.fakes.mcp.server import McpFake
from tests.support.board_house import closed, press
from tests.support.house import house
from tests.support.mcp_tools import PIPES, offering
from tests.support.waiting import PATIENCE, until


@asynccontextmanager
async def answering(store, board, claude, server, process="first", **limits):
    """An assistant that may use a server's tools."""
    async with (
        offering(store, server, **limits) as tools,
        house(store, claude, board, tools=tools, process=process) as assistant,
    ):
        yield assistant


def call(tool, number=1, **arguments):
    used = {"type": "tool_use", "id": f"toolu_{number}", "name": f"tickets__{tool}", "input": arguments}
    return Answer(text="", blocks=[used], stop_reason="tool_use")


def told(claude):
    """What the newest request told Claude of its calls."""
    last = [one.body for one in claude.requests if one.path == "/v1/messages"][-1]["messages"][-1]
    return [block for block in last["content"] if block["type"] == "tool_result"]


async def parked(board):
    async with asyncio.timeout(PATIENCE):
        while "May I use" not in "".join(board.shown("t1")):
            await asyncio.sleep(0.002)
    await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", ["HTTP", pytest.param("pipes", marks=pytest.mark.slow)])
async def test_a_tool_that_acts_is_allowed_by_its_asker_after_a_restart_and_by_no_bystander(store, board, claude, way):
    claude.script(call("search", 1, query="printer"), call("create", 2, query="printer"), Answer(text="Opened."))
    async with McpFake().serve() as fake:
        server = PIPES if way == "pipes" else McpServer("tickets", url=fake.url)
        async with answering(store, board, claude, server, first=30) as assistant:
            await assistant.ingest(board.said("t1", "U1", "is there a ticket for the printer? else open one"))
            await parked(board)
            asked = board.shown("t1")
        fake.slow_list, listings = asyncio.Event(), fake.listings
        async with answering(store, board, claude, server, process="second", first=0.01) as assistant:
            await press(assistant, board, Control.ALLOW, "0001#2", person="U2")
            await closed(store)
            refused = [name for name, _ in fake.calls]
            await press(assistant, board, Control.ALLOW, "0001#2")
            if way == "HTTP":  # a program takes a while to start by itself
                await until(lambda: fake.listings > listings, PATIENCE)
            fake.slow_list.set()
            await closed(store)

    assert asked[0].startswith("**May I use `tickets__create`?** It acts outside of this conversation.")
    assert board.shown("t1")[0] == "Opened."
    assert [block["content"][0]["text"] for block in told(claude)] == ["created: printer"]
    if way == "HTTP":
        assert (refused, fake.calls) == (
            ["search"],
            [("search", {"query": "printer"}), ("create", {"query": "printer"})],
        )


async def test_a_server_that_is_down_costs_no_answer(store, board, claude):
    claude.script(Answer(text="Without it, then."))
    async with answering(store, board, claude, McpServer("tickets", url="http://127.0.0.1:9/mcp")) as assistant:
        await assistant.ingest(board.said("t1", "U1", "search"))
        await closed(store)

    assert board.shown("t1") == ["Without it, then."]
    assert "tools" not in claude.requests[-1].body


async def test_a_server_that_breaks_in_mid_answer_costs_a_line_to_claude(store, board, claude):
    async with McpFake().serve() as fake:

        def answer(body):
            fake.status = 503
            return call("search", query="printer") if len(body["messages"]) == 1 else Answer(text="I could not look.")

        claude.answer = answer
        async with answering(store, board, claude, McpServer("tickets", url=fake.url)) as assistant:
            await assistant.ingest(board.said("t1", "U1", "search"))
            await closed(store)

    (result,) = told(claude)
    assert board.shown("t1") == ["I could not look."]
    assert (result["is_error"], result["content"][0]["text"]) == (
        True,
        "The server tickets answered with an error: Server returned an error response",
    )


async def test_what_a_server_returns_in_ten_megabytes_or_as_a_picture_is_told_within_bounds(store, board, claude):
    claude.script(call("huge", 1), call("picture", 2), Answer(text="Seen."))
    async with (
        McpFake().serve() as fake,
        answering(store, board, claude, McpServer("tickets", url=fake.url)) as assistant,
    ):
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)

    results = [
        block
        for one in claude.requests[-1].body["messages"]
        for block in one["content"]
        if block["type"] == "tool_result"
    ]
    assert board.shown("t1") == ["Seen."]
    assert [[part["type"] for part in block["content"]] for block in results] == [["text", "text"], ["text", "image"]]
    assert results[0]["content"][1]["text"].startswith("[The result is longer")
