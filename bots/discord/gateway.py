"""Gateway: the library's client, which hands on every event, survives unreadable ones, and resumes lost sessions."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
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
"""What may make us ready, once the library has read it."""
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
        """Called whenever a shard is connected, and when we are ready."""
        self._untold = UntoldServers()
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
        """Be ready as soon as each shard has told us of all its servers.

        The library waits two seconds more, for servers that come late; so do we where some are in an outage.
        """
        whole = name != "RESUMED" and self._untold.note(name, payload)
        if whole and self._untold.is_whole(self._connection.shard_ids):
            self._handle_ready()
        elif name in {"READY", "RESUMED"}:
            self.connected()

    def _handle_ready(self) -> None:
        """The library calls this, too, when it has waited long enough."""
        super()._handle_ready()
        self.connected()

    @property
    def trouble(self) -> str:
        """Which shards are not connected; empty while all are."""
        lost = [number for number, shard in self.shards.items() if shard.is_closed()]
        return f"shards not connected: {', '.join(map(str, lost))}" if lost else ""

    def hears(self, server: int) -> bool:
        """Whether the gateway tells us what is in a server, if we are in it at all."""
        return True

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
        shard.reconnect = SessionResumer(shard).reconnect  # type: ignore[method-assign]  # that is the point

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not self._quick:
            await super().before_identify_hook(shard_id, initial=initial)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.exception("a bug in %s", event_method)


class SessionResumer:
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


class UntoldServers:
    """By shard, the servers that its session has announced and not told us of yet."""

    def __init__(self) -> None:
        self._untold: dict[int, set[int]] = {}

    def note(self, name: str, payload: Json) -> bool:
        """Note a READY, or that a server was told, or is out of reach; whether its shard has told of all by that."""
        if name == "READY":
            shard, _ = payload.get("shard") or (0, 1)
            self._untold[shard] = {int(one["id"]) for one in payload["guilds"]}
            return not self._untold[shard]
        server = int(payload["id"])
        waiting = next((one for one in self._untold.values() if server in one), None)
        if waiting is None:
            return False
        waiting.discard(server)
        return not waiting

    def is_whole(self, shards: Iterable[int]) -> bool:
        """Whether each of these shards has told of all its servers."""
        return all(shard in self._untold and not self._untold[shard] for shard in shards)


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
