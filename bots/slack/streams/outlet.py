"""Stream outlet: pages that begin as native streams while an answer grows, and are edited wherever that does not go."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from bots.delivery.converge import Outlet
from bots.slack.client import NoThread, Web
from bots.slack.streams.appendable import MARKS, find_stable_end, is_whole, notifies, write_markdown
from bots.slack.streams.rules import PERSONAL, TOO_LONG, NativeStreams
from bots.slack.streams.stream import Stream, start_stream
from bots.slack.throttle import STOP
from core.domain.errors import CannotAnswer, ConfabError, PageFrozen, PageGone, PlaceClosed, RateLimited, Rejected
from core.domain.platform import ReplyView
from core.rendering.paginator import Page
from core.rendering.reply_notes import split_notes

DIRECT = "D"  # begins the ids of conversations in which everybody sees a stream grow
REFUSALS = (Rejected, CannotAnswer, PlaceClosed)

log = logging.getLogger(__name__)


class EditOutlet(Outlet, Protocol):
    """The outlet of messages that are posted and edited, to which everything falls back."""

    plainly: bool
    """Whether pages are plain text, without Markdown."""

    @property
    def grows(self) -> bool:
        """Whether what is shown now goes on growing, in Markdown."""

    def complete_page(self, page_id: str, page: Page) -> Mapping[str, Any]:
        """What a message gets once its stream ends, beside its text: its mark and its buttons."""


class StreamOutlet:
    """An outlet whose `post` begins a stream and whose `edit` appends to it, as long as the text is only added to.

    Slack is given a little less of a page that grows than stands on it, and no buttons. What can't be appended ends the
    stream, and the page goes on by edits; so does one that reaches a wall. The next page begins a stream again.
    """

    def __init__(self, web: Web, reply: ReplyView, edits: EditOutlet, streams: NativeStreams) -> None:
        self._web = web
        self._reply = reply
        self._edits = edits
        self._streams = streams
        self._stops = web.pace.growing[STOP]
        """The calls that end streams: one is left to each that is open."""
        self._stream: Stream | None = None
        """The last stream, until its page says all that it is to say and has its mark."""
        self._given_up = False
        """Whether Slack refused a stream of this reply: from now on it is edited."""
        self._lock = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    @property
    def streaming(self) -> bool:
        """Whether the last page grows by appends just now."""
        return self._stream is not None and self._stream.open

    @property
    def appends(self) -> bool:
        """Whether the text grows by appends: it streams, or nothing stands of it yet and a stream would begin."""
        return self.streaming or (not self._reply.pages and self._may_stream() and self._streams.may_start)

    async def post(self, page: Page) -> str:
        async with self._lock:
            await self._complete()
            stream = await self._start(page)
            if stream is None:
                return await self._edits.post(page)
            self._stream = stream
            self._timer = asyncio.create_task(self._roll_over(stream), name=f"stream {stream.ts}")
            return stream.ts

    async def edit(self, page_id: str, page: Page) -> None:
        async with self._lock:
            if self._stream is None or self._stream.ts != page_id:
                await self._edits.edit(page_id, page)
                return
            self._stream.page = page
            await (self._grow(self._stream) if self._edits.grows else self._stop(self._stream))

    async def delete(self, page_id: str) -> None:
        async with self._lock:
            if self._stream is not None and self._stream.ts == page_id:
                await self._stream.end()
                self._forget()
            await self._edits.delete(page_id)

    async def strays(self, known: Collection[str]) -> list[str] | None:
        return await self._edits.strays(known)

    async def complete(self) -> None:
        """Let the last page say all that it is to say, with its mark and buttons. Raises what an edit does."""
        async with self._lock:
            await self._complete()

    def leave(self) -> None:
        """Do nothing more unasked: nobody shows this reply any longer."""
        self._stops.leave(self)
        if self._timer is not None and self._timer is not asyncio.current_task():
            self._timer.cancel()

    async def _start(self, page: Page) -> Stream | None:
        """A new stream, or None where the page has to be posted: Slack takes no stream, or no more of them just now."""
        text = self._write(page)
        if text is None or not (self._may_stream() and self._streams.take_start()):
            return None
        self._stops.join(self)
        try:
            return await start_stream(self._web, self._reply.question, page, self._choose_beginning(text))
        except RateLimited as limited:
            log.info("a page is posted, for no stream may begin: %s", limited)
        except NoThread:
            raise
        except REFUSALS as refused:
            self._give_up(refused)
        self._stops.leave(self)
        return None

    def _may_stream(self) -> bool:
        key = self._reply.question.key
        direct = key.channel.startswith(DIRECT) and bool(key.thread)
        refused = self._given_up or self._streams.is_refused(key.channel)
        return direct and self._edits.grows and not refused and self._stops.has_room

    def _choose_beginning(self, text: str) -> str:
        beginning = text[: find_stable_end(text)]
        return beginning if is_whole(beginning) else ""

    def _give_up(self, refused: ConfabError) -> None:
        """Stream no more: in this reply, and where nobody is to blame but the place, there for an hour."""
        log.warning("an answer is edited, for it can't be streamed: %s", refused)
        self._given_up = True
        reason = refused.reason if isinstance(refused, Rejected) else str(refused)
        if reason not in TOO_LONG:
            place = self._reply.question.key.channel
            personal = reason in PERSONAL or isinstance(refused, PlaceClosed)
            self._streams.remember_refusal(place, reason, everywhere=not personal)

    def _write(self, page: Page) -> str | None:
        """What can be streamed of a page that grows; nothing where a note stands below it that no status tells.

        Above a note stands what closes the text, which is none of it.
        """
        said, notes = split_notes(page.text)
        if not notes:
            return write_markdown(said)
        told = f"({self._reply.activity})" in notes and DIRECT not in self._web.silent
        return write_markdown(said.rstrip(MARKS).rstrip()) if told else None

    async def _grow(self, stream: Stream) -> None:
        """Append what stays as it is of the page, whatever follows."""
        text = self._write(stream.page)
        if text is None or stream.uncertain or not (stream.open and text.startswith(stream.text)):
            await self._rewrite(stream)
            return
        more = text[len(stream.text) : find_stable_end(text)]
        if len(text) > self._streams.rules.characters:
            await self._stop(stream)
        elif notifies(more):
            await self._rewrite(stream)
        elif more and is_whole(stream.text + more):
            await self._append(stream, more)

    async def _append(self, stream: Stream, more: str) -> None:
        try:
            await stream.append(more)
        except REFUSALS as refused:
            log.warning("a stream ends, and its page is edited: %s", refused)
            self._given_up = True
            await self._rewrite(stream)

    async def _stop(self, stream: Stream) -> None:
        """End the stream with the rest of its page, the mark and the buttons, in one call if Slack takes that."""
        text = None if self._edits.plainly or stream.uncertain else write_markdown(stream.page.text)
        rest = text[len(stream.text) :] if text is not None and text.startswith(stream.text) else None
        if not stream.open or rest is None or notifies(rest):
            await self._rewrite(stream)
            return
        try:
            await stream.stop(rest, self._edits.complete_page(stream.ts, stream.page))
        except REFUSALS as refused:
            log.warning("a stream is ended by an edit: %s", refused)
            await self._rewrite(stream)
        else:
            self._forget()

    async def _rewrite(self, stream: Stream) -> None:
        """End the stream as it stands, and let an edit say all of its page."""
        await stream.end()
        self.leave()
        await self._edits.edit(stream.ts, stream.page)
        self._forget()

    async def _complete(self) -> None:
        """End the stream, if there is one, where nobody waits for what becomes of its page."""
        if self._stream is None:
            return
        try:
            await self._stop(self._stream)
        except PageGone:
            self._reply.stop()
            self._forget()
        except PageFrozen as refused:
            log.warning("a page stays as it was streamed: %s", refused)
            self._forget()

    def _forget(self) -> None:
        self.leave()
        self._stream = None

    async def _roll_over(self, stream: Stream) -> None:
        """End the stream before Slack does, also where nothing is said for minutes; its page goes on by edits."""
        await asyncio.sleep(self._streams.rules.lifetime)
        async with self._lock:
            if self._stream is not stream:
                return
            try:
                await self._complete()
            except ConfabError as error:
                log.info("a stream could not be ended in time: %s", error)
