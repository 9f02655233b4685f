"""Fair semaphore: caps concurrent requests to Claude, with a fair share for each workspace, channel and person."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.domain.messages import ThreadKey

SLOTS = 64  # questions that ask at the same time, each with its prompt in memory
SILENT = 10.0  # seconds that people wait without being told
NOTE = "Many are asking just now. Your question waits for its turn, and is answered here."

Holder = tuple[str, ...]
"""A workspace, a channel of one, or a person in that."""


def find_full_share(
    taken: Mapping[Holder, int], holders: Sequence[Holder], shares: Sequence[int], free: int
) -> int | None:
    """Dynamic threshold: the level of the first holder that has its share, which is so many times what is free.

    None if each may have one more; or if nothing is free, which is nobody's fault alone.
    """
    held = (
        (level, taken.get(holder, 0), share) for level, (holder, share) in enumerate(zip(holders, shares, strict=False))
    )
    return next((level for level, count, share in held if free and count >= share * free), None)


@dataclass(slots=True)
class FairSlot:
    """A slot of a fair semaphore; its holder may give it back for a while, and take one again."""

    semaphore: "FairSemaphore"
    holders: tuple[Holder, ...]
    tell: Callable[[str], None]
    """Is told why, if it takes long until there is one."""
    taken: bool = False

    async def take(self) -> None:
        """Wait for it. Whoever is cancelled meanwhile has none."""
        telling = asyncio.get_running_loop().call_later(self.semaphore.silent, self.tell, NOTE)
        try:
            await self.semaphore.enter(self.holders)
            self.taken = True
        finally:
            telling.cancel()

    def release(self) -> None:
        """Give it back, if it is taken."""
        if self.taken:
            self.taken = False
            self.semaphore.leave(self.holders)


class FairSemaphore:
    """The workspace, in it the channel, and there the person with the fewest running goes first.

    Among equals it is who was served longest ago, then who came first.

    `silent` is how many seconds people wait before they are told. `shares` are how many times what is left free each
    holder of a request may have, by level, so that whoever fills its share leaves some to others; none: all.
    """

    def __init__(self, most: int = SLOTS, silent: float = SILENT, shares: Sequence[int] = ()) -> None:
        self._free = most
        self.silent = silent
        self._shares = shares
        self._taken: Counter[Holder] = Counter()
        self._turns = itertools.count(1)
        self._given: dict[Holder, int] = {}
        self._waiting: dict[asyncio.Future[None], tuple[Holder, ...]] = {}

    @asynccontextmanager
    async def slot(self, key: ThreadKey, person: str, tell: Callable[[str], None]) -> AsyncIterator[FairSlot]:
        """A slot for a question of `person` in the thread `key`; `tell` is told why, if that takes long."""
        holders = (key.workspace,), (key.workspace, key.channel), (key.workspace, key.channel, person)
        slot = FairSlot(self, holders, tell)
        try:
            await slot.take()
            yield slot
        finally:
            slot.release()

    async def enter(self, holders: tuple[Holder, ...]) -> None:
        """Wait until these hold one more slot; cancelled, they don't."""
        given = asyncio.get_running_loop().create_future()
        self._waiting[given] = holders
        self._give()
        try:
            await given
        except asyncio.CancelledError:
            if self._waiting.pop(given, None) is None and not given.cancelled():  # it was given just now
                self.leave(holders)
            raise

    def leave(self, holders: tuple[Holder, ...]) -> None:
        """These hold one slot less."""
        self._free += 1
        self._taken.subtract(holders)
        self._taken += Counter()  # forget who holds none
        if not (self._taken or self._waiting):
            self._given.clear()
        self._give()

    def find_full_share(self, holders: Sequence[Holder]) -> int | None:
        """The level of the first of these that has its share; None if each may have one more, or nothing is free."""
        return find_full_share(self._taken, holders, self._shares, self._free)

    def _give(self) -> None:
        while self._free and (ready := [one for one in self._waiting if self._may_take(one)]):
            given = min(ready, key=self._rank)
            holders = self._waiting.pop(given)
            if given.done():  # cancelled, and not yet told so
                continue
            self._free -= 1
            self._taken.update(holders)
            self._given |= dict.fromkeys(holders, next(self._turns))
            given.set_result(None)

    def _may_take(self, given: asyncio.Future[None]) -> bool:
        return self.find_full_share(self._waiting[given]) is None

    def _rank(self, given: asyncio.Future[None]) -> list[tuple[int, int]]:
        return [(self._taken[holder], self._given.get(holder, 0)) for holder in self._waiting[given]]
