"""Recent figures: what was counted for a page stands for a minute, so that a reload counts nothing again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from cachetools import TTLCache

SECONDS = 60.0  # that figures may be old
KEPT = 256  # pages whose figures are kept

T = TypeVar("T")


class Recent:
    """Remembers figures under a key, which says whose they are and of which days."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: TTLCache[Hashable, Any] = TTLCache(KEPT, SECONDS, clock)
        self._counting: dict[Hashable, asyncio.Future[Any]] = {}

    async def load(self, key: Hashable, count: Callable[[], Awaitable[T]]) -> T:
        """The figures, counted unless that was just done; who asks for the same meanwhile waits for that count."""
        while (known := self._kept.get(key)) is None and key in self._counting:
            counting = self._counting[key]
            await asyncio.wait([counting])
            if not counting.cancelled():  # else who counted went away
                found: T = counting.result()
                return found
        figures: T = known if known is not None else await self._count(key, count)
        return figures

    def forget(self) -> None:
        """Keep nothing, also of what is being counted: the next page counts."""
        self._kept.clear()
        self._counting.clear()

    async def _count(self, key: Hashable, count: Callable[[], Awaitable[T]]) -> T:
        counting = self._counting[key] = asyncio.get_running_loop().create_future()
        try:
            found = await count()
        except Exception as error:
            counting.set_exception(error)
            counting.exception()  # nobody else may have waited for it
            raise
        else:
            counting.set_result(found)
            if self._counting.get(key) is counting:
                self._kept[key] = found
            return found
        finally:
            counting.cancel()
            if self._counting.get(key) is counting:
                del self._counting[key]
