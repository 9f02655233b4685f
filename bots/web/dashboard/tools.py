"""Tools: what Claude may be given here, which of it acts, and which servers do not answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from bots.web.dashboard.desk import SPANS, USUAL, Desk, choose
from bots.web.sign_in.guard import VISIT, Visit
from core.billing.ledger_rows import Scope
from core.domain.messages import ThreadKey
from core.tools.tool import Tool

PATIENCE = 3.0  # seconds that a page waits for servers


@dataclass(frozen=True, slots=True)
class ToolLine:
    """A tool that may be chosen. `acts` is None where nothing is known of it, for its server does not answer."""

    name: str
    group: str
    usual: bool
    """Whether Claude has it where nobody chooses."""
    acts: bool | None
    calls: int


async def show_tools(desk: Desk, request: web.Request) -> web.Response:
    """Every tool that may be chosen, with how often it was called; to all who are signed in."""
    visit, days = request[VISIT], choose(request, "days", SPANS, USUAL)
    scope = Scope(visit.workspace) if visit.owner else Scope(visit.workspace, person=visit.person)
    since = desk.find_start(days, await desk.find_zone(visit))
    calls = await desk.store.tool_use.count_calls(scope, since)
    found, missing = await _find_tools(desk, visit)
    return desk.render(
        request,
        "dashboard/tools.html",
        lines=list_lines(desk.tools.allowed_groups, desk.tools.default_groups, found, calls),
        missing=sorted(missing),
        models=desk.models,
        model=desk.defaults.model,
        days=days,
        spans=SPANS,
    )


def list_lines(
    allowed: Mapping[str, Sequence[str]],
    usual: Mapping[str, Sequence[str]],
    found: Mapping[str, Tool],
    calls: Mapping[str, int],
) -> list[ToolLine]:
    """A line for each tool, group by group; for a server whose tools nobody knows, one of its own."""
    lines = []
    known = {one.name.lower(): one for one in found.values()}
    for group, listed in sorted(allowed.items()):
        names = sorted({*listed, *(name for name in known if name.startswith(f"{group}__"))}) or [group]
        for name in names:
            tool, chosen = known.get(name), usual.get(group)
            is_usual = chosen is not None and (not listed or name in chosen)
            lines.append(ToolLine(name, group, is_usual, tool.definition.acts if tool else None, calls.get(name, 0)))
    return lines


async def _find_tools(desk: Desk, visit: Visit) -> tuple[Mapping[str, Tool], Mapping[str, str]]:
    groups = ",".join(desk.tools.allowed_groups)
    try:
        async with asyncio.timeout(PATIENCE):
            return await desk.tools.find_tools(ThreadKey(visit.workspace, visit.identity.channel, ""), groups)
    except TimeoutError:
        return {}, {}
