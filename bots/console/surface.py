"""One question's place in the terminal: what is read of it, and where its answer is printed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from bots.console.attachments import Attachments
from bots.console.escapes import neutralise_line
from bots.console.lines.saved_files import is_for_disk, save_file
from bots.console.other_terminals import STOPPED, AwaitedAnswers
from bots.console.place import NO_PAST, NOTHING_SAID
from bots.console.terminal import Terminal
from bots.delivery.open_place import OpenPlace
from bots.delivery.slash_hints import add_slashes
from core.commands import TABLE
from core.commands.help import HOW_TO_ASK
from core.commands.registry import is_task
from core.domain.controls import Control
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
from core.store.records.jobs import FOLLOW

BEGINS_AGAIN = append_note("", "This answer was interrupted. It begins again.")
TYPE_HERE = "Type a line, and Claude answers below it; Ctrl-C stops an answer."
WATCHED = 600.0  # seconds between two looks at what goes on, where nothing changes


class Host(Protocol):
    """The terminal's conversation, as far as an answer needs it."""

    attachments: Attachments
    terminal: Terminal
    awaited: AwaitedAnswers
    torn: set[str]
    greeted: asyncio.Event

    def note_controls(self, question: Question, controls: Sequence[Control], subject: str) -> None: ...


class ConsoleSurface(OpenPlace):
    """One question's place in the terminal, which shows only what is printed now."""

    def __init__(self, console: Host, question: Question) -> None:
        self._console = console
        self._question = question

    @property
    def has_past(self) -> bool:
        return False

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        return await asyncio.to_thread(self._console.attachments.fetch, attachment)

    async def read_past(self, person: str, wanted: PastRange) -> PastMessages:
        """A terminal shows nothing of what scrolled by; its conversations are in the store."""
        raise CannotAnswer(NOTHING_SAID if wanted.thread else NO_PAST)

    async def delete_pages(self, pages: Sequence[str], files: Sequence[File]) -> None:
        """What a terminal has printed nobody can take away."""

    async def show(self, reply: ReplyView) -> None:
        terminal, name = self._console.terminal, self._question.name
        await self._console.greeted.wait()
        if name in self._console.torn:
            terminal.write(BEGINS_AGAIN)
        following = asyncio.create_task(self._follow_activity(reply))
        try:
            text = await terminal.grow(self._write_texts(reply, grows=terminal.grows), reply.activity, self._heading)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        self._console.torn.discard(name)
        if not text and name in self._console.awaited:
            terminal.write(STOPPED)
        for file in reply.files:
            if is_for_disk(file, screen=terminal.screen):
                terminal.write(await asyncio.to_thread(save_file, file, Path.cwd()))
            elif file.words:
                terminal.verbatim(file.words)
        await reply.record_page(f"{name}.1")
        self._console.note_controls(self._question, reply.controls, reply.subject)
        if reply.notice and name in self._console.awaited:
            self._keep_attached()
        self._console.awaited.mark_shown(name)

    def _keep_attached(self) -> None:
        """The files of a command that Claude was to answer, and that was refused, hang on the next message."""
        if self._question.attachments and is_task(TABLE, self._question.command or ""):
            for attachment in self._question.attachments:
                self._console.attachments.add(attachment)
            self._console.terminal.hint(self._console.attachments.describe_kept())

    async def _follow_activity(self, reply: ReplyView) -> None:
        """Say what goes on in the row of the status, each time that it changes."""
        activity = reply.activity
        while True:
            activity = await reply.wait_for_activity(activity, WATCHED)
            if self._question.name in self._console.awaited:
                self._console.terminal.tell_status(activity)

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        """The words as they are, not drawn."""
        self._console.terminal.verbatim("\n\n".join([text, *(file.words for file in reply.files if file.words)]))
        await reply.record_page(f"{self._question.name}.1")
        self._console.awaited.mark_shown(self._question.name)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        self._console.terminal.verbatim(notice)
        self._console.awaited.mark_shown(self._question.name)

    async def _write_texts(self, reply: ReplyView, *, grows: bool) -> AsyncIterator[str]:
        """The texts of a reply; what is ours and not Claude's names commands, and how to ask, as it is done here.

        What is printed is visible: a Stop ends it with what was said.
        """
        async for text in reply.texts():
            if text and not reply.pages:
                await reply.record_page(f"{reply.question.name}.1")
            if text and grows:
                self._console.torn.add(self._question.name)
            yield add_slashes(text.replace(HOW_TO_ASK, TYPE_HERE), TABLE) if reply.notice else text

    @property
    def _heading(self) -> str:
        """Says to whom an answer belongs that nobody waits for here; a batch that is followed answers nobody."""
        if self._question.name in self._console.awaited:
            return ""
        person, channel = neutralise_line(self._question.person), neutralise_line(self._question.key.channel)
        if self._question.command == FOLLOW:
            return f"(In #{channel})"
        return f"(The answer to {person} in #{channel})"
