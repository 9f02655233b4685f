"""Titles of threads: what may stand in one."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prompting.titles import LONGEST, clean_title


@pytest.mark.parametrize(
    ("written", "title"),
    [
        pytest.param("Cold caches", "Cold caches", id="as it is"),
        pytest.param("  Cold\n\n caches\t ", "Cold caches", id="on one line"),
        pytest.param("“Cold caches”", "Cold caches", id="quotation marks"),
        pytest.param("**Cold caches**", "Cold caches", id="Markdown"),
        pytest.param("@everyone look, @here", "everyone look, here", id="everybody"),
        pytest.param("Lunch with <@7002> and <@&813802> in <#81384>", "Lunch with and in", id="mentions"),
        pytest.param("Write to ada@example.com", "Write to ada@example.com", id="an address"),
        pytest.param("<:party:123> Party", "Party", id="an emoji of the server"),
        pytest.param("Cold\u202e caches\u200b", "Cold caches", id="what can't be seen"),
        pytest.param("word " * 40, "word " * 18 + "word…", id="long"),
        pytest.param("x" * 300, "x" * 99 + "…", id="one long word"),
        pytest.param("<@7002>", "", id="nothing else"),
        pytest.param("At <t:1700000000:R> by </ask:12>", "At by", id="a time and a command"),
        pytest.param("\U0001f469\u200d\U0001f4bb Ada\u200d", "\U0001f469\u200d\U0001f4bb Ada", id="an emoji of two"),
    ],
)
def test_a_title_is_made_of_what_may_stand_in_one(written, title):
    assert clean_title(written) == title


@given(st.text(alphabet=st.one_of(st.sampled_from("<@#!>&_ a7\u200b"), st.characters()), max_size=400))
def test_whatever_is_written_a_title_is_short_and_pings_nobody(written):
    title = clean_title(written)

    assert len(title) <= LONGEST
    seen = re.sub(r"(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])", "", title)
    assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in seen)
    assert not re.search(r"<[@#!&]\S*>|(?<![^\W_])@\w", title)
