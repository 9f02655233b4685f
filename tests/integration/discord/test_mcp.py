"""A tool of an MCP server that acts, on Discord: allowed by who asked after a restart, and by no bystander."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from core.store import open_store
from core.tools.mcp.settings import McpServer
from tests.fakes.claude.script import Answer
from tests.fakes.mcp.server import McpFake
from tests.support.discord_house import confab, idle
from tests.support.mcp_tools import offering
from tests.support.tool_shed import call, use
from tests.support.waiting import PATIENCE, until


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield opened
    await opened.shut()


@asynccontextmanager
async def answering(guild, claude, store, server: McpServer, process: str):
    """A process of Confab that may use a server's tools."""
    async with (
        offering(store, server, first=30) as tools,
        confab(guild, claude, store, process=process, rules={"tools": tools}) as running,
    ):
        yield running


async def parked(running, store, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await store.questions.count_parked() != count:
            await asyncio.sleep(0.005)
    await idle(running)


async def press(guild, running, person: str, page: str) -> None:
    pressed = await guild.press(person, page, "Allow once")
    await until(lambda: any(event.id == pressed.id for event in running.heard))
    await until(lambda: pressed.acknowledged)
    await idle(running)


async def test_a_ticket_is_opened_once_its_asker_says_so_after_a_restart(guild, claude, store):
    claude.script(
        call(use("tickets__search", 1, query="printer")),
        call(use("tickets__create", 2, query="printer"), text="None yet."),
        Answer(text="Opened."),
    )
    async with McpFake().serve() as fake:
        server = McpServer("tickets", url=fake.url)
        async with answering(guild, claude, store, server, "p1") as running:
            await guild.say("ada", "general", f"<@{guild.me}> is there a ticket for the printer? else open one")
            await parked(running, store, 1)
            (asked,) = [one for one in guild.visible("general") if one.author == "confab"]
        async with answering(guild, claude, store, server, "p2") as running:
            await press(guild, running, "bob", asked.id)
            refused = [name for name, _ in fake.calls]
            await press(guild, running, "ada", asked.id)
            await parked(running, store, 0)
            (shown,) = [one for one in guild.visible("general") if one.author == "confab"]

    assert "May I use" in asked.content
    assert refused == ["search"]
    assert fake.calls == [("search", {"query": "printer"}), ("create", {"query": "printer"})]
    assert shown.content == "None yet.\n\nOpened."
