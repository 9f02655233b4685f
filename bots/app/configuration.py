"""Configuration: every setting, core's and each platform's, and which platforms and tools they ask for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bots.app.registry import PLATFORMS
from bots.ops.logs import RedactingFormatter
from bots.ops.plugin import OpenedPlatform, PlatformPlugin, PlatformResources
from core.domain.errors import SettingsError
from core.settings import EnvironmentSettings, Settings, find_misspelt, read_all, read_variables
from core.tools.builtin import BuiltinTools
from core.tools.entry_points import load_installed_tools
from core.tools.hosted import HostedTools, build_code_tools, build_web_tools
from core.tools.mcp.settings import McpServer, list_secrets, read_servers
from core.tools.notes import NoteTools
from core.tools.registry import MEANT, NONE, ToolRegistry, UnknownTool
from core.tools.tool import ToolProvider

KEYS = "https://platform.claude.com/settings/keys"
KEY_MISSING = f"ANTHROPIC_API_KEY: not set. Make a key at {KEYS}, or let a stand-in answer: `confab run --stand-in`."
LEFT_OUT = "Add `{}` to CONFAB_TOOLS, or take it out here."
UNLISTED = " MCP servers are listed in a file, which CONFAB_MCP names: it is not set."
HINT = """.env.example has every setting; copy it to .env. `confab check` says what is missing or does not work.
`confab chat` works without any of it: it talks in the terminal."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings: core's, and those of each platform by its name."""

    core: Settings
    platforms: Mapping[str, EnvironmentSettings]
    servers: tuple[McpServer, ...] = ()
    """Those of MCP, by name."""

    def configures(self, plugin: PlatformPlugin[Any]) -> bool:
        """Whether any token of this platform is set."""
        return plugin.configured(self.platforms[plugin.name])

    def secrets(self) -> list[str]:
        """Return the values that must never be seen."""
        given = [secret for one in (self.core, *self.platforms.values()) for secret in one.secrets()]
        return [*given, *list_secrets(self.servers)]

    def doubt_secrets(self) -> list[str]:
        """Describe keys and tokens that may be something else by mistake, a line each."""
        return [line for one in (self.core, *self.platforms.values()) for line in one.doubt_secrets()]


def read_configuration() -> Configuration:
    """Read every setting. Raises SettingsError with a line for each wrong one."""
    try:
        core, *own = read_all([Settings, *(plugin.settings() for plugin in PLATFORMS)])
        assert isinstance(core, Settings)
        servers = read_servers(core.confab_mcp, read_variables())
    except SettingsError as error:  # which may name a token that is in another variable's place
        raise SettingsError(RedactingFormatter(()).redact(str(error))) from None
    return Configuration(core, {plugin.name: one for plugin, one in zip(PLATFORMS, own, strict=True)}, servers)


def list_providers(configuration: Configuration) -> list[ToolProvider]:
    """Every source of tools, not connected yet."""
    installed = load_installed_tools(taken=[server.name for server in configuration.servers])
    core = configuration.core
    web = build_web_tools(core.confab_web_domains, core.confab_web_blocked, core.confab_web_estimate)
    code = build_code_tools(estimate=round(core.confab_code_estimate * 1_000_000))
    providers: list[ToolProvider] = [BuiltinTools(), NoteTools(), HostedTools((*web, *code)), installed]
    if configuration.servers:
        from core.tools.mcp.provider import McpTools  # noqa: PLC0415  it loads the SDK, which is an extra

        providers.append(McpTools(configuration.servers))
    return providers


def open_tools(configuration: Configuration, providers: Sequence[ToolProvider] | None = None) -> ToolRegistry:
    """The tools that may be chosen, and those on where nobody chooses. Raises SettingsError for a wrong name."""
    found = list_providers(configuration) if providers is None else providers
    allowed, defaults = configuration.core.confab_tools, configuration.core.confab_default_tools
    every = ToolRegistry(found, [group for provider in found for group in provider.groups])
    registry = ToolRegistry(found, allowed, defaults)
    require_tools("CONFAB_TOOLS", allowed, every, "" if configuration.servers else UNLISTED)
    for name in (one.strip().lower() for one in defaults):
        if name in every.names and name not in registry.names:
            raise SettingsError(f"CONFAB_DEFAULT_TOOLS: `{name}` is not allowed. {LEFT_OUT.format(name)}")
    require_tools("CONFAB_DEFAULT_TOOLS", defaults, registry)
    return registry


def require_tools(variable: str, names: Sequence[str], registry: ToolRegistry, hint: str = "") -> None:
    """Validate the tools that a variable names. Raises SettingsError, with a `hint` where one is like no other."""
    try:
        if names:
            registry.parse_choice(",".join(names))
    except UnknownTool as error:
        unknown = {name.strip().lower() for name in names} - {*registry.names, NONE}
        told = hint if unknown and MEANT not in str(error) else ""
        raise SettingsError(f"{variable}: {error}{told}") from None


def find_misspelt_variables() -> list[str]:
    """Describe variables that look like settings and are none, a line each."""
    return find_misspelt([Settings, *(plugin.settings() for plugin in PLATFORMS)])


def require_setup(configuration: Configuration, only: str | None = None, *, stand_in: bool = False) -> None:
    """Raise SettingsError, with all that is missing and what else there is, where nobody could be answered.

    That is where no platform's token is set, or no key, unless a `stand_in` for Claude may answer.
    """
    candidates = [plugin for plugin in PLATFORMS if only in {None, plugin.name}]
    keyless = configuration.core.anthropic_api_key is None and not stand_in
    mute = not any(configuration.configures(plugin) for plugin in candidates)
    if not (keyless or mute):
        return
    titles = " or ".join(plugin.title for plugin in candidates)
    needed = ", and ".join([*(["a key for Claude"] if keyless else []), *([titles] if mute else [])])
    lines = [*([KEY_MISSING] if keyless else []), *(plugin.missing for plugin in candidates if mute)]
    head = f"`confab run` needs {needed}. Set in .env, or in the environment:"
    raise SettingsError("\n".join([head, *(f"  {line}" for line in lines), *find_misspelt_variables(), HINT]))


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
