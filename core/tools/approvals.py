"""Approvals: what a person is asked before a tool acts, and what Claude and people are told of the decision. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.domain.tools import ToolResult, fail_call
from core.domain.wording import escape_json_controls
from core.prompting.speakers import leave_out_middle
from core.rendering.names import write_name
from core.rendering.reply_notes import close_text
from core.store.stored_calls import CallState, StoredCall
from core.tools.tool import Tool

SHOWN = 1_500  # bytes of the arguments that a person is shown
VALUE = 300  # characters of one of them: a long one hides no other
EXPIRED = "The question whether {} may be used has expired after an hour: nothing was done"
HAD_USED = "I had used {} before this ended."
MAY_HAVE_USED = "I may have used {} before this ended: whether it was done is not known."
UNAVAILABLE = "What was allowed is not available now, and nothing was done: {}."
_ACTS = re.compile(r"^I (?:had|may have) used `.*? before this ended(?:\.|: whether it was done is not known\.)", re.M)
RESULTS = {
    CallState.DENIED: "The person who was asked does not allow this. It was not done.",
    CallState.UNCERTAIN: (
        "It is not known whether this was done: Confab stopped in the middle of it. It is not tried again. Tell people "
        "so, and what they should look at."
    ),
}


def write_request(text: str, tool: Tool, call: StoredCall) -> str:
    """The text so far, and below it the question whether a tool may act, with all that it is given."""
    given = _write_arguments(call.call.arguments)
    what = tool.describe(call.call.arguments)
    asked = [
        f"**May I use {write_name(tool.name)}?** It acts outside of this conversation"
        + ("." if _repeats_name(what, tool.name) else f": {write_name(what)}."),
        f"```json\n{leave_out_middle(given, SHOWN)}\n```",
        "If the question was yours, you can allow it, within an hour.",
    ]
    return "\n\n".join([*([close_text(text.rstrip())] if text.strip() else []), *asked])


def _repeats_name(what: str, name: str) -> bool:
    """Whether words for a call say no more than the tool's name does."""
    return {*what.split()} <= {"using", "of", name, *name.split("__")}


def _write_arguments(arguments: Mapping[str, Any]) -> str:
    """Arguments in lines of JSON, in which nothing ends a code block, is invisible, or reverses what stands there."""
    lines = json.dumps(_shorten(arguments), ensure_ascii=False, indent=2).split("\n")
    return "\n".join(map(escape_json_controls, lines)).replace("`", "\\u0060")


def _shorten(given: Any) -> Any:
    """The same with the middle of long texts left out, which it says."""
    if isinstance(given, Mapping):
        return {name: _shorten(value) for name, value in given.items()}
    if isinstance(given, list):
        return [_shorten(value) for value in given]
    if not isinstance(given, str) or len(given) <= VALUE:
        return given
    left = len(given) - 2 * (VALUE // 2)
    return f"{given[: VALUE // 2]} [... {left} characters are left out here ...] {given[-(VALUE // 2) :]}"


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
