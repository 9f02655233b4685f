"""Of a long answer the first pages are shown, and a file has all of it. Tests bots.delivery.long_answers."""

from functools import partial

import pytest

from bots.delivery.long_answers import REST, SHOWN, explain_unattached, list_files, shorten_answer
from bots.discord.formatting import render_pages
from bots.slack import formatting
from core.domain.messages import File
from core.rendering.dialect import measure_utf16
from core.rendering.paginator import pages
from core.rendering.reply_notes import append_note, remove_notes

CODE = "Look:\n\n```python\n" + "\n".join(f"line_{number} = {number}" for number in range(3000)) + "\n```\nEnd."
PROSE = "\n\n".join(f"Paragraph {number}: " + "words of some length, " * 20 for number in range(400))
WALL = "漢" * 100_000
SLACK = partial(pages, dialect=formatting.DIALECT)


@pytest.mark.parametrize("render", [render_pages, SLACK], ids=["discord", "slack"])
@pytest.mark.parametrize("text", [CODE * 2, PROSE, WALL], ids=["code", "prose", "one line"])
def test_six_pages_are_shown_and_the_last_names_the_file_outside_of_code(text, render):
    shown = shorten_answer(text, render)

    assert len(shown) == SHOWN
    assert shown[:4] == render(text)[:4]
    assert shown[-1].endswith(f"({REST.format('answer.md')})*")
    assert all(page.count("\n```") + page.startswith("```") in (0, 2, 4) for page in shown)
    assert len(shown[-1]) > 1000


@pytest.mark.parametrize("text", [CODE * 2, PROSE], ids=["code", "prose"])
def test_no_page_is_too_long_with_the_note(text):
    assert max(map(measure_utf16, shorten_answer(text, render_pages))) <= 2000


def test_notes_of_the_answer_stay_below_its_last_page():
    text = append_note(append_note(PROSE, "I could not read `a.docx`."), "Say “go on”.")

    last = shorten_answer(text, render_pages)[-1]
    assert last.index(REST.format("answer.md")) < last.index("a.docx") < last.index("go on")
    assert "go on" not in remove_notes(last)


def test_what_is_posted_is_the_whole_answer_first_and_ten_files_in_all():
    files = [File(f"{number}.py", "text/plain", b"x\n", told=True) for number in range(10)]

    assert list_files("All.", files, shortened=False) == tuple(files)
    assert [file.name for file in list_files("All.", files, shortened=True)] == [
        "answer.md",
        *(f"{n}.py" for n in range(9)),
    ]


def test_the_file_of_a_whole_answer_takes_the_name_of_no_other_and_is_named_as_it_is():
    files = [File("Answer.md", "text/markdown", b"By Claude.\n"), File("answer-2.md", "text/markdown", b"Too.\n")]
    shown = shorten_answer(PROSE, render_pages, files)

    assert shown[-1].endswith(f"({REST.format('answer-3.md')})*")
    assert [one.name for one in list_files(PROSE, files, shortened=True)] == ["answer-3.md", "Answer.md", "answer-2.md"]


def test_the_file_of_a_whole_answer_takes_the_place_of_code_that_it_has_too_and_else_it_is_said_whose():
    pictures = [File(f"{number}.png", "image/png", b"x") for number in range(9)]
    code, last = File("a.py", "text/plain", b"x\n", told=True), File("9.png", "image/png", b"x")
    shown = [shorten_answer(PROSE, render_pages, [*pictures, one])[-1] for one in (code, last)]

    assert [one.name for one in list_files(PROSE, [code, *pictures], shortened=True)][1:] == [
        one.name for one in pictures
    ]
    assert [one.name for one in list_files(PROSE, [*pictures, last], shortened=True)][1:] == [
        one.name for one in pictures
    ]
    assert ["Not attached, for an answer has at most 10 files: `9.png`." in one for one in shown] == [False, True]


def test_files_that_could_not_be_attached_are_told_in_words_that_the_text_lacks():
    table, code = File("a.csv", "text/csv", b"1,2\n"), File("b.py", "text/plain", b"x\n", told=True)

    assert explain_unattached("All.", [table, code], "no room") == append_note(
        "All.\n\n```\n1,2\n```", "I could not attach `a.csv`, `b.py`: no room."
    )
