"""The nouns of the loopback Discord: who is there, where they talk, what was posted."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

Json = dict[str, Any]

EPOCH = 1_420_070_400_000  # Discord counts milliseconds from 2015


class Permission(IntFlag):
    """The bits that this server looks at; numbers from Discord's permission table."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    CONNECT = 1 << 20
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    USE_EXTERNAL_APPS = 1 << 50
    BYPASS_SLOWMODE = 1 << 52


ALL = Permission((1 << 53) - 1)
NONE = Permission(0)
TALK = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.CONNECT
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.USE_EXTERNAL_APPS
)


class Intent(IntFlag):
    """Gateway intents that decide what is dispatched."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT


class Flag(IntFlag):
    """Message flags."""

    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    IS_COMPONENTS_V2 = 1 << 15
    HAS_SNAPSHOT = 1 << 14


PLAIN = Flag(0)


class Kind(IntEnum):
    """Channel types."""

    TEXT = 0
    DM = 1
    VOICE = 2
    GROUP = 3
    CATEGORY = 4
    NEWS = 5
    THREAD = 11
    STAGE = 13
    FORUM = 15
    MEDIA = 16


FORUMS = {Kind.FORUM, Kind.MEDIA}  # in which there are threads alone
UNGUILDED = {Kind.DM, Kind.GROUP}  # of no server: direct messages, and groups of them
SPOKEN = {Kind.VOICE, Kind.STAGE}  # which have a text chat, and no threads
NEWS_THREAD = 10  # the type of a thread of an announcement channel
PRIVATE_THREAD = 12  # the type of a thread to which people are invited


class Type(IntEnum):
    """Message types."""

    DEFAULT = 0
    THREAD_CREATED = 18
    REPLY = 19
    SLASH = 20
    THREAD_STARTER = 21


@dataclass(frozen=True, slots=True)
class Ping:
    """Somebody whom a message of the bot notified: a user's or role's id, or `everyone`."""

    message: str
    target: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody attaches. `type=None` leaves the content type out, as Discord does for some pastes."""

    name: str
    content: bytes
    type: str | None = "application/octet-stream"
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A file on the CDN."""

    id: str
    channel: str
    upload: Upload
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """An account. `webhook` ones are no members and post through a webhook of that id."""

    id: str
    name: str
    display: str
    bot: bool = False
    webhook: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A guild's role; the one that everybody has carries the guild's own id."""

    id: str
    name: str
    permissions: Permission
    mentionable: bool = False
    bot: str | None = None


@dataclass(frozen=True, slots=True)
class Overwrite:
    """What a channel allows and denies a role or a member."""

    allow: Permission = NONE
    deny: Permission = NONE


@dataclass(frozen=True, slots=True)
class Channel:
    """A place to talk: text, voice, forum, category, thread or DM. `overwrites` is keyed by role or member id."""

    id: str
    kind: Kind
    name: str
    guild: str | None = None
    parent: str | None = None
    owner: str | None = None
    recipients: tuple[str, ...] = ()
    overwrites: tuple[tuple[str, Overwrite], ...] = ()
    topic: str | None = None
    archived: bool = False
    locked: bool = False
    slow: int = 0
    """Seconds between two messages of one person: slow mode."""
    threads_slow: int = 0
    """The slow mode that new threads begin with."""
    created: float = 0.0
    tags: tuple[str, ...] = ()
    """Names of the tags that a forum offers, or that a post of it has."""
    invited: tuple[str, ...] = ()
    """Who is in a private thread; none named, it is public."""


@dataclass(frozen=True, slots=True)
class Guild:
    """A server; `members` maps a user's id to the ids of their roles."""

    id: str
    name: str
    owner: str
    roles: tuple[Role, ...]
    members: tuple[tuple[str, tuple[str, ...]], ...]
    nicknames: tuple[tuple[str, str], ...] = ()

    def roles_of(self, user: str) -> tuple[Role, ...] | None:
        """The roles of a member, the one that everybody has included; None if `user` is none."""
        mine = dict(self.members).get(user)
        return None if mine is None else tuple(role for role in self.roles if role.id in (*mine, self.id))


@dataclass(frozen=True, slots=True)
class Post:
    """A message as Discord keeps it. Times are in seconds since 1970."""

    id: str
    channel: str
    author: str
    content: str
    at: float
    type: int = Type.DEFAULT
    edited: float | None = None
    flags: Flag = PLAIN
    nonce: str | int | None = None
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    files: tuple[Stored, ...] = ()
    reference: Json | None = None
    snapshots: tuple[Json, ...] = ()
    mentions: tuple[str, ...] = ()
    mention_roles: tuple[str, ...] = ()
    mention_everyone: bool = False
    interaction: Json | None = None
    reactions: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def ephemeral(self) -> bool:
        return Flag.EPHEMERAL in self.flags
