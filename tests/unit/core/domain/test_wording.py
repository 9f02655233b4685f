"""Numbers and days in sentences.

Tests core.domain.wording.
"""

import pytest

from core.domain.wording import count_noun, describe_days, list_some


@pytest.mark.parametrize(
    ("number", "counted"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1001, "1,001 lines")], ids=str
)
def test_one_thing_is_singular(number, counted):
    assert count_noun(number, "line") == counted


def test_a_plural_may_be_named():
    assert (count_noun(1, "reply", "replies"), count_noun(2, "reply", "replies")) == ("1 reply", "2 replies")


def test_a_span_of_one_day_is_that_day():
    assert describe_days("2026-11-26", "2026-11-26") == "2026-11-26"
    assert describe_days("2026-11-25", "2026-11-26") == "2026-11-25 to 2026-11-26"


def test_a_list_names_ten_and_counts_the_others():
    names = [f"n{number}" for number in range(12)]

    assert list_some(names[:2]) == "n0, n1"
    assert list_some(names[:10]).endswith("n8, n9")
    assert list_some(names).endswith("n8, n9, and 2 more")


def test_what_a_list_names_stands_on_one_line():
    assert list_some(["one\n\n- two", " three\r\nfour ", "a\u2028b"]) == "one - two, three four, a b"
