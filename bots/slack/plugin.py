"""Plugin of Slack: its row in the registry of platforms, and `confab slack`. It loads no SDK before it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bots.ops.plugin import OpenedPlatform, PlatformPlugin, PlatformResources

if TYPE_CHECKING:
    from bots.ops.results import CheckResults
    from bots.slack.settings import SlackSettings
    from core.settings import Settings


def load_settings() -> type[SlackSettings]:
    """Return the class of Slack's settings."""
    from bots.slack.settings import SlackSettings

    return SlackSettings


def is_configured(settings: SlackSettings) -> bool:
    """Whether any of Slack's tokens is set."""
    return settings.configured


def open_slack(settings: SlackSettings, resources: PlatformResources) -> OpenedPlatform:
    """Make the adapter, not connected yet. Raises SettingsError."""
    from bots.slack.adapter import Slack

    slack = Slack.from_settings(settings, resources)
    return OpenedPlatform(slack, slack.routes())


def check_slack(settings: SlackSettings, core: Settings) -> CheckResults:
    """Check Slack's tokens, scopes and connection."""
    from bots.slack.doctor import check

    return check(settings, core)


@click.group("slack")
def cli() -> None:
    """Set up the Slack app."""


@cli.command("manifest")
@click.option("--url", default="", help="Where Slack reaches you, for HTTP mode: https://confab.example")
@click.option("--install-url", default="", help="Where other workspaces install it: https://confab.example")
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML; JSON otherwise.")
def print_manifest(url: str, install_url: str, as_yaml: bool) -> None:
    """Print the manifest to create the Slack app from."""
    for hint, address in (("--url", url), ("--install-url", install_url)):
        if address and not address.startswith("https://"):
            raise click.BadParameter("Slack calls nothing but https:// addresses.", param_hint=hint)
    import json

    from bots.slack.manifest import build_manifest

    if as_yaml:
        import yaml

        click.echo(yaml.safe_dump(build_manifest(url, install_url), sort_keys=False, allow_unicode=True).rstrip())
    else:
        click.echo(json.dumps(build_manifest(url, install_url), indent=2))


SLACK = PlatformPlugin(
    name="slack",
    title="Slack",
    missing="SLACK_BOT_TOKEN and SLACK_APP_TOKEN: not set. Slack needs both; docs/slack.md says where they come from.",
    settings=load_settings,
    configured=is_configured,
    open=open_slack,
    doctor=check_slack,
    cli=cli,
)
