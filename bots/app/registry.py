"""Platforms: those whose tokens are set. What is not wanted is not imported."""

from collections.abc import Sequence

from bots.ops.http_server import Mount
from bots.ops.results import Findings
from core.domain.errors import SettingsError
from core.domain.platform import Platform
from core.settings import Settings
from core.store.protocols import Notes
from core.telemetry import Emit

TOKENS = {
    "slack": ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"),
    "discord": ("DISCORD_BOT_TOKEN",),
}
MISSING = {
    "slack": "SLACK_BOT_TOKEN and SLACK_APP_TOKEN: not set. Slack needs both; docs/slack.md says where they come from.",
    "discord": "DISCORD_BOT_TOKEN: not set. Discord needs it; docs/discord.md says where it comes from.",
}


def configured(settings: Settings, name: str) -> bool:
    """Whether any token of this platform is set."""
    return any(getattr(settings, variable.lower()) for variable in TOKENS[name])


def wanted(settings: Settings, only: str | None = None) -> list[str]:
    """The names of the platforms of which a token is set, or of `only` one. Raises SettingsError when there is none."""
    asked = [only] if only else list(TOKENS)
    found = [name for name in asked if configured(settings, name)]
    if not found:
        raise SettingsError("\n".join(MISSING[name] for name in asked))
    return found


def opened(names: Sequence[str], settings: Settings, notes: Notes, mount: Mount, emit: Emit) -> list[Platform]:
    """The platforms of these names, not connected yet; `mount` is where HTTP is answered. Raises SettingsError."""
    found: list[Platform | None] = []
    if "slack" in names:
        from bots.slack.adapter import Slack

        found.append(Slack.of(settings, mount, emit))
    if "discord" in names:
        from bots.discord.adapter import Discord

        found.append(Discord.of(settings, notes, emit))
    return [platform for platform in found if platform is not None]


def checked(name: str, settings: Settings) -> Findings:
    """What there is to say of the platform of this name, whose tokens are set."""
    if name == "slack":
        from bots.slack import doctor as slack

        return slack.check(settings)
    from bots.discord import doctor as discord

    return discord.check(settings)
