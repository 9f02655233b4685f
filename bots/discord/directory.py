"""Directory of a server's people: cached display names and ranks.

Most of it is what the gateway shows in passing; the rest is asked for.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType

import discord
from cachetools import LRUCache, TTLCache

from bots.delivery.bounded_lookups import RANK_WAIT, UNTOLD, WAIT, look_up, wait_for_rank
from bots.discord.client import Rest
from bots.discord.errors import retry_call, retry_passing, translate_errors
from bots.discord.markup import read_name
from bots.discord.parse import Json
from bots.discord.servers.known import KnownServers
from core.domain.errors import CannotShow, NoAnswer, RateLimited, Uncertain
from core.domain.messages import Rank

NAMES = 10_000  # that we remember, and threads
NAMED = 600.0  # seconds that a name is believed which no message has shown again
SECONDS = 60.0  # that a rank is believed; a command carries what the server says just now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownThread:
    """What a thread always is: below which channel, and whether only those are in it who were invited."""

    parent: str
    private: bool


class Directory:
    """Looks people up, once in a while. `client` is the one that is connected now.

    Members are known from their last message, else the server is asked, once a minute; a rank is read anew from what
    is known of a member, so that it is never older than a minute. Names have a cache of their own, so that many people
    who are only named put out nobody's rank. A thread's ranks are its parent's. `managers` are owners everywhere.
    """

    def __init__(
        self,
        rest: Rest,
        client: Callable[[], discord.Client],
        managers: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
        *,
        deadline: float = WAIT,
        rank_deadline: float = RANK_WAIT,
    ) -> None:
        self._rest = rest
        self._client = client
        self.servers = KnownServers(rest, client, clock)
        self._managers = managers
        self._deadline = deadline
        self._rank_deadline = rank_deadline
        self._names: TTLCache[tuple[str | None, str], str] = TTLCache(NAMES, NAMED, clock)
        self._threads: LRUCache[tuple[str, str], KnownThread] = LRUCache(NAMES)
        self._members: TTLCache[tuple[str, str], Json] = TTLCache(math.inf, SECONDS, clock)
        """Members by server and person, as their last message or the server shows them; empty: no member."""

    def note(self, payload: Json) -> None:
        """Remember whom a message of the gateway shows: its author with their roles, and those it mentions."""
        guild, author, member = payload.get("guild_id"), payload["author"], payload.get("member")
        self._names.update({(guild, person): name for person, name in list_names(payload).items()})
        if member and guild:
            self._members[guild, author["id"]] = {"flags": 0, **member, "user": author}

    async def fetch_names(
        self,
        guild: str | None,
        people: AbstractSet[str],
        first: AbstractSet[str] = frozenset(),
        shown: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, str]:
        """The names of those whom Discord knows, as many as come in time: `first` are looked up before the others.

        Of whom a history has `shown` the account's name, nobody asks for the server's.
        """
        known = {person: self._find_known_name(guild, person) or shown.get(person) for person in people}
        found = {person: name for person, name in known.items() if name}
        unknown = [person for person in people - found.keys() if person.isdigit()]

        async def find_name(person: str) -> None:
            if name := await self._look_up_name(guild, person):
                found[person] = self._names[guild, person] = name

        wanted = sorted(unknown, key=lambda person: (person not in first, person))
        if not await look_up(wanted, find_name, self._deadline):
            log.warning("Discord does not say in time how some of %d people are called", len(wanted))
        return found

    async def fetch_rank(self, guild: str | None, channel: str, person: str, granted: int | None = None) -> Rank:
        """What `person` may do in `channel`. `granted` are their permissions, where the server has just told them.

        Raises NoAnswer where Discord does not say in time.
        """
        if person in self._managers:
            return Rank.OWNER
        if guild is None:
            return Rank.MANAGER
        if granted is not None:
            return read_rank(discord.Permissions(granted))
        return await wait_for_rank(self._fetch_rank(guild, int(channel), person), "Discord", self._rank_deadline)

    async def find_membership(self, guild: str, person: str) -> bool | None:
        """Whether a person is a member of a server; None where Discord does not say."""
        try:
            return bool(await self._fetch_member(guild, person))
        except (discord.HTTPException, RateLimited, Uncertain):
            return None

    async def may_read_past(self, guild: str, channel: str, person: str) -> bool:
        """Whether a person may read what was said in a channel before; not, where Discord does not say in time."""
        granted = await self._fetch_granted(guild, channel, person)
        return granted.view_channel and granted.read_message_history

    async def may_view(self, guild: str, channel: str, person: str) -> bool:
        """Whether a person sees a channel, or a thread, and what is said in it from now on; as `may_read_past`."""
        return (await self._fetch_granted(guild, channel, person)).view_channel

    async def may_see(self, guild: str, channel: str, person: str) -> bool:
        """Whether a person is in a server and sees a channel of it. Raises NoAnswer where Discord does not say."""
        try:
            async with asyncio.timeout(self._rank_deadline):
                member = await self._fetch_server_member(guild, person)
                return member is not None and (await self._fetch_permissions(member, int(channel))).view_channel
        except (discord.DiscordException, RateLimited, Uncertain, TimeoutError):
            raise NoAnswer("Discord does not tell me who is in this channel.") from None

    def list_managers(self, guild: str | None) -> list[str]:
        """Whom the operator named, and who owns a server."""
        server = self.servers.get(guild)
        owner = [str(server.owner_id)] if server and server.owner_id else []
        return [*dict.fromkeys([*sorted(self._managers), *owner])]

    async def fetch_threads(self, guild: str, threads: AbstractSet[str]) -> dict[str, KnownThread]:
        """What the threads of these ids are, as far as there are such and Discord says so in time."""
        found: dict[str, KnownThread] = {}

        async def find_thread(thread: str) -> None:
            if known := await self._fetch_thread(guild, thread):
                found[thread] = self._threads[guild, thread] = known

        await look_up(sorted(filter(str.isdecimal, threads)), find_thread, self._deadline)
        return found

    async def _fetch_thread(self, guild: str, thread: str) -> KnownThread | None:
        if known := self._threads.get((guild, thread)):
            return known
        try:
            if (server := await self.servers.fetch(guild)) is None:
                return None
            found: object = server.get_channel_or_thread(int(thread))
            found = found or await translate_errors(self._rest.run(lambda: server.fetch_channel(int(thread))))
        except (discord.DiscordException, RateLimited, Uncertain, CannotShow):
            return None
        return KnownThread(str(found.parent_id), found.is_private()) if isinstance(found, discord.Thread) else None

    def _find_known_name(self, guild: str | None, person: str) -> str | None:
        """A name that the gateway has shown. Channels, `#ID`, are all known to it, but those that we may not see."""
        client = self._client()
        server = self.servers.get(guild)
        us = (server and server.me) or client.user
        if us and person == str(us.id):
            return us.display_name
        if not person.startswith("#"):
            return self._names.get((guild, person))
        channel = server.get_channel_or_thread(int(person[1:])) if server and person[1:].isdigit() else None
        return channel.name if channel else None

    async def _look_up_name(self, guild: str | None, person: str) -> str | None:
        """The name that the server has for somebody, else their account's."""
        return await self._fetch_name(guild, person) or (await self._fetch_name(None, person) if guild else None)

    async def _fetch_name(self, guild: str | None, person: str) -> str | None:
        try:
            found = await translate_errors(self._rest.fetch_person(guild, person))
        except (discord.HTTPException, RateLimited, Uncertain, CannotShow):
            return None
        return read_name(found, {}) if guild is None else read_name(found["user"], found)

    async def _fetch_member(self, guild: str, person: str) -> Json:
        """A member as the server shows them; empty for who is none. Raises what `translate_errors` does."""
        key = guild, person
        if (known := self._members.get(key)) is None:
            try:
                known = await translate_errors(self._rest.fetch_person(guild, person))
            except (discord.NotFound, CannotShow):  # who is no member, or a server that we are not in
                known = {}
            self._members[key] = known
        return known

    async def _fetch_rank(self, guild: str, channel: int, person: str) -> Rank:
        """In a channel that is closed to us, the least that they are there. Raises NoAnswer where Discord refuses."""
        try:
            member = await self._fetch_server_member(guild, person)
        except (discord.DiscordException, CannotShow) as error:
            raise NoAnswer(UNTOLD.format("Discord")) from error
        if member is None:
            return Rank.GUEST
        try:
            return read_rank(await self._fetch_permissions(member, channel))
        except (discord.DiscordException, CannotShow):
            return Rank.OWNER if read_rank(member.guild_permissions) is Rank.OWNER else Rank.MEMBER

    async def _fetch_granted(self, guild: str, channel: str, person: str) -> discord.Permissions:
        """What a person may do in a channel; nothing, for who is no member, or where Discord does not say in time."""
        try:
            async with asyncio.timeout(self._rank_deadline):
                member = await self._fetch_server_member(guild, person)
                return await self._fetch_permissions(member, int(channel)) if member else discord.Permissions.none()
        except (discord.DiscordException, CannotShow, TimeoutError):
            return discord.Permissions.none()

    async def _fetch_server_member(self, guild: str, person: str) -> discord.Member | None:
        """A member of a server; None for who is none. Raises what the library raises, CannotShow."""
        server = await retry_passing(lambda: self.servers.fetch(guild), asyncio.sleep)
        if server is None:
            raise CannotShow("we are no longer in the server")
        known = await retry_passing(lambda: self._fetch_member(guild, person), asyncio.sleep)
        return discord.Member(data=known, guild=server, state=server._state) if known else None  # type: ignore[arg-type]  # as it came

    async def _fetch_permissions(self, member: discord.Member, channel: int) -> discord.Permissions:
        """What a member may do in a channel. Raises what the library raises, CannotShow."""
        known = member.guild.get_channel_or_thread(channel)
        if known is None:
            known = await retry_call(lambda: self._rest.run(lambda: member.guild.fetch_channel(channel)))
        return known.permissions_for(member)


def read_rank(granted: discord.Permissions) -> Rank:
    """The rank that permissions give: who manages the server is its owner, who manages the channel its manager."""
    if granted.administrator or granted.manage_guild:
        return Rank.OWNER
    return Rank.MANAGER if granted.manage_channels else Rank.MEMBER


def list_names(payload: Json) -> dict[str, str]:
    """By id, the names of everybody whom a message shows: of the server's where they are told, else their accounts'."""
    authors = [] if payload.get("webhook_id") else [(payload["author"], payload.get("member"))]
    mentioned = [(user, user.get("member")) for user in payload.get("mentions") or ()]
    return {user["id"]: read_name(user, member or {}) for user, member in (*authors, *mentioned)}
