"""Forms (modals) of the home tab: the fields of a command, filled with what holds now. Saving one gives the command."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bots.slack.address import SlackAddress
from bots.slack.home.view import BUTTONS, build_plain_text
from bots.slack.manifest import COMMAND
from bots.slack.parse import Raw, name_submission
from core.billing.budgets import Period
from core.billing.ledger_rows import DIRECT
from core.commands import TABLE
from core.commands.overview import PlaceOverview
from core.commands.registry import Command, Parameter, ParameterKind, find_command
from core.domain.events import Commanded
from core.domain.messages import ThreadKey

FORM = "confab_home"  # callback_id of these forms
LONGEST = 3_000  # characters that a field takes; Slack allows no more
LABEL = 150  # characters of a hint
OPTION = 75  # characters of an option
DEFAULT = "default"  # what takes a choice back
LEFT_OUT = {"answers", "of", "person", "temperature", "thinking", "where", "zone"}
"""Parameters that a form does not ask for: the place is known, and the others are Discord's or seldom chosen."""
OF_WORKSPACES = {"prompts"}  # no channel is asked for them
NOTES = {
    "persona set": f"`{COMMAND} persona clear{{whole}}` takes the persona away.",
    "persona tune": "What you leave empty is as the workspace, or whoever runs me, has it.",
    "budget set": "A day, a week and a month have a budget each. 0 lets nobody ask. "
    f"`{COMMAND} budget clear{{whole}}` takes the limit away.",
}
REFUSAL = "Slack says that you don't manage this place, or that one of us is not in it. Open this page anew."
TRAITS = {"text": "system"}  # of a persona, where a parameter is called otherwise
LONG = "The persona is longer than a form takes: what you write here replaces all of it. "


@dataclass(frozen=True, slots=True)
class Form:
    """A command whose values are asked for: for a place, answered in `channel`."""

    row: Command
    place: PlaceOverview
    channel: str

    @property
    def held(self) -> dict[str, str]:
        """What holds now, by the names of the command's parameters."""
        return _read_budget(self.place) if self.row.words == "budget set" else _read_persona(self.row, self.place)

    @property
    def fixed(self) -> dict[str, str]:
        """Values that nobody is asked for: which place it is, and what of it the form shows."""
        budget = self.row.words == "budget set"
        whole = {} if self.place.place.channel else {"of" if budget else "where": "workspace"}
        return {**whole, "seen": str(self.place.changed if budget else self.place.number)}


def find_form(words: str, place: PlaceOverview, channel: str) -> Form:
    """The form of a command. Raises LookupError for one that has none."""
    if words not in BUTTONS:
        raise LookupError(f"no form of {words[:40]}")
    return Form(find_command(TABLE, words)[0], place, channel)


def build_form(form: Form) -> dict[str, Any]:
    """The view (modal) of a form."""
    row, held = form.row, form.held
    shown = {name: value for name, value in held.items() if len(value) <= LONGEST}
    left_out = LEFT_OUT | (OF_WORKSPACES if form.place.place.channel else set())
    fields = [one for one in row.parameters if one.name not in left_out]
    whole = "".join(f" {name}={value}" for name, value in form.fixed.items() if name != "seen")
    note = f"{LONG if len(shown) < len(held) else ''}{NOTES[row.words].format(whole=whole)}"
    where = f"For <#{form.place.place.channel}>." if form.place.place.channel else "For the whole workspace."
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": _pack_form(form),
        "title": build_plain_text(BUTTONS[row.words]),
        "submit": build_plain_text("Save"),
        "close": build_plain_text("Cancel"),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"{where} {note}", "verbatim": True}},
            *(_build_field(one, shown.get(one.name, "")) for one in fields),
        ],
    }


def build_refusal() -> dict[str, Any]:
    """The view for somebody who may not change a place any more."""
    text = {"type": "mrkdwn", "text": REFUSAL, "verbatim": True}
    title, close = build_plain_text("Not yours to change"), build_plain_text("Close")
    return {"type": "modal", "title": title, "close": close, "blocks": [{"type": "section", "text": text}]}


def parse_submission(body: Raw, now: datetime) -> list[Commanded]:
    """The command whose form was saved; none where nothing was changed that could be. Malformed ones raise."""
    view = body["view"]
    note = json.loads(view["private_metadata"])
    row, _ = find_command(TABLE, note["line"])
    filled = _read_fields(view["state"]["values"])
    values = {name: value for name in filled if (value := _read_change(row, name, filled[name], note["held"]))}
    if not values and not _is_needed(row):
        return []
    return [
        Commanded(
            id=name_submission(view),
            key=ThreadKey(*note["key"]),
            person=body["user"]["id"],
            line=row.words,
            at=now,
            values={**values, **note["fixed"]},
            address=SlackAddress(home=True).dump(),
            private=row.whispers(values),
            by_form=True,
        )
    ]


def _is_needed(row: Command) -> bool:
    """Whether a command needs a value, so that its form can't be saved without."""
    return any(one.required for one in row.parameters)


def _read_fields(blocks: Mapping[str, Raw]) -> dict[str, str]:
    """What stands in the fields, by the names of parameters."""
    return {name: _read_state(state) for block in blocks.values() for name, state in block.items()}


def _read_state(state: Raw) -> str:
    """What stands in a field: words, or a choice."""
    return str(state.get("value") or (state.get("selected_option") or {}).get("value") or "")


def _read_change(row: Command, name: str, value: str, held: Mapping[str, str]) -> str:
    """The value to give; of a command that changes many things at once nothing for what stands as it was.

    What was emptied is to be as it is elsewhere.
    """
    parameter = row.parameter(name)
    if name in held and not value.strip() and parameter is not None and DEFAULT in parameter.choices:
        return DEFAULT
    kept = held.get(name) == _mark(value) and not _is_needed(row)
    return "" if kept else value.strip()


def _mark(value: str) -> str:
    """A short mark of a value, for Slack keeps little of what a form gives back."""
    return hashlib.sha256(value.strip().encode()).hexdigest()[:16]


def _pack_form(form: Form) -> str:
    """What a form gives back when it is saved."""
    held = {name: _mark(value) for name, value in form.held.items()}
    key = [form.place.place.workspace, form.channel, ""]
    return json.dumps({"line": form.row.words, "key": key, "fixed": form.fixed, "held": held})


def _read_persona(row: Command, place: PlaceOverview) -> dict[str, str]:
    names = (one.name for one in row.parameters)
    found = {name: getattr(place.persona, TRAITS.get(name, name), None) for name in names}
    return {name: str(value) for name, value in found.items() if value is not None}


def _read_budget(place: PlaceOverview) -> dict[str, str]:
    """The first budget of the place."""
    held = next((one.budget for one in place.budgets if one.budget.scope.channel != DIRECT), None)
    if held is None:
        return {"per": Period.MONTH.value}
    return {"amount": f"{(held.micro_usd or 0) / 1_000_000:.6f}".rstrip("0").rstrip("."), "per": held.period.value}


def _build_field(parameter: Parameter, held: str) -> dict[str, Any]:
    label = parameter.label or parameter.name.replace("_", " ").capitalize()
    return {
        "type": "input",
        "block_id": parameter.name,
        "optional": not parameter.required,
        "label": build_plain_text(label),
        "hint": build_plain_text(f"{parameter.about[:1].upper()}{parameter.about[1:]}."[:LABEL]),
        "element": _build_choice(parameter, held) if _is_choice(parameter) else _build_input(parameter, held),
    }


def _is_choice(parameter: Parameter) -> bool:
    return parameter.kind is ParameterKind.CHOICE


def _build_input(parameter: Parameter, held: str) -> dict[str, Any]:
    shown = {"initial_value": held} if held else {}
    element = {"type": "plain_text_input", "action_id": parameter.name, "max_length": LONGEST}
    return {**element, "multiline": parameter.kind is ParameterKind.LONG, **shown}


def _build_choice(parameter: Parameter, held: str) -> dict[str, Any]:
    options = {one: {"text": build_plain_text(one[:OPTION]), "value": one} for one in parameter.choices}
    shown = {"initial_option": options[held]} if held in options else {}
    return {"type": "static_select", "action_id": parameter.name, "options": list(options.values()), **shown}
