"""Progress: how far each shard's events are stored, which is where another process may go on."""

from collections.abc import Callable
from dataclasses import dataclass

import discord

from bots.discord.parse import DIRECT, Json


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event of a shard's session: its number there."""

    shard: int
    sequence: int


class SessionProgress:
    """Notes which events are being stored. `client` is the one that they come through."""

    def __init__(self, client: Callable[[], discord.AutoShardedClient]) -> None:
        self._client = client
        self._begun: set[Arrival] = set()

    def begin(self, name: str, payload: Json) -> Arrival | None:
        """Note the event that is being read just now; None where the shard that it came through is not known."""
        client = self._client()
        shard = payload["shard"][0] if name == "READY" and "shard" in payload else _locate(payload, client.shard_count)
        held = client.shards.get(shard)
        socket = held._parent.ws if held else None  # the library tells of it nowhere else
        sequence = getattr(socket, "sequence", None)  # nothing, where a test of others stands in for the socket
        if sequence is None:
            return None
        mark = Arrival(shard, sequence)
        self._begun.add(mark)
        return mark

    def end(self, mark: Arrival | None) -> None:
        """The event is stored, or never will be."""
        if mark is not None:
            self._begun.discard(mark)

    def limit(self, shard: int, sequence: int) -> int:
        """The number up to which all events of a shard are stored; `sequence` is the last that came."""
        return min((mark.sequence - 1 for mark in self._begun if mark.shard == shard), default=sequence)


def find_shard(workspace: str, count: int) -> int:
    """The shard that tells of a server, or of direct messages."""
    return 0 if workspace == DIRECT else (int(workspace.partition(":")[2]) >> 22) % count


def _locate(payload: Json, count: int | None) -> int:
    """The shard through which an event came, of a server or of none."""
    server = payload.get("guild_id") or (0 if "channel_id" in payload else payload.get("id") or 0)
    return (int(server) >> 22) % (count or 1)
