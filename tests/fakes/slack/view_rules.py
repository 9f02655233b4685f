"""What Slack refuses in a view: too many blocks, too large, long texts, and fields that are none."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.slack import elements as slack_elements
from tests.fakes.slack.nouns import Raw
from tests.fakes.slack.request import Refused

BLOCKS = 100  # of a view
BYTES = 250_000  # of a view as JSON (docs.slack.dev, view_too_large)
LIMITS = {"callback_id": 255, "private_metadata": 3_000}  # characters (docs.slack.dev, views)
TITLE = 24  # characters of a modal's title, and of its buttons
KINDS = frozenset({"actions", "context", "divider", "header", "image", "input", "rich_text", "section"})
"""Blocks of views that a test's app has; Slack refuses `markdown` there."""
TEXTS = {"section": 3_000, "header": 150}  # characters (docs.slack.dev, blocks)
LABEL = 2_000  # characters of a field's label, and of its hint
FIELD = 3_000  # characters that a field takes
OPTIONS = 100
OPTION = {"text": 75, "value": 150}  # characters of an option
INPUTS = {
    "plain_text_input": {"type", "action_id", "multiline", "min_length", "max_length", "initial_value", "placeholder"},
    "static_select": {"type", "action_id", "options", "initial_option", "placeholder"},
}
OF_MODALS = ("title", "submit", "close")


def check(view: Any, kind: str) -> None:
    """Raise `Refused` unless it is a view of that kind that Slack would take."""
    if not isinstance(view, dict):
        raise Refused("invalid_arguments", "must provide an object [json-pointer:/view]")
    if len(json.dumps(view).encode()) > BYTES:
        raise Refused("view_too_large")
    wrong = list(_list_faults(view, kind))
    if wrong:
        raise Refused("invalid_arguments", *(f"{each} [json-pointer:/view]" for each in wrong))


def _list_faults(view: Raw, kind: str) -> Iterator[str]:
    if view.get("type") != kind:
        yield f"unexpected type: {view.get('type')}"
    yield from (f"{name} is longer than {most}" for name, most in LIMITS.items() if len(view.get(name, "")) > most)
    yield from _list_modal_faults(view) if kind == "modal" else (f"unknown: {one}" for one in OF_MODALS if one in view)
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or not 0 < len(blocks) <= BLOCKS:
        yield f"blocks must be between 1 and {BLOCKS}"
        return
    for index, block in enumerate(blocks):
        yield from (f"{fault} /blocks/{index}" for fault in _list_block_faults(block))
    try:
        slack_elements.check(blocks)
    except Refused as refused:
        yield f"{refused}: {refused.answer['response_metadata']['messages']}"


def _list_modal_faults(view: Raw) -> Iterator[str]:
    for name in OF_MODALS:
        text = view.get(name, {}).get("text", "")
        if len(text) > TITLE or (name == "title" and not text):
            yield f"{name} must be between 1 and {TITLE} characters"
    if any(block.get("type") == "input" for block in view.get("blocks", ())) and not view.get("submit"):
        yield "missing required field: submit"


def _list_block_faults(block: Raw) -> Iterator[str]:
    kind = block.get("type")
    if kind not in KINDS:
        yield f"unsupported type: {kind}"
    if kind in TEXTS:
        yield from _list_text_faults(block.get("text"), TEXTS[kind], markup=kind == "section")
    if kind == "input":
        yield from _list_text_faults(block.get("label"), LABEL)
        yield from _list_text_faults(block["hint"], LABEL) if "hint" in block else ()
        yield from _list_field_faults(block.get("element") or {})


def _list_text_faults(text: Any, most: int, markup: bool = False) -> Iterator[str]:
    kinds = {"plain_text": {"type", "text", "emoji"}, **({"mrkdwn": {"type", "text", "verbatim"}} if markup else {})}
    if not isinstance(text, dict) or text.get("type") not in kinds or set(text) - kinds[text["type"]]:
        yield "no text object"
    elif not 0 < len(text.get("text", "")) <= most:
        yield f"must be between 1 and {most} characters"


def _list_field_faults(element: Raw) -> Iterator[str]:
    kind = str(element.get("type"))
    if kind not in INPUTS:
        yield f"unsupported element: {kind}"
    elif unknown := set(element) - INPUTS[kind]:
        yield f"invalid additional property: {min(unknown)}"
    elif kind == "static_select":
        yield from _list_choice_faults(element)
    elif len(element.get("initial_value", " ")) not in range(1, element.get("max_length", FIELD) + 1):
        yield "initial_value is empty or longer than max_length"
    elif element.get("max_length", 1) not in range(1, FIELD + 1):
        yield "max_length"


def _list_choice_faults(element: Raw) -> Iterator[str]:
    options: Any = element.get("options")
    if not isinstance(options, list) or not 0 < len(options) <= OPTIONS:
        yield f"options must be between 1 and {OPTIONS}"
        return
    for option in options:
        yield from _list_text_faults(option.get("text"), OPTION["text"])
        if not 0 < len(option.get("value", "")) <= OPTION["value"]:
            yield "value of an option"
    if "initial_option" in element and element["initial_option"] not in options:
        yield "initial_option is none of the options"
