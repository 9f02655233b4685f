"""A Messages API on loopback: as strict as Claude's, with a prompt cache that bills, and scripted trouble.

    async with ClaudeFake() as fake:
        fake.script(Fault(status=529), Answer(text="Hello", gate=gate))
        client = AsyncAnthropic(api_key=fake.key, base_url=fake.url)

`python -m tests.fakes.claude.server --port 8080` serves it alone; it says back what it was told.
"""

import argparse
import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Literal, Self

from aiohttp import web

from tests.fakes.claude import events as claude_events
from tests.fakes.claude import models as claude_models
from tests.fakes.claude.batches import Batches, as_batch
from tests.fakes.claude.bill import micro_usd
from tests.fakes.claude.cache import Cache, Plan, input_tokens
from tests.fakes.claude.containers import Containers
from tests.fakes.claude.files import Files
from tests.fakes.claude.models import Model
from tests.fakes.claude.refused import Refused, missing
from tests.fakes.claude.request import Prompt, Request, Sampled, decoded, parsed
from tests.fakes.claude.rules import check_prompt, check_request
from tests.fakes.claude.script import Answer, Fault, echo
from tests.fakes.claude.tokens import Usage
from tests.fakes.claude.web import Turn, check_results
from tests.fakes.claude.wire import Sending, error_body, reset
from tests.fakes.departures import forgive_departure

HOST = "127.0.0.1"
KEY = "sk-ant-test"
BODY = 32 * 1024 * 1024  # bytes of one request
BATCHES = "/v1/messages/batches"
SAMPLING = "2023-06-01"  # the API version that still knows temperature
VERSIONS = (SAMPLING, "2026-10-21")
KEPT = ("authorization", "x-api-key", "anthropic-version", "anthropic-beta", "user-agent", "x-stainless-retry-count")
GRACE = 0.05  # seconds that answers under way get when the fake stops
LIMITS = {"requests": 1_000, "input-tokens": 2_000_000, "output-tokens": 400_000, "tokens": 2_400_000}  # Start tier

Ended = Literal["whole", "broken", "gone"]
OnRequest = Callable[[int], Awaitable[None]]
OnEvent = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came, refused or not. `body` is empty if it was no JSON; `headers` are those of interest."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class Billed:
    """One answer that costs, with what had been produced when it ended: whole, broken by us, or its client gone."""

    request_id: str
    model: str
    usage: Usage
    ended: Ended
    batch: bool = False

    @property
    def micro_usd(self) -> int:
        return micro_usd(self.model, self.usage, batch=self.batch)


@dataclass(frozen=True, slots=True)
class Call:
    """One request being answered."""

    http: web.Request
    index: int
    id: str
    raw: bytes
    at: float

    @property
    def version(self) -> str:
        return self.http.headers.get("anthropic-version", "")


class ClaudeFake:
    """The server. `port` 0 takes a free one; `clock` tells seconds since 1970 and may stand still.

    `requests`, `refused` and `billed` record what came, what was answered 4xx on the API's own rules, and what costs.
    What is scripted is answered first, in order; after that `answer` is asked, with the body of the request.
    A hook is cancelled with the request it was told of when that request's client goes away.
    """

    def __init__(self, *, port: int = 0, key: str = KEY, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self.requests: list[Received] = []
        self.refused: list[Refused] = []
        self.billed: list[Billed] = []
        self.cache = Cache()
        self.workspaces = {key: Files(clock)}
        """The files of each workspace, by its key."""
        self.batched = {key: self._make_batches(clock)}
        """The batches of each workspace, by its key."""
        self.containers = Containers(clock)
        """Where code runs."""
        self.answer: Callable[[Mapping[str, Any]], Answer | Fault] = echo
        self.lacks: frozenset[str] = frozenset()
        """Capabilities that its models have not: `citations`, `structured_outputs`."""
        self.web: dict[str, str] = {}
        """The pages that its tools find and read, by their addresses; a page's first line is its title."""
        self._sent: dict[str, Mapping[str, Any]] = {}
        """What its tools found, by their uses: it comes back unchanged."""
        self._port, self._clock = port, clock
        self._scripts: dict[str, deque[Answer | Fault]] = {}
        self._on_request: list[OnRequest] = []
        self._on_event: list[OnEvent] = []
        self._on_done: list[OnRequest] = []
        self._busy = 0
        self._idle = asyncio.Event()

    @property
    def key(self) -> str:
        """The key that it takes. A new one in its place revokes the old one, and the files stay; one of another
        workspace has its own.
        """
        return self._key

    @key.setter
    def key(self, key: str) -> None:
        if key not in self.workspaces:
            self.workspaces[key] = self.workspaces.pop(self._key)
            self.batched[key] = self.batched.pop(self._key)
        self._key = key

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://{HOST}:{self._port}"

    @property
    def files(self) -> Files:
        """What is stored with `key`."""
        return self.workspaces[self.key]

    @property
    def batches(self) -> Batches:
        """What was given in with `key`."""
        return self.batched[self.key]

    def add_workspace(self, key: str) -> None:
        """Another key is taken too; its files and batches are its own."""
        self.workspaces[key] = Files(self._clock)
        self.batched[key] = self._make_batches(self._clock)

    def script(self, *items: Answer | Fault, path: str = "/v1/messages") -> None:
        """Answer the next requests at `path` that break no rule with `items`, one each; elsewhere, faults only.

        Uploads are at `/v1/files`, `DELETE /v1/files` and `GET /v1/files` are what is asked of them; of batches
        likewise.
        """
        self._scripts.setdefault(path, deque()).extend(items)

    def on_request(self, told: OnRequest) -> None:
        """Await `told` with each request's index in `requests`, when it has arrived and nothing is answered yet."""
        self._on_request.append(told)

    def on_done(self, told: OnRequest) -> None:
        """Await `told` with the index of a request that is answered in JSON, when it happened, and nobody knows yet."""
        self._on_done.append(told)

    def on_event(self, told: OnEvent) -> None:
        """Await `told` before each event with the indexes of request and event, and once more after the last one."""
        self._on_event.append(told)

    async def settled(self) -> None:
        """Wait until nothing is being answered any more, and all that costs is in `billed`."""
        if self._busy:
            await self._idle.wait()

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[forgive_departure], client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._counted)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=GRACE, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port, reuse_address=True).start()
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _counted(self, http: web.Request) -> web.StreamResponse:
        self._busy += 1
        self._idle.clear()
        try:
            return await self._serve(http)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        call = self._received(http, await http.read())
        for told in self._on_request:
            await told(call.index)
        try:
            self._admit(call)
            return await self._route(call)
        except Refused as refused:
            self.refused.append(refused)
            body = error_body(call.id, refused.type, refused.message, refused.details)
            return web.json_response(body, status=refused.status, headers={"request-id": call.id})

    def _received(self, http: web.Request, raw: bytes) -> Call:
        headers = {name: http.headers[name] for name in KEPT if name in http.headers}
        try:
            body = decoded(raw)
        except Refused:
            body = {}
        call = Call(http, len(self.requests), f"req_01{token_hex(11)}", raw, self._clock())
        self.requests.append(Received(http.method, http.path, headers, body, call.at))
        return call

    def _admit(self, call: Call) -> None:
        given = call.http.headers.get("authorization") or f"Bearer {call.http.headers.get('x-api-key')}"
        if given.removeprefix("Bearer ") not in self.workspaces:
            raise Refused("Invalid API key", status=401, type="authentication_error")
        if not call.version:
            raise Refused("anthropic-version: header is required")
        if call.version not in VERSIONS:
            raise Refused(f'anthropic-version: "{call.version}" is not a valid version')
        if len(call.raw) > BODY and call.http.path not in {"/v1/files", BATCHES}:
            raise Refused("Request exceeds the maximum allowed number of bytes.", status=413, type="request_too_large")

    async def _route(self, call: Call) -> web.StreamResponse:
        match call.http.method, call.http.path.strip("/").split("/"):
            case "POST", ["v1", "messages"]:
                return await self._message(call)
            case "POST", ["v1", "messages", "count_tokens"]:
                prompt = parsed(Prompt, decoded(call.raw))
                self._files_of(call).resolve(prompt)
                model = check_prompt(prompt, self.lacks)
                self.cache.plan(prompt, model, call.at)
                return await self._json(call, lambda: {"input_tokens": input_tokens(prompt, model)})
            case _, ["v1", "messages", "batches", *rest]:
                results = call.http.method == "GET" and rest[1:] == ["results"]
                return await (
                    self._results(call, rest[0]) if results else self._json(call, lambda: self._batch(call, rest))
                )
            case "GET", ["v1", "models"]:
                asked = call.http.query
                return await self._json(call, lambda: claude_models.listing(asked, asked.getall("lifecycle[]", [])))
            case "GET", ["v1", "models", name]:
                return await self._json(call, lambda: claude_models.described(claude_models.find(name, self.lacks)))
            case _, ["v1", "files", *rest]:
                content = call.http.method == "GET" and rest[1:] == ["content"]
                return await (
                    self._content(call, rest[0]) if content else self._json(call, lambda: self._file(call, rest))
                )
        raise missing("Not Found")

    def _file(self, call: Call, rest: list[str]) -> Mapping[str, Any]:
        """What became of a file, or of all."""
        files, http = self._files_of(call), call.http
        match http.method, rest:
            case "POST", []:
                return files.upload(call.raw, http.headers.get("content-type", ""))
            case "GET", []:
                return files.listing(http.query, http.query.getall("ids[]", []) or http.query.getall("ids", []))
            case "GET", [name]:
                return files.describe(name)
            case "DELETE", [name]:
                return files.delete(name)
        raise missing("Not Found")

    def _batch(self, call: Call, rest: list[str]) -> Mapping[str, Any]:
        """What became of a batch, or of all."""
        batches = self.batched[_key_of(call)]
        match call.http.method, rest:
            case "POST", []:
                return batches.create(decoded(call.raw), len(call.raw))
            case "GET", []:
                return batches.listing(call.http.query)
            case "GET", [name]:
                return batches.retrieve(name)
            case "POST", [name, "cancel"]:
                return batches.cancel(name)
            case "DELETE", [name]:
                return batches.delete(name)
        raise missing("Not Found")

    async def _results(self, call: Call, name: str) -> web.StreamResponse:
        """The lines of a batch's results, unless the script has a fault for it."""
        fault = self._next(_scripted_path(call.http))
        if isinstance(fault, Fault) and not fault.after:
            return _fail(call, fault)
        batches = self.batched[_key_of(call)]
        lines = batches.told(list(batches.results(name)))
        response = web.StreamResponse(headers={"content-type": "application/x-jsonl", "request-id": call.id})
        await response.prepare(call.http)
        for number, line in enumerate(lines):
            if isinstance(fault, Fault) and number >= len(lines) // 2:
                reset(call.http)
                return response
            await response.write(line)
            while name in batches.stuck:
                await asyncio.sleep(0.01)
        for told in self._on_done:
            await told(call.index)
        await response.write_eof()
        return response

    def _make_batches(self, clock: Callable[[], float]) -> Batches:
        return Batches(clock, self._process, lambda: self.url)

    def _process(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """What becomes of one request of a batch; what is out of shape is known only now."""
        name = f"req_01{token_hex(11)}"
        try:
            request = parsed(Request, dict(params))
            model = check_request(request, self.lacks)
            self.cache.plan(request, model, self._clock())
        except Refused as refused:
            self.refused.append(refused)
            return {"type": "errored", "error": error_body(name, refused.type, refused.message)}
        scripted = self.answer(params)
        if isinstance(scripted, Fault):
            return {"type": "errored", "error": error_body(name, scripted.type, scripted.message)}
        answer = claude_events.fitted(scripted, request, model)
        turn = Turn(request, self.web, name)
        found = claude_events.parts(answer, request, model, turn, shown=claude_events.shows(request, model))
        used = claude_events.usage_of(found, Usage(input_tokens(request, model)), None)
        message = dict(claude_events.message(f"msg_01{token_hex(11)}", model, answer, found, used))
        if answer.stop_reason != "refusal" or found:
            self.billed.append(Billed(name, model.id, used, "whole", batch=True))
        return {"type": "succeeded", "message": {**message, "usage": as_batch(message["usage"])}}

    def _files_of(self, call: Call) -> Files:
        return self.workspaces[_key_of(call)]

    async def _json(self, call: Call, work: Callable[[], Mapping[str, Any]]) -> web.StreamResponse:
        """What `work` returns, unless the script has a fault for this path; one for a path is also for what is below it."""
        fault = self._next(_scripted_path(call.http))
        if isinstance(fault, Fault) and not fault.after:
            return _fail(call, fault)
        body = work()
        for told in self._on_done:
            await told(call.index)
        if isinstance(fault, Fault):
            return _fail(call, fault)
        return web.json_response(body, headers={"request-id": call.id})

    async def _content(self, call: Call, name: str) -> web.StreamResponse:
        """The bytes of a file, unless the script has a fault for it."""
        fault = self._next(_scripted_path(call.http))
        if isinstance(fault, Fault):
            return _fail(call, fault)
        held = self._files_of(call).download(name)
        return web.Response(body=held.content, content_type=held.kind, headers={"request-id": call.id})

    def _next(self, path: str) -> Answer | Fault | None:
        queue = self._scripts.get(path)
        return queue.popleft() if queue else None

    async def _message(self, call: Call) -> web.StreamResponse:
        body = decoded(call.raw)
        request = parsed(Sampled if call.version == SAMPLING else Request, body)
        self._files_of(call).resolve(request)
        model = check_request(request, self.lacks)
        self.containers.check(request, self._files_of(call))
        check_results(request, self._sent)
        plan = self.cache.plan(request, model, call.at)
        scripted = self._next("/v1/messages") or self.answer(body)
        if isinstance(scripted, Fault):
            return _fail(call, scripted)
        ran = self.containers.run(scripted, request, self._files_of(call))
        return await self._send(call, request, model, plan, claude_events.fitted(ran, request, model))

    async def _send(self, call: Call, request: Request, model: Model, plan: Plan, answer: Answer) -> web.StreamResponse:
        async def telling(event: int) -> None:
            if event == 0:
                self.cache.keep(plan)
            for told in self._on_event:
                await told(call.index, event)

        name = f"msg_01{token_hex(11)}"
        turn, ttl = Turn(request, self.web, name), request.cache_control.ttl if request.cache_control else None
        found = claude_events.parts(answer, request, model, turn, shown=claude_events.shows(request, model))
        used = claude_events.usage_of(found, plan.usage, ttl)
        whole = claude_events.message(name, model, answer, found, used)
        self._sent.update({block["tool_use_id"]: block for part in found if "tool_use_id" in (block := part.whole)})
        events = claude_events.events(whole, answer, found, plan.usage, ttl)
        sending = Sending(call.http, call.id, self._headers(call), answer, list(events), telling)
        ended: Ended = "gone"
        try:
            response = await (sending.stream() if request.stream else sending.whole(whole))
            ended = "broken" if sending.broken else "whole"
            return response
        finally:
            if not sending.refused and (answer.stop_reason != "refusal" or found):
                self.billed.append(Billed(call.id, model.id, sending.cost(plan.usage), ended))

    def _headers(self, call: Call) -> dict[str, str]:
        """What the API says of an answer; of each limit, all but the requests made so far is left."""
        headers = {"request-id": call.id, "anthropic-organization-id": "org_loopback"}
        reset_at = datetime.fromtimestamp(call.at + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, limit in LIMITS.items():
            headers[f"anthropic-ratelimit-{name}-limit"] = str(limit)
            headers[f"anthropic-ratelimit-{name}-remaining"] = str(max(0, limit - len(self.requests)))
            headers[f"anthropic-ratelimit-{name}-reset"] = reset_at
        return headers


def _key_of(call: Call) -> str:
    given = call.http.headers.get("authorization") or str(call.http.headers.get("x-api-key"))
    return given.removeprefix("Bearer ")


def _scripted_path(http: web.Request) -> str:
    """Under which path faults are scripted for a request."""
    if http.method == "POST":
        return http.path
    if http.path.startswith(BATCHES):
        return f"{http.method} {BATCHES}"
    return "/v1/models" if http.path.startswith("/v1/models") else f"{http.method} /v1/files"


def _fail(call: Call, fault: Fault) -> web.StreamResponse:
    if fault.status is None:
        reset(call.http)
        return web.Response()
    if fault.html is not None:
        headers = {**fault.headers(), "server": "cloudflare"}
        return web.Response(status=fault.status, text=fault.html, content_type="text/html", headers=headers)
    body = error_body(call.id, fault.type, fault.message, fault.details)
    return web.json_response(body, status=fault.status, headers={**fault.headers(), "request-id": call.id})


async def serve(port: int, key: str) -> None:
    """Serve until cancelled, having printed the URL."""
    async with ClaudeFake(port=port, key=key) as fake:
        print(fake.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=KEY)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.key))


if __name__ == "__main__":
    main()
