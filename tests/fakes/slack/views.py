"""The methods that open modals and home tabs."""

from dataclasses import replace
from typing import Any

from tests.fakes.slack import json as slack_json
from tests.fakes.slack import view_rules
from tests.fakes.slack.nouns import Raw, View
from tests.fakes.slack.request import Method, Refused, Request

TRIGGER_SECONDS = 3.0  # docs.slack.dev: a trigger id lives for three seconds, and opens one view


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
    view_rules.check(view, kind)
    payload: Raw = view
    return payload


METHODS = {
    "views.open": Method(open_view, needs=("trigger_id", "view"), takes=()),
    "views.update": Method(update, needs=("view",), takes=("view_id", "external_id", "hash")),
    "views.publish": Method(publish, needs=("user_id", "view"), takes=("hash",)),
}
