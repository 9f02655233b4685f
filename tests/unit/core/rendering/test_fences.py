"""A fence is what Markdown takes for one, wherever it is indented or quoted."""

import pytest

from core.rendering.fences import Fence, find_marks, parse_opening


@pytest.mark.parametrize(
    ("line", "fence"),
    [
        ("```", Fence("", "```", "")),
        ("````md ", Fence("", "````", "md")),
        ("~~~ py `x`", Fence("", "~~~", " py `x`")),
        ("   ```js", Fence("   ", "```", "js")),
        ("> ```sh", Fence("> ", "```", "sh")),
        ("10. ```sh", Fence("    ", "```", "sh")),
        ("``` a `b`", None),
        ("``", None),
        ("a ```", None),
    ],
)
def test_a_line_opens_a_fence(line, fence):
    assert parse_opening(line) == fence


@pytest.mark.parametrize(
    ("line", "closes"),
    [
        ("````", True),
        ("`````  ", True),
        ("  ````", True),
        ("```", False),
        ("````x", False),
        ("~~~~", False),
        ("> ````", False),
    ],
)
def test_a_line_closes_a_fence(line, closes):
    assert Fence("", "````", "").closed_by(line) is closes


def test_a_quoted_fence_is_closed_in_its_quote_or_outside():
    quoted = Fence("> ", "```", "")

    assert [quoted.closed_by(line) for line in ("> ```", ">```", "```", "> x")] == [True, True, True, False]


@pytest.mark.parametrize(("line", "may"), [("`", True), ("  ``", True), ("", False), ("``x", False), ("~", False)])
def test_a_line_being_written_may_come_to_close_a_fence(line, may):
    assert Fence("", "```", "").closed_by(line, whole=False) is may


def test_marks_are_found_where_a_fence_may_begin():
    assert [find_marks(line) for line in ("- ``x", "~", "a ``", "`~~")] == [(2, 4), (0, 1), (0, 0), (0, 1)]
