"""Documents: how many pages a PDF has, and how much text. Run by `core.files.worker`, for a hostile one takes long."""

import io

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from core.files.converters.converted import Unreadable, Words

PAGES = 100  # of one document: no model takes fewer
WORDED = 1_000  # pages of one whose words alone are read
LARGEST = 32_000_000  # bytes of one, for Claude's API


BROKEN = "it is a broken PDF; save it anew"
SCANNED = "its pages are pictures without text; attach it to a question, where Claude sees them, or send its text"
ERRORS = (PyPdfError, ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
"""The library raises any of these for a broken document."""


def inspect_document(content: bytes) -> dict[str, object]:
    """What there is to say of a PDF: its pages and the bytes of their text; else the problem."""
    try:
        reader = _open(content, PAGES)
        text = sum(len(page.extract_text().encode(errors="replace")) for page in reader.pages)
    except Unreadable as unreadable:
        return {"problem": str(unreadable)}
    except ERRORS:
        return {"problem": BROKEN}
    return {"type": "application/pdf", "pages": len(reader.pages), "text": text}


def read_document(content: bytes) -> Words:
    """The words of a PDF, page by page. Raises Unreadable."""
    try:
        texts = [page.extract_text().strip() for page in _open(content, WORDED).pages]
    except ERRORS:
        raise Unreadable(BROKEN) from None
    if not any(texts):
        raise Unreadable(SCANNED)
    numbered = (f"Page {number}\n\n{text}" for number, text in enumerate(texts, 1) if text)
    return Words("\n\n".join(numbered), "a PDF")


def _open(content: bytes, most: int) -> PdfReader:
    """A PDF of at most so many pages. Raises Unreadable, and what the library does."""
    if len(content) > LARGEST:
        raise Unreadable(f"a PDF may have {LARGEST // 1_000_000} MB at most; send the pages that matter")
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        raise Unreadable("it has a password; save it without one")
    if (pages := len(reader.pages)) > most:
        raise Unreadable(f"it has {pages:,} pages, and I read up to {most:,}; send those that matter")
    if not pages:
        raise Unreadable("it has no pages")
    return reader
