"""Word documents as Markdown: headings, lists, tables, links, notes and comments. Run by `core.files.worker`."""

import io

import mammoth  # type: ignore[import-untyped]  # it has no types

from core.files.converters.converted import Words
from core.files.converters.webpages import write_markdown

ORIGIN = "a Word document"
STYLES = "comment-reference => sup"  # comments are told, as notes are


def convert_document(content: bytes) -> Words:
    """What a Word document says; of tracked changes what stands when all are accepted."""
    page = mammoth.convert_to_html(
        io.BytesIO(content), style_map=STYLES, include_embedded_style_map=False, convert_image=_leave_out
    )
    return Words(write_markdown(page.value), ORIGIN)


def _leave_out(image: object) -> list[object]:
    """A picture is counted with the package, and told nowhere."""
    return []
