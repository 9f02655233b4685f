"""What each kind of content tells of itself: words, its form in the API, the most tokens. Tests core.domain.content."""

from core.domain.content import FRAME, IMAGE_TOKENS, Document

PLAN = Document("plan.pdf", 3, 500, "JVBERi0x")


def test_a_pdf_is_a_document_block_with_its_name():
    assert PLAN.build_block() == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"},
        "title": "plan.pdf",
    }


def test_a_pdf_is_read_as_its_name_and_its_pages():
    assert PLAN.words == "[plan.pdf, application/pdf, 3 pages, 6 bytes]"


def test_a_pdf_is_bound_by_an_image_of_each_page_and_its_text():
    assert PLAN.tokens_bound == 3 * IMAGE_TOKENS + 500 + FRAME
