"""Event decoder: the server-sent events of a stream of Claude's, also as gateways send them that are less strict."""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic_core import from_json

from core.claude.streams.accumulator import ENDINGS

Event: TypeAlias = Mapping[str, Any]
"""What an event tells, as it came."""
MakeError: TypeAlias = Callable[[str, object], Exception]
"""Makes the error that an event tells, of its words and its body."""

LINE_FEED = b"\n"
END = b"\n\n"  # of an event, once all lines end alike


class EventDecoder:
    """Decodes one stream, all events of a piece of it at once, in time that grows with its length however it is cut.

    It reads what the SDK's decoder leaves out or fails at: events without a name, which are named after the type in
    their data, bytes that are no UTF-8, and whole messages in place of a stream. Pings are left out.
    """

    def __init__(self, make_error: MakeError) -> None:
        self._make_error = make_error
        self._begun: list[bytes] = []
        """The pieces of an event whose end has not come."""
        self._returned = False
        """The last piece ended with a carriage return: a line feed that follows belongs to it."""
        self._whole = False
        """It goes on as a message and no stream."""
        self.told = 0
        """How many events there were."""

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end with the next piece of the stream.

        Raises the error that one tells; ValueError or RecursionError for one that can't be read.
        """
        piece = self._unify_line_ends(piece)
        between = piece.startswith(LINE_FEED) and bool(self._begun) and self._begun[-1].endswith(LINE_FEED)
        if piece:
            self._begun.append(piece)
        if self._whole or not (between or END in piece):
            return
        *events, rest = b"".join(self._begun).split(END)
        self._begun = [rest] if rest else []
        for position, event in enumerate(events):
            if _begins_message(event):
                self._whole, self._begun = True, [END.join([*events[position:], rest])]
                return
            yield from self._decode(event)

    def end(self) -> Iterator[Event]:
        """The events of a message that came whole. What is cut off within an event is none."""
        rest = b"".join(self._begun)
        if _begins_message(rest):
            yield from self._read(b"message", _parse_json(rest.removeprefix(BOM_UTF8)))

    def _unify_line_ends(self, piece: bytes) -> bytes:
        """With line feeds alone: the end of a line may be one, or a carriage return, or both."""
        if self._returned:
            piece = piece.removeprefix(LINE_FEED)
        self._returned = piece.endswith(b"\r")
        return piece.replace(b"\r\n", LINE_FEED).replace(b"\r", LINE_FEED) if b"\r" in piece else piece

    def _decode(self, event: bytes) -> Sequence[Event]:
        name, lines = b"", []
        for line in event.removeprefix(BOM_UTF8).split(LINE_FEED):
            field, _, value = line.partition(b":")
            if field == b"data":
                lines.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        told = b"\n".join(lines)
        if name == b"ping" or not (told or name == b"error"):
            return ()
        try:
            return self._read(name, _parse_json(told))
        except ValueError:
            if name == b"error":
                words = told.decode(errors="replace")
                raise self._make_error(words, words) from None
            if name:
                raise
            return ()  # `[DONE]`, or nothing of Claude's

    def _read(self, name: bytes, body: object) -> Sequence[Event]:
        kind = name_event(body)
        if name == b"error" or kind == "error":
            raise self._make_error(str(body), body)
        if kind == "ping" or not isinstance(body, dict):
            return ()
        self.told += 1
        whole = (name == b"message" or kind == "message") and isinstance(body.get("content"), list)
        return _unfold(body) if whole else (body,)


def name_event(body: object) -> str | None:
    """The type that an event tells of itself; gateways may leave it out of an error."""
    if not isinstance(body, dict):
        return None
    return "error" if body.get("error") else body.get("type")


def _begins_message(event: bytes) -> bool:
    """Whether it is JSON: no line of an event begins so."""
    return event.removeprefix(BOM_UTF8).lstrip().startswith(b"{")


def _parse_json(told: bytes) -> object:
    """The faster parser takes all that Claude sends; the other one what only a gateway sends, or refuses it."""
    try:
        return from_json(told)
    except ValueError:
        return json.loads(told.decode(errors="replace"))


def _unfold(message: Event) -> list[Event]:
    """The events that a message would have come with that a gateway answers whole."""
    blocks = enumerate(message["content"])
    return [
        {"type": "message_start", "message": {**message, "content": []}},
        *({"type": "content_block_start", "index": index, "content_block": block} for index, block in blocks),
        {
            "type": "message_delta",
            "delta": {name: message.get(name) for name in ENDINGS},
            "usage": message.get("usage"),
        },
        {"type": "message_stop"},
    ]
