"""Client of Claude's API: requests streamed as events, tokens counted, models described. Nothing is retried here."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2

from core.claude import sdk
from core.claude.batches.message_batches import MessageBatches
from core.claude.citations import Citation
from core.claude.errors import ClaudeError
from core.claude.files import FileStorage
from core.claude.sdk_errors import BROKEN, classify_broken_stream, classify_error
from core.claude.streams.accumulator import (
    MalformedStream,
    MessageAccumulator,
    count_tokens,
    list_documents,
    read_field,
    read_usage,
    read_word,
)
from core.domain.models import CITATIONS, CODE_EXECUTION, STRUCTURED_OUTPUTS, WEB_SEARCH, Model, is_model_id
from core.domain.tools import Container, ToolCall, drop_repeated_calls, find_flaw
from core.domain.usage import Usage
from core.prompting.personas.check import EFFORTS, THINKING
from core.prompting.request import Request

if TYPE_CHECKING:
    from core.claude.streams.lenient_client import LenientAnthropic

log = logging.getLogger(__name__)

SILENCE = 120.0  # seconds between two bytes of a stream; pings come more often than that
PINGING = 3600.0  # seconds of nothing but pings: the SDK takes no answer for longer than an hour
TOLD = ("content", "citations")  # fields of a block in which the API reads null as what is left out
INPUTS = {"image": "image_input", "document": "pdf_input"}  # what a model may be shown, and the capability for it
OPTIONAL = (CITATIONS, STRUCTURED_OUTPUTS)
HOSTED = (WEB_SEARCH, CODE_EXECUTION)  # which stand among a model's server tools
COUNTED = ("model", "system", "messages", "thinking", "output_config", "cache_control", "tools")  # what counts need


@dataclass(frozen=True, slots=True)
class TextSoFar:
    """All the text that an answer has by now, and what it cites."""

    text: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Activity:
    """What Claude does meanwhile with a tool, in a few words for people."""

    words: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What one request brought: the text blocks' words, why it stopped, and what it used."""

    text: str
    stop: str
    usage: Usage
    model: str
    request: str | None
    content: list[dict[str, Any]] = field(default_factory=list)
    """The blocks as they came, to go on after a pause."""
    citations: tuple[Citation, ...] = ()
    category: str | None = None
    """Why it was refused, in the API's word."""
    bounded: bool = False
    """A budget made it shorter than it might have been."""
    geo: str | None = None
    """Where it was computed, in the API's word."""
    asked: Usage = Usage()  # noqa: RUF009  frozen
    """What its prompt has used as it was sent, without what tools that Anthropic runs brought."""
    counted: bool = True
    """Its usage was told; a gateway may leave it out."""
    stored: bool = False
    """It was the last step, and the final text is stored."""
    container: Container | None = None
    """Where its code ran."""
    flaws: Mapping[str, str] = field(default_factory=dict)
    """Why a call can't be carried out, by the ids of those whose input could not be read."""

    @property
    def calls(self) -> list[ToolCall]:
        """The tools that we are asked to use, where it stopped for that."""
        used = [one for one in self.content if one.get("type") == "tool_use"] if self.stop == "tool_use" else []
        given = ((str(one.get("id")), str(one.get("name")), one.get("input") or {}) for one in used)
        return [ToolCall(name, tool, arguments, self.flaws.get(name, "")) for name, tool, arguments in given]


class StandInTransport(httpx2.AsyncBaseTransport):
    """Answers requests in Claude's place, on this machine; `name` is the model that it answers as, and its price's."""

    name: str


class Claude:
    """A client of the Messages API. Nothing is retried here: each call is one request."""

    def __init__(
        self,
        key: str,
        base_url: str,
        transport: StandInTransport | None = None,
        silence: float = SILENCE,
        pinging: float = PINGING,
    ) -> None:
        self._stand_in = transport.name if transport else None
        self._key, self._base_url, self._transport = key, base_url, transport
        self._silence, self._pinging = silence, pinging
        self._client: LenientAnthropic | None = None
        api_key = _make_fingerprint(base_url, key)
        self.files = None if transport else FileStorage(self.open, api_key)
        """Where its files are stored; a stand-in has no such place."""
        self.batches = None if transport else MessageBatches(self.open, api_key)
        """Where requests can be given in at half the price."""

    async def open(self) -> LenientAnthropic:
        """Make the SDK's client, once. Where the SDK is not loaded yet, that is waited for beside the event loop."""
        if self._client is None:
            await sdk.load()
        if self._client is None:
            from core.claude.streams.lenient_client import make_client  # noqa: PLC0415  it loads the SDK

            self._client = make_client(
                self._key, self._base_url, self._transport, silence=self._silence, pinging=self._pinging
            )
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def name_priced_model(self, request: Request) -> str:
        """The model whose price a request has: that which is asked, unless a stand-in answers for it."""
        return self._stand_in or request.model

    async def stream(
        self, request: Request, accumulator: MessageAccumulator | None = None
    ) -> AsyncGenerator[TextSoFar | Activity | Completion, None]:
        """Send `request`; its text as it grows, whole each time, and at its end the completion. Raises ClaudeError.

        Amid these, what Claude does with tools that Anthropic runs.

        `accumulator` has what came so far, however this ends.
        """
        client, request_id, grown = await self.open(), None, False
        accumulator = accumulator or MessageAccumulator()
        accumulator.documents = list_documents(block for one in request.body["messages"] for block in one["content"])
        try:
            sent = client.make_request(request.body, request.headers)
            with client.tell_unsent(sent):
                response = await client.send(sent)
            async with aclosing(await client.open_stream(response)) as stream, aclosing(stream.read()) as read:
                request_id = stream.request_id
                async for events in read:
                    for event in events:
                        grown = accumulator.take(event) or grown
                        if words := accumulator.take_activity():
                            if grown:
                                yield TextSoFar(accumulator.text, accumulator.citations)
                            grown = False
                            yield Activity(words)
                    if grown:
                        yield TextSoFar(accumulator.text, accumulator.citations)
                    grown = False
            yield _read_completion(accumulator, request, request_id)
        except (sdk.APIError, *BROKEN, ValueError) as error:
            if grown:  # what came right before it broke
                yield TextSoFar(accumulator.text, accumulator.citations)
            if not accumulator.is_complete:
                raise _classify(error, request.model, begun=accumulator.message is not None) from error
            log.info("the stream broke after its message was whole: %r", error)
            yield _read_completion(accumulator, request, request_id)

    async def count(self, request: Request) -> int:
        """About how many tokens the prompt has; nothing is billed. Raises ClaudeError."""
        asked = {name: request.body[name] for name in COUNTED if name in request.body}
        client = await self.open()
        try:
            counted = await client.messages.count_tokens(**asked)
            if tokens := count_tokens(counted, "input_tokens"):
                return tokens
            raise MalformedStream("no count of tokens")
        except (
            sdk.APIError,
            *BROKEN,
            AttributeError,
            TypeError,
            ValueError,
        ) as error:  # a gateway may answer anything
            raise _classify(error, request.model) from error

    async def model(self, name: str) -> Model:
        """What a model can do and how long it is served. Raises ClaudeError, `no model` when there never was one."""
        client = await self.open()
        try:
            return read_model(await client.models.retrieve(name))
        except (sdk.APIError, *BROKEN, AttributeError, TypeError) as error:
            raise _classify(error, name) from error
        except ValueError as error:  # a name that no address can have
            raise ClaudeError("no model", name, str(error), billed=False) from error

    async def models(self) -> list[Model]:
        """All models that this key may use, newest first; what has no model's id is none. Raises ClaudeError."""
        found: dict[str, Model] = {}
        client = await self.open()
        try:
            pages = await client.models.list(limit=100)
            if not isinstance(read_field(pages, "data"), list):
                raise MalformedStream("no list of models")
            async for one in pages:
                name: object = read_field(one, "id")
                if name in found:  # a gateway that always answers the same page
                    break
                if isinstance(name, str) and is_model_id(name):
                    found[name] = read_model(one)
            return list(found.values())
        except (sdk.APIError, *BROKEN, AttributeError, TypeError, ValueError) as error:
            raise _classify(error, "") from error


def _make_fingerprint(base_url: str, key: str) -> str:
    """What names a key and the place where it is used, and tells neither: no id of a file is known anywhere else."""
    url = httpx2.URL(base_url)
    whole = url if url.raw_path.endswith(b"/") else url.copy_with(raw_path=url.raw_path + b"/")
    return hashlib.sha256(f"{whole} {key}".encode()).hexdigest()[:16]


def _classify(error: Exception, model: str, *, begun: bool = False) -> ClaudeError:
    """An error of the SDK's or of a stream's; after message_start (`begun`) its tokens are billed, whatever it is."""
    found = classify_error(error, model) if isinstance(error, sdk.APIError) else classify_broken_stream(error, model)
    return replace(found, billed=found.billed or begun)


def _read_completion(streamed: MessageAccumulator, asked: Request, request: str | None) -> Completion:
    """The whole message. Raises MalformedStream for what is no stream of Claude's, ClaudeError for one that broke."""
    message = streamed.whole()
    if message.get("stop_reason") is None:
        detail = "the stream ended without a stop_reason"
        raise ClaudeError("broken off", asked.model, detail, request, transient=True)
    usage, told = read_usage(message["usage"], asked.ttl), message.get("content")
    blocks = [block for block in told if isinstance(block, dict)] if isinstance(told, list) else []
    return Completion(
        text="".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text"),
        stop=str(message["stop_reason"]),
        usage=usage,
        model=read_word(message, "model") or asked.model,
        request=request,
        content=drop_repeated_calls(map(_dump_block, blocks)),
        citations=streamed.citations,
        category=read_word(message.get("stop_details"), "category"),
        geo=read_word(message["usage"], "inference_geo"),
        asked=streamed.read_asked(asked.ttl),
        counted=bool(usage.prompt and streamed.output_told),
        container=_read_container(message.get("container")),
        flaws={str(one.get("id")): flaw for one in blocks if (flaw := _find_flaw(one))},
    )


def _read_container(told: object) -> Container | None:
    """Where code ran; None for what names no container."""
    name = read_word(told, "id")
    return Container(name, _read_date(read_field(told, "expires_at"))) if name else None


def _find_flaw(block: Mapping[str, Any]) -> str:
    """Why a tool can't be called with the input of this block; empty for others, and for one without any."""
    given = block.get("input")
    return "" if given is None else find_flaw(given)


def _dump_block(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block as it goes back. What is null is left out, but the titles of what is cited, which the API wants named.

    Input that could not be read goes back as an empty object: the API takes no other kind, and nobody knows how deep
    a one.
    """
    dumped = {name: _drop_nulls(value) if name in TOLD else value for name, value in block.items() if value is not None}
    if _find_flaw(block):
        dumped["input"] = {}
    for one in dumped.get("citations") or []:
        one.setdefault("title" if one.get("type") == "web_search_result_location" else "document_title", None)
    return dumped


def _drop_nulls(told: object) -> Any:
    if isinstance(told, dict):
        return {name: _drop_nulls(value) for name, value in told.items() if value is not None}
    return [_drop_nulls(one) for one in told] if isinstance(told, list) else told


def read_model(info: sdk.types.ModelInfo) -> Model:
    """What a model can do, and how long it is served. A gateway may tell nothing of it, or anything."""
    capabilities = read_field(info, "capabilities")
    effort, thinking = read_field(capabilities, "effort"), read_field(capabilities, "thinking")
    types, tools = read_field(thinking, "types"), read_field(capabilities, "server_tools")
    return Model(
        info.id,
        count_tokens(info, "max_input_tokens") or None,
        count_tokens(info, "max_tokens") or None,
        frozenset(level for level in EFFORTS if _is_supported(effort, level)),
        frozenset(kind for kind in THINKING if _is_supported(types, kind)),
        known=effort is not None or thinking is not None,
        blind=frozenset(kind for kind, name in INPUTS.items() if _read_supported(capabilities, name) is False),
        lacks=frozenset(name for name in OPTIONAL if _read_supported(capabilities, name) is False)
        | frozenset(name for name in HOSTED if _read_supported(tools, name) is False),
        lifecycle=getattr(info, "lifecycle", None) or "active",
        retires_at=_read_date(getattr(info, "retires_at", None)),
    )


def _read_date(value: object) -> datetime | None:
    """A moment, if it is one; a gateway may write anything."""
    with suppress(ValueError):
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _is_supported(capabilities: object, name: str) -> bool:
    """Whether a capability is there; a gateway may leave any of them out."""
    return _read_supported(capabilities, name) is True


def _read_supported(capabilities: object, name: str) -> bool | None:
    """Whether a capability is there; None where that is not told."""
    supported = read_field(read_field(capabilities, name), "supported")
    return supported if isinstance(supported, bool) else None
