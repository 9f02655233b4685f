"""Message accumulator: a message of Claude's out of the events of its stream."""

import json
from collections import defaultdict
from typing import Any

from anthropic.types import (
    ContentBlock,
    Message,
    RawContentBlockDeltaEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStreamEvent,
)

GROWING = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""What each kind of delta adds words to."""


class MalformedStream(Exception):
    """Events that no message of Claude's is made of."""


class MessageAccumulator:
    """A message out of its stream's events. `text` is what its text blocks say so far.

    The SDK's own helper builds every event twice, and costs as much again as to read the stream.
    """

    def __init__(self) -> None:
        self.message: Message | None = None
        self.text = ""
        self._pieces: defaultdict[tuple[int, str], list[str]] = defaultdict(list)

    def take(self, event: RawMessageStreamEvent) -> bool:
        """Whether there is more text now. An event of an unknown kind adds nothing. Raises MalformedStream."""
        try:
            if event.type == "message_start":
                self.message = event.message
                return False
            return self._continue(event)
        except (AttributeError, IndexError, TypeError, ValueError) as error:  # a gateway may send anything
            raise MalformedStream(f"{type(error).__name__}: {error}") from error

    def whole(self) -> Message:
        """The message, once its events have ended. Raises MalformedStream if there was none."""
        if self.message is None:
            raise MalformedStream("no message came")
        return self.message

    def _continue(self, event: RawMessageStreamEvent) -> bool:
        message = self.whole()
        if event.type == "content_block_start":
            message.content.append(event.content_block)
        elif event.type == "content_block_delta":
            return self._grow(message.content[event.index], event)
        elif event.type == "content_block_stop":
            self._complete(message.content[event.index], event)
        elif event.type == "message_delta":
            _close(message, event)
        return False

    def _grow(self, block: ContentBlock, event: RawContentBlockDeltaEvent) -> bool:
        delta: Any = event.delta
        if delta.type in GROWING:
            name = GROWING[delta.type]
            self._pieces[event.index, name].append(getattr(delta, name))
        elif delta.type == "input_json_delta":
            self._pieces[event.index, "input"].append(delta.partial_json)
        elif delta.type == "citations_delta" and block.type == "text":
            block.citations = [*(block.citations or []), delta.citation]
        if delta.type != "text_delta":
            return False
        self.text += delta.text
        return True

    def _complete(self, block: ContentBlock, event: RawContentBlockStopEvent) -> None:
        """The block is whole: all its pieces are put together."""
        for index, name in [key for key in self._pieces if key[0] == event.index]:
            whole = "".join(self._pieces.pop((index, name)))
            if name == "input":
                setattr(block, name, json.loads(whole) if whole else {})
            else:
                setattr(block, name, getattr(block, name, "") + whole)


def _close(message: Message, event: RawMessageDeltaEvent) -> None:
    """How it ended. Counts are totals; one that is left out stays as it was at the start."""
    message.stop_reason = event.delta.stop_reason
    message.stop_sequence = event.delta.stop_sequence
    message.stop_details = event.delta.stop_details
    for name in event.usage.model_fields_set:
        if (count := getattr(event.usage, name)) is not None:
            setattr(message.usage, name, count)
