"""Code and prose, told apart in one pass. Tests core.prompting.code_spans."""

import pytest

from core.prompting.code_spans import drop_code


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("no code", "no code"),
        ("ask `<@1>` now", "ask   now"),
        ("``a ` b`` c", "  c"),
        ("```\n<@1>\n``` and <@2>", "  and <@2>"),
        ("````\n```\n````x", " x"),
        ("``` never closed <@1>", "``` never closed <@1>"),
        ("a ` on one line\n<@1> ` on another", "a ` on one line\n<@1> ` on another"),
        (r"\`<@1>`", r"\`<@1>`"),
        ("", ""),
    ],
)
def test_code_is_left_out(text, prose):
    assert drop_code(text) == prose


@pytest.mark.parametrize("text", ["` \n" * 30_000, "`" * 90_000, "` `` ``` " * 10_000], ids=["open", "run", "mixed"])
def test_a_long_text_is_read_in_one_pass(text):
    assert len(drop_code(text)) <= len(text)
