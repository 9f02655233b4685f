"""A name in Markdown is a name, whatever somebody calls themselves.

Tests core.rendering.names.
"""

import re
import unicodedata

import pytest
from hypothesis import given as draw
from hypothesis import strategies as st

from core.rendering.names import (
    LONGEST,
    NAME,
    READ,
    clean_file_name,
    read_file_name,
    shorten_file_name,
    strip_file_name,
    write_name,
)


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


def test_a_whole_text_is_shown_by_its_beginning():
    shown = write_name("word \n " * 100_000)

    assert shown == write_name("word " * 20) == f"{'word ' * 15}word\u2026"


def test_what_is_cut_is_seen_to_go_on_where_little_of_it_can_be_seen():
    assert write_name("a" + "\u200b" * READ + "b") == "a\u2026"


@draw(st.text(st.characters() | st.sampled_from(" \n|`.-\u200b\u00a0\u2028ab"), max_size=READ))
def test_each_character_of_a_name_is_shown_but_what_cannot_be_seen(name):
    visible = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in name)
    line = " ".join(visible.replace("|", "/").replace("`", "'").split())

    shown = write_name(name)

    assert re.sub(r"\A`|`\Z", "", shown) == (line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}\u2026")


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ("python circle_area.py", "circle_area.py"),
        ("circle_area.py", "circle_area.py"),
        ('python title="x.py"', "x.py"),
        ("python title='my file.py' {1,3}", "my file.py"),
        ("python filename=x.py", "x.py"),
        ('{.python title="x.py"}', "x.py"),
        ("python:src/x.py", "src/x.py"),
        ("docker Dockerfile", "Dockerfile"),
        (".env", ".env"),
        ("python", None),
        ("Dockerfile", None),
        ("asp.net", None),
        ("python 3.11", None),
        ("js {1,3}", None),
        ("text as in main.py", None),
        ("c++", None),
        ("", None),
    ],
)
def test_the_name_is_read_from_behind_the_fence(info, name):
    assert read_file_name(info) == name


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("circle_area.py", "circle_area.py"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Windows\\x.bat", "x.bat"),
        ("cod\u202egnp.exe", "codgnp.exe"),
        ("a\u200b\x1b[31mb.py", "a[31mb.py"),
        ("a`b|c<d>.py", "abcd.py"),
        ("  two \t words .py ", "two words .py"),
        ("...", ""),
        ("ä" * 100 + ".py", "ä" * (NAME - 3) + ".py"),
        ("x." + "y" * 100, "x." + "y" * (NAME - 2)),
    ],
)
def test_a_name_is_its_base_without_what_misleads(given, cleaned):
    assert clean_file_name(given) == cleaned


@draw(st.text())
def test_a_name_that_is_stripped_is_never_longer(name):
    shown = strip_file_name(name)

    assert len(shown.encode("utf-16-le", "surrogatepass")) <= len(name.encode("utf-16-le", "surrogatepass"))


@pytest.mark.parametrize(
    ("name", "shortened"),
    [("a.py", "a-2.py"), ("Makefile", "Makefile-2"), ("x" * 100 + ".py", "x" * (NAME - 5) + "-2.py")],
)
def test_what_is_added_to_a_name_stands_before_its_ending(name, shortened):
    assert shorten_file_name(name, "-2") == shortened
