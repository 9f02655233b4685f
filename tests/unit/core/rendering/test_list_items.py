"""Items of a list that a page's end cuts are open again on the next page.

Tests core.rendering.list_items.
"""

import pytest

from core.rendering.list_items import ListItem, reopen_items, track_items


def tracked(text: str) -> tuple[ListItem, ...]:
    items: tuple[ListItem, ...] = ()
    blank = False
    for line in text.split("\n"):
        items = track_items(items, line, blank)
        blank = not line.strip()
    return items


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("- a", ["-"]),
        ("- a\n  - b", ["-", "-"]),
        ("- a\n  - b\n- c", ["-"]),
        ("1. a\n2. b", ["2."]),
        ("1. a\n1. b\n1. c", ["3."]),
        ("1. a\n   - b\n   - c", ["1.", "-"]),
        ("1) a\n\n   more", ["1)"]),
        ("- a\nlazy", ["-"]),
        ("- a\n\nafter", []),
        ("text", []),
        ("-no item", []),
    ],
)
def test_items_that_are_open_at_the_end(text, markers):
    assert [item.marker for item in tracked(text)] == markers


@pytest.mark.parametrize(
    ("above", "line", "continues", "shown"),
    [
        ("1. a\n   - b", "   - c", False, ["1. …", "   - c"]),
        ("1. a\n   - b", "2. c", False, ["2. c"]),
        ("1. a\n1. b", "1. c", False, ["3. c"]),
        ("1. a\n   - b", "rest of b", True, ["1. …", "   - … rest of b"]),
        ("2. a", "   more", False, ["2. … more"]),
        ("2. a", "after", False, ["after"]),
        ("", "after", True, ["after"]),
    ],
)
def test_the_first_line_of_a_page_stands_in_its_items(above, line, continues, shown):
    assert reopen_items(tracked(above), line, continues) == shown
