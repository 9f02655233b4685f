"""Encodings: in which one the bytes of a table are written, decided for the whole file. Pure."""

import codecs
import re
from collections.abc import Iterator

from core.domain.errors import CannotAnswer
from core.files.texts import FOREIGN

UTF_8, UTF_16, LEGACY = "utf-8-sig", "utf-16", "cp1252"
NAMES = {UTF_8: "UTF-8", UTF_16: "UTF-16", LEGACY: "Windows-1252"}
PIECE = 65_536  # bytes that are looked at once, so that other threads have their turn
BY_CHANCE = 10  # letters of a code page for each pair of them that happens to be a character of UTF-8
BROKEN = "Line {:,} has a character that is not {}. Save the whole file as UTF-8 and attach it again."

_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_FOREIGN = re.compile(rb"[\x80-\xff]")


def find_encoding(content: bytes) -> str:
    """UTF-8, UTF-16 that says so, or the code page that Excel writes. Raises CannotAnswer for a mixture."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = UTF_16 if wide else UTF_8
    broken = _find_broken(content, encoding)
    if broken is None:
        return encoding
    if not wide and _is_legacy(content) and _find_broken(content, LEGACY) is None:
        return LEGACY
    raise CannotAnswer(BROKEN.format(broken, NAMES[encoding]))


def _find_broken(content: bytes, encoding: str) -> int | None:
    """The number of the first line that is not written in an encoding."""
    decoder, passed = codecs.getincrementaldecoder(encoding)(), 0
    for start, piece in _cut(content):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, final=start + PIECE >= len(content))
        except UnicodeDecodeError as error:
            return passed + content.count(b"\n", start, max(start, start - pending + error.start)) + 1
        passed += piece.count(b"\n")
    return None


def _is_legacy(content: bytes) -> bool:
    """Whether few of its letters are beyond ASCII, and hardly any of those are UTF-8: a broken UTF-8 file is none."""
    characters = foreign = 0
    for _, piece in _cut(content):
        found = _CHARACTER.findall(piece)
        characters += len(found)
        foreign += len(_FOREIGN.findall(piece)) - sum(map(len, found))
    return characters * BY_CHANCE < foreign <= FOREIGN * len(content)


def _cut(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((start, content[start : start + PIECE]) for start in range(0, len(content), PIECE))
