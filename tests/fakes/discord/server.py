"""A loopback Discord: real sockets on 127.0.0.1 for the unmodified discord.py, and hands to drive it with.

async with DiscordFake() as fake:
    discord.http.Route.BASE = fake.api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(fake.gateway_url)
    ...
    asked = await fake.say("ada", "general", f"<@{fake.me}> hello")
    await fake.until(lambda: len(fake.visible("general")) == 2)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.fakes.discord.commands import Commands
from tests.fakes.discord.components import list_buttons
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.interactions import Interaction, Interactions
from tests.fakes.discord.limits import Limits, Trouble
from tests.fakes.discord.messages import Messages
from tests.fakes.discord.nouns import NONE, Channel, Intent, Kind, Permission, Ping
from tests.fakes.discord.payloads import channel_json, guild_create
from tests.fakes.discord.people import People
from tests.fakes.discord.posts import alter
from tests.fakes.discord.rest import API, Call, Hook, Refusal, Rest
from tests.fakes.discord.rooms import Cdn, Rooms
from tests.fakes.discord.starts import SessionStarts
from tests.fakes.discord.world import Clock, Event, World, house

TOKEN = "loopback.discord.token"


@dataclass(frozen=True, slots=True)
class Visible:
    """A message as everybody in a channel sees it; names and ids. `reference` is what it replies to or forwards."""

    author: str
    content: str
    id: str
    reference: str | None
    buttons: tuple[str, ...] = ()
    """What stands on the buttons below it."""


class DiscordFake(People):
    """Guild 8138 with its channels and people, a bot that may connect, and everything that may go wrong.

    `clock` moves the server's time; `privileged` are the intents switched on in the portal; `heartbeat` is in seconds;
    `shards` is the least number of shards that the gateway takes, `starts` how many sessions may begin side by side;
    `port` 0 is any free one.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Clock | None = None,
        privileged: Intent = Intent.MESSAGE_CONTENT,
        heartbeat: float = 41.25,
        shards: int = 0,
        starts: SessionStarts | None = None,
    ) -> None:
        self.token = TOKEN
        self.clock = clock or Clock()
        world = World(self.clock, privileged)
        commands, interactions = Commands(world), Interactions(world)
        super().__init__(world, commands, interactions)
        self.me = world.me.id
        starts = starts or SessionStarts()
        self.gateway = Gateway(world, TOKEN, heartbeat=heartbeat, shards=shards, starts=starts)
        self._limits = Limits(self.clock)
        served = (Rooms(world, self.gateway), Messages(world), commands, interactions)
        routes = {name: route for part in served for name, route in part.routes().items()}
        self._rest = Rest(world, TOKEN, self._limits, routes)
        self._port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        served = self._rest.application()
        served.router.add_get("/gw", self.gateway.connect)
        served.router.add_get("/attachments/{channel}/{file}/{name}", Cdn(self.world).download)
        self._runner = web.AppRunner(served, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.lie_at(f"http://127.0.0.1:{self._port}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.cut()
        if self._runner:
            await self._runner.cleanup()

    def lie_at(self, address: str) -> None:
        """Tell everybody to come by way of `address`."""
        self.world.address = address
        self.gateway.url = self.gateway_url

    @property
    def api_url(self) -> str:
        return self.world.address + API

    @property
    def gateway_url(self) -> str:
        return self.world.address.replace("http", "ws", 1) + "/gw"

    @property
    def calls(self) -> list[Call]:
        """Every request, in order of arrival."""
        return self._rest.calls

    @property
    def refusals(self) -> list[Refusal]:
        """Every request that Discord refused, 429s of a full bucket included (code 0)."""
        return self._rest.refusals

    @property
    def failed(self) -> list[Interaction]:
        """Every interaction that nobody has answered: after three seconds its person reads that it failed."""
        return self._interactions.failed

    @property
    def pings(self) -> list[Ping]:
        """Everybody whom the bot notified."""
        return self.world.pings

    def visible(self, channel: str) -> list[Visible]:
        """What everybody sees in a channel, oldest first."""
        history = self.world.history(self.world.channel(channel).id)
        users = self.world.users
        return [
            Visible(
                author=users[post.author].name,
                content=post.content,
                id=post.id,
                reference=(post.reference or {}).get("message_id"),
                buttons=list_buttons(post.components),
            )
            for post in history
        ]

    async def until(self, predicate: Callable[[], object], timeout: float = 30.0) -> None:  # noqa: ASYNC109 - of a test
        """Wait until `predicate` holds; each change here looks again. Raises `TimeoutError` with the last calls."""
        try:
            await self.world.changes.until(predicate, timeout)
        except TimeoutError:
            last = [f"{call.method} {call.path}" for call in self.calls[-10:]]
            raise TimeoutError(f"nothing of the kind happened; the last calls: {last}") from None

    def bucket(self, route: str, limit: int, per: float) -> None:
        """Rate limit `route` (`POST /channels/{channel}/messages`): `limit` requests every `per` seconds."""
        self._limits.bucket(route, limit, per)

    def document_limits(self) -> None:
        """Refuse what Discord's documentation says that it refuses: 50 requests a second, 5 messages in 5 seconds."""
        self._limits.document()

    def fault(self, route: str, trouble: Trouble, times: int = 1) -> None:
        """Let the next `times` requests of `route` meet `trouble`."""
        self._limits.fault(route, trouble, times)

    def on_request(self, callback: Hook) -> None:
        """Call `callback(number, method, path, phase)` before and after each request, and when it is answered.

        Requests are numbered from 1. If it returns True the connection is cut there: before, nothing happened; after, it did and nobody is told.
        """
        self._rest.hooks.append(callback)

    def permit(self, who: str, channel: str, allow: Permission = NONE, deny: Permission = NONE) -> None:
        """Overwrite what a person, the bot (`confab`) or a role may do in a channel."""
        alter(self.world, self.world.permit(who, channel, allow, deny))

    def room(self, name: str, guild: str = "8138", *, kind: Kind = Kind.TEXT, parent: str | None = None) -> str:
        """One more channel; its id."""
        channel = Channel(self.world.snowflake(), kind, name, guild, parent)
        self.world.channels[channel.id] = channel
        self.world.tell(Event("CHANNEL_CREATE", channel_json(self.world, channel), guild, Intent.GUILDS))
        return channel.id

    def guild(self, key: str, name: str) -> None:
        """The bot and everybody join one more guild; shard `(key >> 22) % shards` hears of it."""
        self.world.guilds[key] = house(key, name)
        self.world.tell(Event("GUILD_CREATE", guild_create(self.world, self.world.guilds[key]), key, Intent.GUILDS))

    def elsewhere(self, key: str, name: str, room: str) -> str:
        """One more guild, with all people, in which the bot is no member, and its channel `room`; that one's id."""
        guild = house(key, name)
        self.world.guilds[key] = replace(guild, members=tuple(one for one in guild.members if one[0] != self.me))
        channel = Channel(self.world.snowflake(), Kind.TEXT, room, key)
        self.world.channels[channel.id] = channel
        return channel.id

    def circle(self, name: str, *people: str) -> str:
        """Direct messages of people among themselves: of two, or a group; the channel's id."""
        members = tuple(self.world.user(one).id for one in people)
        kind = Kind.DM if len(members) == 2 else Kind.GROUP
        channel = Channel(self.world.snowflake(), kind, name, owner=members[0], recipients=members)
        self.world.channels[channel.id] = channel
        return channel.id

    def install(self, user: str) -> None:
        """A person installs the application for themselves."""
        self.world.installs.add(self.world.user(user).id)

    def offer_everywhere(self) -> None:
        """Offer every command in all places and for all installations, as clients do that know them from before."""
        self.commands.widen()

    def remove_bot(self, key: str) -> None:
        """Somebody removes the bot from a guild, which stays where it is."""
        guild = self.world.guilds[key]
        members = tuple(one for one in guild.members if one[0] != self.me)
        self.world.guilds[key] = replace(guild, members=members)
        self.world.tell(Event("GUILD_DELETE", {"id": key}, key, Intent.GUILDS))

    def add_bot(self, key: str) -> None:
        """The bot joins a guild again."""
        self.world.guilds[key] = replace(self.world.guilds[key], members=house(key, "").members)
        joined = {**guild_create(self.world, self.world.guilds[key])}
        del joined["unavailable"]  # Discord tells it of one that comes back from an outage, or with a new session
        self.world.tell(Event("GUILD_CREATE", joined, key, Intent.GUILDS))

    def begin_outage(self, key: str) -> None:
        """A guild is out of reach."""
        self.world.tell(Event("GUILD_DELETE", {"id": key, "unavailable": True}, key, Intent.GUILDS))
        self.world.unavailable.add(key)

    def end_outage(self, key: str) -> None:
        """A guild is there again."""
        self.world.unavailable.discard(key)
        self.world.tell(Event("GUILD_CREATE", guild_create(self.world, self.world.guilds[key]), key, Intent.GUILDS))

    def archive(self, thread: str, *, locked: bool = False) -> None:
        """Close a thread."""
        alter(self.world, replace(self.world.channel(thread), archived=True, locked=locked))

    def lock(self, thread: str) -> None:
        """Let moderators alone write in a thread, which stays open."""
        alter(self.world, replace(self.world.channel(thread), locked=True))

    def forum(self, name: str, kind: Kind = Kind.FORUM, tags: tuple[str, ...] = ()) -> str:
        """One more forum, or media channel, with the tags that its posts may have; its id."""
        made = self.room(name, kind=kind)
        return alter(self.world, replace(self.world.channels[made], tags=tags)).id

    def slow_down(self, channel: str, seconds: int, *, threads: int = 0) -> None:
        """Switch on slow mode in a channel, and in `threads` that are opened in it from now on."""
        alter(self.world, replace(self.world.channel(channel), slow=seconds, threads_slow=threads))

    def refuse_dms(self, user: str) -> None:
        """`user` takes no more DMs of the bot: 50007."""
        self.world.silent_dms.add(self.world.user(user).id)
