"""The `schedule` commands: what is posted in a channel again and again, when, and in whose name."""

from datetime import UTC, datetime
from itertools import islice

from core.billing.budgets import describe_budget_here, dollars
from core.billing.ledger_rows import Scope
from core.commands.registry import (
    Command,
    Invocation,
    Parameter,
    ParameterKind,
    UsageError,
    name_giver,
    name_person,
)
from core.commands.schedules.order import foresee_order, load_budgets, read_order
from core.commands.schedules.recurrence import Recurrence, UnknownZone, find_zone
from core.domain.messages import CommandResult, Rank
from core.store.records.schedules import (
    MOST,
    NewSchedule,
    Schedule,
    ScheduleChange,
    Stop,
    TooManySchedules,
)

SHOWN = 80  # characters of what a schedule gives that are shown
TIMES = 3  # next times that are told
NOTHING = (
    'Nothing is scheduled in this channel. `schedule add "every weekday 9:00" summarize` sums up here, each weekday, '
    "what is new."
)
NO_PAST = (
    'Nothing is scheduled in this channel. `schedule add "every day at 9" What is the word of the day?` has Claude '
    "answer here each day."
)
HEAD = "What is posted in this channel by schedule:"
FULL = f"This channel has {MOST} schedules, as many as it may have. `schedule remove NUMBER` makes room."
SAME = "Schedule {} does the same at the same times. `schedule remove {}` takes this one away."
UNREADABLE = (
    "The times of schedule {0} can't be read where I run: `{1}` in {2}. `schedule remove {0}` takes it away; then add "
    "it anew, in the zone of this workspace."
)
UNKNOWN = "There is no schedule {} here. `schedule list` shows them with their numbers."
FREE = "No budget limits what it costs; `budget set` gives this channel one."
WHY = {
    Stop.LEFT_WORKSPACE: "{} is no full member of this workspace any more",
    Stop.LEFT_CHANNEL: "{} is not in this channel any more",
    Stop.RANK: "{} does not manage this channel any more",
    Stop.PLACE: "I could not post here",
    Stop.ENDED: "I was removed from this workspace",
    Stop.TIMES: "its times or its time zone can't be read where I run",
}
"""Why a schedule stopped, with the name of who added it."""


async def add_schedule(call: Invocation) -> CommandResult:
    order = await read_order(call)
    recurrence, line, zone = order.recurrence, order.line, order.zone
    now, question = call.context.clock(), call.question
    due_at = recurrence.find_next(zone, now)
    assert due_at is not None
    prompt = order.row is None
    try:
        kept = await call.context.store.schedules.add(
            NewSchedule(question.key, question.name, question.person, recurrence.cron, zone, line, prompt, due_at)
        )
    except TooManySchedules:
        raise UsageError(FULL) from None
    same = [
        one.number
        for one in await call.context.store.schedules.list(question.key)
        if one.number != kept.number and (one.cron, one.zone, one.line) == (kept.cron, kept.zone, kept.line)
    ]
    twice = [SAME.format(same[0], kept.number), ""] if same else []
    times = [f"- {write_time(at, zone)}" for at in islice(recurrence.list_times(zone, now), TIMES)]
    other = "" if call.values.get("zone") else " (`zone=` before the times names another)"
    what = "what Claude answers to" if prompt else "what comes of"
    head = (
        f"Schedule {kept.number}: {recurrence.words}, in the time of {zone}{other}, I post here {what} "
        f"{quote_line(kept)}. Set by {await name_giver(call)}. The next times are:"
    )
    return CommandResult("\n".join([head, "", *times, "", *twice, await _describe_budgets(call)]))


async def rehearse_schedule(call: Invocation) -> None:
    """Raises UsageError where no schedule can be added so."""
    await read_order(call)


async def list_schedules(call: Invocation) -> CommandResult:
    held = await call.context.store.schedules.list(call.question.key)
    lines = [f"- {await _describe(call, one)}" for one in held]
    nothing = NOTHING if call.surface.has_past else NO_PAST
    return CommandResult("\n".join([HEAD, "", *lines]) if lines else nothing)


async def pause_schedule(call: Invocation) -> CommandResult:
    before, kept = await _change(call, ScheduleChange.PAUSE)
    if kept.stopped:
        return CommandResult(
            f"Schedule {kept.number} rests already: {quote_line(kept)}, {await _tell_stop(call, kept)}."
        )
    if before and before.paused:
        return CommandResult(f"Schedule {kept.number} was paused already: {quote_line(kept)}. {_tell_resume(kept)}")
    return CommandResult(
        f"Schedule {kept.number} is paused: {quote_line(kept)}. {_tell_resume(kept)} "
        f"Paused by {await name_giver(call)}."
    )


async def resume_schedule(call: Invocation) -> CommandResult:
    before, kept = await _change(call, ScheduleChange.RESUME)
    at = write_time(kept.due_at, kept.zone) if kept.due_at else "never"
    already = bool(before and before.active)
    by = "" if already else f" Resumed by {await name_giver(call)}."
    return CommandResult(
        f"Schedule {kept.number} {'was not paused' if already else 'goes on'}: {quote_line(kept)}, "
        f"{Recurrence(kept.cron).words}; next {at} ({kept.zone}), "
        f"in the name of {await name_person(call.surface, kept.author)}.{by}"
    )


async def remove_schedule(call: Invocation) -> CommandResult:
    before, kept = await _change(call, ScheduleChange.REMOVE)
    if before is None:
        return CommandResult(f"Schedule {kept.number} was removed already.")
    what = f"{quote_line(before)}, {Recurrence(before.cron).words}"
    return CommandResult(f"Schedule {kept.number} is removed: {what}. Removed by {await name_giver(call)}.")


def _tell_resume(kept: Schedule) -> str:
    return f"`schedule resume {kept.number}` lets it go on."


def write_time(at: datetime, zone: str) -> str:
    """A time as people of a zone read it: `Mon 30 Nov 2026, 09:00`."""
    try:
        local, behind = at.astimezone(find_zone(zone)), ""
    except UnknownZone:
        local, behind = at.astimezone(UTC), " UTC"
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}{behind}"


def quote_line(schedule: Schedule, most: int = SHOWN) -> str:
    """What a schedule gives, on one line, as code; its beginning, where it is long."""
    line = " ".join(schedule.line.replace("`", "'").split())
    return f"`{line if len(line) <= most else f'{line[:most].rstrip()}…'}`"


async def _change(call: Invocation, change: ScheduleChange) -> tuple[Schedule | None, Schedule]:
    """Change the schedule of the number that was given; as it was, unless it was removed, and is. Raises UsageError."""
    number, schedules = int(call.values["number"]), call.context.store.schedules
    before = next((one for one in await schedules.list(call.question.key) if one.number == number), None)
    due_at = None
    if before and change is ScheduleChange.RESUME:
        recurrence = Recurrence(before.cron)
        if not recurrence.is_readable(before.zone):
            raise UsageError(UNREADABLE.format(number, before.cron, before.zone), "number")
        due_at = recurrence.find_next(before.zone, call.context.clock())
    kept = await schedules.change(call.question, number, change, due_at)
    if kept is None:
        raise UsageError(UNKNOWN.format(number), "number")
    return before, kept


async def _describe(call: Invocation, one: Schedule) -> str:
    """A schedule on one line: what, when, by whom, and how it stands."""
    name = await name_person(call.surface, one.author)
    if one.stopped:
        stands = await _tell_stop(call, one)
    elif one.paused:
        stands = "paused"
    else:
        stands = f"next {write_time(one.due_at, one.zone)}" if one.due_at else "never again"
    skipped = ""
    if one.skipped_at:
        skipped = f"; {write_time(one.skipped_at, one.zone)} was skipped, more than an hour late"
    return f"`{one.number}` {Recurrence(one.cron).words} ({one.zone}), {quote_line(one)}, by {name}: {stands}{skipped}"


async def _tell_stop(call: Invocation, one: Schedule) -> str:
    """Why a schedule has stopped, and what can be done."""
    assert one.stopped is not None
    way = "`schedule remove {}` takes it away" if one.stopped is Stop.TIMES else "`schedule resume {}` takes it over"
    reason = WHY[one.stopped].format(await name_person(call.surface, one.author))
    return f"stopped, for {reason}; {way.format(one.number)}"


async def _describe_budgets(call: Invocation) -> str:
    """Which budgets each run counts to, and what is left of them."""
    key, person = call.question.key, call.question.person
    mine = {Scope(key.workspace), Scope(key.workspace, key.channel), Scope(key.workspace, person=person)}
    held = [one for one in (await load_budgets(call)).statuses if one.budget.scope in mine]
    told = [f"{describe_budget_here(one.budget)}, of which {dollars(one.left)} is left" for one in held]
    return f"Each run counts to {'; and to '.join(told)}." if told else FREE


NUMBER = Parameter("number", ParameterKind.NUMBER, "its number in `schedule list`", required=True)
ROWS = (
    Command(
        "schedule add",
        "Have a command given, or Claude asked, again and again in this channel",
        add_schedule,
        (
            Parameter(
                "what",
                ParameterKind.LONG,
                'when, in quotation marks, and a command or words for Claude: "every weekday 9:00" summarize',
                required=True,
                label="When, unless given, and what",
            ),
            Parameter("zone", ParameterKind.TEXT, "the time zone, such as Europe/Berlin; else the workspace's"),
            Parameter("when", ParameterKind.TEXT, "when, such as every weekday 9:00, where WHAT does not say so"),
        ),
        Rank.MANAGER,
        title="Add schedule",
        rehearse=rehearse_schedule,
        foresee=foresee_order,
    ),
    Command("schedule list", "Show what is scheduled here, and when it comes next", list_schedules),
    Command("schedule pause", "Let a schedule rest", pause_schedule, (NUMBER,), Rank.MANAGER),
    Command(
        "schedule resume", "Let a schedule go on that is paused, or stopped", resume_schedule, (NUMBER,), Rank.MANAGER
    ),
    Command("schedule remove", "Take a schedule away", remove_schedule, (NUMBER,), Rank.MANAGER),
)
