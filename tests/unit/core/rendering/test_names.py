"""A name in Markdown is a name, whatever somebody calls themselves.

Tests core.rendering.names.
"""

import pytest

from core.rendering.names import LONGEST, write_name


@pytest.mark.parametrize(
    "name",
    ["Ada", "Ada Lovelace", "Dr. Who", "O'Neil", "Jean-Luc", "Müller & Söhne", "田中", "Ada (2)", "claude-opus-4-5"],
)
def test_words_stay_as_they_are(name):
    assert write_name(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("evil.com", "`evil.com`"),
        ("<https://x|y>", "`<https://x/y>`"),
        ("[bank](https://evil.example)", "`[bank](https://evil.example)`"),
        ("ada@evil.example", "`ada@evil.example`"),
        ("@here", "`@here`"),
        ("<!channel>", "`<!channel>`"),
        ("**bold**", "`**bold**`"),
        ("snake_case", "`snake_case`"),
        (":tada:", "`:tada:`"),
        ("- item", "`- item`"),
        ("a`b", "a'b"),
        ("a|b", "a/b"),
        ("a\n# b\u202e\u200b", "`a # b`"),
        ("", ""),
    ],
)
def test_a_name_makes_no_link_no_mention_and_no_mark(name, shown):
    assert write_name(name) == shown


def test_a_long_name_is_cut():
    assert len(write_name("a" * 500)) == LONGEST
