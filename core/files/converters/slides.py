"""Presentations as Markdown: a heading for each slide, its text, tables and charts, and its notes.

Run by `core.files.worker`.
"""

import io
from collections.abc import Iterable, Iterator
from typing import Any

from pptx import Presentation

from core.files.converters.converted import NO_WORDS, Unreadable, Words, write_table

ORIGIN = "a PowerPoint presentation"
DEEPEST = 10  # groups in groups
SHOWN_BY_LAYOUT = {"DATE (16)", "FOOTER (15)", "SLIDE_NUMBER (13)"}  # on every slide


def convert_slides(content: bytes) -> Words:
    """What the slides say, in their order. Raises Unreadable if that is nothing."""
    presentation = Presentation(io.BytesIO(content))
    told, said = list[str](), False
    for number, slide in enumerate(presentation.slides, 1):
        title = " ".join((slide.shapes.title.text if slide.shapes.title is not None else "").split())
        hidden = " (hidden)" if slide.element.get("show") == "0" else ""
        parts = [part for part in _list_parts(slide.shapes, slide.shapes.title) if part]
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        if notes is not None and notes.text.strip():
            parts.append(f"Notes: {notes.text.strip()}")
        told.append("\n\n".join([f"## Slide {number}{hidden}{': ' if title else ''}{title}", *parts]))
        said = said or bool(title or parts)
    if not said:
        raise Unreadable(NO_WORDS)
    return Words("\n\n".join(told), ORIGIN)


def _list_parts(shapes: Iterable[Any], title: Any, deep: int = DEEPEST) -> Iterator[str]:
    """What the shapes of a slide say, without its title. The library's shapes have no common type."""
    for shape in shapes:
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.is_placeholder and str(shape.placeholder_format.type) in SHOWN_BY_LAYOUT:
            continue
        if hasattr(shape, "shapes"):
            yield from _list_parts(shape.shapes, None, deep - 1) if deep else ()
        elif getattr(shape, "has_table", False):
            yield write_table([cell.text for cell in row.cells] for row in shape.table.rows)
        elif getattr(shape, "has_chart", False):
            yield _write_chart(shape.chart)
        elif shape.has_text_frame:
            yield _write_paragraphs(shape.text_frame, listed=shape.is_placeholder)


def _write_paragraphs(frame: Any, *, listed: bool) -> str:
    lines = [(one.level, " ".join(one.text.split())) for one in frame.paragraphs]
    said = [(level, text) for level, text in lines if text]
    if not listed or len(said) < 2:
        return "\n".join(text for _, text in said)
    return "\n".join(f"{'  ' * level}- {text}" for level, text in said)


def _write_chart(chart: Any) -> str:
    """The numbers of a chart, a row for each category."""
    title = chart.chart_title.text_frame.text if chart.has_title and chart.chart_title.has_text_frame else ""
    tables = [f"Chart: {title}".rstrip(": ")]
    for plot in chart.plots:
        series = list(plot.series)
        values = [list(one.values) for one in series]
        rows = [["", *(str(one.name) for one in series)]]
        for at, category in enumerate(plot.categories):
            rows.append([str(category), *(str(each[at]) if at < len(each) else "" for each in values)])
        tables.append(write_table(rows))
    return "\n\n".join(tables)
