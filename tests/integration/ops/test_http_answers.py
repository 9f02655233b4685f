"""Whatever is asked over HTTP, and however rudely: no answer names the software that gives it, or its version."""

import asyncio
import re
import sys
from importlib.metadata import version

import pytest
from aiohttp import web

from bots.ops.http_limits import Limits
from bots.ops.http_server import HttpServer

HOST = "127.0.0.1"
SOFTWARE = re.compile(rb"server:|aiohttp|python|x-powered-by|via:", re.IGNORECASE)
END = b"Host: confab\r\nConnection: close\r\n\r\n"
REQUESTS = {
    "answered": (b"GET /fine HTTP/1.1\r\n" + END, 200),
    "only the headers": (b"HEAD /fine HTTP/1.1\r\n" + END, 200),
    "of the first version": (b"GET /fine HTTP/1.0\r\n\r\n", 200),
    "no such path": (b"GET /nothing HTTP/1.1\r\n" + END, 404),
    "another method": (b"DELETE /fine HTTP/1.1\r\n" + END, 405),
    "no path": (b"OPTIONS * HTTP/1.1\r\n" + END, 404),
    "sent elsewhere": (b"GET /moved HTTP/1.1\r\n" + END, 302),
    "a fault of ours": (b"GET /broken HTTP/1.1\r\n" + END, 500),
    "unavailable": (b"GET /away HTTP/1.1\r\n" + END, 503),
    "no HTTP": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    "a version that is none": (b"GET /fine HTTP/9.9\r\n" + END, 400),
    "a header that is none": (b"GET /fine HTTP/1.1\r\nbad header: 1\r\n" + END, 400),
    "a length that is none": (b"GET /fine HTTP/1.1\r\nContent-Length: -1\r\n" + END, 400),
    "a long header": (b"GET /fine HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n" + END, 400),
    "many headers": (b"GET /fine HTTP/1.1\r\n" + b"X: 1\r\n" * 99 + END, 400),
    "a long path": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + END, 400),
    "headers without end": (b"GET /fine HTTP/1.1\r\n" + b"X: 1\r\n" * 7000, 400),
    "an expectation": (b"GET /fine HTTP/1.1\r\nExpect: tea\r\n" + END, 417),
    "a body too large": (b"POST /read HTTP/1.1\r\nContent-Length: 99999999\r\n" + END, 413),
}


async def fine(request):
    return web.Response(text="fine")


async def read(request):
    return web.Response(body=await request.read())


async def broken(request):
    raise RuntimeError("a bug")


async def moved(request):
    raise web.HTTPFound("/fine")


async def away(request):
    raise web.HTTPServiceUnavailable


ROUTES = [web.get("/fine", fine), web.post("/read", read)]
ROUTES += [web.get("/broken", broken), web.get("/moved", moved), web.get("/away", away)]


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            return head + await reader.read(100_000)
    except ConnectionResetError:
        return head
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("name", REQUESTS)
async def test_no_answer_names_its_software(name):
    request, status = REQUESTS[name]
    async with HttpServer(ROUTES, Limits(linger_seconds=0.05, idle_seconds=0.05)).serve(HOST, 0) as port:
        answer = await exchange(port, request)

    assert int(answer.split()[1]) == status
    assert SOFTWARE.search(answer) is None
    assert version("aiohttp").encode() not in answer
    assert sys.version.split()[0].encode() not in answer


async def test_who_finds_no_room_is_told_no_software():
    async with HttpServer(ROUTES, Limits(connections=0)).serve(HOST, 0) as port:
        answer = await exchange(port, b"")

    assert answer.split()[1] == b"503"
    assert SOFTWARE.search(answer) is None
