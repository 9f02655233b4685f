"""Stream of the playground: server-sent events that tell a window what changes in its conversation.

A window that comes back names the last event it knows (Last-Event-ID), and is told how what changed since stands now.
"""

import asyncio
import json
from collections.abc import AsyncIterator

from aiohttp import web

from bots.web.playground.adapter import Playground
from bots.web.playground.history import Happening, ThreadsChange
from bots.web.playground.hub import Gap
from bots.web.playground.pages import PlaygroundPages
from bots.web.playground.place import PlaygroundPlace
from bots.web.site.site import HEADERS

QUIET = 15.0  # seconds after which a line is sent that says nothing, so that a dead connection is noticed
AGAIN = 500  # milliseconds after which a browser connects again


class PlaygroundStream:
    """One stream a window."""

    def __init__(self, playground: Playground, pages: PlaygroundPages) -> None:
        self._history, self._pages = playground.history, pages

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/playground/events", self.send_events)]

    async def send_events(self, request: web.Request) -> web.StreamResponse:
        place = await self._pages.read_place(request)
        known = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        headers = {**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            await response.write(f"retry: {AGAIN}\n\n".encode())
            async for event in self._list_events(place, known):
                await response.write(event.encode())
        except (ConnectionError, asyncio.CancelledError):
            if request.transport is not None and not request.transport.is_closing():
                raise
        return response

    async def _list_events(self, place: PlaygroundPlace, known: str) -> AsyncIterator[str]:
        hub = self._history.hub
        try:
            async for change in hub.follow(known, QUIET):
                if change is None:
                    yield ": still here\n\n"
                elif event := await self._write_event(place, change.what):
                    yield f"id: {change.id}\n{event}"
        except Gap:
            yield f"id: {hub.newest}\n{_write('rewritten', {})}"

    async def _write_event(self, place: PlaygroundPlace, what: Happening) -> str:
        """What a window is told of a change; nothing where it does not see that."""
        if isinstance(what, ThreadsChange):
            return _write("threads", {"html": await self._pages.write_sidebar(place)})
        if what.key != place.key or (what.post and what.post.private and what.post.person != place.person):
            return ""
        if what.post is None:
            return _write("gone", {"name": what.name})
        return _write("post", {"name": what.name, "html": self._pages.write_post(place, what.post)})


def _write(kind: str, told: dict[str, str]) -> str:
    return f"event: {kind}\ndata: {json.dumps(told)}\n\n"
