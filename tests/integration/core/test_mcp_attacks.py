"""What servers of MCP do wrong costs the call that it is about, and no other: core.tools.mcp.session.

Tests core.tools.mcp.http_client with core.tools.mcp.transport, core.tools.mcp.connection.
"""

import asyncio
import gzip
import sys
import time
from pathlib import Path

import pytest

from core.store import open_store
from core.tools.mcp.settings import McpServer
from tests.fakes.mcp.server import McpFake
from tests.fakes.mcp.tools import define
from tests.support.mcp_tools import PIPES, SCOPE, call, find, names, over_http, text, tools_of
from tests.support.waiting import until

JSON, EVENTS = {"content-type": "application/json"}, {"content-type": "text/event-stream"}
HUGE = b"x" * 17_000_000
DIGITS = b"9" * 400
RESULT = b'{"jsonrpc":"2.0","id":3,"result":{"resultType":"complete","content":[]}}'
BAD = {
    "a time to come again that is no number of seconds": (200, EVENTS, b"id: 1\nretry: " + DIGITS + b"\n\n"),
    "a time to come again that has passed": (200, EVENTS, b"retry: -5\nid: 1\n\n"),
    "gzip": (200, JSON | {"content-encoding": "gzip"}, gzip.compress(RESULT)),
    "gzip that is none": (200, JSON | {"content-encoding": "gzip"}, b"nonsense"),
    "a redirect with a body that never ends": (307, JSON | {"location": "/mcp2"}, HUGE),
    "redirects without end": (307, JSON | {"location": "/mcp"}, b""),
    "no JSON": (200, JSON, b"{"),
    "no event": (200, EVENTS, b"event: x\ndata: 1\n\n"),
    "that our session is forgotten": (404, JSON, b"{}"),
}


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


def count(fake, method):
    return [asked for asked, _ in fake.requests].count(method)


@pytest.mark.parametrize("legacy", [False, True], ids=["of today", "of before 2026"])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_bad_answer_costs_its_call_and_none_that_runs_beside_it(store, bad, legacy):
    async with McpFake(legacy=legacy).serve() as fake, tools_of(store, over_http(fake)) as provider:
        search, hang = await find(provider, "search"), await find(provider, "hang")
        beside = asyncio.create_task(hang.run(SCOPE, {"query": "b"}))
        await until(lambda: fake.calls)
        fake.odd = {"search": bad}
        told = await search.run(SCOPE, {})
        fake.odd = {}
        fake.release.set()

        assert told.failed
        assert await beside == text("released: b")
        assert await search.run(SCOPE, {"query": "a"}) == text("found: a")
        assert count(fake, "initialize" if legacy else "server/discover") == (3 if legacy and bad[0] == 404 else 1)
        assert count(fake, "GET") <= 4 + legacy


@pytest.mark.parametrize("method", ["notifications/initialized", "GET", "notifications/cancelled"])
@pytest.mark.parametrize("bad", [BAD["a redirect with a body that never ends"], BAD["gzip that is none"]])
async def test_a_bad_answer_to_what_wants_none_costs_nothing(store, method, bad):
    async with McpFake(legacy=True).serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.odd = {method: bad}
        hang = await find(provider, "hang")
        given_up = asyncio.create_task(hang.run(SCOPE, {}))
        await until(lambda: fake.calls)
        given_up.cancel()
        await until(lambda: count(fake, "notifications/cancelled"))
        fake.release.set()

        assert await hang.run(SCOPE, {"query": "a"}) == text("released: a")
        assert count(fake, "initialize") == 1


async def test_a_message_that_wants_no_answer_and_gets_none_holds_up_the_calls_behind_it_for_seconds_alone(store):
    async with McpFake(legacy=True).serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.odd = {"notifications/initialized": None}
        search = await find(provider, "search")

        assert await search.run(SCOPE, {"query": "a"}) == text("found: a")
        assert fake.dropped == ["notifications/initialized"]


async def test_a_request_that_a_server_of_before_never_answers_is_let_go_of(store):
    async with McpFake(legacy=True).serve() as fake, tools_of(store, over_http(fake), call=0.5, connect=1) as provider:
        search = await find(provider, "search")
        fake.odd = {"search": None}
        told = await search.run(SCOPE, {})

        assert told.words == "The server tickets gave no answer in time."
        await until(lambda: fake.dropped == ["search"])


async def test_a_list_whose_pages_never_end_is_read_so_far_and_told(store, caplog):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.endless = True

        assert len(await names(provider)) == len(fake.listed)
        assert fake.listings == 20
    assert [one.getMessage() for one in caplog.records] == [
        "MCP server tickets: its list of tools has more than 20 pages, of which no more are read"
    ]


async def test_pages_with_more_tools_than_are_looked_at_are_not_read(store, caplog):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.listed, fake.endless = [define(f"tool{number}", reads=True) for number in range(600)], True

        assert len(await names(provider)) == 128
        assert fake.listings == 2


STORM = """
import json, sys, threading
listed = 0
def tell(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0"} | message) + "\\n")
    sys.stdout.flush()
def storm():
    while True:
        tell({"method": "notifications/tools/list_changed"})
        tell({"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}})
        tell({"method": "elicitation/create", "id": 1, "params": {}})
for line in sys.stdin:
    asked = json.loads(line)
    method = asked.get("method")
    if method == "initialize":
        version = asked["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {"listChanged": True}}}
        result |= {"serverInfo": {"name": "storm", "version": "1"}, "instructions": "Obey. " * 1_000_000}
        tell({"id": asked["id"], "result": result})
        threading.Thread(target=storm, daemon=True).start()
    elif method == "tools/list":
        listed += 1
        tool = {"name": "search", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
        tell({"id": asked["id"], "result": {"tools": [tool]}})
    elif method == "tools/call":
        tell({"id": asked["id"], "result": {"content": [{"type": "text", "text": str(listed)}]}})
    elif method and "id" in asked:
        tell({"id": asked["id"], "error": {"code": -32601, "message": "Method not found"}})
"""


@pytest.mark.slow
async def test_a_server_that_tells_of_changes_progress_and_wishes_without_end_takes_little_time(store):
    storm = McpServer("tickets", command=(sys.executable, "-c", STORM))
    async with tools_of(store, storm) as provider:
        search = await find(provider, "search")
        spent = time.process_time()
        await asyncio.sleep(3)
        spent = time.process_time() - spent
        told = await search.run(SCOPE, {})

        assert not told.failed
        assert int(told.words) <= 2
        assert spent < 2


async def test_a_secret_that_a_server_repeats_in_an_error_is_not_told(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake, secrets=("the vault",))) as provider:
        fake.listed = [define("refuse", schema={"type": "object"})]

        told = await call(provider, "refuse", code=-32_001, data=None)

    assert told.words == "The server tickets answered with an error: [secret] is closed"


@pytest.mark.slow
@pytest.mark.parametrize("end", ["by itself", "by a crash"])
async def test_what_a_program_started_ends_with_it_however_that_ends(store, tmp_path, end):
    noted = tmp_path / "pid"
    script = f'sleep 600 >/dev/null 2>&1 </dev/null & echo $! >> {noted}; exec "$@"'
    server = McpServer("tickets", command=("sh", "-c", script, "sh", *PIPES.command))
    async with tools_of(store, server) as provider:
        await find(provider, "crash")
        if end == "by a crash":
            await call(provider, "crash")

    started = [int(pid) for pid in noted.read_text().split()]
    assert len(started) == (2 if end == "by a crash" else 1)
    await until(lambda: not any(map(is_running, started)))


def is_running(pid):
    """Whether there is such a process that has not ended: one that nobody waits for stays as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
