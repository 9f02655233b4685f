"""MCP places: how many calls a server has under way, and how many questions wait for it: others need their places."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.domain.messages import Question
from core.tools.mcp.session import ServerTrouble
from core.worker.fair_semaphore import FairSemaphore

CALLS = 32  # under way at one server
QUESTIONS = 64  # that wait for one server: a process answers 256 at the same time, and one that hangs leaves the others
EVERYWHERE = 192  # that wait for all servers together

Holder = tuple[str, ...]


class ServerBusy(ServerTrouble):
    """A server has as many calls under way as it may have, so that one was not made."""


class CallPlaces:
    """The calls of one server, for all workspaces: the workspace, channel and person with the fewest go first.

    `everywhere` are the questions that wait for any server, each with the number of its calls.
    """

    def __init__(self, everywhere: Counter[Holder], calls: int = CALLS) -> None:
        self._everywhere = everywhere
        self._semaphore = FairSemaphore(calls)
        self._here: Counter[Holder] = Counter()

    @asynccontextmanager
    async def take(self, question: Question, seconds: float) -> AsyncIterator[None]:
        """Hold a place for a call; it is waited for so many seconds at most. Raises ServerBusy."""
        key, name = question.key, (question.key.workspace, question.key.channel, question.name)
        holders = (key.workspace,), (key.workspace, key.channel), (key.workspace, key.channel, question.person)
        if self._is_full(name):
            raise ServerBusy("too many questions wait for it")
        counters = (self._here, self._everywhere)
        for counter in counters:
            counter[name] += 1
        try:
            await self._enter(holders, seconds)
            try:
                yield
            finally:
                self._semaphore.leave(holders)
        finally:
            for counter in counters:
                counter[name] -= 1
                if not counter[name]:
                    del counter[name]

    def _is_full(self, name: Holder) -> bool:
        """Whether a question that does not wait yet has to go without."""
        here, everywhere = self._here, self._everywhere
        return (name not in here and len(here) >= QUESTIONS) or (
            name not in everywhere and len(everywhere) >= EVERYWHERE
        )

    async def _enter(self, holders: tuple[Holder, ...], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._semaphore.enter(holders)
        except TimeoutError:
            raise ServerBusy(f"{CALLS} calls are under way") from None
