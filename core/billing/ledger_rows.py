"""Usage: the rows of the ledger, from a planned request and its reservation to the settlement and the bill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.messages import ThreadKey
from core.domain.usage import Usage

DIRECT = "@direct"
"""In a scope, the channel that stands for each person's direct messages, of one person at a time."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A request about to be sent: for whom, with what, and the most it can use.

    `input_bound` and `output_bound` are tokens. No tokenizer makes more tokens than bytes, so the bytes of
    the request bound its input; `max_tokens` bounds its output.
    """

    key: ThreadKey
    question: str
    person: str
    model: str
    persona: int
    """The version of the persona that was set nearest, 0 for the default."""
    input_bound: int
    output_bound: int
    at: datetime
    micro_usd: int | None = None
    """The most that it can cost; None if its model has no price."""
    direct: bool = False
    """It is asked in direct messages."""
    step: str | None = None
    """Which step of an answer it is: the digest of what is asked."""
    persona_wide: bool | None = False
    """Whether the version is one of the whole workspace's persona; None where the request is no part of the answer."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A row of the ledger that waits to be settled."""

    id: int
    workspace: str


@dataclass(frozen=True, slots=True)
class BudgetRefusal:
    """Why a request may not be sent, in a sentence for the person."""

    reason: str
    left: int | None = None
    """Micro-dollars that a smaller request could still have; None if no size would do."""
    personal: bool = False
    """The budget is that of who asks alone, and concerns nobody else."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a request ended. Without `usage` it died, and its bound stands, or the closer one that is known by now."""

    usage: Usage | None
    outcome: str
    """A stop_reason, or the name of the error."""
    at: datetime
    model: str | None = None
    """The model that answered, where the API names it."""
    request: str | None = None
    """Anthropic's request id."""
    micro_usd: int | None = None
    """What it cost; None if it died, and then its bound stands, or if its model has no price."""
    saved: int = 0
    """Micro-dollars that it would have cost more without the cache, less than 0 if the cache did not pay."""
    miss: str | None = None
    """Why the cache did not have what it could have had; None if it had."""
    input_bound: int | None = None
    """Of one that died, the most tokens of prompt and of output that it can have had, and `micro_usd` is their cost."""
    output_bound: int | None = None
    estimate: int = 0
    """Micro-dollars of `micro_usd` that are an estimate: nobody is told what they really were."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A line of a report: what `group` (a person, a channel, a model, a stretch of time) used."""

    group: str
    requests: int
    died: int
    """Requests that stand at their bound."""
    usage: Usage
    micro_usd: int = 0
    """What they cost; the most they can cost, of those that stand at their bound."""
    saved: int = 0
    unpriced: int = 0
    """Requests whose model has no price; they are not in `micro_usd`."""
    estimate: int = 0
    """What of `micro_usd` is an estimate."""

    def __add__(self, other: "UsageRow") -> "UsageRow":
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__slots__ if name != "group"}
        return UsageRow(self.group, **sums)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose spending: a workspace, or a channel, a person, a thread of it."""

    workspace: str
    channel: str | None = None
    thread: str | None = None
    person: str | None = None

    @property
    def personal(self) -> bool:
        """It is one person's at a time."""
        return self.person is not None or self.channel == DIRECT


Scopes = Sequence[Scope]


def list_scopes(key: ThreadKey, person: str, homes: Sequence[str] | None) -> list[Scope]:
    """All whose budgets hold for what a person asks there; of direct messages with their `homes`."""
    everywhere = [] if homes is None else [Scope(one, DIRECT) for one in dict.fromkeys((key.workspace, *homes))]
    return [
        Scope(key.workspace),
        Scope(key.workspace, key.channel),
        Scope(key.workspace, person=person),
        *everywhere,
    ]


def name_personal_workspace(workspace: str) -> str:
    """The workspace of a platform's direct messages, where they belong to no other: `discord:@me`."""
    return f"{workspace.partition(':')[0]}:@me"
