"""A balancer on loopback: each request goes to the next server, and past those that are gone or not ready."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.support.wire import HOST

HOPS = {"host", "content-length", "transfer-encoding", "connection", "content-encoding"}


class Balancer:
    """Knows how many requests each port has answered."""

    def __init__(self, ports: Sequence[int], session: aiohttp.ClientSession) -> None:
        self.answered: Counter[int] = Counter()
        self._ports = list(ports)
        self._session = session

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOPS}
        for _ in range(len(self._ports)):
            self._ports.append(self._ports.pop(0))
            port = self._ports[-1]
            try:
                asked = self._session.request(
                    request.method, f"http://{HOST}:{port}{request.raw_path}", data=body, headers=headers
                )
                async with asked as answer:
                    kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOPS}
                    told = web.Response(status=answer.status, body=await answer.read(), headers=kept)
            except aiohttp.ClientConnectionError:
                continue
            self.answered[port] += 1
            return told
        raise web.HTTPBadGateway


@asynccontextmanager
async def balanced(port: int, servers: Sequence[int]) -> AsyncIterator[Balancer]:
    """A balancer at `port` in front of the ports of `servers`."""
    async with aiohttp.ClientSession() as session:
        balancer = Balancer(servers, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", balancer.pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, HOST, port).start()
        try:
            yield balancer
        finally:
            await runner.cleanup()
