"""MCP servers for an operator: whether each answers, and what it offers, as a check and as a list.

It loads the SDK, which is an extra: imported only where a server is listed.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta

from bots.app.configuration import Configuration
from bots.ops.results import MCP, SECONDS, CheckResults, run_concurrently
from core.domain.errors import SettingsError, StoreUnusable
from core.domain.wording import count_noun, escape_controls, fold_lines, list_some
from core.settings import Settings
from core.store import inspect
from core.tools.mcp.definitions import OfferedTool
from core.tools.mcp.session import ServerTrouble, inspect_server
from core.tools.mcp.settings import McpServer
from core.tools.mcp.trust import PREFIX, TOLD, needs_trust, parse_marks

UNCHOSEN = "is not in CONFAB_TOOLS, so no channel can choose it"
WITHHELD = "left out until you say yes with `confab mcp trust {}`"


async def check_servers(configuration: Configuration) -> CheckResults:
    """Connect to each server side by side: its tools, which of them act, and what is wrong."""
    if configuration.servers:
        notes = await _load_notes(configuration.core)
        for server in configuration.servers:
            if not _is_allowed(server, configuration.core.confab_tools):
                mend = f"Add {server.name} to CONFAB_TOOLS, or take it out of the file."
                yield MCP.warning(server.name, UNCHOSEN, mend)
        marks = {one.name: notes.get(f"{PREFIX}{one.name}") for one in configuration.servers}
        checks = (_check_server(one, marks[one.name], configuration.core) for one in configuration.servers)
        async for finding in run_concurrently(*checks):
            yield finding


def _is_allowed(server: McpServer, names: Iterable[str]) -> bool:
    """Whether anything of it may be chosen: the whole server, or single ones of its tools."""
    words = {name.strip().lower() for name in names}
    return any(word == server.name or word.startswith(f"{server.name}__") for word in words)


async def _check_server(server: McpServer, noted: str | None, settings: Settings) -> CheckResults:
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
    marks = None if noted is None else parse_marks(noted)
    if withheld := [one.name for one in offer.tools if marks is not None and needs_trust(one, marks)]:
        says = f"new or changed since it was first seen, and left out: {list_some(withheld)}"
        yield MCP.warning(server.name, says, f"`confab mcp trust {server.name}` shows and allows them.")


async def describe_servers(configuration: Configuration) -> str:
    """Each server with its state, and its tools with which of them ask first, as lines for an operator."""
    notes = await _load_notes(configuration.core)
    marks = {one.name: notes.get(f"{PREFIX}{one.name}") for one in configuration.servers}
    told = (_describe_server(one, marks[one.name], configuration.core) for one in configuration.servers)
    return escape_controls("\n\n".join(await asyncio.gather(*told)), "\n")


async def _describe_server(server: McpServer, noted: str | None, settings: Settings) -> str:
    unchosen = [] if _is_allowed(server, settings.confab_tools) else [f"  It {UNCHOSEN}."]
    try:
        offer = await inspect_server(server)
    except ServerTrouble as trouble:
        return "\n".join([f"{server.name}: does not answer: {fold_lines(str(trouble))}", *unchosen])
    marks = None if noted is None else parse_marks(noted)
    tools = [f"  {one.definition.name}: {_describe_use(server, one, marks)}" for one in offer.tools]
    problems = [f"  {fold_lines(problem)}" for problem in offer.problems]
    return "\n".join([f"{server.name}: {count_noun(len(offer.tools), 'tool')}", *unchosen, *tools, *problems])


def _describe_use(server: McpServer, tool: OfferedTool, marks: Mapping[str, str] | None) -> str:
    """Whether it asks a person first, and whether Claude has it at all."""
    use = "asks first" if tool.definition.acts else "reads"
    withheld = marks is not None and needs_trust(tool, marks)
    return f"{use}; new or changed, {WITHHELD.format(server.name)}" if withheld else use


def find_server(configuration: Configuration, name: str) -> McpServer:
    """The server of that name. Raises SettingsError."""
    for server in configuration.servers:
        if server.name == name:
            return server
    known = list_some([one.name for one in configuration.servers]) or "none"
    raise SettingsError(f"CONFAB_MCP: there is no server {name[:40]}; listed: {known}.")


async def load_marks(settings: Settings, server: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The marks of a server's tools that are trusted, and what these said of themselves then."""
    notes = await _load_notes(settings)
    marks, told = (parse_marks(notes.get(f"{prefix}{server}", "{}")) for prefix in (PREFIX, TOLD))
    return marks, told


async def _load_notes(settings: Settings) -> Mapping[str, str]:
    """The notes of the database; none where it can't be read, which its own check tells."""
    try:
        return (await inspect(settings.database_url, busy=timedelta(seconds=SECONDS))).notes
    except StoreUnusable:
        return {}
