"""Jobs: the same asked about every row of a table, in batches; their rows, and what Anthropic has of them."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from core.billing.budgets import BudgetStatus
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Scopes, Settlement
from core.domain.messages import Question, ThreadKey
from core.prompting.row_prompts import RowPrompt
from core.store.records.claims import Claim

OFFERED_FOR = timedelta(days=1)  # that a job waits to be started
FOLLOW = "batch show"  # the command whose answer shows a job until its results are posted
RETRYABLE_FOR = timedelta(days=1)  # that rows which failed are kept for another try
UNPOSTED_FOR = timedelta(days=30)  # that results are kept which could not be posted
LISTED_FOR = timedelta(days=30)  # that a job is listed whose results are posted


class JobState(Enum):
    """How far a job is."""

    READ = "read"
    """Its rows are being read, or its preview is made."""
    OFFERED = "offered"
    """Somebody has to start it."""
    STARTED = "started"
    ENDED = "ended"
    """All that can be known of its rows is; they wait until all of them are posted."""
    CLOSED = "closed"
    """Its results are posted, or nobody wants them."""


class RowState(Enum):
    """How far a row is."""

    WAITING = "waiting"
    """It is in no batch."""
    SENT = "sent"
    """It is in one, or will be."""
    DONE = "done"
    FAILED = "failed"


class BatchState(Enum):
    """How far a batch is."""

    PLANNED = "planned"
    """Its money is set aside, and nothing is sent."""
    SENDING = "sending"
    """It may be at Anthropic, and nobody knows under which name."""
    RUNNING = "running"
    COLLECTED = "collected"
    """Its results are kept and it is settled; it has still to be deleted at Anthropic."""


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What is asked about each row, by which model, and where the rows come from, in words: the file's name."""

    prompt: RowPrompt
    model: str
    source: str
    task: str | None = None
    """Where each row is a whole request, of a task that waits for all of them: what that has to know when it goes on.

    It is JSON, without a word of a message. The prompt then says the longest answer alone.
    """

    @property
    def unit(self) -> str:
        """What one row is called."""
        return "row" if self.task is None else "request"

    def build_body(self, cells: Sequence[Any]) -> Mapping[str, Any]:
        """The arguments of the request that a row is."""
        body: Mapping[str, Any] = self.prompt.build_body(cells) if self.task is None else cells[0]
        return body


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row as it is read: its cells, the bytes of its request, and the most tokens and micro-dollars that it takes."""

    number: int
    cells: tuple[Any, ...]
    size: int
    input_bound: int
    bound: int | None
    message: str | None = None
    """The message that it was made of."""
    author: str = ""
    """Who said that; empty where we did."""
    model: str | None = None
    """Which model is asked, where that is not the same for all."""
    messages: tuple[str, ...] = ()
    """The messages that stand in a request of a task: when one of them is deleted, it goes too."""
    problem: str = ""
    """Why it can't be asked; then it takes nothing."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row and what came of it."""

    number: int
    cells: tuple[Any, ...]
    state: RowState
    result: str | None = None
    problem: str | None = None
    micro_usd: int | None = None
    """What its answer has cost; None where that is not known."""


def write_reply(text: str, stop: str, model: str) -> str:
    """What is kept of an answer to a request of a task: Claude's words, why it stopped, and which model it was."""
    return json.dumps([text, stop, model])


def read_reply(kept: str) -> tuple[str, str, str]:
    """What `write_reply` kept."""
    text, stop, model = json.loads(kept)
    return text, stop, model


@dataclass(frozen=True, slots=True)
class RowResult:
    """What came of a row: Claude's words, why they are none, and what they cost."""

    number: int
    text: str
    problem: str = ""
    micro_usd: int | None = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A job. `plan` is gone once nothing of it can be asked any more. `number` counts those of its channel."""

    id: int
    key: ThreadKey
    number: int
    question: str
    """The command that it was offered below."""
    run: str | None
    """The question whose answer shows how far it is, and its results."""
    person: str
    homes: tuple[str, ...] | None
    state: JobState
    plan: JobPlan | None
    persona: int
    rows: int
    at: datetime
    origin: str = ""
    """Where its rows come from, in words: a file's name. Empty where that was forgotten."""
    problem: str = ""
    """Why not all of its rows were asked, in a sentence."""
    canceled: bool = False
    cost: int | None = 0
    """What its batches have cost so far, in micro-dollars; None where no price is known."""
    failed: int = 0
    """Rows without an answer, once it has ended."""
    changes: int = 0
    posted: int = 0
    """The last row of the results that hang there."""
    begun_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far the rows of a job are, by their states, and its batches."""

    rows: Mapping[RowState, int] = field(default_factory=dict)
    bound: int | None = 0
    """The most that all of them can cost; None where no price is known."""
    batches: int = 0
    running: int = 0
    """Batches that Anthropic has and that have not ended."""
    planned: int = 0
    """Batches that Anthropic does not have yet."""
    retryable: int = 0
    """Rows without an answer that can be asked again."""

    def count(self, state: RowState) -> int:
        return self.rows.get(state, 0)


@dataclass(frozen=True, slots=True)
class WaitingBatches:
    """What of batches waits: how many to be deleted at Claude's API, and how many to be posted."""

    deletions: int = 0
    tries: int = 0
    """How often the deletion failed that failed most often."""
    problem: str = ""
    """Why."""
    unposted: int = 0
    since: datetime | None = None
    """Since when the oldest of them waits to be posted."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is given in at once. Without a `job` nobody wants its results, and it has only to be settled and deleted."""

    id: int
    job: int | None
    token: str
    """What the ids of its requests begin with."""
    api_key: str
    model: str
    name: str | None
    """Its id at Anthropic."""
    state: BatchState
    requests: int
    doomed: bool
    canceled: bool
    begun_at: datetime | None
    age: timedelta
    """How long ago it began to be sent, by the store's clock."""
    tries: int = 0
    bound: int | None = None
    """The most that it can cost, in micro-dollars; None where no price is known."""

    def name_row(self, number: int) -> str:
        """The id of a row's request."""
        return f"{self.token}-{number}"

    def estimate_lost(self, lost: int) -> int | None:
        """What was set aside for so many of its requests, of which nothing came back."""
        return 0 if not lost else None if self.bound is None else math.ceil(self.bound * lost / self.requests)

    def find_row(self, custom_id: str) -> int | None:
        """The row of a request; None where it is not of this batch."""
        token, _, number = custom_id.rpartition("-")
        return int(number) if token == self.token and number.isascii() and number.isdigit() else None


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """What one batch takes at most, in requests and in bytes of their JSON, and with which key it is given in."""

    requests: int
    bytes: int
    api_key: str
    """The fingerprint of the key."""
    price: Callable[[str, int, int, int], int | None] | None = None
    """The most that requests of a model cost now, by tokens of the longest prompt, of all prompts, all answers."""


class Jobs(Protocol):
    """Jobs as people see them. Each method is one unit of work."""

    async def begin(self, claim: Claim, plan: JobPlan, source: str, persona: int) -> int:
        """Keep a job whose rows come now; what the same command began before is dropped. Its id. Raises LeaseLost.

        `source` is the message that brought the rows: they go with it.
        """

    async def add_rows(self, claim: Claim, job: int, rows: Sequence[NewRow]) -> None:
        """Keep some of its rows. Raises LeaseLost."""

    async def offer(self, claim: Claim, job: int, planned: PlannedRequest, scopes: Scopes) -> BudgetRefusal | None:
        """Let it be started, unless a budget would forbid all of it now. Raises LeaseLost."""

    async def wait_for(self, claim: Claim, job: int, planned: PlannedRequest, scopes: Scopes) -> BudgetRefusal | None:
        """Start a job whose command waits for it itself, unless a budget would forbid all of it now, or nobody waits
        any more. Raises LeaseLost.
        """

    async def sum_cost(self, key: ThreadKey, name: str) -> int:
        """What the jobs that a command waits for have cost, in micro-dollars."""

    async def find(self, key: ThreadKey, name: str) -> Job | None:
        """The job that was offered below the answer to this command, or is shown below it."""

    async def find_numbered(self, key: ThreadKey, number: int | None) -> Job | None:
        """The job of this number in the channel, or the newest."""

    async def list_newest(self, key: ThreadKey, most: int) -> Sequence[Job]:
        """The newest jobs of the channel."""

    async def measure(self, job: int) -> JobProgress:
        """How far its rows and batches are."""

    async def read_rows(self, job: int, after: int, most: int) -> Sequence[JobRow]:
        """Its rows behind this number, in their order."""

    async def start(self, command: Question, job: int) -> str:
        """Start an offered job, as a command says. What came of that, in a sentence."""

    async def retry(self, command: Question, job: int) -> str:
        """Ask the rows without an answer again, in a job of their own. What came of that, in a sentence."""

    async def cancel(self, job: int) -> str:
        """Ask no more of it; what is answered by then comes. What came of that, in a sentence."""

    async def note_portion(self, job: int, last: int) -> None:
        """The results up to this row are being posted: once they hang there, those behind it follow."""

    async def post_again(self, job: int) -> str:
        """Have results posted that could not be. What came of that, in a sentence: empty where none wait for it."""

    async def park(self, claim: Claim, changes: int) -> None:
        """Let the question that shows a job wait until more than so many `changes` happened to it. Raises LeaseLost."""


class BatchWork(Protocol):
    """What is to be done at Anthropic. Each method is one unit of work."""

    async def is_due(self) -> bool:
        """Whether anything is to be done now."""

    async def claim_job(self, lease: timedelta) -> Job | None:
        """A started job with rows in no batch, which for so long is no other process's."""

    async def plan(self, job: Job, planned: PlannedRequest, scopes: Scopes, terms: BatchTerms) -> bool:
        """Set money aside for a batch of rows that wait, as many as it takes. Whether more may wait.

        The bounds of `planned` are those of no row. What a budget forbids is not asked, and the job says so.
        """

    async def claim_batches(self, most: int, lease: timedelta) -> Sequence[Batch]:
        """Batches about which something is to be done now, and for so long by no other process."""

    async def extend(self, batch: Batch, lease: timedelta) -> None:
        """It is this process's for longer."""

    async def begin_sending(self, batch: Batch) -> bool:
        """From here on it may be at Anthropic. Whether it is to be sent at all."""

    async def read_plan(self, batch: Batch) -> JobPlan | None:
        """What its requests ask; None where nobody wants to know any more."""

    async def read_requests(self, batch: Batch, after: int, most: int) -> Sequence[JobRow]:
        """Its rows behind this number."""

    async def list_sent(self, batch: Batch) -> set[int] | None:
        """The numbers of its rows, whatever came of them; None where nobody keeps them any more."""

    async def note_name(self, batch: Batch, name: str, requests: int, due: timedelta) -> bool:
        """It is at Anthropic under this name, with so many requests: some rows may have gone before it was sent.

        Whether it is not there under another name already.
        """

    async def list_known(self, names: Sequence[str]) -> frozenset[str]:
        """Those of these batches at Anthropic that belong to one of ours."""

    async def postpone(self, batch: Batch, pause: timedelta, problem: str = "") -> None:
        """Look at it again later."""

    async def plan_again(self, batch: Batch, pause: timedelta, problem: str) -> None:
        """It is certainly not at Anthropic, and is sent later."""

    async def tell_progress(self, batch: Batch, pace: timedelta) -> str | None:
        """Have its job shown anew, if that was shown last so long ago. The workspace whose question was woken."""

    async def keep_results(self, batch: Batch, results: Sequence[RowResult]) -> None:
        """Keep what came of some rows, unless nobody wants it any more. The same once more changes nothing."""

    async def end(self, batch: Batch, settled: Settlement, problem: str) -> Sequence[BudgetStatus]:
        """All results are kept: rows without one have this `problem`. Budgets of which people must be told now."""

    async def remove(self, batch: Batch) -> None:
        """Nothing of it is left at Anthropic."""

    async def drop_old(self) -> None:
        """Drop offers that nobody took up, rows that nobody had asked again, and jobs that are listed no more."""

    async def count_due(self) -> int:
        """How many batches are not deleted at Anthropic yet."""
