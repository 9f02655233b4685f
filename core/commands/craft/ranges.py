"""Ranges: which messages a command takes, as people say it: this thread, the last so many, or since when."""

from dataclasses import replace
from datetime import datetime

from core.commands.craft.material import Material, read_material
from core.commands.craft.moments import UnreadableMoment, parse_moment
from core.commands.craft.task import TaskRun
from core.commands.registry import Invocation, Parameter, ParameterKind, UsageError
from core.domain.errors import CannotAnswer, NothingToTell
from core.domain.messages import SINCE_RUN, PastRange, Question
from core.domain.wording import count_noun

MOST = 2_000  # messages that are read
UNCOUNTED = f"last is a number from 1 to {MOST:,}."
NO_PAST = "There is no channel here that could be read. Words for Claude and `usage` can be scheduled."
OLDER = "There are older ones; `last` takes up to {:,}."

PARAMETERS = (
    Parameter("last", ParameterKind.NUMBER, "how many messages of the channel, such as 50"),
    Parameter("since", ParameterKind.TEXT, "since when, such as yesterday, 3 days ago or 2026-11-20"),
)


async def read_range(run: TaskRun, last: int, nothing: str) -> Material:
    """The messages that are meant: of the channel where any are named, else of the thread, if it was given in one.

    `last` is how many, where nobody says it. Raises CannotAnswer, with `nothing` where there are none; UsageError.
    """
    run.act("reading the messages")
    wanted = await choose_range(run, last)
    found = await read_material(run, wanted)
    if not found.messages:
        raise CannotAnswer(nothing)
    more = run.values.get("since") and not run.values.get("last") and len(found.messages) >= wanted.last
    found = replace(found, cut=OLDER.format(MOST)) if more and not found.cut else found
    await found.prepare()
    return found


async def read_news(run: TaskRun, last: int) -> Material:
    """The messages that a run of a schedule means: those since the run before, where it names no others.

    Raises NothingToTell where nobody else said anything since then; CannotAnswer, UsageError.
    """
    run.act("reading the messages")
    before = datetime.fromisoformat(run.question.values[SINCE_RUN])
    named = run.values.get("last") or run.values.get("since")
    found = await read_material(run, await choose_range(run, last) if named else PastRange("", MOST, before))
    if not any(one.at > before and not one.mine for one in found.messages):
        raise NothingToTell
    await found.prepare()
    return found


async def rehearse_range(call: Invocation) -> None:
    """Raises UsageError where no messages can be meant so, or none be read here."""
    count, since = call.values.get("last"), call.values.get("since")
    if count and not 1 <= int(count) <= MOST:
        raise UsageError(UNCOUNTED, "last")
    try:
        if since:
            parse_moment(since, call.context.clock(), call.context.zone)
    except UnreadableMoment as error:
        raise UsageError(str(error), "since") from None
    if not call.surface.has_past and (count or since or stands_in_no_thread(call.question)):
        raise UsageError(NO_PAST)


async def choose_range(run: TaskRun, last: int) -> PastRange:
    """Which messages are meant. Raises UsageError."""
    count, since = run.values.get("last"), run.values.get("since")
    wanted = int(count) if count else MOST if since else last
    if not 1 <= wanted <= MOST:
        raise UsageError(UNCOUNTED, "last")
    if not (count or since or stands_in_no_thread(run.question)):
        return PastRange(run.question.key.thread, MOST)
    if since is None:
        return PastRange("", wanted)
    try:
        return PastRange("", wanted, parse_moment(since, run.clock(), await run.find_zone()))
    except UnreadableMoment as error:
        raise UsageError(str(error), "since") from None


def stands_in_no_thread(question: Question) -> bool:
    """Whether a command was given in the channel itself."""
    return question.key.thread in {"", question.name}


def describe_range(run: TaskRun, found: Material) -> str:
    """What was read, in words: `the last 50 messages of this channel`."""
    count = count_noun(len(found.messages), "message")
    if not (run.values.get("last") or run.values.get("since") or stands_in_no_thread(run.question)):
        return f"{count} of this thread"
    return f"the last {count} of this channel"
