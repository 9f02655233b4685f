"""What tests ask the stand-in for Claude with: the SDK as it is, and a request to vary."""

import base64
from typing import Any

import anthropic
from anthropic.types import RawMessageStreamEvent

from tests.fakes.claude.server import ClaudeFake

HAIKU = "claude-haiku-5-5"
SONNET = "claude-sonnet-5-5"
OPUS = "claude-opus-5-5"
OLD_HAIKU = "claude-haiku-4-5"
OLD_SONNET = "claude-sonnet-4-6"
ASK: dict[str, Any] = {"model": HAIKU, "max_tokens": 1000, "messages": [{"role": "user", "content": "Hello"}]}


def client_of(fake: ClaudeFake, seconds: float = 5.0) -> anthropic.AsyncAnthropic:
    """The SDK, speaking to `fake` and trying nothing twice; it waits `seconds` for each byte."""
    return anthropic.AsyncAnthropic(api_key=fake.key, base_url=fake.url, max_retries=0, timeout=seconds)


async def streamed(client: anthropic.AsyncAnthropic, **asked: Any) -> list[RawMessageStreamEvent]:
    """The events of one answer to `ASK`, varied by `asked`."""
    request: dict[str, Any] = {**ASK, **asked, "stream": True}
    async with await client.messages.create(**request) as stream:
        return [event async for event in stream]


def user(*content: Any) -> dict[str, Any]:
    """A turn of a person's: one string, or blocks."""
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    """A turn of Claude's: one string, or blocks."""
    return {**user(*content), "role": "assistant"}


def text(words: str, ttl: str | None = None) -> dict[str, Any]:
    """A block of text, with a breakpoint if `ttl` is given."""
    return {"type": "text", "text": words} | ({"cache_control": {"type": "ephemeral", "ttl": ttl}} if ttl else {})


def base64_block(kind: str, media_type: str, content: bytes) -> dict[str, Any]:
    """An image or a document."""
    data = base64.b64encode(content).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


def said(*messages: dict[str, Any]) -> dict[str, Any]:
    """What varies a request: its messages."""
    return {"messages": list(messages)}
