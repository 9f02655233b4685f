"""The sign of life: one row that says what is going on, turns, and goes away without a trace."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from wcwidth import clip

TURN = 0.1  # seconds between two pictures


class StatusRow:
    """Stands below what is printed. `put` prints, `columns` says how wide the window is now."""

    def __init__(self, put: Callable[[str], None], columns: Callable[[], int]) -> None:
        self._put, self._columns = put, columns
        self._pictures = self.words = ""
        self._turns = 0
        self._above: int | None = None
        """Where the row above ends, while this one stands."""
        self.column = 0
        """Where the newest row of the text ends."""

    @asynccontextmanager
    async def turn(self, pictures: str, words: str) -> AsyncIterator[None]:
        """Say `words` beside turning `pictures` until something else is said; without pictures nothing is shown."""
        self._pictures, self.words, self.column = pictures, words, 0
        turning = asyncio.create_task(self._turn())
        try:
            yield
        finally:
            turning.cancel()
            self.hide()
            self.words = ""

    def say(self, words: str) -> None:
        """What is going on from here on; nothing hides the row at once."""
        if words != self.words:
            self.hide()
        self.words = words

    def hide(self) -> None:
        """Take the row away: what is printed next goes on where the text ended."""
        if self._above is None:
            return
        back = f"\x1b[A\x1b[{(self._above - 1) % self._columns() + 2}G" if self._above else ""
        self._put(f"\r\x1b[K{back}")
        self._above = None

    async def _turn(self) -> None:
        while self._pictures:
            if self.words:
                self._show()
            await asyncio.sleep(TURN)

    def _show(self) -> None:
        begin = "\r" if self._above is not None or not self.column else "\n"
        if self._above is None:
            self._above = self.column
        self._turns += 1
        row = f"{self._pictures[self._turns % len(self._pictures)]} {self.words} ..."
        self._put(f"{begin}{clip(row, 0, self._columns() - 1)}\x1b[K")
