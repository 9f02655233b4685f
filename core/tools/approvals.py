"""Approvals: what a person is asked before a tool acts, and what Claude and people are told of the decision. Pure."""

import json
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
    what = write_name(tool.describe(call.call.arguments))
    asked = [
        f"**May I use {write_name(tool.name)}?** It acts outside of this conversation"
        + (f": {what}." if what else "."),
        f"```json\n{leave_out_middle(given, SHOWN)}\n```",
        "Who asked can allow it, within an hour.",
    ]
    return "\n\n".join([*([close_text(text.rstrip())] if text.strip() else []), *asked])


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
    lines = [f"{one.call.tool} {json.dumps(one.call.arguments)}: {one.state.value}" for one in acts]
    listed = "\n".join(f"  {leave_out_middle(line, SHOWN)}" for line in lines)
    return (
        "[While this was being answered before, these tools were used already and have acted, or may have. Do not have "
        f"them do the same again:]\n{listed}"
    )


def refuse_call(state: CallState) -> ToolResult:
    """What Claude is told of a call that was not made, or may have been."""
    return fail_call(RESULTS[state])
