"""Progress: how far a batch is, and what came of it, in a few lines."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.billing.budgets import dollars
from core.commands.batches.results import Portion
from core.domain.wording import count_noun
from core.store.records.jobs import Job, JobProgress, JobState, RowState

STATES = {
    JobState.READ: "being read",
    JobState.OFFERED: "waits for Start",
    JobState.STARTED: "runs",
    JobState.ENDED: "has ended",
    JobState.CLOSED: "has ended",
}
HEAD = "| batch | rows | failed | from | state | cost |\n| --: | --: | --: | --- | --- | --: |"
UNPRICED = "not known"
FORGOTTEN = "(forgotten)"
DAY = timedelta(days=1)


def describe_progress(job: Job, progress: JobProgress, now: datetime) -> str:
    """What a batch that runs does just now."""
    done = progress.count(RowState.DONE) + progress.count(RowState.FAILED)
    lines = [_name_job(job)]
    lines.append(_describe_state(job, progress, now))
    if done:
        lines.append(f"{done:,} of {count_noun(job.rows, 'row')} are done.")
    elif progress.batches > 1:
        ended = progress.batches - progress.running - progress.planned
        lines.append(f"{ended:,} of {progress.batches:,} parts have ended.")
    if progress.batches and progress.bound is not None:
        lines.append(f"At most {dollars(progress.bound)} is set aside for it.")
    return f"{lines[0]}\n\n{' '.join(lines[1:])}"


def describe_offer(job: Job, progress: JobProgress) -> str:
    """What a batch that waits to be started takes, and how it goes on."""
    most = "" if progress.bound is None else f" It costs at most {dollars(progress.bound)}."
    return (
        f"{_name_job(job)}\n\nIt waits for Start.{most} `batch start {job.number}` asks all of its rows, and "
        f"`batch stop {job.number}` drops it."
    )


def describe_waiting(job: Job, progress: JobProgress, now: datetime) -> str:
    """What a task that waits for its batch does just now."""
    done = progress.count(RowState.DONE) + progress.count(RowState.FAILED)
    sentences = [f"This waits for batch {job.number}, {done:,} of {count_noun(job.rows, 'request')} done."]
    sentences.append(_describe_state(job, progress, now))
    if progress.batches and progress.bound is not None:
        sentences.append(f"At most {dollars(progress.bound)} is set aside for it.")
    return " ".join(sentences)


def _describe_state(job: Job, progress: JobProgress, now: datetime) -> str:
    if job.canceled:
        return "It is stopped. What was answered by then comes in a moment."
    if not progress.batches:
        return "It is being prepared."
    if progress.batches == progress.planned:
        return "It is being given to Anthropic."
    since = _describe_time(now - (job.begun_at or job.at))
    return f"It was given to Anthropic {since} ago, and is answered within a day, mostly much sooner."


def describe_end(job: Job, progress: JobProgress, problems: Sequence[str], portion: Portion | None = None) -> str:
    """What came of a batch."""
    answered = progress.count(RowState.DONE)
    cost = "What it cost is not known." if job.cost is None else f"It cost {dollars(job.cost)}, at batch prices."
    verb = "is" if 1 in (answered, job.rows) else "are"
    sentences = [f"{answered:,} of {count_noun(job.rows, 'row')} {verb} answered. {cost}"]
    if job.canceled:
        sentences.append("It was stopped.")
    if job.problem:
        sentences.append(job.problem)
    if job.failed:
        has = "1 row has" if job.failed == 1 else f"{job.failed:,} rows have"
        sentences.append(f"{has} no answer: {', '.join(problems)}.")
    if portion is None:
        sentences.append("There are no files, for no row has an answer.")
    elif not portion.whole:
        sentences.append(f"They come in several messages, a file each: this one ends with row {portion.last:,}.")
    elif portion.lines is None:
        sentences.append("There is no jsonl file, for it would be too large.")
    if portion is not None:
        sentences += _tell_cut(portion)
    return f"{_name_job(job)}\n\n{' '.join(sentences)}"


def describe_move(job: Job) -> str:
    """What the message of a batch says that has ended, where its results stand in another one."""
    return f"{_name_job(job)}\n\nIt has ended. Its results stand below."


def describe_portion(job: Job, portion: Portion) -> str:
    """What a message says whose files go on with the results of the one before."""
    sentences = [f"Rows {portion.first:,} to {portion.last:,}.", *_tell_cut(portion)]
    return f"{_name_job(job)}\n\n{' '.join(sentences)}"


def _tell_cut(portion: Portion) -> list[str]:
    """That rows are not told whole, if any are not."""
    if not portion.cut:
        return []
    return [f"The long cells of {count_noun(portion.cut, 'row')} are cut, for a file takes no more."]


def describe_job(job: Job) -> str:
    """A line of the list."""
    cost = UNPRICED if job.cost is None else dollars(job.cost) if job.state is not JobState.OFFERED else ""
    state = "was stopped" if job.canceled and job.state is JobState.CLOSED else STATES[job.state]
    failed = f"{job.failed:,}" if job.ended_at else ""
    return f"| {job.number} | {job.rows:,} | {failed} | {job.origin or FORGOTTEN} | {state} | {cost} |"


def _name_job(job: Job) -> str:
    what = f" of {job.plan.source}, with {job.plan.model}" if job.plan else ""
    return f"**Batch {job.number}: {count_noun(job.rows, 'row')}**{what}"


def _describe_time(passed: timedelta) -> str:
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    return count_noun(minutes, "minute") if minutes < 120 else count_noun(minutes // 60, "hour")
