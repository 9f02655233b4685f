"""The `audit show` command: who changed what here, out of the audit log."""

from collections.abc import Callable, Mapping
from typing import Any

from core.billing.budgets import dollars
from core.billing.ledger_rows import DIRECT
from core.commands.registry import Command, Invocation, Parameter, ParameterKind
from core.domain.clock import load_zone
from core.domain.messages import CommandResult, Rank
from core.domain.wording import count_noun
from core.rendering.names import write_name
from core.store.audit_log import OPERATOR, PLATFORM, AuditAction, AuditRow

TOOL = {
    "tool.revoked": "had {tool} ask again{whose} in a thread",
    "tool.denied": "denied {tool}{whose}",
}
RUNS = {
    "tool.expired": "did not act: nobody allowed it in time",
    "tool.began": "began",
    "tool.uncertain": "was interrupted, and whether it was done is not known",
    "tool.ran": "ran",
}
"""What became of a tool, which is what such rows are about: nobody did it at that time."""
FAILED = "ran, and failed"
NOBODY = {OPERATOR: "the operator", PLATFORM: "the platform", DIRECT: "each person's direct messages"}
HEADS = {False: "Changes in this channel", True: "Changes for the whole workspace"}
NOTHING = {
    False: "Nothing was changed in this channel since the audit log began.",
    True: "Nothing was changed for the whole workspace since the audit log began.",
}
_OWNERS = (Rank.OWNER, "Only those who manage the whole workspace can see what was changed for all of it.")

Describe = Callable[[AuditRow, Mapping[str, Any], Mapping[str, str]], str]
"""What a row tells, in words: the row, its details, and the names of people."""


async def show_audit(call: Invocation) -> CommandResult:
    """The newest rows of this channel, or of what concerns the whole workspace: never those of another channel."""
    key, whole = call.question.key, call.values.get("where") == "workspace"
    rows = await call.context.store.audit.newest(key.workspace, None if whole else key.channel)
    if not rows:
        return CommandResult(NOTHING[whole])
    names, zone = await _load_names(call, rows), await choose_zone(call)
    lines = [f"- {_write_time(row, zone)}, {tell_row(row, names)}" for row in rows]
    return CommandResult("\n".join([f"{HEADS[whole]}, newest first, in the time of {zone}:", "", *lines]))


def tell_row(row: AuditRow, names: Mapping[str, str]) -> str:
    """What a row tells, in a sentence: who did it, or what became of a tool, and for whom."""
    if row.action not in RUNS:
        return f"{names.get(row.actor, row.actor)} {describe(row, names)}"
    asker = _find_asker(row)
    ended = FAILED if row.action == "tool.ran" and row.read_details().get("failed") else RUNS[row.action]
    return f"{write_name(row.subject)} {ended}{f', for {names.get(asker, asker)}' if asker else ''}"


def describe(row: AuditRow, names: Mapping[str, str]) -> str:
    """What somebody did, in words; of an action that we do not know, its name."""
    known = {action.value: action for action in AuditAction}
    found = DESCRIBED.get(known[row.action]) if row.action in known else None
    return found(row, row.read_details(), names) if found else f"did {write_name(row.action)}"


async def _load_names(call: Invocation, rows: list[AuditRow]) -> dict[str, str]:
    """The names of all who did something, and of those to whom it was done."""
    people = {one for row in rows for one in _list_people(row) if one} - NOBODY.keys()
    shown = {person: person for person in people} | await call.surface.names(people)
    return {person: write_name(name) for person, name in shown.items()} | NOBODY


def _list_people(row: AuditRow) -> tuple[str, ...]:
    subject = row.subject if row.action.startswith(("budget.", "forget")) else ""
    return row.actor, subject, _find_asker(row)


def _find_asker(row: AuditRow) -> str:
    return str(row.read_details().get("asker", ""))


async def choose_zone(call: Invocation) -> str:
    """The zone of who reads it, else that of the workspace."""
    if own := await call.surface.zone(call.question.person):
        return own
    held = await call.context.store.ledger.budgets(call.question.key.workspace, call.context.clock())
    return held.zone or call.context.zone


def _write_time(row: AuditRow, zone: str) -> str:
    at = row.read_time()
    return f"{at.astimezone(load_zone(zone)):%Y-%m-%d %H:%M}" if at else "at no time"


_TEXTS = {"system": "a system prompt", "prompts": "suggested prompts"}
"""Of these traits a row has a fingerprint alone."""


def _describe_persona(row: AuditRow, details: Mapping[str, Any], _names: Mapping[str, str]) -> str:
    verb = {"persona.set": "set", "persona.tune": "tuned"}.get(row.action, "cleared")
    texts = {words: text for name, words in _TEXTS.items() if isinstance(text := details.get(name), dict)}
    changed = [f"{words} of {count_noun(_read_number(text, 'length'), 'character')}" for words, text in texts.items()]
    others = (name for name in sorted(details) if name != "system" and not isinstance(details[name], dict))
    changed += [f"{name} {_write_value(details[name])}" for name in others]
    told = "" if row.action == "persona.clear" or not changed else f": {', '.join(changed)}"
    return f"{verb} the persona (version {write_name(row.subject)}){told}"


def _describe_budget(row: AuditRow, details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    whose = f" of {names.get(row.subject, row.subject)}" if row.subject else ""
    period = write_name(str(details.get("period", "month")))
    if row.action == "budget.clear":
        return f"took the budget{whose} for a {period} away"
    zone = write_name(str(details.get("zone", "UTC")))
    return f"set the budget{whose} to {dollars(_read_number(details, 'micro_usd'))} a {period}, in days of {zone}"


def _describe_forget(row: AuditRow, details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    own = "own words" if row.subject == row.actor else f"the words of {names.get(row.subject, row.subject)}"
    where = "" if row.thread is None else " in a thread"
    count = count_noun(_read_number(details, "messages"), "message")
    return f"erased {own if row.subject else 'all words'}{where} ({count})"


def _describe_deletion(row: AuditRow, details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    asker = _find_asker(row)
    whose = f" to {names.get(asker, asker)}" if asker and asker != row.actor else ""
    return f"deleted an answer{whose} ({count_noun(_read_number(details, 'pages'), 'message')})"


def _describe_tool(row: AuditRow, details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    tool, asker = write_name(row.subject), _find_asker(row)
    whose = f" for {names.get(asker, asker)}" if asker and asker != row.actor else ""
    if row.action == "tool.allowed":
        return f"allowed {tool}{whose}{' for the thread' if details.get('scope') == 'thread' else ' once'}"
    return TOOL[row.action].format(tool=tool, whose=whose)


def _write_value(value: object) -> str:
    """A value as code; what was taken back is the default again."""
    return "`default`" if value is None else f"`{write_name(str(value)).strip('`')}`"


def _read_number(details: Mapping[str, Any], name: str) -> int:
    """A number, where somebody has not put something else there."""
    found = details.get(name)
    return found if isinstance(found, int) else 0


DESCRIBED: Mapping[AuditAction, Describe] = {
    AuditAction.PERSONA_SET: _describe_persona,
    AuditAction.PERSONA_TUNE: _describe_persona,
    AuditAction.PERSONA_CLEAR: _describe_persona,
    AuditAction.NOTE_ADD: lambda row, *_: f"added note {write_name(row.subject)}",
    AuditAction.NOTE_REMOVE: lambda row, *_: f"removed note {write_name(row.subject)}",
    AuditAction.NOTE_ERASE: lambda row, *_: f"erased the words of note {write_name(row.subject)}",
    AuditAction.BUDGET_SET: _describe_budget,
    AuditAction.BUDGET_CLEAR: _describe_budget,
    AuditAction.FORGET: _describe_forget,
    AuditAction.ANSWER_DELETED: _describe_deletion,
    AuditAction.TOOL_ALLOWED: _describe_tool,
    AuditAction.TOOL_REVOKED: _describe_tool,
    AuditAction.TOOL_DENIED: _describe_tool,
    AuditAction.SCHEDULE_ADDED: lambda row, *_: f"added the schedule {write_name(row.subject)}",
    AuditAction.SCHEDULE_PAUSED: lambda row, *_: f"paused the schedule {write_name(row.subject)}",
    AuditAction.SCHEDULE_RESUMED: lambda row, *_: f"resumed the schedule {write_name(row.subject)}",
    AuditAction.SCHEDULE_REMOVED: lambda row, *_: f"removed the schedule {write_name(row.subject)}",
    AuditAction.SCHEDULE_STOPPED: lambda row, *_: f"saw the schedule {write_name(row.subject)} stop by itself",
    AuditAction.SETTING: lambda row, _details, _names: f"changed the setting {write_name(row.subject)}",
    AuditAction.INSTALLATION: lambda *_: "added Confab to the workspace",
    AuditAction.INSTALLATION_ENDED: lambda *_: "told that Confab was removed from the workspace",
    AuditAction.SIGN_IN: lambda *_: "signed in",
    AuditAction.SIGN_OUT: lambda row, *_: "was signed out" if row.actor == PLATFORM else "signed out",
}

ROWS = (
    Command(
        "audit show",
        "Show who changed what here",
        show_audit,
        (
            Parameter(
                "where",
                ParameterKind.CHOICE,
                "this channel, or what concerns the whole workspace",
                choices=("channel", "workspace"),
            ),
        ),
        Rank.MANAGER,
        private=True,
        stricter={"where=workspace": _OWNERS},
    ),
)
