"""Hub: tells every window what changed, in order, also to one that was away for a while.

Only the newest change of each thing is kept: who reads slowly, or comes back, is told how it stands now, not each step.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Generic, TypeVar

KEPT = 1_000  # things whose newest change is kept

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubChange(Generic[T]):
    """The newest change of one thing. `id` is what a window names when it comes back."""

    id: str
    number: int
    what: T


class Gap(Exception):
    """What came after the change that a window knows is not all there any more: it has to read everything anew."""


class Hub(Generic[T]):
    """Numbers changes and keeps the newest of each thing, for the windows that follow them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._epoch = secrets.token_hex(4)  # a process that began anew knows nothing of earlier numbers
        self._kept = kept
        self._changes: dict[str, HubChange[T]] = {}
        self._number = self._floor = 0
        self._moved = asyncio.Event()
        self._closed = False

    @property
    def newest(self) -> str:
        """The id of the newest change: who has read everything follows from there."""
        return f"{self._epoch}-{self._number}"

    def publish(self, thing: str, what: T) -> None:
        """Tell that a thing changed, and how it is now."""
        self._number += 1
        self._changes.pop(thing, None)
        self._changes[thing] = HubChange(f"{self._epoch}-{self._number}", self._number, what)
        while len(self._changes) > self._kept:
            oldest = next(iter(self._changes))
            self._floor = self._changes.pop(oldest).number
        self._wake()

    def forget(self) -> None:
        """Keep no earlier change: every window has to read everything anew."""
        self._changes.clear()
        self._number += 1
        self._floor = self._number
        self._wake()

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._wake()

    async def follow(self, known: str, seconds: float) -> AsyncIterator[HubChange[T] | None]:
        """What changed after a change that is `known`, and from then on; None after so many seconds without any.

        Raises Gap.
        """
        number = self._find_number(known)
        while not self._closed:
            moved = self._moved
            if number < self._floor:
                raise Gap
            newer = [one for one in self._changes.values() if one.number > number]
            for change in newer:
                yield change
                number = change.number
            if not newer and not self._closed:
                try:
                    async with asyncio.timeout(seconds):
                        await moved.wait()
                except TimeoutError:
                    yield None

    def _find_number(self, known: str) -> int:
        epoch, _, digits = known.rpartition("-")
        if epoch != self._epoch or not (digits.isascii() and digits.isdigit()) or int(digits[:18]) > self._number:
            raise Gap
        return int(digits[:18])

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
