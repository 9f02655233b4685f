"""Log lines beside a conversation: a stream that hands whole lines over, from any thread, to what owns the screen."""

import asyncio
import io
import sys
from collections.abc import Callable
from threading import Lock

from bots.console.escapes import neutralise


class LogLines(io.TextIOBase):
    """Collects what is written into lines. Until `loop` runs they go to stderr, for nothing else is on the screen."""

    def __init__(self, post: Callable[[str], None]) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._post = post
        self._rest = ""
        self._lock = Lock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = f"{self._rest}{neutralise(text)}".split("\n")
        for line in lines:
            self._hand_over(f"{line}\n")
        return len(text)

    def isatty(self) -> bool:
        return True

    def _hand_over(self, line: str) -> None:
        if self.loop is None or self.loop.is_closed():
            sys.stderr.write(line)
        else:
            self.loop.call_soon_threadsafe(self._post, line)
