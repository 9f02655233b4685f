"""The Web API on a socket: reads a request, lets it happen or refuses it, and says so as Slack does."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import hdrs, web

from tests.fakes.slack import agents as slack_agents
from tests.fakes.slack import chat as slack_chat
from tests.fakes.slack import conversations as slack_conversations
from tests.fakes.slack import files as slack_files
from tests.fakes.slack import socket as slack_socket
from tests.fakes.slack import streams as slack_streams
from tests.fakes.slack import views as slack_views
from tests.fakes.slack.faults import Cut, Fault, Faults, Limited, Phase
from tests.fakes.slack.nouns import Call, Grant, Raw
from tests.fakes.slack.oauth import METHOD as OAUTH
from tests.fakes.slack.oauth import OAuth
from tests.fakes.slack.request import Method, Refused, Request, unpacked
from tests.fakes.slack.world import World

METHODS: Mapping[str, Method] = {
    **slack_chat.METHODS,
    **slack_conversations.METHODS,
    **slack_socket.METHODS,
    **slack_streams.METHODS,
    **slack_views.METHODS,
    **slack_agents.METHODS,
    **slack_files.METHODS,
}


Performer = Callable[[Call, web.Request], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """Every method, for those who hold a token that is in `grants`."""

    def __init__(self, world: World, faults: Faults, grants: dict[str, Grant], events: frozenset[str]) -> None:
        self.world = world
        self.worlds: dict[str, World] = {}
        """Of other workspaces, by the ids of their teams."""
        self.oauth = OAuth(world.clock, grants)
        self.faults = faults
        self.grants = grants
        self.events = events
        self.calls: list[Call] = []
        self.closing = asyncio.Event()
        self.url: Callable[[], str] = str

    def door(self, perform: Performer, name: str = "") -> Handler:
        """A route whose requests are recorded, under `name` or that of their method, and may meet faults."""

        async def enter(request: web.Request) -> web.StreamResponse:
            call = await self._recorded(request, name or request.match_info["method"])
            return await self._serve(request, call, perform)

        return enter

    async def _serve(self, request: web.Request, call: Call, perform: Performer) -> web.StreamResponse:
        """Answer one request, unless a fault or a hook says otherwise."""
        try:
            await self._tell(call, "before")
            response = await self._response(request, call, perform)
            await self._tell(call, "after")
        except Cut:
            return cut(request)
        response.headers[hdrs.DATE] = format_datetime(datetime.fromtimestamp(self.world.clock(), UTC), usegmt=True)
        await response.prepare(request)
        await response.write_eof()
        await self._tell(call, "answered")
        return response

    async def _recorded(self, request: web.Request, method: str) -> Call:
        arguments = await given(request)
        token = bearer(request) or str(arguments.get("token", ""))
        kept = {name: unpacked(name, value) for name, value in arguments.items() if name != "token"}
        call = Call(len(self.calls), method, kept, token, self.world.clock())
        self.calls.append(call)
        self.world.pulse.beat()
        return call

    async def _tell(self, call: Call, phase: Phase) -> None:
        for hook in self.faults.hooks:
            await hook(call.index, call.method, phase)

    async def _response(self, request: web.Request, call: Call, perform: Performer) -> web.Response:
        await asyncio.sleep(self.faults.delays.get(call.method, 0))
        fault = self._meet_fault(call)
        response = await perform(call, request) if fault.performed else failed(fault)
        if fault.hangs:
            await self.closing.wait()
        if fault.lost or fault.dropped or fault.hangs:
            raise Cut
        return response

    def _meet_fault(self, call: Call) -> Fault:
        grant = self.grants.get(call.token)
        limited = Limited(grant.team if grant else "", str(call.arguments.get("channel", "")))
        return self.faults.take(call.method, self.world.clock(), limited) or Fault()

    async def method(self, call: Call, request: web.Request) -> web.Response:
        """Do what a Web API method does."""
        headers: dict[str, str] = {}
        try:
            if call.method == OAUTH:
                return web.json_response(self.oauth.access(call, request))
            method, asked = self._asked(call)
            headers = {"X-OAuth-Scopes": ",".join(sorted(asked.scopes))}
            headers["X-Accepted-OAuth-Scopes"] = ",".join(method.wanted(asked))
            method.check(asked)
            answer = {"ok": True, **method.run(asked)}
        except Refused as refused:
            answer = refused.answer
        return web.json_response(answer, headers=headers)

    def _asked(self, call: Call) -> tuple[Method, Request]:
        method = METHODS.get(call.method)
        if method is None:
            raise Refused("unknown_method", req_method=call.method)
        grant = self.granted(call.token)
        if grant.kind != method.kind:
            raise Refused("not_allowed_token_type")
        world = self.worlds.get(grant.team, self.world)
        return method, Request(world, world.teams[grant.team], grant.scopes, self.events, self.url(), call.arguments)

    def granted(self, token: str) -> Grant:
        """What `token` may; raises `Refused`: not_authed, invalid_auth, token_revoked, account_inactive."""
        if not token:
            raise Refused("not_authed")
        grant = self.grants.get(token)
        if grant is None or grant.refusal:
            raise Refused(grant.refusal if grant else "invalid_auth")
        if grant.expires and self.world.clock() >= grant.expires:
            raise Refused("token_expired")
        return grant


def failed(fault: Fault) -> web.Response:
    """The answer of a server that could not."""
    headers = {} if fault.retry_after is None else {hdrs.RETRY_AFTER: f"{fault.retry_after:g}"}
    if fault.error or fault.status == 429:
        answer: Raw = {"ok": False, "error": fault.error or "ratelimited"}
        return web.json_response(answer, status=fault.status, headers=headers)
    if fault.body is not None:
        return web.Response(status=fault.status, body=fault.body, content_type="application/json", headers=headers)
    return web.Response(status=fault.status, text="upstream trouble", content_type="text/html", headers=headers)


def bearer(request: web.Request) -> str:
    """The token in the Authorization header."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token if scheme == "Bearer" else ""


async def given(request: web.Request) -> dict[str, Any]:
    """The arguments of a request: query, form and JSON together, as the SDK mixes them."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        arguments |= json.loads(await request.text() or "{}")
    elif request.method == "POST":
        arguments |= dict(await request.post())
    return arguments


def cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()
