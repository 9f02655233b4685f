"""The nouns of a Slack workspace: who is there, where they talk, and what was said."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Raw = dict[str, Any]
"""A payload, a block or a view as Slack's JSON has it."""

APP = "A0APP"
BOT = "U0BOT"
BOT_ID = "B0BOT"
TEAM = "T024"


@dataclass(frozen=True, slots=True)
class Team:
    """A workspace in which the app is installed, or the other side of Slack Connect."""

    id: str
    name: str
    bot: str = BOT
    bot_id: str = BOT_ID
    enterprise: str = ""
    """The organisation of Enterprise Grid that it is part of."""
    whole: bool = False
    """Whether the app was installed for all of that organisation."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user as `users.info` tells of them; a bot is one too."""

    id: str
    name: str
    team: str = TEAM
    display: str = ""
    admin: bool = False
    owner: bool = False
    restricted: bool = False
    ultra_restricted: bool = False
    stranger: bool = False
    bot: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation. `kind` is what message events call it: channel, group, im or mpim."""

    id: str
    name: str
    kind: str = "channel"
    members: tuple[str, ...] = ()
    team: str = TEAM
    archived: bool = False
    ext_shared: bool = False
    creator: str = "U0ADA"

    @property
    def scope(self) -> str:
        """Its family in scopes and subscriptions: `channels` in `channels:history`."""
        return {"channel": "channels", "group": "groups"}.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class File:
    """A file; `url` is asked for with the bot's token. `access` is `check_file_info` from another team."""

    id: str
    name: str
    type: str
    content: bytes
    user: str
    url: str = ""
    title: str = ""
    alt: str = ""
    access: str = "visible"


@dataclass(frozen=True, slots=True)
class Stream:
    """A message that is still being written: since when, for whom, and what it first said.

    `mode` is the argument that its text came in: what is appended must come in the same.
    """

    since: float
    recipient: str
    first: str
    open: bool = True
    mode: str = ""
    stopped: bool = False
    """By a person."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message. `blocks` are as they were sent; `thread` is the root's ts, and None at the top level."""

    channel: str
    ts: str
    user: str
    text: str = ""
    thread: str | None = None
    bot_id: str = ""
    blocks: tuple[Raw, ...] = ()
    attachments: tuple[Raw, ...] = ()
    metadata: Raw | None = None
    files: tuple[File, ...] = ()
    edited: str | None = None
    subtype: str = ""
    broadcast: bool = False
    reactions: tuple[tuple[str, str], ...] = ()
    unfurl: bool = True
    stream: Stream | None = None

    @property
    def root(self) -> bool:
        return self.thread is None or self.thread == self.ts


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A message that only `user` sees; no history has it."""

    channel: str
    user: str
    ts: str
    text: str
    thread: str | None = None
    blocks: tuple[Raw, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as a person sees it, markdown blocks included, with what only an app can read."""

    user: str
    text: str
    ts: str
    metadata: Raw | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Somebody whom a message of the app would have notified: `what` is `<!channel>`, `<@U0ADA>` or `@here`."""

    what: str
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """A modal or a home tab that was opened, as it is now."""

    id: str
    user: str
    payload: Raw
    hash: str
    errors: Mapping[str, str] = field(default_factory=dict)
    """What stands below its fields since it was submitted, by the ids of their blocks."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """The right to open one modal, for three seconds."""

    user: str
    at: float
    used: bool = False


@dataclass(frozen=True, slots=True)
class ResponseUrl:
    """The right to answer an interaction: five times, for half an hour. `original` is what it may replace."""

    channel: str
    user: str
    at: float
    original: str | None = None
    uses: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the Web API, with the place it had in the order of arrival."""

    index: int
    method: str
    arguments: Mapping[str, Any]
    token: str
    at: float


@dataclass(frozen=True, slots=True)
class Envelope:
    """Something Slack tells the app. `kind` is events_api, slash_commands or interactive."""

    id: str
    kind: str
    payload: Raw = field(hash=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver an envelope; `status` is the app's HTTP status, or None over a socket."""

    id: str
    attempt: int
    reason: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """The app's answer to an envelope."""

    id: str
    payload: Raw


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may. `refusal` is set once it may nothing: `token_revoked`."""

    team: str
    scopes: frozenset[str]
    kind: str = "xoxb"
    refusal: str = ""
    expires: float = 0.0
    """When it runs out; 0 for never."""


class Clock:
    """Time that stands still until it is advanced."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Pulse:
    """Wakes everybody who waits for something to become true, each time anything has changed."""

    def __init__(self) -> None:
        self._next: asyncio.Event = asyncio.Event()

    def beat(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def until(self, predicate: Callable[[], object], seconds: float) -> None:
        """Return as soon as `predicate` is true; raises TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while not predicate():
                await self._next.wait()
