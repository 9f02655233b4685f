"""OpenDocument texts and presentations as Markdown. Run by `core.files.worker`; spreadsheets are read as Excel's."""

import io

from odfdo import Document, DrawPage

from core.files.converters.converted import NO_WORDS, Unreadable, Words

TEXT, PRESENTATION = "an OpenDocument text", "an OpenDocument presentation"


def convert_opendocument_text(content: bytes) -> Words:
    """Headings, paragraphs, lists, tables and notes."""
    return Words(str(Document(io.BytesIO(content)).to_markdown()), TEXT)


def convert_opendocument_slides(content: bytes) -> Words:
    """A heading for each slide, and its text. Raises Unreadable if no slide says anything."""
    pages = Document(io.BytesIO(content)).body.get_elements("draw:page")
    said = [_write_slide(one) for one in pages if isinstance(one, DrawPage)]
    if not any(said):
        raise Unreadable(NO_WORDS)
    return Words("\n\n".join(f"## Slide {at}\n\n{text}" for at, text in enumerate(said, 1)), PRESENTATION)


def _write_slide(page: DrawPage) -> str:
    lines = (line.strip() for line in page.get_formatted_text().splitlines())
    return "\n".join(line for line in lines if line)
