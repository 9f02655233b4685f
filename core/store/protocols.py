"""What the house keeps, as five protocols. Each method is one unit of work: all of it happens, or nothing."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from core.billing.budgets import Budget, Budgets, BudgetStatus
from core.billing.usage import BudgetRefusal, PlannedRequest, Reservation, Scope, Settlement, UsageRow
from core.domain.events import Event, Receipt
from core.domain.messages import FinalText, History, Message, Outcome, Question, ThreadKey
from core.domain.personas import Persona, Place, Version


@dataclass(frozen=True, slots=True)
class Claim:
    """A question that this process answers now, and those that are answered with it, oldest first."""

    id: int
    question: Question
    process: str
    together: tuple[Question, ...] = ()
    pages: tuple[str, ...] = ()
    said: FinalText | None = None
    resumed: bool = False
    """Another process had it before: pages may exist that were never written down."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a process learns when it says that it lives."""

    lease: timedelta
    """For so long its claims are surely its own, and what it sends arrives before anybody takes them over."""
    late: bool = False
    """Its last beat is so old that others have taken its claims over."""
    freed: frozenset[int] = frozenset()
    """Ids of those of its claims that were still its own, and are free since this beat, because it is late."""
    withdrawn: frozenset[int] = frozenset()
    """Ids of its claims whose question was withdrawn."""


@dataclass(frozen=True, slots=True)
class SpeakerNames:
    """How Claude was told of a person or an attachment: the first words stand for ever."""

    names: Mapping[str, str] = field(default_factory=dict)
    attachments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread of ours as we hold it, oldest message first; deleted ones are not in it.

    What Claude said stands in `replies` under the question's name; the pages of it are messages of ours.
    """

    key: ThreadKey
    messages: tuple[Message, ...]
    told: SpeakerNames
    cold: bool
    """It was never read from the platform, or events may have been missed since."""
    replies: Mapping[str, FinalText] = field(default_factory=dict)
    gap: int = 0
    """The workspace's gaps when this was read; `heal` marks the thread as read up to it."""


class Questions(Protocol):
    """What was asked, and who answers it."""

    async def ingest(self, event: Event) -> Receipt:
        """Keep an event, once.

        A message that certainly asks makes its thread ours. In a thread of ours messages are kept, edited and
        buried; elsewhere nothing is. A message that names a parent joins its parent's thread. A command is
        kept as a question. What is older than what is held changes nothing; a deletion leaves a grave.
        """

    async def claim_next(self, process: str, platforms: Collection[str]) -> Claim | None:
        """An open question of these platforms whose thread is free, with its companions.

        Commands come first, then who is being answered least: the workspace, in it the channel; then the oldest.
        """

    async def record_page(self, claim: Claim, page: str, at: datetime) -> None:
        """A page of the reply exists. Raises LeaseLost."""

    async def store_final_text(self, claim: Claim, said: FinalText) -> None:
        """Claude has ended. Raises LeaseLost."""

    async def close(self, claim: Claim, outcome: Outcome) -> None:
        """The reply is whole on the platform; addresses are wiped, and of a private question all. Raises LeaseLost."""

    async def withdraw(self, key: ThreadKey, message: str | None = None) -> int:
        """Withdraw open questions: of one message, or of a whole thread. How many there were."""

    async def heartbeat(self, process: str, leaving: bool = False) -> Heartbeat:
        """This process lives; or it leaves, and its claims are free at once."""

    async def count_open(self) -> tuple[int, datetime | None]:
        """How many questions are open, and when the oldest was asked."""


class Threads(Protocol):
    """The threads of ours."""

    async def thread(self, key: ThreadKey, branch: str | None = None) -> Thread:
        """The thread; with `branch`, only that message and its ancestors with the replies given to them."""

    async def refresh(self, thread: Thread, history: History) -> None:
        """Make the rows equal what the platform showed, inside what was read; from here on it is warm."""

    async def gap(self, platform: str, workspaces: Iterable[str] = ()) -> None:
        """Events may have been missed: these workspaces (none named: all of the platform) are cold."""

    async def remember_names(self, key: ThreadKey, told: SpeakerNames) -> SpeakerNames:
        """Keep how Claude is told of people and attachments; what was kept before wins. All that is kept."""

    async def search(self, workspace: str, channel: str, words: str, limit: int = 20) -> list[Message]:
        """Messages of one channel that hold all `words`, best first."""

    async def forget(self, scope: Scope) -> int:
        """Erase texts, names, index and answers of a thread, a channel or a person. How many messages."""


class Ledger(Protocol):
    """One row a request."""

    async def reserve(self, spending: PlannedRequest, scopes: Sequence[Scope]) -> Reservation | BudgetRefusal:
        """Set the worst case aside, in every budget that holds for `scopes`, or in none."""

    async def settle(self, reservation: Reservation, settled: Settlement) -> list[BudgetStatus]:
        """What it really was; settling twice changes nothing. The budgets now so far used that it must be told.

        Each threshold of a budget is returned once a period.
        """

    async def spent(self, scope: Scope, since: datetime, by: str) -> list[UsageRow]:
        """What was used since then, by `person`, `channel`, `model`, `thread`, `miss`, `day`, `quarter` or `bill`.

        Days are days of UTC; a quarter of an hour is written `2026-11-20T10:15`, in UTC. A line of a bill is a day's
        and a model's, what stands at its bound apart: `2026-11-20 claude-haiku-5-5 used`, or `died` in its place.
        """

    async def workspaces(self) -> list[str]:
        """Those that have requests, in the order of their names."""

    async def budgets(self, workspace: str, now: datetime) -> Budgets:
        """The budgets of a workspace as they stand, and all changes of them."""

    async def allow(self, budget: Budget, expected: int) -> None:
        """Change a budget; `expected` is the number of its last change, 0 if there was none. Raises VersionConflict."""


class Personas(Protocol):
    """The persona of each place, every version of it."""

    async def persona(self, place: Place) -> Version | None: ...

    async def versions(self, place: Place) -> list[Version]:
        """All there were, newest first."""

    async def change(self, place: Place, persona: Persona, expected: int, author: str, at: datetime) -> Version:
        """A new version after number `expected` (0: none yet). Raises VersionConflict when somebody was."""


class Notes(Protocol):
    """Small things to remember: a hash, a model's capabilities."""

    async def get(self, name: str) -> str | None: ...

    async def put(self, name: str, value: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Store:
    """All five over one database."""

    questions: Questions
    threads: Threads
    ledger: Ledger
    personas: Personas
    notes: Notes
    shut: Callable[[], Awaitable[None]]
    """Close the database; nothing may be called afterwards."""
