"""Trust of MCP servers: an operator is shown what acts and is new or changed at a server, and says yes to it.

It loads the SDK, which is an extra: imported only where a server is listed.
"""

import asyncio
import difflib
from collections.abc import Mapping

import click

from bots.app.configuration import Configuration
from bots.app.mcp_servers import find_server, load_marks
from core.domain.wording import count_noun, escape_controls
from core.settings import Settings
from core.store import open_store
from core.tools.mcp.definitions import Offer, OfferedTool
from core.tools.mcp.session import ServerTrouble, inspect_server
from core.tools.mcp.settings import McpServer
from core.tools.mcp.trust import TrustedTools, asks_nobody, needs_trust, write_told

NAME = 600  # characters of a tool's own name that are shown: the one under which it is used is shown whole
SILENT = "It says now that it only reads: from now on it asks nobody."
BEFORE = "Lines with - were told before, lines with + are told now:"
UNKNOWN = "What it said before is not known. Now:"
EVERY = 1_000_000  # lines around a change that are shown: all of them
HEADER = 3  # lines that difflib writes above a difference


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


async def review_server(settings: Settings, server: McpServer) -> tuple[Offer, list[str]]:
    """What a server offers, and of it what acts and is new or changed, a paragraph each. Raises ServerTrouble."""
    marks, told = await load_marks(settings, server.name)
    offer = await inspect_server(server)
    return offer, [_describe_change(one, marks, told) for one in offer.tools if needs_trust(one, marks)]


def _describe_change(tool: OfferedTool, marks: Mapping[str, str], told: Mapping[str, str]) -> str:
    """All that Claude is told of a tool, beside what it was told before: any part of it may be what changed."""
    now, before = write_told(tool), told.get(tool.name)
    state = "changed" if tool.name in marks else "new"
    lines = [f"{tool.name[:NAME]} ({state}; Claude calls it {tool.definition.name})"]
    lines += [SILENT] * asks_nobody(tool, marks)
    if before is not None and before != now:
        compared = difflib.unified_diff(before.split("\n"), now.split("\n"), n=EVERY, lineterm="")
        lines += [BEFORE, *list(compared)[HEADER:]]
    else:
        lines += [*([UNKNOWN] if before is None and tool.name in marks else []), now]
    return escape_controls("\n".join(lines), "\n").replace("\n", "\n    ")


async def allow_offer(settings: Settings, server: McpServer, offer: Offer) -> None:
    """Let what a server offered be used. Raises StoreUnusable."""
    store = await open_store(settings.database_url)
    try:
        await TrustedTools(store.notes).trust(server.name, offer)
    finally:
        await store.shut()
