"""Bounds: what is told of a conversation's files, each once, and no more than one request may hold. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from core.domain.content import FileContent, Files
from core.prompting.speakers import indent, leave_out_middle

SHOWN = 12_000_000  # characters in base64 that one request holds: more would hold up the event loop
ATTACHED = 200_000  # bytes told of the text files of one message, shared among them
TEXTS = 250_000  # bytes told of all text files of a conversation, which is told 300,000 bytes
MARK = 100  # bytes of a note in a text's middle, at most

FULL = FileContent(problem="newer files fill all that one request may hold; attach it again if it matters")
AGAIN = FileContent(again=True)


def bound_files(read: Files) -> Files:
    """What is told of files, oldest first: each at the first message that has it, and of all that fits the newest."""
    first: dict[str, tuple[str, str]] = {}
    for place in read:
        first.setdefault(place[1], place)
    told = _bound_newest(_share_texts({place: read[place] for place in first.values()}))
    return {place: told[place] if place in told else _repeat(told[first[place[1]]]) for place in read}


def _repeat(told: FileContent) -> FileContent:
    """What is told of a file that hangs on a later message too."""
    return AGAIN if told.shown or told.text else told


def _share_texts(read: Mapping[tuple[str, str], FileContent]) -> dict[tuple[str, str], FileContent]:
    """The texts as long as those of one message may be."""
    texts = Counter(message for (message, _), content in read.items() if content.text)
    return {
        place: _cut_text(content, ATTACHED // texts[place[0]]) if content.text else content
        for place, content in read.items()
    }


def _cut_text(content: FileContent, limit: int) -> FileContent:
    """A text whose lines have `limit` bytes at most as they are told, which is indented."""
    told = indent(content.text)
    if len(told.encode()) <= limit:
        return content
    return replace(content, text=leave_out_middle(told, limit - MARK).replace("\n  ", "\n"), cut=True)


def _bound_newest(read: Mapping[tuple[str, str], FileContent]) -> dict[tuple[str, str], FileContent]:
    bounded: dict[tuple[str, str], FileContent] = {}
    shown = texts = 0
    for place, content in reversed(list(read.items())):
        data = len(content.shown.data) if content.shown else 0
        words = len(indent(content.text).encode()) if content.text else 0
        full = bool(data and shown + data > SHOWN) or bool(words and texts + words > TEXTS)
        bounded[place] = FULL if full else content
        shown, texts = (shown, texts) if full else (shown + data, texts + words)
    return {place: bounded[place] for place in read}
