"""Day sums: what the requests of each day that is over came to, and who counts the days of a workspace just now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

Day = tuple[str, str]
"""When it begins, and when the next one does, as the store writes times."""
Sums = Mapping[str, Sequence[int]]
"""The numbers of each group."""


@dataclass(frozen=True, slots=True)
class DayPart:
    """A part of a day whose requests are counted, or have still to be. Days are counted from their ends: that which the
    day begins with is the last one.
    """

    day: Day
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class WorkspaceDays:
    """A workspace with requests, the time zone of its days, and whether one of them may have to be counted."""

    workspace: str
    zone: str
    due: bool


@dataclass(frozen=True, slots=True)
class DayCount:
    """The count of a workspace's days under way. Whoever begins another one takes the `token` away from this one."""

    workspace: str
    token: str
    left: Sequence[DayPart] = ()
    """Days and the last part of one that are not counted yet, the oldest first."""
    counted: Mapping[str, Sums] = field(default_factory=dict)
    """By dimension, what is counted of the last of these days."""
    waiting: bool = False
    """Whether a day could not be counted yet, for a request of it is under way."""


class DaySums(Protocol):
    """Keeps the sums of days that are over, for `Reports`, which counts what is not kept."""

    async def list_workspaces(self, after: str, zone: str) -> Sequence[WorkspaceDays]:
        """The next hundred after this one, by name. `zone` is that of workspaces which chose none."""

    async def begin(self, workspace: str, zone: str, midnights: Sequence[datetime]) -> DayCount | None:
        """Begin to count the days between these midnights of a time zone that are over and not kept, for half a minute.

        None while another process does, and where nothing is due. Days of few requests are not kept.
        """

    async def go_on(self, count: DayCount) -> DayCount | None:
        """Count two thousand requests, and keep the days that are counted whole by that; for half a minute more.

        None where the count is another's by now, or a request began that belongs into a day which was taken for ended.
        """

    async def end(self, count: DayCount, pause: timedelta) -> None:
        """Nothing is due for so long, unless the workspace's time zone changes or a late request begins."""
