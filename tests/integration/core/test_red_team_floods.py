"""Attacks by mass and by breaking: what a tool brings, or how it fails, bounds an answer and tells nobody a secret.

Tests core.tools.runner, core.answering.completions, core.tools.functions.
"""

import asyncio
import json

import pytest

from core.domain.controls import Control
from core.tools.functions import tool
from core.tools.hosted import HostedTools, build_web_tools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, Passage, Search
from tests.fakes.slack.server import BOT_TOKEN
from tests.support.board_house import closed
from tests.support.desk import Desk, refuse
from tests.support.house import house
from tests.support.obedient_claude import ObedientClaude, give_order, order_call

LARGEST = 2_000_000  # bytes of a request that a flood may make of it
LOOK = order_call("read_page", name="p")


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
async def assistant(store, claude, board, desk):
    claude.answer = ObedientClaude()
    async with house(store, claude, board, tools=desk.registry) as running:
        yield running
    assert claude.refused == []


async def ask(assistant, board, store, text=LOOK, thread="t1"):
    await assistant.ingest(board.said(thread, "U1", text))
    await closed(store)
    return board.shown(thread)


def bodies(claude):
    return [one.body for one in claude.requests if one.path == "/v1/messages"]


def flood_calls(number, tool="read_page", **arguments):
    return give_order(calls=[{"call": tool, "input": {"name": "p", **arguments}}] * number)


FLOODS = {
    "a result of ten megabytes": (LOOK, "x" * 10_000_000),
    "ten million line breaks": (LOOK, "\n" * 10_000_000),
    "five million characters of four bytes": (LOOK, "\U0001f600" * 5_000_000),
    "a hundred calls of the largest results": (flood_calls(100), "x" * 200_000),
    "a thousand calls in one step": (flood_calls(1_000), "x" * 2_000),
    "a thousand calls of a tool that there is not": (flood_calls(1_000, "fly"), ""),
    "arguments of a megabyte": (order_call("read_page", name="x" * 1_000_000), ""),
}


@pytest.mark.parametrize(("order", "page"), FLOODS.values(), ids=FLOODS)
async def test_a_flood_makes_no_request_too_large_and_the_answer_comes(
    order, page, assistant, board, claude, desk, store
):
    desk.pages["p"] = page

    assert await ask(assistant, board, store, order) == ["I have done all that I was told."]
    sizes = [len(json.dumps(body, ensure_ascii=False).encode()) for body in bodies(claude)]
    assert max(sizes) < LARGEST


def call_again(number):
    used = {"type": "tool_use", "id": f"toolu_{number}", "name": "read_page", "input": {"name": "p"}}
    return Answer(text="Again. ", blocks=(used,), stop_reason="tool_use")


def pause_again(number):
    return Answer(passages=(Passage("Again. "), Search("heat", held=True)), stop_reason="pause_turn")


@pytest.mark.parametrize("again", [call_again, pause_again], ids=["a tool that fails", "pauses"])
async def test_what_never_ends_is_ended_calmly_and_may_go_on(again, board, claude, desk, store):
    desk.pages["p"] = refuse("no")
    claude.web = {"https://a.example/": "Heat\nWarm."}
    tools = ToolRegistry([desk.install(), HostedTools(build_web_tools())], ["desk", "web"], ["desk", "web"])
    claude.answer = lambda body: again(len(claude.requests))
    async with house(store, claude, board, tools=tools) as assistant:
        (shown,) = await ask(assistant, board, store)

    assert "Continue goes on from here" in shown
    assert (1 < len(bodies(claude)) <= 25, Control.CONTINUE in board.controls("t1")[0]) == (True, True)
    assert claude.refused == []


async def test_large_results_in_every_round_end_at_the_cost_of_one_answer(assistant, board, claude, desk, store):
    desk.pages["p"] = "some words " * 100_000
    claude.answer = lambda body: call_again(len(claude.requests))
    (shown,) = await ask(assistant, board, store)

    assert "Continue goes on from here" in shown
    assert sum(one.micro_usd for one in claude.billed) < 2_000_000


SECRET = f"{BOT_TOKEN} at /srv/confab/secrets.env"


@pytest.mark.parametrize(
    "error",
    [RuntimeError(SECRET), KeyError(SECRET), ExceptionGroup(SECRET, [OSError(SECRET)]), asyncio.CancelledError(SECRET)],
    ids=lambda error: type(error).__name__,
)
async def test_what_a_tool_breaks_with_is_told_to_nobody(error, assistant, board, claude, desk, store):
    desk.pages["p"] = error
    shown = await ask(assistant, board, store)

    assert shown == ["I have done all that I was told."]
    assert "secrets.env" not in json.dumps(bodies(claude)) + str(board.written)
    assert "This tool broke" in json.dumps(bodies(claude)[-1])


async def test_a_result_with_a_token_is_in_no_log_and_no_page(assistant, board, claude, desk, store, caplog):
    desk.pages |= {"p": f"password: hunter2 {SECRET}", "q": refuse(f"denied for hunter2 {SECRET}")}
    shown = await ask(assistant, board, store, f"{LOOK} {order_call('read_page', name='q')}")

    assert "hunter2" in json.dumps(bodies(claude)[-1])
    assert "hunter2" not in caplog.text + str(shown) + str(board.written)


@pytest.mark.parametrize("acts", [False, True], ids=["that reads", "that acts"])
async def test_arguments_that_a_description_does_not_expect_break_no_answer(acts, store, claude, board, desk):
    @tool(acts=acts, group="desk", describe=lambda given: given["to"].upper())
    async def tell(to: str = "", whom: str = "") -> str:
        """Tell somebody something."""
        return "Told."

    desk.more = [tell]
    claude.answer = ObedientClaude()
    async with house(store, claude, board, tools=desk.registry) as assistant:
        await assistant.ingest(board.said("t1", "U1", order_call("tell", whom=SECRET)))
        async with asyncio.timeout(10):
            while not board.shown("t1") or ((await store.questions.count_open())[0] and not acts):
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.02)

    (shown,) = board.shown("t1")
    assert ("May I use tell" in shown) if acts else shown == "I have done all that I was told."
