"""What the check finds of Discord: the token, switches, servers and permissions, commands, connections.

Tests bots.discord.doctor and bots.discord.shards.doctor.
"""

from dataclasses import replace

import discord
import pytest
from discord.app_commands import CommandTree

from bots.discord import slash as commands
from bots.discord.doctor import DISCORD
from bots.discord.invite import build_invite_url
from core.commands import TABLE
from core.store import open_store
from core.store.records.shards.leases import ShardHolder
from tests.fakes.discord.client import pointed
from tests.fakes.discord.limits import Answer, Fault
from tests.fakes.discord.nouns import NONE, TALK, Intent, Permission
from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.world import APPLICATION
from tests.support.doctor import brief, chosen, findings

PORTAL = "https://discord.com/developers/applications"
ADDRESS = build_invite_url(APPLICATION)
TOKEN = DISCORD.ok("token", "accepted, for the application Confab")


@pytest.fixture
async def guild():
    async with DiscordFake() as guild:
        with pointed(guild):
            yield guild


def settings(guild: DiscordFake, **values: object):
    return chosen(**{"discord_bot_token": guild.token, "discord_api_url": guild.api_url} | values)


async def registered(guild: DiscordFake, table=TABLE) -> None:
    """Let Discord know our commands, as a start does."""

    async def never(*_):
        """Nobody gives a command here."""

    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(guild.token)
        tree = CommandTree(client)
        for command in commands.build_commands(table, never, never, never, never):
            tree.add_command(command)
        await tree.sync()


async def found(guild: DiscordFake, name: str, **values: object):
    """The findings of one name."""
    return [one for one in await findings(DISCORD, settings(guild, **values)) if one.name.startswith(name)]


def granted(guild: DiscordFake, key: str, permissions: Permission) -> None:
    """From now on the bot's roles may do this there, and nothing else."""
    server = guild.world.guilds[key]
    roles = tuple(replace(role, permissions=permissions if role.bot else NONE) for role in server.roles)
    guild.world.guilds[key] = replace(server, roles=roles)


async def test_a_bot_that_is_well_is_told_so_without_connecting(guild):
    await registered(guild)
    told = await findings(DISCORD, settings(guild))

    assert told == [
        TOKEN,
        DISCORD.ok("message content", "we are shown what people write"),
        DISCORD.ok("servers", "in 1 of 1 our roles may do all that answers need"),
        DISCORD.ok("commands", f"Discord knows all {told[3].says.rpartition(' ')[2]}"),
        DISCORD.ok("connections", "999 of 1,000 are left for today; a start takes 1"),
    ]
    assert guild.gateway.live == []


async def test_a_wrong_token_is_one_problem(guild):
    told = await findings(DISCORD, settings(guild, discord_bot_token="other.bot.token"))

    reset = f"Reset it at {PORTAL} (Bot, Token), and set DISCORD_BOT_TOKEN to the new one."
    assert told == [DISCORD.problem("token", "not accepted", reset)]


async def test_message_content_that_is_switched_off_is_a_warning():
    async with DiscordFake(privileged=Intent(0)) as guild:
        with pointed(guild):
            [told] = await found(guild, "message content")

    says = "we are shown only what mentions us, replies to us or is a direct message"
    switch = f"Switch on “Message Content Intent” at {PORTAL} (Bot), and restart."
    assert told == DISCORD.warning("message content", says, switch)


async def test_commands_that_go_to_a_web_address_are_a_problem(guild):
    guild.world.interactions_url = "https://example.org/interactions"
    [told] = await found(guild, "interactions")

    clear = f"Clear “Interactions Endpoint URL” at {PORTAL} (General Information)."
    assert told == DISCORD.problem("interactions", "Discord sends commands to a web address, not to us", clear)


async def test_a_server_where_a_permission_is_missing_is_named(guild):
    guild.guild("9000", "Elsewhere")
    granted(guild, "9000", TALK & ~Permission.ATTACH_FILES & ~Permission.SEND_MESSAGES_IN_THREADS)
    told = await found(guild, "server")

    mend = f"Let our role do so in that server's settings, or invite us there again: {ADDRESS}"
    assert told == [
        DISCORD.problem("server Elsewhere", "we may not attach files, send messages in threads", mend),
        DISCORD.ok("servers", "in 1 of 2 our roles may do all that answers need"),
    ]


async def test_a_permission_that_answers_can_do_without_is_a_warning(guild):
    granted(guild, "8138", TALK & ~Permission.CREATE_PUBLIC_THREADS)
    [told] = await found(guild, "server")

    assert (told.state, told.says) == ("warning", "we may not create public threads")


async def test_an_administrator_may_do_everything(guild):
    granted(guild, "8138", Permission.ADMINISTRATOR)

    assert brief(await found(guild, "server")) == [("servers", "ok")]


@pytest.mark.parametrize("more", [Permission.MENTION_EVERYONE, Permission.ADMINISTRATOR], ids=["by name", "by all"])
async def test_servers_that_let_us_mention_everybody_are_named_in_one_warning(guild, more):
    guild.guild("9000", "Elsewhere")
    guild.guild("9001", "Third")
    for key in ("9000", "9001"):
        granted(guild, key, TALK | more)
    [told] = await found(guild, "mentions")

    assert (told.state, told.says) == (
        "warning",
        "we may mention @everyone, @here and every role in 2: Elsewhere, Third",
    )
    assert "Mention @everyone, @here, and All Roles" in told.mend


async def test_where_everybody_may_mention_everybody_we_may_too(guild):
    server = guild.world.guilds["8138"]
    roles = tuple(
        replace(role, permissions=role.permissions | (NONE if role.bot else Permission.MENTION_EVERYONE))
        for role in server.roles
    )
    guild.world.guilds["8138"] = replace(server, roles=roles)

    assert brief(await found(guild, "mentions")) == [("mentions", "warning")]


async def test_a_bot_in_no_server_is_told_where_to_be_invited(guild):
    guild.world.guilds.clear()

    assert await found(guild, "server") == [DISCORD.warning("servers", "we are in none", f"Invite us: {ADDRESS}")]


async def test_more_servers_than_a_page_are_all_looked_at(guild):
    for number in range(250):
        guild.guild(str(9000 + number), f"server {number}")
    granted(guild, "9249", NONE)

    assert brief(await found(guild, "server")) == [("server server 249", "problem"), ("servers", "ok")]


async def test_commands_that_discord_does_not_know_are_named(guild):
    [told] = await found(guild, "commands")

    menus = {f"Apps > {row.action}" for row in TABLE if row.action and not row.takes_files}
    names = {f"/{row.words.split()[0]}" for row in TABLE} | menus
    assert sorted(told.says.partition(": ")[2].split(", ")) == sorted(names | {"/ask"})
    assert (told.state, told.mend) == ("warning", "The next start of Confab tells Discord of them.")


async def test_a_command_that_has_changed_since_is_named(guild):
    await registered(guild, [replace(row, about="Another time.") if row.words == "help" else row for row in TABLE])
    [told] = await found(guild, "commands")

    assert told.says == "Discord does not know these, or not as they are now: /help"


@pytest.mark.parametrize(("left", "state"), [(51, "ok"), (50, "warning"), (0, "problem")])
async def test_connections_that_run_out_are_told(guild, left, state):
    guild.world.sessions = left
    [told] = await found(guild, "connections")

    assert (told.state, told.says) == (state, f"{left} of 1,000 are left for today; a start takes 1")
    assert state == "ok" or told.mend.endswith("Discord counts anew in 1,440 minutes.")


@pytest.mark.parametrize(
    ("holders", "says"),
    [
        ({}, ("ok", "no process shares them just now")),
        ({"p1": 4}, ("ok", "4 of 4 held by 1 process: 4")),
        ({"p1": 4, "p2": 0}, ("ok", "4 of 4 held by 2 processes: 4, 0")),
        ({"p1": 1}, ("warning", "1 of 4 held by 1 process: 1")),
    ],
    ids=["nobody", "one process", "two processes", "three shards that nobody has"],
)
async def test_how_shards_are_shared_is_told(guild, tmp_path, holders, says):
    url = f"sqlite:///{tmp_path}/confab.db"
    store = await open_store(url)
    for process, count in holders.items():
        holder = ShardHolder(f"discord:{APPLICATION}", process, 4)
        await store.shards.renew(holder, {})
        await store.shards.release(holder, dict.fromkeys(range(count, 4)))
    [told] = await found(guild, "shards", discord_shards="auto", database_url=url)
    await store.shut()

    assert (told.state, told.says) == says


async def test_a_number_of_shards_that_the_processes_that_run_do_not_share_is_told(guild, tmp_path):
    url = f"sqlite:///{tmp_path}/confab.db"
    store = await open_store(url)
    await store.shards.renew(ShardHolder(f"discord:{APPLICATION}", "p1", 4), {})
    [told] = await found(guild, "shards", discord_shards=8, database_url=url)
    await store.shut()

    assert (told.state, told.says) == ("warning", "the processes that run share 4, and DISCORD_SHARDS says 8")


async def test_where_no_shards_are_shared_nothing_is_told_of_them(guild):
    assert await found(guild, "shards") == []


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (Answer(503, "upstream"), "Discord does not answer (HTTP 503)"),
        (Fault.DROP, "Discord does not answer (ServerDisconnectedError)"),
    ],
    ids=["unavailable", "cut"],
)
@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("GET /users/@me", "token"),
        ("GET /users/@me/guilds", "servers"),
        ("GET /applications/{application}/commands", "commands"),
        ("GET /gateway/bot", "connections"),
    ],
)
async def test_a_discord_in_trouble_hides_nothing_else(guild, trouble, says, route, name):
    await registered(guild)
    guild.fault(route, trouble, times=2)  # the library's HTTP client asks a second time where a connection is cut
    told = await findings(DISCORD, settings(guild))

    reach = "See that this machine reaches DISCORD_API_URL. https://discordstatus.com says how Discord is."
    assert [one for one in told if one.state != "ok"] == [DISCORD.problem(name, says, reach)]
    assert len(told) == (1 if name == "token" else 5)


@pytest.mark.parametrize("body", ["<html>Log in</html>", {}, ["odd"], 5, None], ids=repr)
@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("GET /users/@me", "token"),
        ("GET /users/@me/guilds", "servers"),
        ("GET /applications/{application}/commands", "commands"),
        ("GET /gateway/bot", "connections"),
    ],
)
async def test_what_answers_in_discord_s_place_is_told_and_hides_nothing_else(guild, body, route, name):
    await registered(guild)
    guild.fault(route, Answer(200, body))
    told = await findings(DISCORD, settings(guild))

    (amiss,) = [one for one in told if one.state != "ok"]
    assert (amiss.name, amiss.state) == (name, "problem")
    assert amiss.says.startswith("what answers is not Discord (an answer ")
    assert amiss.mend.startswith("Unset DISCORD_API_URL, or set it to Discord's address.")
    assert len(told) == (1 if name == "token" else 5)


@pytest.mark.parametrize(
    ("public", "allowed", "states"),
    [(True, "", ["warning"]), (True, "8138", []), (False, "", [])],
    ids=["public without a list", "public with a list", "private"],
)
async def test_a_public_bot_without_an_allow_list_is_a_warning_that_says_how_to_close_it(
    guild, public, allowed, states
):
    guild.world.public_bot = public

    seen = await found(guild, "public bot", discord_guilds=allowed)

    assert [one.state for one in seen] == states
    assert all("Public Bot" in one.mend and "DISCORD_GUILDS" in one.mend for one in seen)


async def test_where_the_allow_list_and_our_servers_differ_is_told(guild):
    guild.guild("8139", "The Other House")

    seen = await found(guild, "servers", discord_guilds="8138,8140")

    assert [one.says for one in seen if one.state == "warning"] == [
        "we are in 1 that DISCORD_GUILDS does not allow: The Other House",
        "DISCORD_GUILDS allows some that we are not in: 8140",
    ]
