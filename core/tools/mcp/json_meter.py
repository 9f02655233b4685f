"""JSON meter: counts what reading a text as JSON takes, while the text comes in and before anybody reads it."""

import asyncio
import re

MOST = 20_000  # parts of one answer: a machine reads so many in 10 ms or so, and nothing else runs meanwhile
ESCAPES = 25  # of these in texts take as long as one part
PIECE = 65_536  # bytes that are counted without a look at what else there is to do
TOO_LARGE = "the answer is too large"
_PARTS = re.compile(rb"[,{\[]")
_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_STRING = re.compile(rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"?')
_INSIDE = re.compile(rb'"[^"\\\r\n]*+')
_LINE = re.compile(rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+(?:"(?:[^"\\]++|\\.)*+(\\?))?', re.DOTALL)


class JsonTooLarge(Exception):
    """The text has more parts than one answer may have."""


class JsonMeter:
    """Counts the values and the escapes of a JSON text, which comes in pieces.

    `events`: it is a stream of server-sent events, each of which is a text of its own.
    """

    def __init__(self, *, events: bool = False) -> None:
        self._events = events
        self._begun = b""
        """What has to stand before the next piece: the sign of a text that goes on, or the end of a line."""
        self.parts = 0
        self._escapes = 0

    def count(self, piece: bytes) -> None:
        """Take the next piece into account. Raises JsonTooLarge."""
        piece = self._begun + piece
        texts = _EVENT.split(piece) if self._events else [piece]
        for number, text in enumerate(texts):
            if number:
                self.parts = self._escapes = 0
            self._begun = self._count_text(text)
            if self.parts + self._escapes // ESCAPES > MOST:
                raise JsonTooLarge
        if self._events and not self._begun:
            self._begun = piece[len(piece.rstrip(b"\r\n")) :][-3:]

    def _count_text(self, text: bytes) -> bytes:
        """Count a piece of one text. How the next one has to begin: in a string, if this one ends in it."""
        if _INSIDE.fullmatch(text):  # nearly all of what is large
            return b'"'
        self._escapes += text.count(b"\\")
        self.parts += len(_PARTS.findall(_STRING.sub(b"", text)))
        line = text[max(text.rfind(b"\n"), text.rfind(b"\r")) + 1 :]
        found = _LINE.match(line)
        return b'"' + found[1] if found and found[1] is not None else b""


async def is_too_large(text: bytes) -> bool:
    """Whether a whole text has more parts than one answer may have."""
    meter = JsonMeter()
    if len(text) <= PIECE:  # hardly more than it may have, whatever it holds
        return False
    try:
        for at in range(0, len(text), PIECE):
            meter.count(text[at : at + PIECE])
            await asyncio.sleep(0)
    except JsonTooLarge:
        return True
    return False
