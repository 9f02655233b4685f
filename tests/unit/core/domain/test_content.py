"""What each kind of content tells of itself: words, its form in the API, the most tokens. Tests core.domain.content."""

from core.domain.content import FRAME, IMAGE_TOKENS, Document, Image, Uploaded

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


def test_what_is_uploaded_is_told_by_its_id_and_otherwise_as_before():
    uploaded = Document("plan.pdf", 3, 500, "", Uploaded("file_1", 6))
    picture = Image("plan.png", "image/png", 40, 30, "", Uploaded("file_2", 1_234))

    assert uploaded.build_block() == {
        "type": "document",
        "source": {"type": "file", "file_id": "file_1"},
        "title": "plan.pdf",
    }
    assert picture.build_block() == {"type": "image", "source": {"type": "file", "file_id": "file_2"}}
    assert picture.words == "[plan.png, image/png, 40 x 30 pixels, 1,234 bytes]"
    assert (uploaded.words, uploaded.tokens_bound) == (PLAN.words, PLAN.tokens_bound)
