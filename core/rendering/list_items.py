"""List items: which are open where a page ends, and how they are opened again on the next one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NESTED = 2  # columns that an item stands further in than the one that it belongs to
ELLIPSIS = "\u2026"  # stands for the words of an item that are on the page before

_ITEM = re.compile(r"(?P<indent>[ \t]*)(?P<marker>[-*+]|(?P<number>\d{1,9})(?P<mark>[.)]))(?=[ \t]|\Z)")


@dataclass(frozen=True, slots=True)
class ListItem:
    """An open item, by its indentation in columns and what it begins with; `number` is None in a bullet list."""

    indent: int
    marker: str
    number: int | None = None

    @property
    def head(self) -> str:
        """What stands for the item on a page that goes on with it."""
        return f"{' ' * self.indent}{self.marker} {ELLIPSIS}"


def track_items(items: Sequence[ListItem], line: str, after_blank: bool) -> tuple[ListItem, ...]:
    """The items that are open after a line of prose, innermost last."""
    if not line.strip():
        return tuple(items)
    match = _ITEM.match(line)
    if not match:
        return tuple(items) if not after_blank else _find_parents(items, _measure_indent(line))
    indent = _measure_indent(match["indent"])
    parents = _find_parents(items, indent)
    number = int(match["number"]) if match["number"] else None
    above = items[len(parents)] if len(items) > len(parents) else None
    if number is not None and above and above.number is not None and number <= above.number:
        number = above.number + 1
    marker = match["marker"] if number is None else f"{number}{match['mark']}"
    return (*parents, ListItem(indent, marker, number))


def reopen_items(items: Sequence[ListItem], line: str, continues: bool) -> list[str]:
    """The first line of a page, below those that open its items again. `continues` says that it goes on with a text."""
    match = None if continues else _ITEM.match(line)
    if match:
        *parents, item = track_items(items, line, after_blank=False)
        marked = f"{match['indent']}{item.marker}{line[match.end() :]}"
        return [*(parent.head for parent in parents), marked]
    kept = items if continues else _find_parents(items, _measure_indent(line))
    if not kept:
        return [line]
    return [*(item.head for item in kept[:-1]), f"{kept[-1].head} {line.lstrip()}"]


def _find_parents(items: Sequence[ListItem], indent: int) -> tuple[ListItem, ...]:
    return tuple(item for item in items if item.indent + NESTED <= indent)


def _measure_indent(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())
