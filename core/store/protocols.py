"""What the store keeps, as protocols. Each method is one transaction: all of it happens, or nothing."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from core.billing.budgets import Budget, Budgets, BudgetStatus
from core.billing.cache_lifetimes import PauseRecord
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Reservation, Scope, Scopes, Settlement, UsageRow
from core.domain.controls import Control, Votes
from core.domain.events import Event, Receipt
from core.domain.messages import FinalText, History, MadeFile, Message, Outcome, Question, ThreadKey, Unanswered
from core.domain.personas import Version
from core.domain.tools import Container, ToolCall
from core.store.audit_log import OPERATOR, AuditFault, AuditHead, AuditRow
from core.store.records.bot_loops.answers import BotAnswers
from core.store.records.calls import CallState, StoredCall, WaitingCall
from core.store.records.channel_notes import ChannelNote, ChannelNotes
from core.store.records.claims import Claim, FirstStep
from core.store.records.files import StoredFiles
from core.store.records.grants import ToolUse
from core.store.records.heartbeat import Heartbeat, Signals
from core.store.records.installations import Installations
from core.store.records.jobs import BatchWork, Jobs
from core.store.records.knowledge import Personas
from core.store.records.posts.stored_posts import Posts
from core.store.records.replies import Asked, DeletedReply, Ending, GivenCommand, ListFiles
from core.store.records.reports.activity import Reports
from core.store.records.reports.day_sums import DaySums
from core.store.records.reports.pauses import Pauses
from core.store.records.schedules import Schedules
from core.store.records.searches import ChannelPast
from core.store.records.shards.leases import Shards
from core.store.records.sign_ins.sessions import SignIns
from core.store.records.summaries import Summaries
from core.store.records.trials import Trials


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an open question's answer: one thing that Claude is asked, however often it is."""

    attempts: int = 0
    """How many processes died while they asked it."""
    content: str | None = None
    """What came of it, where the answer goes on from there."""
    micro_usd: int | None = None
    """What it has cost so far; None where no price is known."""
    aside: bool = False
    """It stands beside the answer: it asked whether there should be one."""


@dataclass(frozen=True, slots=True)
class StepEnd:
    """What is stored in the unit of work that settles a step: the final text if it is the last one, else its content.

    A final text is stored while the claim is held; content while all calls are kept of which it tells (ids `called`).
    """

    claim: Claim
    final_text: FinalText | None = None
    content: str | None = None
    called: tuple[str, ...] = ()
    made: tuple[MadeFile, ...] = ()
    container: Container | None = None
    pause: PauseRecord | None = None
    """How its question came, which is counted with a final text."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement brought about: budgets of which people must be told, and whether the final text is stored."""

    nearly: Sequence[BudgetStatus] = ()
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """A tracked thread as the store has it, oldest message first; deleted ones are not in it.

    What Claude said stands in `replies` under the question's name; the pages of it are messages of ours.
    """

    key: ThreadKey
    messages: tuple[Message, ...]
    stale: bool
    """It was never read from the platform, or events may have been missed since."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The names of people that Claude was given; they stand for ever."""
    replies: Mapping[str, FinalText] = field(default_factory=dict)
    open: Mapping[str, str | None] = field(default_factory=dict)
    """The questions that are open, commands apart, each with the one that it is answered with, if it is by now."""
    parked: Mapping[str, str] = field(default_factory=dict)
    """What Claude has said so far to those that wait for a person."""
    unanswered: Mapping[str, Unanswered] = field(default_factory=dict)
    """The questions that got no answer, and why."""
    refused_at: Mapping[str, datetime] = field(default_factory=dict)
    """When those of them were closed that Claude refused: what is edited later is not what it refused."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """Time zones that Claude was given, by the question with which each was; they stand for ever."""
    generation: int = 0
    """How many gaps the workspace had had when this was read; `refresh` marks the thread as read up to there."""
    borrowed: frozenset[str] = frozenset()
    """Ids of messages that the platform shows in the thread on whose message this one was opened."""
    pieces: frozenset[str] = frozenset()
    """Ids of messages that the platform shows beside the thread: they add to a question."""
    container: Container | None = None
    tools: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names of the tools that Claude was given, by what was chosen; they stand for ever."""
    summaries: Mapping[str, str] = field(default_factory=dict)  # of what is told no more, by digests of steps
    notes: tuple[ChannelNote, ...] = ()
    """Those that hold in its channel."""
    zone: str = ""
    """The time zone that was chosen for its workspace; empty where none was."""


class Questions(Protocol):
    """What was asked, and who answers it."""

    @property
    def in_order(self) -> bool:
        """Whether a claim that is asked for while a question is ingested sees that question."""

    async def ingest(self, event: Event, *, full: bool = False, attended: bool = False) -> Receipt:
        """Keep an event, once. Where who keeps it is `full`, the other processes hear of the question in it.

        A message that certainly asks makes its thread a tracked one. There messages are kept, edited and deleted;
        elsewhere nothing is. A message that names a parent joins its parent's thread. A command is kept as a
        question. What is older than what is kept changes nothing; a deletion leaves a tombstone. Where `attended`, a
        message that is kept lets bots be answered anew in its channel.
        """

    async def is_kept(self, key: ThreadKey, name: str) -> bool:
        """Whether a question of that name was kept in the channel, whatever became of it."""

    async def find_ending(self, key: ThreadKey, name: str) -> Ending | None:
        """How the question of that name ended, or that it waits for a person; None while it is open."""

    async def is_deleted(self, key: ThreadKey, message: str) -> bool:
        """Whether a message of the channel is known to be deleted."""

    async def claim_next(self, process: str, platforms: Collection[str], full: Collection[str] = ()) -> Claim | None:
        """An open question of these platforms whose thread is free, with its companions; none of a `full` workspace.

        Commands come first, of one person only a few at a time; then who is being answered least: the workspace, in it
        the channel, in it the person; then the oldest. In one thread questions are answered in their order; its
        companions are what the same person asked behind it, until somebody else asked.
        """

    async def join_waiting(self, claim: Claim) -> Claim:
        """The claim as it is now, with what its person has asked behind it since. Raises LeaseLost.

        It takes no more companions once a final text is there; whether any words are visible only the caller knows.
        """

    async def pass_over(self, claim: Claim) -> bool:
        """Close all that perhaps asks and waits in a claim's thread before what certainly does; False without that."""

    async def record_page(self, claim: Claim, page: str, at: datetime) -> None:
        """A page of the reply exists. Raises LeaseLost."""

    async def drop_page(self, claim: Claim, page: str) -> None:
        """A page of the reply is taken away by us: its deletion stops no answer. Raises LeaseLost."""

    async def store_final_text(self, claim: Claim, final: FinalText) -> None:
        """Claude has ended. Raises LeaseLost."""

    async def park(self, claim: Claim, told: str, number: int, so_far: str = "") -> None:
        """Let the question wait for a person without a process, and its thread go on, until they decide or are late.

        `told` is the newest message that Claude was told, which has said `so_far`, and call `number` waits. LeaseLost.
        """

    async def close(self, claim: Claim, outcome: Outcome, *, patient: bool = False) -> bool:
        """The reply is whole on the platform; addresses are wiped, and of a private question all. Raises LeaseLost.

        Whether all that the claim had is closed: what needs an answer of its own waits again. Where nothing else waits
        for its end, it may be `patient`, and a tenth of a second late.
        """

    async def heartbeat(self, process: str, leaving: bool = False) -> Heartbeat:
        """This process lives; or it leaves, and its claims are free at once."""

    async def find_reply(self, key: ThreadKey, control: Control, name: str | None = None) -> Asked | None:
        """Whom a reply of the thread answers; without a name, the newest one that the control is about."""

    async def list_commands(self, key: ThreadKey) -> Sequence[GivenCommand]:
        """The commands of the channel that are not carried out yet, the newest first."""

    async def stop_reply(self, key: ThreadKey, name: str) -> str:
        """End an answer with what was said. What came of that, in a sentence."""

    async def retry_reply(self, command: Question, name: str) -> str | None:
        """Let a question be answered anew, once for this command. What came of that; None while its answer ends."""

    async def delete_reply(self, command: Question, name: str, list_files: ListFiles) -> DeletedReply | None:
        """Keep no word of a reply; what the platform still shows, the same however often this command asks.

        `list_files` names the files of a final text. None while it is being written; then it is stopped.
        """

    async def count_open(self) -> tuple[int, datetime | None]:
        """How many questions are open and wait for us, and when the oldest was asked: not those that are parked."""

    async def count_parked(self) -> int:
        """How many questions wait for a person's word on a call."""


class Threads(Protocol):
    """The tracked threads."""

    async def thread(self, key: ThreadKey, branch: str | None = None) -> Thread:
        """The thread; with `branch`, only that message and its ancestors with the replies given to them."""

    async def open(self, key: ThreadKey) -> tuple[Thread, Sequence[Version | None]]:
        """The thread, and the newest persona that was set in its channel and in its workspace."""

    async def list_chain(self, key: ThreadKey, message: str) -> frozenset[ThreadKey]:
        """The threads in which a message and all that leads to it are kept."""

    async def refresh(self, thread: Thread, history: History) -> Thread:
        """Make the rows equal what the platform showed, inside what was read; the thread, fresh from here on."""

    async def remember_names(self, key: ThreadKey, names: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the names of people that Claude is given; what was kept before wins. All that is kept."""

    async def remember_zone(self, key: ThreadKey, question: str, zone: str) -> Mapping[str, str]:
        """Keep the time zone that Claude is given with a question; what was kept before wins. All that is kept."""

    async def forget(self, scope: Scope, by: str = OPERATOR) -> int:
        """Erase texts, names and answers of a thread, a channel or a person, as `by` wants it. How many messages."""

    async def remember_tools(self, key: ThreadKey, choice: str, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Keep the tools that Claude is given under a choice; what was kept before wins. All that is kept."""


class Ledger(Protocol):
    """One row a request."""

    async def reserve(self, spending: PlannedRequest, scopes: Sequence[Scope]) -> Reservation | BudgetRefusal:
        """Set the worst case aside, in every budget that holds for `scopes`, or in none."""

    async def settle(self, reservation: Reservation, settled: Settlement, end: StepEnd | None = None) -> Settled:
        """What it really was, and what a step ends with, once. Budgets to tell of now: each threshold once a period."""

    async def list_steps(self, key: ThreadKey, question: str) -> Mapping[str, Step]:
        """The steps of an open question's answer, by the digest of what was asked."""

    async def find_first_step(self, key: ThreadKey, question: str) -> FirstStep | None:
        """The first step of an open question's answer; None where there is none."""

    async def sum_steps(self, key: ThreadKey, question: str) -> tuple[int, int]:
        """How many steps of an open question's answer were gone on from, and the micro-dollars that all have cost."""

    async def sum_usage(self, scope: Scope, since: datetime, by: str) -> list[UsageRow]:
        """What was used since then: by person, channel, model, thread, miss, day, quarter, bill or persona.

        Days are days of UTC; a quarter of an hour is `2026-11-20T10:15`, in UTC. A line of a bill is a day's and a
        model's: `2026-11-20 claude-haiku-5-5 used`, or `died` for its bound. A persona's: `C1#3`, `default`, `unknown`.
        """

    async def count_votes(self, scope: Scope, since: datetime) -> Votes:
        """What people thought since then of answers in a scope; of a person, of the answers to that person."""

    async def workspaces(self) -> list[str]:
        """Those that have requests, in the order of their names."""

    async def budgets(self, workspace: str, now: datetime, person: str = "", only: Scopes | None = None) -> Budgets:
        """Budgets as they stand, of all scopes or `only` some; all changes; of direct messages what `person` spent."""

    async def list_limiting(self, workspace: str, person: str) -> list[str]:
        """The workspaces of the same platform that ever limited a person, whose direct messages they limit too."""

    async def allow(self, budget: Budget, expected: int, zone: str = "UTC") -> Budget:
        """Change a budget; `expected` is the number of its last change, 0 if there was none. Raises VersionConflict.

        One without a zone leaves the workspace's as it is, which is `zone` as long as nobody has chosen any.
        """


class ToolCalls(Protocol):
    """The calls of open answers. Each method is one unit of work."""

    async def begin(
        self, claim: Claim, calls: Sequence[ToolCall], acting: Collection[str], before: Collection[str]
    ) -> Sequence[StoredCall]:
        """Keep the calls of a step, each once, and begin those that only read. As they stand. Raises LeaseLost.

        `acting` names the tools that act: their calls wait for a person, unless that person lets the tool act in this
        thread. `before` are the ids of earlier calls of this run: what another run of the same question did or began
        with the same arguments is not done again, and what it waits for nobody decides any more.
        """

    async def act(self, claim: Claim, call: str) -> CallState:
        """Begin an allowed call that acts: BEGUN if it is begun now, else how it stands. Raises LeaseLost."""

    async def end(self, claim: Claim, results: Mapping[str, str]) -> None:
        """Keep what came of calls, by their ids, as JSON. Raises LeaseLost."""

    async def list_acts(self, claim: Claim) -> Sequence[StoredCall]:
        """The calls of this question's answer that acted, or may have, and those that are allowed to."""

    async def decide(self, command: Question, subject: str, control: Control) -> str:
        """Say whether a call, named as controls name it, may act: once for this command. What came of that."""

    async def find_waiting(self, key: ThreadKey, subject: str | None = None) -> Asked | None:
        """What a call that waits is about, and who asked; without a subject, the thread's. None where none waits."""

    async def list_waiting(self, workspace: str) -> Sequence[WaitingCall]:
        """The calls of a workspace about which somebody is asked now, the oldest first."""


class Notes(Protocol):
    """Small things to remember: a hash, a model's capabilities."""

    async def get(self, name: str) -> str | None: ...

    async def put(self, name: str, value: str) -> None: ...


NEWEST = 2**63 - 1  # more than any row's number


class Audit(Protocol):
    """The audit log: a chain of rows for each workspace. Rows come into it with the changes that they tell of."""

    async def heads(self) -> list[AuditHead]:
        """The newest row of each chain, by workspace."""

    async def newest(self, workspace: str, channel: str | None, before: int = NEWEST) -> list[AuditRow]:
        """The twenty newest rows before that number of a channel; without one, of what concerns the whole workspace."""

    async def page(self, workspace: str, after: int) -> list[AuditRow]:
        """Rows that follow number `after`, oldest first, at most 500."""

    async def verify(self, head: AuditHead) -> AuditHead | AuditFault:
        """Verify such a page of rows that follow `head`: the new head, the same one at the end, or the first fault."""


@dataclass(frozen=True, slots=True)
class Store:
    """All of them over one database."""

    questions: Questions
    threads: Threads
    ledger: Ledger
    personas: Personas
    notes: Notes
    files: StoredFiles
    past: ChannelPast
    audit: Audit
    calls: ToolCalls
    tool_use: ToolUse
    installations: Installations
    summaries: Summaries
    channel_notes: ChannelNotes
    trials: Trials
    schedules: Schedules
    jobs: Jobs
    batches: BatchWork
    pauses: Pauses
    bot_answers: BotAnswers
    sign_ins: SignIns
    shards: Shards
    reports: Reports
    day_sums: DaySums
    posts: Posts
    signals: Signals
    shut: Callable[[], Awaitable[None]]  # closes the database; nothing may be called afterwards


ReadRows = Callable[[str, Sequence[str]], Iterable[Sequence[Any]]]
"""Gives the rows of a table, as values of these columns, in no order."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was read back and found whole."""

    source: str
    target: str
    bytes: int
    rows: Mapping[str, int]  # how many each table has
