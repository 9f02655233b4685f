"""The web as the API's own tools read it: pages by their addresses, what is searched and fetched, and what comes back.

A page's first line is its title. What went out has to come back unchanged: `encrypted_content` is bound to its page.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.claude.blocks import Document, Message, ServerToolResult, Text, ToolResult, ToolUse
from tests.fakes.claude.refused import Refused
from tests.fakes.claude.request import Request, WebFetch, WebSearch
from tests.fakes.claude.script import Answer, Fetch, Passage, Search

ADDRESS = 250  # characters of an address that is fetched
RESULTS = 10  # of one search
BYTES = 4  # in one token

Known = dict[str, set[str]]
"""Addresses that the tools know, by what told them: `user`, or the name of a tool."""


@dataclass(slots=True)
class Turn:
    """One answer that uses the web: what it has used by now, and the addresses and documents that it knows."""

    request: Request
    pages: Mapping[str, str]
    id: str
    uses: dict[str, int] = field(default_factory=dict)
    known: Known = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    """Addresses of the documents that are counted: empty for those that were attached."""

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        for message in self.request.messages:
            for block in message.content:
                if isinstance(block, ToolUse):
                    names[block.id] = block.name
                self._read(block, message, names)

    def carry_out(self, answer: Answer) -> Iterator[Passage | Mapping[str, Any]]:
        """The passages of an answer, with the blocks of the tools that it uses; what was paused comes first."""
        for use in find_pending(self.request):
            yield self._find(use.id, use.name, use.input)
        for step in answer.passages:
            if isinstance(step, Passage):
                yield step
                continue
            name, given = ("web_search", {"query": step.query}) if isinstance(step, Search) else _fetching(step)
            self.uses[name] = self.uses.get(name, 0) + 1
            use_id = f"srvtoolu_{self.id}{sum(self.uses.values())}"
            caller = {"type": "direct"}
            yield {"type": "server_tool_use", "id": use_id, "name": name, "input": given, "caller": caller}
            if not step.held:
                yield self._find(use_id, name, given)

    def cite(self, url: str) -> Mapping[str, Any]:
        """A citation of a page that was found or fetched."""
        title, cited = _title(self.pages[url]), self.pages[url].split("\n")[-1][:150]
        if url in self.fetched:
            index = self.fetched.index(url)
            at = {"start_char_index": 0, "end_char_index": len(cited)}
            named = {"document_index": index, "document_title": title, "file_id": None}
            return {"type": "char_location", "cited_text": cited, **named, **at}
        assert url in self.known.get("web_search", set()), f"{url} was neither found nor fetched"
        location = {"url": url, "title": title, "cited_text": cited, "encrypted_index": _encrypt(url)[:40]}
        return {"type": "web_search_result_location", **location}

    def _find(self, use_id: str, name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self._search(str(given["query"])) if name == "web_search" else self._fetch(str(given["url"]))
        return {"type": f"{name}_tool_result", "tool_use_id": use_id, "content": found, "caller": {"type": "direct"}}

    def _search(self, query: str) -> Any:
        tool = find_tool(self.request, WebSearch)
        if tool.max_uses is not None and self.uses.get("web_search", 0) > tool.max_uses:
            return {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
        words = query.lower().split()
        found = [
            url for url, text in self.pages.items() if any(word in text.lower() for word in words) and allows(tool, url)
        ][:RESULTS]
        self.known.setdefault("web_search", set()).update(found)
        return [
            {
                "type": "web_search_result",
                "url": url,
                "title": _title(self.pages[url]),
                "encrypted_content": _encrypt(self.pages[url]),
                "page_age": None,
            }
            for url in found
        ]

    def _fetch(self, url: str) -> Mapping[str, Any]:
        tool = find_tool(self.request, WebFetch)
        if code := self._refuse(tool, url):
            return {"type": "web_fetch_tool_result_error", "error_code": code}
        text = self.pages[url][: (tool.max_content_tokens or 10**9) * BYTES]
        self.known.setdefault("web_fetch", set()).update(re.findall(r"https?://[^\s<>()]+", text))
        self.fetched.append(url)
        document = {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": text},
            "title": _title(text),
            "citations": tool.citations.model_dump() if tool.citations else None,
        }
        return {"type": "web_fetch_result", "url": url, "content": document, "retrieved_at": "2026-11-27T00:00:00Z"}

    def _refuse(self, tool: WebFetch, url: str) -> str | None:
        if tool.max_uses is not None and self.uses.get("web_fetch", 0) > tool.max_uses:
            return "max_uses_exceeded"
        if len(url) > ADDRESS:
            return "url_too_long"
        if not any(url in urls for source, urls in self.known.items() if _contributes(tool, source)):
            return "url_not_in_prior_context"
        if not allows(tool, url):
            return "url_not_allowed"
        return None if url in self.pages else "url_not_accessible"

    def _read(self, block: Any, message: Message, names: Mapping[str, str]) -> None:
        """What a block of the request tells of addresses and documents."""
        if isinstance(block, Document):
            self.fetched.append("")
        elif isinstance(block, Text) and message.role == "user":
            self._note("user", block.text)
        elif isinstance(block, ToolResult):
            self._note(names.get(block.tool_use_id, ""), str(block.content))
        elif isinstance(block, ServerToolResult):
            name = block.type.removesuffix("_tool_result")
            self._note(name, str(block.content))
            if isinstance(block.content, dict) and block.content.get("type") == "web_fetch_result":
                self.fetched.append(block.content["url"])

    def _note(self, source: str, text: str) -> None:
        self.known.setdefault(source, set()).update(re.findall(r"https?://[^\s<>()'\"]+", text))


def find_pending(request: Request) -> list[ToolUse]:
    """Uses of the API's own tools at the end of the last turn that have no result yet: they are carried out now."""
    last, names = request.messages[-1], {tool.name for tool in request.tools or []}
    if last.role != "assistant":
        return []
    done = {block.tool_use_id for block in last.content if isinstance(block, ServerToolResult)}
    uses = [block for block in last.content if isinstance(block, ToolUse) and block.type == "server_tool_use"]
    return [use for use in uses if use.id not in done and use.name in {"web_search", "web_fetch"} & names]


def check_results(request: Request, sent: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise 400 for what a tool of the API's own found that comes back in other words than it went out."""
    for index, message in enumerate(request.messages):
        for place, block in enumerate(message.content):
            if isinstance(block, ServerToolResult):
                known = sent.get(block.tool_use_id)
                if known is None or _strip(block.model_dump()) != _strip(known):
                    where = f"messages.{index}.content.{place}.{block.type}"
                    raise Refused(f"{where}: Invalid `encrypted_content` in `{block.type}` block")


def _strip(told: Any) -> Any:
    """Without what is null or marked."""
    if isinstance(told, Mapping):
        return {name: _strip(one) for name, one in told.items() if one is not None and name != "cache_control"}
    return [_strip(one) for one in told] if isinstance(told, list) else told


def find_tool(request: Request, kind: type[Any]) -> Any:
    """The request's tool of that kind, or None."""
    return next((tool for tool in request.tools or [] if isinstance(tool, kind)), None)


def allows(tool: WebSearch | WebFetch, url: str) -> bool:
    """Whether a tool may go to an address."""
    parts = urlsplit(url)
    place = f"{parts.hostname or ''}{parts.path}"
    if tool.allowed_domains:
        return any(_is_within(place, one) for one in tool.allowed_domains)
    return not any(_is_within(place, one) for one in tool.blocked_domains or [])


def _is_within(place: str, domain: str) -> bool:
    host, _, path = domain.partition("/")
    own, _, rest = place.partition("/")
    return (own == host or own.endswith(f".{host}")) and rest.startswith(path)


def _contributes(tool: WebFetch, source: str) -> bool:
    """Whether addresses that `source` told may be fetched."""
    if tool.url_sources is None:
        return True
    kind = {"user": "user_input", "web_search": "server_tool_results", "web_fetch": "server_tool_results"}
    chosen = tool.url_sources.model_dump().get(kind.get(source, "client_tool_results"))
    if chosen is None or chosen["type"] in ("all", "none"):
        return chosen is None or chosen["type"] == "all"
    named = source in [one["name"] for one in chosen["tools"]]
    return named if chosen["type"] == "only" else not named


def _fetching(step: Fetch) -> tuple[str, dict[str, str]]:
    return "web_fetch", {"url": step.url}


def _title(text: str) -> str:
    return text.partition("\n")[0]


def _encrypt(text: str) -> str:
    """As long as what it stands for, and of other words for another page."""
    return (sha256(text.encode()).hexdigest() * (len(text.encode()) // 64 + 1))[: max(64, len(text.encode()))]
