"""Showing: a reply's pages are carried out at an outlet, at its channel's pace, until they say all of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import discord
from discord.utils import snowflake_time

from bots.discord import formatting
from bots.discord.errors import INVALID_FORM, LONG, SHORT, UNKNOWN_MESSAGE, Transient, Unsent, tried
from bots.discord.outbound_budget import Busy, Urgency
from bots.discord.shielded_calls import urgent
from bots.discord.targets import Outlet
from bots.discord.throttle import Pace
from core.domain.clock import Sleep
from core.domain.platform import ReplyView
from core.rendering.paginator import Delete, Edit, Pager, Post, Posted, cut, steps

AHEAD = 0.03  # seconds that Claude is asked before we say that we write; what comes at once needs no such word
TYPING = 8.0  # seconds after which we say again that we write; Discord shows it for 10
TIGHTER = 200  # characters that a page gives up when Discord finds it too long
LEAST = 1000
EXCUSE = 0  # the number of a notice that stands for pages, which count from 1

log = logging.getLogger(__name__)


class Publisher:
    """One reply being shown. `quote` stands above it."""

    def __init__(
        self,
        reply: ReplyView,
        outlet: Outlet,
        pace: Pace,
        quote: str = "",
        pause: Sleep = asyncio.sleep,
        *,
        typing: float = TYPING,
        plainly: bool = False,
    ) -> None:
        self._reply = reply
        self._outlet = outlet
        self._pace = pace
        self._quote = quote
        self._pause = pause
        self._every = typing
        self._plainly = plainly
        self._texts: dict[str, str] = {}
        self._gone: set[str] = set()
        self._unsure = False
        self._limit = formatting.PAGE
        self._pager = Pager(formatting.build_dialect(self._limit))

    async def run(self) -> None:
        """Show every text in time, and the final one whatever it takes. Raises CannotShow, HTTPException."""
        typing = asyncio.create_task(self._typing())
        try:
            await self._patiently(self._begin)
            async for text in self._reply.texts():
                if self._reply.whole:
                    typing.cancel()
                    self._pace.book(self._outlet.channel)
                    with urgent(Urgency.FINAL):
                        await self._patiently(partial(self._converge, text, whole=True))
                elif not await self._reply.wait_until_whole(self._pace.book(self._outlet.channel)):
                    await self._in_between(text)
                    if self._texts:
                        typing.cancel()  # a text that grows tells it better
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)

    async def settle(self, text: str) -> None:
        """Show a whole text, with files in words. Raises CannotShow, HTTPException."""
        whole = "\n\n".join([text, *(f"```\n{file.words.rstrip()}\n```" for file in self._reply.files)])
        await self._patiently(self._begin)
        await self._patiently(partial(self._converge, whole, whole=True))

    async def show_notice(self, notice: str) -> None:
        """Say a notice below the pages that stand, or on an interaction's only one. Raises CannotShow."""
        await self._patiently(self._begin)
        await self._patiently(partial(self._excuse, formatting.mark_notice(notice)))

    async def _excuse(self, page: str) -> None:
        if len(self._reply.pages) == 1 and self._outlet.deferred:
            await tried(self._outlet.edit(self._reply.pages[0], page))
            return
        posted = await tried(self._outlet.post(page, EXCUSE))
        await self._reply.record_page(posted, snowflake_time(int(posted)))

    async def _begin(self) -> None:
        """Write down the page that is there already."""
        page = await tried(self._outlet.begun(self._reply.pages))
        if page and page not in self._reply.pages:
            await self._reply.record_page(page, snowflake_time(int(page)))

    async def _in_between(self, text: str) -> None:
        """Show a text that others will follow; if Discord does not take it now, the next one will do."""
        with suppress(Transient), urgent(Urgency.GROWING):
            await self._converge(text, whole=False)
        await self._reply.wait_until_whole(self._pace.away(self._outlet.channel))

    async def _converge(self, text: str, whole: bool) -> None:
        """Make what is posted equal `text`, step by step; what somebody deleted meanwhile is posted again."""
        wanted, limit = await self._cut(text, whole), self._limit
        while todo := steps(self._posted(), wanted):
            await self._refitted(todo[0])
            if limit != self._limit:
                wanted, limit = await self._cut(text, whole), self._limit
        if whole and self._reply.files and wanted and not self._plainly:
            last = self._posted()[-1].id
            await tried(self._outlet.edit(last, wanted[-1], self._reply.files))

    async def _cut(self, text: str, whole: bool) -> list[str]:
        notice = whole and self._reply.notice
        return await cut(text, partial(self._wanted, text, notice))

    def _wanted(self, text: str, notice: bool) -> list[str]:
        if self._plainly:
            return formatting.cut_plainly(text, self._quote, notice)
        return formatting.render_pages(text, self._quote, notice, self._limit, self._pager)

    def _posted(self) -> list[Posted]:
        there = sorted((page for page in self._reply.pages if page not in self._gone), key=int)
        return [Posted(page, self._texts.get(page)) for page in there]

    async def _refitted(self, step: Edit | Post | Delete) -> None:
        """One step. A page that Discord finds too long, against our own count, makes all pages smaller."""
        try:
            await self._carry_out(step)
        except discord.HTTPException as error:
            if self._plainly or error.code != INVALID_FORM or self._limit - TIGHTER < LEAST:
                raise
            log.warning("Discord refuses a page of %d characters; trying smaller ones", self._limit)
            self._limit -= TIGHTER
            self._pager = Pager(formatting.build_dialect(self._limit))

    async def _carry_out(self, step: Edit | Post | Delete) -> None:
        match step:
            case Post(_, text):
                await self._post(text)
            case Edit(page, text):
                await self._present(page, self._outlet.edit(page, text))
                self._texts[page] = text
            case Delete(page):
                await self._present(page, self._outlet.delete(page))
                self._gone.add(page)

    async def _present(self, page: str, call: Awaitable[None]) -> None:
        try:
            await tried(call)
        except discord.HTTPException as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            self._gone.add(page)

    async def _post(self, text: str) -> None:
        """A new page; when it is not known whether the last one was posted, look first."""
        if self._unsure:
            for page in await tried(self._outlet.strays(self._reply.pages)):
                await self._reply.record_page(page, snowflake_time(int(page)))
            self._unsure = False
            return
        try:
            page = await tried(self._outlet.post(text, len(self._reply.pages) + 1))
        except Transient as trouble:
            self._unsure = not isinstance(trouble, Unsent)
            raise
        self._texts[page] = text
        await self._reply.record_page(page, snowflake_time(int(page)))

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try until it is done, or can't be any more."""
        seconds = SHORT
        while True:
            try:
                return await work()
            except Transient as trouble:
                log.warning("Discord does not answer (%s); trying again in %.1f s", trouble, seconds)
            await self._pause(seconds)
            seconds = min(seconds * 2, LONG)

    async def _typing(self) -> None:
        """Say that we write, as long as Discord lets us: whatever ends this ends nothing else."""
        await asyncio.sleep(AHEAD)
        while True:
            with suppress(Busy):  # people see an answer sooner than this would come
                await self._outlet.type()
            await asyncio.sleep(self._every)
