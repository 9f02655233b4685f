"""Code blocks that Claude names, and long ones, are files: named by it, byte for byte. Tests core.files.code_blocks."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.messages import File, FinalText, MadeFile
from core.files.code_blocks import (
    EXTENSIONS,
    LARGEST,
    MOST,
    NAMED,
    bound_files,
    list_code_files,
    list_replaced_files,
    make_answer_file,
)
from core.prompting.request import HOUSE
from core.rendering.names import NAME, clean_file_name, read_file_name
from core.rendering.reply_notes import append_note
from tests.support.answers import scribbles


def names(text: str) -> list[str]:
    return [file.name for file in list_code_files(text)]


def contents(text: str) -> list[bytes]:
    return [file.content for file in list_code_files(text)]


def block(info: str, lines: int = 1, mark: str = "```") -> str:
    return f"{mark}{info}\n" + "x\n" * lines + mark


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


@pytest.mark.parametrize("opening", ["python tool.py", "python", 'py title="tool.py"'])
@pytest.mark.parametrize("lines", [1, 61])
def test_the_rest_of_a_block_that_was_cut_is_no_file_and_whole_blocks_below_it_are(opening, lines):
    text = f"{block(opening, lines)}\n\n{block('py b.py')}"

    assert [file.name for file in list_code_files(text, reopened=True)] == ["b.py"]


def test_what_a_text_begins_with_that_goes_on_behind_its_block_is_a_file():
    assert [file.name for file in list_code_files(f"\n{block('py b.py')}", reopened=True)] == ["b.py"]
    assert [file.name for file in list_code_files(f"So.\n{block('py b.py')}", reopened=True)] == ["b.py"]


def test_a_whole_block_above_a_note_is_a_file_and_the_cut_one_below_it_is_none():
    whole = block("py a.py")

    assert names(append_note(whole, "Stopped.")) == ["a.py"]
    assert names(append_note(append_note(f"{whole}\n```py b.py\nx", "Longest."), "Unread.")) == ["a.py"]


def test_no_more_than_a_hundred_files_and_none_above_a_megabyte():
    large = f"```txt large.txt\n{'x' * LARGEST}\n```"

    assert names("\n".join([large, *(block(f"py {number}a.py") for number in range(NAMED + 2))])) == [
        f"{number}a.py" for number in range(NAMED)
    ]


def test_a_whole_answer_is_a_file_without_our_notes():
    assert make_answer_file(append_note("# Hi\n\nAll.", "Unread.")).content == b"# Hi\n\nAll.\n"


def test_the_most_common_languages_have_an_ending():
    assert len(EXTENSIONS) > 50
    assert {EXTENSIONS[one] for one in ("python", "bash", "typescript", "yaml")} == {"py", "sh", "ts", "yaml"}


@given(scribbles(40), st.text(max_size=40))
def test_whatever_is_written_names_are_clean_and_differ(text, info):
    files = list_code_files(f"{text}\n```{info} a.py\nx\n```")

    assert len({file.name.casefold() for file in files}) == len(files) <= NAMED
    assert all(0 < len(file.name) <= NAME and file.content.endswith(b"\n") for file in files)
    assert all(clean_file_name(file.name) == file.name for file in files)


def test_claude_is_told_how_a_block_becomes_a_file():
    (told,) = re.findall(r"as in \\?\s*```(\S+ \S+),", HOUSE)

    assert read_file_name(told) == "area.py"


def test_of_thousands_of_blocks_the_first_are_files_without_a_look_at_the_others():
    text = "\n".join(f"```py a.py\n{number}\n```" for number in range(20_000))

    began = time.process_time()
    found = list_code_files(text)

    assert len(found) == NAMED
    assert time.process_time() - began < 1.0


def test_files_beyond_ten_are_named_below_the_text_and_ten_have_no_note():
    text = "\n".join(block(f"py {number}a.py") for number in range(17))
    files = list_code_files(text)
    shown, kept = bound_files(text, files)

    assert (len(files), [one.name for one in kept]) == (17, [f"{number}a.py" for number in range(MOST)])
    left = ", ".join(f"`{number}a.py`" for number in range(MOST, 17))
    assert shown == append_note(text, f"An answer has at most 10 files. Not attached, but above: {left}.")
    assert bound_files(text, files[:MOST]) == (text, files[:MOST])


def test_an_answer_that_is_given_anew_replaces_its_file_under_the_name_that_it_had():
    long = "word " * 2_001
    plain = list_replaced_files(FinalText(long))
    beside = list_replaced_files(FinalText(long, made=(MadeFile("answer.md", "text/markdown"),)))

    assert [one.name for one in plain] == ["answer.md"]
    assert [one.name for one in beside] == ["answer.md", "answer-2.md"]
