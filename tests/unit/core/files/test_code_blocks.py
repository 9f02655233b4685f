"""Code blocks that Claude names, and long ones, are files: named by it, byte for byte. Tests core.files.code_blocks."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.messages import File
from core.files.code_blocks import (
    EXTENSIONS,
    LARGEST,
    MOST,
    NAME,
    clean_file_name,
    list_code_files,
    make_answer_file,
    read_file_name,
)
from core.prompting.request import HOUSE
from core.rendering.reply_notes import append_note
from tests.support.answers import scribbles


def names(text: str) -> list[str]:
    return [file.name for file in list_code_files(text)]


def contents(text: str) -> list[bytes]:
    return [file.content for file in list_code_files(text)]


def block(info: str, lines: int = 1, mark: str = "```") -> str:
    return f"{mark}{info}\n" + "x\n" * lines + mark


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


def test_a_named_block_is_a_file_whose_words_the_text_has():
    text = "Here:\n\n```python circle_area.py\nimport math\n\n\tprint(math.pi)  \n```\nDone."

    assert list_code_files(text) == (
        File("circle_area.py", "text/plain", b"import math\n\n\tprint(math.pi)  \n", told=True),
    )
    assert list_code_files(text)[0].words == ""


def test_a_block_without_a_name_is_a_file_above_sixty_lines_named_by_its_language():
    text = "\n".join(
        [block("python", 60), block("python", 61), block("", 61), block("klingon", 61), block("C++ x", 61)]
    )

    assert names(text) == ["code-1.py", "code-2.txt", "code-3.txt", "code-4.cpp"]


def test_names_of_one_answer_differ():
    text = "\n".join([block("py x.py"), block("py X.py"), block("py code-1.py"), block("sh", 61), block("py x.py")])

    assert names(text) == ["x.py", "X-2.py", "code-1.py", "code-2.sh", "x-3.py"]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("- item\n  ```py a.py\n  x = 1\n    y\n  ```", b"x = 1\n  y\n"),
        ("1. a\n\n   ~~~ a.py\n   x\n  y\n   ~~~", b"x\ny\n"),
        ("> ```py a.py\n> x\n>  y\n>z\n> ```", b"x\n y\nz\n"),
        ("> > ```py a.py\n> > x\n> > ```", b"x\n"),
        ("````md a.md\n```py\nx\n```\n````", b"```py\nx\n```\n"),
        ("~~~py a.py\n```\n~~\n~~~~", b"```\n~~\n"),
        ("```py a.py\n  ``\n````x\n```", b"  ``\n````x\n"),
        ("```py a.py\nü\u2028😀\n```", "ü\u2028😀\n".encode()),
        ("```py a.py\r\nx\r\n```", b"x\r\n"),
    ],
    ids=["list", "numbered", "quote", "quotes", "nested", "tildes", "no end", "letters", "windows"],
)
def test_content_is_what_stands_between_the_fences(text, content):
    assert contents(text) == [content]


@pytest.mark.parametrize(
    "text",
    [
        "```py a.py\nx = 1",
        append_note("```py a.py\nx = 1\n", "Stopped."),
        "```py a.py\n```",
        "    x.py\n",
        "`a.py`",
        "",
    ],
    ids=["open", "cut", "empty", "indented", "span", "nothing"],
)
def test_what_was_cut_or_says_nothing_is_no_file(text):
    assert list_code_files(text) == ()


def test_a_whole_block_above_a_note_is_a_file_and_the_cut_one_below_it_is_none():
    whole = block("py a.py")

    assert names(append_note(whole, "Stopped.")) == ["a.py"]
    assert names(append_note(append_note(f"{whole}\n```py b.py\nx", "Longest."), "Unread.")) == ["a.py"]


def test_no_more_than_ten_files_and_none_above_a_megabyte():
    large = f"```txt large.txt\n{'x' * LARGEST}\n```"

    assert names("\n".join([large, *(block(f"py {number}a.py") for number in range(12))])) == [
        f"{number}a.py" for number in range(MOST)
    ]


def test_a_whole_answer_is_a_file_without_our_notes():
    assert make_answer_file(append_note("# Hi\n\nAll.", "Unread.")).content == b"# Hi\n\nAll.\n"


def test_the_most_common_languages_have_an_ending():
    assert len(EXTENSIONS) > 50
    assert {EXTENSIONS[one] for one in ("python", "bash", "typescript", "yaml")} == {"py", "sh", "ts", "yaml"}


@given(scribbles(40), st.text(max_size=40))
def test_whatever_is_written_names_are_clean_and_differ(text, info):
    files = list_code_files(f"{text}\n```{info} a.py\nx\n```")

    assert len({file.name.casefold() for file in files}) == len(files) <= MOST
    assert all(0 < len(file.name) <= NAME and file.content.endswith(b"\n") for file in files)
    assert all(clean_file_name(file.name) == file.name for file in files)


def test_claude_is_told_how_a_block_becomes_a_file():
    (told,) = re.findall(r"as in \\?\s*```(\S+ \S+),", HOUSE)

    assert read_file_name(told) == "area.py"


def test_of_thousands_of_blocks_the_first_are_files_without_a_look_at_the_others():
    text = "\n".join(f"```py a.py\n{number}\n```" for number in range(20_000))

    began = time.process_time()
    found = list_code_files(text)

    assert len(found) == MOST
    assert time.process_time() - began < 1.0
