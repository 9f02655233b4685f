"""Jupyter notebooks as Markdown: cells in their order, and what they put out as text. Run by `core.files.worker`."""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.files.converters.converted import Words, write_code
from core.prompting.speakers import leave_out_middle

OUTPUT = 5_000  # bytes of one output that are told
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

Json = dict[str, Any]


def convert_notebook(content: bytes) -> Words:
    """The cells of a notebook, of version 3 on."""
    book = json.loads(content)
    sheets = book.get("worksheets") or [book]
    about = book.get("metadata") or {}
    language = (about.get("language_info") or about.get("kernelspec") or {}).get("name", "")
    language = language if re.fullmatch(r"\w+", str(language)) else ""
    cells = (cell for sheet in sheets for cell in sheet["cells"])
    return Words("\n\n".join(part for cell in cells for part in _list_parts(cell, language)), "a Jupyter notebook")


def _list_parts(cell: Json, language: str) -> Iterator[str]:
    source = _join(cell.get("source", cell.get("input", "")))
    if cell.get("cell_type") == "heading":
        yield f"{'#' * int(cell.get('level', 1))} {source}"
    elif cell.get("cell_type") != "code":
        yield source
    elif source.strip() or cell.get("outputs"):
        count = cell.get("execution_count") or cell.get("prompt_number") or " "
        yield f"In [{count}]:\n{write_code(source, language)}"
        outputs = [said for one in cell.get("outputs") or () if (said := _read_output(one).strip())]
        if outputs:
            yield "Out:\n" + write_code("\n".join(leave_out_middle(one, OUTPUT) for one in outputs))


def _read_output(output: Json) -> str:
    """What one output says. Of a picture only that there is one."""
    if output.get("output_type") == "stream":
        return _join(output.get("text", ""))
    if output.get("output_type") in ("error", "pyerr"):
        trace = COLOURS.sub("", _join(output.get("traceback", ""), "\n"))
        return trace or f"{output.get('ename')}: {output.get('evalue')}"
    shown = output.get("data") or output
    picture = next((kind for kind in ("image/png", "image/jpeg", "image/svg+xml", "png") if kind in shown), "")
    said = _join(shown.get("text/markdown") or shown.get("text/plain") or shown.get("text") or "")
    return "\n".join(part for part in (said, "(a picture, left out)" if picture else "") if part)


def _join(text: object, between: str = "") -> str:
    """Notebooks keep a text as itself, or as its lines."""
    return between.join(map(str, text)) if isinstance(text, list) else str(text)
