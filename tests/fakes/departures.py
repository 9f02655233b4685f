"""Departures: clients of a fake that hang up before their answer, as a patient one does that has waited long enough."""

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware
async def forgive_departure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nobody is there to be told what went wrong, and nothing did."""
    try:
        return await handler(request)
    except ConnectionError:
        return web.Response()
