"""How the stand-in for Claude counts tokens: a rule a test can do in its head.

A text is a token for every four bytes of UTF-8, rounded up for each block on its own, and nothing is added for a
message, so N blocks of 4 x K bytes are N x K tokens. Claude's own tokenizer differs by model and is not published.
"""

import base64
import json
import re
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.claude.blocks import Block, Document, Image, Pdf, Text, Uploaded

BYTES = 4  # in one token
IMAGE = 1_600  # tokens: an image of about 1.15 megapixels, the largest that is not scaled down
PDF_PAGE = 2_000  # tokens: the documentation says 1,500 to 3,000
CITED_PAGE = (
    100  # tokens more where it may be cited: the documentation says "slightly more", for its sentences are numbered
)
CITING, FORMING = 300, 200  # tokens of what the API adds to the prompt for citations, and for a form: "slightly more"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, as they are billed; `thinking_tokens` are part of `output_tokens`."""

    input_tokens: int
    cache_read_input_tokens: int = 0
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    web_searches: int = 0
    web_fetches: int = 0

    def described(self) -> dict[str, Any]:
        """As the API answers it (`anthropic.types.Usage`)."""
        split = {
            "ephemeral_5m_input_tokens": self.ephemeral_5m_input_tokens,
            "ephemeral_1h_input_tokens": self.ephemeral_1h_input_tokens,
        }
        return {
            "input_tokens": self.input_tokens,
            "cache_read_input_tokens": self.cache_read_input_tokens,
            "cache_creation_input_tokens": sum(split.values()),
            "cache_creation": split,
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"thinking_tokens": self.thinking_tokens},
            "server_tool_use": self._describe_tools(),
            "service_tier": "standard",
            "inference_geo": "global",
        }

    def read_again(self, more: int, ttl: str | None) -> "Usage":
        """One more step behind this one: what is cached is read, and `more` is cached for `ttl`, if anything is."""
        cached = self.cache_read_input_tokens + self.ephemeral_5m_input_tokens + self.ephemeral_1h_input_tokens
        hour, minutes = (more if ttl == "1h" else 0), (more if ttl == "5m" else 0)
        return Usage(self.input_tokens + (0 if ttl else more), cached, minutes, hour)

    def add(self, step: "Usage") -> "Usage":
        """With what one more step has read."""
        names = ("input_tokens", "cache_read_input_tokens", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
        return replace(self, **{name: getattr(self, name) + getattr(step, name) for name in names})

    def _describe_tools(self) -> dict[str, int] | None:
        if not (self.web_searches or self.web_fetches):
            return None
        return {"web_search_requests": self.web_searches, "web_fetch_requests": self.web_fetches}


def tokens(text: str) -> int:
    """Tokens of `text`."""
    return -(-len(text.encode()) // BYTES)


def cut(text: str, limit: int) -> str:
    """The beginning of `text` that is at most `limit` tokens."""
    return text.encode()[: limit * BYTES].decode(errors="ignore")


def pages(pdf: bytes) -> int:
    """Pages of a PDF whose page objects are not compressed; at least one."""
    return max(1, len(re.findall(rb"/Type\s*/Page\b", pdf)))


def block_tokens(block: Block) -> int:
    """Tokens of one block of a message."""
    match block:
        case Text(text=text):
            return tokens(text)
        case Image():
            return IMAGE
        case Document(source=(Pdf() | Uploaded()) as source, citations=citations):
            page = PDF_PAGE + (CITED_PAGE if citations and citations.enabled else 0)
            content = source.held.content if isinstance(source, Uploaded) else base64.b64decode(source.data)
            return page * pages(content)
        case _:
            return tokens(canonical(block.model_dump(exclude_none=True)))


def canonical(part: dict[str, Any]) -> str:
    """A block or a tool as the prompt sees it: without its breakpoint, which is no part of the prefix."""
    return json.dumps({name: value for name, value in part.items() if name != "cache_control"}, ensure_ascii=False)
