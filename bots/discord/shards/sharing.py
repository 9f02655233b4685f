"""Sharing: what makes the clients of a process that shares shards with others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Literal

from bots.discord.gateway import Client
from bots.discord.shards.client import SharedClient
from bots.discord.shards.leases import ShardLeases
from bots.discord.shards.starts import FRESH, LEAD, SPACING, SessionStarts
from bots.ops.plugin import PlatformResources
from core.store.records.shards.leases import LEASE, Shards
from core.telemetry import Emit, discard_event


@dataclass(slots=True)
class ShardSharing:
    """`wanted` is a number of shards, or None: as many as Discord advises. Of `lease` and below tests make less."""

    shards: Shards
    wanted: int | None = None
    emit: Emit = discard_event
    lease: timedelta = LEASE
    spacing: float = SPACING
    lead: float = LEAD
    fresh: float = FRESH
    leases: ShardLeases = field(init=False)

    def __post_init__(self) -> None:
        self.leases = ShardLeases(self.shards, wanted=self.wanted, lease=self.lease, emit=self.emit)

    def make_client(self, find_limit: Callable[[int, int], int]) -> Callable[..., Client]:
        """What makes a client, given what any client is given."""
        return partial(
            SharedClient,
            leases=self.leases,
            limit=find_limit,
            begin_starts=partial(
                SessionStarts, shards=self.shards, spacing=self.spacing, lead=self.lead, fresh=self.fresh
            ),
        )


def share_shards(setting: int | Literal["auto"] | None, resources: PlatformResources) -> ShardSharing | None:
    """Share shards as `DISCORD_SHARDS` says; None where it is not set."""
    if setting is None:
        return None
    assert resources.shards is not None
    return ShardSharing(resources.shards, None if setting == "auto" else setting, resources.emit)
