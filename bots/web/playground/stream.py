"""Stream of the playground: server-sent events that tell a window what changes in its conversation.

A window that comes back names the last event it knows (Last-Event-ID), and is told how what changed since stands now.
So a window that gets no stream of its own, because its browser has enough of them, comes back every two seconds.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator

from aiohttp import web

from bots.web.playground.adapter import Playground
from bots.web.playground.history import Happening, ThreadsChange
from bots.web.playground.hub import Gap
from bots.web.playground.pages import PlaygroundPages
from bots.web.playground.place import PlaygroundPlace
from bots.web.site.site import HEADERS, Site

QUIET = 15.0  # seconds after which a line is sent that says nothing, so that a dead connection is noticed
AGAIN = 500  # milliseconds after which a browser connects again
STREAMS = 4  # of one browser: it opens six connections to a host, and forms and pages need some of them
POLLING = 2_000  # milliseconds after which a window beyond these asks again


class PlaygroundStream:
    """One stream a window, for the first windows of each browser; the others ask again and again."""

    def __init__(self, site: Site, playground: Playground, pages: PlaygroundPages) -> None:
        self._site, self._history, self._pages = site, playground.history, pages
        self._open: Counter[str] = Counter()

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/playground/events", self.send_events)]

    async def send_events(self, request: web.Request) -> web.StreamResponse:
        place = await self._pages.read_place(request)
        known = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        headers = {**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        browser = request.cookies.get(self._site.visit_cookie, "")
        stays = self._open[browser] < STREAMS
        self._open[browser] += stays
        try:
            await response.prepare(request)
            await response.write(f"retry: {AGAIN if stays else POLLING}\n\n".encode())
            async for event in self._list_events(place, known, stays=stays):
                await response.write(event.encode())
        except (ConnectionError, asyncio.CancelledError):
            if request.transport is not None and not request.transport.is_closing():
                raise
        finally:
            self._open[browser] -= stays
            self._open += Counter()  # forgets browsers that have none
        return response

    async def _list_events(self, place: PlaygroundPlace, known: str, *, stays: bool) -> AsyncIterator[str]:
        """What a window is told, from now on if it `stays`."""
        hub = self._history.hub
        try:
            async for change in hub.follow(known, QUIET if stays else 0):
                if change is None and not stays:
                    return
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
