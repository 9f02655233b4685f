"""Documents of each format that is converted: small, real, and made by the libraries that people make them with."""

import io
import json
import zipfile
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from functools import partial

import docx
import odfdo
import pptx
from docx.document import Document
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches
from xlsxwriter import Workbook

from tests.support.drawings import draw

HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAB4AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5j"
    "bHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAACZtZGF0AAAAGigBrxOA+BDhp//8TSj/+nXPD9PMe/OikM+A"
)
"""A picture of one colour, 64 x 48 pixels, which nothing here can encode."""

SVG = b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><title>A plan</title>
<rect width="40" height="20" fill="#ff0000"/></svg>
"""
HTML = b"""<!DOCTYPE html>
<html><head><title>Plans</title><style>b { color: red }</style></head><body>
<h2>Costs</h2><ul><li>rent</li><li>food</li></ul>
<table><tr><th>what</th><th>EUR</th></tr><tr><td>rent</td><td>900</td></tr></table>
<p>See <a href="https://example.com/a">the list</a>.<img src="data:image/png;base64,AAAA" alt="a house"></p>
<script>steal()</script></body></html>
"""


def save(write: Callable[[io.BytesIO], object]) -> bytes:
    written = io.BytesIO()
    write(written)
    return written.getvalue()


def write_docx(build: Callable[[Document], object] | None = None) -> bytes:
    """A Word document with a heading, lists, a table and a picture, or what `build` makes of an empty one."""
    document = docx.Document()
    if build is not None:
        build(document)
        return save(document.save)
    document.add_heading("Plan", 1)
    document.add_paragraph("We move in May.")
    document.add_paragraph("pack", "List Bullet")
    document.add_paragraph("drive", "List Bullet")
    table = document.add_table(2, 2)
    for at, text in enumerate(("what", "EUR", "rent", "900")):
        table.cell(at // 2, at % 2).text = text
    document.add_picture(io.BytesIO(draw()))
    return save(document.save)


def write_xlsx(sheets: Mapping[str, Sequence[Sequence[object]]] | None = None) -> bytes:
    """An Excel workbook of these sheets, or of one with a price list and one that is empty."""
    written = io.BytesIO()
    with Workbook(written) as workbook:
        for name, rows in (sheets or {"Prices": [["what", "EUR"], ["rent", 900.5]], "Notes": []}).items():
            sheet = workbook.add_worksheet(name)
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    return written.getvalue()


def write_pptx(*, text: bool = True) -> bytes:
    """A presentation of two slides: bullets, notes, a table and a chart; or of one that has a picture alone."""
    deck = pptx.Presentation()
    if not text:
        deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_picture(io.BytesIO(draw()), 0, 0)
        return save(deck.save)
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Plan"
    frame = first.placeholders[1].text_frame
    frame.text = "pack"
    inner = frame.add_paragraph()
    inner.text, inner.level = "boxes", 1
    first.notes_slide.notes_text_frame.text = "Say hello."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    table = second.shapes.add_table(1, 2, 0, 0, Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "rent", "900"
    numbers = CategoryChartData()
    numbers.categories = ["May", "June"]
    numbers.add_series("EUR", (1, 2.5))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), numbers)
    return save(deck.save)


def write_odt() -> bytes:
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Header(1, "Plan"))
    document.body.append(odfdo.Paragraph("We move in May."))
    document.body.append(odfdo.List(["pack", "drive"]))
    return save(document.save)


def write_ods() -> bytes:
    document = odfdo.Document("spreadsheet")
    document.body.clear()
    table = odfdo.Table("Prices")
    table.set_value("A1", "rent")
    table.set_value("B1", 900.5)
    document.body.append(table)
    return save(document.save)


def write_odp() -> bytes:
    document = odfdo.Document("presentation")
    document.body.clear()
    page = odfdo.DrawPage("page1", name="Plan")
    page.append(odfdo.Frame.text_frame(["We move", "in May."], size=("5cm", "5cm"), position=("1cm", "1cm")))
    document.body.append(page)
    return save(document.save)


def write_mail(html: str = "", attached: bytes = b"") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada <ada@example.com>", "bob@example.com", "Grüße"
    mail["Date"] = "Fri, 20 Nov 2026 10:00:00 +0100"
    if html:
        mail.set_content(html, subtype="html")
    else:
        mail.set_content("Hello Bob,\n\nwe move in May.\n")
    if attached:
        mail.add_attachment(attached, maintype="application", subtype="pdf", filename="plan.pdf")
    return mail.as_bytes()


def write_notebook() -> bytes:
    stream = {"output_type": "stream", "name": "stdout", "text": ["3\n"]}
    shown = {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": ["<Figure>"]}}
    failed = {"output_type": "error", "ename": "E", "evalue": "x", "traceback": ["\x1b[31mE\x1b[0m: x"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Plan\n", "We add."]},
        {"cell_type": "code", "execution_count": 1, "source": "print(1 + 2)", "outputs": [stream, shown, failed]},
    ]
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": "python"}}, "cells": cells}
    ).encode()


def write_zip(parts: Mapping[str, bytes | str]) -> bytes:
    """A ZIP file of these parts."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return written.getvalue()


def replace_part(package: bytes, name: str, content: bytes) -> bytes:
    """A ZIP file with another part in the place of one."""
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        parts = {one: opened.read(one) for one in opened.namelist()}
    return write_zip(parts | {name: content})


EVERY: Mapping[str, Callable[[], bytes]] = {
    "docx": write_docx,
    "xlsx": write_xlsx,
    "pptx": write_pptx,
    "odt": write_odt,
    "ods": write_ods,
    "odp": write_odp,
    "eml": partial(write_mail, attached=b"%PDF-1.7"),
    "ipynb": write_notebook,
    "html": lambda: HTML,
    "svg": lambda: SVG,
    "heic": lambda: HEIC,
    "avif": partial(draw, kind="AVIF"),
}
"""A file of each format, by the end of its name."""
