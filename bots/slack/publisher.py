"""Publisher: the pages of one reply in Slack, each marked with the question it answers."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from bots.delivery.converge import PostedPages
from bots.delivery.long_answers import SHOWN, explain_unattached, list_files, shorten_answer
from bots.slack import formatting
from bots.slack.client import NoThread, Web
from bots.slack.files import REFUSALS, Uploads, explain_refusal, locate_reply
from bots.slack.parse import MARK, Raw, is_mine, is_unmarked_stream, parse_mark, parse_timestamp
from bots.slack.streams.outlet import StreamOutlet
from bots.slack.streams.stream import end_stream
from core.domain.controls import Control
from core.domain.errors import (
    CannotAnswer,
    NoAnswer,
    PageFrozen,
    PageGone,
    PlaceClosed,
    RateLimited,
    Rejected,
    TokenRefused,
    Uncertain,
)
from core.domain.platform import ReplyView
from core.rendering.paginator import Page, Pager, cut, list_pages, pages

SKEW = timedelta(minutes=2)  # that Slack's clock and ours may differ

ILL_MADE = {"invalid_blocks", "invalid_blocks_format"}
UNSUITED = {*ILL_MADE, "msg_blocks_too_long", "msg_too_long"}
DELETED = {"message_not_found"}
FROZEN = {  # the message stands; a workspace may forbid edits and deletions, at once or after some minutes
    "cant_delete_message",
    "cant_update_message",
    "compliance_exports_prevent_deletion",
    "edit_window_closed",
}
STREAMING = {"cant_delete_message", "streaming_state_conflict"}  # also of one that streams
POST = "chat.postMessage"
PROBE = "…"  # the first page where a post was refused before
PLAIN = {"link_names": False, "parse": "none"}  # what looks like a name or an address is left as it is
QUIET = {"unfurl_links": False, "unfurl_media": False, **PLAIN}
NOTICE = {"event_type": MARK, "event_payload": {"question": "", "page": 1, "notice": True}}  # that answers nobody

Send = Callable[..., Awaitable[Mapping[str, Any]]]
"""Posts or edits a page with this content; what Slack answers."""

log = logging.getLogger(__name__)


class Publisher:
    """Makes Slack's messages equal a reply's text. What a predecessor posted is taken over.

    Where its pages may not all be known, it `looks` for them before the first post.
    """

    def __init__(self, web: Web, reply: ReplyView, *, looks: bool = False) -> None:
        self.reply = reply
        self._looks = looks
        self._web = web
        self._outlet = SlackOutlet(web, reply)
        self._streams = StreamOutlet(web, reply, self._outlet, web.streams) if web.streams else None
        self._pages: PostedPages | None = None
        self._uploads: Uploads | None = None
        self._dialect = formatting.DIALECT
        """How large pages are; smaller where Slack refused one."""
        self._cut: Callable[[str], list[str]] = Pager(self._dialect).pages
        self._shortened = False
        """Whether the pages that are wanted end before the answer does, and a file has all of it."""
        self._unattached = False
        """Whether Slack took no files: then all is said on pages."""

    @property
    def streaming(self) -> bool:
        """Whether the text grows by appends to a stream just now, below which no note can stand."""
        return self._streams is not None and self._streams.streaming

    @property
    def appends(self) -> bool:
        """Whether what is shown next takes no edit: the text streams, or begins as a stream."""
        return self._streams is not None and self._streams.appends

    def leave(self) -> None:
        """Do nothing more unasked: nobody shows the reply any longer."""
        if self._streams is not None:
            self._streams.leave()

    async def grow(self, text: str, controls: Sequence[Control] = ()) -> None:
        """Show a text that is not final, as far as Slack lets us just now. Raises CannotShow, Rejected."""
        try:
            await self._converge(text, controls, final=False)
        except (RateLimited, Uncertain) as error:
            log.info("an edit is left out: %s", error)

    async def probe(self) -> None:
        """Post a first page before Claude is paid, where the last post was refused. Raises CannotShow, Rejected."""
        if self.reply.question.key.channel in self._web.closed and not self.reply.pages:
            self.reply.hold_request()
            try:
                await self.grow(PROBE)
            finally:
                self.reply.release_request()

    async def take_away(self) -> None:
        """Delete what stands, the probe for example: what is whole is for one person alone. Raises CannotShow."""
        await self._web.retry(partial(self._take_over_pages().converge, ()))

    async def settle(self, text: str) -> None:
        """Show the final text, however long it takes. Raises CannotShow, Rejected."""
        if self.reply.notice and self._pages:
            self._pages.forget_texts()  # their marks change too
        await self._web.retry(partial(self._converge, text, self.reply.controls, final=True))

    async def attach(self, text: str) -> None:
        """Post the files of a whole text below its pages, once; where Slack takes none, a note below the text says why.

        Raises CannotShow, Rejected.
        """
        files = list_files(text, self.reply.files, self._shortened)
        if self._uploads is None:
            return
        if self.reply.replaced:
            await self._uploads.remove(self.reply.replaced)
        if not files:
            return
        try:
            await self._uploads.post(files)
        except TokenRefused:
            raise
        except REFUSALS as error:
            log.error("files could not be posted: %s", error)
            self._unattached = True
            self.reply.note_unattached()
            await self.settle(explain_unattached(text, files, explain_refusal(error)))

    async def settle_plainly(self, text: str) -> None:
        """Show the final text without Markdown, after whatever was shown of it. Raises CannotShow, Rejected."""
        self._outlet.plainly, self._cut = True, formatting.cut_plainly
        await self.settle(text)

    async def show_notice(self, notice: str) -> None:
        """Post a notice below the pages that stand. Raises CannotShow, Rejected."""
        self._outlet.posts_notice = self._outlet.plainly = self._outlet.final = True
        await self._web.retry(partial(self._take_over_pages().append_page, Page(notice)))

    def _take_over_pages(self) -> PostedPages:
        """The pages as they stand, those of a predecessor at first."""
        if self._pages is None:
            self._uploads = Uploads(self._web, self.reply, uncertain=bool(self.reply.pages))
            posted = self._pages = PostedPages(self.reply, self._streams or self._outlet, parse_timestamp)
            self._outlet.list_pages = lambda: posted.ids
            if self._looks:
                posted.doubt()
        return self._pages

    async def _converge(self, text: str, controls: Sequence[Control], final: bool) -> None:
        """Make the pages equal `text`: cut smaller where Slack refuses one, and as plain text where that is no help.

        A page that can't be edited any more is left alone while the text grows, and replaced at the end.
        """
        posted, refused = self._take_over_pages(), list[str]()
        self._outlet.final = final
        while True:
            texts = await cut(text, partial(self._cut_pages, text))
            if texts != refused or self._outlet.plainly:
                try:
                    wanted = list_pages(texts, self._outlet.choose_controls(controls))
                    return await self._show_pages(posted, wanted, final)
                except Rejected as rejected:
                    if self._outlet.plainly or rejected.reason not in UNSUITED:
                        raise
                    log.warning("pages are cut smaller, or shown as plain text: %s", rejected)
            refused = texts
            self._shrink_pages()

    async def _show_pages(self, posted: PostedPages, wanted: Sequence[Page], final: bool) -> None:
        """Make the pages equal the wanted ones; at the end no stream is left that lacks some of its page."""
        await posted.converge(wanted, replace_frozen=final)
        if final and self._streams is not None:
            await self._streams.complete()

    def _shrink_pages(self) -> None:
        """Let pages be smaller from now on, or plain text where they are small already."""
        smaller = formatting.halve_pages(self._dialect)
        self._outlet.plainly = smaller is None
        self._dialect = smaller or formatting.DIALECT
        self._cut = Pager(self._dialect).pages

    def _cut_pages(self, text: str) -> list[str]:
        """The pages of a text; of a long one that is to be in a file the first ones."""
        found = self._cut(text)
        brief = self.reply.brief and not (self.reply.notice or self._outlet.plainly or self._unattached)
        self._shortened = brief and len(found) > SHOWN
        if not self._shortened:
            return found
        if not self._outlet.final:
            return found[:SHOWN]
        return shorten_answer(text, partial(pages, dialect=self._dialect), self.reply.files)


class SlackOutlet:
    """Pages are messages of the question's thread, or of its channel. Raises what an Outlet may."""

    def __init__(self, web: Web, reply: ReplyView) -> None:
        self.plainly = False
        """Whether pages are plain text, without Markdown."""
        self.final = False
        """Whether what is posted and edited is the final text."""
        self.posts_notice = False
        """Whether what is posted stands for an answer that can't be shown."""
        self.list_pages: Callable[[], Sequence[str]] = list
        """The pages that stand, oldest first: a page's mark has its number among them."""
        self._web = web
        self._reply = reply

    @property
    def grows(self) -> bool:
        """Whether what is shown now goes on growing, in Markdown."""
        return not (self.final or self.plainly or self.posts_notice)

    async def post(self, page: Page) -> str:
        key, number = locate_reply(self._reply), len(self.list_pages()) + 1
        send = partial(self._call_post, key.channel, thread_ts=key.thread or None, **QUIET)
        answer = await self._draw(page, number, send)
        shown = answer.get("message")
        if key.thread and shown and shown.get("thread_ts") != key.thread:
            await self._take_away(str(answer["ts"]))
        return str(answer["ts"])

    async def _call_post(self, channel: str, **content: object) -> Mapping[str, Any]:
        """Post, and remember of the channel whether it takes our posts. One of a growing text spares what others need.

        Raises RateLimited where little is left.
        """
        if not self.final and (seconds := self._web.pace.seconds_until_free(POST, channel, spare=True)):
            raise RateLimited(seconds, POST)
        try:
            answer = await self._web.call_once(POST, channel=channel, **content)
        except PlaceClosed:
            self._web.closed.add(channel)
            raise
        self._web.closed.discard(channel)
        return answer

    async def _take_away(self, stray: str) -> None:
        """Delete a reply that Slack put into the channel, for its thread is gone. Raises NoThread."""
        try:
            await self._web.call_until_done("chat.delete", channel=self._reply.question.key.channel, ts=stray)
        except (Rejected, CannotAnswer) as refused:
            log.error("a reply stands in a channel, for its thread is gone, and can't be deleted: %s", refused)
        raise NoThread("there is no thread any more: a reply landed in the channel")

    async def edit(self, page_id: str, page: Page) -> None:
        await self._draw(page, self._find_number(page_id), partial(self._change_page, "chat.update", page_id, **PLAIN))

    def complete_page(self, page_id: str, page: Page) -> Mapping[str, Any]:
        """What a streamed message gets at its end, beside its text: its mark and its buttons."""
        buttons = formatting.build_buttons(page.controls, self._reply.subject, self._web.refused)
        return {"blocks": buttons or None, "metadata": self._build_mark(self._find_number(page_id))}

    def _find_number(self, page_id: str) -> int:
        return list(self.list_pages()).index(page_id) + 1

    async def delete(self, page_id: str) -> None:
        await self._change_page("chat.delete", page_id)

    async def strays(self, known: Collection[str]) -> list[str] | None:
        try:
            return await self._find_strays(known)
        except NoAnswer as error:
            raise Uncertain(f"whether a page was posted is not known yet: {error}") from None
        except (CannotAnswer, PlaceClosed, Rejected) as error:
            log.error("a page is taken for posted, for nobody can look: %s", error)
            return None

    async def _find_strays(self, known: Collection[str]) -> list[str]:
        question, found = self._reply.question, []
        scarce = self._web.pace.scarce
        since = question.at if scarce else question.at - SKEW
        async for raws in self._web.read_messages(locate_reply(self._reply), f"{since.timestamp():.6f}"):
            found += [str(raw["ts"]) for raw in raws if raw["ts"] not in known and self._is_ours(raw)]
            if scarce:  # the next ones are a minute away each, and an answer comes soon after a question
                break
        return sorted(set(found), key=parse_timestamp)

    def _is_ours(self, raw: Raw) -> bool:
        """Whether a message is a page of this reply: one that bears its mark, or a stream that got none yet."""
        question, us = self._reply.question, self._web.us
        marked = is_mine(raw, us) and parse_mark(raw).get("question") == question.name
        return marked or is_unmarked_stream(raw, us, question)

    def choose_controls(self, controls: Sequence[Control]) -> Sequence[Control]:
        """Those that would be drawn: none on plain pages, nor where Slack takes no buttons."""
        return controls if not self.plainly and formatting.draws_any(controls, self._web.refused) else ()

    async def _draw(self, page: Page, number: int, send: Send) -> Mapping[str, Any]:
        """Send a page with as many of its controls as Slack takes: none of them costs its text, or its Markdown.

        A kind of block that was refused, and without which the page was taken, is left out for a while everywhere.
        """
        refused, name = dict[str, str](), self._reply.subject
        while True:
            buttons = formatting.build_buttons(page.controls, name, {*self._web.refused, *refused})
            try:
                answer = await send(**self._build_content(page.text, number, buttons))
            except Rejected as rejected:
                if not buttons or rejected.reason not in UNSUITED:
                    raise
                log.warning("a page is tried without its %s: %s", buttons[-1]["type"], rejected)
                refused[buttons[-1]["type"]] = rejected.reason
            else:
                self._web.refused.update({kind: None for kind, why in refused.items() if why in ILL_MADE})
                return answer

    async def _change_page(self, method: str, page: str, **content: object) -> Mapping[str, Any]:
        """Change a page, after the end of its stream if a dead process left it streaming."""
        key = self._reply.question.key
        change = partial(self._web.call_once, method, channel=key.channel, ts=page, **content)
        try:
            return await change()
        except Rejected as rejected:
            if rejected.reason in STREAMING and await end_stream(self._web, key, page):
                return await change()
            if rejected.reason in DELETED:
                raise PageGone(rejected.reason, method) from None
            if rejected.reason in FROZEN:
                raise PageFrozen(rejected.reason, method) from None
            raise

    def _build_content(self, text: str, number: int, buttons: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """What a page says and whose it is, and its buttons; no word of it is in the mark."""
        blocks = formatting.build_sections(text) if self.plainly else formatting.build_blocks(text)
        shown = {"text": formatting.render_fallback_text(text), "blocks": [*blocks, *buttons]}
        if number == 1 and self._reply.mentions:
            shown = formatting.mention_above(shown, self._reply.mentions)
        return {**shown, "metadata": self._build_mark(number)}

    def _build_mark(self, number: int) -> Mapping[str, Any]:
        notice = self.posts_notice or (self._reply.whole and self._reply.notice)
        mark = {"question": self._reply.question.name, "page": number, "notice": notice}
        return {"event_type": MARK, "event_payload": mark}
