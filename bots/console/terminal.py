"""Terminal input and output: lines that a person types, and a text that grows in front of them.

The bottom of the screen belongs to a prompt or to one growing text. Whatever else is to be said stands above a prompt,
or waits until a text is whole. What is printed is never rewritten, but for one row that says what is going on.
"""

import asyncio
import os
import re
import signal
import sys
import textwrap
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Thread
from typing import TYPE_CHECKING, TextIO

from bots.console.drawing import Drawing, Glyphs
from bots.console.escapes import neutralise
from bots.console.log_stream import LogLines
from bots.console.status_row import StatusRow
from core.rendering.reply_notes import MARK, split_notes, write_plain_notes

if TYPE_CHECKING:
    from bots.console.live_input import Complete, LiveInput

NARROWEST = 8  # columns for which is folded; what is narrower folds by itself
ROOM = 1  # columns behind a question for what is typed; a longer question is folded, and that stands below it
INVISIBLE = "\u2063"  # begins the mark of notes of ours, which a platform shows as nothing; terminals draw a box
TURNING = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\")

_HALVES = re.compile("[\ud800-\udfff]")  # how a byte is read that is no UTF-8


class Terminal:
    """Stdin and stdout: a screen with a person at it, one that knows no escape sequences (TERM=dumb), or a pipe."""

    def __init__(self) -> None:
        self.screen = sys.stdout.isatty()
        self.attended = self.screen and sys.stdin.isatty()
        """Whether a person sits at it."""
        self._smart = self.screen and _understands_escapes()
        self._live: LiveInput | None = None
        self._bottom = asyncio.Lock()
        self._asking: str | None = None
        """The prompt that stands at the bottom."""
        self._amid = False
        """Whether a text has begun that is not whole."""
        self._blocks: deque[str] = deque()
        """What is to be printed as soon as it does not land in something else."""
        self._log_stream = LogLines(self.post)
        self._status = StatusRow(self._put, self._columns)
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        self._glyphs = Glyphs(self._smart) if unicode else Glyphs(self._smart, "-", "|", "-")
        self._turning = TURNING[0 if unicode else 1]

    @contextmanager
    def open(self, complete: "Complete") -> Iterator[None]:
        """Read and write here while this lasts; `complete` completes what a person types."""
        for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors=errors)
        if self._smart and self.attended:
            from bots.console.live_input import LiveInput  # noqa: PLC0415  a pipe needs no line editor

            self._live = LiveInput(complete)
        self._log_stream.loop = asyncio.get_running_loop()
        with self._live.open() if self._live else nullcontext():
            if self._smart:
                self._put(" " * self._columns() + "\r\x1b[K")  # to a row of our own, if the cursor is amid one
            yield

    def log_stream(self) -> TextIO | LogLines:
        """Where log lines go: to stderr, or beside the conversation if stderr is the same screen."""
        return self._log_stream if self.attended and sys.stderr.isatty() else sys.stderr

    def write(self, text: str, heading: str = "") -> None:
        """Markdown: drawn on a screen, below `heading`; in a pipe as it is, with notes as plain words."""
        if not self.screen:
            self.post(neutralise(write_plain_notes(text)) + "\n")
            return
        drawn = Drawing(self._columns, self._glyphs).finish(neutralise(text))
        self.post(f"{heading}\n{drawn}\n" if heading else f"{drawn}\n")

    def verbatim(self, text: str) -> None:
        """Lines as they are, not folded and not drawn."""
        text = text if self.screen else write_plain_notes(text)
        self.post(neutralise(text).rstrip("\n") + ("\n\n" if self.screen else "\n"))

    def hint(self, words: str) -> None:
        """A faint line, on a screen alone."""
        if self.attended:
            self.post(f"\x1b[2m{words}\x1b[0m\n\n" if self._smart else f"{words}\n\n")

    def tell_status(self, words: str) -> None:
        """What goes on now, while no text has begun."""
        if not self._amid:
            self._status.say(words)

    def post(self, block: str) -> None:
        """Print whole rows: now, above the prompt, or after the text that grows."""
        self._blocks.append(block)
        if self._live and self._asking is not None:
            self._live.print_above(self._print_blocks)
        elif not self._amid:
            self._print_blocks()

    @property
    def grows(self) -> bool:
        """Whether a text is shown while it changes: on a screen where nobody types just now."""
        return self.screen and not self._bottom.locked()

    async def grow(self, texts: AsyncIterator[str], status: str, heading: str = "") -> str:
        """Show a text while it changes, to its end; whole, where the bottom of the screen is taken. The whole text."""
        if not self.grows:
            text = await self._gather(texts, heading)
            if text:
                self.write(text, heading)
            return text
        async with self._bottom, self._status.turn(self._turning if self._smart else "", status):
            return await self._grow_here(texts, heading)

    async def line(self, prompt: str) -> str | None:
        """The next line that a person types, or None at the end. Raises KeyboardInterrupt."""
        async with self._bottom:
            self._asking = prompt
            try:
                line = await (self._live.ask(prompt) if self._live else self._read_line(prompt))
            except EOFError:
                return None
            finally:
                self._asking = None
                self._print_blocks()
            if self._live or (self.screen and not self.attended):
                self._put(f"{prompt}{neutralise(line)}\n" if line.strip() else "")
            return _HALVES.sub("\N{REPLACEMENT CHARACTER}", line)

    async def ask(self, question: str) -> str | None:
        """What a person types below a question, which is folded between words where it is long. As `line`."""
        columns = self._columns()
        if len(question) + ROOM <= columns:
            return await self.line(question)
        folded = textwrap.wrap(question, columns - 1, break_long_words=False, break_on_hyphens=False)
        self.post("\n".join([*folded, ""]))
        return await self.line("> ")

    @contextmanager
    def watch_keys(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` at each Ctrl-C of a person while nothing is asked for."""
        watching: AbstractContextManager[None]
        if self._live:
            watching = self._live.watch_keys(interrupt)
        else:
            watching = _watch_signal(interrupt) if self.attended else nullcontext()
        with watching:
            yield

    async def _grow_here(self, texts: AsyncIterator[str], heading: str) -> str:
        drawing, text, status = Drawing(self._columns, self._glyphs), "", self._status.words
        if heading:
            self.post(f"{heading}\n")
        try:
            async for text in texts:
                _, note = split_notes(text)
                if note:  # why the text does not go on: it goes away again, and what is left open is closed above it
                    self._status.say(neutralise(write_plain_notes(note)).strip("()"))
                    continue
                self._advance(drawing.grow(neutralise(text)), drawing)
                self._status.say(self._name_pause(drawing) if text else status)
        except BaseException:
            self._advance("\n" if drawing.column else "", drawing)
            raise
        else:
            self._advance(drawing.finish(neutralise(text)) + ("\n" if text else ""), drawing)
            return text
        finally:
            self._amid = False
            self._print_blocks()

    @staticmethod
    def _name_pause(drawing: Drawing) -> str:
        return "writing a table" if drawing.holds else ""

    def _advance(self, drawn: str, drawing: Drawing) -> None:
        """Print what is new of the text that grows."""
        if drawn:
            self._amid = True
            self._status.hide()
            self._put(drawn)
            self._status.column = drawing.column

    async def _gather(self, texts: AsyncIterator[str], heading: str) -> str:
        """The whole of a text, while something else stands at the bottom."""
        text = ""
        self._tell_prompt(heading)
        try:
            async for newest in texts:
                text = newest
        finally:
            self._tell_prompt("")
        return text

    def _tell_prompt(self, sign: str) -> None:
        if self._live:
            self._live.sign = sign
            self._live.refresh()

    async def _read_line(self, prompt: str) -> str:
        """A line of stdin. It is read in a thread that may be left behind at the end. Raises EOFError."""
        loop = asyncio.get_running_loop()
        line: asyncio.Future[str | None] = loop.create_future()

        def read() -> None:
            try:
                text = input(prompt if self.attended else "")
            except EOFError:
                loop.call_soon_threadsafe(_resolve, line, None)
            else:
                loop.call_soon_threadsafe(_resolve, line, text)

        Thread(target=read, daemon=True).start()
        text = await line
        if text is None:
            raise EOFError
        return text

    def _print_blocks(self) -> None:
        if not self._blocks:
            return
        self._status.hide()
        blocks = "".join(self._blocks)
        self._blocks.clear()
        amid_prompt = self._asking is not None and self.attended and not self._live
        self._put(f"\n{blocks}{self._asking}" if amid_prompt else blocks)

    def _put(self, characters: str) -> None:
        if characters:
            sys.stdout.write(characters.replace(MARK, "").replace(INVISIBLE, ""))
            sys.stdout.flush()

    def _columns(self) -> int:
        try:
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return max(NARROWEST, columns or 80)


def _understands_escapes() -> bool:
    """Whether TERM names a terminal that knows escape sequences."""
    from prompt_toolkit.utils import get_term_environment_variable  # noqa: PLC0415  a pipe needs no line editor

    return get_term_environment_variable().lower() not in {"", "dumb", "unknown"}


@contextmanager
def _watch_signal(interrupt: Callable[[], None]) -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


def _resolve(line: asyncio.Future[str | None], text: str | None) -> None:
    if not line.done():
        line.set_result(text)
