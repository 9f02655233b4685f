"""What people see of an app's home tab and of its forms in Slack, as text, and what they do there."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.slack.nouns import View
from tests.support.slack_house import House

TRIES = 3  # times that a form is sent whose answer Slack got too late


async def open_home(home: House, user: str) -> list[str]:
    """Open the home tab, wait until another one is shown than before, and read it line by line."""
    person, homes = home.slack.person(user).id, home.slack.world.homes
    before = homes.get(person)
    await home.slack.open_home(user)
    await home.slack.until(lambda: homes.get(person) != before)
    return read_home(home, user)


def read_home(home: House, user: str) -> list[str]:
    return list(render_view(home.slack.world.homes[home.slack.person(user).id].payload))


def render_view(view: Mapping[str, Any]) -> Iterator[str]:
    """A view as text, a line for each line, field and row of buttons."""
    for block in view["blocks"]:
        match block["type"]:
            case "header":
                yield f"# {block['text']['text']}"
            case "section":
                yield from block["text"]["text"].split("\n")
            case "actions":
                yield " ".join(f"[{one['text']['text']}]" for one in block["elements"])
            case "input":
                yield f"{block['label']['text']}: {_read_initial(block['element'])}"


def _read_initial(element: Mapping[str, Any]) -> str:
    return str(element.get("initial_value") or element.get("initial_option", {}).get("value") or "")


async def press_home(home: House, user: str, words: str, place: str) -> View:
    """Press a button of the home tab; the form that opens."""
    shown = home.slack.world.homes[home.slack.person(user).id]
    before = set(home.slack.world.views)
    await home.slack.press_in_view(user, shown.id, f"home:{words}", place)
    await home.slack.until(lambda: set(home.slack.world.views) - before)
    (name,) = set(home.slack.world.views) - before
    return home.slack.world.views[name]


async def save_form(home: House, user: str, form: View, **changed: str) -> Mapping[str, str]:
    """Save a form with these fields changed, as the state holds all of them, and wait for what comes of it.

    What stands below its fields then, where it stays open.
    """
    for _ in range(TRIES):
        sent = await send_form(home, user, form, **changed)
        await home.slack.acked(sent)
        await home.rest()
        if sent not in home.slack.outbox.lost:  # where the machine stood still, Slack says so, and people press again
            break
    kept = home.slack.world.views.get(form.id)
    return kept.errors if kept else {}


async def send_form(home: House, user: str, form: View, **changed: str) -> str:
    """Press the button of a form with these fields changed; the id of what Slack sends."""
    values = {}
    for block in form.payload["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        value = changed.get(element["action_id"], _read_initial(element)) or None
        state = {"type": element["type"]}
        if element["type"] == "static_select":
            state["selected_option"] = next((one for one in element["options"] if one["value"] == value), None)
        else:
            state["value"] = value
        values[block["block_id"]] = {element["action_id"]: state}
    return await home.slack.submit_view(user, form.id, values)
