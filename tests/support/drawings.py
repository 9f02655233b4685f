"""Pictures of one colour and PDFs of blank pages, as people attach them."""

import io
import random

from PIL import Image
from pypdf import PdfWriter

WORDS = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources"
    b"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
    b"4 0 obj<</Length 32>>stream\nBT /F 9 Tf 9 9 Td (Hello) Tj ET \nendstream endobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF"
)


def draw(colour: str | tuple[int, int, int] = "red", kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, kind)
    return written.getvalue()


def print_pages(count: int, password: str = "") -> bytes:
    """A PDF of blank pages."""
    writer = PdfWriter()
    for _ in range(count):
        writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def print_large(size: int) -> bytes:
    """A PDF of one page, of at least so many bytes: most of them are a file within it, as of a scan."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_attachment("scan.raw", random.Random(1).randbytes(size))
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()
