"""Word documents. Tests core.files.converters.word, core.files.converters.office."""

import pytest

from core.files.converters.converted import Words
from core.files.converters.office import convert_office
from core.files.converters.word import convert_document
from tests.support.documents import write_docx

pytestmark = pytest.mark.slow


def test_headings_lists_and_tables_are_kept_and_pictures_counted():
    assert convert_office(write_docx()) == Words(
        "# Plan\n\nWe move in May.\n\n- pack\n- drive\n\n| what | EUR |\n| --- | --- |\n| rent | 900 |\n\n"
        "[1 picture in this file is left out.]",
        "a Word document",
    )


def test_comments_are_told_and_nothing_is_escaped():
    def build(document):
        paragraph = document.add_paragraph("snake_case *and* stars")
        document.add_comment(paragraph.runs, text="Really?", author="Bob", initials="B")

    said = convert_document(write_docx(build)).text

    assert "snake_case *and* stars" in said
    assert "Really?" in said


def test_a_document_of_ten_megabytes_is_converted():
    words = "The quick brown fox jumps over the lazy dog. " * 1_000

    said = convert_document(write_docx(lambda document: [document.add_paragraph(words) for _ in range(230)])).text

    assert len(said) > 10_000_000
