"""A tool of an MCP server that acts, in Slack: allowed by who asked after a restart, and by no bystander."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from core.store import open_store
from core.tools.mcp.settings import McpServer
from tests.fakes.claude.script import Answer
from tests.fakes.mcp.server import McpFake
from tests.fakes.slack.nouns import BOT
from tests.support.mcp_tools import offering
from tests.support.slack_house import House, living
from tests.support.tool_shed import call, use
from tests.support.waiting import PATIENCE


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield opened
    await opened.shut()


@asynccontextmanager
async def answering(slack, claude, store, server: McpServer, process: str):
    """A process of Confab that may use a server's tools."""
    async with (
        offering(store, server, first=30) as tools,
        living(slack, claude, store, rules={"tools": tools, "process": process}) as home,
    ):
        yield home


async def parked(home: House, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await home.store.questions.count_parked() != count:
            await asyncio.sleep(0.005)
    await home.rest()


async def test_a_ticket_is_opened_once_its_asker_says_so_after_a_restart(slack, claude, store):
    claude.script(
        call(use("tickets__search", 1, query="printer")),
        call(use("tickets__create", 2, query="printer"), text="None yet."),
        Answer(text="Opened."),
    )
    async with McpFake().serve() as fake:
        server = McpServer("tickets", url=fake.url)
        async with answering(slack, claude, store, server, "p1") as home:
            root = await slack.say("ada", "dev", f"<@{BOT}> is there a ticket for the printer? else open one")
            await slack.settled()
            await parked(home, 1)
            page, asked = home.ours("dev", root)[-1].ts, home.texts("dev", root)
        async with answering(slack, claude, store, server, "p2") as home:
            await slack.acked(await slack.press("bob", "dev", page, "Allow once"))
            await home.rest()
            refused = [name for name, _ in fake.calls]
            await slack.acked(await slack.press("ada", "dev", page, "Allow once"))
            await parked(home, 0)
            shown = home.texts("dev", root)

    assert "May I use" in asked[-1]
    assert refused == ["search"]
    assert fake.calls == [("search", {"query": "printer"}), ("create", {"query": "printer"})]
    assert shown[-1].startswith("None yet.")
    assert "Opened." in shown[-1]
