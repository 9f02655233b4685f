"""Slash commands, and the forms (modals) that ask for the long text of one."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bots.slack.address import SlackAddress
from bots.slack.markup import render_plain_text
from bots.slack.parse import Raw, parse_workspace
from core.commands import TABLE
from core.commands.registry import (
    Command,
    Parameter,
    find_command,
    find_missing_text,
    is_answered_privately,
    parse_options,
)
from core.domain.events import Commanded
from core.domain.messages import ThreadKey

FORM = "confab_form"  # callback_id of our forms
TITLE = 24  # characters; Slack refuses longer titles
LABEL = 2_000
LONGEST = 3_000  # characters that a field takes; Slack allows no more
NOTE = 3_000  # characters of private_metadata


def parse_slash_command(body: Raw, now: datetime) -> Commanded:
    """`/confab persona show` as a command of its channel. Slash commands know no thread."""
    line = render_plain_text(body.get("text") or "").strip() or "help"
    key = ThreadKey(parse_workspace(body), body["channel_id"], "")
    address = SlackAddress(url=body.get("response_url") or "").dump()
    return Commanded(
        body["trigger_id"], key, body["user_id"], line, now, {}, address, is_answered_privately(TABLE, line)
    )


def build_form(command: Commanded) -> dict[str, Any] | None:
    """The view (modal) that asks for what a command still needs, or None if that is nothing."""
    needed = find_missing_text(TABLE, command.line, command.values)
    note = _pack_command(command)
    if needed is None or len(note) > NOTE:
        return None
    row, parameter = needed
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": note,
        "title": _build_plain_text(row.words[:TITLE]),
        "submit": _build_plain_text("Save"),
        "close": _build_plain_text("Cancel"),
        "blocks": [_build_field(row, parameter)],
    }


def parse_submission(body: Raw, now: datetime) -> Commanded | None:
    """The command whose form was filled in, with what its line already gave; None for a form that is not ours."""
    view = body["view"]
    if view.get("callback_id") != FORM:
        return None
    note = json.loads(view["private_metadata"])
    row, rest = find_command(TABLE, note["line"])
    fields = {name: str(value.get("value") or "") for name, value in _flatten_state(view["state"]["values"]).items()}
    return Commanded(
        id=f"{view['id']}.{view.get('hash', '')}",
        key=ThreadKey(*note["key"]),
        person=body["user"]["id"],
        line=note["line"],
        at=now,
        values=fields,
        address=note["address"],
        private=row.whispers(parse_options(row, rest) | fields),
    )


def _flatten_state(values: Mapping[str, Raw]) -> dict[str, Raw]:
    return {action: state for block in values.values() for action, state in block.items()}


def _pack_command(command: Commanded) -> str:
    """What the form gives back when it is filled in."""
    key = [command.key.workspace, command.key.channel, command.key.thread]
    return json.dumps({"key": key, "line": command.line, "address": command.address})


def _build_field(row: Command, parameter: Parameter) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": parameter.name, "multiline": True, "max_length": LONGEST}
    label = _build_plain_text(f"{row.about}. {parameter.about.capitalize()}."[:LABEL])
    return {"type": "input", "block_id": parameter.name, "label": label, "element": element}


def _build_plain_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
