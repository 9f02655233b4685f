"""A surface: one thread, as it is read and shown in Slack."""

import logging
from collections import deque
from collections.abc import Awaitable
from collections.abc import Set as AbstractSet
from contextlib import suppress

from bots.slack import files, parse
from bots.slack.client import NoThread, Web
from bots.slack.directory import Directory
from bots.slack.ephemeral import Whisper, with_files
from bots.slack.publisher import Publisher
from bots.slack.status import Status, status
from core.domain.errors import CannotAnswer, CannotShow, Rejected
from core.domain.messages import Attachment, History, Question, Rank, Reach
from core.domain.platform import ReplyView

log = logging.getLogger(__name__)

NEWEST = 20  # pages of history that we keep of a very long thread: 20,000 messages


class SlackSurface:
    """The place of one question. `grows` says whether texts are shown before they are whole."""

    def __init__(
        self, web: Web, people: Directory, question: Question, grows: bool = True, newest: int = NEWEST
    ) -> None:
        self._web = web
        self._people = people
        self._question = question
        self._grows = grows
        self._newest = newest

    async def history(self) -> History:
        """The thread; of a slash command's place, which is none, only what answers the command."""
        if not self._question.key.thread:
            return await self._read_answers()
        batches: deque[list[parse.Raw]] = deque(maxlen=self._newest)
        count = 0
        try:
            async for batch in self._web.messages(self._question.key):
                batches.append(batch)
                count += 1
        except NoThread:
            return History((), Reach.WHOLE)
        except Rejected as rejected:
            raise CannotShow(str(rejected)) from None
        reach = Reach.WHOLE if count <= self._newest else Reach.TAIL
        raws = [raw for batch in batches for raw in batch]
        if reach is Reach.TAIL:  # Slack repeats the root on each page, and what comes after it is not here
            raws = [raw for raw in raws if raw["ts"] != self._question.key.thread]
        return parse.history(raws, self._web.us, reach)

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        return await self._people.names(people)

    async def fetch(self, attachment: Attachment) -> bytes:
        return await files.fetch(self._web, attachment)

    async def rank(self, person: str) -> Rank:
        return await self._people.rank(person, self._question.key.channel)

    async def show(self, reply: ReplyView) -> None:
        """Show the reply until it is whole. Raises CannotShow where that is impossible, Rejected, CannotAnswer."""
        if reply.private:
            await Whisper(self._web, self._question).say(await _read_final_text(reply), reply.files)
        elif self._question.command is not None:
            await self._answer_command(reply)
        else:
            await self._show_in_thread(reply)

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        """Show all of it as plain text, files in words. Raises CannotShow, Rejected, CannotAnswer."""
        whole, whisper = with_files(text, reply.files), Whisper(self._web, self._question, plainly=True)
        if reply.private:
            await whisper.say(whole)
            return
        try:
            await Publisher(self._web, reply, plainly=True).settle(whole)
        except (CannotShow, Rejected):
            if not whisper.responds:
                raise
            await whisper.say_in_channel(whole)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        """Say it in the thread, else to who asked alone. Raises CannotShow, Rejected, CannotAnswer."""
        if not reply.private:
            try:
                await Publisher(self._web, reply).show_notice(notice)
                return
            except (CannotShow, Rejected, CannotAnswer) as problem:
                log.warning("a notice is whispered: %s", problem)
        await Whisper(self._web, self._question, plainly=True).say(notice)

    async def _show_in_thread(self, reply: ReplyView) -> None:
        posts = Publisher(self._web, reply)
        async with status(self._web, self._question.key, reply.status) as shown:
            async for text in reply.texts():
                if reply.whole:
                    await self._show_text(reply, shown, posts.settle(text))
                elif self._grows and text.strip():
                    await self._show_text(reply, shown, posts.grow(text))
                    self._web.pace.book_turn("chat.update")
                    await reply.wait_until_whole(self._web.pace.seconds_until_free("chat.update"))
        await self._post_files(reply)

    async def _show_text(self, reply: ReplyView, shown: Status, posting: Awaitable[None]) -> None:
        before = len(reply.pages)
        shown.stop_repeating()
        await posting
        if len(reply.pages) > before:
            shown.note_post()

    async def _answer_command(self, reply: ReplyView) -> None:
        """A command's answer stands in the channel, also where we may only respond to commands."""
        text, whisper = await _read_final_text(reply), Whisper(self._web, self._question)
        try:
            await Publisher(self._web, reply).settle(text)
        except (CannotShow, Rejected):
            if not whisper.responds:
                raise
            await whisper.say_in_channel(text)
        await self._post_files(reply)

    async def _post_files(self, reply: ReplyView) -> None:
        for file in reply.files:
            await files.upload(self._web, self._question.key, file)

    async def _read_answers(self) -> History:
        """Read what stands in the channel as an answer to this question."""
        found = []
        oldest = f"{self._question.at.timestamp():.6f}"
        with suppress(CannotShow):  # commands are also given where we are not
            async for batch in self._web.messages(self._question.key, oldest):
                found += [raw for raw in batch if parse.payload(raw).get("question") == self._question.name]
        return parse.history(found, self._web.us, Reach.CHAIN)


async def _read_final_text(reply: ReplyView) -> str:
    """Wait for the final text."""
    final = ""
    async for text in reply.texts():
        final = text
    return final
