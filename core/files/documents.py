"""Documents: how many pages a PDF has, and how much text. Run by `core.files.worker`, for a hostile one takes long."""

import io

from pypdf import PdfReader
from pypdf.errors import PyPdfError

PAGES = 100  # of one document: no model takes fewer
LARGEST = 32_000_000  # bytes of one, for Claude's API


def inspect_document(content: bytes) -> dict[str, object]:
    """What there is to say of a PDF: its pages and the bytes of their text; else the problem."""
    if len(content) > LARGEST:
        return {"problem": f"a PDF may have {LARGEST // 1_000_000} MB at most; send the pages that matter"}
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            return {"problem": "it has a password; save it without one"}
        if (pages := len(reader.pages)) > PAGES:
            return {"problem": f"it has {pages:,} pages, and I read up to {PAGES}; send those that matter"}
        if not pages:
            return {"problem": "it has no pages"}
        text = sum(len(page.extract_text().encode(errors="replace")) for page in reader.pages)
    except (PyPdfError, ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError):
        return {"problem": "it is a broken PDF; save it anew"}  # the library raises any of these for one
    return {"type": "application/pdf", "pages": pages, "text": text}
