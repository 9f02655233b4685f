"""The console: the smallest platform, a conversation in the terminal. A third adapter starts from here."""

import asyncio
import getpass
import time
from collections import defaultdict
from collections.abc import Set as AbstractSet

from bots.console.terminal import Terminal
from core.commands import TABLE
from core.commands.registry import find_missing_text
from core.domain.clock import Clock, system_clock
from core.domain.errors import CannotShow
from core.domain.events import Commanded, Ingest, Posted
from core.domain.messages import Asks, Attachment, History, Message, Question, Rank, Reach
from core.domain.messages import ThreadKey as Key
from core.domain.platform import ReplyView

WORKSPACE = "console:local"
WELCOME = (
    "Talk to Claude. `/as NAME` is somebody else, `/channel NAME` and `/new` are elsewhere, `/help` has more, "
    "and Ctrl-D leaves."
)


class Console:
    """Reads lines from stdin until its end; several people and channels live in one terminal."""

    name = "console"
    offline = ""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self.terminal = Terminal()
        self._person = getpass.getuser()
        self._channel = "general"
        self._thread = f"{clock().astimezone():%Y-%m-%d}"
        self._answered: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self, ingest: Ingest) -> None:
        if self.terminal.screen:
            self.terminal.write(WELCOME)
        while (line := await self.terminal.line(f"{self._person} in #{self._channel}> ")) is not None:
            if line.strip() and not self._apply_move(line.strip()):
                await self._ingest_line(line.strip(), ingest)

    async def surface(self, question: Question) -> "ConsoleSurface":
        return ConsoleSurface(self, question)

    async def tell(self, workspace: str, person: str, text: str) -> None:
        self.terminal.write(text)

    async def close(self) -> None:
        """The terminal is not ours to close."""

    def mark_answered(self, name: str) -> None:
        self._answered[name].set()

    def _apply_move(self, line: str) -> bool:
        """Take up who speaks, and where; whether the line only said that."""
        match line.split(maxsplit=1):
            case ["/as", name]:
                self._person = name
            case ["/channel", name]:
                self._channel = name.lstrip("#")
            case ["/new"]:
                self._thread = f"{self._clock().astimezone():%Y-%m-%dT%H:%M:%S}"
            case _:
                return False
        return True

    async def _ingest_line(self, line: str, ingest: Ingest) -> None:
        """Ingest one line and wait until it is answered; the long text that a command still needs is asked for."""
        at, name = self._clock(), str(time.time_ns())
        key = Key(WORKSPACE, self._channel, self._thread)
        if line.startswith("/"):
            needed = find_missing_text(TABLE, line[1:], {})
            text = {needed[1].name: await self.terminal.line(f"{needed[1].about}: ") or ""} if needed else {}
            await ingest(Commanded(name, key, self._person, line[1:], at, text))
        else:
            await ingest(Posted(name, key, Message(name, self._person, line, at), Asks.CERTAINLY))
        await self._answered[name].wait()
        del self._answered[name]


class ConsoleSurface:
    """One question's place in the terminal, which shows only what is printed now."""

    def __init__(self, console: Console, question: Question) -> None:
        self._console = console
        self._question = question

    async def history(self) -> History:
        return History((), Reach.CHAIN)

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        return {person: person.removeprefix("#") for person in people}

    async def fetch(self, attachment: Attachment) -> bytes:
        raise CannotShow(attachment.name)

    async def rank(self, person: str) -> Rank:
        return Rank.OWNER

    async def homes(self) -> tuple[str, ...] | None:
        return None

    async def show(self, reply: ReplyView) -> None:
        await self._console.terminal.grow(reply.texts())
        for file in reply.files:
            self._console.terminal.verbatim(file.words)
        await reply.record_page(f"{self._question.name}.1")
        self._console.mark_answered(self._question.name)

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        """The words as they are, not drawn."""
        self._console.terminal.plainly("\n\n".join([text, *(file.words for file in reply.files)]))
        await reply.record_page(f"{self._question.name}.1")
        self._console.mark_answered(self._question.name)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        self._console.terminal.plainly(notice)
        self._console.mark_answered(self._question.name)
