"""Order of a schedule: when it comes, and which command or words it gives, as somebody who adds it says them."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.billing.budgets import Budgets
from core.commands.batches.inquiry import SCHEDULED
from core.commands.registry import Command, Invocation, UsageError, check_rank, find_command, parse_values
from core.commands.schedules.recurrence import Recurrence, UnreadableRecurrence, parse_recurrence, split_recurrence
from core.domain.clock import is_time_zone

LONGEST = 4_000  # characters of what a schedule gives
FEW = 3  # words behind a command that needs none: more are a sentence that only begins like it
NEAR = 0.85  # how alike the first word and a command's name are where that may be meant
QUOTES = "\"“”„«»'‘’ "  # noqa: RUF001  as phones type them
EMPTY = (
    'Say what is to be posted too: a command or words for Claude, as in `schedule add "every weekday 9:00" summarize`.'
)
UNREPEATABLE = "`{}` can't be given by a schedule. These can: {}; or words for Claude."
WHISPERED = "`{} {}` is answered to one person alone, and a schedule posts for everybody. Leave `{}` out."
UNZONED = "There is no time zone `{}`. They are written like `Europe/Berlin`."
TWICE = "`when` says when already, and the words begin with other times. Say it once."
MEANT = "Did you mean `{}`? There is no command `{}`. If these are words for Claude, begin them with another one."


@dataclass(frozen=True, slots=True)
class ScheduleOrder:
    """What somebody wants: `line` is the command of `row`, else words for Claude."""

    recurrence: Recurrence
    line: str
    zone: str
    row: Command | None


async def read_order(call: Invocation) -> ScheduleOrder:
    """When, what, and in which time zone. Raises UsageError, also for what would fail at each run."""
    zone = await _read_zone(call)
    recurrence, text = _read_times(call, zone)
    line = _unwrap_line(call, text.strip())
    if not line:
        raise UsageError(EMPTY, "what")
    if len(line) > LONGEST:
        raise UsageError(f"That is {len(line):,} characters long; a schedule takes {LONGEST:,}.", "what")
    row = _choose_row(call, line)
    if row is not None:
        await _rehearse_run(call, row, line)
    return ScheduleOrder(recurrence, line, zone, row)


async def foresee_order(call: Invocation) -> None:
    """Raises UsageError where the times or the zone that stand beside the words can't be read."""
    zone = await _read_zone(call)
    if call.values.get("when", "").strip(QUOTES):
        _read_times(replace(call, values={**call.values, "what": ""}), zone)


async def load_budgets(call: Invocation) -> Budgets:
    question = call.question
    return await call.context.store.ledger.budgets(question.key.workspace, call.context.clock(), question.person)


async def _read_zone(call: Invocation) -> str:
    """The time zone that is named, else the workspace's. Raises UsageError."""
    zone = call.values.get("zone")
    if zone and not is_time_zone(zone):
        raise UsageError(UNZONED.format(zone[:40]), "zone")
    return zone or (await load_budgets(call)).zone or call.context.zone


def _read_times(call: Invocation, zone: str) -> tuple[Recurrence, str]:
    """When it comes, and what is said behind that. Raises UsageError."""
    when, what, now = call.values.get("when", "").strip(QUOTES), call.values["what"], call.context.clock()
    commands = [one.words for one in call.context.table if one.repeatable]
    try:
        if not when:
            return split_recurrence(what, zone, now, commands)
        recurrence = parse_recurrence(when, zone, now)
    except UnreadableRecurrence as error:
        raise UsageError(str(error), "when" if when else "what") from None
    if what.lstrip()[:1] not in QUOTES:
        return recurrence, what
    try:
        again, rest = split_recurrence(what, zone, now)
    except UnreadableRecurrence:
        return recurrence, what
    if again != recurrence:
        raise UsageError(TWICE, "what")
    return recurrence, rest


def _unwrap_line(call: Invocation, line: str) -> str:
    """A command without what people write before and around it; other words as they stand."""
    bare = re.sub(r"^/confab\s+", "", line.strip(QUOTES)).lstrip("!/")
    try:
        find_command(call.context.table, bare)
    except UsageError:
        return line
    return bare


def _choose_row(call: Invocation, line: str) -> Command | None:
    """The command that a line gives; None for words. Raises UsageError for one that no schedule may give."""
    try:
        row, rest = find_command(call.context.table, line)
    except UsageError:
        _ask_meant(call, line)
        return None
    values, words = _parse_line(call, line), [word for word in rest.split() if "=" not in word]
    if len(words) > FEW and not any(one.required for one in row.parameters):
        return None
    if values is None:
        if not row.repeatable or words:
            return None
        parse_values(row, rest, {})  # raises what is wrong with the command
    _check_repeatable(call, row, values or {})
    return row


def _check_repeatable(call: Invocation, row: Command, values: Mapping[str, str]) -> None:
    """Raises UsageError for a command that no schedule may give, or none with these values."""
    if not row.repeatable:
        names = ", ".join(f"`{one.words}`" for one in call.context.table if one.repeatable)
        raise UsageError(UNREPEATABLE.format(row.words, names), "what")
    if values.get("batch") == "yes":
        raise UsageError(SCHEDULED, "what")
    if row.task is None and row.whispers(values):
        given = next(one for name, value in values.items() if (one := f"{name}={value}") in row.whispered)
        raise UsageError(WHISPERED.format(row.words, given, given), "what")
    if values.get("batch") == "yes":
        raise UsageError(SCHEDULED, "what")


def _ask_meant(call: Invocation, line: str) -> None:
    """Raises UsageError where words begin nearly like a command, and are no sentence."""
    words = [word for word in line.lower().lstrip("!/").split() if "=" not in word]
    known = [one.words for one in call.context.table if one.repeatable]
    if words and len(words) <= FEW + 1 and (near := difflib.get_close_matches(words[0], known, 1, NEAR)):
        raise UsageError(MEANT.format(near[0], words[0]), "what")


async def _rehearse_run(call: Invocation, row: Command, line: str) -> None:
    """Raises UsageError where a run of the command would fail, as far as is known now; RankTooLow."""
    place = replace(call.question.key, thread="")
    run = Invocation(replace(call.question, key=place), _parse_line(call, line) or {}, call.surface, call.context)
    await check_rank(row, run)
    if row.rehearse is not None:
        await row.rehearse(run)


def _parse_line(call: Invocation, line: str) -> dict[str, str] | None:
    """The values of the command that a line gives; None where it can't be given so."""
    row, rest = find_command(call.context.table, line)
    try:
        return parse_values(row, rest, {})
    except UsageError:
        return None
