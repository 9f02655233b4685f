"""The HTTP server: one port on which every room can hang its paths, also while it listens."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

from aiohttp import web

from bots.ops.limits import Limits, limits
from bots.ops.peers import Handler, Peers
from core.domain.errors import SettingsError

PARTING = 3.0  # seconds that requests under way get at the end

Mount = Callable[[Iterable[web.RouteDef]], AbstractContextManager[None]]


class HttpServer:
    """Answers the paths that are mounted just now; aiohttp's own routes can't change once it listens."""

    def __init__(self, bounds: Limits | None = None) -> None:
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._limits = bounds or limits()
        self.peers: Peers | None = None
        """Who is connected, while it listens."""

    @contextmanager
    def mounted(self, routes: Iterable[web.RouteDef]) -> Iterator[None]:
        """Answer `routes`, which are functions on whole paths, while this lasts."""
        handlers = {(route.method, route.path): route.handler for route in routes}
        self._handlers |= handlers
        try:
            yield
        finally:
            for place in handlers:
                del self._handlers[place]

    @asynccontextmanager
    async def served(self, host: str, port: int) -> AsyncIterator[int]:
        """Listen while this lasts, and tell the port. Raises SettingsError where that is not possible."""
        self.peers = Peers(self._answered, self._limits)
        runner = web.ServerRunner(self.peers, shutdown_timeout=PARTING)
        await runner.setup()
        try:
            await _listening(web.TCPSite(runner, host, port, backlog=self._limits.batch), f"{host}:{port}")
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
            self.peers.tally.close()

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        handler = self._handlers.get((request.method, request.path))
        if handler is None:
            raise web.HTTPNotFound
        return await handler(request)


async def _listening(site: web.TCPSite, place: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise SettingsError(f"CONFAB_HTTP_PORT: can't listen on {place} ({os.strerror(error.errno or 0)}).") from None
