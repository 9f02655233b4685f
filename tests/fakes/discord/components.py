"""Components: the buttons and selects below a message, and how Discord refuses those that are ill made. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.fakes.discord.nouns import Json
from tests.fakes.discord.refusals import malformed

ROW, BUTTON, SELECT, SECTION, TEXT_DISPLAY = 1, 2, 3, 9, 10
SELECTS = {SELECT, 5, 6, 7, 8}
SECOND = {SECTION, TEXT_DISPLAY, 11, 12, 13, 14, 17}  # that need the flag of the second version
KNOWN = {ROW, BUTTON, *SELECTS, *SECOND}
TOP = {False: (ROW,), True: (ROW, SECTION, TEXT_DISPLAY, 12, 13, 14, 17)}
"""What stands in no other component, of the first version and of the second."""

COMPONENTS = 40  # components of a message of the second version
TEXT = 4000  # characters of all its text displays
ROWS = 5  # rows of a message of the first
WIDTH = 5  # buttons of a row
CUSTOM_ID = 100  # characters of a component's id
LABEL = 80  # characters on a button
LINK, PREMIUM = 5, 6  # styles of buttons that are not pressed
STYLES = range(1, 7)
FIELDS = {"type", "id", "style", "label", "emoji", "custom_id", "sku_id", "url", "disabled"}  # of a button


def check(given: Sequence[Json], *, second: bool) -> None:
    """Refuse components that Discord refuses; `second` is whether the message has the flag of the second version."""
    every = [part for _, part in walk_paths(given)]
    if len(every) > COMPONENTS:
        raise malformed("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"At most {COMPONENTS} components.")
    if not second and len(given) > ROWS:
        raise malformed("components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {ROWS} in length.")
    for number, part in enumerate(given):
        if part.get("type") not in TOP[second]:
            choices = ", ".join(map(str, TOP[second]))
            said = f'Value of field "type" must be one of ({choices},).'
            raise malformed(f"components.{number}.type", "UNION_TYPE_CHOICES", said)
    for path, part in walk_paths(given):
        _check_part(part, path)
    if sum(len(part["content"]) for part in every if part["type"] == TEXT_DISPLAY) > TEXT:
        raise malformed("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", f"At most {TEXT} characters.")
    _check_ids(given)


def list_buttons(given: Sequence[Json]) -> tuple[str, ...]:
    """What stands on the buttons of a message, in words or as an emoji."""
    buttons = [part for part in walk(given) if part["type"] == BUTTON]
    return tuple(part.get("label") or part["emoji"]["name"] for part in buttons)


def walk(given: Sequence[Json]) -> Iterator[Json]:
    """Every component of a tree, parents first."""
    return (part for _, part in walk_paths(given))


def walk_paths(given: Sequence[Json], path: str = "components") -> Iterator[tuple[str, Json]]:
    """Every component of a tree with its dotted path, parents first."""
    for number, part in enumerate(given):
        at = f"{path}.{number}"
        yield at, part
        yield from walk_paths(part.get("components") or (), f"{at}.components")
        for side in ("component", "accessory"):
            if part.get(side):
                yield from walk_paths([part[side]], f"{at}.{side}")


def _check_part(part: Json, path: str) -> None:
    kind = part.get("type")
    if kind not in KNOWN:
        raise malformed(f"{path}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of the choices.')
    if kind == ROW:
        _check_row(part.get("components") or (), f"{path}.components")
    if kind == BUTTON:
        _check_button(part, path)
    if kind in SELECTS:
        _check_text(part, "custom_id", CUSTOM_ID, path)


def _check_row(parts: Sequence[Json], path: str) -> None:
    """One to five buttons, or one select."""
    if not 1 <= len(parts) <= WIDTH:
        raise malformed(path, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {WIDTH} in length.")
    buttons = sum(part.get("type") == BUTTON for part in parts)
    if buttons != len(parts) and (buttons or len(parts) > 1):
        raise malformed(path, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width")
    if any(part.get("type") not in {BUTTON, *SELECTS} for part in parts):
        raise malformed(
            f"{path}.0.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (2, 3, 5, 6, 7, 8).'
        )


def _check_button(part: Json, path: str) -> None:
    """A style that there is, words or an emoji, and an id where it can be pressed."""
    for field in part:
        if field not in FIELDS:
            raise malformed(f"{path}.{field}", "UNKNOWN_FIELD", "This field is not known.")
    style = part.get("style")
    if style not in STYLES:
        raise malformed(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}.")
    if len(part.get("label") or "") > LABEL:
        raise malformed(f"{path}.label", "BASE_TYPE_MAX_LENGTH", f"Must be {LABEL} or fewer in length.")
    if style != PREMIUM and not (part.get("label") or part.get("emoji")):
        raise malformed(f"{path}.label", "BASE_TYPE_REQUIRED", "This field is required")
    if part.get("emoji"):
        _check_emoji(part["emoji"], f"{path}.emoji")
    if style in {LINK, PREMIUM}:
        needed, other = ("url", "custom_id") if style == LINK else ("sku_id", "custom_id")
    else:
        needed, other = "custom_id", "url"
    if other in part:
        raise malformed(f"{path}.{other}", "BUTTON_COMPONENT_INVALID_STYLE", "A button of this style can't have it.")
    _check_text(part, needed, CUSTOM_ID if needed == "custom_id" else 512, path)


def _check_emoji(emoji: Any, path: str) -> None:
    """One of a server's, by its id, or a character that is one."""
    named = isinstance(emoji, dict) and (emoji.get("id") or not str(emoji.get("name") or "a").isascii())
    if not named:
        raise malformed(f"{path}.name", "COMPONENT_INVALID_EMOJI", "Invalid emoji")


def _check_text(part: Json, field: str, longest: int, path: str) -> None:
    value = part.get(field)
    if not isinstance(value, str) or not value:
        raise malformed(f"{path}.{field}", "BASE_TYPE_REQUIRED", "This field is required")
    if len(value) > longest:
        raise malformed(f"{path}.{field}", "BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")


def _check_ids(given: Sequence[Json]) -> None:
    """No two components of a message have one id."""
    seen = set[str]()
    for path, part in walk_paths(given):
        if part.get("custom_id") in seen:
            said = "Component custom id cannot be duplicated"
            raise malformed(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", said)
        if "custom_id" in part:
            seen.add(part["custom_id"])
