"""Surface of Slack: one thread, as it is read and shown."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from bots.delivery.bounded_lookups import WAIT
from bots.slack import files as files_of_ours
from bots.slack.address import SlackAddress, read_link, write_link
from bots.slack.client import SCARCE, Web
from bots.slack.directory import Directory
from bots.slack.ephemeral import Whisper, with_files
from bots.slack.history import NEWEST, HistoryReader
from bots.slack.parse import parse_timestamp
from bots.slack.publisher import DELETED, Publisher
from bots.slack.status import Status, status
from bots.slack.throttle import Growth
from core.domain.controls import Control
from core.domain.errors import CannotAnswer, CannotShow, HistoryScarce, PlaceClosed, Rejected
from core.domain.messages import (
    Attachment,
    File,
    History,
    LinkTarget,
    Message,
    PastMessages,
    PastRange,
    Question,
    Rank,
    Reach,
)
from core.domain.platform import ReplyView
from core.rendering.reply_notes import split_notes

UNREADABLE = "I may not read the messages of this channel. Whoever manages it can invite me again."
NO_MEMBER = "I am not in this channel, so I can't read it. Invite me, and give the command again."
LEFT = "You are not in this channel, as far as Slack tells me, so I read nothing in it for you."
OFFER = 10.0  # seconds that somebody waits for what they alone see before they are told what goes on
TAKES_LONG = "This takes a while ({}). Stop ends it, and shows you what is done."
UNDELETED = "I keep nothing of that answer any more, but Slack does not let me take it away here ({})."

log = logging.getLogger(__name__)


class SlackSurface:
    """The place of one question. `grows` says whether texts are shown before they are whole."""

    def __init__(
        self,
        web: Web,
        directory: Directory,
        question: Question,
        grows: bool = True,
        newest: int = NEWEST,
        *,
        refresh_home: Callable[[str], None] | None = None,
        offer: float = OFFER,
    ) -> None:
        self._web = web
        self._directory = directory
        self._question = question
        self._grows = grows
        self._newest = newest
        self._refresh_home = refresh_home
        """Shows a person's home tab anew."""
        self._offer = offer
        """Seconds after which who waits for what they alone see can stop it."""
        self._publisher: Publisher | None = None
        self._resumed = False
        """Whether a process before this one may have shown pages of the reply."""

    @property
    def has_past(self) -> bool:
        return True

    async def history(self, beside: AbstractSet[str] = frozenset()) -> History:
        """The thread; of a slash command's place, which is none, only what answers the command.

        What one person asks alone stands in none, and nobody can read it. Raises HistoryScarce: of an answer that is
        resumed the one page that Slack gives is kept for finding what was posted of it.
        """
        if self._question.private and self._question.command is None:
            return History((), Reach.CHAIN)
        reader = HistoryReader(self._web, self._newest)
        if self._looks_for_pages():
            raise HistoryScarce(SCARCE)
        if self._question.key.thread:
            try:
                history = await reader.read_all(self._question)
                if not beside:
                    return history
                shown, gone = await reader.read_beside(self._question.key, beside)
                return replace(history, beside=shown, gone=history.gone | gone)
            except PlaceClosed as closed:
                if not await self._may_be_member():
                    raise
                raise CannotAnswer(UNREADABLE) from closed
        return await reader.read_answers(self._question)

    def _looks_for_pages(self) -> bool:
        """Whether pages that a process before this one posted can't be found in the history, as it is not read."""
        return self._resumed and self._web.pace.scarce and bool(self._question.key.thread)

    async def _may_be_member(self) -> bool:
        """Whether we are in the channel, as far as Slack says: then a history that is closed to us closes nothing."""
        try:
            async with asyncio.timeout(WAIT):
                info = await self._web.read("conversations.info", channel=self._question.key.channel)
        except (CannotShow, Rejected):
            return False
        except (CannotAnswer, TimeoutError):
            return True
        channel = info.get("channel") or {}
        inside = channel.get("is_member") or channel.get("is_im") or channel.get("is_mpim")
        return bool(inside and not channel.get("is_archived"))

    @property
    def us(self) -> str:
        return self._web.us.user

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        return await self._directory.fetch_names(people)

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        return await files_of_ours.fetch_file(self._web, attachment)

    async def rank(self, person: str) -> Rank:
        asks = self._question.command is None
        return await self._directory.fetch_rank(person, self._question.key.channel, asks=asks)

    async def is_secluded(self) -> bool:
        """Who reads a channel of Slack's reads all its threads."""
        return False

    async def homes(self) -> tuple[str, ...] | None:
        key = self._question.key
        return (key.workspace,) if key.channel.startswith("D") else None

    async def zone(self, person: str) -> str | None:
        return await self._directory.fetch_zone(person)

    def link(self, message: Message, thread: str) -> str:
        return write_link(self._web.us.url, self._question.key.channel, message.id, thread)

    async def has_member(self, person: str) -> bool:
        return await self._directory.has_member(person, self._question.key.channel)

    async def may_post(self) -> bool:
        return await self._may_be_member()

    async def list_managers(self) -> Sequence[str]:
        return await self._directory.list_managers(self._question.key.channel)

    async def find_target(self, link: str, person: str) -> LinkTarget | None:
        return read_link(link, self._web.us.url, self._question.key.channel)

    async def read_target(self, target: LinkTarget) -> Sequence[Message]:
        return await HistoryReader(self._web).read_beginning(replace(self._question.key, thread=target.at))

    async def read_past(self, person: str, wanted: PastRange) -> PastMessages:
        """Who is in a channel may read what was ever said in it, and nobody else. Raises CannotAnswer."""
        if not await self._directory.may_read(person, self._question.key.channel):
            raise CannotAnswer(LEFT)
        try:
            return await HistoryReader(self._web, self._newest).read_past(self._question.key, wanted)
        except CannotShow as closed:
            raise CannotAnswer(NO_MEMBER) from closed

    async def list_readable(self, person: str, threads: Mapping[str, bool]) -> AbstractSet[str]:
        """All: who is in a channel may read what was ever said in it; none, for who is not in a private one."""
        return threads.keys() if await self._directory.may_read(person, self._question.key.channel) else frozenset()

    async def delete_pages(self, pages: Sequence[str], files: Sequence[File]) -> None:
        key = self._question.key
        if files and pages:
            await files_of_ours.remove_files(self._web, key, files, min(pages, key=parse_timestamp))
        for page in pages:
            try:
                await self._web.call_until_done("chat.delete", channel=key.channel, ts=page)
            except Rejected as rejected:
                if rejected.reason not in DELETED:
                    raise CannotAnswer(UNDELETED.format(rejected.reason)) from rejected

    async def show(self, reply: ReplyView) -> None:
        """Show the reply until it is whole. Raises CannotShow where that is impossible, Rejected, CannotAnswer."""
        self._resumed = reply.resumed
        if self._question.private:
            whisper = Whisper(self._web, self._question)
            await self._offer_stop(reply, whisper)
            text = await _read_final_text(reply)
            await whisper.say(text, reply.files, reply.controls)
        elif self._question.command is not None or self._question.about is not None:
            await self._answer_at_once(reply)
        else:
            try:
                await self._show_in_thread(reply)
            finally:
                self._publish(reply).leave()

    async def _offer_stop(self, reply: ReplyView, whisper: Whisper) -> None:
        """Say what takes long, with the button that ends it: what one person alone sees does not grow."""
        if Control.STOP not in reply.controls or await reply.wait_until_whole(self._offer):
            return
        try:
            await whisper.say(TAKES_LONG.format(reply.activity), (), (Control.STOP,))
        except (CannotShow, Rejected, CannotAnswer) as problem:
            log.warning("a button to stop could not be shown: %s", problem)

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        """Show all of it as plain text, files in words. Raises CannotShow, Rejected, CannotAnswer."""
        whole, whisper = with_files(text, reply.files), Whisper(self._web, self._question, plainly=True)
        if reply.private:
            await whisper.say(whole)
            return
        try:
            await self._publish(reply).settle_plainly(whole)
        except (CannotShow, Rejected):
            if not whisper.responds:
                raise
            await whisper.say_in_channel(whole)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        """Say it in the thread, else to who asked alone. Raises CannotShow, Rejected, CannotAnswer."""
        if not reply.private:
            try:
                await self._publish(reply).show_notice(notice)
                return
            except (CannotShow, Rejected, CannotAnswer) as problem:
                log.warning("a notice is whispered: %s", problem)
        await Whisper(self._web, self._question, plainly=True).say(notice)

    def _publish(self, reply: ReplyView) -> Publisher:
        """The reply's publisher: one for all tries, as it knows which pages may stand there."""
        if self._publisher is None or self._publisher.reply is not reply:
            self._publisher = Publisher(self._web, reply, looks=self._looks_for_pages())
        return self._publisher

    async def _show_in_thread(self, reply: ReplyView) -> None:
        posts = self._publish(reply)
        await posts.probe()
        async with status(self._web, self._question.key, reply) as shown:
            with self._web.pace.grow() as growth:
                async for text in reply.texts():
                    new = not reply.whole and text.strip() and text != growth.text
                    if new and self._grows and await self._wait_to_grow(reply, posts, growth):
                        growth.show(reply.newest or text)
                        await self._show_text(reply, shown, posts.grow(growth.text, reply.controls))
                        noted = posts.streaming and split_notes(growth.text)[1]
                        await shown.tell_work(reply.activity if noted else "")
            if reply.private:
                await posts.take_away()
                await shown.clear()  # first, so that nothing lies between the whisper and its being written down
                await Whisper(self._web, self._question).say(text, reply.files)
            else:
                await self._show_text(reply, shown, posts.settle(text))
        if not reply.private:
            await posts.attach(text)

    async def _wait_to_grow(self, reply: ReplyView, posts: Publisher, growth: Growth) -> bool:
        """Wait for the turn to show more; whether it came before the reply was whole."""
        if reply.pages and not growth.begun:
            return True
        while seconds := growth.take_turn(posts.appends):
            if await reply.wait_until_whole(seconds):
                return False
        return not reply.whole

    async def _show_text(self, reply: ReplyView, shown: Status, posting: Awaitable[None]) -> None:
        before = len(reply.pages)
        shown.stop_repeating()
        await posting
        if len(reply.pages) > before:
            shown.note_post()

    async def _answer_at_once(self, reply: ReplyView) -> None:
        """A command's answer, or one that is posted, stands in the channel, also where we may only respond."""
        text, whisper = await _read_final_text(reply), Whisper(self._web, self._question)
        if self._refresh_home and SlackAddress.parse(self._question.address).home:
            self._refresh_home(self._question.person)
        if reply.private:
            await whisper.say(text, reply.files)
            return
        posts = self._publish(reply)
        try:
            await posts.settle(text)
        except (CannotShow, Rejected):
            if not whisper.responds:
                raise
            reply.note_unattached()
            await whisper.say_in_channel(with_files(text, reply.files))
        else:
            await posts.attach(text)


async def _read_final_text(reply: ReplyView) -> str:
    """Wait for the final text."""
    final = ""
    async for text in reply.texts():
        final = text
    return final
