"""Gateway: the library's client, which hands on every event, survives unreadable ones, and resumes lost sessions."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import ReconnectWebSocket
from discord.shard import Shard

from bots.discord import slash
from bots.discord.invite import build_intents
from bots.discord.parse import Json
from bots.discord.shielded_calls import Inflight
from core.domain.errors import StoreUnavailable
from core.domain.platform import Connected, ignore_connected
from core.store.protocols import Notes

SILENCE = 60.0  # seconds; the gateway wants a heartbeat every 41
RESUMABLE = 300.0  # seconds that we try; Discord says only that a session is kept "for a while"
OURS = {"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"}
"""What the library would make messages of that nobody reads; and it can't read an update that tells a part of one."""
NOTE = "discord:commands:{}"
UNUSED = ("presences", "voice_states", "stage_instances", "guild_scheduled_events", "soundboard_sounds", "emojis")
"""What a server is told with, and nobody here reads: the library would keep it as long as we are in there."""
CONNECTING = {"READY", "RESUMED", "GUILD_CREATE", "GUILD_DELETE"}
"""What may let us answer, once the library has read it."""
UNHEARD = ("STAGE_INSTANCE_CREATE", "STAGE_INSTANCE_UPDATE", "STAGE_INSTANCE_DELETE")

Accept = Callable[[str, Json], None]
"""Takes the name and the payload of each event of the gateway, in order."""

log = logging.getLogger(__name__)


class Client(discord.AutoShardedClient):
    """Notifies nobody, caches no messages and no members but ourselves, and syncs its commands only when they changed.

    `inflight` keeps its requests within Discord's limits, and `trace` sees each. `quick` waits neither between
    shards nor for servers that come late; for servers of one's own. After `silence` seconds without a word of the
    gateway's, which answers each heartbeat, it connects anew.
    """

    def __init__(
        self,
        accept: Accept,
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
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody here speaks
        super().__init__(
            intents=build_intents(content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            shard_count=shards[1],
            http_trace=inflight.trace_requests(trace),
            guild_ready_timeout=0.01 if quick else 2.0,
            heartbeat_timeout=silence,
            **options,
        )
        self.tree = app_commands.CommandTree(self)
        self.online: Callable[[], None] = lambda: None
        """Called once we are logged in, and may make requests."""
        self.connected: Connected = ignore_connected
        """Called whenever a shard is connected, and has told us of its servers."""
        self._untold = UntoldServers()
        self._sockets: dict[int, object] = {}
        """By shard, the connection on which its session began, or was taken up."""
        self._notes = notes
        self._inflight = inflight
        self._quick = quick
        self._guard(accept)

    def _guard(self, accept: Accept) -> None:
        """Hand payloads on as they come.

        The library has no hook for them that keeps their order, and lets what it can't read end the connection:
        https://github.com/Rapptz/discord.py, gateway.py, received_message.
        """
        parsers = self._connection.parsers
        for name in UNHEARD:
            del parsers[name]
        for name, parse in list(parsers.items()):
            theirs = () if name in OURS else (parse,)
            if name == "GUILD_CREATE":
                theirs = (trim_server, *theirs)
            if name in CONNECTING:
                theirs = (*theirs, partial(self._note_connection, name))
            parsers[name] = partial(_run_guarded, name, (partial(accept, name), *theirs))

    def _note_connection(self, name: str, payload: Json) -> None:
        if name in {"READY", "RESUMED"}:
            shard = find_session_shard(payload)
            held = self.get_shard(shard)
            self._sockets[shard] = held._parent.ws if held else None  # the library tells of it nowhere else
        if self._untold.note(name, payload):
            self._note_whole()

    def _note_whole(self) -> None:
        """A shard has told us of all its servers. We are ready when each has: the library waits two seconds more."""
        if set(self._connection.shard_ids) <= set(self._untold.list_whole()):
            self._handle_ready()
        self.connected()

    async def on_shard_ready(self, shard: int) -> None:
        """Wait no longer for servers in an outage: the library did, two seconds from the last that it was told of."""
        self._untold.give_up(shard)
        self._note_whole()

    @property
    def trouble(self) -> str:
        """Which shards are not connected, or have not told us of their servers yet; empty while all are and have."""
        lost = sorted(set(self._connection.shard_ids) - set(self._list_heard()))
        return f"shards not connected: {', '.join(map(str, lost))}" if lost else ""

    @property
    def reachable(self) -> bool:
        """Whether a shard is connected, and has told us of its servers.

        Then Discord is there, and answers are shown by requests: of servers of other shards it is asked.
        """
        return any(True for _ in self._list_heard())

    def hears(self, server: int) -> bool:
        """Whether the gateway tells us now what is in a server, if we are in it at all.

        Not of a shard that is not connected, though much of its servers is known: how they are now nobody tells.
        """
        shard = (server >> 22) % (self.shard_count or 1)
        return self._is_live(shard) and self._untold.has_begun(shard)

    def awaits(self, server: int) -> bool:
        """Whether a session has just announced a server, and not told us of it yet."""
        return self._untold.awaits(server)

    def _list_heard(self) -> Iterator[int]:
        """The shards that are connected, and have told us of their servers."""
        return filter(self._is_live, self._untold.list_whole())

    def _is_live(self, shard: int) -> bool:
        """Whether a shard is in a session; on a new connection it is not until the gateway says so."""
        held = self.get_shard(shard)
        return held is not None and not held.is_closed() and held._parent.ws is self._sockets.get(shard)

    async def leave(self) -> None:
        """Leave the gateway. Requests can still be made: answers under way need it."""
        await asyncio.gather(*(shard.disconnect() for shard in self.shards.values()))

    async def setup_hook(self) -> None:
        """Commands are synced here, once a connection: `on_ready` comes again with each new session."""
        self._inflight.guard_limit(self.http)
        self.online()
        note = NOTE.format(self.application_id)
        try:
            known = await self._notes.get(note)
            synced = await self._inflight.run(lambda: slash.sync_commands(self.tree, known))
            if synced != known:
                await self._notes.put(note, synced)
        except (discord.DiscordException, OSError, StoreUnavailable) as error:
            log.error("commands could not be synced, the old ones stay: %s", type(error).__name__)

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        await super().launch_shard(gateway, shard_id, initial=initial)
        shard = self.shards[shard_id]._parent  # the library has no hook for this either
        resumer = SessionResumer(shard)
        shard.reidentify = resumer.reidentify  # type: ignore[method-assign]  # that is the point
        shard.reconnect = resumer.reconnect  # type: ignore[method-assign]

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not self._quick:
            await super().before_identify_hook(shard_id, initial=initial)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.exception("a bug in %s", event_method)


class SessionResumer:
    """What a shard does that lost its connection, and after a failed try.

    Then the library would begin a new session, and lose what came meanwhile; and where no session had begun yet, it
    would ask for one that is none to be resumed, without end.

    Its client for a single shard does as we do: https://github.com/Rapptz/discord.py, client.py, connect.
    """

    def __init__(self, shard: Shard, clock: Callable[[], float] = time.monotonic) -> None:
        self._shard = shard
        self._anew, self._again = shard.reconnect, shard.reidentify
        self._clock = clock
        self._lost = shard.ws, clock()

    async def reidentify(self, exc: ReconnectWebSocket) -> None:
        """Resume, or begin a new session, as `exc` has it; never raises."""
        resumes = exc.resume and self._shard.ws.session_id is not None
        await self._again(ReconnectWebSocket(self._shard.id, resume=resumes))

    async def reconnect(self) -> None:
        """Resume while that may be possible, else begin a new session; never raises."""
        ended, since = self._lost
        if ended is not self._shard.ws:
            since = self._clock()
            self._lost = self._shard.ws, since
        if self._shard.ws.session_id is not None and self._clock() - since < RESUMABLE:
            await self._again(ReconnectWebSocket(self._shard.id, resume=True))
        else:
            await self._anew()


class UntoldServers:
    """By shard, the servers that its session has announced and not told us of yet."""

    def __init__(self) -> None:
        self._untold: dict[int, set[int] | None] = {}
        """None in a session that another process began, which tells of no server."""

    def note(self, name: str, payload: Json) -> bool:
        """Note that a session goes on, what it tells of a server, or that one is out of reach.

        Whether its shard has told of all that it will tell, by that.
        """
        if name == "RESUMED":
            return not self._untold.setdefault(find_session_shard(payload), None)
        if name == "READY":
            waiting = self._untold[find_session_shard(payload)] = {int(one["id"]) for one in payload["guilds"]}
            return not waiting
        server = int(payload["id"])
        among = next((one for one in self._untold.values() if one and server in one), None)
        if among is None:
            return False
        among.discard(server)
        return not among

    def has_begun(self, shard: int) -> bool:
        """Whether a shard's session began here, so that it tells of its servers."""
        return self._untold.get(shard) is not None

    def awaits(self, server: int) -> bool:
        return any(untold and server in untold for untold in self._untold.values())

    def list_whole(self) -> Iterator[int]:
        """The shards that have told of all their servers."""
        return (shard for shard, untold in self._untold.items() if not untold)

    def give_up(self, shard: int) -> None:
        """Wait for no server of a shard any more."""
        if self._untold.get(shard):
            self._untold[shard] = set()

    def forget(self, shard: int) -> None:
        """A shard's session is left."""
        self._untold.pop(shard, None)


def find_session_shard(payload: Json) -> int:
    """The shard whose session begins (READY), or is taken up (RESUMED, which the library tells by a key of its own)."""
    number: int = payload["shard"][0] if payload.get("shard") else payload.get("__shard_id__", 0)
    return number


def trim_server(payload: Json) -> None:
    """Take out of what a server is told with what nobody here reads, topics too."""
    for name in UNUSED:
        payload.pop(name, None)
    for channel in payload.get("channels") or ():
        channel.pop("topic", None)


def _run_guarded(name: str, steps: Sequence[Callable[[Json], object]], payload: Json) -> None:
    """Each step, whatever became of the one before. What is logged holds no word of anybody's."""
    for step in steps:  # one event may not end all others
        try:
            step(payload)
        except Exception as error:
            log.error("an event %s can't be read: %s", name, type(error).__name__)
