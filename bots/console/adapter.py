"""The console: the smallest platform, a conversation in the terminal. A third adapter starts from here."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from bots.console.attachments import Attachments, Unattachable, complete_path, is_null_device, read_attachment
from bots.console.controls import NewestReplies, describe_controls, describe_waiting, find_control
from bots.console.escapes import neutralise_line
from bots.console.place import LEAVES, MOVES, NO_PAST, NOTHING_SAID, ConsolePlace, find_user
from bots.console.session_lock import hold_session
from bots.console.slash_hints import add_slashes
from bots.console.terminal import Terminal
from bots.delivery.downloads import LARGEST
from core.commands import TABLE
from core.commands.craft.attached_files import takes_files
from core.commands.help import HOW_TO_ASK
from core.commands.persona import offer_tools
from core.commands.registry import Parameter, find_missing_text, is_answered_privately
from core.commands.replies import NOTHING
from core.domain.clock import Clock, find_local_zone, system_clock
from core.domain.controls import APPROVAL, Control, parse_call
from core.domain.errors import CannotAnswer, LeaseLost, UnreadableFile
from core.domain.events import Commanded, Ingest, Posted, Pressed
from core.domain.messages import (
    Asks,
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
from core.rendering.reply_notes import append_note

WELCOME = (
    "Talk to Claude. `/as NAME` is somebody else, `/channel NAME` and `/new` are elsewhere, `/help` has more, "
    "and Ctrl-D leaves."
)
SECOND = "Another terminal has today's conversation open, so this one begins its own."
AGAIN = "Ctrl-C once more, or Ctrl-D, leaves."
ELSEWHERE = "Another terminal has taken this answer over."
STOPPED = append_note("", "Stopped.")
HELP, ATTACH, DETACH = "/help", "/attach ", "/detach "
TYPE_HERE = "Type a line, and Claude answers below it; Ctrl-C stops an answer."
BARE_LEAVES = tuple(one.removeprefix("/") for one in LEAVES)
WATCHED = 600.0  # seconds between two looks at what goes on, where nothing changes
STOPPING = 5.0  # seconds that a stopped answer has to end; it is shown above the prompt if it ends later

INSTRUCTIONS = """\
Your answer is shown in a terminal. Headings, lists, tables and code blocks are drawn; pictures, LaTeX, HTML such as \
<br>, footnotes and task lists are not. Keep the lines of tables and code blocks short."""


class PersonLeft(Exception):
    """Who was asked for more ends the conversation."""


class Console:
    """Reads lines from stdin until its end; several people and channels live in one terminal.

    With a `message` that alone is asked.
    """

    name = "console"
    instructions = INSTRUCTIONS
    offline = ""

    def __init__(
        self,
        database_url: str,
        person: str = "",
        clock: Clock = system_clock,
        *,
        message: str = "",
        tools: Sequence[str] = (),
    ) -> None:
        self._clock, self._message = clock, message
        self._table = offer_tools(TABLE, tools)
        self.attachments = Attachments()
        self.terminal = Terminal()
        now = clock().astimezone()
        self._lock = hold_session(database_url)
        conversation = f"{now:%Y-%m-%d}" if self._lock is not None else f"{now:%Y-%m-%dT%H:%M:%S}"
        self._place = ConsolePlace(person or find_user(), conversation, lambda: clock().astimezone())
        self._answered: dict[str, asyncio.Event] = {}
        self._newest = NewestReplies()
        self._interrupts = 0

    def attach_given(self, paths: Iterable[str]) -> str:
        """Attach what the command line names, and to a message what is piped in, all of it. Raises UnreadableFile.

        What was taken from standard input, in a sentence: a script that reads its own lines there misses them now.
        """
        try:
            for path in paths:
                self.attachments.add(read_attachment(Path(path)))
            if self._message and sys.stdin is not None and not (sys.stdin.isatty() or is_null_device(sys.stdin)):
                return self.attachments.add_piped(sys.stdin.buffer.read(LARGEST + 1))
        except Unattachable as error:
            raise UnreadableFile(str(error)) from error
        return ""

    async def run(self, ingest: Ingest) -> None:
        with self.terminal.open(self._complete_line):
            if self._message:
                await self._ingest_line(self._message, ingest)
            else:
                await self._converse(ingest)
            if self._newest.waiting:
                self.terminal.write(describe_waiting(map(self._place.describe_way, self._newest.waiting)))

    async def _converse(self, ingest: Ingest) -> None:
        if self.terminal.screen:
            self.terminal.write(WELCOME if self._lock is not None else f"{WELCOME}\n\n{SECOND}")
        with suppress(PersonLeft):
            while (line := await self._ask(self._prompt)) is not None and not self._leaves(line):
                if line and not await self._apply_move(line):
                    await self._ingest_line(HELP if line == "/?" else line, ingest)

    async def surface(self, question: Question) -> "ConsoleSurface":
        return ConsoleSurface(self, question)

    async def tell(self, workspace: str, person: str, text: str, answer: str = "") -> None:
        self.terminal.write(f"{text}\n\n{answer}" if answer else text)

    async def close(self) -> None:
        """The terminal is not ours to close."""

    def is_ours(self, name: str) -> bool:
        """Whether a question was asked in this terminal, which waits for its answer."""
        return name in self._answered

    def mark_answered(self, name: str) -> None:
        if answered := self._answered.get(name):
            answered.set()

    def note_controls(self, question: Question, controls: Sequence[Control], subject: str) -> None:
        """Remember which reply is the newest; what can be done is said where it waits, was cut off, or failed."""
        self._newest.note(question, controls, subject)
        if controls and Control.UP not in controls and self.is_ours(question.name):
            self.terminal.hint(describe_controls(controls))

    async def _ask(self, prompt: str) -> str | None:
        """What a person types, or None at the end; an interrupt takes it back, and the second one in a row leaves."""
        while True:
            try:
                line = await self.terminal.line(prompt)
            except KeyboardInterrupt:
                self._interrupts += 1
                if self._interrupts > 1:
                    return None
                self.terminal.write(AGAIN)
            else:
                self._interrupts = 0
                return line and line.strip()

    def _leaves(self, line: str) -> bool:
        """Whether a line ends the conversation. What is read from a pipe may be a word for Claude."""
        return line.lower() in LEAVES or (self.terminal.attended and line.lower() in BARE_LEAVES)

    @property
    def _prompt(self) -> str:
        return self._place.prompt.removesuffix("> ") + f"{self.attachments.sign}> "

    def _complete_line(self, line: str) -> Iterator[str]:
        if line.startswith(DETACH):
            return (f"{DETACH}{one}" for one in self.attachments.names if one.startswith(line.removeprefix(DETACH)))
        return complete_path(line) if line.startswith(ATTACH) else self._place.complete_line(line, self._table)

    async def _apply_move(self, line: str) -> bool:
        """Take up who speaks, where, and with which files; whether the line only said that."""
        word, _, rest = line.partition(" ")
        if word.lower() == ATTACH.strip():
            said: str | None = await asyncio.to_thread(self.attachments.attach, rest.strip())
        elif word.lower() == DETACH.strip():
            said = self.attachments.detach(rest.strip())
        else:
            before = self._place.person, self._place.key
            said = self._place.apply_move(line)
            if said is not None and before != (self._place.person, self._place.key) and self.attachments.names:
                said = "\n\n".join(filter(None, (said, self.attachments.describe_kept())))
        if said:
            self.terminal.write(said)
        return said is not None

    async def _ingest_line(self, line: str, ingest: Ingest) -> None:
        """Ingest one line and wait until it is answered; the long text that a command still needs is asked for."""
        control = find_control(line)
        if control and (control not in APPROVAL or self._newest.find_subject(control, self._place.key)):
            await self._press(control, ingest)
            return
        at, name, key, person = self._clock(), str(time.time_ns()), self._place.key, self._place.person
        if not is_command(line):
            said = Message(name, person, line, at, attachments=self.attachments.take())
            event: Posted | Commanded = Posted(name, key, said, Asks.CERTAINLY)
        else:
            needed = find_missing_text(TABLE, line[1:], {}) if self.terminal.attended else None
            text = {needed[1].name: await self._ask_text(needed[1])} if needed else {}
            files = self.attachments.take() if takes_files(TABLE, line[1:]) else ()
            private = is_answered_privately(TABLE, line[1:])
            event = Commanded(name, key, person, line[1:], at, text, private=private, attachments=files)
        self._answered[name] = asyncio.Event()
        await ingest(event)
        await self._wait(name, ingest)
        if line.lower() == HELP:
            self.terminal.write("\n".join(["", "In this terminal also:", "", *describe_moves()]))

    async def _press(self, control: Control, ingest: Ingest) -> None:
        """Do with the newest answer here what a word says, and wait for what comes of it."""
        name, key, person = str(time.time_ns()), self._place.key, self._place.person
        reply = self._newest.find_subject(control, key)
        awaited = {Control.CONTINUE: name, Control.RETRY: reply, Control.KEEP: name}.get(control)
        if asked := parse_call(reply or ""):
            awaited = asked[0]
        for one in filter(None, (awaited, name)):
            self._answered[one] = asyncio.Event()
        if asked:  # the answer goes on, or else who may not decide is told so
            self._answered[name] = self._answered[asked[0]]
        try:
            receipt = await ingest(Pressed(name, key, person, control, reply, self._clock()))
            note = NOTHING[control] if control is Control.STOP and not receipt.new else receipt.note
            if note:
                self.terminal.write(note)
            if receipt.question and awaited:
                await self._wait(awaited, ingest)
        finally:
            for one in filter(None, (name, awaited)):
                self._answered.pop(one, None)

    async def _ask_text(self, parameter: Parameter) -> str:
        """A long text that a command needs. Raises PersonLeft where who is asked leaves instead."""
        text = await self._ask(f"{parameter.about}: ")
        if text is None or text.lower() in LEAVES:
            raise PersonLeft
        return text

    async def _wait(self, name: str, ingest: Ingest) -> None:
        """Wait for an answer. An interrupt stops it, a second one leaves: raises KeyboardInterrupt."""
        answered, left = self._answered[name], asyncio.Event()
        stopping: list[asyncio.Task[None]] = []

        def interrupt() -> None:
            self._interrupts += 1
            if self._interrupts > 1:
                left.set()
            else:
                stopping.append(asyncio.create_task(self._stop(name, ingest)))

        waiting = [asyncio.create_task(one.wait()) for one in (answered, left)]
        try:
            with self.terminal.watch_keys(interrupt):
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._answered.pop(name, None)
            for task in (*waiting, *stopping):
                task.cancel()
            await asyncio.gather(*waiting, *stopping, return_exceptions=True)
        if left.is_set() and not answered.is_set():
            raise KeyboardInterrupt
        self._interrupts = 0  # at the prompt it counts anew

    async def _stop(self, name: str, ingest: Ingest) -> None:
        """Stop the answer, and wait no longer for one that nobody has begun."""
        answered = self._answered[name]
        await ingest(Pressed(f"stop {time.time_ns()}", self._place.key, self._place.person, Control.STOP, name))
        try:
            async with asyncio.timeout(STOPPING):
                await answered.wait()
        except TimeoutError:
            self.terminal.write(STOPPED)
            answered.set()


class ConsoleSurface:
    """One question's place in the terminal, which shows only what is printed now. It has no permalinks."""

    us = ""

    def __init__(self, console: Console, question: Question) -> None:
        self._console = console
        self._question = question

    async def history(self, beside: AbstractSet[str] = frozenset()) -> History:
        return History((), Reach.CHAIN)

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        return {person: person.removeprefix("#") for person in people}

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        return await asyncio.to_thread(self._console.attachments.fetch, attachment)

    async def rank(self, person: str) -> Rank:
        return Rank.OWNER

    async def is_secluded(self) -> bool:
        return False

    async def homes(self) -> tuple[str, ...] | None:
        return None

    async def zone(self, person: str) -> str | None:
        return find_local_zone()

    def link(self, message: Message, thread: str) -> str:
        return ""

    async def find_target(self, link: str, person: str) -> LinkTarget | None:
        return None

    async def read_target(self, target: LinkTarget) -> Sequence[Message]:
        return ()

    async def read_past(self, person: str, wanted: PastRange) -> PastMessages:
        """A terminal shows nothing of what scrolled by; its conversations are in the store."""
        raise CannotAnswer(NOTHING_SAID if wanted.thread else NO_PAST)

    async def list_readable(self, person: str, threads: Mapping[str, bool]) -> AbstractSet[str]:
        return threads.keys()

    async def delete_pages(self, pages: Sequence[str], files: Sequence[File]) -> None:
        """What a terminal has printed nobody can take away."""

    async def show(self, reply: ReplyView) -> None:
        terminal, name = self._console.terminal, self._question.name
        following = asyncio.create_task(self._follow_activity(reply))
        try:
            text = await terminal.grow(_write_hints(reply), reply.activity, self._heading)
        except LeaseLost:
            if self._console.is_ours(name):
                terminal.write(ELSEWHERE)
            self._console.mark_answered(name)
            raise
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        if not text and self._console.is_ours(name):
            terminal.write(STOPPED)
        for words in filter(None, (file.words for file in reply.files)):
            terminal.verbatim(words)
        await reply.record_page(f"{name}.1")
        self._console.note_controls(self._question, reply.controls, reply.subject)
        self._console.mark_answered(name)

    async def _follow_activity(self, reply: ReplyView) -> None:
        """Say what goes on in the row of the status, each time that it changes."""
        activity = reply.activity
        while True:
            activity = await reply.wait_for_activity(activity, WATCHED)
            if self._console.is_ours(self._question.name):
                self._console.terminal.tell_status(activity)

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        """The words as they are, not drawn."""
        self._console.terminal.verbatim("\n\n".join([text, *(file.words for file in reply.files if file.words)]))
        await reply.record_page(f"{self._question.name}.1")
        self._console.mark_answered(self._question.name)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        self._console.terminal.verbatim(notice)
        self._console.mark_answered(self._question.name)

    @property
    def _heading(self) -> str:
        """Says to whom an answer belongs that nobody waits for here."""
        if self._console.is_ours(self._question.name):
            return ""
        person, channel = neutralise_line(self._question.person), neutralise_line(self._question.key.channel)
        return f"(The answer to {person} in #{channel})"


async def _write_hints(reply: ReplyView) -> AsyncIterator[str]:
    """The texts of a reply; what is ours and not Claude's names commands, and how to ask, as it is done here.

    What is printed is visible: a Stop ends it with what was said.
    """
    async for text in reply.texts():
        if text and not reply.pages:
            await reply.record_page(f"{reply.question.name}.1")
        yield add_slashes(text.replace(HOW_TO_ASK, TYPE_HERE), TABLE) if reply.notice else text


def is_command(line: str) -> bool:
    """Whether a line is a command; `/etc/hosts` is none."""
    word = line.split(maxsplit=1)[0]
    return word.startswith("/") and "/" not in word[1:]


def describe_moves() -> Iterator[str]:
    """A line of Markdown for each move."""
    return (f"- `/{words}`: {about}" for words, about in MOVES.items())
