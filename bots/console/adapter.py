"""The console: the smallest platform, a conversation in the terminal. A third adapter starts from here."""

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bots.console.attachments import Attachments, Unattachable, complete_path, is_null_device, read_attachment
from bots.console.controls import (
    BEGINS,
    COMMANDS,
    HERE,
    LATER,
    ListWaiting,
    NewestReplies,
    describe_controls,
    describe_waiting,
    find_control,
    wait_for_nothing,
)
from bots.console.lines.told_batches import LOOKED, ListJobs, describe_batches, list_none
from bots.console.lines.typed_lines import (
    HELP,
    SHORT_HELP,
    TAKEN_BACK,
    begins_with_command,
    describe_more,
    explain_move,
    find_needed_words,
    is_command,
    write_question,
)
from bots.console.other_terminals import STOPPED, AwaitedAnswers, hold_session
from bots.console.place import LEAVES, ConsolePlace, find_user
from bots.console.surface import ConsoleSurface
from bots.console.terminal import Terminal
from bots.delivery.downloads import LARGEST
from bots.delivery.slash_hints import add_slashes
from core.commands import TABLE
from core.commands.craft.attached_files import takes_files
from core.commands.craft.library import offer_personas
from core.commands.persona import offer_tools
from core.commands.registry import Parameter, is_answered_privately
from core.domain.clock import Clock, system_clock
from core.domain.controls import APPROVAL, Control, parse_call
from core.domain.errors import StoreUnavailable, UnreadableFile
from core.domain.events import Commanded, Ingest, Posted, Pressed
from core.domain.messages import (
    Asks,
    Message,
    Question,
)
from core.domain.platform import Connected, ignore_connected
from core.library.library import PersonaLibrary
from core.store.records.calls import WaitingCall
from core.store.records.jobs import FOLLOW

WELCOME = (
    "Talk to Claude. `/as NAME` is somebody else, `/channel NAME` and `/new` are elsewhere, `/help` has more, "
    "and Ctrl-D leaves."
)
SECOND = "Another terminal has today's conversation open, so this one begins its own."
AGAIN = "Ctrl-C once more, or Ctrl-D, leaves."
ATTACH, DETACH = "/attach ", "/detach "
BARE_LEAVES = tuple(one.removeprefix("/") for one in LEAVES)
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

    name, offline, reachable = "console", "", True
    instructions = INSTRUCTIONS
    file_hint = "`/attach PATH` comes first, then `/batch` with what is to be done with each row."

    def __init__(
        self,
        database_url: str,
        person: str = "",
        clock: Clock = system_clock,
        *,
        message: str = "",
        tools: Sequence[str] = (),
        library: PersonaLibrary | None = None,
    ) -> None:
        self._clock, self._message = clock, message
        self._table = offer_tools(TABLE, tools)
        self._library = library
        self.attachments = Attachments()
        self.terminal = Terminal()
        now = clock().astimezone()
        self._lock = hold_session(database_url)
        conversation = f"{now:%Y-%m-%d}" if self._lock is not None else f"{now:%Y-%m-%dT%H:%M:%S}"
        self._place = ConsolePlace(person or find_user(), conversation, lambda: clock().astimezone())
        self.awaited = AwaitedAnswers()
        self.torn: set[str] = set()
        """Questions whose answers stand here in part, for they were interrupted."""
        self._newest = NewestReplies()
        self.list_jobs: ListJobs = list_none
        self.list_waiting: ListWaiting = wait_for_nothing
        self.greeted = asyncio.Event()
        """Whether the person has read how it is used here: what was asked before is shown after that."""
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

    async def run(self, ingest: Ingest, connected: Connected = ignore_connected) -> None:
        with self.terminal.open(self._complete_line):
            if self._message:
                self.greeted.set()
                await self._ingest_line(self._message, ingest)
            else:
                await self._converse(ingest)
            if left := [one for one in await self._list_waiting() if one.key in self._newest.waiting]:
                lines = (describe_waiting(one, self._place.list_moves(one.key, one.person), LATER) for one in left)
                self.terminal.write("\n\n".join(lines))

    async def _converse(self, ingest: Ingest) -> None:
        if self.terminal.screen:
            await self._greet()
        self.greeted.set()
        if self._library:
            shelf = await self._library.read()
            self._table = offer_personas(self._table, [one.name for one in shelf.personas])
        with suppress(PersonLeft):
            while (line := await self._ask(self._prompt)) is not None:
                await self._take_line(line, ingest)

    async def _greet(self) -> None:
        """How it is used here, and which batches and calls run or wait, which were begun before."""
        key, batches = self._place.key, ""
        with suppress(StoreUnavailable):
            batches = describe_batches(await self.list_jobs(key, LOOKED), key.channel)
        waiting = [
            describe_waiting(one, self._place.list_moves(one.key, one.person, now=True), HERE)
            for one in await self._list_waiting()
        ]
        greeting = [WELCOME, "" if self._lock is not None else SECOND, batches, *waiting]
        self.terminal.write("\n\n".join(filter(None, greeting)))

    async def _list_waiting(self) -> Sequence[WaitingCall]:
        with suppress(StoreUnavailable):
            return await self.list_waiting(self._place.key.workspace)
        return ()

    async def _take_line(self, line: str, ingest: Ingest) -> None:
        """Do what a line says. Raises PersonLeft."""
        if self._leaves(line):
            raise PersonLeft
        if explained := explain_move(line):
            self.terminal.write(explained)
        elif line and not await self._apply_move(line):
            await self._ingest_line(HELP if line == SHORT_HELP else line, ingest)

    async def surface(self, question: Question) -> ConsoleSurface:
        return ConsoleSurface(self, question)

    async def tell(
        self, workspace: str, person: str, text: str, answer: str = "", *, button: tuple[Control, str] | None = None
    ) -> None:
        self.terminal.write(f"{text}\n\n{answer}" if answer else text)

    async def close(self) -> None:
        """The terminal is not ours to close."""

    def note_controls(self, question: Question, controls: Sequence[Control], subject: str) -> None:
        """Remember which reply is the newest; what can be done is said where it waits, was cut off, or failed."""
        self._newest.note(question, controls, subject)
        shown = question.name in self.awaited or question.command == FOLLOW
        if controls and Control.UP not in controls and shown:
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
        """Ingest one line and wait until it is answered; words that a command still needs are asked for.

        Where another command is given in their place, that is done instead.
        """
        control = find_control(line)
        if control in COMMANDS and not await self._stop_open(control, ingest):
            line, control = COMMANDS[control], None
        elif control in COMMANDS:
            return
        if control and (control not in APPROVAL or self._newest.find_subject(control, self._place.key)):
            await self._press(control, ingest)
            return
        at, name, key, person = self._clock(), str(time.time_ns()), self._place.key, self._place.person
        if not is_command(line):
            said = Message(name, person, line, at, attachments=self.attachments.take())
            event: Posted | Commanded = Posted(name, key, said, Asks.CERTAINLY)
        else:
            needed = find_needed_words(line, TABLE) if self.terminal.attended else None
            if needed and (fault := await self._foresee(line[1:], needed, ingest)):
                self.terminal.write(add_slashes(fault, TABLE))
                return
            given = {needed.name: await self._ask_words(needed)} if needed else {}
            for words in given.values():
                if not words or begins_with_command(words, TABLE):
                    await self._take_line(words, ingest)
                    return
            files = self.attachments.take() if takes_files(TABLE, line[1:]) else ()
            private = is_answered_privately(TABLE, line[1:])
            event = Commanded(name, key, person, line[1:], at, given, private=private, attachments=files)
        self.awaited.expect(name)
        await ingest(event)
        await self._wait(name, ingest)
        if more := describe_more(line):
            self.terminal.write("\n".join(["", "In this terminal also:", "", *more]))

    async def _foresee(self, line: str, needed: Parameter, ingest: Ingest) -> str:
        """Why a command can't be given, whatever words it will have; nothing is stored."""
        files = self.attachments.waiting if takes_files(TABLE, line) else ()
        event = Commanded(str(time.time_ns()), self._place.key, self._place.person, line, self._clock(), by_form=True)
        faults = (await ingest(replace(event, attachments=files))).faults
        return "\n\n".join(words for name, words in faults.items() if name != needed.name)

    async def _stop_open(self, control: Control, ingest: Ingest) -> bool:
        """Where Stop is wanted, stop what is answered in this conversation, or waits in it. Whether there was any."""
        place = self._place.key, self._place.person
        pressed = Pressed(str(time.time_ns()), *place, control, None, self._clock())
        return control is Control.STOP and (await ingest(pressed)).new

    async def _press(self, control: Control, ingest: Ingest) -> None:
        """Do with the newest answer here what a word says, and wait for what comes of it."""
        name, key, person = str(time.time_ns()), self._place.key, self._place.person
        reply = self._newest.find_subject(control, key)
        awaited = reply if control is Control.RETRY else name if control in BEGINS else None
        if asked := parse_call(reply or ""):
            awaited = asked[0]
        if awaited:
            self.awaited.expect(awaited)
        if name != awaited:  # where the answer to a call goes on, or else who may not decide is told so
            self.awaited.expect(name, together=awaited if asked else None)
        try:
            receipt = await ingest(Pressed(name, key, person, control, reply, self._clock()))
            if receipt.note:
                self.terminal.write(receipt.note)
            if receipt.question and awaited:
                await self._wait(awaited, ingest, decides=asked is not None)
        finally:
            self.awaited.forget(name, awaited)

    async def _ask_words(self, parameter: Parameter) -> str:
        """Words that a command needs; none where who is asked takes it back. Raises PersonLeft."""
        try:
            line = await self.terminal.ask(write_question(parameter))
        except KeyboardInterrupt:
            self._interrupts += 1
            self.terminal.write(f"{TAKEN_BACK} {AGAIN}")
            return ""
        if line is None:
            raise PersonLeft
        if not line.strip():
            self.terminal.write(TAKEN_BACK)
        return line.strip()

    async def _wait(self, name: str, ingest: Ingest, *, decides: bool = False) -> None:
        """Wait for an answer. An interrupt stops it, a second one leaves: raises KeyboardInterrupt."""
        answered, left = self.awaited[name], asyncio.Event()
        stopping: list[asyncio.Task[None]] = []

        def interrupt() -> None:
            self._interrupts += 1
            if self._interrupts > 1:
                left.set()
            else:
                stopping.append(asyncio.create_task(self._stop(name, ingest)))

        elsewhere = asyncio.create_task(self.awaited.watch_ending(self._place.key, name, decides=decides))
        waiting = [elsewhere, *(asyncio.create_task(one.wait()) for one in (answered, left))]
        try:
            with self.terminal.watch_keys(interrupt):
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.awaited.forget(name)
            for task in (*waiting, *stopping):
                task.cancel()
            await asyncio.gather(*waiting, *stopping, return_exceptions=True)
        if left.is_set() and not answered.is_set():
            raise KeyboardInterrupt
        if not (answered.is_set() or elsewhere.cancelled()) and (words := elsewhere.result()):
            self.terminal.write(words)
        self._interrupts = 0  # at the prompt it counts anew

    async def _stop(self, name: str, ingest: Ingest) -> None:
        """Stop the answer, and wait no longer for one that nobody has begun."""
        answered = self.awaited[name]
        await ingest(Pressed(f"stop {time.time_ns()}", self._place.key, self._place.person, Control.STOP, name))
        try:
            async with asyncio.timeout(STOPPING):
                await answered.wait()
        except TimeoutError:
            self.terminal.write(STOPPED)
            answered.set()
