"""Converge: the reconciliation loop that makes a platform's pages equal the wanted ones, step by step."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from core.domain.errors import PageFrozen, PageGone, Uncertain
from core.domain.platform import ReplyView
from core.rendering.paginator import Delete, Edit, Page, Post, PostedPage, Step, steps

UNKNOWN = ""  # the id of a page that may stand there, where nobody can look

log = logging.getLogger(__name__)


class Outlet(Protocol):
    """Where the pages of one reply go.

    Each method raises RateLimited where nothing happened, Uncertain where it may have, and Rejected (PageGone for a
    page that somebody deleted, PageFrozen for one that stands for good) where the platform refuses; CannotShow where
    nothing can be shown there any more.
    """

    async def post(self, page: Page) -> str:
        """Post one more page; its id."""

    async def edit(self, page_id: str, page: Page) -> None:
        """Let something else stand on a page."""

    async def delete(self, page_id: str) -> None: ...

    async def strays(self, known: Collection[str]) -> list[str] | None:
        """Pages of this reply that stand there and are not `known`, oldest first: the answer to their post was lost.

        None where the platform lets nobody look.
        """


class PostedPages:
    """The pages of one reply as they stand on the platform, and the loop that changes them.

    What a predecessor posted is taken over. After an uncertain post the next one looks for strays first, so no page
    stands twice; where nobody can look, the page is taken for posted. Whatever interrupts the loop, calling it again
    goes on from what is there. A page that somebody deleted stays deleted, and stops an answer that grows.

    Once an edit was refused for good, none is tried any more: pages that should say something else are deleted and
    posted anew, once, at the end; what can't be deleted stands above them. One that differs in its buttons stays.
    """

    def __init__(self, reply: ReplyView, outlet: Outlet, posted_at: Callable[[str], datetime]) -> None:
        self._reply = reply
        self._outlet = outlet
        self._posted_at = posted_at
        self._posted = [PostedPage(page, None) for page in sorted(reply.pages, key=posted_at)]
        self._gone: set[str] = set()
        """Pages that somebody deleted."""
        self._frozen = False
        """Whether an edit was refused for good."""
        self._uncertain: Page | None = None
        """A page that may stand there, and whose id we do not know."""

    @property
    def ids(self) -> list[str]:
        """The pages that stand, oldest first."""
        return [page.id for page in self._posted]

    def doubt(self) -> None:
        """A process that died may have posted pages that it could not write down: they are looked for before a post."""
        self._uncertain = Page("")

    async def converge(self, wanted: Sequence[Page], replace_frozen: bool = True) -> None:
        """Take steps until the pages say what is `wanted`. Raises what the outlet does.

        Where a page can't be edited any more, its replacement is posted, or nothing happens if not `replace_frozen`.
        """
        if not wanted:
            await self._adopt_uncertain_page()
        while todo := steps(self._posted, wanted):
            if self._frozen and not replace_frozen:
                return
            await self._take_step(todo[0])

    async def append_page(self, page: Page) -> None:
        """Post a page below those that stand; if the last try may have posted the same, adopt that instead."""
        posted = self._uncertain == page
        if not (await self._adopt_uncertain_page() and posted):
            await self._post_page(page)

    def forget_texts(self) -> None:
        """Edit every page once more, also those whose text stays, as far as any can be edited: their marks change."""
        if not self._frozen:
            self._posted = [PostedPage(page.id, None) for page in self._posted]

    async def _adopt_uncertain_page(self) -> bool:
        """Whether a page stands there, as far as anybody can tell, whose post was uncertain; it is ours from now on."""
        if self._uncertain is None:
            return False
        found = await self._outlet.strays(self._reply.pages)
        uncertain, self._uncertain = self._uncertain, None
        if found is None:
            self._posted.append(PostedPage(UNKNOWN, uncertain))
            self._frozen = True
            return True
        for page_id in found:
            await self._add_page(PostedPage(page_id, None))
        return bool(found)

    async def _post_page(self, page: Page) -> None:
        try:
            page_id = await self._outlet.post(page)
        except (Uncertain, asyncio.CancelledError):
            self._uncertain = page
            raise
        await self._add_page(PostedPage(page_id, page))

    async def _add_page(self, page: PostedPage) -> None:
        self._posted.append(page)
        await self._reply.record_page(page.id, self._posted_at(page.id))

    async def _take_step(self, step: Step) -> None:
        match step:
            case Post(page=page):
                if not await self._adopt_uncertain_page():
                    await self._post_page(page)
            case Edit(page_id, page):
                index = self.ids.index(page_id)
                await (self._replace_frozen(index, page) if self._frozen else self._edit_page(index, page))
            case Delete():
                await self._delete_last_page()

    async def _edit_page(self, index: int, page: Page) -> None:
        page_id = self._posted[index].id
        try:
            if page_id not in self._gone:
                await self._outlet.edit(page_id, page)
        except Uncertain:
            self._posted[index] = PostedPage(page_id, None)
            raise
        except PageFrozen as refused:
            log.warning("pages are edited no more: %s", refused)
            self._frozen = True
            return
        except PageGone:
            self._gone.add(page_id)
            self._reply.stop()
        self._posted[index] = PostedPage(page_id, page)

    async def _replace_frozen(self, index: int, page: Page) -> None:
        """Delete the pages from `index` on: the next steps post them anew, in their order. Not for buttons alone."""
        known = self._posted[index].page
        if known is not None and known.text == page.text:
            self._posted[index] = PostedPage(self._posted[index].id, page)
            return
        while len(self._posted) > index:
            await self._delete_last_page()

    async def _delete_last_page(self) -> None:
        """Delete the last page; what somebody deleted before, or nobody can delete, is none of ours any more."""
        page = self._posted[-1].id
        await self._reply.drop_page(page)
        with suppress(PageGone, PageFrozen):
            if page != UNKNOWN:
                await self._outlet.delete(page)
        self._posted.pop()
