"""The process that reads a file answers in a line and base64.

Tests core.files.worker, core.files.conversion, core.files.converters.
"""

import base64
import io
import sys
import zipfile

import pytest

from core.domain.content import Document, Image
from core.files.conversion import HEAVY, convert_file
from tests.support.documents import EVERY, SVG, replace_part, write_docx, write_xlsx, write_zip
from tests.support.drawings import draw, print_pages

pytestmark = pytest.mark.slow


async def test_a_pdf_comes_back_as_claude_is_shown_it():
    content = print_pages(2)

    read = await convert_file("plan.pdf", content)

    assert read.shown == Document("plan.pdf", 2, 0, base64.b64encode(content).decode())


async def test_a_pdf_that_cannot_be_sent_comes_back_as_a_problem():
    read = await convert_file("plan.pdf", print_pages(1, password="secret"))

    assert "password" in read.problem
    assert read.shown is None


WORDS = {"docx": "May", "xlsx": "900.5", "pptx": "boxes", "odt": "May", "ods": "900.5", "odp": "May"} | {
    "eml": "we move", "ipynb": "print(1 + 2)", "html": "## Costs"
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
async def test_documents_come_back_as_words_that_say_what_they_were(name):
    read = await convert_file(f"plan.{name}", EVERY[name]())

    assert WORDS[name] in read.text
    assert read.origin.startswith("converted from a")
    assert (read.shown, read.problem, read.cut) == (None, "", False)


@pytest.mark.parametrize("name", ["svg", "heic", "avif"])
async def test_pictures_of_all_formats_come_back_as_pictures(name):
    read = await convert_file(f"plan.{name}", EVERY[name]())

    assert isinstance(read.shown, Image)
    assert read.shown.type in ("image/png", "image/jpeg")
    assert read.text == (SVG.decode() if name == "svg" else "")


def write_rows(count: int) -> bytes:
    """A workbook whose sheet has so many rows."""
    rows = b"".join(
        b'<row r="%d"><c r="A%d"><v>%d</v></c><c r="B%d"><v>7</v></c></row>' % ((at,) * 4) for at in range(1, count + 1)
    )
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b</sheetData></worksheet>'
    return replace_part(write_xlsx({"S": [[1]]}), "xl/worksheets/sheet1.xml", sheet % rows)


async def test_of_a_million_rows_the_first_are_told():
    read = await convert_file("plan.xlsx", write_rows(1_000_000))

    assert "| 1 | 1 | 7 |" in read.text
    assert "more rows are left out here ...]" in read.text
    assert (read.problem, read.cut) == ("", True)
    assert len(read.text) < 100_000


async def test_a_document_of_ten_megabytes_is_told_in_part():
    words = "The quick brown fox jumps over the lazy dog. " * 1_000

    read = await convert_file("plan.docx", write_docx(lambda one: [one.add_paragraph(words) for _ in range(100)]))

    assert "the middle is left out here" in read.text
    assert (read.problem, read.cut) == ("", True)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of memory")
async def test_a_sheet_whose_corners_are_far_apart_needs_too_much_memory():
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1"><v>1</v>'
        b'</c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>'
    )
    content = replace_part(write_xlsx({"S": [[1]]}), "xl/worksheets/sheet1.xml", sheet)

    assert await convert_file("plan.xlsx", content) == HEAVY


def lie_about_size(content: bytes) -> bytes:
    """A ZIP file whose entries say that they become four bytes."""
    changed = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        at = package.start_dir
        for _ in package.infolist():
            changed[at + 24 : at + 28] = b"\4\0\0\0"
            at += 46 + sum(int.from_bytes(content[at + one : at + one + 2], "little") for one in (28, 30, 32))
    return bytes(changed)


@pytest.mark.parametrize(
    "write_bomb",
    [
        lambda: lie_about_size(replace_part(write_docx(), "word/document.xml", bytes(300_000_000))),
        lambda: lie_about_size(replace_part(write_xlsx(), "xl/worksheets/sheet1.xml", bytes(300_000_000))),
        lambda: replace_part(write_docx(), "word/document.xml", b"<a>" * 300_000),
        lambda: b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"<g>" * 300_000,
        lambda: b'{"nbformat": 4, "cells": ' + b"[" * 300_000,
        lambda: write_zip({"[Content_Types].xml": bytes(1_000_000)}),
    ],
    ids=["document that lies", "sheet that lies", "deep document", "deep drawing", "deep notebook", "no types"],
)
async def test_a_bomb_costs_itself_alone_and_says_so(write_bomb):
    read = await convert_file("plan", write_bomb())

    assert read.problem
    assert not read.passing


@pytest.mark.parametrize("name", EVERY)
async def test_half_a_file_costs_itself_alone(name):
    content = EVERY[name]()

    for part in (content[: len(content) // 2], content[:-20], content[: len(content) // 2] + bytes(9) + content[-200:]):
        read = await convert_file("plan", part)
        assert read.problem or read.text or read.shown
        assert not read.passing


async def test_a_picture_loads_no_library_of_documents():
    shows = (
        "import sys; from core.files.worker import convert; convert(sys.stdin.buffer.read()); import json;"
        "print(json.dumps({'problem': ' '.join(m for m in ('bs4', 'lxml', 'mammoth', 'odfdo', 'pptx', 'pypdf', 'pi_heif', "
        "'python_calamine', 'resvg_py', 'matplotlib') if m in sys.modules) or 'none'}))"
    )

    assert (await convert_file("plan.png", draw(), worker=("-c", shows))).problem == "none"
