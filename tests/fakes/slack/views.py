"""The methods that open modals and home tabs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tests.fakes.slack import json as slack_json
from tests.fakes.slack.nouns import Raw, View
from tests.fakes.slack.request import Method, Refused, Request

TRIGGER_SECONDS = 3.0  # docs.slack.dev: a trigger id lives for three seconds, and opens one view
BLOCKS = 100  # of a view
LIMITS = {"callback_id": 255, "private_metadata": 3_000}  # characters (docs.slack.dev, views)
SECTION = 3_000  # characters of a section
LABEL = 2_000  # characters of an input's label
LONGEST = 3_000  # that a plain_text_input takes
FIELD = frozenset({"type", "action_id", "multiline", "max_length", "min_length", "placeholder", "initial_value"})
TITLE = 24  # characters of a modal's title, and of its buttons


def open_view(request: Request) -> Raw:
    """Open a modal for whoever did what the trigger id tells of."""
    payload = _payload(request, "modal")
    trigger = request.world.triggers.get(request.text("trigger_id"))
    if trigger is None:
        raise Refused("invalid_trigger_id")
    if trigger.used:
        raise Refused("exchanged_trigger_id")
    if request.world.clock() - trigger.at > TRIGGER_SECONDS:
        raise Refused("expired_trigger_id")
    request.world.triggers[request.text("trigger_id")] = replace(trigger, used=True)
    return _kept(request, View(request.world.name("V0"), trigger.user, payload, request.world.name("hash.")))


def update(request: Request) -> Raw:
    """Change an open view; `hash` must be the newest if it is given."""
    payload = _payload(request, "modal")
    view = _named(request)
    if request.text("hash") not in {"", view.hash}:
        raise Refused("hash_conflict")
    return _kept(request, replace(view, payload=payload, hash=request.world.name("hash.")))


def publish(request: Request) -> Raw:
    """Show a person their home tab."""
    payload = _payload(request, "home")
    user = request.text("user_id")
    if user not in request.world.people:
        raise Refused("user_not_found")
    before = request.world.homes.get(user)
    key = before.id if before else request.world.name("V0")
    if before and request.text("hash") not in {"", before.hash}:
        raise Refused("hash_conflict")
    request.world.homes[user] = View(key, user, payload, request.world.name("hash."))
    return _kept(request, request.world.homes[user])


def _named(request: Request) -> View:
    for view in request.world.views.values():
        if request.text("view_id") == view.id or request.text("external_id") == view.payload.get("external_id", "-"):
            return view
    raise Refused("not_found")


def _kept(request: Request, view: View) -> Raw:
    request.world.views[view.id] = view
    request.world.pulse.beat()
    return {"view": slack_json.view(view, request.team.id)}


def _payload(request: Request, kind: str) -> Raw:
    view: Any = request.arguments.get("view")
    if not isinstance(view, dict):
        raise Refused("invalid_arguments", "must provide an object [json-pointer:/view]")
    wrong = list(_wrongs(view, kind))
    if wrong:
        raise Refused("invalid_arguments", *(f"{each} [json-pointer:/view]" for each in wrong))
    return view


def _wrongs(view: Raw, kind: str) -> Iterator[str]:
    """Everything in which `view` is not a view."""
    if view.get("type") != kind:
        yield f"unexpected type: {view.get('type')}"
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or not blocks or len(blocks) > BLOCKS:
        yield f"blocks must be between 1 and {BLOCKS}"
    else:
        yield from _wrong_blocks(blocks)
    yield from (f"{name} is longer than {most}" for name, most in LIMITS.items() if len(view.get(name, "")) > most)
    if kind == "modal":
        yield from _unnamed(view)


def _wrong_blocks(blocks: Sequence[Raw]) -> Iterator[str]:
    """What Slack refuses in a view's sections and inputs."""
    names = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(names) != len(set(names)):
        yield "block_id already exists"
    for block in blocks:
        if block.get("type") == "section" and not 0 < len(block.get("text", {}).get("text", "")) <= SECTION:
            yield f"section text must be between 1 and {SECTION} characters"
        if block.get("type") == "input":
            yield from _wrong_input(block)


def _wrong_input(block: Raw) -> Iterator[str]:
    label, element = block.get("label", {}), block.get("element", {})
    if label.get("type") != "plain_text" or not 0 < len(label.get("text", "")) <= LABEL:
        yield f"label must be between 1 and {LABEL} characters of plain text"
    if unknown := set(element) - FIELD:
        yield f"invalid additional property: {min(unknown)}"
    if element.get("type") != "plain_text_input" or not 0 < element.get("max_length", LONGEST) <= LONGEST:
        yield f"a plain_text_input takes at most {LONGEST} characters"


def _unnamed(view: Raw) -> Iterator[str]:
    for name in ("title", "submit", "close"):
        text = view.get(name, {}).get("text", "")
        if len(text) > TITLE or (name == "title" and not text):
            yield f"{name} must be between 1 and {TITLE} characters"
    if any(block.get("type") == "input" for block in view.get("blocks", ())) and not view.get("submit"):
        yield "missing required field: submit"


METHODS = {
    "views.open": Method(open_view, needs=("trigger_id", "view"), takes=()),
    "views.update": Method(update, needs=("view",), takes=("view_id", "external_id", "hash")),
    "views.publish": Method(publish, needs=("user_id", "view"), takes=("hash",)),
}
