"""Numbers and days in sentences.

Tests core.domain.wording.
"""

import pytest

from core.domain.wording import count_noun, describe_days


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
