"""The client: the library's own, which tells us what the gateway says and survives what it can't read."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands

from bots.discord import slash
from bots.discord.invite import build_intents
from bots.discord.parse import Json
from bots.discord.resuming import Resuming
from bots.discord.shielded_calls import Inflight
from core.domain.errors import StoreUnavailable
from core.store.protocols import Notes

SILENCE = 60.0  # seconds; the gateway wants a heartbeat every 41
NOTE = "discord:commands:{}"

Tell = Callable[[str, Json], None]
"""Hears the name and the payload of each event of the gateway, in order."""

log = logging.getLogger(__name__)


class Client(discord.AutoShardedClient):
    """Notifies nobody, caches no messages, and syncs its commands only when they changed.

    `inflight` keeps its requests within Discord's limits, and `trace` is told of each. `quick` waits neither between
    shards nor for servers that come late; for servers of one's own. After `silence` seconds without a word of the
    gateway's, which answers each heartbeat, it connects anew.
    """

    def __init__(
        self,
        tell: Tell,
        notes: Notes,
        *,
        content: bool,
        shards: tuple[Sequence[int] | None, int | None] = (None, None),
        inflight: Inflight,
        trace: aiohttp.TraceConfig,
        quick: bool = False,
        silence: float = SILENCE,
    ) -> None:
        options: dict[str, Any] = {"shard_ids": list(shards[0])} if shards[0] else {}
        super().__init__(
            intents=build_intents(content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            shard_count=shards[1],
            http_trace=inflight.trace_requests(trace),
            guild_ready_timeout=0.01 if quick else 2.0,
            heartbeat_timeout=silence,
            **options,
        )
        self.tree = app_commands.CommandTree(self)
        self.online: Callable[[], None] = lambda: None
        """Called once we are logged in, and may make requests."""
        self._notes = notes
        self._inflight = inflight
        self._quick = quick
        self._guard(tell)

    def _guard(self, tell: Tell) -> None:
        """Hear payloads as they come.

        The library has no hook for them that keeps their order, and lets what it can't read end the connection:
        https://github.com/Rapptz/discord.py, gateway.py, received_message.
        """
        parsers = self._connection.parsers
        for name, parse in list(parsers.items()):
            parsers[name] = partial(_guarded, name, (partial(tell, name), parse))

    async def setup_hook(self) -> None:
        """Commands are synced here, once a connection: `on_ready` comes again with each new session."""
        self.online()
        note = NOTE.format(self.application_id)
        try:
            known = await self._notes.get(note)
            synced = await self._inflight.run(lambda: slash.sync(self.tree, known))
            if synced != known:
                await self._notes.put(note, synced)
        except (discord.DiscordException, OSError, StoreUnavailable) as error:
            log.error("commands could not be synced, the old ones stay: %s", type(error).__name__)

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        await super().launch_shard(gateway, shard_id, initial=initial)
        shard = self.shards[shard_id]._parent  # the library has no hook for this either
        shard.reconnect = Resuming(shard).reconnect  # type: ignore[method-assign]  # that is the point

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not self._quick:
            await super().before_identify_hook(shard_id, initial=initial)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.exception("a bug in %s", event_method)


def _guarded(name: str, steps: Sequence[Callable[[Json], object]], payload: Json) -> None:
    """Each step, whatever became of the one before. What is logged holds no word of anybody's."""
    for step in steps:  # one event may not end all others
        try:
            step(payload)
        except Exception as error:
            log.error("an event %s can't be read: %s", name, type(error).__name__)
