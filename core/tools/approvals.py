"""Approvals: what a person is asked before a tool acts, and what Claude and people are told of the decision. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from core.domain.tools import ASKS_EACH_TIME, ToolResult, fail_call
from core.domain.wording import count_noun, escape_json_controls
from core.prompting.speakers import leave_out_middle
from core.rendering.names import write_name
from core.rendering.reply_notes import close_text
from core.store.records.calls import CallState, StoredCall
from core.tools.tool import Tool

SHOWN = 1_500  # bytes of the arguments up to which a person is shown them as they are
VALUE = 300  # characters of one of them: a long one hides no other
LEAST = 60  # characters that are shown of each, however many there are
DEEP = 20  # objects and lists within each other; what is deeper is shown as a text
MANY = 50  # arguments that are shown, and named; who is asked is told how many more there are
UNSHOWN = "It is given {}, which can not be shown here."
WHO_ALLOWS = "{} can allow it, within an hour."
MANAGERS_ALLOW = "{} can allow it if they manage this channel, within an hour."
EXPIRED = "The question whether {} may be used has expired after an hour: nothing was done"
HAD_USED = "I had used {} before this ended."
MAY_HAVE_USED = "I may have used {} before this ended: whether it was done is not known."
UNAVAILABLE = "What was allowed is not available now, and nothing was done: {}."
_ACTS = re.compile(r"^I (?:had|may have) used `.*? before this ended(?:\.|: whether it was done is not known\.)", re.M)
RESULTS = {
    CallState.DENIED: "The person who was asked does not allow this. It was not done.",
    CallState.DROPPED: "Nobody waits for this any more. It was not done.",
    CallState.UNCERTAIN: (
        "It is not known whether this was done: Confab stopped in the middle of it. It is not tried again. Tell people "
        "so, and what they should look at."
    ),
}


def write_request(text: str, tool: Tool, call: StoredCall, asker: str = "") -> str:
    """The text so far, and below it the question whether a tool may act, with all that it is given.

    The `asker` is named, who can allow it.
    """
    given, more = _write_arguments(call.call.arguments)
    what = tool.describe(call.call.arguments)
    asked = [
        f"**May I use {write_name(tool.name)}?** It acts outside of this conversation"
        + ("." if _repeats_name(what, tool.name) else f": {write_name(what)}."),
        f"```json\n{given}\n```",
        *([UNSHOWN.format(count_noun(more, "more argument"))] if more else []),
        (MANAGERS_ALLOW if tool.name in ASKS_EACH_TIME else WHO_ALLOWS).format(write_name(asker) or "Who asked"),
    ]
    return "\n\n".join([*([close_text(text.rstrip())] if text.strip() else []), *asked])


def _repeats_name(what: str, name: str) -> bool:
    """Whether words for a call say no more than the tool's name does."""
    return {*what.split()} <= {"using", "of", name, *name.split("__")}


def _write_arguments(arguments: Mapping[str, Any]) -> tuple[str, int]:
    """Arguments in lines of JSON, in which nothing ends a code block, is invisible, or reverses what stands there.

    Where they are too long, a line for each that is in them, with how much of it is left out. How many more there are.
    """
    lines, more = json.dumps(_shorten(arguments), ensure_ascii=False, indent=2).split("\n"), 0
    if sum(len(line.encode(errors="replace")) for line in lines) > SHOWN:
        lines, more = _list_arguments(arguments)
    return "\n".join(map(escape_json_controls, lines)).replace("`", "\\u0060"), more


def _list_arguments(arguments: Mapping[str, Any]) -> tuple[list[str], int]:
    """A line for each value, or for each argument where those are too many; and how many more arguments there are."""
    values = list(islice(_flatten(arguments), MANY + 1))
    if len(values) > MANY:
        values = [(_write_json(name), value) for name, value in arguments.items()]
    shown = values[:MANY]
    room = max(LEAST, SHOWN // len(shown))
    lines = [f"{_cut(name, LEAST)}: {_cut(_write_json(value), room)}" for name, value in shown]
    return lines, len(values) - len(shown)


def _flatten(given: Any, path: str = "", deep: int = 0) -> Iterator[tuple[str, Any]]:
    """Each value that is no object and no list, with the names that lead to it: `"rows"[2]."title"`."""
    if isinstance(given, Mapping) and given and deep < DEEP:
        for name, value in given.items():
            yield from _flatten(value, f"{path}.{_write_json(name)}" if path else _write_json(name), deep + 1)
    elif isinstance(given, list) and given and deep < DEEP:
        for number, value in enumerate(given):
            yield from _flatten(value, f"{path}[{number}]", deep + 1)
    else:
        yield path, given


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shorten(given: Any, deep: int = 0) -> Any:
    """The same with the middle of long texts left out, which it says."""
    if isinstance(given, Mapping | list) and deep >= DEEP:
        return _cut(_write_json(given), VALUE)
    if isinstance(given, Mapping):
        return {name: _shorten(value, deep + 1) for name, value in given.items()}
    if isinstance(given, list):
        return [_shorten(value, deep + 1) for value in given]
    return _cut(given, VALUE) if isinstance(given, str) else given


def _cut(text: str, limit: int) -> str:
    """A text with its middle left out where it is longer, which it says."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} [... {len(text) - 2 * half} characters are left out here ...] {text[-half:]}"


def explain_expired(tool: str) -> str:
    """The note below an answer that nobody let go on in time."""
    return EXPIRED.format(write_name(tool))


def describe_acts(acts: Sequence[StoredCall]) -> str:
    """A note for Claude of what was done already for an answer that begins again."""
    given = ["" if one.closed else f" {json.dumps(one.call.arguments)}" for one in acts]
    lines = [f"{one.call.tool}{told}: {one.state.value}" for one, told in zip(acts, given, strict=True)]
    listed = "\n".join(f"  {leave_out_middle(line, SHOWN)}" for line in lines)
    return (
        "[While this was being answered before, these tools were used already and have acted, or may have. Do not have "
        f"them do the same again:]\n{listed}"
    )


def write_acts(acts: Sequence[StoredCall]) -> str:
    """What an answer says that ended before Claude told what its tools did. Empty where none did anything."""
    done = [_write_call(one) for one in acts if one.state is CallState.ENDED]
    begun = [_write_call(one) for one in acts if one.state in (CallState.BEGUN, CallState.UNCERTAIN)]
    told = [HAD_USED.format(", ".join(dict.fromkeys(done)))] if done else []
    return " ".join([*told, *([MAY_HAVE_USED.format(", ".join(dict.fromkeys(begun)))] if begun else [])])


def read_acts(text: str) -> str:
    """What an answer says so, as a note for Claude where it answers anew; empty where it says nothing of it."""
    found = [one[0] for one in _ACTS.finditer(text)]
    return f"[Your earlier answer to this ended with: {' '.join(found)} Do not do the same again.]" if found else ""


def explain_unavailable(calls: Sequence[StoredCall]) -> str:
    """What people are told of calls that were allowed, and whose tools are gone."""
    names = ", ".join(dict.fromkeys(write_name(one.call.tool) for one in calls))
    return UNAVAILABLE.format(names) if names else ""


def _write_call(call: StoredCall) -> str:
    """A call as code on one line, which shows of long arguments the beginning."""
    given = json.dumps(call.call.arguments).replace("`", "\\u0060")
    shown = given if len(given) <= VALUE else f"{given[:VALUE]}..."
    return f"`{call.call.tool} {shown}`"


def refuse_call(state: CallState) -> ToolResult:
    """What Claude is told of a call that was not made, or may have been."""
    return fail_call(RESULTS[state])
