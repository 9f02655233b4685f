"""Configuration: every setting, core's and each platform's, and which platforms they ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bots.app.registry import PLATFORMS
from bots.ops.plugin import OpenedPlatform, PlatformPlugin, PlatformResources
from core.domain.errors import SettingsError
from core.settings import EnvironmentSettings, Settings, read_all


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings: core's, and those of each platform by its name."""

    core: Settings
    platforms: Mapping[str, EnvironmentSettings]

    def configures(self, plugin: PlatformPlugin[Any]) -> bool:
        """Whether any token of this platform is set."""
        return plugin.configured(self.platforms[plugin.name])

    def secrets(self) -> list[str]:
        """Return the values that must never be seen."""
        return [secret for one in (self.core, *self.platforms.values()) for secret in one.secrets()]


def read_configuration() -> Configuration:
    """Read every setting. Raises SettingsError with a line for each wrong one."""
    core, *own = read_all([Settings, *(plugin.settings() for plugin in PLATFORMS)])
    assert isinstance(core, Settings)
    return Configuration(core, {plugin.name: one for plugin, one in zip(PLATFORMS, own, strict=True)})


def select_platforms(configuration: Configuration, only: str | None = None) -> list[PlatformPlugin[Any]]:
    """Return the platforms of which a token is set, or `only` one. Raises SettingsError when there is none."""
    candidates = [plugin for plugin in PLATFORMS if only in {None, plugin.name}]
    found = [plugin for plugin in candidates if configuration.configures(plugin)]
    if not found:
        raise SettingsError("\n".join(plugin.missing for plugin in candidates))
    return found


def open_platforms(
    plugins: Iterable[PlatformPlugin[Any]], configuration: Configuration, resources: PlatformResources
) -> list[OpenedPlatform]:
    """Make these platforms, not connected yet. Raises SettingsError."""
    return [plugin.open(configuration.platforms[plugin.name], resources) for plugin in plugins]
