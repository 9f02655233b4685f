"""Plugin of Discord: its row in the registry of platforms, and `confab discord`. It loads no SDK before it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bots.ops.plugin import OpenedPlatform, PlatformPlugin, PlatformResources

if TYPE_CHECKING:
    from bots.discord.settings import DiscordSettings
    from bots.ops.results import CheckResults
    from core.settings import Settings


def load_settings() -> type[DiscordSettings]:
    """Return the class of Discord's settings."""
    from bots.discord.settings import DiscordSettings

    return DiscordSettings


def is_configured(settings: DiscordSettings) -> bool:
    """Whether Discord's token is set."""
    return settings.configured


def open_discord(settings: DiscordSettings, resources: PlatformResources) -> OpenedPlatform:
    """Make the adapter, not connected yet. Raises SettingsError."""
    from bots.discord.adapter import Discord

    return OpenedPlatform(Discord.from_settings(settings, resources))


def check_discord(settings: DiscordSettings, core: Settings) -> CheckResults:
    """Check Discord's token, switches, servers, commands, connections, and how shards are shared."""
    from bots.discord.doctor import check

    return check(settings, core.database_url)


@click.group("discord")
def cli() -> None:
    """Set up the Discord bot."""


@cli.command("invite")
@click.option("--application", default="", help="The application's id; without it, the one of DISCORD_BOT_TOKEN.")
def print_invite(application: str) -> None:
    """Print the address at which a server's manager adds the bot."""
    from bots.discord.invite import PUBLIC, SWITCHES, build_install_url, build_invite_url
    from bots.discord.settings import DiscordSettings
    from core.settings import read_all

    (settings,) = read_all([DiscordSettings])
    assert isinstance(settings, DiscordSettings)
    application = application or settings.application_id()
    click.echo(build_invite_url(application))
    click.echo(f"In the developer portal, under Bot, switch on: {', '.join(SWITCHES)}.", err=True)
    if settings.discord_user_install:
        click.echo(f"For themselves, people install it at {build_install_url(application)}", err=True)
    listed = len(settings.discord_guilds)
    click.echo(f"DISCORD_GUILDS allows {listed:,} of all servers." if listed else PUBLIC, err=True)


DISCORD = PlatformPlugin(
    name="discord",
    title="Discord",
    missing="DISCORD_BOT_TOKEN: not set. Discord needs it; docs/discord.md says where it comes from.",
    settings=load_settings,
    configured=is_configured,
    open=open_discord,
    doctor=check_discord,
    cli=cli,
)
