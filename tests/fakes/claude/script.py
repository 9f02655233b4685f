"""What a test tells the stand-in for Claude to say, and the ways in which it can go wrong."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.claude.schemas import compose

How = Literal["error", "reset", "close", "eof", "silence", "garbage", "headless"]
StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
]


@dataclass(frozen=True, slots=True)
class Gate:
    """Holds a stream back before its event number `after`, until `opened` is set; `reached` tells that it waits."""

    after: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Break:
    """How an answer goes wrong instead of sending its event number `after`.

    `error` sends an SSE error of `type` and ends; `reset` is a TCP reset; `close` ends the connection in the
    middle of the body; `eof` ends the body as if it were whole. `silence` sends nothing for `seconds`,
    `garbage` sends `line`, and both go on as if nothing had happened. `headless` leaves out message_start.
    At 0 only the status is out.
    An answer in JSON knows `silence`, before it, and `reset`, in its middle; there, the others are `close`.
    """

    how: How
    after: int = 0
    type: str = "overloaded_error"
    message: str = "Overloaded"
    seconds: float = float("inf")
    line: str = 'event: content_block_delta\ndata: {"type": \n\n'


@dataclass(frozen=True, slots=True)
class Pages:
    """Where something stands: the pages `first` to `last` of the document at `index` in the request."""

    index: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of an answer that is a text block of its own, with what it cites; `early`, that comes before its text.

    A page of the web is cited by its address.
    """

    text: str
    cites: tuple[Pages | str, ...] = ()
    early: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Code that Claude runs: the command, what it prints, and the files that it makes: name, media type and bytes.

    One that `lists` prints the names of the files in its container; one that `fails` has an error code.
    """

    command: str = "python plot.py"
    stdout: str = ""
    makes: tuple[tuple[str, str, bytes], ...] = ()
    lists: bool = False
    fails: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """Claude searches the web. `held`, the answer ends before the result is there: it comes with the next one."""

    query: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """Claude reads a page of the web; `held` as with a search."""

    url: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of Claude's: `thinking`, then `text` in deltas of `chunk` characters, then `blocks` as given.

    `code` runs before its text, where the request lets it; what `ran`, and in which container, follows from that.

    With `passages` in place of `text` it cites documents, where the request lets it; else they are one text. Amid them
    it uses the web, as far as the request has the tools for it.

    It is cut where the request says: at `max_tokens`, which thinking uses up too, and at a stop sequence.
    Thinking is dropped for a request that does not allow it. `delay` is in seconds, before each event;
    `first` before the first block only.
    """

    text: str = ""
    thinking: str = ""
    passages: tuple[Passage | Search | Fetch, ...] = ()
    blocks: tuple[Mapping[str, Any], ...] = ()
    code: tuple[Run, ...] = ()
    ran: tuple[Mapping[str, Any], ...] = ()
    container: Mapping[str, Any] | None = None
    stop_reason: StopReason = "end_turn"
    stop_details: Mapping[str, Any] | None = None
    stop_sequence: str | None = None
    chunk: int = 5
    delay: float = 0.0
    first: float = 0.0
    gate: Gate | None = None
    breaks: Break | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that fails before its answer begins, and is not billed. Elsewhere than at messages, `after` it happened.

    `html` is sent instead of an error in JSON, without a request id, as Cloudflare does; with status 200 it is a
    captive portal. A `status` of None resets the connection. `retry_after` is in seconds or an HTTP date.
    """

    status: int | None = 529
    type: str = "overloaded_error"
    message: str = "Overloaded"
    details: Mapping[str, Any] | None = None
    retry_after: str | None = None
    retry_after_ms: int | None = None
    should_retry: bool | None = None
    html: str | None = None
    after: bool = False

    def headers(self) -> dict[str, str]:
        """What the API says of trying again."""
        said = {
            "retry-after": self.retry_after,
            "retry-after-ms": None if self.retry_after_ms is None else str(self.retry_after_ms),
            "x-should-retry": None if self.should_retry is None else str(self.should_retry).lower(),
        }
        return {name: value for name, value in said.items() if value is not None}


def refusal(text: str = "", *, category: str | None = "cyber", explanation: str | None = None) -> Answer:
    """Claude declines, after `text` or before a word of it. With no text it is not billed."""
    details = {"type": "refusal", "category": category, "explanation": explanation}
    return Answer(text=text, stop_reason="refusal", stop_details=details)


def last_words(body: Mapping[str, Any]) -> str:
    """The text that was said last in a request body, or nothing."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content if block["type"] == "text")


def wants_form(body: Mapping[str, Any]) -> bool:
    """Whether a request wants a structured output."""
    return bool((body.get("output_config") or {}).get("format"))


def echo(body: Mapping[str, Any]) -> Answer:
    """The answer of a stand-in that was told nothing: what was said last, or the least that a schema allows."""
    if form := (body.get("output_config") or {}).get("format"):
        return Answer(text=json.dumps(compose(form["schema"])))
    return Answer(text=f"You said: {last_words(body)}")
