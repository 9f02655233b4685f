"""A reply: a text that grows or is replaced until it is whole, and those who watch it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

from core.domain.controls import PRIVATE, Control, name_call
from core.domain.messages import MENTION, File, Question
from core.rendering.reply_notes import append_note
from core.store.records.jobs import FOLLOW

GOES_ON = "Going on."


async def always() -> None:
    """It is ours, whatever happens."""


async def leave_untitled() -> str:
    """Claude is not asked, so there is no title of Claude's."""
    return ""


async def forget_page(_page: str) -> None:
    """Nothing is written down."""


class Reply:
    """The answer to one question, as it becomes known. One writer, one watcher; `keep` writes down a page.

    A `heading` stands above its text and is no part of that. `ensure_held` returns while it is ours to show, and raises
    core.domain.errors.LeaseLost once it is not.
    """

    def __init__(
        self,
        question: Question,
        keep: Callable[[str, datetime | None], Awaitable[None]],
        pages: Sequence[str] = (),
        threaded: bool = False,
        ensure_held: Callable[[], Awaitable[None]] = always,
        *,
        drop: Callable[[str], Awaitable[None]] = forget_page,
        stop: Callable[[], None] = lambda: None,
        brief: bool = False,
        resumed: bool = False,
        replaced: Sequence[File] = (),
        stoppable: bool = True,
        heading: str = "",
    ) -> None:
        self.question = question
        self.pages: list[str] = list(pages)
        self.private = question.private
        self.threaded, self.heading = threaded, heading
        self.brief, self.resumed, self.replaced = brief, resumed, replaced
        self.activity = "thinking"
        self.subject = question.name
        self.controls: Sequence[Control] = (Control.STOP,) if stoppable else ()
        self.text = self.note = ""
        self.whole = self.notice = self._unattached = False
        self.files: Sequence[File] = ()
        self._noting = False
        self._sure = ensure_held
        self._keep = keep
        self._drop = drop
        self._stop = stop
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._acting = asyncio.Event()
        self._showable = asyncio.Event()
        self._showable.set()
        self._begun = asyncio.Event()
        self._make_title: Callable[[], Awaitable[str]] = leave_untitled
        self._title: str | None = None

    def begin(self, make_title: Callable[[], Awaitable[str]]) -> None:
        """Claude is asked now, and may be asked to `make_title` as well."""
        self._make_title = make_title
        self._begun.set()

    async def title(self, seconds: float) -> str:
        """A short title for its thread, which Claude makes once; empty where there is none after so many seconds.

        While the request is held none can come, and it is empty at once: what holds it may wait for the title.
        """
        if self._title is None and not self._showable.is_set():
            return ""
        if self._title is None:
            self._title = ""
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._begun.wait()
                    self._title = await self._make_title()
        return self._title

    def say(self, text: str) -> None:
        """The text so far, whole; it may be shorter than before, or another."""
        if not self.whole and (text != self.text or self.note):
            self.text, self.note = text, ""
            self._changed.set()

    def take_up(self, text: str, *, stopped: bool) -> None:
        """What was said before it waited for a person. It goes on now, unless it was `stopped` meanwhile."""
        self.say(text)
        self.wait("" if stopped else GOES_ON)

    def take_back(self) -> None:
        """The text so far is no part of the answer; it stands until there is another to show in its place."""
        if not self.whole:
            self.text = ""

    def wait(self, note: str) -> None:
        """Why the text does not go on. It stands below the text until there is more to say, and is no part of it."""
        if not self.whole and note != self.note:
            self.note = note
            self._changed.set()

    def act(self, activity: str, *, note: bool = False) -> None:
        """What goes on now. As a `note` it is also seen where text stands already, or where nothing else shows it."""
        if note and (self.text or self._noting):
            self.wait(activity)
        if activity != self.activity:
            self.activity = activity
            self._acting.set()

    def note_unattached(self) -> None:
        """Its files are not there, and a note says so."""
        self._unattached = True

    @property
    def mentions(self) -> str:
        """Whom its first page notifies: who gave the batch whose results it is; empty for all else."""
        return self.question.values.get(MENTION, "") if self.question.command == FOLLOW and not self.private else ""

    @property
    def lacks_files(self) -> bool:
        """Whether files are not there that people can have posted again."""
        return self._unattached and any(file.again for file in self.files)

    @property
    def without_files(self) -> str:
        """Its text where its files can't stand: with a note on how people have them posted again."""
        again = next((file.again for file in self.files if file.again), "")
        return append_note(self.text, f"Its files are not here. {again}") if again else self.text

    def note_activities(self) -> None:
        """The platform shows nothing of what goes on while there is no text, so a note tells it."""
        self._noting = True

    async def wait_for_activity(self, known: str, seconds: float) -> str:
        """Wait until something else than what is `known` goes on, at most `seconds`; what goes on then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.activity == known:
                    self._acting.clear()
                    await self._acting.wait()
        return self.activity

    def finish(
        self,
        text: str,
        notice: bool = False,
        files: Sequence[File] = (),
        *,
        whispered: bool = False,
        controls: Sequence[Control] = (),
        call: int | None = None,
    ) -> None:
        """The final text; if it is `whispered`, only the asker may see it. What is said afterwards is ignored.

        `controls` stand below it where everybody sees it: what one person sees can only be posted, or kept. They are
        about the `call` of this number, if there is one: then all of it is shown, for nobody allows what they have not
        seen.
        """
        if call is not None:
            self.subject, self.brief = name_call(self.question.name, call), False
        self.private = self.private or whispered
        private = [one for one in controls if one in PRIVATE]
        self.controls = private if self.private else controls
        self.say(text)
        self.whole, self.notice, self.files = True, notice, files
        self._changed.set()
        self._ended.set()
        self._begun.set()  # or will never: nothing waits for a title any more
        self._begun.set()

    def hold_request(self) -> None:
        """Let Claude not be asked until `release_request`: whether an answer can be shown is tried first."""
        self._showable.clear()

    def release_request(self) -> None:
        self._showable.set()

    async def wait_until_showable(self) -> None:
        """Wait while the platform holds the request."""
        await self._showable.wait()

    async def ensure_held(self) -> None:
        """Return while it is ours to show. Raises LeaseLost."""
        await self._sure()

    async def texts(self) -> AsyncIterator[str]:
        """The newest whole text, each time it changed since the last look; the last one is final."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.ensure_held()
            whole, text = self.whole, self.newest
            if whole or text:
                yield text
            if whole:
                return

    @property
    def newest(self) -> str:
        """The newest text, with the heading above and the note below it."""
        return self._head(append_note(self.text, self.note) if self.note else self.text)

    def _head(self, text: str) -> str:
        return f"{self.heading}\n\n{text}" if self.heading and text else text

    async def wait_until_whole(self, seconds: float) -> bool:
        """Wait until the reply is whole, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        await self.ensure_held()
        return True

    async def end(self) -> str:
        """Wait until the reply is whole; its final text. Raises LeaseLost."""
        await self._ended.wait()
        await self.ensure_held()
        return self._head(self.text)

    async def drop_page(self, page: str) -> None:
        """Write down that we take a page away, before we do."""
        if page in self.pages:
            await self._drop(page)
            await self.ensure_held()

    def stop(self) -> None:
        """End it with what was said, unless it is whole: somebody took a page of it away."""
        if not self.whole:
            self._stop()

    async def record_page(self, page: str, at: datetime | None = None) -> None:
        """Write down that a page exists, and when the platform says it was posted."""
        if page not in self.pages:
            self.pages.append(page)
        await self._keep(page, at)
        await self.ensure_held()
