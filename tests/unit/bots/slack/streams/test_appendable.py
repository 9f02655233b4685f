"""How much of a growing page may be appended to a stream. Tests bots.slack.streams.appendable."""

import pytest

from bots.slack.streams.appendable import find_stable_end, is_whole, notifies, write_markdown

STABLE = {
    "the end may be the middle of a word": ("One two", "One tw"),
    "spaces lie on neither side of the end": ("One two ", "One tw"),
    "a paragraph": ("One\n\nt", "On"),
    "a mention that may come": ("Ask @her", "As"),
    "a mention in Slack's own words": ("Ask <!chan", "As"),
    "a link's label": ("See [the page", "Se"),
    "a link's address": ("See [the page](https://exa", "Se"),
    "a link that is whole": ("See [a](https://b) now", "See [a](https://b) no"),
    "a code block that is open": ("Run:\n\n```python\nx = 12\n```", "Run:\n\n```python\nx = 1"),
    "a line that opens a code block": ("Run:\n\n```pyth\n```", "Run"),
    "a line that may open one": ("Run:\n\n``", "Run"),
    "inline code that begins a line": ("Run:\n\n`x` no", "Run:\n\n`x` n"),
    "a quoted code block": ("> ```\n> x = 12\n> ```", "> ```\n> x = 1"),
    "nothing": ("", ""),
    "one letter": ("O", ""),
    "letters that stand alone": ("a b c", ""),
}


@pytest.mark.parametrize(("text", "stable"), STABLE.values(), ids=STABLE)
def test_what_stays_as_it_is_whatever_follows(text, stable):
    assert text[: find_stable_end(text)] == stable


def test_a_page_is_written_as_its_block_is():
    assert write_markdown("Ask @here, `@here`.") == "Ask \uff20here, `@here`."


def test_what_is_code_in_a_whole_page_alone_is_found():
    whole, part = "See `@here x`.", "See `@here"

    assert [is_whole(whole), is_whole(part)] == [True, False]
    assert [notifies(" x`."), notifies("\n@here\n```")] == [False, True]
