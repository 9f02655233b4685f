"""Intake: events of the gateway are parsed and stored, one after the other."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import discord

from bots.delivery.at_least_once import persist
from bots.discord import formatting, parse
from bots.discord.admission import Admission
from bots.discord.client import Body, Rest
from bots.discord.directory import Directory
from bots.discord.errors import translate_errors
from bots.discord.parse import DIRECT, WORKSPACE, BotIdentity, ChannelPlace, ForumPost, Json
from bots.discord.servers.membership import Membership
from bots.discord.servers.places import KnownPlaces
from bots.discord.shards.progress import Arrival, SessionProgress
from core.domain.clock import system_clock
from core.domain.errors import CannotShow, RateLimited, Uncertain
from core.domain.events import Edited, Event, Ingest, Missed, Posted
from core.domain.messages import Asks

log = logging.getLogger(__name__)

SERVERS = {"GUILD_CREATE", "GUILD_DELETE"}
EVENTS = {"READY", "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK", *SERVERS}


class Intake:
    """Two queues of gateway events, each stored in its turn. `client` is the one that is connected now.

    Direct messages have a queue of their own: whether their authors share a server with us may have to be asked for,
    and no server waits for that.
    """

    def __init__(
        self,
        ingest: Ingest,
        client: Callable[[], discord.Client],
        directory: Directory,
        rest: Rest,
        admission: Admission,
        *,
        membership: Membership,
        progress: SessionProgress,
    ) -> None:
        self._ingest = ingest
        self._client = client
        self._directory = directory
        self._rest = rest
        self._admission = admission
        self._membership = membership
        self._progress = progress
        self._places = KnownPlaces(rest, client, directory.servers)
        self._queues: tuple[deque[tuple[str, Json, Arrival | None]], ...] = (deque(), deque())
        self._draining: list[asyncio.Task[None] | None] = [None, None]
        self._declining: set[asyncio.Task[None]] = set()
        self._storing: set[asyncio.Task[None]] = set()

    def accept(self, name: str, payload: Json) -> None:
        """Queue an event of the gateway."""
        if name not in EVENTS or (name in SERVERS and not self._concerns_us(name, payload)):
            return
        mark = self._progress.begin(name, payload)
        if name == "READY":
            self._membership.begin_review(payload, system_clock())
        if name in SERVERS:  # with its time, as the queue may be long; of a server's thousands of fields the id is used
            self._membership.note(payload["id"], inside=name == "GUILD_CREATE")
            payload = {"id": payload["id"], "at": system_clock(), "back": self._is_back(name, payload)}
        guild = payload.get("guild_id")
        if name.startswith("MESSAGE") and guild and self._admission.admits_server(guild):
            self._places.expect(guild, payload["channel_id"])
        lane = int(name.startswith("MESSAGE") and guild is None)
        self._queues[lane].append((name, payload, mark))
        draining = self._draining[lane]
        if draining is None or draining.done():
            self._draining[lane] = asyncio.create_task(self._drain(self._queues[lane]))

    async def stop(self) -> None:
        await self._membership.stop()
        await self._places.stop()
        running = [task for task in (*self._draining, *self._declining, *self._storing) if task]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _drain(self, waiting: deque[tuple[str, Json, Arrival | None]]) -> None:
        """Store events until the queue is empty. What is told of our own messages holds up no others."""
        while waiting:
            name, payload, mark = waiting.popleft()
            events = await self._read(name, payload)
            if not any(isinstance(one, Posted | Edited) and one.message.mine for one in events):
                await self._store(name, events, mark)
                continue
            storing = asyncio.create_task(self._store(name, events, mark))
            self._storing.add(storing)
            storing.add_done_callback(self._storing.discard)
            await asyncio.sleep(0)  # so that it is asked for before what follows it is

    async def _read(self, name: str, payload: Json) -> Sequence[Event]:
        try:
            return [*await self._parse(name, payload)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.error("an event %s can't be read: %s", name, type(error).__name__)
        except Exception:
            log.exception("a bug kept an event %s from being read", name)
        return ()

    async def _store(self, name: str, events: Iterable[Event], mark: Arrival | None) -> None:
        try:
            for event in events:
                await persist(self._ingest, event)
        except Exception:
            log.exception("a bug kept an event %s from being ingested", name)
        self._progress.end(mark)

    async def _parse(self, name: str, payload: Json) -> Iterable[Event]:
        if name == "READY":
            return _parse_gap(payload, self._admission)
        if name in SERVERS:
            change = self._membership.join if name == "GUILD_CREATE" else self._membership.leave
            await change(payload["id"], payload["at"])
            return _parse_outage(payload, self._admission) if payload["back"] else []
        if name.startswith("MESSAGE_DELETE"):
            place, us = await self._find_place(payload), self._identify_bot(payload)
            return parse.parse_deletion(payload, place, system_clock(), us)
        payload.setdefault("type", parse.PLAIN)  # of an update that tells the words of a message, and not all else
        if not (parse.is_whole(payload) and await self._admit(name, payload)):
            return []
        place = await self._find_place(payload)
        us = self._identify_bot(payload)  # of a server that was asked for just now, too
        if payload["author"]["id"] != us.id:
            self._directory.note(payload)
        event = (
            parse.parse_post(payload, place, us) if name == "MESSAGE_CREATE" else parse.parse_edit(payload, place, us)
        )
        return [event] if event else []

    def _is_back(self, name: str, payload: Json) -> bool:
        return name == "GUILD_CREATE" and self._directory.servers.is_back(payload)

    def _concerns_us(self, name: str, payload: Json) -> bool:
        """Whether a server is back, or we joined it or left it. One that is out of reach for a while is none of these.

        Of a session that another process began we do not know which servers it had; to join one again changes nothing.
        """
        if name == "GUILD_CREATE":
            joined = payload["id"] not in self._membership or not self._directory.servers.hears(payload["id"])
            return joined or self._is_back(name, payload)
        return not payload.get("unavailable")

    async def _find_place(self, payload: Json) -> ChannelPlace:
        """Where a message stands. What is deleted where we do not answer is forgotten as well, without a request."""
        guild, channel = payload.get("guild_id"), payload["channel_id"]
        if guild is None or self._admission.admits_server(guild):
            return await self._places.find(guild, channel, names_us=self._names_us(payload))
        server = self._directory.servers.get(guild)
        return build_place(guild, channel, server.get_channel_or_thread(int(channel)) if server else None)

    async def _admit(self, name: str, payload: Json) -> bool:
        """Whether we listen there. A question that is not heard is declined, in one sentence a server or person."""
        us, author = self._identify_bot(payload), payload["author"]
        if author["id"] == us.id:
            return payload.get("guild_id") is None or self._admission.admits_server(payload["guild_id"])
        why = await self._admission.explain_refusal(payload.get("guild_id"), author["id"])
        if not why:
            return True
        place = build_place(payload.get("guild_id") or "@me", payload["channel_id"], None)
        asks = name == "MESSAGE_CREATE" and parse.classify_question(payload, place, us) is Asks.CERTAINLY
        if asks and self._admission.is_untold(why, payload.get("guild_id") or author["id"]):
            declining = asyncio.create_task(self._decline(payload, why))
            self._declining.add(declining)
            declining.add_done_callback(self._declining.discard)
        return False

    async def _decline(self, payload: Json, why: str) -> None:
        text, message = formatting.mark_notice(why), payload["id"]
        try:
            await translate_errors(self._rest.post(payload["channel_id"], Body(text), message, message))
        except (discord.HTTPException, CannotShow, RateLimited, Uncertain) as error:
            log.warning("where we do not answer that could not be said: %s", error)

    def _identify_bot(self, payload: Json) -> BotIdentity:
        return identify_bot(self._client(), self._directory.servers.get(payload.get("guild_id")))

    def _names_us(self, payload: Json) -> bool:
        """Whether a message may ask us, so that what its server calls its roles and channels is wanted."""
        us = self._client().user
        named = {one["id"] for one in payload.get("mentions") or ()}
        return bool(payload.get("mention_roles")) or (us is not None and str(us.id) in named)


def identify_bot(client: discord.Client, guild: discord.Guild | None) -> BotIdentity:
    """Our identity in a server, and what its roles and channels are called."""
    role = guild.self_role if guild else None
    me = str(client.user.id) if client.user else ""
    roles = frozenset({str(role.id)} if role else ())
    return BotIdentity(me, roles, partial(_find_name, guild), partial(_find_post, guild))


def build_place(guild: str | int, channel: str | int, found: object) -> ChannelPlace:
    """The place of a channel in a server, as the library has found it."""
    parent = str(found.parent_id) if isinstance(found, discord.Thread) else str(channel)
    return ChannelPlace(WORKSPACE.format(guild), parent, str(channel), whole=parent != str(channel))


def _find_name(guild: discord.Guild | None, key: str) -> str | None:
    if guild is None:
        return None
    found = guild.get_role(int(key)) or guild.get_channel_or_thread(int(key))
    return found.name if found else None


def _find_post(guild: discord.Guild | None, key: str) -> ForumPost | None:
    thread = guild.get_thread(int(key)) if guild else None
    if thread is None or not isinstance(thread.parent, discord.ForumChannel):
        return None
    tags = ", ".join(tag.name for tag in thread.applied_tags)
    return ForumPost(f"# {thread.name}\n(tags: {tags})" if tags else f"# {thread.name}", str(thread.owner_id))


def _parse_gap(payload: Json, admission: Admission) -> list[Missed]:
    """A new session: what was said since the last one may be lost, in the allowed servers of its shard."""
    shard, _ = payload.get("shard") or (0, 1)
    allowed = {WORKSPACE.format(one["id"]) for one in payload["guilds"] if admission.admits_server(one["id"])}
    servers = frozenset(allowed | ({DIRECT} if shard == 0 else set()))
    return [Missed(payload["session_id"], "discord", servers)] if servers else []  # none named would mean all


def _parse_outage(payload: Json, admission: Admission) -> list[Missed]:
    """A server is back: nobody told us what was said in it, and what was missed before could not be looked for."""
    admitted = admission.admits_server(payload["id"])
    return [Missed(secrets.token_hex(8), "discord", frozenset({WORKSPACE.format(payload["id"])}))] if admitted else []
