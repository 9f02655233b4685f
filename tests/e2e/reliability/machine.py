"""A machine that tools of ours look at and move, as a server that counts, and that can be told to hang or to break."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from core.domain.content import Text
from core.domain.messages import ThreadKey
from core.domain.tools import ToolDefinition, ToolResult
from core.tools.tool import Tool, ToolScope

MACHINE = "MACHINE"
"""The variable that names the machine's address; without it a bot has no tools."""
LIMIT = 1.0  # seconds that a call may take
SCHEMA = {"type": "object", "properties": {"what": {"type": "string"}}}

Hook = Callable[[str, str, int], Awaitable[bool]]
"""Hears of a request by its name, before it happens, after it and when it is answered, and whose it is by the number of
the process; True cuts it off.
"""


async def let_happen(_call: str, _phase: str, _process: int) -> bool:
    return False


@dataclass(slots=True)
class Machine:
    """`look` reads and `make` acts: how often each was done, by tool and what was given to it."""

    url: str = ""
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    hanging: set[str] = field(default_factory=set)
    """What it does is done, and nobody hears of it."""
    broken: set[str] = field(default_factory=set)
    """What is asked of it is answered with an error."""
    hook: Hook = let_happen

    async def answer(self, request: web.Request) -> web.Response:
        tool, what = request.match_info["tool"], (await request.json()).get("what", "")
        await self._reach(request, tool, "before")
        if what in self.broken:
            return web.Response(status=500)
        self.done[tool, what] += 1
        await self._reach(request, tool, "after")
        if what in self.hanging:
            await asyncio.sleep(60)
        response = web.json_response({"brought": f"{tool} {what}: {self.done[tool, what]}"})
        await response.prepare(request)
        await response.write_eof()
        await self.hook(tool, "answered", int(request.headers["process"]))
        return response

    async def _reach(self, request: web.Request, tool: str, phase: str) -> None:
        if await self.hook(tool, phase, int(request.headers["process"])):
            assert request.transport
            request.transport.abort()
            raise asyncio.CancelledError


@asynccontextmanager
async def machine() -> AsyncIterator[Machine]:
    """A machine on loopback."""
    one = Machine()
    app = web.Application()
    app.router.add_post("/{tool}", one.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class MachineTools:
    """The provider of its tools."""

    url: str
    seconds: float = LIMIT
    free = True
    groups: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"machine": ("look", "make")})

    async def list_tools(self, _key: ThreadKey) -> list[Tool]:
        return [self._build_tool("look", acts=False), self._build_tool("make", acts=True)]

    def _build_tool(self, name: str, *, acts: bool) -> Tool:
        async def run(_scope: ToolScope, given: Mapping[str, Any]) -> ToolResult:
            async with (
                aiohttp.ClientSession(raise_for_status=True, headers={"process": str(os.getpid())}) as session,
                session.post(f"{self.url}/{name}", json=dict(given)) as answered,
            ):
                return ToolResult((Text((await answered.json())["brought"]),))

        body = {"name": name, "description": f"To {name} things.", "input_schema": SCHEMA}
        return Tool(ToolDefinition(name, body, acts=acts), "machine", lambda given: f"to {name}", run, self.seconds)
