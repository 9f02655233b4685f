"""Adapter of Discord: connects, gives events to core, and makes the surface of each question."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Self

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route

from bots.delivery.backfill import Backfill
from bots.delivery.fencing import fence_requests
from bots.delivery.pace import Pace
from bots.discord import formatting
from bots.discord.admission import Admission
from bots.discord.backfill import BackfillSource
from bots.discord.buttons.writing import find_barrier
from bots.discord.client import Body, Rest, trace_requests
from bots.discord.directory import Directory
from bots.discord.errors import translate_errors
from bots.discord.files import FileSource
from bots.discord.gateway import SILENCE, Client
from bots.discord.intake import Intake, identify_bot
from bots.discord.interactions import DEFER, DEFERRED, Interactions
from bots.discord.invite import PUBLIC, SWITCHES
from bots.discord.outbound_budget import OutboundBudget
from bots.discord.publisher import EDIT
from bots.discord.servers.membership import Membership
from bots.discord.settings import DiscordSettings
from bots.discord.shards.progress import SessionProgress, find_shard
from bots.discord.shards.sharing import ShardSharing, share_shards
from bots.discord.shielded_calls import Inflight
from bots.discord.surface import NAMING, TOKEN, DiscordSurface, SurfaceResources
from bots.ops.plugin import PlatformResources
from core.commands import TABLE
from core.commands.persona import offer_tools
from core.domain.clock import Sleep, system_clock
from core.domain.controls import Control
from core.domain.errors import CannotConnect, CannotShow, ConfabError, RateLimited, Uncertain
from core.domain.events import Ingest
from core.domain.messages import Question
from core.domain.platform import Connected, ignore_connected
from core.rendering.paginator import cut
from core.store.protocols import Notes
from core.store.records.installations import Installations
from core.telemetry import Emit, discard_event

API, GATEWAY = "https://discord.com/api/v10", "wss://gateway.discord.gg/"
RECONNECT = 5.0  # seconds before we connect again after the library gave up

CLOSED = {
    4004: "DISCORD_BOT_TOKEN: Discord does not take it. Reset it in the developer portal under Bot, and set that.",
    4010: "DISCORD_SHARD_IDS: there is no such shard; ids count from 0 to DISCORD_SHARD_COUNT - 1.",
    4011: (
        "DISCORD_SHARD_COUNT: this bot is in too many servers for so few shards. Unset it, or raise it. Where "
        "DISCORD_SHARDS says how many there are, stop all processes and start them again, with auto or a larger number."
    ),
    4012: "DISCORD_GATEWAY_URL: this gateway does not speak version 10.",
    4013: "DISCORD_GATEWAY_URL: this gateway does not know our intents.",
}

log = logging.getLogger(__name__)


class Discord:
    """Discord, as a platform. `quick`, `edit` and `defer` make it faster than Discord allows, for tests."""

    name = "discord"
    instructions = formatting.INSTRUCTIONS
    file_hint = (
        "Give it as the `file` of `/batch run`; or mention me in the message that has it, and write `!batch` with what "
        "is to be done with each row."
    )
    _client: Client | None = None
    """The one that is logged in now; like the parts below, none before the first connection."""
    _intake: Intake | None = None
    _backfill: Backfill | None = None
    _interactions: Interactions | None = None
    _membership: Membership | None = None

    def __init__(
        self,
        token: str,
        notes: Notes,
        installations: Installations,
        *,
        api_url: str = API,
        gateway_url: str = GATEWAY,
        shards: tuple[Sequence[int] | None, int | None] = (None, None),
        sharing: ShardSharing | None = None,
        processes: Callable[[], int] = lambda: 1,
        managers: Collection[str] = (),
        guilds: Collection[str] = (),
        installers: Collection[str] = (),
        erase: bool = False,
        models: Collection[str] = (),
        tools: Sequence[str] = (),
        emit: Emit = discard_event,
        quick: bool = False,
        silence: float = SILENCE,
        edit: float = EDIT,
        defer: float = DEFER,
        deferred: float = DEFERRED,
        naming: float = NAMING,
        token_life: float = TOKEN,
        pause: Sleep = asyncio.sleep,
    ) -> None:
        self._token, self._notes, self._emit, self._installations = token, notes, emit, installations
        self._table, self._erase = offer_tools(TABLE, tools), erase
        self._api, self._gateway, self._shards = api_url, gateway_url, shards
        self._sharing, self._progress = sharing, SessionProgress(lambda: self._connected)
        self._quick, self._silence, self._defer, self._deferred, self._pause = quick, silence, defer, deferred, pause
        self._content, self._naming, self._token_life = True, naming, token_life
        self._online, self._inflight = asyncio.Event(), Inflight(api_url, OutboundBudget(processes=processes))
        self._rest = Rest(self._http, self._inflight, pause)
        self._files, self._managers = _make_files(self._rest, api_url, emit, pause), frozenset(managers)
        self._models, self._installable, self._pace = frozenset(models), bool(installers), Pace(edit)
        self._directory = Directory(self._rest, lambda: self._connected, self._managers)
        self._admission = Admission(guilds, self._directory, self._list_servers, installers=installers)

    @classmethod
    def from_settings(cls, settings: DiscordSettings, resources: PlatformResources) -> Self:
        """Make the adapter that the settings describe. Raises SettingsError."""
        settings.check_token()
        core = resources.settings
        assert resources.installations is not None
        return cls(
            settings.token,
            resources.notes,
            resources.installations,
            api_url=settings.discord_api_url.rstrip("/"),
            gateway_url=settings.discord_gateway_url,
            shards=(settings.discord_shard_ids or None, settings.discord_shard_count),
            sharing=share_shards(settings.discord_shards, resources),
            processes=resources.processes,
            managers=core.confab_managers,
            guilds=settings.discord_guilds,
            installers=settings.discord_user_install,
            erase=settings.discord_left == "erase",
            models=core.confab_models,
            tools=resources.tools,
            emit=resources.emit,
        )

    @property
    def offline(self) -> str:
        """Why no events come just now; empty while every shard is connected."""
        client = self._client
        if client is None or client.is_closed() or not (client.reachable or client.is_ready()):
            return "not connected"
        return client.trouble

    @property
    def reachable(self) -> bool:
        return self._client is not None and not self._client.is_closed() and self._client.reachable

    async def run(self, ingest: Ingest, connected: Connected = ignore_connected) -> None:
        """Connect, and ingest events until cancelled; requests can be made until `close`. Raises CannotConnect."""
        self._point_library()
        source = BackfillSource(self._rest, lambda: self._connected, self._pause, self._admission)
        backfill = self._backfill = self._backfill or Backfill(ingest, source.fetch_missed, self._pause, self._emit)
        try:
            while True:
                client = self.make_client(backfill.ingest)
                client.connected = connected
                await self._connect(client)
        finally:
            await backfill.stop()
            if self._intake:
                await self._intake.stop()

    async def close(self) -> None:
        await self._inflight.close()
        if self._client is not None:
            await self._client.close()

    async def tell(
        self, workspace: str, person: str, text: str, answer: str = "", *, button: tuple[Control, str] | None = None
    ) -> None:
        """Send a direct message, each page of it marked as a notice: none answers what was asked there.

        Raises CannotShow.
        """
        try:
            channel = await translate_errors(self._rest.open_direct_channel(person))
            pages = await cut(answer, partial(formatting.render_set_apart, answer))
            buttons = formatting.build_buttons([button[0]], button[1]) if button else None
            for body in [Body(formatting.mark_notice(text), buttons), *map(Body, pages)]:
                await translate_errors(self._rest.post(channel, body, secrets.token_hex(8)))
        except (RateLimited, Uncertain, discord.HTTPException) as error:
            raise CannotShow(f"a direct message to {person} was not sent: {error}") from None

    def make_client(self, ingest: Ingest) -> Client:
        """Make a client with our commands. Once it is logged in, requests go through it."""
        self._interactions = Interactions(
            ingest,
            self._table,
            self._admission,
            self._rest,
            managers=self._managers,
            models=self._models,
            defer=self._defer,
            deferred=self._deferred,
            notes=self._notes,
        )
        self._intake = self._intake or self._make_intake(ingest)
        make = self._sharing.make_client(self._find_limit) if self._sharing else Client
        client: Client = make(
            self._intake.accept,
            self._notes,
            content=self._content,
            shards=self._shards,
            inflight=self._inflight,
            trace=fence_requests(trace_requests(self._emit, self._api)),
            quick=self._quick,
            silence=self._silence,
        )
        for command in self._interactions.build_commands(installable=self._installable):
            client.tree.add_command(command)
        client.event(self._interactions.on_interaction)
        client.online = partial(self._come_online, client)
        return client

    def _make_intake(self, ingest: Ingest) -> Intake:
        def client() -> Client:
            return self._connected

        membership = self._membership = Membership(
            ingest, client, self._rest, self._installations, erase=self._erase, pause=self._pause
        )
        return Intake(
            ingest,
            client,
            self._directory,
            self._rest,
            self._admission,
            membership=membership,
            progress=self._progress,
        )

    def _find_limit(self, shard: int, sequence: int) -> int:
        """Up to which event of a shard's session another process need not be told; 0 while more is to be looked for."""
        backfill, membership = self._backfill, self._membership
        count = self._connected.shard_count or 1
        unfinished = backfill.unfinished if backfill else ()
        if any(find_shard(workspace, count) == shard for workspace in unfinished):
            return 0
        if membership and membership.is_reviewing(shard):
            return 0
        return self._progress.limit(shard, sequence)

    async def surface(self, question: Question) -> DiscordSurface:
        """Make the surface of `question`. Raises CannotShow in a server that is not allowed."""
        guild = question.key.workspace.partition(":")[2]
        if guild.isdigit() and not self._admission.admits_server(guild):
            raise CannotShow(f"DISCORD_GUILDS does not allow server {guild}")
        await self._online.wait()
        client = self._connected
        who = identify_bot(client, await self._fetch_server(guild) if guild.isdigit() else None)
        first = await self._interactions.find_deferral(question.name) if self._interactions else None
        resources = SurfaceResources(
            rest=self._rest,
            directory=self._directory,
            admission=self._admission,
            clock=system_clock,
            pace=self._pace,
            pause=self._pause,
            content=self._content,
            files=self._files,
            explain_closed=self._explain_closed,
            may_open_thread=self._may_open_thread,
            naming=self._naming,
            token=self._token_life,
        )
        return DiscordSurface(resources, who, question, first)

    async def _fetch_server(self, guild: str) -> discord.Guild | None:
        """What a server is like, also one of another process's shards; where nobody says, as far as it is known."""
        try:
            return await self._directory.servers.fetch(guild)
        except (discord.DiscordException, ConfabError) as error:
            log.warning("server %s could not be looked up: %s", guild, error)
            return self._directory.servers.get(guild)

    def _explain_closed(self, guild: str | None, channel: str) -> str:
        """Why we may not post in a channel, as the gateway tells; what it does not tell is tried."""
        known, may = self._find_permissions(guild, channel)
        return "" if known is None else find_barrier(may, known)

    def _may_open_thread(self, guild: str | None, channel: str) -> bool:
        """Whether a thread can be opened there, in which we may write: text and announcement channels alone have them.

        What the gateway does not tell is tried.
        """
        known, may = self._find_permissions(guild, channel)
        allowed = may.view_channel and may.create_public_threads and may.send_messages_in_threads
        return known is None or (isinstance(known, discord.TextChannel) and allowed)

    def _find_permissions(
        self, guild: str | None, channel: str
    ) -> tuple[discord.abc.GuildChannel | discord.Thread | None, discord.Permissions]:
        """A channel of a server and what we may do in it, as the gateway tells; None where it does not."""
        server = self._directory.servers.get(guild)
        known = server.get_channel_or_thread(int(channel)) if server and server.me else None
        if server is None or known is None:
            return None, discord.Permissions.none()
        return known, known.permissions_for(server.me)

    async def _connect(self, client: Client) -> None:
        """One connection, until it ends. Returns when another may do better. Raises CannotConnect."""
        connected = asyncio.create_task(client.start(self._token), name="connection to Discord")
        try:
            await asyncio.wait([connected])
        except asyncio.CancelledError:
            await _cancel_until_done(connected)
            await self._leave(client)
            raise
        try:
            await connected
        except Exception as error:
            await client.close()
            await self._recover(error)

    async def _leave(self, client: Client) -> None:
        """Leave the gateway. Who has been logged in can still make requests: answers under way need it."""
        if client is self._client:
            await client.leave()
        else:
            await client.close()

    async def _recover(self, error: Exception) -> None:
        """Return when connecting again may do better. Raises CannotConnect, or what nobody foresaw."""
        match error:
            case discord.PrivilegedIntentsRequired():
                self._do_without_content()
            case discord.LoginFailure():
                raise CannotConnect(CLOSED[4004]) from error
            case discord.ConnectionClosed(code=code) if code in CLOSED:
                raise CannotConnect(CLOSED[code]) from error
            case discord.DiscordException() | aiohttp.ClientError() | OSError() | TimeoutError():
                log.warning("the connection to Discord ended (%s); connecting again", type(error).__name__)
                await self._pause(RECONNECT)
            case _:
                raise error

    def _come_online(self, client: Client) -> None:
        """Send requests through `client` from now on."""
        self._client = client
        self._online.set()
        if client.application and client.application.bot_public and self._admission.admits_all:
            log.warning(PUBLIC)

    def _do_without_content(self) -> None:
        """Without the intent Discord still shows us what mentions us, replies to us, or is said in direct messages."""
        switch = f"Switch on “{SWITCHES[0]}” in the developer portal under Bot"
        if not self._content:
            raise CannotConnect(f"Discord refuses our intents (4014). {switch}.")
        log.error("%s and restart; until then only mentions, commands and direct messages are read (4014).", switch)
        self._content = False

    def _point_library(self) -> None:
        """Point the library at another server than Discord's; it knows no other way than its constants."""
        if self._api != API:
            Route.BASE = self._api
        if self._gateway != GATEWAY:
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(self._gateway)

    @property
    def _connected(self) -> Client:
        assert self._client is not None
        return self._client

    async def _list_servers(self) -> list[str]:
        """The servers that we are in; of those whose shards other processes hold, as they have written down."""
        client = self._connected
        if self._sharing is None or client.user is None:
            return [str(guild.id) for guild in client.guilds]
        us = str(client.user.id)
        rows = await self._installations.list("discord")
        return [row.workspace.partition(":")[2] for row in rows if row.identity == us]

    def _http(self) -> HTTPClient:
        return self._connected.http


def _make_files(rest: Rest, api_url: str, emit: Emit, pause: Sleep) -> FileSource:
    return FileSource(rest, str(yarl.URL(api_url).origin()), pause, fence_requests(trace_requests(emit, api_url)))


async def _cancel_until_done(task: asyncio.Task[None]) -> None:
    """Cancel until it ends: the library loses a cancellation that comes while it takes up a shard's session again."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
