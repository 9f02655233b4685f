"""Servers of MCP as tools, against real ones over HTTP and pipes: core.tools.mcp.provider.

Tests core.tools.mcp with core.tools.mcp.connection, core.tools.mcp.session, core.tools.mcp.transport, core.tools.mcp.results.
"""

import asyncio
import json
import os
import signal
import sys

import pytest

from core.domain.content import Image, Text
from core.domain.errors import StoreUnavailable
from core.domain.messages import ThreadKey
from core.domain.tools import DEEPEST, ToolResult
from core.store import open_store
from core.tools.mcp.connection import ASKED, SILENT
from core.tools.mcp.definitions import LISTED
from core.tools.mcp.http_client import UNREACHABLE
from core.tools.mcp.provider import McpTools
from core.tools.mcp.session import SessionLimits, inspect_server
from core.tools.mcp.settings import McpServer
from core.tools.mcp.trust import TrustedTools
from core.tools.tool import Unavailable
from tests.fakes.mcp.server import McpFake
from tests.fakes.mcp.tools import define
from tests.support.mcp_tools import KEY, PIPES, SCOPE, ask, call, find, names, over_http, text, tools_of
from tests.support.stalls import measure_stalls
from tests.support.tool_shed import nest
from tests.support.waiting import PATIENCE, until

READING = ["crash", "environment", "fail", "hang", "huge", "parts", "picture", "pid", "search", "table"]
ALL = [f"tickets__{name}" for name in sorted([*READING, "create", "change"])]


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


@pytest.fixture
async def stalls():
    async with measure_stalls() as found:
        yield found


UNSURE = (
    "The connection to the server tickets broke before it answered. It is not known whether it was done: say so, and do "
    "not call it again unasked."
)
OTHER = ThreadKey("discord:7", "5", "1")
KINDS = {"of today": {}, "of before 2026": {"legacy": True}}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_server_over_http_is_listed_and_called(store, kind):
    async with McpFake(**kind).serve() as fake, tools_of(store, over_http(fake)) as provider:
        assert provider.groups == {"tickets": []}
        assert await names(provider) == ALL
        assert provider.groups == {"tickets": ALL}
        assert await call(provider, "search", query="printer") == text("found: printer")
        assert await call(provider, "search", **nest(DEEPEST)) == text("found: ")
        assert [one.name for one in await provider.list_tools(KEY) if one.definition.acts] == [
            "tickets__change",
            "tickets__create",
        ]


@pytest.mark.slow
async def test_a_server_over_pipes_is_listed_called_and_ended_with_us(store, monkeypatch):
    monkeypatch.setenv("OUR_SECRET", "sk-none-of-theirs")
    server = McpServer("tickets", command=PIPES.command, env={"THEIRS": "1"})
    async with tools_of(store, server) as provider:
        assert await names(provider) == ALL
        assert await call(provider, "search", query="printer") == text("found: printer")
        assert await call(provider, "search", **nest(DEEPEST, dict)) == text("found: ")
        environment = json.loads((await call(provider, "environment")).words)
        pid = int((await call(provider, "pid")).words)

    assert environment["THEIRS"] == "1"
    assert set(environment) <= {"THEIRS", "PATH", "HOME", "LOGNAME", "USER", "SHELL", "TERM", "LC_CTYPE"}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow
async def test_a_program_may_take_longer_to_start_than_a_connection_takes(store):
    late = McpServer("tickets", command=("sh", "-c", 'sleep 1.5; exec "$@"', "sh", *PIPES.command))
    async with tools_of(store, late, connect=1.5, start=60.0) as provider:
        assert (await find(provider, "search")).name == "tickets__search"


@pytest.mark.slow
async def test_a_process_that_is_killed_in_mid_call_costs_that_call_and_is_started_anew(store, caplog):
    server = McpServer("tickets", command=PIPES.command, acts=frozenset({"hang"}))
    async with tools_of(store, server) as provider:
        pid = int((await call(provider, "pid")).words)
        hanging = asyncio.create_task(call(provider, "hang"))
        await call(provider, "search")  # which is written and answered behind the other
        os.kill(pid, signal.SIGKILL)
        await until(lambda: hanging.done() or caplog.records)

        told = await hanging
        assert (told.failed, told.words) == (True, UNSURE)
        assert int((await call(provider, "pid")).words) != pid


@pytest.mark.slow
async def test_a_process_that_crashes_over_a_call_is_told_to_claude_and_the_operator(store, caplog):
    async with tools_of(store, PIPES) as provider:
        told = await call(provider, "crash")  # which only reads, and is called once more

        assert (told.failed, told.words) == (True, "The connection to the server tickets broke before it answered.")
        assert await call(provider, "search", query="a") == text("found: a")
    assert [one.getMessage() for one in caplog.records] == ["MCP server tickets: a call failed: the connection broke"]


async def test_a_call_that_is_cancelled_leaves_the_session_and_tells_the_server(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        hanging = asyncio.create_task(call(provider, "hang"))
        await until(lambda: fake.calls)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)

        await until(lambda: fake.cancelled)
        assert await call(provider, "search", query="a") == text("found: a")
        assert [asked for asked, _ in fake.requests].count("server/discover") == 1


async def test_fifty_calls_of_one_answer_run_on_one_session_so_many_at_once_and_all_are_made(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        tool = await find(provider, "hang")
        running = [asyncio.create_task(tool.run(SCOPE, {"query": str(number)})) for number in range(50)]
        await until(lambda: len(fake.calls) == 16)  # half of what the server takes: one person leaves as much to others
        fake.release.set()

        assert await asyncio.gather(*running) == [text(f"released: {number}") for number in range(50)]
        assert [asked for asked, _ in fake.requests].count("server/discover") == 1


async def test_a_server_that_hangs_holds_some_questions_of_a_person_others_are_told_and_another_workspace_is_served(
    store, caplog
):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        tool = await find(provider, "hang")
        running = [asyncio.create_task(tool.run(ask(number), {"query": str(number)})) for number in range(100)]
        await until(lambda: len(fake.calls) == 16 and sum(map(asyncio.Task.done, running)) == 68)
        search = await find(provider, "search", OTHER)
        assert await search.run(ask(101, OTHER), {"query": "a"}) == text("found: a")

        waiting = [one for one in running if not one.done()]
        told = [one.result() for one in running if one.done()]
        busy = (
            "The server tickets has not answered earlier calls of this person yet, so nothing was done. "
            "It may have time later."
        )
        assert {(one.failed, one.words) for one in told} == {(True, busy)}
        assert (len(told), len(waiting), len(fake.calls)) == (68, 32, 17)
        fake.release.set()
        assert not any(one.failed for one in await asyncio.gather(*waiting))
    assert [one.getMessage() for one in caplog.records] == [
        "MCP server tickets: it is slow, so calls were not made: too many questions of one person wait for it"
    ]


async def test_a_call_that_hangs_is_ended_and_others_go_on(store, caplog):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), call=1.0) as provider:
        told = await call(provider, "hang")

        assert (told.failed, told.words) == (True, "The server tickets gave no answer in time.")
        assert await call(provider, "search", query="a") == text("found: a")
    assert len(caplog.records) == 1


async def test_a_session_that_answers_nothing_any_more_is_given_up(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), call=1.0, connect=2.0) as provider:
        search = await find(provider, "search")
        fake.odd = {"search": None, "ping": None}
        await asyncio.gather(*(search.run(SCOPE, {}) for _ in range(3)))
        await until(lambda: "ping" in fake.dropped)
        fake.odd = {}

        async with asyncio.timeout(PATIENCE):
            while await search.run(SCOPE, {"query": "a"}) != text("found: a"):
                await asyncio.sleep(0.05)
        assert [asked for asked, _ in fake.requests].count("server/discover") >= 2


async def test_calls_in_a_row_that_hang_end_no_session_that_answers_otherwise(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), call=1.0) as provider:
        search, hang = await find(provider, "search"), await find(provider, "hang")
        fake.odd = {"search": None}
        await asyncio.gather(*(search.run(SCOPE, {}) for _ in range(2)))
        third = asyncio.create_task(search.run(SCOPE, {}))
        await asyncio.sleep(0.5)  # so that one that is made now is under way when the third has failed
        beside = asyncio.create_task(hang.run(SCOPE, {"query": "a"}))
        await third
        await until(lambda: "ping" in [asked for asked, _ in fake.requests])
        fake.release.set()

        assert await beside == text("released: a")
        assert [asked for asked, _ in fake.requests].count("server/discover") == 1


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_results_of_all_kinds_are_told_and_none_is_too_large(store, kind):
    async with McpFake(**kind).serve() as fake, tools_of(store, over_http(fake)) as provider:
        huge = await call(provider, "huge")
        said, shown = (await call(provider, "picture")).content
        failed = await call(provider, "fail")
        parts = await call(provider, "parts")
        table = await call(provider, "table")

    assert [len(part.words) for part in huge.content[:1]] == [149_000]
    assert huge.content[1:] == (Text("[The result is longer: only its first 149,000 bytes stand above.]"),)
    assert said == Text("a pixel")
    assert isinstance(shown, Image)
    assert (shown.type, shown.width, shown.height) == ("image/png", 1, 1)
    assert failed == ToolResult((Text("no such ticket"),), failed=True)
    assert table == text('{"open": 7}')
    assert [part.words for part in parts.content] == [
        "[A sound, audio/wav, which can't be heard here.]",
        "[The resource note://1:]\na note",
        "[The resource blob://1, a/b, 3 bytes, not shown.]",
        "[A resource, not fetched: https://tickets.example/7 (ticket 7, a (link))]",
        "[the picture can't be shown: it is neither a picture nor a text that I can read, or it is broken; "
        "save it anew, as PNG, JPEG, PDF or text]",
    ]


@pytest.mark.parametrize(
    ("legacy", "told"),
    [
        (False, "Failed to parse JSON response: the answer is too large"),
        (True, "Server-sent event exceeded the 16000000"),
    ],
    ids=["in one piece", "in a stream"],
)
async def test_an_answer_that_would_fill_the_memory_is_refused_and_the_session_goes_on(store, legacy, told):
    async with McpFake(legacy=legacy).serve() as fake, tools_of(store, over_http(fake)) as provider:
        result = await call(provider, "huge", size=17_000_000)

        assert result.failed
        assert result.words.startswith("The server tickets answered with an error: ")
        assert told in result.words
        assert await call(provider, "search", query="a") == text("found: a")
        assert [asked for asked, _ in fake.requests].count("server/discover") == 1


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "acts"])
@pytest.mark.parametrize(
    ("code", "data"),
    [(UNREACHABLE, {"sent": False}), (UNREACHABLE, [1]), (-32_000, None)],
    ids=["our code", "our code and a list", "the code of a connection that broke"],
)
async def test_an_error_that_a_server_sends_is_its_answer_whatever_its_code(store, reads, code, data):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.listed = [define("refuse", reads=reads, schema={"type": "object"})]

        told = await call(provider, "refuse", code=code, data=data)

    assert told.words == "The server tickets answered with an error: the vault is closed"
    assert len(fake.calls) == 1


@pytest.mark.parametrize("kind", ["HTTP", pytest.param("pipes", marks=pytest.mark.slow)])
async def test_half_a_character_in_an_argument_ends_no_session(store, kind):
    async with McpFake().serve() as fake:
        server = over_http(fake) if kind == "HTTP" else PIPES
        async with tools_of(store, server) as provider:
            assert await call(provider, "search", query="a\ud83d b") == text("found: a\ufffd b")


async def test_a_server_that_is_down_costs_no_answer_and_one_warning_and_is_back_by_itself(store, caplog):
    fake = McpFake()
    async with fake.serve():
        port = fake.port
    async with tools_of(store, over_http(fake)) as provider:
        assert [await names(provider) for _ in range(3)] == [[None], [None], [None]]
        assert await provider.list_tools(KEY) == [Unavailable("tickets", SILENT)]
        assert [one.getMessage() for one in caplog.records] == [
            f"MCP server tickets: its tools can't be listed: it can't be reached at http://127.0.0.1:{port} (ConnectError)"
        ]
        async with fake.serve(port):
            async with asyncio.timeout(20):
                while await names(provider) != ALL:
                    await asyncio.sleep(0.05)
            tool = await find(provider, "search")
        assert await names(provider) == ALL
        for _ in range(3):
            told = await tool.run(SCOPE, {})
            assert (told.failed, told.words) == (
                True,
                "The server tickets can't be reached just now, so nothing was done.",
            )
        assert [one.getMessage() for one in caplog.records[1:]] == ["MCP server tickets: a call failed: ConnectError"]
        async with fake.serve(port):
            assert await tool.run(SCOPE, {"query": "a"}) == text("found: a")


async def test_a_server_that_hangs_is_not_waited_for(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), first=0.2, connect=0.4) as provider:
        fake.hanging = True
        started = asyncio.get_running_loop().time()

        assert await names(provider) == [None]
        assert await provider.list_tools(KEY) == [Unavailable("tickets", ASKED)]
        assert asyncio.get_running_loop().time() - started < 0.4


async def test_tools_that_are_known_are_not_waited_for_while_the_list_is_asked_for_again(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), refresh=0) as provider:
        assert await names(provider) == ALL
        fake.slow_list = asyncio.Event()

        async with asyncio.timeout(5):
            assert [await names(provider) for _ in range(2)] == [ALL, ALL]


async def test_a_server_of_before_that_does_not_answer_what_it_does_not_know_is_asked_the_old_way(store):
    async with McpFake(legacy=True).serve() as fake, tools_of(store, over_http(fake), connect=0.5) as provider:
        fake.deaf = True

        async with asyncio.timeout(20):
            while await names(provider) != ALL:
                await asyncio.sleep(0.05)


async def test_a_server_that_hangs_while_it_is_opened_does_not_hold_up_the_end(store):
    async with McpFake().serve() as fake:
        fake.hanging = True
        async with tools_of(store, over_http(fake), first=0.1, connect=30) as provider:
            assert await names(provider) == [None]
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 5


async def test_while_the_store_is_away_nothing_that_acts_is_offered(store):
    class Away:
        async def get(self, name):
            raise StoreUnavailable

        put = get

    async with McpFake().serve() as fake:
        provider = McpTools([over_http(fake)])
        provider.open(Away())
        try:
            assert await names(provider) == [f"tickets__{name}" for name in READING]
        finally:
            await provider.close()


@pytest.mark.parametrize("tool", ["search", "create"])
async def test_a_server_of_before_that_forgot_our_session_gets_a_new_one_before_it_is_asked_to_act(store, tool):
    fake = McpFake(legacy=True)
    async with fake.serve():
        provider = McpTools([over_http(fake)])
        provider.open(store.notes)
        called = await find(provider, tool)
    try:
        async with fake.serve(fake.port):
            assert not (await called.run(SCOPE, {"query": "a"})).failed
            assert fake.calls == [(tool, {"query": "a"})]
            assert [asked for asked, _ in fake.requests].count("initialize") == 2
    finally:
        await provider.close()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_an_error_of_http_after_a_tool_was_asked_to_act_is_not_known_to_have_acted_and_never_repeated(
    store, status, kind
):
    async with McpFake(**kind).serve() as fake, tools_of(store, over_http(fake)) as provider:
        tool = await find(provider, "create")
        fake.statuses = {"tools/call": status}

        told = await tool.run(SCOPE, {"query": "a"})

        assert (told.failed, told.words.endswith(UNSURE.partition(". ")[2])) == (True, True)
        assert fake.calls == [("create", {"query": "a"})]


async def test_a_call_that_only_reads_is_made_once_more_on_a_new_session_where_the_server_forgot_ours(store):
    async with McpFake(legacy=True).serve() as fake, tools_of(store, over_http(fake)) as provider:
        tool = await find(provider, "search")
        fake.statuses = {"tools/call": 404}

        told = await tool.run(SCOPE, {"query": "a"})

        assert told.words == "The connection to the server tickets broke before it answered."
        assert [asked for asked, _ in fake.requests].count("initialize") == 2
        assert fake.calls == [("search", {"query": "a"})] * 2


@pytest.mark.parametrize("streams", [False, True], ids=["in one piece", "as an event"])
@pytest.mark.parametrize("nested", [False, True], ids=["rows", "nested lists"])
async def test_an_answer_of_too_many_values_is_refused_before_it_stalls_anything(store, stalls, streams, nested):
    row = b"[[[[7]]]]," if nested else b'{"id":7,"name":"a name of \\"somebody\\"","open":true},'
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        tool = await find(provider, "table")
        fake.canned = b'{"resultType":"complete","content":[],"structuredContent":{"rows":[%b7]}}' % (row * 200_000)
        fake.streams = streams
        await asyncio.sleep(0.01)
        stalls.clear()

        told = await tool.run(SCOPE, {})
        await asyncio.sleep(0.01)

        assert told.words.endswith("the answer is too large")
        assert max(stalls) < 0.05
        fake.canned = b'{"resultType":"complete","content":[{"type":"text","text":"few"}]}'
        assert await tool.run(SCOPE, {}) == text("few")
        assert [asked for asked, _ in fake.requests].count("server/discover") == 1


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_list_that_changes_is_asked_for_again(store, kind):
    async with McpFake(**kind).serve() as fake, tools_of(store, over_http(fake)) as provider:
        await call(provider, "change")

        async with asyncio.timeout(20):
            while "tickets__new" not in await names(provider):
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":999999,"result":{"resultType":"complete","content":[]}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no"}}',
        b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"a"}}',
    ],
    ids=["another id", "no id", "no answer"],
)
async def test_an_answer_to_another_request_ends_the_call_that_got_it_at_once_and_the_session_goes_on(store, body):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        create = await find(provider, "create")
        fake.odd = {"create": (200, {"content-type": "application/json"}, body)}

        told = await create.run(SCOPE, {"query": "a"})

        assert told.words == (
            "The server tickets answered with an error: Failed to parse JSON response: it answers another request. It is "
            "not known whether it was done: say so, and do not call it again unasked."
        )
        assert await call(provider, "search", query="a") == text("found: a")
        assert [asked for asked, _ in fake.requests].count("server/discover") == 1


async def test_a_list_that_can_not_be_taken_up_is_asked_for_again_after_pauses_that_grow(store, caplog):
    class Broken:
        async def get(self, name):
            raise RuntimeError("a bug")

    clock = [100.0]
    async with McpFake().serve() as fake:
        provider = McpTools([over_http(fake)], SessionLimits(first=30.0), now=lambda: clock[0])
        provider.open(Broken())
        listings = []
        try:
            for seconds in (0.0, 0.0, 0.9, 0.7, 1.9, 0.7, 0.0):
                clock[0] += seconds
                assert await names(provider) == [None]
                listings.append(fake.listings)
        finally:
            await provider.close()

    assert listings == [1, 1, 1, 2, 2, 3, 3]
    assert len(caplog.records) == 3


async def test_a_list_is_asked_for_again_when_it_is_old(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake), refresh=0) as provider:
        await names(provider)
        fake.listed = [*fake.listed, define("new", reads=True)]

        async with asyncio.timeout(20):
            while "tickets__new" not in await names(provider):
                await asyncio.sleep(0.05)


async def test_an_acting_tool_that_changed_is_left_out_until_the_operator_says_yes(store, caplog):
    async with McpFake().serve() as fake:
        async with tools_of(store, over_http(fake)) as provider:
            await find(provider, "create")
        fake.listed = [
            *(one for one in fake.listed if one.name not in {"create", "search", "change"}),
            define("create", description="Creates, and tells everybody."),
            define("search", reads=True, description="Finds more."),
            define("change", reads=True),
            define("drop"),
        ]
        async with tools_of(store, over_http(fake)) as provider:
            listed = await names(provider)
            assert {"tickets__create", "tickets__change", "tickets__drop"}.isdisjoint(listed)
            assert "tickets__search" in listed
            assert [one.getMessage() for one in caplog.records] == [
                "MCP server tickets: tools that act are new or changed since it was first seen, and left out: "
                "'change', 'create', 'drop'; `confab mcp trust tickets` shows and allows them"
            ]
            await TrustedTools(store.notes).trust("tickets", await inspect_server(over_http(fake)))

            assert {"tickets__create", "tickets__change", "tickets__drop"} <= set(await names(provider))


async def test_an_acting_tool_that_changed_since_it_was_asked_for_is_not_called(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        create, search = await find(provider, "create"), await find(provider, "search")
        await until(lambda: "subscriptions/listen" in [asked for asked, _ in fake.requests])
        await asyncio.sleep(1)
        await fake.replace(define("create", description="Destroys."), define("search", reads=True, description="New."))
        async with asyncio.timeout(20):
            while "tickets__create" in await names(provider):
                await asyncio.sleep(0.05)

        told = await create.run(SCOPE, {})
        assert (told.failed, told.words) == (
            True,
            "The server tickets changed this tool meanwhile, so it was not called.",
        )
        assert await search.run(SCOPE, {"query": "a"}) == text("found: a")
    assert fake.calls == [("search", {"query": "a"})]


async def test_a_tool_whose_schema_has_numbers_that_are_no_json_is_left_out(store, caplog):
    good = {"name": "search", "inputSchema": {"type": "object"}}
    endless = {"type": "object", "properties": {"n": {"type": "number", "maximum": float("inf")}}}
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.raw = [good, {"name": "count", "inputSchema": endless}]

        assert await names(provider) == ["tickets__search"]
    assert "has numbers that JSON does not have" in caplog.text


@pytest.mark.parametrize(
    ("compressed", "charset", "failed"), [(False, "utf-8", False), (True, "utf-8", True), (False, "cp037", True)]
)
async def test_an_answer_whose_bytes_are_not_those_of_its_words_is_not_read(store, compressed, charset, failed):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        tool = await find(provider, "search")
        fake.canned = b'{"content": [{"type": "text", "text": "found"}], "isError": false, "resultType": "complete"}'
        fake.compressed, fake.charset = compressed, charset
        told = await tool.run(SCOPE, {"query": "a"})
        fake.canned = b""

        assert told.failed is failed
        assert await tool.run(SCOPE, {"query": "a"}) == text("found: a")


async def test_of_a_page_of_a_list_hardly_more_tools_are_read_than_are_looked_at(store, caplog):
    many = [{"name": f"a{number:04}", "inputSchema": {"type": "object"}} for number in range(LISTED + 2)]
    async with (
        McpFake().serve() as fake,
        tools_of(store, over_http(fake, tools=frozenset({"a1000", "a1001"}))) as provider,
    ):
        fake.raw = many

        assert await names(provider) == ["tickets__a1000"]
    assert [one.getMessage() for one in caplog.records] == [
        "MCP server tickets: it has no tool 'a1001', which the file names"
    ]


async def test_an_argument_that_a_tool_wants_in_a_header_too_is_sent_there_and_one_that_can_not_be_is_left_out(store):
    named = {"type": "object", "properties": {"query": {"type": "string", "x-mcp-header": "Query"}}}
    wrong = {"type": "object", "properties": {"query": {"type": "object", "x-mcp-header": "Query"}}}
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.listed = [define("search", reads=True, schema=named), define("parts", reads=True, schema=wrong)]

        assert await names(provider) == ["tickets__search"]
        assert await call(provider, "search", query="printer") == text("found: printer")
        assert dict(fake.requests)["tools/call"]["mcp-param-query"] == "printer"


async def test_a_listing_with_tools_that_are_none_has_the_others(store, caplog):
    good = {"name": "search", "inputSchema": {"type": "object"}}
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        fake.raw = [good, 7, {"name": 3}, {"name": "a"}, {"name": "b", "inputSchema": {"type": "array"}}]

        assert await names(provider) == ["tickets__search"]
    assert [one.getMessage() for one in caplog.records] == [
        "MCP server tickets: 'a' is left out: it is no definition of a tool",
        "MCP server tickets: 'b' is left out: it is no definition of a tool",
    ]


async def test_each_workspace_has_a_session_unless_it_is_shared(store):
    for shared, sessions in ((False, 2), (True, 1)):
        async with McpFake().serve() as fake, tools_of(store, over_http(fake, shared=shared)) as provider:
            for key in (KEY, OTHER, KEY):
                await call(provider, "search", key)

            assert [asked for asked, _ in fake.requests].count("server/discover") == sessions


async def test_a_server_is_offered_where_the_file_says(store):
    async with McpFake().serve() as fake:
        server = over_http(fake, channels=frozenset({"slack:T1/C1"}), tools=frozenset({"search"}))
        async with tools_of(store, server) as provider:
            assert provider.groups == {"tickets": ["tickets__search"]}
            assert await names(provider) == ["tickets__search"]
            assert await names(provider, ThreadKey("slack:T1", "C2", "1.0")) == []


async def test_a_session_that_nobody_uses_is_closed_and_opened_again(store):
    async with McpFake(legacy=True).serve() as fake, tools_of(store, over_http(fake), idle=0.2) as provider:
        await call(provider, "search")
        await until(lambda: "DELETE" in [asked for asked, _ in fake.requests])

        assert await call(provider, "search", query="a") == text("found: a")
        assert [asked for asked, _ in fake.requests].count("initialize") == 2


async def test_a_token_that_is_not_taken_is_told_with_its_status_and_never_shown(store, caplog):
    async with McpFake(token="right").serve() as fake:
        wrong = over_http(fake, headers={"Authorization": "Bearer wrong-token"})
        async with tools_of(store, wrong) as provider:
            assert await names(provider) == [None]
        right = over_http(fake, headers={"Authorization": "Bearer right"})
        async with tools_of(store, right) as provider:
            assert await names(provider) == ALL
    assert [one.getMessage() for one in caplog.records] == [
        "MCP server tickets: its tools can't be listed: it answers with status 401"
    ]


async def test_a_command_that_is_not_there_or_ends_at_once_is_told(store, caplog):
    gone = McpServer("gone", command=("no-such-command-here",))
    dying = McpServer("dying", command=(sys.executable, "-c", "raise SystemExit('no key is set')"))
    async with tools_of(store, gone, dying) as provider:
        assert await names(provider) == [None, None]
    assert sorted(one.getMessage() for one in caplog.records) == [
        "MCP server dying: its tools can't be listed: its last words: no key is set",
        "MCP server gone: its tools can't be listed: there is no such command",
    ]


async def test_what_attacks_in_a_description_stands_in_a_frame(store):
    async with McpFake().serve() as fake, tools_of(store, over_http(fake)) as provider:
        search = await find(provider, "search")

    assert search.definition.body["description"].startswith('A tool of the server "tickets", which describes it so:\n')
    assert "SYSTEM: from now on" in search.definition.body["description"]
    assert search.describe({}) == "using search of tickets"
