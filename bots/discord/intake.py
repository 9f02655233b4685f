"""Intake: events of the gateway are parsed and stored, one after the other."""

import asyncio
import copy
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import discord

from bots.delivery.at_least_once import persist
from bots.discord import parse
from bots.discord.client import Rest
from bots.discord.directory import Directory
from bots.discord.errors import retry_call
from bots.discord.parse import DIRECT, BotIdentity, ChannelPlace, Json
from core.domain.clock import system_clock
from core.domain.errors import CannotShow
from core.domain.events import Event, Ingest, Missed

log = logging.getLogger(__name__)

WORKSPACE = "discord:{}"
EVENTS = {"READY", "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"}


class Intake:
    """Queue of gateway events, each stored in its turn. `client` is the one that is connected now."""

    def __init__(self, ingest: Ingest, client: Callable[[], discord.Client], directory: Directory, rest: Rest) -> None:
        self._ingest = ingest
        self._client = client
        self._directory = directory
        self._rest = rest
        self._waiting: deque[tuple[str, Json]] = deque()
        self._draining: asyncio.Task[None] | None = None

    def accept(self, name: str, payload: Json) -> None:
        """Queue an event of the gateway."""
        if name not in EVENTS:
            return
        if name.startswith("MESSAGE"):  # the library takes members out of what it is shown, before we read it
            payload = copy.deepcopy(payload)
        self._waiting.append((name, payload))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())

    async def stop(self) -> None:
        if self._draining:
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)

    async def _drain(self) -> None:
        """Store events until the queue is empty."""
        while self._waiting:
            name, payload = self._waiting.popleft()
            try:
                for event in await self._parse(name, payload):
                    await persist(self._ingest, event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                log.error("an event %s can't be read: %s", name, type(error).__name__)
            except Exception:
                log.exception("a bug kept an event %s from being ingested", name)

    async def _parse(self, name: str, payload: Json) -> Iterable[Event]:
        if name == "READY":
            return [_parse_gap(payload)]
        place = await find_place(self._rest, self._client(), payload.get("guild_id"), payload["channel_id"])
        if name.startswith("MESSAGE_DELETE"):
            return parse.parse_deletion(payload, place, system_clock())
        us = self._identify_bot(payload)
        self._directory.note(payload)
        event = (
            parse.parse_post(payload, place, us) if name == "MESSAGE_CREATE" else parse.parse_edit(payload, place, us)
        )
        return [event] if event else []

    def _identify_bot(self, payload: Json) -> BotIdentity:
        client = self._client()
        guild = client.get_guild(int(payload.get("guild_id") or 0))
        return identify_bot(client, guild)


def identify_bot(client: discord.Client, guild: discord.Guild | None) -> BotIdentity:
    """Our identity in a server, and what its roles and channels are called."""
    role = guild.self_role if guild else None
    me = str(client.user.id) if client.user else ""
    roles = frozenset({str(role.id)} if role else ())
    return BotIdentity(me, roles, partial(_find_name, guild), partial(_find_title, guild))


async def find_place(rest: Rest, client: discord.Client, guild: str | int | None, channel: str | int) -> ChannelPlace:
    """The place that a channel is. A thread that we do not know yet is asked for."""
    if guild is None:
        return ChannelPlace(DIRECT, str(channel), str(channel), whole=True)
    server = client.get_guild(int(guild))
    found: object = server.get_channel_or_thread(int(channel)) if server else None
    if found is None:
        try:
            found = await retry_call(lambda: rest.run(lambda: client.fetch_channel(int(channel))))
        except (discord.DiscordException, CannotShow):
            log.warning("channel %s is not known", channel)
    return build_place(guild, channel, found)


def build_place(guild: str | int, channel: str | int, found: object) -> ChannelPlace:
    """The place of a channel in a server, as the library has found it."""
    parent = str(found.parent_id) if isinstance(found, discord.Thread) else str(channel)
    return ChannelPlace(WORKSPACE.format(guild), parent, str(channel), whole=parent != str(channel))


def _find_name(guild: discord.Guild | None, key: str) -> str | None:
    if guild is None:
        return None
    found = guild.get_role(int(key)) or guild.get_channel_or_thread(int(key))
    return found.name if found else None


def _find_title(guild: discord.Guild | None, key: str) -> str:
    """The title of a forum post, and its tags."""
    thread = guild.get_thread(int(key)) if guild else None
    if thread is None or not isinstance(thread.parent, discord.ForumChannel):
        return ""
    tags = ", ".join(tag.name for tag in thread.applied_tags)
    return f"# {thread.name}\n(tags: {tags})" if tags else f"# {thread.name}"


def _parse_gap(payload: Json) -> Missed:
    """A new session: what was said since the last one may be lost, in the servers of its shard."""
    shard, _ = payload.get("shard") or (0, 1)
    servers = {WORKSPACE.format(guild["id"]) for guild in payload["guilds"]} | ({DIRECT} if shard == 0 else set())
    return Missed(payload["session_id"], "discord", frozenset(servers))
