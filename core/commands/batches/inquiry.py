"""Inquiry: what a task asks in one batch, at half the price; it waits for that, and goes on with what came of it."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.billing.ledger_rows import PlannedRequest, list_scopes
from core.commands.batches.progress import describe_waiting
from core.commands.craft.task import TaskResult, TaskRun
from core.commands.registry import Parameter, ParameterKind
from core.domain.controls import Control
from core.domain.errors import BudgetForbids, CannotAnswer
from core.domain.wording import count_noun
from core.prompting.request import Request
from core.prompting.row_prompts import RowPrompt
from core.store.records.jobs import Job, JobPlan, JobRow, JobState, NewRow, RowState, read_reply

FRAME = 200  # bytes of a request beside its words
SLICE = 20  # requests that are kept or read at once: each may be as long as a thread
NO_BATCHES = "I can't run batches here: they need Anthropic's API with a key, and I run without it."
TEMPERATURE = "A persona with a temperature can't be asked in a batch. Leave out `batch=yes`, or its temperature."
SCHEDULED = "A schedule waits for no batch. Leave out `batch=yes`."
NOTHING = "Nothing came back of what I asked."
STOPPED = "I was asked to stop."

BATCH = Parameter(
    "batch", ParameterKind.CHOICE, "half the price, answered when done, to all here", choices=("yes", "no")
)
IN_BATCH = "batch=yes"


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request, what it is `about`, and the messages that stand in it: with one of them both go."""

    request: Request
    about: Mapping[str, Any]
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked at once, and what its task `kept` to go on: no word of a message."""

    requests: Sequence[AskedRequest]
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InquiryAnswer:
    """What came of a request: Claude's words, why it stopped and which model it was, or why there are none."""

    about: Mapping[str, Any]
    text: str = ""
    stop: str = ""
    model: str = ""
    problem: str = ""
    micro_usd: int | None = 0

    @property
    def sentence(self) -> str:
        """Why there are no words."""
        return f"{self.problem[:1].upper()}{self.problem[1:]}." if self.problem else ""


@dataclass(frozen=True, slots=True)
class EndedInquiry:
    """What came of all requests, in their order, but of those that went with a message; and why some have no answer."""

    kept: Mapping[str, Any]
    answers: Sequence[InquiryAnswer]
    erased: int
    reason: str

    def explain_missing(self) -> str:
        """Why its answer is not whole, in sentences; empty where it is."""
        gone = f"{count_noun(self.erased, 'request')} went with a message that was deleted." if self.erased else ""
        return " ".join(filter(None, (self.reason, gone)))


async def ask_in_batch(
    run: TaskRun,
    begin: Callable[[TaskRun], Awaitable[Inquiry]],
    go_on: Callable[[TaskRun, EndedInquiry], Awaitable[Inquiry | TaskResult]],
) -> TaskResult:
    """Give in what a task asks, wait, and go on once all of it has ended, until its answer is there.

    Each call is one such step, in whichever process: what is known of it is in the store. Raises CannotAnswer,
    BudgetForbids.
    """
    if not run.call.context.batches:
        raise CannotAnswer(NO_BATCHES)
    if run.question.schedule is not None:
        raise CannotAnswer(SCHEDULED)
    job = await run.store.jobs.find(run.question.key, run.question.name)
    if job is None or job.run is None:
        made: Inquiry | TaskResult = await begin(run)
    elif job.state is JobState.STARTED:
        return await _wait(run, job)
    else:
        made = await go_on(run, await _read_end(run, job))
    return await _give_in(run, made) if isinstance(made, Inquiry) else made


async def _wait(run: TaskRun, job: Job) -> TaskResult:
    """How far it is; the task goes on when that changes."""
    text = describe_waiting(job, await run.store.jobs.measure(job.id), run.clock())
    return TaskResult(text, offers=(Control.STOP,), waits=job.changes)


async def _give_in(run: TaskRun, inquiry: Inquiry) -> TaskResult:
    """Keep all requests, and let them be asked, if a budget allows that. Raises BudgetForbids, CannotAnswer."""
    jobs, question = run.store.jobs, run.question
    rows = [_build_row(run, number, one) for number, one in enumerate(inquiry.requests, 1)]
    longest = max(int(one.request.body["max_tokens"]) for one in inquiry.requests)
    words = run.row.words
    plan = JobPlan(RowPrompt("", (), {"max_tokens": longest}), _name_models(rows), words, json.dumps(inquiry.kept))
    number = run.version.number if run.version else 0
    job = await jobs.begin(replace(run.claim, question=question), plan, question.name, number)
    for start in range(0, len(rows), SLICE):
        await jobs.add_rows(run.claim, job, rows[start : start + SLICE])
    scopes = list_scopes(question.key, question.person, question.homes)
    output = sum(int(one.request.body["max_tokens"]) for one in inquiry.requests)
    asked = question.key, question.name, question.person, rows[0].model or "", number
    planned = PlannedRequest(*asked, 0, output, run.clock(), direct=question.homes is not None)
    if refusal := await jobs.wait_for(run.claim, job, planned, scopes):
        raise BudgetForbids(refusal.reason, personal=refusal.personal)
    started = await jobs.find(question.key, question.name)
    return await _wait(run, started) if started else TaskResult("", waits=0)


def _build_row(run: TaskRun, number: int, one: AskedRequest) -> NewRow:
    """A request with the most that it takes. Raises CannotAnswer for one that no batch takes."""
    request = run.fit(one.request)
    if request.headers or "extra_body" in request.body:
        raise CannotAnswer(TEMPERATURE)
    metering, day = run.structured.sender.metering, run.clock().date()
    longest, bound = int(request.body["max_tokens"]), request.input_bound
    cost = metering.prices.worst_cost(request.model, bound, longest, day, metering.geo, batch=True)
    size = FRAME + len(json.dumps(request.body))
    return NewRow(number, (request.body, one.about), size, bound, cost, model=request.model, messages=one.messages)


def _name_models(rows: Sequence[NewRow]) -> str:
    return " and ".join(dict.fromkeys(row.model or "" for row in rows))


async def _read_end(run: TaskRun, job: Job) -> EndedInquiry:
    kept = json.loads(job.plan.task or "{}") if job.plan else {}
    answers: list[InquiryAnswer] = []
    erased, after = 0, 0
    while rows := await run.store.jobs.read_rows(job.id, after, SLICE):
        answers += list(_read_answers(rows))
        erased += sum(not row.cells for row in rows)
        after = rows[-1].number
    reason = STOPPED if job.canceled else job.problem
    return EndedInquiry(kept, answers, erased, reason)


def _read_answers(rows: Sequence[JobRow]) -> Iterator[InquiryAnswer]:
    for row in rows:
        if not row.cells:
            continue
        about = row.cells[1]
        if row.state is RowState.DONE and row.result:
            text, stop, model = read_reply(row.result)
            yield InquiryAnswer(about, text, stop, model, micro_usd=row.micro_usd)
        else:
            yield InquiryAnswer(about, problem=row.problem or "")


def ensure_answered(ended: EndedInquiry) -> None:
    """Raises CannotAnswer where there is no answer at all, with the reason."""
    if any(not one.problem for one in ended.answers):
        return
    problem = next((one.sentence for one in ended.answers if one.problem), "")
    raise CannotAnswer(ended.explain_missing() or problem or NOTHING)
