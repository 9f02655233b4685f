"""Other terminals on the same database: one holds the conversation of the day, and each may answer what was asked here.

A question that another terminal took over, or answered with one of its own, ends here too.
"""

import asyncio
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.domain.messages import Outcome, ThreadKey
from core.rendering.reply_notes import append_note
from core.store.records.replies import Ending

LOOK = 1.0  # seconds between two looks whether a question has ended elsewhere
ELSEWHERE = "Another terminal has answered this."
STOPPED = append_note("", "Stopped.")
UNANSWERED = "This got no answer."

FindEnding = Callable[[ThreadKey, str], Awaitable[Ending | None]]
"""How a question of a conversation ended, by its name; None while it is open."""


async def know_no_ending(_key: ThreadKey, _name: str) -> Ending | None:
    """A terminal that no other shares a database with shows all itself."""
    return None


class AwaitedAnswers:
    """The questions that somebody at this terminal waits for, by name."""

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self.find_ending: FindEnding = know_no_ending
        self._sleep = sleep
        self._events: dict[str, asyncio.Event] = {}
        self._shown: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._events

    def __getitem__(self, name: str) -> asyncio.Event:
        return self._events[name]

    def expect(self, name: str, together: str | None = None) -> None:
        """Wait for the answer to a question from here on, or for that which is given `together` with it."""
        self._shown.discard(name)
        self._events[name] = self._events[together] if together else asyncio.Event()

    def forget(self, *names: str | None) -> None:
        """Nobody waits for these any more."""
        for name in names:
            self._events.pop(name or "", None)

    def mark_shown(self, name: str) -> None:
        """The answer stands in this terminal."""
        self._shown.add(name)
        if event := self._events.get(name):
            event.set()

    async def watch_ending(self, key: ThreadKey, name: str, *, decides: bool = False) -> str:
        """Wait until a question has ended in the database; what there is to say of it, nothing where it is shown here.

        One that waits for a person has ended too, unless who waits just `decides` on it.
        """
        while True:
            await self._sleep(LOOK)
            with suppress(StoreUnavailable):
                ending = await self.find_ending(key, name)
                if ending and not (decides and ending.outcome is None):
                    return "" if ending.reply in self._shown else describe_ending(ending)


def describe_ending(ending: Ending) -> str:
    """How a question ended whose answer is not shown here."""
    if ending.outcome is Outcome.WITHDRAWN:
        return STOPPED
    return UNANSWERED if ending.outcome in {Outcome.NOT_FOR_US, Outcome.EXPIRED} else ELSEWHERE


def hold_session(database_url: str, use: str = "") -> int | None:
    """Take the lock of a database for one use until this process ends: a file's descriptor.

    None if another process has it, such as another terminal.
    """
    place, _, path = database_url.rpartition("sqlite:///")
    name = hashlib.sha256(f"{place}{Path(path).absolute()}".encode()).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f"confab-{os.getuid()}-{name}{use}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
