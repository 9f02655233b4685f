"""The `batch list`, `show`, `start`, `retry` and `stop` commands; `batch show` also posts the results of a batch."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from core.commands.batches.progress import (
    HEAD,
    describe_end,
    describe_job,
    describe_move,
    describe_offer,
    describe_portion,
    describe_progress,
)
from core.commands.batches.results import SLICE, write_portion
from core.commands.batches.tables import MOST
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, RankTooLow, UsageError
from core.domain.controls import Control
from core.domain.messages import MENTION, CommandResult, Question, Rank
from core.store.records.jobs import Job, JobProgress, JobState, RowState

NONE = "There are no batches in this channel. `help batch run` tells how to begin one."
NONE_FITS = "No batch of this channel {}. `batch list` shows them all."
UNKNOWN = "There is no batch {} in this channel. `batch list` numbers them."
OTHERS = "Only who gave this batch, or somebody who manages this channel, can do that."
TAKEN_BACK = "This batch is gone, with all of its rows."
AGAIN = "They are kept for 30 days: `batch show {}` posts them."
UNPOSTABLE = (
    "I keep the results of this batch, and can't post them here: I am not in this channel, or it takes no messages of "
    "mine. Invite me, and give `batch show {}` again."
)
LISTED = 20  # batches
LOOKED = 100  # batches among which the newest is looked for with which something can be done
WATCHED = timedelta(minutes=1)  # for which somebody looks at a batch that they gave
REASONS = 3  # of rows without an answer that are told


async def show_batch(call: Invocation) -> CommandResult:
    """How far a batch is. Given for one that was started, it goes on until that has ended, and brings its results.

    Those of a batch that took long stand in a message of their own, so that who gave it hears of them.
    """
    jobs, question = call.context.store.jobs, call.question
    shown = await jobs.find(question.key, question.name)
    if shown is not None and shown.run == question.name:
        return await _follow(call, shown)
    if not question.private:
        return CommandResult(TAKEN_BACK)
    job = await _find_job(call)
    if job.state is JobState.ENDED and not await call.surface.may_post():
        return CommandResult(UNPOSTABLE.format(job.number))
    if told := await jobs.post_again(job.id):
        return CommandResult(told)
    return CommandResult(await _describe(call, job))


async def _describe(call: Invocation, job: Job) -> str:
    progress = await call.context.store.jobs.measure(job.id)
    if job.state is JobState.STARTED:
        return describe_progress(job, progress, call.context.clock())
    return describe_offer(job, progress) if job.state is JobState.OFFERED else f"{HEAD}\n{describe_job(job)}"


async def _follow(call: Invocation, job: Job) -> CommandResult:
    jobs = call.context.store.jobs
    progress = await jobs.measure(job.id)
    if job.state is JobState.STARTED or job.plan is None:
        text = describe_progress(job, progress, call.context.clock())
        return CommandResult(text, offers=() if job.canceled else (Control.STOP,), waits=job.changes)
    if MENTION not in call.question.values and call.surface.us and _took_long(job):
        await jobs.note_portion(job.id, 0)
        return CommandResult(describe_move(job))
    problems = await _list_problems(call, job)
    if not progress.count(RowState.DONE):
        await jobs.note_portion(job.id, MOST)
        return CommandResult(describe_end(job, progress, problems), offers=_offer_retry(progress))
    portion = await write_portion(jobs, job.id, job.plan.prompt, job.posted)
    await jobs.note_portion(job.id, portion.last)
    text = describe_portion(job, portion) if job.posted else describe_end(job, progress, problems, portion)
    files = portion.name_files(f"batch-{job.number}", job.posted, AGAIN.format(job.number))
    return CommandResult(text, files, offers=_offer_retry(progress) if portion.whole else ())


def _took_long(job: Job) -> bool:
    """Whether nobody looks any more at the message that shows it: its results come in one of their own."""
    return job.begun_at is not None and job.ended_at is not None and job.ended_at - job.begun_at >= WATCHED


def _offer_retry(progress: JobProgress) -> tuple[Control, ...]:
    return (Control.RETRY_FAILED,) if progress.retryable else ()


async def _list_problems(call: Invocation, job: Job) -> Sequence[str]:
    """Why rows have no answer, the most frequent reasons first, each as it stands in the rows and how often."""
    found, after = Counter[str](), 0
    while job.failed and (rows := await call.context.store.jobs.read_rows(job.id, after, SLICE)):
        found.update(one.problem or "" for one in rows if one.state is RowState.FAILED)
        after = rows[-1].number
    if found.total() == 1:
        return list(found)
    told = [f"\u201c{problem}\u201d ({count:,})" for problem, count in found.most_common(REASONS)]
    rest = found.total() - sum(count for _, count in found.most_common(REASONS))
    return [*told, *([f"{rest:,} for other reasons"] if rest else [])]


async def list_batches(call: Invocation) -> CommandResult:
    found = await call.context.store.jobs.list_newest(call.question.key, LISTED)
    return CommandResult("\n".join([HEAD, *map(describe_job, found)]) if found else NONE)


async def start_batch(call: Invocation) -> CommandResult:
    return await _change(call, await _find_job(call, START), call.context.store.jobs.start)


async def retry_batch(call: Invocation) -> CommandResult:
    return await _change(call, await _find_job(call, RETRY), call.context.store.jobs.retry)


async def stop_batch(call: Invocation) -> CommandResult:
    jobs = call.context.store.jobs
    return await _change(call, await _find_job(call, STOP), lambda _question, job: jobs.cancel(job))


async def find_running(call: Invocation) -> Job | None:
    """The newest batch of the channel that runs; one of who gave this command before all others."""
    found = await call.context.store.jobs.list_newest(call.question.key, LOOKED)
    running = [one for one in found if one.state is JobState.STARTED and not one.canceled]
    return max(running, key=lambda one: (one.person == call.question.person, one.number), default=None)


async def _change(call: Invocation, job: Job, change: Callable[[Question, int], Awaitable[str]]) -> CommandResult:
    """Do something with a batch, for who gave it or manages the channel. Raises RankTooLow."""
    person = call.question.person
    if person != job.person and await call.surface.rank(person) < Rank.MANAGER:
        raise RankTooLow(OTHERS)
    told = await change(call.question, job.id)
    if call.context.heartbeat is not None:
        await call.context.heartbeat()
    return CommandResult(told)


@dataclass(frozen=True, slots=True)
class Change:
    """What can be done with some batches, whether with this one, and what is said where it can be with none."""

    takes: Callable[[Job], bool]
    otherwise: str


START = Change(lambda job: job.state is JobState.OFFERED, "waits for a start")
RETRY = Change(lambda job: job.state is JobState.CLOSED and job.plan is not None, "has rows that could be asked again")
STOP = Change(
    lambda job: job.state is JobState.OFFERED or (job.state is JobState.STARTED and not job.canceled),
    "runs or waits for a start",
)


async def _find_job(call: Invocation, change: Change | None = None) -> Job:
    """The batch that is meant: without a number the newest, with which `change` can be done. Raises UsageError."""
    jobs, number = call.context.store.jobs, call.values.get("number")
    if number:
        named = await jobs.find_numbered(call.question.key, int(number))
        if named is None:
            raise UsageError(UNKNOWN.format(int(number)), "number")
        return named
    known = await jobs.list_newest(call.question.key, LOOKED)
    fitting = [one for one in known if change is None or change.takes(one)]
    if not fitting:
        raise UsageError(NONE_FITS.format(change.otherwise) if known and change else NONE, "number")
    return next((one for one in fitting if change is STOP and one.state is JobState.STARTED), fitting[0])


NUMBER = (
    Parameter(
        "number", ParameterKind.NUMBER, "which batch, as `batch list` numbers them; left out: the newest that fits"
    ),
)
ROWS = (
    Command("batch list", "List the batches of this channel", list_batches, private=True),
    Command("batch show", "Show how far a batch is", show_batch, NUMBER, private=True),
    Command("batch start", "Ask all rows of a batch that was offered", start_batch, NUMBER, private=True),
    Command(
        "batch retry",
        "Ask the rows of a batch again that have no answer",
        retry_batch,
        NUMBER,
        private=True,
        aliases=("batch retry failed",),
    ),
    Command(
        "batch stop",
        "Stop a batch, or drop one that was only offered",
        stop_batch,
        NUMBER,
        private=True,
        aliases=("batch cancel",),
    ),
)
