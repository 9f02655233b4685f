"""Publisher: the pages of one reply on Discord, shown at their channel's pace until they say all of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import discord
from discord.utils import snowflake_time

from bots.delivery.activity import repeat_activity
from bots.delivery.converge import PostedPages
from bots.delivery.long_answers import SHOWN, explain_unattached, list_files, shorten_answer
from bots.delivery.pace import Pace
from bots.discord import formatting
from bots.discord.client import Body
from bots.discord.errors import (
    INVALID_FORM,
    explain_unattached_files,
    is_about_components,
    retry_passing,
    translate_refusals,
)
from bots.discord.installed.target import OVER
from bots.discord.outbound_budget import Busy, Urgency
from bots.discord.shielded_calls import urgent
from bots.discord.targets import Target
from core.domain.clock import Sleep
from core.domain.errors import CannotShow, PlaceClosed, RateLimited, Rejected, TokenRefused, Uncertain
from core.domain.messages import File
from core.domain.platform import ReplyView
from core.rendering.paginator import Page, Pager, cut, list_pages
from core.rendering.reply_notes import remove_notes

EDIT = 1.2  # seconds between two edits in a channel; Discord publishes no number, 5 in 5 s are safe
TYPING = 8.0  # seconds after which we say again that we write; Discord shows it for 10
TIGHTER = 200  # characters that a page gives up when Discord finds it too long
LEAST = 1000
TRIES = 5  # times that files are attached, before a person is told that Discord does not take them
BY_TOKEN = 6  # messages by which an interaction is answered where we are no member: Discord takes 5 after the first
OLD = timedelta(minutes=55)  # of a message older than an hour Discord takes only a few edits an hour in a channel
LEAVING = 10.0  # seconds that it may take to say that no more follows
TO_FOLLOW = (
    "Discord lets me write here for 15 minutes, and they are over. All of this answer comes to you by direct message, "
    "if you take any from me"
)
TOO_LONG = "Discord lets me write here for 15 minutes, and they are over. Please ask for something shorter"
LEFT_OUT = "The rest is missing: Discord takes no more messages from me here. Please ask for something shorter."
EXCUSE = 0  # the number of a notice that stands for pages, which count from 1

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Publisher:
    """One reply being shown. `quote` stands above it.

    What does not grow is shown once it is whole. With `seconds` it is shown in that time: where the answer is not whole
    by then, it says so. Where the target is `single`, it is one message: what does not fit is in a file on it.
    """

    def __init__(
        self,
        reply: ReplyView,
        target: Target,
        pace: Pace,
        quote: str = "",
        pause: Sleep = asyncio.sleep,
        *,
        typing: float = TYPING,
        plainly: bool = False,
        seconds: float | None = None,
        grows: bool = True,
    ) -> None:
        self._reply = reply
        self._target = target
        self._outlet = DiscordOutlet(reply, target)
        self._pages: PostedPages | None = None
        self._wanted: Sequence[Page] = ()
        self._pace = pace
        self._quote = quote
        self._pause = pause
        self._every = typing
        self._plainly = plainly
        self._seconds = seconds
        self._grows = grows
        self._shortened = False
        """Whether the pages that are wanted end before the answer does, and a file has all of it."""
        self._unattached = False
        """Whether Discord took no files: then all is said on pages."""
        self._limit = formatting.PAGE - len(formatting.mention_above("", reply.mentions) if reply.mentions else "")
        self._pager = Pager(formatting.build_dialect(self._limit))

    async def run(self) -> None:
        """Show every text in time, and the final one whatever it takes. Raises CannotShow, Rejected."""
        self._reply.note_activities()  # that we type says nothing of what goes on
        typing = asyncio.create_task(repeat_activity(self._show_typing, self._every))
        ending = asyncio.timeout(self._seconds)
        try:
            async with ending:
                await self._show_texts(typing)
        except TimeoutError:
            if not ending.expired():
                raise
            await self._leave_unfinished()
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)

    async def _show_texts(self, typing: asyncio.Task[None]) -> None:
        await self._retry(self._record_first_page)
        async for text in self._reply.texts():
            if self._reply.whole:
                typing.cancel()
                self._pace.book_turn(self._target.channel)
                with urgent(Urgency.FINAL):
                    await self._retry(partial(self._converge, text, whole=True))
                    await self._attach(text)
            elif self._may_grow():
                if await self._reply.wait_until_whole(self._pace.book_turn(self._target.channel)):
                    continue
                await self._grow(text)
                if self._pages and self._pages.ids:
                    typing.cancel()  # a text that grows tells it better

    def _may_grow(self) -> bool:
        """Whether each text is shown; an old answer takes few edits, which are kept for what it says in the end."""
        pages = self._reply.pages
        return self._grows and not (pages and datetime.now(UTC) - _posted_at(pages[-1]) > OLD)

    async def _leave_unfinished(self) -> None:
        """Say below what stands why no more follows, while that can still be shown. Raises PlaceClosed."""
        render = partial(formatting.render_pages, quote=self._quote, limit=self._limit)
        text = remove_notes(self._reply.newest)
        most = 1 if self._target.single else max(1, len(self._reply.pages))
        pages = shorten_answer(text, render, most=most, rest=TO_FOLLOW if text else TOO_LONG)
        with suppress(RateLimited, Uncertain, Rejected, CannotShow, TimeoutError), urgent(Urgency.FINAL):
            async with asyncio.timeout(LEAVING):
                await self._record_first_page()
                self._pages = self._pages or PostedPages(self._reply, self._outlet, _posted_at)
                await self._pages.converge(list_pages(pages, ()))
        raise PlaceClosed(OVER)

    async def settle(self, text: str) -> None:
        """Show a whole text, with files in words. Raises CannotShow, Rejected."""
        words = [f"```\n{file.words.rstrip()}\n```" for file in self._reply.files if file.words]
        whole = "\n\n".join([text, *words])
        await self._retry(self._record_first_page)
        await self._retry(partial(self._converge, whole, whole=True))

    async def show_notice(self, notice: str) -> None:
        """Say a notice below the pages that stand, or on an interaction's only one. Raises CannotShow, Rejected."""
        await self._retry(self._record_first_page)
        await self._retry(partial(self._post_notice, formatting.mark_notice(notice)))

    async def _post_notice(self, page: str) -> None:
        if len(self._reply.pages) == 1 and self._target.deferred:
            await self._outlet.edit(self._reply.pages[0], Page(page))
            return
        posted = await self._outlet.post_notice(page)
        await self._reply.record_page(posted, _posted_at(posted))

    async def _record_first_page(self) -> None:
        """Write down the page that is there already."""
        page = await self._outlet.find_first_page()
        if page and page not in self._reply.pages:
            await self._reply.record_page(page, _posted_at(page))

    async def _grow(self, text: str) -> None:
        """Show a text that others will follow; if Discord does not take it now, the next one will do."""
        with suppress(RateLimited, Uncertain), urgent(Urgency.GROWING):
            await self._converge(text, whole=False)
        await self._reply.wait_until_whole(self._pace.seconds_until_free(self._target.channel))

    async def _converge(self, text: str, whole: bool) -> None:
        """Make the pages equal `text`, smaller ones where Discord finds them too long."""
        self._pages = self._pages or PostedPages(self._reply, self._outlet, _posted_at)
        pressable = not self._plainly and self._target.place.workspace == self._reply.question.key.workspace
        controls = self._reply.controls if pressable else ()  # now: the reply may become whole meanwhile
        while True:
            texts = await cut(text, partial(self._cut_pages, text, whole))
            self._wanted = list_pages(texts, controls)
            try:
                await self._pages.converge(self._wanted)
                return
            except Rejected as rejected:
                if not self._shrink_pages(rejected):
                    raise

    async def _attach(self, text: str) -> None:
        """Attach the files of a whole text to its last page, in place of all that hangs there, so they hang there once.

        Where Discord takes none, a note below the text says why.
        """
        files = list_files(text, self._reply.files, self._shortened)
        if not (files and self._pages and self._pages.ids and self._wanted):
            return
        attach = partial(self._outlet.attach_files, self._pages.ids[-1], self._wanted[-1], files)
        try:
            await retry_passing(attach, self._pause, TRIES)
        except TokenRefused:
            raise
        except (CannotShow, Rejected, RateLimited, Uncertain) as error:
            log.error("files could not be attached: %s", error)
            self._unattached = True
            self._reply.note_unattached()
            whole = explain_unattached(text, files, explain_unattached_files(error))
            await self._retry(partial(self._converge, whole, whole=True))

    def _cut_pages(self, text: str, whole: bool) -> list[str]:
        """The pages of a text; of a long one that is to be in a file the first ones."""
        notice = whole and self._reply.notice
        if self._plainly:
            return self._leave_out(formatting.cut_plainly(text, self._quote, notice))
        found = formatting.render_pages(text, self._quote, notice, self._limit, self._pager, grows=not whole)
        brief = (self._reply.brief or self._target.single) and not (self._reply.notice or self._unattached)
        most = 1 if self._target.single else SHOWN
        self._shortened = brief and len(found) > most
        if not self._shortened:
            return self._leave_out(found)
        render = partial(formatting.render_pages, quote=self._quote, limit=self._limit)
        return shorten_answer(text, render, self._reply.files, most) if whole else found[:most]

    def _leave_out(self, pages: list[str]) -> list[str]:
        """As many pages as there may be; where an interaction alone shows them, the last one says that they end."""
        if not self._target.single or len(pages) <= BY_TOKEN:
            return pages
        return [*pages[: BY_TOKEN - 1], formatting.mark_notice(LEFT_OUT)]

    def _shrink_pages(self, rejected: Rejected) -> bool:
        """Make all pages smaller after Discord found one too long, against our own count; False if that can't help."""
        if self._plainly or rejected.reason != str(INVALID_FORM) or self._limit - TIGHTER < LEAST:
            return False
        log.warning("Discord refuses a page of %d characters; trying smaller ones", self._limit)
        self._limit -= TIGHTER
        self._pager = Pager(formatting.build_dialect(self._limit))
        return True

    async def _retry(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try until it is done, or can't be any more."""
        await retry_passing(work, self._pause)

    async def _show_typing(self) -> bool:
        """Say that we write, as long as Discord lets us: whatever ends this ends nothing else."""
        with suppress(Busy):  # people see an answer sooner than this would come
            await self._target.type()
        return True


class DiscordOutlet:
    """A target in the words that all platforms share. Raises what an Outlet may."""

    def __init__(self, reply: ReplyView, target: Target) -> None:
        self._reply = reply
        self._target = target
        self._tried: set[str] = set()
        """The words of the pages that were posted, whatever came of it."""
        self._takes_buttons = True
        """Whether Discord has refused none."""

    async def find_first_page(self) -> str | None:
        """The page that is there before there is text, if there is one."""
        return await translate_refusals(self._target.find_first_page(self._reply.pages))

    async def post(self, page: Page) -> str:
        number = len(self._reply.pages) + 1

        async def post(body: Body) -> str:
            self._tried.add(body.content)
            return await self._target.post(body, number)

        return await translate_refusals(self._show(page, post, first=number == 1))

    async def post_notice(self, text: str) -> str:
        return await translate_refusals(self._target.post(Body(text), EXCUSE))

    async def edit(self, page_id: str, page: Page) -> None:
        emptied = bool(self._reply.replaced)
        edit = partial(self._target.edit, page_id)
        first = self._is_first(page_id)
        await translate_refusals(self._show(page, lambda body: edit(replace(body, emptied=emptied)), first=first))

    async def attach_files(self, page_id: str, page: Page, files: Sequence[File]) -> None:
        body = replace(self._write(page, first=self._is_first(page_id)), files=files)
        await translate_refusals(self._target.edit(page_id, body))

    async def delete(self, page_id: str) -> None:
        await translate_refusals(self._target.delete(page_id))

    async def strays(self, known: Collection[str]) -> list[str] | None:
        return await translate_refusals(self._target.list_strays(known, self._tried))

    def _is_first(self, page_id: str) -> bool:
        return page_id == min(self._reply.pages, key=int, default=page_id)

    def _write(self, page: Page, *, first: bool) -> Body:
        """The words of a page; above the first one stands whom the reply notifies."""
        person = self._reply.mentions if first else ""
        return Body(formatting.mention_above(page.text, person) if person else page.text, mention=person)

    async def _show(self, page: Page, call: Callable[[Body], Awaitable[Answer]], *, first: bool) -> Answer:
        """Post or edit a page. Its words are shown also where Discord refuses its buttons."""
        controls = page.controls if self._takes_buttons else ()
        buttons = formatting.build_buttons(controls, self._reply.subject)
        body = replace(self._write(page, first=first), components=buttons)
        try:
            return await call(body)
        except discord.HTTPException as error:
            if not (controls and is_about_components(error)):
                raise
            log.warning("Discord refuses our buttons, the answer is shown without: %s", error)
        self._takes_buttons = False
        return await call(replace(body, components=[]))


def _posted_at(page: str) -> datetime:
    return snowflake_time(int(page))
