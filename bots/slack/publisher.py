"""The posts of one reply: its pages as they stand in Slack, each marked with the question it answers."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from bots.slack import formatting
from bots.slack.client import Limited, Refused, Unsure, Web
from bots.slack.parse import MARK, is_mine, parse_mark, parse_timestamp
from core.domain.platform import ReplyView
from core.rendering.paginator import Delete, Edit, Pager, Post, Posted, cut, steps

SKEW = timedelta(minutes=2)  # that Slack's clock and ours may differ

UNSUITED = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
DELETED = {"cant_update_message", "cant_delete_message", "edit_window_closed", "message_not_found"}
QUIET = {"unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none"}
NOTICE = {"event_type": MARK, "event_payload": {"question": "", "page": 1, "notice": True}}  # that answers nobody

log = logging.getLogger(__name__)


class Publisher:
    """Makes Slack's messages equal a reply's text. What a predecessor posted is taken over."""

    def __init__(self, web: Web, reply: ReplyView, plainly: bool = False) -> None:
        self._web = web
        self._reply = reply
        self._posted: list[Posted] | None = None
        self._cut = formatting.cut_plainly if plainly else Pager(formatting.DIALECT).pages
        self._unsure = False
        """Whether a page may exist that we were not told of."""
        self._plainly = plainly
        self._excusing = False

    async def grow(self, text: str) -> None:
        """Show a text that is not final, as far as Slack lets us just now. Raises CannotShow, Refused."""
        try:
            await self._become(text, final=False)
        except (Limited, Unsure) as error:
            log.info("an edit is left out: %s", error)

    async def settle(self, text: str) -> None:
        """Show the final text, however long it takes. Raises CannotShow, Refused."""
        if self._reply.notice and self._posted:
            self._posted = [Posted(page.id, None) for page in self._posted]  # their marks change too
        await self._web.patiently()(self._become, text, final=True)

    async def show_notice(self, notice: str) -> None:
        """Post a notice below the pages that stand. Raises CannotShow, Refused."""
        self._excusing = self._plainly = True
        posted = [Posted(page, None) for page in self._reply.pages]
        await self._web.patiently()(self._post, posted, notice)

    async def _become(self, text: str, final: bool) -> None:
        if self._posted is None:
            self._posted = [Posted(page, None) for page in self._reply.pages]
        wanted = await cut(text, partial(self._cut, text))
        while step := next(iter(steps(self._posted, wanted)), None):
            try:
                await self._take(self._posted, step, final)
            except Refused as refused:
                if self._plainly or refused.error not in UNSUITED:
                    raise
                log.warning("a page is shown as plain text: %s", refused)
                self._plainly = True

    async def _take(self, posted: list[Posted], step: Edit | Post | Delete, final: bool) -> None:
        match step:
            case Post(text=text):
                await self._post(posted, text)
            case Edit(id=page, text=text):
                await self._edit(posted, [one.id for one in posted].index(page), text, final)
            case Delete(id=page):
                await self._delete(page)
                posted[:] = [one for one in posted if one.id != page]

    async def _post(self, posted: list[Posted], text: str) -> None:
        """Post a page, unless it turns out that it was posted the last time."""
        ts = await self._found(posted) if self._unsure else None
        shown: str | None = None
        if ts is None:
            ts, shown = await self._new(text, len(posted) + 1), text
        self._unsure = False
        posted.append(Posted(ts, shown))
        await self._reply.record_page(ts, parse_timestamp(ts))

    async def _new(self, text: str, number: int) -> str:
        key = self._reply.question.key
        place = {"channel": key.channel, "thread_ts": key.thread or None}
        try:
            answer = await self._web.once("chat.postMessage", **place, **QUIET, **self._content(text, number))
        except Unsure:
            self._unsure = True
            raise
        return str(answer["ts"])

    async def _found(self, posted: list[Posted]) -> str | None:
        """A page of this reply that stands in Slack and that we do not know."""
        question, known = self._reply.question, {page.id for page in posted}
        oldest = f"{(question.at - SKEW).timestamp():.6f}"
        async for raws in self._web.read_messages(question.key, oldest):
            for raw in raws:
                ours = is_mine(raw, self._web.us) and parse_mark(raw).get("question") == question.name
                if ours and raw["ts"] not in known:
                    return str(raw["ts"])
        return None

    async def _edit(self, posted: list[Posted], index: int, text: str, final: bool) -> None:
        """Change a page. One that somebody deleted is posted anew while the text grows, and left alone at the end."""
        page, channel = posted[index].id, self._reply.question.key.channel
        if final:
            self._web.pace.used("chat.update")
        try:
            await self._web.once("chat.update", channel=channel, ts=page, **self._content(text, index + 1))
        except Unsure:
            posted[index] = Posted(page, None)
            raise
        except Refused as refused:
            if refused.error not in DELETED:
                raise
            posted[index : index + 1] = [Posted(page, text)] if final else []
            return
        posted[index] = Posted(page, text)

    async def _delete(self, page: str) -> None:
        try:
            await self._web.once("chat.delete", channel=self._reply.question.key.channel, ts=page)
        except Refused as refused:
            if refused.error not in DELETED:
                raise

    def _content(self, text: str, number: int) -> Mapping[str, Any]:
        """What a page says and whose it is; no word of it is in the mark."""
        mark = {"question": self._reply.question.name, "page": number, "notice": self._notice}
        blocks = formatting.build_sections(text) if self._plainly else formatting.build_blocks(text)
        metadata = {"event_type": MARK, "event_payload": mark}
        return {"text": formatting.render_fallback_text(text), "blocks": blocks, "metadata": metadata}

    @property
    def _notice(self) -> bool:
        return self._excusing or (self._reply.whole and self._reply.notice)
