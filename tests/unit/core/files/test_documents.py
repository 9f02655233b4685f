"""What is told of a PDF before it is sent, and why one is not. Tests core.files.documents."""

import pytest

from core.files.documents import LARGEST, PAGES, inspect_document
from tests.support.drawings import print_pages

WORDS = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources"
    b"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
    b"4 0 obj<</Length 32>>stream\nBT /F 9 Tf 9 9 Td (Hello) Tj ET \nendstream endobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF"
)


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
