"""What stands in a paragraph, and which marks are open where it is cut.

Tests core.rendering.inline.
"""

import pytest
from hypothesis import given

from core.rendering.inline import (
    SpanKind,
    close_marks,
    find_open_marks,
    parse_spans,
    reopen_marks,
    split_paragraphs,
)
from tests.support.answers import scribbles


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("**a", ("**",)),
        ("**a *b", ("**", "*")),
        ("***a** b", ("*",)),
        ("***a", ("***",)),
        ("**a** _b_", ()),
        ("~~a **b~~ c", ()),
        ("`a", ("`",)),
        ("``a `b", ("``",)),
        ("**a `b", ("**", "`")),
        ("`**a`", ()),
        (r"\**a", ("*",)),
        (r"\*a \`b", ()),
        ("2 * 3 ** 4", ()),
        ("snake_case_", ()),
        ("[**a](http://x.y)", ()),
        ("~a", ()),
        ("", ()),
    ],
)
def test_marks_that_are_open_where_a_paragraph_is_cut(text, marks):
    assert find_open_marks(text) == marks


def test_marks_are_closed_in_reverse():
    assert close_marks(("**", "`")) == "`**"


@pytest.mark.parametrize(
    ("rest", "reopened"),
    [("b** c", "**b** c"), ("> b**", "> **b**"), ("- b**", "- **b**"), ("** c", " c"), ("  b", "  **b")],
)
def test_marks_are_opened_again_behind_what_begins_a_line(rest, reopened):
    assert reopen_marks(rest, ("**",)) == reopened


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("[a](http://x.y)", ("a", "http://x.y")),
        ("![a](http://x.y/(b))", ("a", "http://x.y/(b)")),
        ('[a [b] c](<http://x.y> "t")', ("a [b] c", "http://x.y")),
        ("[a\nb](http://x.y)", ("a\nb", "http://x.y")),
    ],
)
def test_links_have_a_label_and_an_address(text, link):
    (span,) = parse_spans(text)

    assert (span.kind, span.label, span.address) == (SpanKind.LINK, *link)


def test_code_and_addresses_are_no_words():
    spans = parse_spans("a `b` (https://x.y/z_a). <https://x.y/>")

    assert [(span.kind.value, span.text) for span in spans if span.kind is not SpanKind.WORDS] == [
        ("code", "`b`"),
        ("address", "https://x.y/z_a"),
        ("address", "<https://x.y/>"),
    ]


@given(scribbles(60))
def test_spans_and_paragraphs_are_the_text(text):
    paragraphs = split_paragraphs(text)

    assert "\n".join(paragraphs) == text
    assert ["".join(span.text for span in parse_spans(one)) for one in paragraphs] == paragraphs
