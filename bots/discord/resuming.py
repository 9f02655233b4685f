"""Resuming: a shard goes back to its session also when its first try fails, so that Discord tells what we missed."""

import time
from collections.abc import Callable

from discord.gateway import ReconnectWebSocket
from discord.shard import Shard

RESUMABLE = 300.0  # seconds that we try; Discord says only that a session is kept "for a while"


class Resuming:
    """What a shard does after a failed try. The library would begin a new session, and lose what came meanwhile.

    Its client for a single shard does as we do: https://github.com/Rapptz/discord.py, client.py, connect.
    """

    def __init__(self, shard: Shard, clock: Callable[[], float] = time.monotonic) -> None:
        self._shard = shard
        self._anew = shard.reconnect
        self._clock = clock
        self._lost = shard.ws, clock()

    async def reconnect(self) -> None:
        """Resume while that may be possible, else begin a new session; never raises."""
        ended, since = self._lost
        if ended is not self._shard.ws:
            since = self._clock()
            self._lost = self._shard.ws, since
        if self._shard.ws.session_id is not None and self._clock() - since < RESUMABLE:
            await self._shard.reidentify(ReconnectWebSocket(self._shard.id, resume=True))
        else:
            await self._anew()
