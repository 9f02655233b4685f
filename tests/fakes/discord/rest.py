"""The REST server of the loopback Discord: authorisation, limits, faults, records, then the route itself."""

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import BodyPartReader, web

from tests.fakes.departures import forgive_departure
from tests.fakes.discord.limits import Answer, Delay, Fault, Limits, error, limited
from tests.fakes.discord.nouns import Json, Upload
from tests.fakes.discord.refusals import Refused, refused
from tests.fakes.discord.world import World

API = "/api/v10"
OPEN = ("/interactions/", "/webhooks/")  # the token in the path is all the authorisation they ask for

Phase = Literal["before", "after", "answered"]
Hook = Callable[[int, str, str, Phase], object]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that reached the server. `path` starts after `/api/v10`; `at` is in seconds since 1970."""

    method: str
    path: str
    json: Any
    at: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was answered with an error of Discord's."""

    method: str
    path: str
    status: int
    code: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as its route sees it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Json = field(default_factory=dict)
    items: tuple[Json, ...] = ()
    uploads: tuple[Upload, ...] = ()

    @property
    def sizes(self) -> list[int]:
        return [len(upload.content) for upload in self.uploads]


Route = Callable[[Ask], Any]
"""Answers with what becomes JSON, or with None for 204."""


class Rest:
    """Serves `routes`, and keeps what was asked and refused."""

    def __init__(self, world: World, token: str, limits: Limits, routes: Mapping[str, Route]) -> None:
        self.calls: list[Call] = []
        self.refusals: list[Refusal] = []
        self.hooks: list[Hook] = []
        self._world = world
        self._token = token
        self._limits = limits
        self._routes = routes

    def application(self) -> web.Application:
        """Every route, and 404 for the rest."""
        served = web.Application(middlewares=[forgive_departure], client_max_size=64 * 1024 * 1024)
        for route in self._routes:
            method, path = route.split(" ", 1)
            served.router.add_route(method, API + path, self._serve)
        served.router.add_route("*", API + "/{rest:.*}", self._serve)
        return served

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(API)
        try:
            ask, given = await _read(request)
        except ValueError:
            return self._refuse(request, refused(50109), {})
        self.calls.append(Call(request.method, path, given, self._world.clock()))
        number = len(self.calls)
        self._world.changes.tell()
        if self._told(number, request, "before"):
            return _cut(request)
        answer, lost = await self._meet(request, ask)
        if self._told(number, request, "after") or lost:
            return _cut(request)
        await answer.prepare(request)
        await answer.write_eof()
        self._told(number, request, "answered")
        return answer

    async def _meet(self, request: web.Request, ask: Ask) -> tuple[web.Response, bool]:
        """The answer, and whether it gets lost on its way."""
        name = _name(request)
        trouble = self._limits.trouble(name)
        if trouble is Fault.HANG:
            await asyncio.Event().wait()
        if trouble is Fault.DROP:
            return web.Response(), True
        if isinstance(trouble, Answer):
            return _response(trouble.status, trouble.body, trouble.headers), False
        if isinstance(trouble, Delay):
            await asyncio.sleep(trouble.seconds)
        answer = self._answer(request, name, ask)
        if trouble is Fault.HIDE:
            hidden = error(502)
            return _response(hidden.status, hidden.body, hidden.headers), False
        return answer, trouble is Fault.LOSE

    def _answer(self, request: web.Request, name: str, ask: Ask) -> web.Response:
        headers: dict[str, str] = {}
        try:
            if not self._authorised(request):
                raise refused(0)
            if not _free(request) and (over := self._limits.refuse()) is not None:
                raise Limited(over, everywhere=True)
            headers, wait = self._limits.take(name, _major(ask.path))
            if wait is not None:
                raise Limited(wait)
            if name not in self._routes:
                raise Refused(404, {"message": "404: Not Found", "code": 0})
            found = self._routes[name](ask)
        except Limited as limit:
            rate = limited(limit.seconds, everywhere=limit.everywhere)
            return self._noted(request, 429, 0, _response(429, rate.body, headers | rate.headers))
        except Refused as refusal:
            return self._refuse(request, refusal, headers)
        return _response(204 if found is None else 200, found, headers)

    def _refuse(self, request: web.Request, refusal: Refused, headers: dict[str, str]) -> web.Response:
        wait = refusal.body.get("retry_after")
        told = {"Retry-After": str(math.ceil(wait))} if wait is not None else {}
        answer = _response(refusal.status, refusal.body, headers | told)
        return self._noted(request, refusal.status, refusal.body["code"], answer)

    def _noted(self, request: web.Request, status: int, code: int, answer: web.Response) -> web.Response:
        self.refusals.append(Refusal(request.method, request.path.removeprefix(API), status, code))
        self._world.changes.tell()
        return answer

    def _authorised(self, request: web.Request) -> bool:
        return _free(request) or request.headers.get("Authorization") == f"Bot {self._token}"

    def _told(self, number: int, request: web.Request, phase: Phase) -> bool:
        path = request.path.removeprefix(API)
        said = [hook(number, request.method, path, phase) for hook in self.hooks]
        return True in said


class Limited(Exception):
    """One request too many, of its bucket or in all; there is room again in `seconds`."""

    def __init__(self, seconds: float, *, everywhere: bool = False) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.everywhere = everywhere


def _free(request: web.Request) -> bool:
    return request.path.removeprefix(API).startswith(OPEN)


def _name(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return f"{request.method} {(resource.canonical if resource else request.path).removeprefix(API)}"


def _major(path: Mapping[str, str]) -> str:
    return "+".join(path[part] for part in ("channel", "guild", "webhook", "token") if part in path)


def _cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _response(status: int, body: Any, headers: dict[str, str]) -> web.Response:
    """Discord's own content type is exactly `application/json`; clients compare it."""
    if status == 204:
        return web.Response(status=204, headers=headers)
    if isinstance(body, str):
        return web.Response(status=status, body=body.encode(), headers={"Content-Type": "text/html", **headers})
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json", headers=headers)


async def _read(request: web.Request) -> tuple[Ask, Any]:
    uploads: tuple[Upload, ...] = ()
    if request.content_type == "multipart/form-data":
        text, uploads = await _parts(request)
    else:
        text = await request.text()
    given = json.loads(text) if text else None
    body = given if isinstance(given, dict) else {}
    items = tuple(given) if isinstance(given, list) else ()
    return Ask(request.match_info, request.query, body, items, uploads), given


async def _parts(request: web.Request) -> tuple[str, tuple[Upload, ...]]:
    text, found = "", list[Upload]()
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = bytes(await part.read(decode=True))
        if part.name == "payload_json":
            text = content.decode()
        else:
            found.append(Upload(part.filename or "unknown", content, part.headers.get("Content-Type")))
    return text, tuple(found)
