"""The world of the loopback Discord: its guilds, people, channels and messages, and who may do what."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.fakes.discord.nouns import (
    ALL,
    EPOCH,
    NONE,
    TALK,
    Channel,
    Flag,
    Guild,
    Intent,
    Json,
    Kind,
    Overwrite,
    Permission,
    Ping,
    Post,
    Role,
    Stored,
    User,
)
from tests.fakes.discord.refusals import Refused, refused

Named = TypeVar("Named", User, Channel)


class Clock:
    """The server's time in seconds since 1970: the real one, moved forward at will."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._now() + self._ahead

    def forward(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._ahead += seconds

    def stop(self) -> None:
        """Let time pass by `forward` alone, so that nothing is too late because a machine is busy."""
        now = self._now()
        self._now = lambda: now


class Changes:
    """Wakes those who wait for something to become true."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Something changed: everybody who waits looks again."""
        self._next.set()
        self._next = asyncio.Event()

    async def until(self, predicate: Callable[[], object], seconds: float) -> None:
        """Wait until `predicate` holds; it is looked at again at each change. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while not predicate():
                await self._next.wait()


@dataclass(frozen=True, slots=True)
class Event:
    """A gateway dispatch. `intent` None goes to every session; `guild` None goes to shard 0."""

    name: str
    body: Json
    guild: str | None = None
    intent: Intent | None = None


DIRECT = Permission.MANAGE_MESSAGES | Permission.MENTION_EVERYONE  # what nobody may do in a DM
APPLICATION = "4242"
BOT = User("4343", "confab", "Confab", bot=True)
PEOPLE = (
    BOT,
    User("7001", "ada", "Ada"),
    User("7002", "bob", "Bob"),
    User("7003", "cy", "Cy"),
    User("7004", "dee", "Dee"),
    User("7005", "zoe", "Zoe"),
    User("7901", "robot", "Robot", bot=True),
    User("7902", "hook", "Hook", bot=True, webhook=True),
)
HIDDEN = (("8138", Overwrite(deny=Permission.VIEW_CHANNEL)), ("7001", Overwrite(allow=Permission.VIEW_CHANNEL)))
CHANNELS = (
    Channel("81381", Kind.CATEGORY, "rooms", "8138"),
    Channel("81382", Kind.TEXT, "general", "8138", parent="81381", topic="Everything"),
    Channel("81383", Kind.TEXT, "dev", "8138", parent="81381"),
    Channel("81384", Kind.TEXT, "private", "8138", overwrites=HIDDEN),
    Channel("81385", Kind.FORUM, "questions", "8138", tags=("bug", "solved")),
)


def house(guild: str, name: str) -> Guild:
    """A guild of zoe's in which ada may manage channels and everybody, the bot included, may talk."""
    roles = (
        Role(guild, "@everyone", TALK),
        Role(f"{guild}01", "keepers", Permission.MANAGE_CHANNELS),
        Role(f"{guild}02", "crew", NONE, mentionable=True),
        Role(f"{guild}03", BOT.display, TALK, bot=BOT.id),
    )
    given = {"ada": (roles[1].id,), "cy": (roles[2].id,), BOT.name: (roles[3].id,)}
    members = tuple((user.id, given.get(user.name, ())) for user in PEOPLE if not user.webhook)
    return Guild(guild, name, "7005", roles, members)


class World:
    """All that Discord knows. Changing it is plain; what follows from a change is dispatched through `listener`."""

    def __init__(self, clock: Clock, privileged: Intent) -> None:
        self.clock = clock
        self.privileged = privileged
        self.changes = Changes()
        self.listener: Callable[[Event], None] = lambda event: None
        self.address = ""
        self.me = BOT
        self.users = {user.id: user for user in PEOPLE}
        self.public_bot = False
        """Whether anybody may add the bot to a server."""
        self.guilds = {"8138": house("8138", "The House")}
        self.unavailable: set[str] = set()
        """Guilds in an outage: they are listed, and nothing in them is shown or answered."""
        self.channels = {channel.id: channel for channel in CHANNELS}
        self.posts: dict[str, Post] = {}
        self.files: dict[str, Stored] = {}
        self.pings: list[Ping] = []
        self.nonces: dict[tuple[str, str], tuple[str, float]] = {}
        self.interactions_url: str | None = None
        self.largest_file = 10 * 1024 * 1024
        """Bytes of a file with which an interaction may be answered."""
        self.installs: set[str] = set()
        """People who have installed the application for themselves."""
        self.sessions = 999
        """How often the bot may still connect today."""
        self.silent_dms: set[str] = set()
        self.blocked_titles: set[str] = set()
        """Words that AutoMod takes in no title."""
        self.last_said: dict[tuple[str, str], float] = {}
        """When somebody said something last in a channel, of which slow mode counts the seconds."""
        self.full_of_threads = False
        """Whether the server has as many active threads as it may have."""
        self.old_edits: dict[str, list[float]] = {}
        self._last = 0

    def snowflake(self) -> str:
        """A new id, greater than every one before it."""
        self._last = max(self._last + 1, int(self.clock() * 1000 - EPOCH) << 22)
        return str(self._last)

    def inside(self, guild: str) -> bool:
        """Whether the bot is a member of a guild."""
        return guild in self.guilds and self.guilds[guild].roles_of(self.me.id) is not None

    def ours(self, channel: Channel) -> bool:
        """Whether the bot is in a place: in its server, or one of the two of its direct messages."""
        return self.inside(channel.guild) if channel.guild else self.me.id in channel.recipients

    def tell(self, event: Event) -> None:
        reaches = event.guild is None or event.name == "GUILD_DELETE" or event.guild not in self.guilds
        if reaches or (self.inside(event.guild or "") and event.guild not in self.unavailable):
            self.listener(event)
        self.changes.tell()

    def user(self, key: str) -> User:
        """By id or name. Raises `LookupError`: the test names somebody who isn't there."""
        return _named(self.users, key)

    def channel(self, key: str) -> Channel:
        """By id or name; of several with one name the newest."""
        return _named(self.channels, key)

    def known(self, channel: str) -> Channel:
        """A channel that a request names; refused with 10003 if there is none."""
        if channel not in self.channels:
            raise refused(10003)
        return self.channels[channel]

    def post(self, channel: str, message: str) -> Post:
        """A message that a request names; refused with 10008 if it isn't there, or is only one person's."""
        post = self.posts.get(message)
        if post is None or post.channel != channel or post.ephemeral:
            raise refused(10008)
        return post

    def keep(self, post: Post) -> Post:
        """Write down what became of a message."""
        self.posts[post.id] = post
        return post

    def history(self, channel: str) -> list[Post]:
        """What everybody in a channel sees, oldest first."""
        here = (post for post in self.posts.values() if post.channel == channel and not post.ephemeral)
        return sorted(here, key=lambda post: int(post.id))

    def thread_of(self, post: Post) -> Channel | None:
        """The thread that hangs on a message; it carries the message's id."""
        return self.channels.get(post.id) if Flag.HAS_THREAD in post.flags else None

    def permissions(self, user: str, channel: Channel) -> Permission:
        """What `user` may do in `channel`: roles, then the overwrites of everybody, of roles, of the member."""
        if channel.guild is None:
            return ALL & ~DIRECT if user in channel.recipients else NONE
        guild = self.guilds[channel.guild]
        roles = guild.roles_of(user)
        if roles is None:
            return NONE
        base = NONE
        for role in roles:
            base |= role.permissions
        if user == guild.owner or Permission.ADMINISTRATOR in base:
            return ALL
        granted = _overwritten(base, self._home(channel), guild.id, {role.id for role in roles}, user)
        shut = channel.invited and user not in channel.invited and Permission.MANAGE_THREADS not in granted
        return NONE if shut else granted

    def may(self, user: str, channel: Channel, permission: Permission) -> bool:
        return permission in self.permissions(user, channel)

    def demand(self, user: str, channel: Channel, permission: Permission) -> None:
        """Refuse with 50001 who can't see the channel, with 50013 who may not do this there."""
        granted = self.permissions(user, channel)
        if Permission.VIEW_CHANNEL not in granted:
            raise refused(50001)
        if permission not in granted:
            raise refused(50013)

    def slow_down(self, user: str, channel: Channel) -> None:
        """Refuse with 20016 who speaks too soon again in slow mode. Moderators and who bypasses it are exempt."""
        freed = Permission.MANAGE_MESSAGES | Permission.MANAGE_CHANNELS | Permission.BYPASS_SLOWMODE
        wait = self.last_said.get((user, channel.id), 0.0) + channel.slow - self.clock()
        if channel.slow and wait > 0 and not freed & self.permissions(user, channel):
            refusal = refused(20016)
            raise Refused(refusal.status, refusal.body | {"retry_after": wait, "global": False})

    def dm(self, user: str) -> Channel:
        """The DM of the bot and `user`, opened if need be."""
        pair = (self.me.id, user)
        for channel in self.channels.values():
            if channel.recipients == pair:
                return channel
        opened = Channel(self.snowflake(), Kind.DM, f"@{self.users[user].name}", recipients=pair)
        self.channels[opened.id] = opened
        return opened

    def permit(self, who: str, channel: str, allow: Permission, deny: Permission) -> Channel:
        """Overwrite what a role or member may do in a channel; both named by id or name."""
        place = self.channel(channel)
        roles = {
            role.name: role.id for guild in self.guilds.values() for role in guild.roles if guild.id == place.guild
        }
        key = roles.get(who) or self.user(who).id
        others = tuple(pair for pair in place.overwrites if pair[0] != key)
        self.channels[place.id] = replace(place, overwrites=(*others, (key, Overwrite(allow, deny))))
        return self.channels[place.id]

    def _home(self, channel: Channel) -> Channel:
        if channel.kind == Kind.THREAD and channel.parent:
            return self.channels[channel.parent]
        return channel


def _named(things: dict[str, Named], key: str) -> Named:
    if key in things:
        return things[key]
    named = [thing for thing in things.values() if thing.name == key]
    if not named:
        raise LookupError(f"nobody and nothing here is called {key}")
    return named[-1]


def _overwritten(base: Permission, channel: Channel, everybody: str, roles: set[str], user: str) -> Permission:
    allow = deny = NONE
    for key, overwrite in channel.overwrites:
        if key == everybody:
            base = base & ~overwrite.deny | overwrite.allow
        elif key in roles:
            allow, deny = allow | overwrite.allow, deny | overwrite.deny
    base = base & ~deny | allow
    own = dict(channel.overwrites).get(user, Overwrite())
    return base & ~own.deny | own.allow
