"""Tracing: an event for each request to Discord as it ends. The library repeats some of them; each is one call."""

from types import SimpleNamespace
from typing import Literal

import aiohttp
from yarl import URL

from core.telemetry import Emit, PlatformCalled

WORDS = frozenset(
    [
        *("@me", "@original", "applications", "attachments", "bot", "callback", "channels", "commands", "gateway"),
        *("guilds", "interactions", "members", "messages", "oauth2", "threads", "typing", "users", "webhooks"),
    ]
)
"""Parts of a path that an event may name. The rest are ids, and the tokens of interactions."""

SOCKETS = {"ws", "wss"}

Outcome = Literal["ok", "limited", "failed"]


def trace_requests(emit: Emit, api: str) -> aiohttp.TraceConfig:
    """Hooks that emit an event for each request that a client's session makes, below the address `api` or of a file."""
    base = URL(api).path

    async def note_response(_session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        emit_call(params.method, params.url, classify_status(params.response.status))

    async def note_failure(
        _session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        emit_call(params.method, params.url, "failed")

    def emit_call(verb: str, url: URL, outcome: Outcome) -> None:
        if url.scheme not in SOCKETS:
            emit(PlatformCalled("discord", format_route(verb, url.path.removeprefix(base)), outcome))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note_response)
    trace.on_request_exception.append(note_failure)
    return trace


def format_route(verb: str, path: str) -> str:
    """A request's route, one of a few: `POST /webhooks/{}/{}`."""
    return f"{verb} {'/'.join(part if part in WORDS or not part else '{}' for part in path.split('/'))}"


def classify_status(status: int) -> Outcome:
    """What an answer's status comes to."""
    if status == 429:
        return "limited"
    return "ok" if status < 400 else "failed"
