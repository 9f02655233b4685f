"""Offline stand-in: answers the SDK where no key is set. It is not Claude, says so, and tells what it was sent."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from core.billing.prices import read_prices, strip_date
from core.claude.client import StandInTransport
from core.domain.content import IMAGE_TOKENS
from core.prompting.asides.channel_notes import TOLD

NAME = "stand-in"
PAUSE = 0.04  # seconds a word: slow enough to be watched, and killed
BYTES_PER_TOKEN = 4


class OfflineTransport(StandInTransport):
    """A transport that answers the Messages API's requests itself, with the events that the API streams."""

    name = NAME

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return _answer_models(request.url.path.partition("/v1/models")[2].strip("/"))
        body = json.loads(await request.aread())
        if request.url.path.endswith("/count_tokens"):
            return httpx2.Response(200, json={"input_tokens": _tokens(body)})
        headers = {"content-type": "text/event-stream", "request-id": "req_standin"}
        return httpx2.Response(200, headers=headers, stream=_Events(body, self._pause))


class _Events(httpx2.AsyncByteStream):
    def __init__(self, body: dict[str, Any], pause: float) -> None:
        self._body = body
        self._pause = pause

    async def __aiter__(self) -> AsyncIterator[bytes]:
        words = re.findall(r"\S+\s*", compose_text(self._body))
        usage = {"input_tokens": _tokens(self._body), "output_tokens": 0}
        message = {"id": "msg_standin", "type": "message", "role": "assistant", "model": NAME, "content": []}
        yield _event("message_start", message=message | {"stop_reason": None, "stop_sequence": None, "usage": usage})
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for word in words:
            await asyncio.sleep(self._pause)
            yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
        yield _event("content_block_stop", index=0)
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        yield _event("message_delta", delta=delta, usage={"output_tokens": len(words)})
        yield _event("message_stop")


def compose_text(body: dict[str, Any]) -> str:
    """What the stand-in says to a request: that it is none, and what it was sent."""
    messages = body["messages"]
    newest = "\n".join(block["text"] for block in messages[-1]["content"] if block["type"] == "text")
    further = [block["text"] for block in body["system"][1:] if not block["text"].startswith(TOLD)]
    persona = further[0] if further else None
    turns = "1 turn" if len(messages) == 1 else f"{len(messages)} turns"
    return "\n\n".join(
        [
            "This is an offline **stand-in**, not Claude: no `ANTHROPIC_API_KEY` is set, so nothing left this machine.",
            f"With a key, `{body['model']}` would have been sent {turns}. The newest one says:",
            "\n".join(f"> {line}" for line in newest.splitlines()),
            f"The persona here is: *{persona}*" if persona else "No persona is set here; try `/persona set`.",
            "`/prompt` shows the whole request, and `/help` what else you can try.",
        ]
    )


def _tokens(body: dict[str, Any]) -> int:
    """About how many a prompt has."""
    shown = [block for turn in body["messages"] for block in turn["content"] if block["type"] != "text"]
    words = len(json.dumps(body)) - sum(len(json.dumps(block)) for block in shown)
    return words // BYTES_PER_TOKEN + IMAGE_TOKENS * len(shown)


def _answer_models(name: str) -> httpx2.Response:
    """The models of the price list, or the one of that name: there is no other to be sure of."""
    names = [one for one in read_prices().models if one != NAME]
    if not name:
        ends = {"first_id": names[0], "last_id": names[-1], "has_more": False}
        return httpx2.Response(200, json={"data": [_model(one) for one in names], **ends})
    if strip_date(name) in names:
        return httpx2.Response(200, json=_model(name))
    error = {"type": "not_found_error", "message": f"model: {name}"}
    return httpx2.Response(404, json={"type": "error", "error": error})


def _model(name: str) -> dict[str, Any]:
    """A model of whose capabilities nothing is known."""
    created = "1970-01-01T00:00:00Z"
    return {"type": "model", "id": name, "display_name": name, "created_at": created, "lifecycle": "active"}


def _event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()
