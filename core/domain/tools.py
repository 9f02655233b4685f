"""Tools: what Claude may use while it answers, the calls that it makes, and what comes of each."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from core.domain.content import FRAME, Document, Image, Text
from core.domain.messages import MadeFile
from core.domain.models import CITATIONS, Model

CODE_TOOL = "code_execution"  # the tool with which Claude runs code, as the Messages API calls it
WEB = ("web_search", "web_fetch")  # tools that bring pages of the web
NOTE_TOOL = "propose_note"  # the tool with which Claude proposes notes of a channel
ASKS_EACH_TIME = frozenset({NOTE_TOOL})  # tools that nobody lets act in a whole thread
DEEPEST = 100  # objects and lists within each other that arguments may have: libraries give up from 255 on
UNREAD = (
    f"The arguments of this call can't be read, so nothing was done: they are no JSON object, or nested deeper than "
    f"{DEEPEST} levels. Call it again with a flatter object."
)
PREAMBLE = 1_000  # tokens, at most, that the API's own words about tools take in a prompt that has any


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as Claude is told of it; `body` is its entry in the Messages API's `tools`.

    Anthropic runs those whose entry names a type, we run the others.
    """

    name: str
    body: Mapping[str, Any] = field(compare=False)
    acts: bool = False
    """It changes something outside, so it asks a person first."""
    capability: str = ""
    """What a model has to have for it, as the Models API calls that; empty where every model does."""
    results_bound: int = 0
    """Tokens of results that are set aside for one request, where Anthropic runs it: nobody can bound these before."""

    estimate: int = 0
    """Micro-dollars that it is taken to cost in one request beside tokens, where nobody is told what it does cost."""
    told: str = field(init=False, compare=False, repr=False)
    """The body as text, written once: each request asks how long it is, and whether it has changed."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "told", json.dumps(self.body, ensure_ascii=False))

    @property
    def hosted(self) -> bool:
        """Whether Anthropic runs it."""
        return "input_schema" not in self.body

    @property
    def priced(self) -> bool:
        """Whether it costs something beside its tokens: Anthropic asks nothing for reading a page."""
        return self.hosted and self.name != "web_fetch"

    @property
    def reads_web(self) -> bool:
        """Whether it brings pages of the web."""
        return self.hosted and self.name in WEB

    def fit(self, model: Model) -> "ToolDefinition":
        """As the model takes it: one that does not cite can't cite what a tool brings either."""
        if model.has(CITATIONS) or not self.hosted:
            return self
        return replace(self, body={name: value for name, value in self.body.items() if name != "citations"})

    @property
    def tokens_bound(self) -> int:
        """The most tokens that telling it takes: none is shorter than a byte."""
        return len(self.told.encode()) + FRAME


def bound_fetches(tools: Iterable[ToolDefinition]) -> tuple[ToolDefinition, ...]:
    """The tools of a request, of which web fetch goes only where people or search results pointed.

    What a page, code or a tool of ours says could smuggle words out in an address. The API refuses the name of a tool
    here that the request does not have.
    """
    given = tuple(tools)
    excepted = [{"type": "tool_reference", "name": one.name} for one in given if one.hosted and one.name != WEB[0]]
    return tuple(
        replace(one, body={**one.body, "url_sources": {**one.body["url_sources"], **_except_results(excepted)}})
        if "url_sources" in one.body
        else one
        for one in given
    )


def _except_results(tools: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {"server_tool_results": {"type": "except", "tools": list(tools)}}


@dataclass(frozen=True, slots=True)
class Container:
    """The machine at Anthropic in which the code of one thread runs, with the files that it made there."""

    id: str
    expires_at: datetime | None = None
    """Until then it surely runs; after that it may be started once more, or be gone."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A use of a tool that Claude asks us for; `id` is Claude's name for it."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    flaw: str = field(default="", compare=False)
    """Why nobody can carry it out, for Claude, where its arguments could not be read."""

    @property
    def digest(self) -> str:
        """The same for the same tool with the same arguments."""
        told = json.dumps([self.tool, self.arguments], sort_keys=True, ensure_ascii=False)
        return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def find_flaw(arguments: object) -> str:
    """Why nothing can be called with these; empty for an object that can be written, kept and sent."""
    if not isinstance(arguments, Mapping):
        return UNREAD
    layer: list[object] = [arguments]
    for _ in range(DEEPEST):
        parts = (one.values() if isinstance(one, Mapping) else one for one in layer if isinstance(one, Mapping | list))
        layer = [inner for values in parts for inner in values if isinstance(inner, Mapping | list)]
        if not layer:
            return ""
    return UNREAD


def drop_repeated_calls(blocks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks of a step without a call whose id another one before has: the API takes no such step back."""
    known = set[object]()
    kept = []
    for block in blocks:
        called = block.get("id") if block.get("type") == "tool_use" else None
        if called is None or called not in known:
            kept.append(block)
        known.add(called)
    return kept


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call, as Claude is told it. What others wrote is data there, never words of ours."""

    content: tuple[Text | Image | Document, ...]
    failed: bool = False
    """Claude is told that it did not do what was asked."""
    files: tuple[MadeFile, ...] = ()
    """Files that it made, which are posted with the answer."""

    @property
    def words(self) -> str:
        return "\n".join(part.words for part in self.content)


def fail_call(why: str) -> ToolResult:
    """The result of a call that failed, with why in a sentence for Claude."""
    return ToolResult((Text(why),), failed=True)
