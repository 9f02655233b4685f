"""The gateway of the loopback Discord: it greets, identifies, resumes, dispatches and hangs up."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web

from tests.fakes.discord.nouns import PRIVILEGED, Channel, Intent, Json
from tests.fakes.discord.payloads import guild_create, member_json, user_json
from tests.fakes.discord.session import Line, Session
from tests.fakes.discord.starts import SessionStarts
from tests.fakes.discord.world import APPLICATION, Event, World

FRAME = 4096  # bytes that a client may send at once; more closes with 4002
INTENTS = (1 << 26) - 1  # the highest intent is bit 25
PORTAL = {Intent.GUILD_PRESENCES: 1 << 12, Intent.GUILD_MEMBERS: 1 << 14, Intent.MESSAGE_CONTENT: 1 << 18}
GOODBYE = 1.0  # seconds to wait for a client's half of a close
ENDS = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}
GONE = {1000, 1001}  # a session that its client closed like this can't be resumed


class Closed(Exception):
    """The gateway hangs up, with Discord's close code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Gateway:
    """Sessions and sockets, and every way in which they end."""

    def __init__(self, world: World, token: str, *, heartbeat: float, shards: int, starts: SessionStarts) -> None:
        self.sessions: dict[str, Session] = {}
        self.identified = 0
        self.resumed = 0
        self.starts = starts
        self.sockets = 0
        """How many were ever opened."""
        self.silent = False
        """True: heartbeats stay without an answer."""
        self.unlisted: set[str] = set()
        """Guilds that READY leaves out although the bot is in them."""
        self.shards = shards
        self.url = ""
        self._world = world
        self._token = token
        self._heartbeat = heartbeat
        self._lines: set[Line] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._held: dict[int, asyncio.Event] = {}
        world.listener = self.dispatch

    @property
    def live(self) -> list[Session]:
        """Sessions with a socket."""
        return [session for session in self.sessions.values() if session.line]

    def dispatch(self, event: Event) -> None:
        for session in self.sessions.values():
            if session.concerns(event):
                session.see(event, self._world.me.id)

    def inject(self, frame: Json | str) -> None:
        """Send a raw frame, however wrong, to every socket."""
        for session in self.live:
            if session.line:
                session.line.send(frame)

    def cut(self) -> None:
        """Reset every connection; sessions stay and can be resumed."""
        for line in tuple(self._lines):
            line.cut()

    def hang_up(self, code: int) -> None:
        """Close every socket with `code`."""
        for line in tuple(self._lines):
            line.hang_up(code)

    def ask_to_reconnect(self) -> None:
        """Opcode 7."""
        self.inject({"op": 7, "d": None})

    def invalidate(self, *, resumable: bool) -> None:
        """Opcode 9; a session that is not resumable is forgotten with its events."""
        self.inject({"op": 9, "d": resumable})
        if not resumable:
            self.forget()

    def forget(self) -> None:
        """Forget every session: what happens until the next IDENTIFY is lost."""
        self.sessions.clear()

    def pause(self) -> None:
        """Cut everybody off and answer no new socket until `proceed`; sessions stay."""
        self._open.clear()
        self.cut()

    def proceed(self) -> None:
        self._open.set()

    def hold(self, shard: int) -> None:
        """Cut a shard off, and answer neither its IDENTIFY nor its RESUME until `release`; its session stays."""
        self._held[shard] = asyncio.Event()
        for session in self.live:
            if session.shard[0] == shard and session.line:
                session.line.cut()

    def release(self, shard: int) -> None:
        self._held.pop(shard).set()

    async def _wait_until_released(self, frame: Json) -> None:
        operation, body = frame.get("op"), frame.get("d")
        if operation not in {2, 6} or not isinstance(body, dict):
            return
        session = self.sessions.get(str(body.get("session_id")))
        held = self._held.get(session.shard[0] if session else (body.get("shard") or (0, 1))[0])
        if held:
            await held.wait()

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket, from HELLO to its end."""
        socket = web.WebSocketResponse(timeout=GOODBYE)
        await socket.prepare(request)
        line = Line(request, socket)
        self._lines.add(line)
        self.sockets += 1
        writer = asyncio.create_task(line.write())
        code = None
        try:
            await self._open.wait()
            code = await self._converse(request, line, socket)
            await line.ended()
        finally:
            writer.cancel()
            self._part(line, code)
        return socket

    async def _converse(self, request: web.Request, line: Line, socket: web.WebSocketResponse) -> int | None:
        """Hear the client out; the code with which it said goodbye, None if it just went or we hung up."""
        line.send({"op": 10, "d": {"heartbeat_interval": int(self._heartbeat * 1000)}})
        try:
            if request.query.get("v") != "10" or request.query.get("encoding") != "json":
                raise Closed(4012)
            while True:
                message = await socket.receive()
                if message.type in ENDS:
                    return message.data if message.type is WSMsgType.CLOSE else None
                frame = _parsed(message.data, message.type)
                await self._wait_until_released(frame)
                self._hear(line, frame)
        except Closed as closed:
            line.hang_up(closed.code)
        return None

    def _hear(self, line: Line, frame: Json) -> None:
        body: Any
        operation, body = frame.get("op"), frame.get("d")
        if operation in {2, 6, 8} and not isinstance(body, dict):
            raise Closed(4002)
        if operation == 1:
            if not self.silent:
                line.send({"op": 11, "d": None})
        elif operation == 2:
            self._identify(line, body)
        elif operation == 6:
            self._resume(line, body)
        elif operation in {3, 8} and self._session(line) is None:
            raise Closed(4003)
        elif operation == 8:
            self._members(line, body)
        elif operation != 3:
            raise Closed(4001)
        self._world.changes.tell()

    def _identify(self, line: Line, body: Json) -> None:
        if self._session(line):
            raise Closed(4005)
        if body.get("token") != self._token:
            raise Closed(4004)
        intents, shard = self._intents(body), self._shard(body)
        if self._world.sessions <= 0:
            self._token = ""  # Discord resets the token of a bot that begins more sessions, and ends those it has
            self.hang_up(4004)
            return
        if not self.starts.admits(shard[0]):
            line.send({"op": 9, "d": False})
            return
        self._world.sessions -= 1
        session = Session(uuid4().hex, intents, shard, line)
        orphans = [old.id for old in self.sessions.values() if old.line is None and old.shard == session.shard]
        for orphan in orphans:
            del self.sessions[orphan]
        self.sessions[session.id] = session
        self.identified += 1
        self._ready(session)

    def _intents(self, body: Json) -> Intent:
        asked = body.get("intents")
        if not isinstance(asked, int) or asked & ~INTENTS:
            raise Closed(4013)
        if Intent(asked) & PRIVILEGED & ~self._world.privileged:
            raise Closed(4014)
        return Intent(asked)

    def _shard(self, body: Json) -> tuple[int, int]:
        named = body.get("shard") or (0, 1)
        if len(named) != 2 or not all(isinstance(one, int) for one in named):
            raise Closed(4002)
        number, count = named
        if not 0 <= number < count:
            raise Closed(4010)
        if count < self.shards:
            raise Closed(4011)
        return number, count

    def _ready(self, session: Session) -> None:
        number, count = session.shard
        listed = (guild for guild in self._world.guilds.values() if guild.id not in self.unlisted)
        inside = (guild for guild in listed if self._world.inside(guild.id))
        guilds = [guild for guild in inside if (int(guild.id) >> 22) % count == number]
        flags = sum(bit for intent, bit in PORTAL.items() if intent in self._world.privileged)
        ready: Json = {
            "v": 10,
            "user": user_json(self._world.me) | {"verified": True, "mfa_enabled": True, "email": None, "flags": 0},
            "guilds": [{"id": guild.id, "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": [number, count],
            "application": {"id": APPLICATION, "flags": flags},
        }
        session.tell("READY", ready)
        if Intent.GUILDS in session.intents:
            places = self._places()
            for guild in (one for one in guilds if one.id not in self._world.unavailable):
                session.tell("GUILD_CREATE", guild_create(self._world, guild, places[guild.id]))

    def _places(self) -> Mapping[str, list[Channel]]:
        """All channels, by guild."""
        found: defaultdict[str, list[Channel]] = defaultdict(list)
        for channel in self._world.channels.values():
            found[channel.guild or ""].append(channel)
        return found

    def _resume(self, line: Line, body: Json) -> None:
        if body.get("token") != self._token:
            raise Closed(4004)
        if not isinstance(body.get("seq"), int):
            raise Closed(4002)
        session = self.sessions.get(str(body.get("session_id")))
        if session is None:
            line.send({"op": 9, "d": False})
            return
        if body["seq"] > session.seq:
            raise Closed(4007)
        if session.line and session.line is not line:
            session.line.hang_up(4000)  # one socket has a session
        session.line = line
        for number, frame in session.log:
            if number > body["seq"]:
                line.send(frame)
        self.resumed += 1
        session.tell("RESUMED", {"_trace": []})

    def _members(self, line: Line, body: Json) -> None:
        session = self._session(line)
        guild = self._world.guilds[str(body["guild_id"])]
        wanted = {str(user) for user in _listed(body.get("user_ids"))}
        found = [user for user, _ in guild.members if not wanted or user in wanted]
        members = [member_json(guild, user) | {"user": user_json(self._world.users[user])} for user in found]
        chunk: Json = {"guild_id": guild.id, "members": members, "chunk_index": 0, "chunk_count": 1}
        if session:
            session.tell("GUILD_MEMBERS_CHUNK", chunk | {"nonce": body.get("nonce"), "not_found": []})

    def _session(self, line: Line) -> Session | None:
        return next((session for session in self.sessions.values() if session.line is line), None)

    def _part(self, line: Line, code: int | None) -> None:
        self._lines.discard(line)
        session = self._session(line)
        if session:
            session.line = None
            if code in GONE:
                del self.sessions[session.id]
        self._world.changes.tell()


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


def _parsed(text: Any, kind: WSMsgType) -> Json:
    if kind is not WSMsgType.TEXT or len(text.encode()) > FRAME:
        raise Closed(4002)
    try:
        frame = json.loads(text)
    except ValueError:
        raise Closed(4002) from None
    if not isinstance(frame, dict):
        raise Closed(4002)
    return frame
