"""Platform plugin: what a platform gives to the program, so that no other room knows its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import click

if TYPE_CHECKING:  # every command loads the plugins, `--help` too; their functions load the rest
    from aiohttp import web

    from bots.ops.results import CheckResults
    from core.commands.overview import Overviews
    from core.domain.platform import Platform
    from core.settings import EnvironmentSettings, Settings
    from core.store.protocols import Notes
    from core.store.records.installations import Installations
    from core.store.records.shards.leases import Shards
    from core.telemetry import Emit

S = TypeVar("S", bound="EnvironmentSettings")


@dataclass(frozen=True, slots=True)
class PlatformResources:
    """What a platform is opened with, beside its own settings."""

    settings: Settings
    """Core's."""
    notes: Notes
    emit: Emit
    tools: Sequence[str] = ()
    """Names of the tools that may be chosen, for suggestions."""
    overviews: Overviews | None = None
    """What home pages tell, on platforms that have such."""
    installations: Installations | None = None
    """Where workspaces are kept that install a platform's app by themselves."""
    processes: Callable[[], int] = lambda: 1
    """How many processes share what the platform allows, this one with them."""
    shards: Shards | None = None
    """Which process listens to which part of a platform."""


@dataclass(frozen=True, slots=True)
class OpenedPlatform:
    """A platform that is not connected yet, and the HTTP routes that it answers."""

    platform: Platform
    routes: Sequence[web.RouteDef] = ()


@dataclass(frozen=True, slots=True)
class PlatformPlugin(Generic[S]):
    """One platform. Its functions import what they need when they are called: a bot loads only the SDKs it uses."""

    name: str
    """As workspaces carry it, and as `--only` takes it."""
    title: str
    """As operators read it."""
    missing: str
    """What an operator is told who has set none of its tokens: the variables, a colon, and where they come from."""
    settings: Callable[[], type[S]]
    configured: Callable[[S], bool]
    """Whether any of its tokens is set."""
    open: Callable[[S, PlatformResources], OpenedPlatform]
    """Raises SettingsError."""
    doctor: Callable[[S, Settings], CheckResults]
    """The health check of a platform that is configured; it changes, posts and pays for nothing."""
    cli: click.Group
    """`confab NAME ...`: what sets the platform up."""
