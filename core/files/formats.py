"""Formats: what a file is, by its bytes alone. Pure, and cheap: nothing is unpacked and nothing is parsed here."""

import codecs
import re
from enum import Enum

BEGINNING = 8_192  # bytes in which a page of HTML, a drawing or a mail shows that it is one
RECORDING = "I read pictures, documents and text, no sound and no video; attach what was said, or a still"
ARCHIVE = "I read pictures, documents and text, no archives; attach what is in it"
OLD_OFFICE = "I read no old Office files; save it as .docx, .xlsx or .pptx, or as PDF"
LOCKED = "it has a password; save it without one"

_MARK = rb"\s*+(?:<\?xml[^>]*+>\s*+)?(?:<!--.*?-->\s*+)*+"  # what may stand before the first element
_DOCTYPE = rb"(?:<!doctype\s+svg\b[^>\[]*+(?:\[.*?\]\s*+)?>\s*+(?:<!--.*?-->\s*+)*+)?"
_HTML = re.compile(_MARK + rb"<(?:!doctype\s+html|html|head|body)\b", re.DOTALL | re.IGNORECASE)
_SVG = re.compile(_MARK + _DOCTYPE + rb"<(?:\w+:)?svg[\s>]", re.DOTALL | re.IGNORECASE)
_HEADER = re.compile(rb"([!-9;-~]+):(?:[ \t].*)?$")
_STAMPS = {b"date", b"message-id", b"received", b"mime-version"}  # one of which stands in every mail, with `From`
_HEIF = rb"hei[cmsx]|hev[cmsx]|mif[123]|msf1"
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # an Office file with a password is one in an old container
_SHOWABLE = re.compile(rb"%PDF|\x89PNG|\xff\xd8\xff")  # what passes for a text where it is broken


class Format(Enum):
    """How a file is read: as words, or by a converter of its own."""

    TEXT = "picture or text"
    """Or nothing that is known."""
    HTML = "web page"
    SVG = "SVG drawing"
    MAIL = "mail"
    NOTEBOOK = "notebook"
    PDF = "PDF"
    PACKAGE = "Office file"
    """An Office file or an archive: what is in it says which."""
    HEIF = "HEIC picture"
    PICTURE = "picture"


TEXTS = {Format.HTML, Format.SVG, Format.MAIL, Format.NOTEBOOK}
"""Converters read these better; where they can't, the words are told as they are."""

_BEGINNINGS = {
    rb"PK\x03\x04|PK\x05\x06": Format.PACKAGE,
    rb"%PDF": Format.PDF,
    rb"\x89PNG|\xff\xd8\xff": Format.PICTURE,
    rb".{4}ftyp(?:" + _HEIF + rb")": Format.HEIF,
    rb".{4}ftypavi": Format.PICTURE,
}
_UNREAD = {
    rb"\x1f\x8b|7z\xbc\xaf|Rar!": ARCHIVE,
    rb"ID3|OggS|fLaC|RIFF.{4}(WAVE|AVI )|.{4}ftyp(?!avi|" + _HEIF + rb")|\x1a\x45\xdf\xa3": RECORDING,
}


def recognise_format(content: bytes) -> Format:
    """The format of a file. What only begins like one may still be broken, or a text."""
    for begins, found in _BEGINNINGS.items():
        if re.match(begins, content, re.DOTALL):
            return found
    head = _read_beginning(content)
    if _SVG.match(head):
        return Format.SVG
    if _HTML.match(head):
        return Format.HTML
    if head.startswith(b"{") and b'"nbformat"' in content and (b'"cells"' in content or b'"worksheets"' in content):
        return Format.NOTEBOOK
    return Format.MAIL if _is_mail(head) else Format.TEXT


def explain_unread(content: bytes) -> str:
    """Why a file is not read that is known by its beginning, and what would help; empty for all others."""
    if content.startswith(_OLE):
        return LOCKED if _ENCRYPTED in content else OLD_OFFICE
    return next((problem for begins, problem in _UNREAD.items() if re.match(begins, content, re.DOTALL)), "")


def is_showable(content: bytes) -> bool:
    """Whether it begins like a picture or a PDF, of which the words of a broken one mean nothing."""
    return bool(_SHOWABLE.match(content))


def _read_beginning(content: bytes) -> bytes:
    """The first bytes as ASCII has them, also of UTF-16 that says so."""
    head = content[:BEGINNING]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head[2:].replace(b"\0", b"")
    return head.removeprefix(codecs.BOM_UTF8).lstrip()


def _is_mail(head: bytes) -> bool:
    """Whether it begins with the headers of a mail, and nothing but headers stands before the first empty line."""
    lines = head.splitlines()
    names: set[bytes] = set()
    for line in lines[1 if head.startswith(b"From ") else 0 : -1 if len(head) >= BEGINNING else None]:
        if not line:
            break
        if line.startswith((b" ", b"\t")) and names:
            continue
        if not (header := _HEADER.match(line)):
            return False
        names.add(header[1].lower())
    return b"from" in names and bool(names & _STAMPS)
