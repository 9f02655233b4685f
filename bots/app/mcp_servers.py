"""MCP servers for an operator: whether each answers and what it offers, and the yes to tools that changed.

It loads the SDK, which is an extra: imported only where a server is listed.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta

import click

from bots.app.configuration import Configuration
from bots.ops.results import MCP, SECONDS, CheckResults, run_concurrently
from core.domain.errors import SettingsError, StoreUnusable
from core.domain.wording import count_noun, escape_controls, list_some
from core.settings import Settings
from core.store import inspect, open_store
from core.tools.mcp.definitions import Offer, OfferedTool
from core.tools.mcp.session import ServerTrouble, inspect_server
from core.tools.mcp.settings import McpServer
from core.tools.mcp.trust import PREFIX, TrustedTools, asks_nobody, needs_trust, parse_marks

NAME = 600  # characters of a tool's own name that are shown: the one under which it is used is shown whole
SILENT = "It says now that it only reads: from now on it asks nobody."


async def check_servers(configuration: Configuration) -> CheckResults:
    """Connect to each server side by side: its tools, which of them act, and what is wrong."""
    if configuration.servers:
        marks = await _load_marks(configuration.core)
        for server in configuration.servers:
            if not _is_allowed(server, configuration.core.confab_tools):
                says = "is not in CONFAB_TOOLS, so no channel can choose it"
                yield MCP.warning(server.name, says, f"Add {server.name} to CONFAB_TOOLS, or take it out of the file.")
        checks = (_check_server(one, marks.get(one.name), configuration.core) for one in configuration.servers)
        async for finding in run_concurrently(*checks):
            yield finding


def _is_allowed(server: McpServer, names: Iterable[str]) -> bool:
    """Whether anything of it may be chosen: the whole server, or single ones of its tools."""
    words = {name.strip().lower() for name in names}
    return any(word == server.name or word.startswith(f"{server.name}__") for word in words)


async def _check_server(server: McpServer, marks: Mapping[str, str] | None, settings: Settings) -> CheckResults:
    try:
        offer = await inspect_server(server)
    except ServerTrouble as trouble:
        mend = f"See that it runs, and that {settings.confab_mcp} has its address or command and what it asks for."
        yield MCP.warning(server.name, str(trouble), f"{mend} Until then Claude goes without its tools.")
        return
    acting = [one.name for one in offer.tools if one.definition.acts]
    asks = f"these ask first: {list_some(acting)}" if acting else "none of them acts"
    yield MCP.ok(server.name, f"{count_noun(len(offer.tools), 'tool')}; {asks}")
    for problem in offer.problems:
        mend = f"Mend the server, or say with tools or denied in {settings.confab_mcp} which of its tools are used."
        yield MCP.warning(server.name, problem, mend)
    if withheld := [one.name for one in offer.tools if marks is not None and needs_trust(one, marks)]:
        says = f"new or changed since it was first seen, and left out: {list_some(withheld)}"
        yield MCP.warning(server.name, says, f"`confab mcp trust {server.name}` shows and allows them.")


def trust_server(configuration: Configuration, name: str, *, unasked: bool) -> None:
    """Show what acts and is new or changed at a server, and let it be used if the operator says yes.

    Raises SettingsError, StoreUnusable, click.ClickException.
    """
    server = find_server(configuration, name)
    try:
        offer, changes = asyncio.run(review_server(configuration.core, server))
    except ServerTrouble as trouble:
        raise click.ClickException(f"{name} does not answer: {escape_controls(str(trouble))}") from None
    if changes:
        click.echo("\n\n".join([f"At {name} these tools act, or did, and are new or changed:", *changes, ""]))
        if not (unasked or click.confirm("Let Claude use them?")):
            click.echo("Nothing is changed: Claude goes without them.")
            return
    asyncio.run(allow_offer(configuration.core, server, offer))
    for problem in offer.problems:
        click.echo(f"{name}: {escape_controls(problem)}.")
    click.echo(f"What may be used of {name} now: {count_noun(len(offer.tools), 'tool')}.")


def find_server(configuration: Configuration, name: str) -> McpServer:
    """The server of that name. Raises SettingsError."""
    for server in configuration.servers:
        if server.name == name:
            return server
    known = list_some([one.name for one in configuration.servers]) or "none"
    raise SettingsError(f"CONFAB_MCP: there is no server {name[:40]}; listed: {known}.")


async def review_server(settings: Settings, server: McpServer) -> tuple[Offer, list[str]]:
    """What a server offers, and of it what acts and is new or changed, a paragraph each. Raises ServerTrouble."""
    marks = (await _load_marks(settings)).get(server.name, {})
    offer = await inspect_server(server)
    return offer, [_describe_change(one, marks) for one in offer.tools if needs_trust(one, marks)]


def _describe_change(tool: OfferedTool, marks: Mapping[str, str]) -> str:
    """All that Claude is told of a tool: any part of it may be what changed."""
    body = tool.definition.body
    state = "changed" if tool.name in marks else "new"
    told = [f"{tool.name[:NAME]} ({state}; Claude calls it {tool.definition.name})"]
    told += [SILENT] * asks_nobody(tool, marks)
    arguments = json.dumps(body["input_schema"], indent=2, ensure_ascii=False)
    told += [body["description"].partition("\n")[2], f"Arguments: {arguments}"]
    return escape_controls("\n".join(told), "\n").replace("\n", "\n    ")


async def allow_offer(settings: Settings, server: McpServer, offer: Offer) -> None:
    """Let what a server offered be used. Raises StoreUnusable."""
    store = await open_store(settings.database_url)
    try:
        await TrustedTools(store.notes).trust(server.name, offer)
    finally:
        await store.shut()


async def _load_marks(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    """What is known of servers, by name; nothing where the database can't be read, which its own check tells."""
    try:
        notes = (await inspect(settings.database_url, busy=timedelta(seconds=SECONDS))).notes
    except StoreUnusable:
        return {}
    return {name.removeprefix(PREFIX): parse_marks(value) for name, value in notes.items() if name.startswith(PREFIX)}
