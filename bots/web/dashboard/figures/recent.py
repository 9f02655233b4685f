"""Recent figures: what was counted for a page stands for a minute, so that a reload counts nothing again."""

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

    async def load(self, key: Hashable, count: Callable[[], Awaitable[T]]) -> T:
        """The figures, counted unless that was just done."""
        known: T | None = self._kept.get(key)
        if known is None:
            known = self._kept[key] = await count()
        return known

    def forget(self) -> None:
        """Keep nothing: the next page counts."""
        self._kept.clear()
