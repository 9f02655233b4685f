"""Client of shared shards: its connections to the gateway come and go with the leases of this process."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord
import yarl
from discord.backoff import ExponentialBackoff
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.http import Route
from discord.shard import EventItem, EventType, Shard

from bots.discord.gateway import RESUMABLE, Accept, Client
from bots.discord.shards.leases import ShardLeases
from bots.discord.shards.starts import SessionStarts, StartLimit, read_limit
from core.domain.errors import ConfabError
from core.store.records.shards.leases import GatewaySession, Sessions

TRIED_AGAIN = (ReconnectWebSocket, discord.DiscordException, aiohttp.ClientError, OSError, ConfabError)
KEEP = 4000  # a close code that leaves the session, for whoever takes it up; 1000 and 1001 end it
CONNECT = 60.0  # seconds in which the gateway has to answer
GOODBYE = 2.0  # seconds that it gets to say goodbye: the next heartbeat waits for no silent line
STEADY = 10.0  # seconds that a connection has to last, or making it is counted as another try that failed
UNAUTHORIZED = 401  # the token was reset: no further try does better
ENDED = {4007, 4009}  # close codes of a session that can't be taken up: wrong sequence, timed out

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ConnectionAttempts:
    """Tries to connect one shard, since it was last connected for a while."""

    since: float
    lost: int = 0
    """How often it was closed right after it had been connected."""
    connected_at: float = 0.0
    backoff: ExponentialBackoff[bool] = field(default_factory=ExponentialBackoff)


class SharedClient(Client):
    """Listens to the shards that `leases` hold, and begins sessions in turn with other processes.

    `limit` says up to which event of a shard's session, of those that came, all are stored; 0: none may take it up.
    The library has no hooks for shards that come and go: https://github.com/Rapptz/discord.py, shard.py.
    """

    def __init__(
        self,
        accept: Accept,
        *args: Any,
        leases: ShardLeases,
        limit: Callable[[int, int], int],
        begin_starts: Callable[[str, Callable[[], Awaitable[StartLimit]]], SessionStarts],
        **options: Any,
    ) -> None:
        super().__init__(accept, *args, **options)
        self._leases = leases
        self._limit = limit
        self._begin_starts = begin_starts
        self._starts: SessionStarts | None = None
        self._identify_at: dict[int, float] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._sessions: dict[int, GatewaySession | None] = {}
        """By shard, the session that is being taken up; of one that is connected its socket knows."""
        self._attempts: dict[int, ConnectionAttempts] = {}
        self._beating: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str:
        """Why shards of ours are not connected; empty while they are."""
        lost = sorted(self._sessions.keys() - set(self._list_heard()))
        if not lost:
            return ""
        why = self._starts.trouble if self._starts else ""
        return f"shards not connected: {', '.join(map(str, lost))}" + (f" ({why})" if why else "")

    @property
    def starts_left(self) -> int | None:
        return self._starts.remaining if self._starts else None

    @property
    def reachable(self) -> bool:
        """Also where it has no shard and stands by, or Discord has said that no session may begin today."""
        spared = not self._sessions or bool(self._starts and self._starts.trouble)
        return super().reachable or (self.is_ready() and spared)

    async def launch_shards(self) -> None:
        """Take our part of the shards. Raises CannotConnect, and what the library raises."""
        bot = f"discord:{self.application_id}"
        self._starts = self._begin_starts(bot, self._ask_limit)
        self._connection.shard_ids = []  # so that the library never believes that all are there
        await self._leases.join(bot, self._advise, self)
        self._beating = asyncio.create_task(self._leases.keep(self), name="leases of shards")
        self._beating.add_done_callback(self._end_by_bug)
        self._handle_ready()
        self.connected()

    async def leave(self) -> None:
        """Give all shards back, with their sessions. Requests can still be made."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        await self._leases.leave(self)

    async def close(self) -> None:
        if not self.is_closed():
            await self.leave()
        await super().close()

    def set_count(self, count: int) -> None:
        self.shard_count = self._connection.shard_count = count

    def open_shard(self, shard: int, session: GatewaySession | None) -> None:
        """Begin to listen to a shard; each try that fails is followed by another.

        A session that was begun with other intents would tell us less, or more, than we ask for.
        """
        if session and yarl.URL(session.url).fragment != str(self.intents.value):
            session = None
        self._sessions[shard] = session
        if former := self._opening.get(shard):
            former.cancel()
        opening = asyncio.create_task(self._connect_shard(shard, session), name=f"shard {shard}")
        opening.add_done_callback(self._end_by_bug)
        self._opening[shard] = opening

    async def close_shards(self, shards: Collection[int]) -> Sessions:
        """Listen to these no more; their sessions, as far as their events are stored."""
        found: dict[int, GatewaySession | None] = {}
        for shard in shards:
            await self._stop_opening(shard)
        await asyncio.gather(*(self._close_socket(shard) for shard in shards))
        for shard in shards:
            found[shard] = self._read_session(shard)
            self._sessions.pop(shard, None)
            self._open_shards.pop(shard, None)
            self._attempts.pop(shard, None)
            self._forget_servers(shard)
        return found

    def read_sessions(self) -> Sessions:
        return {shard: self._read_session(shard) for shard in self._sessions}

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        await asyncio.sleep(max(0.0, self._identify_at.get(shard_id or 0, 0.0) - time.monotonic()))

    async def _connect_shard(self, shard: int, session: GatewaySession | None) -> None:
        """Connect a shard: take up its session while that may be possible, else begin a new one."""
        attempts = self._count_attempts(shard)
        if attempts.lost > 1:  # or a gateway that hangs up at once would be asked without end, and sessions be used up
            log.warning("shard %d was closed right after it had been connected; trying again", shard)
            await asyncio.sleep(attempts.backoff.delay())
        while True:
            if session and time.monotonic() - attempts.since >= RESUMABLE:
                session = self._sessions[shard] = None
                attempts.since = time.monotonic()
            try:
                socket = await self._connect_socket(shard, session)
            except discord.LoginFailure:
                raise
            except TRIED_AGAIN as error:
                log.warning("shard %d is not connected (%s); trying again", shard, type(error).__name__)
                await asyncio.sleep(attempts.backoff.delay())
                continue
            attempts.connected_at = time.monotonic()
            self._install(shard, socket)
            return

    def _count_attempts(self, shard: int) -> ConnectionAttempts:
        now, known = time.monotonic(), self._attempts.get(shard)
        if known is None or (known.connected_at and now - known.connected_at >= STEADY):
            known = self._attempts[shard] = ConnectionAttempts(now)
        elif known.connected_at:
            known.lost, known.connected_at = known.lost + 1, 0.0
        return known

    async def _connect_socket(self, shard: int, session: GatewaySession | None) -> DiscordWebSocket:
        assert self._starts is not None
        if session is None:
            self._identify_at[shard] = await self._starts.wait_for_turn(shard)
        if shard not in self._leases.held:  # others may have it
            raise ConnectionAbortedError
        named: dict[str, Any] = {}
        if session is not None:
            gateway = yarl.URL(session.url).with_fragment(None)
            named = {"resume": True, "gateway": gateway, "session": session.id, "sequence": session.sequence}
        connecting = DiscordWebSocket.from_client(self, shard_id=shard, **named)
        return await asyncio.wait_for(connecting, CONNECT)

    def _install(self, shard: int, socket: DiscordWebSocket) -> None:
        """Read the socket from now on."""
        known = self._open_shards.get(shard)
        if known is None:
            known = self._open_shards[shard] = Shard(socket, self, self._queue.put_nowait)
            known.reidentify = self._reopen(known)  # type: ignore[method-assign]  # that is the point
            known.reconnect = self._reopen(known)  # type: ignore[method-assign]
        known.ws = socket
        known.launch()

    def _reopen(self, shard: Shard) -> Callable[..., Any]:
        """What a shard does that lost its connection: the others do not wait for it."""

        async def reopen(error: ReconnectWebSocket | None = None) -> None:
            if self._open_shards.get(shard.id) is shard and shard.id in self._sessions:
                resumes = (error is None or error.resume) and shard.ws.socket.close_code not in ENDED
                self.open_shard(shard.id, self._read_socket(shard.ws) if resumes else None)

        return reopen

    async def _stop_opening(self, shard: int) -> None:
        if opening := self._opening.pop(shard, None):
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)

    async def _close_socket(self, shard: int) -> None:
        if known := self._open_shards.get(shard):
            known._cancel_task()
            with suppress(TimeoutError):
                await asyncio.wait_for(known.ws.close(KEEP), GOODBYE)

    def _read_session(self, shard: int) -> GatewaySession | None:
        """The session of a shard, as far as its events are stored: what is not stored yet is told once more."""
        known = self._open_shards.get(shard)
        session = (self._read_socket(known.ws) if known else None) or self._sessions.get(shard)
        if session is None:
            return None
        stored = self._limit(shard, session.sequence)
        return GatewaySession(session.id, stored, session.url) if stored > 0 else None

    def _read_socket(self, socket: DiscordWebSocket) -> GatewaySession | None:
        """A socket's session; None where it has begun none, or it is lost."""
        if socket.session_id is None or socket.sequence is None:
            return None
        url = socket.gateway.with_fragment(str(self.intents.value))
        return GatewaySession(socket.session_id, socket.sequence, str(url))

    def _forget_servers(self, shard: int) -> None:
        """The gateway tells us of a shard's servers no more."""
        self._untold.forget(shard)
        for server in list(self._connection.guilds):
            if server.shard_id == shard:
                self._connection._remove_guild(server)

    async def _advise(self) -> int:
        assert self._starts is not None
        return (await self._starts.fetch_limit()).shards

    async def _ask_limit(self) -> StartLimit:
        try:
            answer: Any = await self._inflight.run(lambda: self.http.request(Route("GET", "/gateway/bot")))
        except discord.HTTPException as error:
            if error.status != UNAUTHORIZED:
                raise
            raise discord.LoginFailure from error
        try:
            return read_limit(answer)
        except (LookupError, TypeError, ValueError):
            raise discord.GatewayNotFound from None

    def _end_by_bug(self, task: asyncio.Task[None]) -> None:
        """What nobody foresaw ends the client, which is connected anew."""
        if not task.cancelled() and (error := task.exception()) and isinstance(error, Exception):
            self._queue.put_nowait(EventItem(EventType.terminate, None, error))

    @property
    def _open_shards(self) -> dict[int, Shard]:
        found: dict[int, Shard] = self._AutoShardedClient__shards  # type: ignore[attr-defined]  # the library's own
        return found

    @property
    def _queue(self) -> asyncio.PriorityQueue[EventItem]:
        found: asyncio.PriorityQueue[EventItem] = self._AutoShardedClient__queue  # type: ignore[attr-defined]
        return found
