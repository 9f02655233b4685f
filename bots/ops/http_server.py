"""HTTP server: one port and aiohttp's router, whose routes are known before it listens."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from bots.ops.http_connections import Peers
from bots.ops.http_limits import Limits, read_limits
from core.domain.errors import SettingsError

PARTING = 3.0  # seconds that requests under way get at the end


class HttpServer:
    """Serves `routes`, which may have parameters in their paths; each connection and all of them are within limits."""

    def __init__(self, routes: Iterable[web.AbstractRouteDef] = (), bounds: Limits | None = None) -> None:
        self._routes = list(routes)
        self._limits = bounds or read_limits()
        self.peers: Peers | None = None
        """Who is connected, while it listens."""

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        """Listen while this lasts, and tell the port. Raises SettingsError where that is not possible."""
        app = web.Application()
        app.add_routes(self._routes)
        runner = _Runner(app, self._limits)
        await runner.setup()
        self.peers = runner.peers
        try:
            await _start(web.TCPSite(runner, host, port, backlog=self._limits.batch), f"{host}:{port}")
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
            self.peers.tally.close()


class _Runner(web.AppRunner):
    """aiohttp's runner of an application, with our connections in place of its own, which it hardly limits."""

    def __init__(self, app: web.Application, bounds: Limits) -> None:
        super().__init__(app, shutdown_timeout=PARTING)
        self._limits = bounds

    @property
    def peers(self) -> Peers:
        assert isinstance(self.server, Peers)
        return self.server

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return Peers(server.request_handler, self._limits)


async def _start(site: web.TCPSite, place: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise SettingsError(f"CONFAB_HTTP_PORT: can't listen on {place} ({os.strerror(error.errno or 0)}).") from None
