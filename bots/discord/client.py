"""REST client: one method for each request that we make. The library keeps the rate limits of single routes.

Each request is told to telemetry as it ends (tracing); those that the library repeats are each one call. What they
answer is checked for what is read of it: a proxy's page is none, nor is less than Discord promises.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

import aiohttp
import discord
from discord.http import HTTPClient, MultipartParameters, Route, handle_message_parameters
from yarl import URL

from bots.discord.errors import (
    EXPIRED,
    NO_ACCESS,
    THREAD_EXISTS,
    UNKNOWN_CHANNEL,
    UNKNOWN_GUILD,
    UNKNOWN_MESSAGE,
    UnreadableAnswer,
)
from bots.discord.outbound_budget import Urgency
from bots.discord.parse import Json
from bots.discord.shielded_calls import Inflight, urgent
from core.domain.clock import Sleep
from core.domain.errors import QuestionDeleted
from core.domain.messages import File
from core.telemetry import Emit, PlatformCalled

ORIGINAL = "@original"
MOST = 100  # messages that one request lists
UNAUTHORIZED = 401
AGAIN = 1.0  # seconds after which a request is sent again that was refused so

WORDS = frozenset(
    [
        *("@me", "@original", "applications", "attachments", "bot", "callback", "channels", "commands", "gateway"),
        *("guilds", "interactions", "members", "messages", "oauth2", "threads", "typing", "users", "webhooks"),
    ]
)
"""Parts of a path that an event may name. The rest are ids, and the tokens of interactions."""

SOCKETS = {"ws", "wss"}

Outcome = Literal["ok", "limited", "failed"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Body:
    """What a message shows: its words, the buttons below them, and the files that hang on it in place of all others."""

    content: str
    components: Sequence[Json] | None = None
    """Those that stand stay if none are named. Where there are files they stay in any case."""
    files: Sequence[File] = ()
    emptied: bool = False
    """Whether all that hangs on it goes, also where there are no others."""
    mention: str = ""
    """Whom a mention in it notifies, and nobody else."""

    def encode(self, **options: Any) -> MultipartParameters:
        """As the library sends it. It notifies nobody but whom it mentions, and unfolds no links."""
        options.setdefault("flags", discord.MessageFlags(suppress_embeds=True))
        files = [discord.File(BytesIO(file.content), file.name, description=file.alt or None) for file in self.files]
        encoded = handle_message_parameters(
            self.content,
            allowed_mentions=_allow_mention(self.mention),
            attachments=files or ([] if self.emptied else discord.utils.MISSING),
            **options,
        )
        if self.components is not None and encoded.payload is not None:
            encoded.payload["components"] = list(self.components)
        return encoded


def _allow_mention(person: str) -> discord.AllowedMentions:
    allowed = discord.AllowedMentions.none()
    allowed.users = [discord.Object(int(person))] if person else False
    return allowed


class Rest:
    """Requests over whatever client is logged in now. Each raises what the library raises, TimeoutError, and Busy."""

    def __init__(self, http: Callable[[], HTTPClient], inflight: Inflight, pause: Sleep = asyncio.sleep) -> None:
        self._http = http
        self._inflight = inflight
        self._pause = pause

    async def run(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """A request that has no method here."""
        return await self._inflight.run(call)

    async def list_messages(self, channel: str, **where: str) -> list[Json]:
        """Up to 100 messages, oldest first: the newest, or those right `before`, `after` or `around` one."""
        query = {"limit": MOST, **where}
        found = await self._request("GET", "/channels/{channel_id}/messages", channel_id=channel, params=query)
        return sorted(read_messages(found), key=lambda one: int(one["id"]))

    async def fetch_message(self, channel: str, message: str) -> Json:
        path = "/channels/{channel_id}/messages/{message_id}"
        return read_message(await self._request("GET", path, channel_id=channel, message_id=message))

    async def has_message(self, channel: str, message: str) -> bool:
        """Whether a message stands in a channel, which may not be there either."""
        try:
            await self.fetch_message(channel, message)
        except discord.HTTPException as error:
            if error.code not in {UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, NO_ACCESS}:
                raise
            return False
        return True

    async def is_in_server(self, guild: str) -> bool:
        """Whether we are in a server, as Discord says when it is asked."""
        try:
            await self._request("GET", "/guilds/{guild_id}", guild_id=guild)
        except discord.HTTPException as error:
            if error.code not in {NO_ACCESS, UNKNOWN_GUILD}:
                raise
            return False
        return True

    async def fetch_server(self, guild: str, us: str) -> Json | None:
        """A server with its channels, open threads and ourselves, as the gateway tells it; None if we are not in it."""
        try:
            server, channels, threads, member = await asyncio.gather(
                self._request("GET", "/guilds/{guild_id}", guild_id=guild),
                self._request("GET", "/guilds/{guild_id}/channels", guild_id=guild),
                self._request("GET", "/guilds/{guild_id}/threads/active", guild_id=guild),
                self._request("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild, user_id=us),
            )
        except discord.HTTPException as error:
            if error.code not in {NO_ACCESS, UNKNOWN_GUILD}:
                raise
            return None
        _ensure(isinstance(channels, list) and isinstance(threads, dict), "no channels")
        listed = [read_object(one) for one in threads.get("threads") or ()]
        members = [read_person(member, member=True)]
        return {
            **read_object(server),
            "channels": [read_object(one) for one in channels],
            "threads": listed,
            "members": members,
        }

    async def list_channels(self, guild: str) -> list[Json]:
        """A server's channels and open threads."""
        channels, threads = await asyncio.gather(
            self._request("GET", "/guilds/{guild_id}/channels", guild_id=guild),
            self._request("GET", "/guilds/{guild_id}/threads/active", guild_id=guild),
        )
        _ensure(isinstance(channels, list) and isinstance(threads, dict), "no channels")
        return [read_object(one) for one in (*channels, *(threads.get("threads") or ()))]

    async def fetch_person(self, guild: str | None, person: str) -> Json:
        """A member of a server, or an account."""
        if guild is None:
            route = Route("GET", "/users/{user_id}", user_id=person)
        else:
            route = Route("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild, user_id=person)
        found = await self._inflight.run(lambda: self._http().request(route), Urgency.LOOKUP)
        return read_person(found, member=guild is not None)

    async def post(self, channel: str, body: Body, nonce: str, reply_to: str | None = None) -> str:
        """Post a message, at most once in the minutes in which Discord remembers the nonce; its id.

        What an earlier try posted, whose answer was lost, shows `body` from now on. With `reply_to` it is a reply.
        If that message is gone, Discord makes it none: it is taken away again, and raises QuestionDeleted.
        """
        reference: Any = discord.utils.MISSING
        if reply_to:
            reference = {"message_id": reply_to, "channel_id": channel, "fail_if_not_exists": False}
        sent = body.encode(nonce=nonce, message_reference=reference)
        found = read_message(await self._request("POST", "/channels/{channel_id}/messages", sent, channel_id=channel))
        if reply_to and not found.get("message_reference"):
            await self.delete(channel, found["id"])
            raise QuestionDeleted("what we would reply to is deleted")
        same_buttons = list_buttons(found.get("components")) == list_buttons(body.components)
        if found["content"].strip() != body.content.strip() or not same_buttons:
            await self.edit(channel, found["id"], replace(body, components=body.components or ()))
        return str(found["id"])

    async def edit(self, channel: str, message: str, body: Body) -> None:
        path = "/channels/{channel_id}/messages/{message_id}"
        read_object(await self._request("PATCH", path, body.encode(), channel_id=channel, message_id=message))

    async def delete(self, channel: str, message: str) -> None:
        await self._inflight.run(lambda: self._http().delete_message(int(channel), int(message)))

    async def open_direct_channel(self, person: str) -> str:
        """The channel of direct messages with a person, opened if there is none."""
        return read_id(await self._request("POST", "/users/@me/channels", json={"recipient_id": person}))

    async def show_typing(self, channel: str) -> None:
        await self._inflight.run(lambda: self._http().send_typing(int(channel)), Urgency.TYPING)

    async def open_thread(self, channel: str, message: str, name: str) -> None:
        """Open a thread on a message, if it has none yet. The thread takes the message's id."""
        route = "/channels/{channel_id}/messages/{message_id}/threads"
        try:
            read_object(await self._request("POST", route, channel_id=channel, message_id=message, json={"name": name}))
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                raise

    async def has_thread(self, message: str) -> bool:
        """Whether a thread was opened on a message: it has the message's id."""
        try:
            read_object(await self._request("GET", "/channels/{channel_id}", channel_id=message))
        except discord.HTTPException as error:
            if error.code != UNKNOWN_CHANNEL:
                raise
            return False
        return True

    async def unarchive(self, thread: str) -> None:
        read_object(await self._request("PATCH", "/channels/{channel_id}", channel_id=thread, json={"archived": False}))

    async def fetch_answer(self, application: str, token: str) -> str:
        """The first answer to an interaction; its id."""
        return read_id(await self._by_token("GET", application, token, ORIGINAL))

    async def edit_answer(self, application: str, token: str, message: str, body: Body) -> None:
        read_object(await self._by_token("PATCH", application, token, message, body.encode()))

    async def delete_answer(self, application: str, token: str, message: str) -> None:
        await self._by_token("DELETE", application, token, message)

    async def post_followup(self, application: str, token: str, body: Body, *, private: bool = True) -> str:
        """One more answer to an interaction, by default one that only its person sees; its id."""
        sent = body.encode(flags=discord.MessageFlags(ephemeral=private, suppress_embeds=True))
        path = "/webhooks/{webhook_id}/{webhook_token}"
        with urgent(Urgency.FINAL):
            named: Json = {"webhook_id": application, "webhook_token": token}
            return read_id(await self._request("POST", path, sent, once=True, **named))  # it knows no nonce

    async def _by_token(
        self, method: str, application: str, token: str, message: str, body: MultipartParameters | None = None
    ) -> Any:
        self._inflight.refuse_while_banned()
        place = ORIGINAL if message == ORIGINAL else "{message_id}"  # a path is kept for ever, an id is not
        path = f"/webhooks/{{webhook_id}}/{{webhook_token}}/messages/{place}"
        named: Json = {"webhook_id": application, "webhook_token": token, "message_id": message}
        with urgent(Urgency.FINAL):  # it takes no slot, so none need be left to others
            return await self._request(method, path, body, **named)

    async def _request(
        self, method: str, path: str, body: MultipartParameters | None = None, /, *, once: bool = False, **named: Any
    ) -> Any:
        sent: Json = {name: named.pop(name) for name in ("params", "json") if name in named}
        route = Route(method, path, **named)
        return await self._inflight.run(lambda: self._send(route, sent, body), once=once)

    async def _send(self, route: Route, sent: Json, body: MultipartParameters | None) -> Any:
        """The request itself; its files are open until it ended, also if nobody waits for it any more."""
        if body is None:
            return await self._send_twice(route, sent)
        with body:
            sent = {"form": body.multipart, "files": body.files} if body.files else {"json": body.payload}
            return await self._send_twice(route, sent)

    async def _send_twice(self, route: Route, sent: Json) -> Any:
        """Send it again after a 401: a second one says that the token is dead, one alone says nothing."""
        try:
            return await self._http().request(route, **sent)
        except discord.HTTPException as error:
            if error.status != UNAUTHORIZED or error.code in EXPIRED:
                raise
        await self._pause(AGAIN)
        for file in sent.get("files", ()):
            file.reset()
        return await self._http().request(route, **sent)


def read_object(found: Any) -> Json:
    """An object that has an id, as all have. Raises UnreadableAnswer."""
    _ensure(isinstance(found, dict) and _is_id(found.get("id")), "no object with an id")
    return dict(found)


def read_id(found: Any) -> str:
    """The id of what was asked for or made. Raises UnreadableAnswer."""
    return str(read_object(found)["id"])


def read_message(found: Any) -> Json:
    """A message. Raises UnreadableAnswer."""
    message = read_object(found)
    written = isinstance(message.get("content"), str) and isinstance(message.get("type"), int)
    _ensure(written and _is_user(message.get("author")), "no message")
    return message


def read_messages(found: Any) -> list[Json]:
    """A list of messages. Raises UnreadableAnswer."""
    _ensure(isinstance(found, list), "no list")
    return [read_message(one) for one in found]


def read_person(found: Any, *, member: bool) -> Json:
    """An account, or a member of a server with all that the library takes a member for. Raises UnreadableAnswer."""
    _ensure(isinstance(found, dict), "no object")
    user = found.get("user") if member else found
    _ensure(_is_user(user), "nobody")
    if member:
        roles = found.get("roles")
        listed = isinstance(roles, list) and all(map(_is_id, roles))
        _ensure(
            listed and isinstance(found.get("flags"), int) and user.keys() >= {"avatar", "discriminator"}, "no member"
        )
    return dict(found)


def list_buttons(rows: Any) -> list[str]:
    """The ids of the buttons in rows of components."""
    parts = [part for row in rows or () if isinstance(row, dict) for part in row.get("components") or ()]
    return [str(part.get("custom_id")) for part in parts if isinstance(part, dict)]


def _ensure(readable: bool, instead: str) -> None:
    if not readable:
        raise UnreadableAnswer(instead)


def _is_user(found: Any) -> bool:
    return isinstance(found, dict) and _is_id(found.get("id")) and isinstance(found.get("username"), str)


def _is_id(found: Any) -> bool:
    return isinstance(found, str) and found.isdecimal()


def trace_requests(emit: Emit, api: str) -> aiohttp.TraceConfig:
    """Hooks that emit an event for each request that a client's session makes, below the address `api` or of a file."""
    base = URL(api).path

    async def note_response(_session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        emit_call(params.method, params.url, classify_status(params.response.status))

    async def note_failure(
        _session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        emit_call(params.method, params.url, "failed")

    def emit_call(verb: str, url: URL, outcome: Outcome) -> None:
        if url.scheme not in SOCKETS:
            emit(PlatformCalled("discord", format_route(verb, url.path.removeprefix(base)), outcome))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note_response)
    trace.on_request_exception.append(note_failure)
    return trace


def format_route(verb: str, path: str) -> str:
    """A request's route, one of a few: `POST /webhooks/{}/{}`."""
    return f"{verb} {'/'.join(part if part in WORDS or not part else '{}' for part in path.split('/'))}"


def classify_status(status: int) -> Outcome:
    """What an answer's status comes to."""
    if status == 429:
        return "limited"
    return "ok" if status < 400 else "failed"
