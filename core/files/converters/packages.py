"""Packages: the ZIP files that Office writes, recognised by what is in them, and bounded before they are unpacked.

Run by `core.files.worker`.
"""

import codecs
import io
import re
from enum import Enum
from zipfile import BadZipFile, ZipFile, ZipInfo

from core.files.converters.converted import Unreadable
from core.files.formats import ARCHIVE, LOCKED

ENTRIES = 10_000  # files in one; a deck of a thousand slides has some 4,000
UNPACKED = 400_000_000  # bytes of all of them: a sheet with a million rows of ten cells has some 300 MB
LARGE = 50_000_000  # bytes of an unpacked file, from which on it is asked how small it was packed
RATIO = 500  # bytes that one packed byte of such a file may become; DEFLATE reaches 1,032 with nothing but zeros
LISTED = 1_000_000  # bytes of the parts that say what it is
ENCRYPTED = 0x1  # a flag of an entry

TYPES, MIMETYPE, MANIFEST = "[Content_Types].xml", "mimetype", "META-INF/manifest.xml"
BROKEN = "it is a broken Office file or archive; save it anew"
BOMB = "it grows too large when it is unpacked; save a smaller one, or as PDF"
ENTITIES = "its XML defines entities of its own, which no Office program does; save it anew, or as PDF"

_PICTURE = re.compile(r"(?:word|ppt|xl)/media/[^/]+|Pictures/[^/]+")
_ENTITY = b"<!ENTITY"


class Kind(Enum):
    """What an Office file is, by the name that people know."""

    DOCX = "a Word document"
    XLSX = "an Excel workbook"
    PPTX = "a PowerPoint presentation"
    ODT = "an OpenDocument text"
    ODS = "an OpenDocument spreadsheet"
    ODP = "an OpenDocument presentation"


_CONTENT_TYPES = {
    rb'"application/vnd\.(?:openxmlformats-officedocument\.wordprocessingml|ms-word)\.[\w.]*main\+xml"': Kind.DOCX,
    rb'"application/vnd\.(?:openxmlformats-officedocument\.spreadsheetml|ms-excel)\.[\w.]*main(?:\+xml)?"': Kind.XLSX,
    rb'"application/vnd\.(?:openxmlformats-officedocument\.presentationml|ms-powerpoint)\.[\w.]*main\+xml"': Kind.PPTX,
}
_MIMETYPES = {
    b"application/vnd.oasis.opendocument.text": Kind.ODT,
    b"application/vnd.oasis.opendocument.spreadsheet": Kind.ODS,
    b"application/vnd.oasis.opendocument.presentation": Kind.ODP,
}


def open_package(content: bytes) -> ZipFile:
    """A ZIP file that is not too much to unpack. Raises Unreadable."""
    try:
        package = ZipFile(io.BytesIO(content))
    except (BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise Unreadable(BROKEN) from error
    entries = package.infolist()
    if len(entries) > ENTRIES or sum(one.file_size for one in entries) > UNPACKED or any(map(_is_bomb, entries)):
        raise Unreadable(BOMB)
    if any(one.flag_bits & ENCRYPTED for one in entries):
        raise Unreadable(LOCKED)
    return package


def recognise_package(package: ZipFile) -> Kind:
    """What an Office file is. Raises Unreadable for an archive, and for a file with a password."""
    names = set(package.namelist())
    if TYPES in names:
        types = _read_part(package, TYPES)
        found = next((kind for named, kind in _CONTENT_TYPES.items() if re.search(named, types)), None)
    else:
        named = _read_part(package, MIMETYPE).strip().removesuffix(b"-template") if MIMETYPE in names else b""
        found = _MIMETYPES.get(named)
    if found is None:
        raise Unreadable(ARCHIVE)
    if MANIFEST in names and b"encryption-data" in _read_part(package, MANIFEST):
        raise Unreadable(LOCKED)
    return found


def refuse_entities(package: ZipFile) -> None:
    """Raise Unreadable where XML defines what it is to be replaced by, for that is how a bomb is made."""
    for name in package.namelist():
        if name.endswith((".xml", ".rels")):
            content = package.read(name)
            utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            if _ENTITY in (content.replace(b"\0", b"") if utf16 else content):
                raise Unreadable(ENTITIES)


def count_pictures(package: ZipFile) -> int:
    """How many pictures are in it, those of its templates too."""
    return sum(bool(_PICTURE.fullmatch(name)) for name in package.namelist())


def _is_bomb(entry: ZipInfo) -> bool:
    return entry.file_size > LARGE and entry.file_size > RATIO * entry.compress_size


def _read_part(package: ZipFile, name: str) -> bytes:
    with package.open(name) as part:
        return part.read(LISTED)
