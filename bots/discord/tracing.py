"""Calls: each request to Discord as it ends, told to the watch. The library repeats some of them; each is one call."""

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
"""What may be told of an address. The rest of it are ids, and the tokens of interactions."""

SOCKETS = {"ws", "wss"}

Outcome = Literal["ok", "limited", "failed"]


def counted(emit: Emit, api: str) -> aiohttp.TraceConfig:
    """What tells `watch` of each request that a client's session makes, below the address `api` or of a file."""
    base = URL(api).path

    async def ended(_session: object, _context: SimpleNamespace, told: aiohttp.TraceRequestEndParams) -> None:
        tell(told.method, told.url, outcome(told.response.status))

    async def failed(_session: object, _context: SimpleNamespace, told: aiohttp.TraceRequestExceptionParams) -> None:
        tell(told.method, told.url, "failed")

    def tell(verb: str, url: URL, ended: Outcome) -> None:
        if url.scheme not in SOCKETS:
            emit(PlatformCalled("discord", method(verb, url.path.removeprefix(base)), ended))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    trace.on_request_exception.append(failed)
    return trace


def method(verb: str, path: str) -> str:
    """A request's route, one of a few: `POST /webhooks/{}/{}`."""
    return f"{verb} {'/'.join(part if part in WORDS or not part else '{}' for part in path.split('/'))}"


def outcome(status: int) -> Outcome:
    """What an answer's status comes to."""
    if status == 429:
        return "limited"
    return "ok" if status < 400 else "failed"
