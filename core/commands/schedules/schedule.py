"""The `schedule` commands: what is posted in a channel again and again, when, and in whose name."""

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from core.billing.budgets import Budgets, describe_budget_here, dollars
from core.billing.ledger_rows import Scope
from core.commands.batches.inquiry import SCHEDULED
from core.commands.registry import (
    Command,
    Invocation,
    Parameter,
    ParameterKind,
    UsageError,
    check_rank,
    find_command,
    name_giver,
    name_person,
    parse_values,
)
from core.commands.schedules.recurrence import Recurrence, UnreadableRecurrence, parse_recurrence, split_recurrence
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
LONGEST = 4_000  # characters of what a schedule gives
FEW = 3  # words behind a command that needs none: more are a sentence that only begins like it
TIMES = 3  # next times that are told
NOTHING = 'Nothing is scheduled in this channel. `schedule add "every weekday 9:00" summarize` has its news told.'
HEAD = "What is posted in this channel by schedule:"
EMPTY = (
    'Say what is to be posted too: a command or words for Claude, as in `schedule add "every weekday 9:00" summarize`.'
)
UNREPEATABLE = "`{}` can't be given by a schedule. These can: {}; or words for Claude."
FULL = f"This channel has {MOST} schedules, as many as it may have. `schedule remove NUMBER` makes room."
UNKNOWN = "There is no schedule {} here. `schedule list` shows them with their numbers."
FREE = "No budget limits what it costs; `budget set` gives this channel one."
WHY = {
    Stop.LEFT_WORKSPACE: "{} is no full member of this workspace any more",
    Stop.LEFT_CHANNEL: "{} is not in this channel any more",
    Stop.RANK: "{} does not manage this channel any more",
    Stop.PLACE: "I could not post here",
    Stop.ENDED: "I was removed from this workspace",
}
"""Why a schedule stopped, with the name of who added it."""


async def add_schedule(call: Invocation) -> CommandResult:
    recurrence, line, zone = await _read_order(call)
    now, question = call.context.clock(), call.question
    due_at = recurrence.find_next(zone, now)
    assert due_at is not None
    prompt = _choose_row(call, line) is None
    try:
        kept = await call.context.store.schedules.add(
            NewSchedule(question.key, question.name, question.person, recurrence.cron, zone, line, prompt, due_at)
        )
    except TooManySchedules:
        raise UsageError(FULL) from None
    times = [f"- {write_time(at, zone)}" for at in islice(recurrence.list_times(zone, now), TIMES)]
    what = "what Claude answers to" if prompt else "what comes of"
    head = (
        f"Schedule {kept.number}: {recurrence.words}, in the time of {zone}, I post here {what} {quote_line(kept)}. "
        f"Set by {await name_giver(call)}. The next times are:"
    )
    return CommandResult("\n".join([head, "", *times, "", await _describe_budgets(call)]))


async def rehearse_schedule(call: Invocation) -> None:
    """Raises UsageError where no schedule can be added so."""
    await _read_order(call)


async def list_schedules(call: Invocation) -> CommandResult:
    held = await call.context.store.schedules.list(call.question.key)
    lines = [f"- {await _describe(call, one)}" for one in held]
    return CommandResult("\n".join([HEAD, "", *lines]) if lines else NOTHING)


async def pause_schedule(call: Invocation) -> CommandResult:
    kept = await _change(call, ScheduleChange.PAUSE)
    return CommandResult(
        f"Schedule {kept.number} is paused: {quote_line(kept)}. `schedule resume {kept.number}` lets it go on. "
        f"Paused by {await name_giver(call)}."
    )


async def resume_schedule(call: Invocation) -> CommandResult:
    kept = await _change(call, ScheduleChange.RESUME)
    at = write_time(kept.due_at, kept.zone) if kept.due_at else "never"
    return CommandResult(
        f"Schedule {kept.number} goes on: {quote_line(kept)}, {Recurrence(kept.cron).words}; next {at} ({kept.zone}), "
        f"in the name of {await name_person(call.surface, kept.author)}. Resumed by {await name_giver(call)}."
    )


async def remove_schedule(call: Invocation) -> CommandResult:
    held = {one.number: one for one in await call.context.store.schedules.list(call.question.key)}
    kept = await _change(call, ScheduleChange.REMOVE)
    before = held.get(kept.number)
    what = f": {quote_line(before)}, {Recurrence(before.cron).words}" if before else ""
    return CommandResult(f"Schedule {kept.number} is removed{what}. Removed by {await name_giver(call)}.")


def write_time(at: datetime, zone: str) -> str:
    """A time as people of a zone read it: `Mon 30 Nov 2026, 09:00`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def quote_line(schedule: Schedule) -> str:
    """What a schedule gives, on one line, as code; its beginning, where it is long."""
    line = " ".join(schedule.line.replace("`", "'").split())
    return f"`{line if len(line) <= SHOWN else f'{line[:SHOWN].rstrip()}…'}`"


async def _read_order(call: Invocation) -> tuple[Recurrence, str, str]:
    """When, what, and in which time zone. Raises UsageError."""
    held = await _load_budgets(call)
    zone, now, text = held.zone or call.context.zone, call.context.clock(), call.values["what"]
    try:
        if when := call.values.get("when"):
            recurrence = parse_recurrence(when, zone, now)
        else:
            recurrence, text = split_recurrence(text, zone, now)
    except UnreadableRecurrence as error:
        raise UsageError(str(error), "when" if call.values.get("when") else "what") from None
    line = text.strip()
    if not line:
        raise UsageError(EMPTY, "what")
    if len(line) > LONGEST:
        raise UsageError(f"That is {len(line):,} characters long; a schedule takes {LONGEST:,}.", "what")
    row = _choose_row(call, line)
    if row is None:
        return recurrence, line, zone
    await check_rank(row, Invocation(call.question, _parse_line(call, line) or {}, call.surface, call.context))
    return recurrence, line.lstrip("!/"), zone


def _choose_row(call: Invocation, line: str) -> Command | None:
    """The command that a line gives; None for words. Raises UsageError for one that no schedule may give."""
    try:
        row, rest = find_command(call.context.table, line.lstrip("!/"))
    except UsageError:
        return None
    values, words = _parse_line(call, line), [word for word in rest.split() if "=" not in word]
    if len(words) > FEW and not any(one.required for one in row.parameters):
        return None
    if values is None:
        if not row.repeatable or words:
            return None
        parse_values(row, rest, {})  # raises what is wrong with the command
    if not row.repeatable or (row.task is None and row.whispers(values or {})):
        names = ", ".join(f"`{one.words}`" for one in call.context.table if one.repeatable)
        raise UsageError(UNREPEATABLE.format(row.words, names), "what")
    if (values or {}).get("batch") == "yes":
        raise UsageError(SCHEDULED, "what")
    return row


def _parse_line(call: Invocation, line: str) -> dict[str, str] | None:
    """The values of the command that a line gives; None where it can't be given so."""
    row, rest = find_command(call.context.table, line.lstrip("!/"))
    try:
        return parse_values(row, rest, {})
    except UsageError:
        return None


async def _change(call: Invocation, change: ScheduleChange) -> Schedule:
    """Change the schedule of the number that was given. Raises UsageError."""
    number, schedules = int(call.values["number"]), call.context.store.schedules
    due_at = None
    if change is ScheduleChange.RESUME:
        found = [one for one in await schedules.list(call.question.key) if one.number == number]
        due_at = Recurrence(found[0].cron).find_next(found[0].zone, call.context.clock()) if found else None
    kept = await schedules.change(call.question, number, change, due_at)
    if kept is None:
        raise UsageError(UNKNOWN.format(number), "number")
    return kept


async def _describe(call: Invocation, one: Schedule) -> str:
    """A schedule on one line: what, when, by whom, and how it stands."""
    name = await name_person(call.surface, one.author)
    if one.stopped:
        stands = f"stopped, for {WHY[one.stopped].format(name)}; `schedule resume {one.number}` takes it over"
    elif one.paused:
        stands = "paused"
    else:
        stands = f"next {write_time(one.due_at, one.zone)}" if one.due_at else "never again"
    skipped = ""
    if one.skipped_at:
        skipped = f"; {write_time(one.skipped_at, one.zone)} was skipped, more than an hour late"
    return f"`{one.number}` {Recurrence(one.cron).words} ({one.zone}), {quote_line(one)}, by {name}: {stands}{skipped}"


async def _load_budgets(call: Invocation) -> Budgets:
    question = call.question
    return await call.context.store.ledger.budgets(question.key.workspace, call.context.clock(), question.person)


async def _describe_budgets(call: Invocation) -> str:
    """Which budgets each run counts to, and what is left of them."""
    key, person = call.question.key, call.question.person
    mine = {Scope(key.workspace), Scope(key.workspace, key.channel), Scope(key.workspace, person=person)}
    held = [one for one in (await _load_budgets(call)).statuses if one.budget.scope in mine]
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
                label="When and what",
            ),
            Parameter("when", ParameterKind.TEXT, "when, such as every weekday 9:00, where WHAT does not say so"),
        ),
        Rank.MANAGER,
        title="Add schedule",
        rehearse=rehearse_schedule,
    ),
    Command("schedule list", "Show what is scheduled here, and when it comes next", list_schedules),
    Command("schedule pause", "Let a schedule rest", pause_schedule, (NUMBER,), Rank.MANAGER),
    Command(
        "schedule resume", "Let a schedule go on that is paused, or stopped", resume_schedule, (NUMBER,), Rank.MANAGER
    ),
    Command("schedule remove", "Take a schedule away", remove_schedule, (NUMBER,), Rank.MANAGER),
)
