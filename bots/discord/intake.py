"""Hearing: what the gateway says is told to the house, one event after the other."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import discord

from bots.delivery.at_least_once import persist
from bots.discord import parse
from bots.discord.client import Rest
from bots.discord.errors import retry_call
from bots.discord.names import Names
from bots.discord.parse import DIRECT, ChannelPlace, Json, Us
from bots.discord.ranks import Ranks
from core.domain.clock import system_clock
from core.domain.errors import CannotShow
from core.domain.events import Event, Ingest, Missed

log = logging.getLogger(__name__)

WORKSPACE = "discord:{}"
TOLD = {"READY", "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"}


class Hearing:
    """Keeps events in their order until each is safe on disk. `client` is the one that is connected now."""

    def __init__(
        self, ingest: Ingest, client: Callable[[], discord.Client], names: Names, ranks: Ranks, rest: Rest
    ) -> None:
        self._hear = ingest
        self._client = client
        self._names = names
        self._ranks = ranks
        self._rest = rest
        self._waiting: deque[tuple[str, Json]] = deque()
        self._telling: asyncio.Task[None] | None = None

    def tell(self, name: str, payload: Json) -> None:
        """Take an event of the gateway."""
        if name not in TOLD:
            return
        self._waiting.append((name, payload))
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def stop(self) -> None:
        if self._telling:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    async def _tell(self) -> None:
        """Tell all that waits."""
        while self._waiting:
            name, payload = self._waiting.popleft()
            try:
                for event in await self._events(name, payload):
                    await persist(self._hear, event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                log.error("an event %s can't be read: %s", name, type(error).__name__)
            except Exception:
                log.exception("a bug kept an event %s from being heard", name)

    async def _events(self, name: str, payload: Json) -> Iterable[Event]:
        if name == "READY":
            return [_gap(payload)]
        place = await standing(self._rest, self._client(), payload.get("guild_id"), payload["channel_id"])
        if name.startswith("MESSAGE_DELETE"):
            return parse.deleted(payload, place, system_clock())
        us = self._us(payload)
        self._names.note(payload)
        self._ranks.note(payload)
        event = parse.said(payload, place, us) if name == "MESSAGE_CREATE" else parse.edited(payload, place, us)
        return [event] if event else []

    def _us(self, payload: Json) -> Us:
        client = self._client()
        guild = client.get_guild(int(payload.get("guild_id") or 0))
        return us(client, guild)


def us(client: discord.Client, guild: discord.Guild | None) -> Us:
    """Who we are in a server, and what its roles and channels are called."""
    role = guild.self_role if guild else None
    me = str(client.user.id) if client.user else ""
    return Us(me, frozenset({str(role.id)} if role else ()), partial(_named, guild))


async def standing(rest: Rest, client: discord.Client, guild: str | int | None, channel: str | int) -> ChannelPlace:
    """The place that a channel is. A thread that we do not know yet is asked for."""
    if guild is None:
        return ChannelPlace(DIRECT, str(channel), str(channel), whole=True)
    house = client.get_guild(int(guild))
    found: object = house.get_channel_or_thread(int(channel)) if house else None
    if found is None:
        try:
            found = await retry_call(lambda: rest.run(lambda: client.fetch_channel(int(channel))))
        except (discord.DiscordException, CannotShow):
            log.warning("channel %s is not known", channel)
    return place(guild, channel, found)


def place(guild: str | int, channel: str | int, found: object) -> ChannelPlace:
    """The place of a channel in a server, as the library has found it."""
    parent = str(found.parent_id) if isinstance(found, discord.Thread) else str(channel)
    return ChannelPlace(WORKSPACE.format(guild), parent, str(channel), whole=parent != str(channel))


def _named(guild: discord.Guild | None, key: str) -> str | None:
    if guild is None:
        return None
    found = guild.get_role(int(key)) or guild.get_channel_or_thread(int(key))
    return found.name if found else None


def _gap(payload: Json) -> Missed:
    """A new session: what was said since the last one may be lost, in the servers of its shard."""
    shard, _ = payload.get("shard") or (0, 1)
    servers = {WORKSPACE.format(guild["id"]) for guild in payload["guilds"]} | ({DIRECT} if shard == 0 else set())
    return Missed(payload["session_id"], "discord", frozenset(servers))
