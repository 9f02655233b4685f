"""One question's place in the playground: what is read of it, and the one post that its answer is."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bots.delivery.downloads import GONE
from bots.delivery.open_place import OpenPlace
from bots.delivery.slash_hints import add_slashes
from bots.web.playground.history import PlaygroundHistory
from bots.web.playground.posts import PlaygroundPost, name_reply, read_message
from core.commands import TABLE
from core.commands.forget import STAYS
from core.commands.help import HOW_TO_ASK
from core.domain.errors import CannotAnswer
from core.domain.messages import (
    Attachment,
    File,
    PastMessages,
    PastRange,
    Question,
)
from core.domain.platform import ReplyView
from core.rendering.reply_notes import append_note

TYPE_HERE = "Write a message, and Claude answers below it; Stop, or Escape, stops an answer."
GONE_HERE = (
    "It is gone from this page too, and Claude is not told of it again.",
    "They are gone from this page too, and Claude is not told of them again.",
)
STOPPED = append_note("", "Stopped.")
PACE = 0.1  # seconds between two drawings of an answer that grows; longer texts take longer to draw
DRAWN_EACH_SECOND = 50_000  # characters
KEEPING = 1.0  # seconds after which what stands of an answer is kept, at most
WATCHED = 600.0  # seconds between two looks at what goes on, where nothing changes
READ = 2_000  # posts of a channel, among which what was said there is looked for


def _speak_of_here(notice: str) -> str:
    """A notice of ours in which what other platforms have and do is said of this page."""
    for said, here in ((HOW_TO_ASK, TYPE_HERE), *zip(STAYS, GONE_HERE, strict=True)):
        notice = notice.replace(said, here)
    return notice


class PlaygroundSurface(OpenPlace):
    """One question's place in the playground."""

    def __init__(self, history: PlaygroundHistory, question: Question) -> None:
        self._history = history
        self._question = question
        self._key = question.key  # the answer to a run of a schedule begins a conversation
        if not question.key.thread:
            self._key = replace(question.key, thread=name_reply(question))
        self._kept_at = 0.0

    @property
    def has_past(self) -> bool:
        return True

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        key = self._key
        post = await self._history.find(key, message) or await self._history.find(key, self._question.name)
        for number, hung in enumerate(post.files if post else ()):
            if post and hung.id == attachment.id:
                file = await self._history.read_file(key.channel, post.name, number)
                if file is not None:
                    return file.content
        raise CannotAnswer(GONE)

    async def read_past(self, person: str, wanted: PastRange) -> PastMessages:
        """What was said in the channel, or in a conversation of it."""
        found = await self._history.list_channel(self._question.key.channel, READ)
        said = [post for key, post in found if wanted.thread in {"", key.thread} and not post.command]
        past = [read_message(post) for post in said if wanted.since is None or post.at >= wanted.since]
        return PastMessages(tuple(past[-wanted.last :]))

    async def delete_pages(self, pages: Sequence[str], files: Sequence[File]) -> None:
        for page in pages:
            await self._history.remove(self._key, page)

    async def show(self, reply: ReplyView) -> None:
        """Let the one post of the reply grow; it is the same one, whichever process shows it."""
        post = await self._begin_post(reply)
        following = asyncio.create_task(self._follow_activity(reply))
        try:
            async for text in reply.texts():
                await self._draw(reply, self._describe(reply, replace(post, text=text)))
                if not reply.whole:
                    await reply.wait_until_whole(PACE + len(text) / DRAWN_EACH_SECOND)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self._history.settle(self._key, post.name)
        if (self._question.command or "").startswith("forget"):
            self._history.drop_shown(post.name)

    async def _begin_post(self, reply: ReplyView) -> PlaygroundPost:
        """The post as it is shown before there is text; what a process that is gone wrote stands until then."""
        question, name = reply.question, reply.pages[0] if reply.pages else name_reply(reply.question)
        held = await self._history.find(self._key, name)
        post = held or PlaygroundPost(name, question.person, "", self._history.clock(), question.name)
        post = self._describe(reply, post)
        self._history.grow(self._key, post)
        return post

    def _describe(self, reply: ReplyView, post: PlaygroundPost) -> PlaygroundPost:
        """The post as the reply stands now."""
        text = add_slashes(_speak_of_here(post.text), TABLE) if reply.notice else post.text
        return replace(
            post,
            text=text,
            whole=reply.whole,
            notice=reply.notice,
            activity="" if reply.whole else reply.activity,
            controls=tuple(reply.controls),
            subject=reply.subject,
            private=reply.private,
        )

    async def _draw(self, reply: ReplyView, post: PlaygroundPost) -> None:
        key = self._key
        if reply.whole:
            post = post if post.text else replace(post, text=STOPPED, notice=True)
            await self._history.keep(key, post, reply.files)
            self._history.settle(key, post.name)
            await reply.record_page(post.name)
            return
        self._history.grow(key, post)
        now = asyncio.get_running_loop().time()
        if post.text and not post.private and now - self._kept_at > KEEPING:
            self._kept_at = now
            await self._history.save(key, post)
        if post.text and not reply.pages:
            await reply.record_page(post.name)

    async def _follow_activity(self, reply: ReplyView) -> None:
        """Say what goes on, each time that it changes."""
        activity, name = reply.activity, reply.pages[0] if reply.pages else name_reply(reply.question)
        while True:
            activity = await reply.wait_for_activity(activity, WATCHED)
            self._history.note_activity(self._key, name, activity)

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        """The words as they are, not drawn."""
        post = replace(await self._begin_post(reply), text=text, plain=True, whole=True, activity="")
        await self._history.keep(self._key, post, reply.files)
        self._history.settle(self._key, post.name)
        await reply.record_page(post.name)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        question = reply.question
        post = PlaygroundPost(
            f"{question.name}.2", question.person, notice, self._history.clock(), question.name, notice=True
        )
        await self._history.keep(self._key, replace(post, private=reply.private), ())
