"""Doctor of Discord: health checks of token, intents, permissions in each server, commands and connections."""

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Mapping
from typing import Any, TypeVar

import aiohttp
import discord
from discord import AppInfo, ApplicationFlags, Permissions
from discord.app_commands import CommandTree
from discord.http import Route

from bots.discord import slash
from bots.discord.invite import SWITCHES, build_invite_url, build_permissions
from bots.discord.parse import Json
from bots.discord.settings import DiscordSettings
from bots.discord.shards.doctor import DISCORD, check_sharing
from bots.ops.results import SECONDS, CheckResult, CheckResults, run_concurrently
from core.commands import TABLE
from core.domain.wording import count_noun

PAGE = 200  # servers that Discord lists at once
SPARE = {"attach files", "create public threads"}  # answers come without these, as replies and in words
FEW_NAMES = 5  # servers that a finding names
FEW = 50  # of the 1,000 connections that Discord allows a bot in a day

SLASH = 1  # the type of commands that are typed; others stand in menus
PORTAL = "https://discord.com/developers/applications"
RESET = f"Reset it at {PORTAL} (Bot, Token), and set DISCORD_BOT_TOKEN to the new one."
REACH = "See that this machine reaches DISCORD_API_URL. https://discordstatus.com says how Discord is."
FOREIGN = (
    "Unset DISCORD_API_URL, or set it to Discord's address. A proxy or a login page may answer in Discord's place."
)
SWITCH = f"Switch on “{SWITCHES[0]}” at {PORTAL} (Bot), and restart."
OPEN = f"Switch off “Public Bot” at {PORTAL} (Bot), or set DISCORD_GUILDS to the ids of your servers."
NEEDLESS = (
    "We never need to. Take “Mention @everyone, @here, and All Roles” away from our roles there (Server Settings, "
    "Roles), and from @everyone's; “Administrator” is more than we need, too."
)
CLEAR = f"Clear “Interactions Endpoint URL” at {PORTAL} (General Information)."

T = TypeVar("T")


class _Silent(Exception):
    """Discord gives no answer that says anything."""


class _Foreign(_Silent):
    """What answers is not Discord."""


async def check(settings: DiscordSettings, database: str) -> CheckResults:
    """Ask Discord, by REST alone: no connection of the day's thousand is used up."""
    Route.BASE = settings.discord_api_url.rstrip("/")
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await _call(client.login(settings.token))
        except discord.LoginFailure:
            yield DISCORD.problem("token", "not accepted", RESET)
        except _Silent as silent:
            yield _report_silence("token", silent)
        else:
            async for finding in run_concurrently(
                _check_application(client, settings.discord_guilds),
                _check_servers(client, settings.discord_guilds),
                _check_commands(client),
                _check_connections(client),
                check_sharing(settings, client, database),
            ):
                yield finding


async def _check_application(client: discord.Client, allowed: Collection[str]) -> CheckResults:
    application = _get_application(client)
    yield DISCORD.ok("token", f"accepted, for the application {application.name}")
    yield _check_content(application.flags)
    if application.bot_public and not allowed:
        yield DISCORD.warning(
            "public bot", "anybody may add this bot to a server of theirs, and ask at your cost", OPEN
        )
    if application.interactions_endpoint_url:
        yield DISCORD.problem("interactions", "Discord sends commands to a web address, not to us", CLEAR)


def _check_content(flags: ApplicationFlags) -> CheckResult:
    if flags.gateway_message_content or flags.gateway_message_content_limited:
        return DISCORD.ok("message content", "we are shown what people write")
    says = "we are shown only what mentions us, replies to us or is a direct message"
    return DISCORD.warning("message content", says, SWITCH)


async def _check_servers(client: discord.Client, allowed: Collection[str]) -> CheckResults:
    address = build_invite_url(str(_get_application(client).id))
    try:
        servers = await _list_servers(client)
    except _Silent as silent:
        yield _report_silence("servers", silent)
        return
    if not servers:
        yield DISCORD.warning("servers", "we are in none", f"Invite us: {address}")
    for difference in _check_allowed({str(server["id"]): server["name"] for server in servers}, allowed):
        yield difference
    if loud := [server["name"] for server in servers if _may_ping_everybody(server)]:
        says = f"we may mention @everyone, @here and every role in {len(loud):,}: {', '.join(loud[:FEW_NAMES])}"
        yield DISCORD.warning("mentions", says, NEEDLESS)
    hindered = [(server["name"], missing) for server in servers if (missing := _list_missing(server))]
    for name, missing in hindered:
        mend = f"Let our role do so in that server's settings, or invite us there again: {address}"
        finding = DISCORD.problem if set(missing) - SPARE else DISCORD.warning
        yield finding(f"server {name}", f"we may not {', '.join(missing)}", mend)
    if free := len(servers) - len(hindered):
        yield DISCORD.ok("servers", f"in {free} of {len(servers)} our roles may do all that answers need")


def _check_allowed(names: Mapping[str, str], allowed: Collection[str]) -> Iterator[CheckResult]:
    """Where the allow-list and the servers that we are in differ."""
    if others := [names[one] for one in names if allowed and one not in allowed]:
        says = f"we are in {len(others):,} that DISCORD_GUILDS does not allow: {', '.join(others[:FEW_NAMES])}"
        yield DISCORD.warning("servers", says, "Nobody is answered there. Let us leave them, or allow them.")
    if absent := sorted(one for one in allowed if one not in names):
        says = f"DISCORD_GUILDS allows some that we are not in: {', '.join(absent[:FEW_NAMES])}"
        yield DISCORD.warning("servers", says, "Invite us there, or take them out of DISCORD_GUILDS.")


async def _list_servers(client: discord.Client) -> list[Json]:
    servers: list[Json] = []
    while True:
        last = servers[-1]["id"] if servers else None
        page = _read_objects(await _call(client.http.get_guilds(PAGE, after=last, with_counts=False)))
        servers += page
        if len(page) < PAGE:
            return servers


def _list_missing(server: Json) -> list[str]:
    """What our roles lack there; a channel's own settings may still take away or give."""
    granted = Permissions(int(server["permissions"]))
    if granted.administrator:
        return []
    return [name.replace("_", " ") for name, wanted in build_permissions() if wanted and not getattr(granted, name)]


def _may_ping_everybody(server: Json) -> bool:
    """Whether our roles let us notify all members at once. What we post notifies nobody, so we never need to."""
    granted = Permissions(int(server["permissions"]))
    return granted.mention_everyone or granted.administrator


async def _check_commands(client: discord.Client) -> CheckResults:
    tree = CommandTree(client)
    wanted = [
        _describe_command(command.to_dict(tree))
        for command in slash.build_commands(TABLE, _never, _never, _never, _never)
    ]
    try:
        listed = await _call(client.http.get_global_commands(_get_application(client).id))
        known = [_describe_command(one) for one in _read_objects(listed)]
    except _Silent as silent:
        yield _report_silence("commands", silent)
        return
    behind = ", ".join(_name_command(shape) for shape in wanted if shape not in known)
    if behind:
        says = f"Discord does not know these, or not as they are now: {behind}"
        yield DISCORD.warning("commands", says, "The next start of Confab tells Discord of them.")
    else:
        yield DISCORD.ok("commands", f"Discord knows all {len(wanted)}")


def _name_command(shape: tuple[Any, ...]) -> str:
    """As people see it: a slash command, or an entry of a message's menu."""
    name, kind, *_ = shape
    return f"/{name}" if kind == SLASH else f"Apps > {name}"


def _describe_command(command: Json) -> tuple[Any, ...]:
    """What people see of a command or an option, in whatever way it is written down; its name first."""
    choices = tuple(choice["value"] for choice in command.get("choices") or ())
    options = tuple(_describe_command(option) for option in command.get("options") or ())
    rest = (bool(command.get("required")), bool(command.get("autocomplete")), choices, options)
    return command["name"], command.get("type", 1), command.get("description") or "", *rest


async def _check_connections(client: discord.Client) -> CheckResults:
    try:
        answer: Json = await _call(client.http.request(Route("GET", "/gateway/bot")))
        limit = _read_object(answer, "session_start_limit")
    except _Silent as silent:
        yield _report_silence("connections", silent)
        return
    left, minutes = limit["remaining"], limit["reset_after"] // 60_000
    says = f"{left:,} of {limit['total']:,} are left for today; a start takes {answer['shards']}"
    if left > FEW:
        yield DISCORD.ok("connections", says)
        return
    mend = (
        f"Something starts us over and over; the log says what. Discord counts anew in {count_noun(minutes, 'minute')}."
    )
    yield DISCORD.warning("connections", says, mend) if left else DISCORD.problem("connections", says, mend)


def _get_application(client: discord.Client) -> AppInfo:
    assert client.application is not None
    return client.application


async def _never(*_: object) -> Any:
    """Stands where a command's work would: here nobody gives one."""


async def _call(call: Awaitable[T]) -> T:
    """Raises LoginFailure and _Silent."""
    try:
        async with asyncio.timeout(SECONDS):
            return await call
    except discord.LoginFailure:
        raise
    except TimeoutError:
        raise _Silent(f"nothing in {SECONDS:g} seconds") from None
    except discord.HTTPException as error:
        raise _Silent(f"HTTP {error.status}") from None
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        raise _Silent(type(error).__name__) from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # the library takes any body for Discord's
        raise _Foreign(f"an answer that can't be read: {type(error).__name__}") from None


def _read_objects(found: object) -> list[Json]:
    """A list of objects. Raises _Foreign."""
    if not (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
        raise _Foreign("an answer that is no list")
    return found


def _read_object(found: object, name: str) -> Json:
    """An object of that name in another. Raises _Foreign."""
    inner = found.get(name) if isinstance(found, dict) else None
    if not isinstance(inner, dict):
        raise _Foreign(f"an answer without {name}")
    return inner


def _report_silence(name: str, silent: _Silent) -> CheckResult:
    if isinstance(silent, _Foreign):
        return DISCORD.problem(name, f"what answers is not Discord ({silent})", FOREIGN)
    return DISCORD.problem(name, f"Discord does not answer ({silent})", REACH)
