"""Known places: whether a channel is a thread, and below which channel; what that is never changes."""

import asyncio
import logging
from collections.abc import Callable

import discord
from cachetools import LRUCache

from bots.discord.client import Rest
from bots.discord.errors import retry_call
from bots.discord.parse import DIRECT, WORKSPACE, ChannelPlace, Json
from bots.discord.servers.known import KnownServers
from bots.ops.rate_limited_log import FirstWarning
from core.domain.errors import CannotShow, RateLimited, Uncertain

PATIENCE = 2.0  # seconds that an event waits until Discord says in what channel it was
CHANNELS = 50_000  # that were asked for and are remembered
SERVERS = 5_000  # whose channels were asked for and are remembered
AT_ONCE = 8  # servers that are asked for side by side: an event waits for its own alone
THREADS = {10, 11, 12}

log = logging.getLogger(__name__)


class KnownPlaces:
    """Finds the place of each message.

    Of a server that nobody tells us of, all channels are asked for at once, when the first message comes; a channel
    that is still unknown then is new, or a thread that was closed, and is asked for by itself.
    """

    def __init__(self, rest: Rest, client: Callable[[], discord.Client], servers: KnownServers) -> None:
        self._rest = rest
        self._client = client
        self._servers = servers
        self._parents: LRUCache[str, str] = LRUCache(CHANNELS)
        """By channel, the one below which it hangs; its own id, where it is no thread."""
        self._listed: LRUCache[str, asyncio.Task[None]] = LRUCache(SERVERS)
        """By server, what asks for its channels, or has."""
        self._warned = FirstWarning()
        self._turns = asyncio.Semaphore(AT_ONCE)

    def expect(self, guild: str, channel: str) -> None:
        """A message came from there: ask for what is needed, while those before it are stored."""
        if guild not in self._listed and not self._servers.hears(guild) and not self._find_known_parent(guild, channel):
            self._listed[guild] = asyncio.create_task(self._list_channels(guild), name=f"channels of {guild}")

    async def stop(self) -> None:
        asking = [task for task in self._listed.values() if not task.done()]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def find(self, guild: str | None, channel: str, *, names_us: bool = False) -> ChannelPlace:
        """The place that a channel is. `names_us`: what its server calls its roles and channels is asked for, too."""
        if guild is None:
            return ChannelPlace(DIRECT, channel, channel, whole=True)
        if names_us and not self._servers.hears(guild):
            await self._look_up_server(guild)
        parent = self._find_known_parent(guild, channel)
        if parent is None:
            parent = await self._ask_parent(guild, channel)
        return ChannelPlace(WORKSPACE.format(guild), parent, channel, whole=parent != channel)

    async def _look_up_server(self, guild: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):  # or all events behind this one would wait
                await self._servers.fetch(guild)
        except (TimeoutError, discord.DiscordException, CannotShow, RateLimited, Uncertain):
            log.log(self._warned.choose_level("server", guild), "server %s is not known", guild)

    def _find_known_parent(self, guild: str, channel: str) -> str | None:
        server = self._servers.get(guild)
        found = server.get_channel_or_thread(int(channel)) if server else None
        return _find_parent(found) if found else self._parents.get(channel)

    async def _list_channels(self, guild: str) -> None:
        """Ask for a server's channels; where that fails, each is asked for by itself."""
        try:
            async with self._turns:
                listed = await retry_call(lambda: self._rest.list_channels(guild))
            self._parents.update((one["id"], _read_parent(one)) for one in listed)
        except (discord.DiscordException, CannotShow, LookupError) as error:
            log.warning("the channels of server %s are not known (%s)", guild, type(error).__name__)

    async def _ask_parent(self, guild: str, channel: str) -> str:
        client = self._client()
        self.expect(guild, channel)
        try:
            async with asyncio.timeout(PATIENCE):
                if listing := self._listed.get(guild):
                    await asyncio.shield(listing)
                if known := self._parents.get(channel):
                    return known
                found = await retry_call(lambda: self._rest.run(lambda: client.fetch_channel(int(channel))))
        except (TimeoutError, discord.DiscordException, CannotShow):
            log.log(self._warned.choose_level("channel", channel), "channel %s is not known", channel)
            return channel
        parent = self._parents[channel] = _find_parent(found)
        return parent


def _find_parent(found: discord.abc.GuildChannel | discord.abc.PrivateChannel | discord.Thread) -> str:
    return str(found.parent_id if isinstance(found, discord.Thread) else found.id)


def _read_parent(channel: Json) -> str:
    return str(channel["parent_id"] if channel["type"] in THREADS else channel["id"])
