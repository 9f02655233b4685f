"""Fair semaphore: caps concurrent requests to Claude, with a fair share for each workspace, and in it each channel."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.domain.messages import ThreadKey

SLOTS = 64  # questions that ask at the same time, each with its prompt in memory
SILENT = 10.0  # seconds that people wait without being told
NOTE = "Many are asking just now. Your question waits for its turn, and is answered here."

Holder = str | tuple[str, str]
"""A workspace, or a channel of one."""


class FairSemaphore:
    """The workspace, and in it the channel, with the fewest running goes first, then who was served longest ago.

    `silent` is how many seconds people wait before they are told.
    """

    def __init__(self, most: int = SLOTS, silent: float = SILENT) -> None:
        self._free = most
        self._silent = silent
        self._taken: Counter[Holder] = Counter()
        self._turns = itertools.count(1)
        self._given: dict[Holder, int] = {}
        self._waiting: dict[asyncio.Future[None], ThreadKey] = {}

    @asynccontextmanager
    async def slot(self, key: ThreadKey, tell: Callable[[str], None]) -> AsyncIterator[None]:
        """A slot for a question in the thread `key`; `tell` is told why, if that takes long."""
        telling = asyncio.get_running_loop().call_later(self._silent, tell, NOTE)
        try:
            await self._enter(key)
        finally:
            telling.cancel()
        try:
            yield
        finally:
            self._leave(key)

    async def _enter(self, key: ThreadKey) -> None:
        given = asyncio.get_running_loop().create_future()
        self._waiting[given] = key
        self._give()
        try:
            await given
        except asyncio.CancelledError:
            if self._waiting.pop(given, None) is None:  # it was given just now
                self._leave(key)
            raise

    def _leave(self, key: ThreadKey) -> None:
        self._free += 1
        self._taken.subtract(_holders(key))
        self._taken += Counter()  # forget who holds none
        if not (self._taken or self._waiting):
            self._given.clear()
        self._give()

    def _give(self) -> None:
        while self._free and self._waiting:
            given = min(self._waiting, key=self._share)
            holders = _holders(self._waiting.pop(given))
            self._free -= 1
            self._taken.update(holders)
            self._given |= dict.fromkeys(holders, next(self._turns))
            given.set_result(None)

    def _share(self, given: asyncio.Future[None]) -> list[tuple[int, int]]:
        return [(self._taken[holder], self._given.get(holder, 0)) for holder in _holders(self._waiting[given])]


def _holders(key: ThreadKey) -> tuple[Holder, Holder]:
    return key.workspace, (key.workspace, key.channel)
