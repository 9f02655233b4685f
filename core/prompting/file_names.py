"""File names: kept as they are, but for what could break a line, look like a note of ours, or ping. Pure."""

import re
import unicodedata

from core.domain.messages import Attachment

NAME = 80  # characters of a name
ENDING = 16  # of them at its end, which say what it is, where it is cut
READ = 500  # characters of one that are looked at
UNNAMED = "a file"

_BROAD = re.compile(r"@(?=everyone|here|channel)", re.IGNORECASE)  # a platform may ping by these amid a word too
_MENTION = re.compile(r"(?<!\w)@")
_MARKUP = re.compile(r"[*_~`|\\]")
_UNSAFE = frozenset("[]<>")

PICTURES = ("PNG", "JPEG", "GIF", "WebP", "BMP", "TIFF", "AVIF", "HEIC")
TYPES = {
    "application/pdf": "PDF",
    "application/msword": "old Word document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word document",
    "application/vnd.oasis.opendocument.text": "OpenDocument text",
    "application/vnd.ms-excel": "old Excel workbook",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel workbook",
    "application/vnd.ms-excel.sheet.macroenabled.12": "Excel workbook",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": "Excel workbook",
    "application/vnd.oasis.opendocument.spreadsheet": "OpenDocument spreadsheet",
    "application/vnd.ms-powerpoint": "old PowerPoint slides",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint slides",
    "application/vnd.oasis.opendocument.presentation": "OpenDocument slides",
    "application/x-ipynb+json": "Jupyter notebook",
    "application/json": "JSON",
    "application/zip": "ZIP archive",
    "message/rfc822": "mail",
    "text/plain": "text",
    "text/csv": "CSV",
    "text/html": "web page",
    "text/markdown": "Markdown",
    "text/x-python": "Python code",
    "image/svg+xml": "SVG drawing",
    **{f"image/{one.lower()}": f"{one} picture" for one in PICTURES},
}
UNKNOWN = ("", "application/octet-stream")  # types that say nothing


def clean_attached_name(name: str) -> str:
    """A file's name as Claude is told it: on one line, without brackets of notes, mentions and what nobody sees."""
    looked_at = name if len(name) <= READ else name[: READ // 2] + name[-READ // 2 :]
    visible = "".join(map(_replace_character, looked_at))
    safe = _MENTION.sub("", _BROAD.sub("", " ".join(visible.split()))).strip()
    if len(safe) > NAME:
        safe = f"{safe[: NAME - ENDING - 1].rstrip()}…{safe[-ENDING:].lstrip()}"
    return safe or UNNAMED


def write_file_name(name: str) -> str:
    """A file's name in Markdown: as a code span where it has characters that mean something there, else as it is."""
    safe = clean_attached_name(name)
    return write_name_as_code(safe) if _MARKUP.search(safe) else safe


def write_name_as_code(name: str) -> str:
    """A file's name as a code span; it has no backtick, at the first of which a platform may end the span."""
    safe = clean_attached_name(name)
    return UNNAMED if safe == UNNAMED else f"`{safe.replace('`', chr(39))}`"


def describe_size(size: int) -> str:
    """A number of bytes, in kilobytes from 1,000 on: `1 byte`, `37 kB`."""
    return f"{round(size / 1000):,} kB" if size >= 1000 else f"{size} byte{'s' * (size != 1)}"


def describe_file(attachment: Attachment, name: str) -> str:
    """A file under this name, what it is and how large, as far as it is known: `plan.docx (Word document, 37 kB)`."""
    kind = attachment.type.partition(";")[0].strip().lower()
    known = "" if kind in UNKNOWN else TYPES.get(kind) or clean_attached_name(kind)
    facts = ", ".join(filter(None, (known, describe_size(attachment.size) if attachment.size > 0 else "")))
    return f"{name} ({facts})" if facts else name


def _replace_character(character: str) -> str:
    """A format character is nothing; a control, a space of any kind or what looks like a bracket is a space."""
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    unsafe = category[0] in "CZ" or not _UNSAFE.isdisjoint(unicodedata.normalize("NFKC", character))
    return " " if unsafe else character
