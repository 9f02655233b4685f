"""Known places: whether a channel is a thread, and below which channel; what that is never changes."""

import asyncio
import logging
from collections.abc import Callable

import discord
from cachetools import LRUCache

from bots.discord.client import Rest
from bots.discord.errors import retry_call
from bots.discord.parse import DIRECT, WORKSPACE, ChannelPlace
from bots.discord.servers.known import KnownServers
from core.domain.errors import CannotShow, RateLimited, Uncertain

PATIENCE = 2.0  # seconds that an event waits until Discord says in what channel it was
CHANNELS = 10_000  # that were asked for and are remembered

log = logging.getLogger(__name__)


class KnownPlaces:
    """Finds the place of each message. A channel that nobody has told us of is asked for, once."""

    def __init__(self, rest: Rest, client: Callable[[], discord.Client], servers: KnownServers) -> None:
        self._rest = rest
        self._client = client
        self._servers = servers
        self._parents: LRUCache[str, str] = LRUCache(CHANNELS)
        """By channel, the one below which it hangs; its own id, where it is no thread."""

    async def find(self, guild: str | None, channel: str, *, names_us: bool = False) -> ChannelPlace:
        """The place that a channel is. `names_us`: what its server calls its roles and channels is asked for, too."""
        if guild is None:
            return ChannelPlace(DIRECT, channel, channel, whole=True)
        if names_us and not self._servers.hears(guild):
            await self._look_up_server(guild)
        parent = self._find_told_parent(guild, channel) or self._parents.get(channel)
        if parent is None:
            parent = await self._ask_parent(channel)
        return ChannelPlace(WORKSPACE.format(guild), parent, channel, whole=parent != channel)

    async def _look_up_server(self, guild: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):  # or all events behind this one would wait
                await self._servers.fetch(guild)
        except (TimeoutError, discord.DiscordException, CannotShow, RateLimited, Uncertain):
            log.warning("server %s is not known", guild)

    def _find_told_parent(self, guild: str, channel: str) -> str | None:
        server = self._servers.get(guild)
        found = server.get_channel_or_thread(int(channel)) if server else None
        return _find_parent(found) if found else None

    async def _ask_parent(self, channel: str) -> str:
        client = self._client()
        try:
            async with asyncio.timeout(PATIENCE):
                found = await retry_call(lambda: self._rest.run(lambda: client.fetch_channel(int(channel))))
        except (TimeoutError, discord.DiscordException, CannotShow):
            log.warning("channel %s is not known", channel)
            return channel
        parent = self._parents[channel] = _find_parent(found)
        return parent


def _find_parent(found: object) -> str:
    if isinstance(found, discord.Thread):
        return str(found.parent_id)
    assert isinstance(found, discord.abc.Snowflake)
    return str(found.id)
