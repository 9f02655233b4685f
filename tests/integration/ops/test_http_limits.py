"""Strangers take no more of the HTTP port than their share, and what Slack has signed is answered all the while.

Tests bots.ops.http_server, bots.ops.http_connections, bots.ops.http_limits, bots.ops.rate_limited_log and bots.slack.http_mode.
"""

import asyncio
import gzip
import json
import logging
import resource
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp

from bots.ops.http_connections import SLICE
from bots.ops.http_limits import Limits, read_limits
from bots.ops.http_server import HttpServer
from bots.ops.rate_limited_log import Tally
from bots.slack import http_mode
from tests.fakes.slack.server import SlackFake
from tests.support.slack_house import SECRET
from tests.support.slack_signature import BODY, signed
from tests.support.waiting import until

HOST = "127.0.0.1"
QUICK = Limits(head_seconds=0.15, body_seconds=0.15, idle_seconds=0.15, linger_seconds=0.05)
HEAD = b"POST /slack/events HTTP/1.1\r\nHost: confab\r\n"
PLAUSIBLE = {"X-Slack-Signature": "v0=" + "0" * 64}


@asynccontextmanager
async def served(bounds: Limits):
    """A server of Slack's requests, and its port."""
    async with SlackFake() as slack:
        app = AsyncApp(token=slack.token, signing_secret=SECRET, request_verification_enabled=False)
        server = HttpServer(http_mode.build_routes(lambda: app, SECRET), bounds)
        async with server.serve(HOST, 0) as port:
            yield server, port


@asynccontextmanager
async def connected(port: int):
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def left(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection ends, which is soon. What came before a reset counts."""
    answer = b""
    async with asyncio.timeout(30):
        try:
            while some := await reader.read(65_536):
                answer += some
        except ConnectionResetError:
            return answer or b"(reset)"
    return answer


def delivery(body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """A request as it goes over the wire."""
    lines = {**signed(body), "Content-Length": str(len(body)), **(headers or {})}
    return HEAD + "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n" + body


async def answered(port: int, request: bytes) -> bytes:
    """What a request is answered on a connection of its own."""
    async with connected(port) as (reader, writer):
        writer.write(request)
        async with asyncio.timeout(3):
            return await reader.readuntil(b"\r\n\r\n")


async def drip(writer: asyncio.StreamWriter, start: bytes) -> None:
    """Send a byte of a header or a body every now and then, for ever."""
    writer.write(start)
    while True:
        await asyncio.sleep(0.02)
        writer.write(b"x")


def large(stamp: str = "", size: int = 900_000) -> tuple[bytes, bytes]:
    """The head of an unsigned request that might be Slack's, and its body."""
    request = delivery(b"x" * size, PLAUSIBLE)
    return request[:-size], request[-size:]


async def none_left(server: HttpServer) -> None:
    """Return when the server holds no connection any more: it learns of the end a moment after the peer does."""
    async with asyncio.timeout(10):
        while len(server.peers):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "start",
    [b"", b"POST /sla", HEAD, HEAD + b"X-Half: "],
    ids=["silent", "half a line", "no end of headers", "half a header"],
)
async def test_who_sends_no_whole_headers_is_cut_off_in_time(start):
    async with served(QUICK) as (server, port), connected(port) as (reader, writer):
        writer.write(start)

        assert await left(reader) in {b"", b"(reset)"}
        await none_left(server)


async def test_headers_that_come_slowly_get_no_more_time():
    async with served(QUICK) as (server, port), connected(port) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, HEAD + b"X-Slow: "))
        try:
            assert await left(reader) in {b"", b"(reset)"}
        finally:
            dripping.cancel()
        await none_left(server)


async def test_a_body_that_comes_slowly_is_answered_408():
    async with served(QUICK) as (server, port), connected(port) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, large()[0]))
        try:
            answer = await left(reader)
        finally:
            dripping.cancel()

        assert answer.startswith(b"HTTP/1.1 408 ")
        await none_left(server)
        assert server.peers.held == 0


async def test_an_idle_connection_is_closed_after_its_answer():
    async with served(QUICK) as (server, port), connected(port) as (reader, writer):
        writer.write(delivery(BODY))

        assert (await left(reader)).startswith(b"HTTP/1.1 200 ")
        await none_left(server)


async def test_a_later_request_on_a_connection_has_its_own_time_for_headers():
    async with served(replace(QUICK, idle_seconds=30)) as (server, port), connected(port) as (reader, writer):
        writer.write(delivery(BODY) + HEAD)
        await reader.readuntil(b"}")
        writer.write(b"X-Half: ")

        assert await left(reader) in {b"", b"(reset)"}
        await none_left(server)


async def test_headers_that_are_too_large_are_refused_before_they_end():
    async with served(Limits(head=4_000)) as (_, port), connected(port) as (reader, writer):
        writer.write(HEAD + (b"X-Long: " + b"y" * 400 + b"\r\n") * 12)

        assert (await left(reader)).startswith((b"HTTP/1.1 431 ", b"(reset)"))


@pytest.mark.parametrize("kind", ["silent", "half-sent", "half a body", "kept alive"])
async def test_deliveries_are_answered_while_too_many_connections_are_open(kind):
    starts = {"silent": b"", "half-sent": HEAD, "half a body": large()[0] + b"x", "kept alive": delivery(BODY)}
    async with served(Limits(connections=20, held=100_000_000)) as (server, port), AsyncExitStack() as stack:
        for _ in range(60):
            _, writer = await stack.enter_async_context(connected(port))
            writer.write(starts[kind])
            await asyncio.sleep(0.001)
        answer = await answered(port, delivery(BODY))

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert len(server.peers) == 20


async def test_where_every_connection_is_being_answered_a_new_one_is_refused_at_once():
    busy, done = asyncio.Event(), asyncio.Event()

    async def slowly(request):
        busy.set()
        await done.wait()
        return web.Response()

    server = HttpServer([web.get("/slow", slowly)], Limits(connections=1))
    async with server.serve(HOST, 0) as port, connected(port) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: confab\r\n\r\n")
        await busy.wait()
        async with connected(port) as (refused, _):
            second = await left(refused)
        done.set()
        first = await reader.readuntil(b"\r\n\r\n")

    assert (first[:13], second[:13]) == (b"HTTP/1.1 200 ", b"HTTP/1.1 503 ")


async def test_bodies_held_at_once_are_bounded_and_small_ones_are_always_read():
    async with served(Limits(held=2_000_000)) as (server, port), AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connected(port)) for _ in range(40)]
        for _, writer in opened:
            head, body = large()
            writer.write(head + body[:-1])
        answers = [asyncio.create_task(left(reader)) for reader, _ in opened[2:]]
        good = await answered(port, delivery(BODY))
        refused = [one[:13] for one in await asyncio.gather(*answers)]

        assert good.startswith(b"HTTP/1.1 200 ")
        assert set(refused) <= {b"HTTP/1.1 503 ", b"(reset)"}
        assert (server.peers.held, server.peers.most_held) == (1_800_000, 1_800_000)


async def test_a_body_is_let_go_with_its_answer():
    async with served(Limits()) as (server, port):
        answer = await answered(port, b"".join(large()))

        assert answer.startswith(b"HTTP/1.1 401 ")
        assert (server.peers.held, server.peers.most_held) == (0, 900_000)


@pytest.mark.parametrize(
    "headers",
    [{"X-Slack-Signature": "v0=00"}, {"X-Slack-Request-Timestamp": str(int(time.time()) - 400)}],
    ids=["no signature", "stale"],
)
async def test_what_its_headers_give_away_is_refused_before_its_body_comes(headers):
    async with served(Limits()) as (server, port), connected(port) as (reader, writer):
        writer.write(delivery(b"x" * 900_000, headers)[:-900_000])
        answer = await reader.readuntil(b"\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 401 ")
        assert server.peers.most_held == 0


JUNK = {
    "a gzip bomb": delivery(gzip.compress(b"\0" * 5_000_000), {"Content-Encoding": "gzip", **PLAUSIBLE}),
    "no gzip at all": delivery(b"plain", {"Content-Encoding": "gzip", **PLAUSIBLE}),
    "null": delivery(b"null", PLAUSIBLE),
    "broken JSON": delivery(b'{"type": ', PLAUSIBLE),
    "another content type": delivery(BODY, {"Content-Type": "image/png", **PLAUSIBLE}),
    "no content type": delivery(BODY, {"Content-Type": "", **PLAUSIBLE}),
    "no time": delivery(BODY, {"X-Slack-Request-Timestamp": ""}),
    "a stale time": delivery(BODY, {"X-Slack-Request-Timestamp": "1"}),
    "bytes that are no text": delivery(b"\xff\xfe", PLAUSIBLE),
    "a signed gzip body": delivery(gzip.compress(b"null"), {"Content-Encoding": "gzip"}),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "a bad header": HEAD + b"no colon\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "a bad length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a long line": b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n",
    "nowhere": b"GET /.env HTTP/1.1\r\nHost: confab\r\n\r\n",
}


@pytest.mark.parametrize("request_", JUNK.values(), ids=JUNK)
async def test_junk_is_refused_without_a_word_of_ours(request_, caplog):
    async with served(QUICK) as (_, port):
        answer = await answered(port, request_)

    status = int(answer.split()[1])
    assert status in {400, 401, 404, 413}
    assert b"\r\nserver:" not in answer.lower()
    assert [record.exc_info for record in caplog.records if record.exc_info] == []


CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 40_000
FIRST = HEAD + b"Content-Length: 1\r\n\r\nx"


@pytest.mark.parametrize("before", [b"", FIRST], ids=["alone", "behind another request"])
async def test_of_a_body_in_chunks_no_more_is_parsed_than_its_first_few(before):
    parsed = []

    async def count(request):
        await asyncio.sleep(0.05)
        parsed.append(request.content.total_bytes)
        return web.Response()

    server = HttpServer([web.post("/slack/events", count)], QUICK)
    async with server.serve(HOST, 0) as port, connected(port) as (reader, writer):
        writer.write(before + CHUNKS)
        answer = await left(reader)

    assert answer.count(b"HTTP/1.1 200 OK") == len(parsed) == (2 if before else 1)
    assert 0 <= parsed[-1] < SLICE


@pytest.mark.parametrize("size", [5_000, 70_000, 900_000])
async def test_a_body_of_a_known_size_is_read_whole_however_it_comes(size):
    body = b"x" * size

    async def echo(request):
        return web.Response(text=str(len(await request.read())))

    server = HttpServer([web.post("/slack/events", echo)], QUICK)
    async with server.serve(HOST, 0) as port, connected(port) as (reader, writer):
        writer.write(HEAD + f"Content-Length: {size}\r\n\r\n".encode() + body)
        async with asyncio.timeout(3):
            answer = await reader.readuntil(str(size).encode())

    assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_a_flood_of_junk_is_counted_and_logged_in_two_lines(caplog):
    caplog.set_level(logging.INFO)
    async with served(QUICK) as (_, port):
        for request in list(JUNK.values()) * 5:
            await answered(port, request)

    lines = [record.getMessage() for record in caplog.records if record.name != "slack_bolt.AsyncApp"]
    assert len(lines) == 2
    assert "50 x 401 Unauthorized" in lines[1] or "49 x 401 Unauthorized" in lines[1], lines


async def test_a_tally_logs_again_when_its_time_is_over(caplog):
    tally = Tally(0.05)
    for _ in range(100):
        tally.count("stranger")
    await until(lambda: len(caplog.records) == 2)
    tally.close()

    assert [record.getMessage() for record in caplog.records] == [
        "refused over HTTP: 1 x stranger",
        "refused over HTTP: 99 x stranger",
    ]


async def test_a_bug_of_ours_is_logged_in_full_and_told_to_nobody(caplog):
    async def broken(request):
        raise LookupError("a bug")

    server = HttpServer([web.get("/broken", broken)], Limits())
    async with server.serve(HOST, 0) as port:
        answer = await answered(port, b"GET /broken HTTP/1.1\r\nHost: confab\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [LookupError]


def test_connections_leave_most_of_the_files_that_a_process_may_open():
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert files == resource.RLIM_INFINITY or read_limits().connections + read_limits().batch <= files / 2


def test_what_slack_signs_is_plausible():
    headers = signed(json.dumps({}).encode(), "1700000000")

    assert http_mode.is_plausible(headers, 1_700_000_000.0 + 299)
    assert not http_mode.is_plausible(headers, 1_700_000_000.0 + 301)
