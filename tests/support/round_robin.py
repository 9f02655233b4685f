"""A round-robin proxy: gives each request to the next of several servers, and to another where one is gone."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

DROPPED = ("Host", "Content-Length")


@asynccontextmanager
async def round_robin(ports: Sequence[int]) -> AsyncIterator[str]:
    """The address of a proxy before servers on these ports of loopback."""
    turns = itertools.count()

    async def hand_on(request: web.Request) -> web.Response:
        body, first = await request.read(), next(turns)
        headers = {name: value for name, value in request.headers.items() if name not in DROPPED}
        for turn in range(len(ports)):
            port = ports[(first + turn) % len(ports)]
            try:
                async with session.request(
                    request.method, f"http://127.0.0.1:{port}{request.path_qs}", data=body, headers=headers
                ) as answered:
                    return web.Response(
                        status=answered.status, body=await answered.read(), content_type=answered.content_type
                    )
            except aiohttp.ClientConnectorError:
                continue  # nobody listens there just now
            except aiohttp.ClientError:
                break  # it may have been heard
        return web.Response(status=502)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hand_on)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with aiohttp.ClientSession() as session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
