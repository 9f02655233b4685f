"""Schedules: commands and prompts that are given again and again in a channel, and the runs that are left of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from core.domain.errors import ConfabError
from core.domain.messages import Question, ThreadKey

MOST = 25  # schedules of a channel
YOUNG = timedelta(hours=1)  # what was missed, or has waited, for longer is not run any more


class Stop(Enum):
    """Why a schedule stopped by itself."""

    LEFT_WORKSPACE = "left_workspace"
    """Who added it is no full member of the workspace any more."""
    LEFT_CHANNEL = "left_channel"
    RANK = "rank"
    """Who added it does not manage the channel any more."""
    PLACE = "place"
    """The channel is gone, or closed to us."""
    ENDED = "ended"
    """We were removed from the workspace."""
    TIMES = "times"
    """Its times can't be read, for this machine does not know the zone."""


class ScheduleChange(Enum):
    """What people do with a schedule that there is."""

    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule as somebody adds it. `source` is the command that does: given twice, it adds one."""

    key: ThreadKey
    """Its channel; the thread says nothing."""
    source: str
    author: str
    cron: str
    zone: str
    line: str
    """The command, else the prompt, if it is a `prompt`."""
    prompt: bool
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is kept, with the number that its channel knows it by."""

    id: int
    number: int
    workspace: str
    channel: str
    author: str
    cron: str
    zone: str
    line: str
    prompt: bool
    due_at: datetime | None
    """When it runs next; None where it rests."""
    paused: bool = False
    removed: bool = False
    stopped: Stop | None = None
    skipped_at: datetime | None = None
    """The newest time at which it was due and did not run."""

    @property
    def key(self) -> ThreadKey:
        """Where its runs are asked: in the channel itself."""
        return ThreadKey(self.workspace, self.channel, "")

    @property
    def active(self) -> bool:
        return not (self.paused or self.removed or self.stopped)


@dataclass(frozen=True, slots=True)
class DueSchedules:
    """Those that are due at the database's time, and how long it is until the next one is."""

    schedules: Sequence[Schedule]
    now: datetime
    pause: timedelta | None
    """None where none is waited for."""


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A run as its turn has come."""

    schedule: Schedule
    late: bool
    """Whether it has waited for too long."""
    declined: bool
    """Whether the run before it was declined, as a budget does."""
    hopeless: bool = False
    """Whether the run before it could be shown to nobody."""


class TooManySchedules(ConfabError):
    """A channel has as many schedules as it may."""


class Schedules(Protocol):
    """Each method is one unit of work."""

    async def add(self, new: NewSchedule) -> Schedule:
        """Add a schedule, once for its source. Raises TooManySchedules."""

    async def list(self, key: ThreadKey) -> Sequence[Schedule]:
        """Those of a channel, by number, without those that were removed."""

    async def change(
        self, command: Question, number: int, change: ScheduleChange, due_at: datetime | None
    ) -> Schedule | None:
        """Let the schedule of that number rest, go on at `due_at`, or be gone; as it is then. None where none is."""

    async def list_due(self, platforms: Collection[str], most: int) -> DueSchedules:
        """The schedules of these platforms that are due, the oldest first."""

    async def leave_run(
        self, schedule: Schedule, due_at: datetime, next_at: datetime | None, question: Question | None
    ) -> bool:
        """Leave the run of `due_at`, once, and let the schedule be due next at `next_at`. Whether it was left now.

        Without a question that time is skipped. Nothing happens where another process was faster.
        """

    async def find_run(self, question: Question) -> ScheduledRun | None:
        """What a question is the run of; None where it is none's."""

    async def note_skipped(self, schedule: int, due_at: datetime) -> None:
        """Write down that a run that was left was not carried out."""

    async def stop(self, schedule: int, why: Stop) -> None:
        """Let a schedule rest until somebody resumes it."""
