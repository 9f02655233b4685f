"""What Slack refuses in the interactive elements of a message: unknown ones, long ones, and two of one name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.fakes.slack.nouns import Ephemeral, Post, Raw
from tests.fakes.slack.request import Refused

TEXT = 75  # characters of a button's text, and of its accessibility label (docs.slack.dev, button element)
VALUE = 2_000
ID = 255  # characters of an action_id and a block_id
MOST = {"actions": 25, "context_actions": 5}  # elements of a block
BUTTON = frozenset({"type", "action_id", "text", "value", "url", "style", "confirm", "accessibility_label"})
CHOICE = frozenset({"text", "value", "accessibility_label"})
FIELDS: Mapping[str, frozenset[str]] = {
    "button": BUTTON,
    "feedback_buttons": frozenset({"type", "action_id", "positive_button", "negative_button"}),
    "icon_button": frozenset(
        {"type", "action_id", "icon", "text", "value", "confirm", "accessibility_label", "visible_to_user_ids"}
    ),
}
"""The elements that a test's app has, with the fields of each; Slack has more, which nobody here uses."""
TAKES = {"actions": {"button"}, "context_actions": {"feedback_buttons", "icon_button"}}
ICONS = {"trash"}  # the only one there is
VIEWERS = 10  # people to whom an icon button can be limited
CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}  # characters of a confirmation's texts
STYLES = {None, "primary", "danger"}
CHOICES = ("positive_button", "negative_button")


def check(blocks: Sequence[Raw]) -> None:
    """Raise `Refused` unless the elements of these blocks are such as Slack takes."""
    for index, block in enumerate(blocks):
        where = f"[json-pointer:/blocks/{index}"
        if wrong := next(_list_faults(block), None):
            raise Refused("invalid_blocks", f"{wrong} {where}]")
    named = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(named) != len(set(named)):
        raise Refused("invalid_blocks", "block_id already exists [json-pointer:/blocks]")


def _list_faults(block: Raw) -> Iterator[str]:
    if len(str(block.get("block_id") or "")) > ID:
        yield f"must be less than {ID + 1} characters: block_id"
    most = MOST.get(block["type"])
    if most is None:
        return
    elements: Any = block.get("elements")
    if not isinstance(elements, list) or not 0 < len(elements) <= most:
        yield f"between 1 and {most} items allowed: elements"
        return
    if unknown := set(block) - {"type", "block_id", "elements"}:
        yield f"invalid additional property: {min(unknown)}"
    names = [each.get("action_id") for each in elements if each.get("action_id")]
    if len(names) != len(set(names)):
        yield "action_id already exists"
    for element in elements:
        yield from _list_element_faults(block["type"], element)


def _list_element_faults(kind: str, element: Raw) -> Iterator[str]:
    if element.get("type") not in TAKES[kind]:
        yield f"unsupported type: {element.get('type')}"
        return
    if unknown := set(element) - FIELDS[element["type"]]:
        yield f"invalid additional property: {min(unknown)}"
    if len(str(element.get("action_id") or "")) > ID:
        yield f"must be less than {ID + 1} characters: action_id"
    if element["type"] == "feedback_buttons":
        for name in CHOICES:
            yield from _list_choice_faults(element.get(name))
        return
    if element.get("style") not in STYLES:
        yield f"invalid style: {element['style']}"
    if element["type"] == "icon_button" and element.get("icon") not in ICONS:
        yield f"unsupported icon: {element.get('icon')}"
    if len(element.get("visible_to_user_ids", ())) > VIEWERS:
        yield f"no more than {VIEWERS} items allowed: visible_to_user_ids"
    yield from _list_text_faults(element)
    yield from _list_confirm_faults(element.get("confirm"))


def _list_confirm_faults(confirm: Any) -> Iterator[str]:
    if confirm is None:
        return
    if not isinstance(confirm, dict) or set(confirm) - {*CONFIRM, "style"} or set(CONFIRM) - set(confirm):
        yield "invalid confirm: it has a title, a text, and two buttons"
        return
    for name, most in CONFIRM.items():
        text = confirm[name]
        if not isinstance(text, dict) or text.get("type") not in {"plain_text", "mrkdwn"}:
            yield f"must be a text: {name}"
        elif not 0 < len(text.get("text", "")) <= most:
            yield f"must be between 1 and {most} characters: {name}"


def _list_choice_faults(choice: Any) -> Iterator[str]:
    if not isinstance(choice, dict) or not choice.get("value"):
        yield "missing required field: value"
        return
    if unknown := set(choice) - CHOICE:
        yield f"invalid additional property: {min(unknown)}"
    yield from _list_text_faults(choice)


def _list_text_faults(holder: Raw) -> Iterator[str]:
    text: Any = holder.get("text")
    if not isinstance(text, dict) or text.get("type") != "plain_text" or set(text) - {"type", "text", "emoji"}:
        yield "must be plain_text: text"
        return
    if not 0 < len(text.get("text", "")) <= TEXT or len(holder.get("accessibility_label", "")) > TEXT:
        yield f"must be between 1 and {TEXT} characters: text"
    if len(holder.get("value", "")) > VALUE:
        yield f"must be less than {VALUE + 1} characters: value"


def list_buttons(post: Post | Ephemeral) -> list[Raw]:
    """The actions that a message offers, as a payload has each when it is pressed, without its time."""
    return [action for block in post.blocks if block.get("type") in MOST for action in _list_actions(block)]


def _list_actions(block: Raw) -> Iterator[Raw]:
    for element in block["elements"]:
        about = {
            "type": element["type"],
            "action_id": element.get("action_id", ""),
            "block_id": block.get("block_id", "b0"),
        }
        for holder in [element[name] for name in CHOICES] if element["type"] == "feedback_buttons" else [element]:
            yield about | {"text": holder["text"], "value": holder.get("value", "")}
