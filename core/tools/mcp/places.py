"""MCP places: how many calls a server has under way, and how many questions wait for it, with a fair share for each.

All who use a server share its places by dynamic thresholds, as packets share a buffer: a workspace may hold three times
as many as are left free, a channel of it twice, a person in that as many. So one that fills its share leaves some to
the next. Servers share nothing with each other: one that hangs takes nothing from another.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.domain.messages import Question
from core.tools.mcp.session import ServerTrouble
from core.worker.fair_semaphore import FairSemaphore, Holder, find_full_share

QUESTIONS = 64  # that wait for one server; half as many calls are under way
EVERYWHERE = 192  # that wait for all servers: a process answers 256 at the same time, and the others need no server
FEWEST = 8  # that wait for one server, however many servers there are
SHARES = (3, 2, 1)  # times what is left free that a workspace, a channel of it and a person in that may hold
HOLDERS = ("workspace", "channel", "person")


class ServerBusy(ServerTrouble):
    """A server has so many calls to answer that one more was not made. The message is a clause for the operator.

    `whose` they are, for Claude: those of this workspace, channel or person; empty where they are anybody's.
    """

    def __init__(self, whose: str, why: str) -> None:
        super().__init__(why)
        self.whose = whose


def share_places(servers: int) -> int:
    """How many questions may wait for each of so many servers."""
    return max(FEWEST, min(QUESTIONS, EVERYWHERE // max(servers, 1)))


class CallPlaces:
    """The calls of one server, for all workspaces: the workspace, channel and person with the fewest go first."""

    def __init__(self, questions: int = QUESTIONS) -> None:
        self._questions = questions
        self._calls = questions // 2
        self._semaphore = FairSemaphore(self._calls, shares=SHARES)
        self._waiting: Counter[Holder] = Counter()
        """Calls of each question that waits, by its name."""
        self._held: Counter[Holder] = Counter()
        """Questions of each holder."""

    @asynccontextmanager
    async def take(self, question: Question, seconds: float) -> AsyncIterator[None]:
        """Hold a place for a call; it is waited for so many seconds at most. Raises ServerBusy."""
        key, name = question.key, (question.key.workspace, question.key.channel, question.name)
        holders = (key.workspace,), (key.workspace, key.channel), (key.workspace, key.channel, question.person)
        self._begin(name, holders)
        try:
            await self._enter(holders, seconds)
            try:
                yield
            finally:
                self._semaphore.leave(holders)
        finally:
            self._end(name, holders)

    def _begin(self, name: Holder, holders: tuple[Holder, ...]) -> None:
        """Count a call of a question. One that waits already has its place."""
        if name not in self._waiting:
            free = self._questions - len(self._waiting)
            full = find_full_share(self._held, holders, SHARES, free)
            if not free or full is not None:
                raise _refuse(full, "questions", "wait for it")
            self._held.update(holders)
        self._waiting[name] += 1

    def _end(self, name: Holder, holders: tuple[Holder, ...]) -> None:
        self._waiting[name] -= 1
        if not self._waiting[name]:
            del self._waiting[name]
            self._held.subtract(holders)
            self._held += Counter()  # forget who holds none

    async def _enter(self, holders: tuple[Holder, ...], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._semaphore.enter(holders)
        except TimeoutError:
            raise _refuse(self._semaphore.find_full_share(holders), "calls", "are under way") from None


def _refuse(full: int | None, what: str, do: str) -> ServerBusy:
    """The words for a call that has no place: because of its own holder of this level, or of all who use the server."""
    if full is None:
        return ServerBusy("", f"too many {what} {do}")
    return ServerBusy(f" of this {HOLDERS[full]}", f"too many {what} of one {HOLDERS[full]} {do}")
