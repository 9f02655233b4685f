"""What is told of a PDF before it is sent, and why one is not. Tests core.files.documents."""

import pytest

from core.files.converters.converted import Unreadable, Words
from core.files.documents import LARGEST, PAGES, WORDED, inspect_document, read_document
from tests.support.drawings import WORDS, print_pages


@pytest.mark.parametrize("pages", [1, PAGES])
def test_the_pages_of_a_pdf_are_counted(pages):
    assert inspect_document(print_pages(pages)) == {"type": "application/pdf", "pages": pages, "text": 0}


def test_the_bytes_of_its_text_are_counted():
    assert inspect_document(WORDS) == {"type": "application/pdf", "pages": 1, "text": len("Hello")}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (print_pages(1, password="secret"), "it has a password"),
        (print_pages(PAGES + 1), f"it has {PAGES + 1} pages"),
        (b"%PDF-1.7 and nothing behind it", "broken PDF"),
        (print_pages(1)[:200], "broken PDF"),
        (b"%PDF-1.7" + bytes(LARGEST), "32 MB at most"),
        (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 1>>endobj\ntrailer<</Root 1 0 R>>", "PDF"),
    ],
    ids=["password", "pages", "words", "cut", "large", "loop"],
)
def test_what_cannot_be_sent_says_why_in_a_clause(content, problem):
    told = inspect_document(content)

    assert problem in str(told["problem"])
    assert not str(told["problem"]).endswith(".")


def test_a_pdf_without_pages_has_none_to_show():
    assert inspect_document(print_pages(0)) == {"problem": "it has no pages"}


def test_the_words_of_a_pdf_are_read_with_the_numbers_of_their_pages():
    assert read_document(WORDS) == Words("Page 1\n\nHello", "a PDF")


@pytest.mark.parametrize(
    ("content", "why"),
    [(print_pages(2), "pictures without text"), (print_pages(WORDED + 1), "1,001 pages"), (b"%PDF-", "broken PDF")],
    ids=["scans", "too many pages", "broken"],
)
def test_a_pdf_without_words_that_can_be_read_is_refused(content, why):
    with pytest.raises(Unreadable, match=why):
        read_document(content)
