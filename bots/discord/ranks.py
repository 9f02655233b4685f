"""Ranks: what a person may do in a channel, on the server's word."""

import time
from collections.abc import Callable

import discord

from bots.discord.client import Rest
from bots.discord.errors import retry_call
from bots.discord.parse import Json
from core.domain.errors import CannotShow
from core.domain.messages import Rank

BELIEVED = 60.0  # seconds; a command carries what the server says just now


def rank(granted: discord.Permissions) -> Rank:
    """Who manages the server is its owner here, who manages the channel is its manager."""
    if granted.administrator or granted.manage_guild:
        return Rank.OWNER
    return Rank.MANAGER if granted.manage_channels else Rank.MEMBER


class Ranks:
    """Knows it from somebody's last message, else asks the server, once a minute for each person in each channel.

    A thread's ranks are its parent's.
    """

    def __init__(
        self, rest: Rest, client: Callable[[], discord.Client], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rest = rest
        self._client = client
        self._now = now
        self._known: dict[tuple[str, str, str], tuple[float, Rank]] = {}
        self._shown: dict[tuple[str, str], tuple[float, Json]] = {}

    def note(self, payload: Json) -> None:
        """Remember what a message of the gateway shows of its author: the roles that they have just now."""
        member, guild, author = payload.get("member"), payload.get("guild_id"), payload["author"]
        if member and guild:
            now = self._now()
            self._shown.pop((guild, author["id"]), None)
            self._shown[guild, author["id"]] = now + BELIEVED, {"flags": 0, **member, "user": author}
            while (oldest := next(iter(self._shown.items())))[1][0] <= now:
                del self._shown[oldest[0]]

    async def of(self, guild: str, channel: str, person: str) -> Rank:
        now = self._now()
        self._known = {key: known for key, known in self._known.items() if known[0] > now}
        if (guild, channel, person) not in self._known:
            found = await self._asked(int(guild), int(channel), int(person))
            self._known[guild, channel, person] = now + BELIEVED, found
        return self._known[guild, channel, person][1]

    async def _asked(self, guild: int, channel: int, person: int) -> Rank:
        client = self._client()
        await client.wait_until_ready()
        house = client.get_guild(guild)
        if house is None:
            return Rank.MEMBER
        try:
            member = self._member(house, person)
            if member is None:
                member = await retry_call(lambda: self._rest.run(lambda: house.fetch_member(person)))
            known = house.get_channel_or_thread(channel)
            if known is None:
                known = await retry_call(lambda: self._rest.run(lambda: house.fetch_channel(channel)))
            return rank(known.permissions_for(member))
        except discord.NotFound:
            return Rank.GUEST
        except (discord.DiscordException, CannotShow):
            return Rank.MEMBER

    def _member(self, house: discord.Guild, person: int) -> discord.Member | None:
        """Somebody as their last message shows them, if that is not long ago."""
        until, shown = self._shown.get((str(house.id), str(person)), (0.0, {}))
        if until <= self._now():
            return None
        return discord.Member(data=shown, guild=house, state=house._state)  # type: ignore[arg-type]  # as it came
