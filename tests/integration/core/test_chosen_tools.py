"""Tools as a channel chose them, in what Claude is sent: kept for a thread, also over restarts, and what a change costs."""

from dataclasses import replace
from datetime import timedelta

from core.billing.ledger_rows import Scope
from core.tools.registry import ToolRegistry
from tests.fakes.board import START
from tests.support.board_house import ask, closed, command
from tests.support.house import house
from tests.support.provided_tools import ProvidedTools

TIME = ProvidedTools({"time": ("current_time",)}, free=True)


def registry(*more: str, down: bool = False) -> ToolRegistry:
    """The time, which is free, and a server's tools."""
    server = ProvidedTools({"tickets": ()}, more=more, down=["tickets"] if down else [])
    return ToolRegistry([TIME, server], ["time", "tickets"], ["time"])


def sent(claude) -> list[list[str]]:
    """The names of the tools in each request for an answer."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return [[tool["name"] for tool in body.get("tools", [])] for body in asked]


async def tune(assistant, store, tools: str, name: str = "k1") -> None:
    await assistant.ingest(command(f"persona tune tools={tools}", name=name))
    await closed(store)


async def test_a_channel_has_the_tools_that_it_chose_and_another_those_of_the_operator(store, board, claude):
    async with house(store, claude, board, tools=registry("find")) as assistant:
        await tune(assistant, store, "tickets,time")
        await ask(assistant, board, store)
        await assistant.ingest(board.said("t2", "U2", "hello", channel="c2"))
        await closed(store)
        await tune(assistant, store, "none", "k2")
        await ask(assistant, board, store)

    assert sent(claude) == [["current_time", "find"], ["current_time"], []]


async def test_a_thread_keeps_the_tools_that_it_began_with_over_restarts_as_far_as_they_are_there(store, board, claude):
    async with house(store, claude, board, tools=registry("find")) as assistant:
        await tune(assistant, store, "tickets,time")
        await ask(assistant, board, store)
    async with house(store, claude, board, tools=registry("edit", "find")) as assistant:
        await ask(assistant, board, store)
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await closed(store)
    async with house(store, claude, board, tools=registry("edit")) as assistant:
        await ask(assistant, board, store)

    assert sent(claude) == [
        ["current_time", "find"],
        ["current_time", "find"],
        ["current_time", "edit", "find"],
        ["current_time"],
    ]


async def test_a_server_that_was_down_when_a_thread_began_is_there_when_it_is_up_again(store, board, claude):
    for down in (True, False):
        async with house(store, claude, board, tools=registry("find", down=down)) as assistant:
            await tune(assistant, store, "tickets,time", f"k{down}")
            await ask(assistant, board, store)

    assert sent(claude) == [["current_time"], ["current_time", "find"]]


async def test_a_private_answer_has_no_tool_that_acts(store, board, claude):
    async with house(store, claude, board, tools=registry("create", "find")) as assistant:
        await tune(assistant, store, "tickets")
        await ask(assistant, board, store)
        await assistant.ingest(replace(board.said("t1", "U1", "and quietly?"), private=True, alone=True))
        await closed(store)

    assert sent(claude) == [["create", "find"], ["find"]]


async def test_a_change_of_tools_is_told_as_the_reason_of_an_empty_cache_and_none_comes_of_an_upgrade(
    store, board, claude
):
    async with house(store, claude, board, tools=registry("find")) as assistant:
        for number, tools in enumerate(["time", "tickets,time", "tickets,time", "time"]):
            await tune(assistant, store, tools, f"k{number}2")
            await ask(assistant, board, store, "count " * 600)
        await assistant.ingest(command("usage", name="k9"))
        await closed(store)

    misses = await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9999), "miss")
    assert {miss.group: miss.requests for miss in misses} == {"new": 1, "tools": 2, "": 1}
    assert any("2 came after the tools were changed" in text for text in board.shown("t1"))
    assert sent(claude) == [["current_time"], ["current_time", "find"], ["current_time", "find"], ["current_time"]]


async def test_prompt_shows_the_tools_of_the_thread_and_keeps_none(store, board, claude):
    async with house(store, claude, board, tools=registry("find")) as assistant:
        await ask(assistant, board, store)
        await tune(assistant, store, "tickets")
        await assistant.ingest(command("prompt", name="k2", private=True))
        await closed(store)

    shown = next(text for text in board.shown("t1") if text.startswith("The next request"))
    assert "**tools**, about" in shown
    assert '{"name": "find", "description": "Does find."' in shown
    thread = await store.threads.thread(board.said("t1", "U1", "x").key)
    assert thread.tools == {"time": ("current_time",)}
