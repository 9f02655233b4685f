"""What Claude sends for one answer: content blocks, and the events of the stream that carries them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.claude.blocks import Document
from tests.fakes.claude.cache import cites
from tests.fakes.claude.models import Model
from tests.fakes.claude.request import Request, WebFetch, WebSearch
from tests.fakes.claude.script import Answer, Fetch, Pages, Passage, Search
from tests.fakes.claude.signature import signature
from tests.fakes.claude.tokens import Usage, canonical, cut, tokens
from tests.fakes.claude.web import Turn, find_tool

THINKS = ("adaptive", "enabled")
SHOWN = "summarized"


@dataclass(frozen=True, slots=True)
class Event:
    """One event, and what has been produced by then: tokens of output, and of thinking among them.

    `usage` is what has been read by then, where that is more than what was asked.
    """

    name: str
    body: Mapping[str, Any]
    output: int = 0
    thought: int = 0
    usage: Usage | None = None

    def line(self) -> bytes:
        """The event as it goes over the wire."""
        return f"event: {self.name}\ndata: {json.dumps({'type': self.name, **self.body})}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Part:
    """A content block, its deltas with the tokens produced after each, and its tokens in all.

    `found` are tokens that a tool of the API's own found: Claude reads on behind them.
    """

    whole: Mapping[str, Any]
    empty: Mapping[str, Any]
    deltas: tuple[tuple[Mapping[str, Any], int], ...]
    size: int
    found: int = 0


def fitted(answer: Answer, request: Request, model: Model) -> Answer:
    """`answer` as far as `request` lets it come: thinking, citations, stop sequences, max_tokens."""
    said = [one for one in answer.passages if isinstance(one, Passage)]
    able = cites(request) or _uses_web(answer, request)
    if answer.passages and not (able and sum(tokens(one.text) for one in said) <= request.max_tokens):
        answer = replace(answer, text="".join(one.text for one in said), passages=())
    kind = request.thinking.type if request.thinking else model.rest
    answer = answer if kind in THINKS else replace(answer, thinking="")
    found = [(at, stop) for stop in request.stop_sequences or [] if (at := answer.text.find(stop)) >= 0]
    if found:
        at, stop = min(found)
        answer = replace(answer, text=answer.text[:at], blocks=(), stop_reason="stop_sequence", stop_sequence=stop)
    room = request.max_tokens - tokens(answer.thinking)
    if room >= tokens(answer.text):
        return answer
    thinking, text = cut(answer.thinking, request.max_tokens), cut(answer.text, max(0, room))
    return replace(answer, thinking=thinking, text=text, blocks=(), stop_reason="max_tokens", stop_sequence=None)


def _uses_web(answer: Answer, request: Request) -> bool:
    """Whether an answer uses the web, and the request has the tools for it; going on after a pause is using it too."""
    kinds = {Search: WebSearch, Fetch: WebFetch}
    used = [kinds[type(one)] for one in answer.passages if not isinstance(one, Passage)]
    cited = any(isinstance(cite, str) for one in answer.passages if isinstance(one, Passage) for cite in one.cites)
    has = any(find_tool(request, kind) for kind in kinds.values())
    return has and all(find_tool(request, kind) for kind in used) and bool(used or cited)


def shows(request: Request, model: Model) -> bool:
    """Whether thinking is shown; from 4.7 on only if asked for."""
    asked = getattr(request.thinking, "display", None)
    return bool((asked or (SHOWN if model.old else "omitted")) == SHOWN)


def parts(answer: Answer, request: Request, model: Model, turn: Turn, *, shown: bool) -> list[Part]:
    """The content blocks of `answer`, which uses the web in this `turn`."""
    thinking = [_thinking(answer, model, shown=shown)] if answer.thinking else []
    text = [_text(answer)] if answer.text else []
    ran = [_given(block) for block in answer.ran]
    steps = [
        _cited(step, answer.chunk, _documents(request), turn) if isinstance(step, Passage) else _given(step)
        for step in turn.carry_out(answer)
    ]
    pending = [part for part in steps if part.found and answer.text]
    others = (step for step in steps if step not in pending)
    return [*pending, *thinking, *ran, *text, *others, *map(_given, answer.blocks)]


def usage_of(found: list[Part], asked: Usage, ttl: str | None) -> Usage:
    """What a whole answer costs; what tools find is cached for `ttl`, if it is at all."""
    thought = sum(part.size for part in found if part.whole["type"] == "thinking")
    read = list(_read_on(found, asked, ttl))[-1]
    return replace(read, output_tokens=sum(part.size for part in found), thinking_tokens=thought)


def _read_on(found: list[Part], asked: Usage, ttl: str | None) -> Iterator[Usage]:
    """What has been read before the first part and behind each: behind a result, all before it again, and it."""
    usage, before, new = asked, asked, 0
    yield usage
    for part in found:
        new += part.size + part.found
        if part.found:
            before = before.read_again(new, ttl)
            usage, new = usage.add(before), 0
            kind = str(part.whole["type"]).removesuffix("_tool_result")
            failed = isinstance(part.whole["content"], Mapping) and "error_code" in part.whole["content"]
            usage = replace(
                usage,
                web_searches=usage.web_searches + (kind == "web_search" and not failed),
                web_fetches=usage.web_fetches + (kind == "web_fetch"),
            )
        yield usage


def message(
    id: str,  # noqa: A002
    model: Model,
    answer: Answer,
    found: list[Part],
    usage: Usage,
) -> dict[str, Any]:
    """The answer in one piece (`anthropic.types.Message`), with what it has used in all."""
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model.id,
        "content": [part.whole for part in found],
        **_end(answer),
        "container": answer.container,
        "usage": usage.described(),
    }


def events(
    whole: Mapping[str, Any], answer: Answer, found: list[Part], usage: Usage, ttl: str | None
) -> Iterator[Event]:
    """`whole` as a stream. Output tokens are cumulative: message_start says 1, message_delta all of them.

    So is what was read: message_start says what was asked, and message_delta adds what was read behind each result.
    """
    reads = list(_read_on(found, usage, ttl))
    ends = dict.fromkeys(_end(answer))
    begun = {**whole, **ends, "container": None, "content": [], "usage": replace(usage, output_tokens=1).described()}
    yield Event("message_start", {"message": begun}, output=1)
    output, thought = 0, 0
    for index, part in enumerate(found):
        read = reads[index]
        begun = {"index": index, "content_block": part.empty}
        yield Event("content_block_start", begun, max(1, output), thought, read)
        if index == 0:
            yield Event("ping", {}, 1)
        thinks = part.whole["type"] == "thinking"
        for delta, size in part.deltas:
            body = {"index": index, "delta": delta}
            yield Event("content_block_delta", body, output + size, size if thinks else thought, read)
        output, thought = output + part.size, part.size if thinks else thought
        yield Event("content_block_stop", {"index": index}, output, thought, reads[index + 1])
    yield _delta(answer, usage_of(found, usage, ttl))
    yield Event("message_stop", {}, output, thought, reads[-1])


def _delta(answer: Answer, usage: Usage) -> Event:
    said = usage.described()
    for name in ("cache_creation", "service_tier", "inference_geo"):
        del said[name]
    body = {"delta": {**_end(answer), "container": answer.container}, "usage": said}
    return Event("message_delta", body, usage.output_tokens, usage.thinking_tokens, usage)


def _end(answer: Answer) -> dict[str, Any]:
    return {
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "stop_details": answer.stop_details,
    }


def _chunks(text: str, size: int) -> Iterator[tuple[str, int]]:
    """Pieces of `text`, with the tokens of all of it up to their ends."""
    for at in range(0, len(text), size):
        yield text[at : at + size], tokens(text[: at + size])


def _thinking(answer: Answer, model: Model, *, shown: bool) -> Part:
    signed = signature(model, answer.thinking)
    size = tokens(answer.thinking)
    deltas = [
        ({"type": "thinking_delta", "thinking": text}, so_far)
        for text, so_far in _chunks(answer.thinking, answer.chunk)
    ]
    return Part(
        whole={"type": "thinking", "thinking": answer.thinking if shown else "", "signature": signed},
        empty={"type": "thinking", "thinking": "", "signature": ""},
        deltas=(*(deltas if shown else []), ({"type": "signature_delta", "signature": signed}, size)),
        size=size,
    )


def _text(answer: Answer) -> Part:
    return Part(
        whole={"type": "text", "text": answer.text, "citations": None},
        empty={"type": "text", "text": "", "citations": None},
        deltas=tuple(({"type": "text_delta", "text": text}, size) for text, size in _chunks(answer.text, answer.chunk)),
        size=tokens(answer.text),
    )


def _documents(request: Request) -> list[Document]:
    """What citations count: the documents of all messages, in their order."""
    return [block for message in request.messages for block in message.content if isinstance(block, Document)]


def _cited(passage: Passage, chunk: int, documents: list[Document], turn: Turn) -> Part:
    """A text block whose citations come as deltas, each whole; the words that are cited are not billed."""
    cited = [turn.cite(one) if isinstance(one, str) else _citation(one, documents[one.index]) for one in passage.cites]
    texts = [({"type": "text_delta", "text": text}, size) for text, size in _chunks(passage.text, chunk)]
    size = tokens(passage.text)
    said = [({"type": "citations_delta", "citation": one}, 0 if passage.early else size) for one in cited]
    return Part(
        whole={"type": "text", "text": passage.text, "citations": cited or None},
        empty={"type": "text", "text": "", "citations": [] if cited else None},
        deltas=(*said, *texts) if passage.early else (*texts, *said),
        size=size,
    )


def _citation(pages: Pages, document: Document) -> dict[str, Any]:
    """`anthropic.types.CitationPageLocation`; the last page is told as the one behind it."""
    return {
        "type": "page_location",
        "cited_text": "What stands there. ",
        "document_index": pages.index,
        "document_title": document.title,
        "file_id": None,
        "start_page_number": pages.first,
        "end_page_number": pages.last + 1,
    }


def _given(block: Mapping[str, Any]) -> Part:
    size = tokens(canonical(dict(block)))
    if str(block["type"]).endswith("_tool_result"):
        return Part(whole=block, empty=block, deltas=(), size=0, found=size)
    if "input" not in block:
        return Part(whole=block, empty=block, deltas=(), size=size)
    given = block["input"] if isinstance(block["input"], str) else json.dumps(block["input"])  # as it is on the wire
    pieces = ("", given[: len(given) // 2], given[len(given) // 2 :])
    deltas = tuple(({"type": "input_json_delta", "partial_json": one}, size) for one in pieces)
    return Part(whole=block, empty={**block, "input": {}}, deltas=deltas, size=size)
