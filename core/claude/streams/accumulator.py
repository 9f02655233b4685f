"""Message accumulator: a message of Claude's out of the events of its stream, or of a gateway that leaves some out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.claude.citations import Citation, CitationCollector, cite_web_page
from core.domain.tools import find_flaw
from core.domain.usage import Usage
from core.prompting.activities import describe_hosted
from core.prompting.file_names import clean_attached_name

GROWING = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("input", "partial_json"),
}
"""Which words of its block each kind of delta adds to, and under which name it has them."""
ENDINGS = ("stop_reason", "stop_sequence", "stop_details", "container")
"""What the end of a message tells of why it ended, and where its code ran."""
THINKING = {"type": "thinking", "thinking": "", "signature": ""}  # a block of it, of which nothing has come
BOUNDED = ("text", "thinking", "tool_use", "server_tool_use")
"""Kinds of blocks all of whose words come through the stream."""
MOST_TOKENS = 100_000_000  # a hundred times what a model reads at once; a gateway's larger count is none
MOST_PAGES = 100_000  # of a document: a gateway's larger number is none
CITATION = 64  # tokens, at most, by which Claude says where something stands; the words that it cites are not billed
AFTER_END = 500  # tokens that Claude may still write, and bill, before it notices that nobody listens any more


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document that Claude was shown; `url` is that of a page of the web, else it is empty."""

    title: str
    url: str


class MalformedStream(Exception):
    """Events that no message of Claude's is made of."""


@dataclass(frozen=True, slots=True)
class UsageBound:
    """The most that a request can have used: of its prompt what was told, if it was, and of output what can be."""

    prompt: Usage | None
    output: int


@dataclass(slots=True)
class _Building:
    """A block and the pieces that came for it, by what they are pieces of."""

    block: dict[str, Any]
    pieces: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def kind(self) -> str:
        return str(read_field(self.block, "type"))

    def join(self, name: str) -> str:
        """The words of that name so far."""
        return str(read_field(self.block, name) or "") + "".join(self.pieces[name])

    @property
    def written(self) -> int:
        """Bytes of what Claude wrote for it."""
        return sum(len(self.join(name).encode()) for name in ("text", "thinking", "signature", "input"))

    @property
    def found(self) -> int:
        """Bytes of what a tool found that Anthropic ran; 0 for a block of another kind."""
        told = str(read_field(self.block, "content")) if self.kind.endswith("_tool_result") else ""
        return len(told.encode("utf-8", "surrogatepass"))

    def complete(self) -> None:
        given = self.pieces.pop("input", None)
        self.block.update({name: self.join(name) for name in self.pieces})
        self.pieces.clear()
        if given is not None:
            self.block["input"] = _parse_input("".join(given))


class MessageAccumulator:
    """A message out of its stream's events. `text` is what its text blocks say so far.

    A block that nobody began or ended, a number that is used twice or missing, counts that are left out: no slip in the
    bookkeeping of a gateway loses a word. Events, blocks and the message stay as they came: no object is made of them.
    """

    def __init__(self) -> None:
        self.message: dict[str, Any] | None = None
        self.text = ""
        self.documents: list[ShownDocument] = []
        """What its citations count: the documents of the prompt, and the pages that were fetched since."""
        self._citations = CitationCollector()
        self._cited = 0
        self.output_told = False
        """The stream's end told the tokens of output; its beginning only says that there are some."""
        self._closed = False
        """A message_delta told why it ended."""
        self._ended = False
        """All its words are there: what begins behind that is the same message once more, or none of it."""
        self._asked: dict[str, Any] = {}
        """What the beginning told of the prompt; the end adds what tools that Anthropic runs brought."""
        self._activity = ""
        self.blocks: list[_Building] = []
        self._open: dict[object, _Building] = {}

    def take(self, event: Mapping[str, Any]) -> bool:
        """Whether there is more text, or a citation of it, now. An event of an unknown kind adds nothing.

        Raises MalformedStream.
        """
        try:
            return self._continue(event)
        except (AttributeError, TypeError, ValueError) as error:  # a gateway may send anything
            raise MalformedStream(f"{type(error).__name__}: {error}") from error

    def whole(self) -> dict[str, Any]:
        """The message, once its events have ended. Raises MalformedStream if there was none."""
        message = self._find_message()
        self._citations.finish(self.text)
        for building in self.blocks:
            building.complete()
        if self.blocks:  # else a gateway may have sent them all with the beginning
            message["content"] = [building.block for building in self.blocks]
        if self._ended and message.get("stop_reason") is None:
            message["stop_reason"] = "end_turn"  # it ended as a message does; only the reason was left out
        return message

    def take_activity(self) -> str:
        """What a tool that Anthropic runs has begun to do since the last call, in words; empty if none has."""
        activity, self._activity = self._activity, ""
        return activity

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What its text cites, as far as is known where."""
        return self._citations.placed

    @property
    def is_complete(self) -> bool:
        """Whether all of the message is there; what comes after that may be missing."""
        return self.message is not None and (self._ended or read_field(self.message, "stop_reason") is not None)

    def read_asked(self, ttl: str) -> Usage:
        """What the prompt has used as it was sent, without what tools that Anthropic runs brought."""
        asked = self._asked if any(one.found for one in self.blocks) else {}
        return read_usage(asked or self._find_message()["usage"], ttl)

    def bound_usage(self, max_tokens: int, ttl: str) -> UsageBound:
        """The most that the request has used, also where the stream broke off or was stopped.

        Its prompt is what message_start said, and for each result of a tool that Anthropic ran once more with what
        came, for Claude reads on behind it. No token is shorter than a byte, so the bytes of what came bound the
        output, with what Claude writes until it notices that nobody listens. Thinking that is not shown comes as its
        signature, which holds it encrypted; until that is there, as for blocks of unknown kinds, `max_tokens` is all
        that bounds the output.
        """
        if self.message is None:
            return UsageBound(None, max_tokens)
        usage = read_usage(self.message["usage"], ttl)
        prompt = usage if usage.prompt else None
        if self.output_told:
            return UsageBound(prompt, usage.output)
        prompt = self._bound_rounds(prompt, ttl) if prompt else None
        if any((one.kind not in BOUNDED and not one.found) or _hides_thinking(one) for one in self.blocks):
            return UsageBound(prompt, max_tokens)
        came = sum(one.written for one in self.blocks) + CITATION * self._cited
        later = 0 if self.is_complete else AFTER_END
        return UsageBound(prompt, min(max_tokens, max(usage.output, came + later)))

    def _bound_rounds(self, usage: Usage, ttl: str) -> Usage:
        """With what is read for each result: what is new may be written to the cache, and all before it costs again."""
        prompt, new, written, again = usage.prompt, 0, 0, 0
        for one in self.blocks:
            new += one.written + one.found
            if one.found:
                again += prompt
                written += new
                prompt, new = prompt + new, 0
        searches = sum(read_field(one.block, "name") == "web_search" for one in self.blocks)
        minutes, hour = (0, written) if ttl == "1h" else (written, 0)
        return usage + Usage(input=again, cache_write_5m=minutes, cache_write_1h=hour, web_searches=searches)

    def _find_message(self) -> dict[str, Any]:
        if self.message is None:
            raise MalformedStream("no message came")
        return self.message

    def _continue(self, event: Mapping[str, Any]) -> bool:
        kind = event.get("type")
        if kind == "message_start":
            self._begin(event.get("message"))
        elif self._ended and kind in ("content_block_start", "content_block_delta"):
            return False
        elif kind == "content_block_start":
            return self._begin_block(event.get("index"), event.get("content_block"))
        elif kind == "content_block_delta":
            delta = event.get("delta")
            return self._grow(event.get("index"), delta if isinstance(delta, dict) else {})
        elif kind == "content_block_stop":
            self._note_activity(self._open.get(event.get("index")))
            return self._citations.end_block(self.text)
        elif kind == "message_delta":
            self._close(event)
        elif kind == "message_stop":
            self._ended = True
        return False

    def _begin(self, message: object) -> None:
        """A second beginning takes nothing away from the first one, and adds no words where that has an end."""
        if not isinstance(message, dict):
            raise MalformedStream("a beginning without a message")
        usage = message.get("usage")
        if self.message is not None:
            self._ended = self._ended or self._closed
            _add_counts(self.message["usage"], usage)
            return
        self._asked = dict(usage) if isinstance(usage, dict) else {}
        self.message = {**message, "usage": dict(self._asked)}

    def _begin_block(self, index: object, told: object) -> bool:
        self._find_message()
        placed = self._citations.end_block(self.text)  # a gateway may not say that the block before has ended
        block = dict(told) if isinstance(told, dict) else {"type": "text", "text": ""}
        building = _Building(block)
        self.documents += list_documents([block])
        self.blocks.append(building)
        self._open[index] = building
        if building.kind != "text" or not (words := building.join("text")):
            return placed
        self.text += words
        self._citations.grow(self.text)
        self._note_citations(read_field(block, "citations"))
        return True

    def _grow(self, index: object, delta: Mapping[str, Any]) -> bool:
        self._find_message()
        kind = delta.get("type")
        if kind == "citations_delta":
            self._cite(index, delta)
        if kind not in GROWING:
            return False
        name, told_as = GROWING[kind]
        words = delta.get(told_as)
        if not words or (name == "input" and index not in self._open):
            return False
        if index not in self._open or (kind == "text_delta" and self._open[index].kind != "text"):
            self._begin_block(index, None if kind == "text_delta" else dict(THINKING))
        self._open[index].pieces[name].append(words)
        if kind != "text_delta":
            return False
        self.text += words
        self._citations.grow(self.text)
        return True

    def _cite(self, index: object, delta: Mapping[str, Any]) -> None:
        building = self._open.get(index)
        if building and building.kind == "text":
            citation = delta.get("citation")
            building.block["citations"] = [*(building.block.get("citations") or []), citation]
            self._note_citations([citation])

    def _note_citations(self, citations: object) -> None:
        for one in citations if isinstance(citations, list) else []:
            self._cited += 1
            if citation := read_citation(one, self.documents):
                self._citations.add(citation)

    def _note_activity(self, building: _Building | None) -> None:
        """The input of a tool is whole when its block ends."""
        if building is not None and building.kind == "server_tool_use":
            pieces = building.pieces["input"]
            name, given = read_word(building.block, "name") or "", read_field(building.block, "input")
            given = _parse_input("".join(pieces)) if pieces else given
            self._activity = describe_hosted(name, given if isinstance(given, Mapping) else {})

    def _close(self, event: Mapping[str, Any]) -> None:
        """How it ended. Counts are totals; one that is left out, or less than before, stays as it was."""
        message, delta, usage = self._find_message(), event.get("delta"), event.get("usage")
        for name in ENDINGS:
            if (value := read_field(delta, name)) is not None:
                message[name] = value
        self._closed = self._closed or read_field(delta, "stop_reason") is not None
        _add_counts(message["usage"], usage)
        none = read_field(usage, "output_tokens") == 0 and not self.text
        self.output_told = self.output_told or none or count_tokens(usage, "output_tokens") > 0


def read_usage(billed: object, ttl: str) -> Usage:
    """Every kind of token; what is left out counts as none.

    The beginning of a stream tells what was written to the cache for how long; of what is written later only the sum
    is told, and it lives as long as was asked for: `ttl`. Where the steps of one request are told beside their sum,
    as with a compaction, the sum leaves some of them out.
    """
    steps = read_field(billed, "iterations")
    steps = steps if isinstance(steps, list) else []

    def count(name: str) -> int:
        told = count_tokens(billed, name)
        return max(told, sum(count_tokens(step, name) for step in steps)) if steps else told

    written, split = count("cache_creation_input_tokens"), read_field(billed, "cache_creation")
    minutes, hour = count_tokens(split, "ephemeral_5m_input_tokens"), count_tokens(split, "ephemeral_1h_input_tokens")
    later = max(0, written - minutes - hour)
    details, tools = read_field(billed, "output_tokens_details"), read_field(billed, "server_tool_use")
    return Usage(
        input=count("input_tokens"),
        output=count("output_tokens"),
        thinking=count_tokens(details, "thinking_tokens"),
        cache_read=count("cache_read_input_tokens"),
        cache_write_5m=minutes + (later if ttl != "1h" else 0),
        cache_write_1h=hour + (later if ttl == "1h" else 0),
        web_searches=count_tokens(tools, "web_search_requests"),
    )


def list_documents(blocks: Iterable[object]) -> list[ShownDocument]:
    """The documents among the blocks of a message, in their order; a page that was fetched holds one."""
    found = []
    for block in blocks:
        fetched = read_field(block, "type") == "web_fetch_tool_result"
        result = read_field(block, "content") if fetched else None
        document = read_field(result, "content") if fetched else block
        if read_field(document, "type") == "document":
            found.append(ShownDocument(read_word(document, "title") or "", read_word(result, "url") or ""))
    return found


def read_citation(cited: object, documents: Sequence[ShownDocument] = ()) -> Citation | None:
    """Which page of the web is cited, or which pages of which of the `documents`; None for what is neither."""
    if read_field(cited, "type") == "web_search_result_location":
        return cite_web_page(read_word(cited, "url") or "", read_word(cited, "title") or "")
    index, title = read_field(cited, "document_index"), (read_word(cited, "document_title") or "").strip()
    if fetched := _find_fetched(index, title, documents):
        return cite_web_page(fetched.url, title)
    if read_field(cited, "type") != "page_location":
        return None
    first, behind = (read_field(cited, name) for name in ("start_page_number", "end_page_number"))
    if not all(isinstance(one, int) and 0 <= one <= MOST_PAGES for one in (index, first, behind)):
        return None
    name = clean_attached_name(title) if title else f"document {index + 1}"
    return Citation(index, name, first, max(first, behind - 1))


def _find_fetched(index: object, title: str, documents: Sequence[ShownDocument]) -> ShownDocument | None:
    """The page that is cited, if it is one of the web: by its number, else by its title where only that agrees."""
    at = index if isinstance(index, int) and 0 <= index < len(documents) else None
    if at is not None and documents[at].title.strip() == title:
        return documents[at] if documents[at].url else None
    return next((one for one in documents if title and one.url and one.title.strip() == title), None)


def count_tokens(counts: object, name: str) -> int:
    """A count of that name; 0 for one that is missing, or no count."""
    value = read_field(counts, name)
    return value if isinstance(value, int) and 0 < value <= MOST_TOKENS else 0


def _add_counts(counts: dict[str, Any], more: object) -> None:
    """Take over what is told later, where it is more."""
    for name, told in more.items() if isinstance(more, dict) else ():
        value = max(count_tokens(more, name), count_tokens(counts, name)) if isinstance(told, int) else told
        if value is not None:
            counts[name] = value


def _hides_thinking(building: _Building) -> bool:
    return building.kind == "thinking" and not building.join("signature")


def _parse_input(pieces: str) -> object:
    """The input of a tool; as it came where it is no object with which anything can be called."""
    try:
        given = json.loads(pieces) if pieces else {}
    except (ValueError, RecursionError):
        return pieces
    return pieces if find_flaw(given) else given


def read_field(thing: object, name: str) -> Any:
    """A field of an event, which may be missing, or of a shape that the SDK does not know."""
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)


def read_word(thing: object, name: str) -> str | None:
    """A field that is text; None for what is missing, or anything else."""
    value = read_field(thing, name)
    return value if isinstance(value, str) else None
