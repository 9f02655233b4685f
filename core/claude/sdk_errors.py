"""Errors of Anthropic's SDK and of its streams, classified as `ClaudeError`."""

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

import anthropic
import httpx2

from core.claude.errors import TRANSIENT, ClaudeError
from core.claude.stream import MalformedStream
from core.domain.clock import system_clock

_BY_TYPE = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "limited",
    "api_error": "failing",
    "timeout_error": "failing",
    "billing_error": "unpaid",
    "authentication_error": "key",
    "permission_error": "forbidden",
    "not_found_error": "no model",
    "request_too_large": "too large",
    "conflict_error": "failing",
}
_BY_STATUS = {401: "key", 402: "unpaid", 403: "forbidden", 404: "no model", 408: "failing", 409: "failing"}
_BY_STATUS |= {407: "not Claude", 413: "too large", 429: "limited", 529: "overloaded"}
_ASIDE = frozenset({408, 409, 413, 429})  # what a gateway's page tells as well as Claude would
_PAGE = re.compile(r"<(?:!doctype|html|head|title)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*([^<]{1,200})", re.IGNORECASE)
_UNSENT = (httpx2.ProxyError, httpx2.ConnectTimeout)
"""Errors that come before the first byte has left: there was no way to the address."""
BROKEN = (httpx2.HTTPError, httpx2.StreamError, json.JSONDecodeError, MalformedStream)
"""What a stream raises that breaks off, or that is none of Claude's."""


def classify_error(error: anthropic.APIError, model: str) -> ClaudeError:
    """The kind of an SDK error, raised before a stream or in it."""
    if not isinstance(error, anthropic.APIStatusError):
        return _classify_no_answer(error, model)
    kind, detail = _kind_of(error), error.api_message or _first_line(error.message)
    if _is_page(error):
        title = _TITLE.search(error.response.text)
        detail = f"an HTML page{f': {title[1].strip()}' if title else ''}"
    advice = error.response.headers.get("x-should-retry")
    return ClaudeError(
        kind,
        model,
        f"{error.status_code} {error.type or ''} {detail}",
        error.request_id,
        _retry_after(error.response.headers),
        transient=kind in TRANSIENT if advice not in ("true", "false") else advice == "true",
        billed=error.status_code < 400,
    )


def _kind_of(error: anthropic.APIStatusError) -> str:
    """By the API's word for it, else by the status. A page of HTML comes from something in between."""
    words = (error.api_message or "").lower()
    if "organization has been disabled" in words or "account has been disabled" in words:
        return "disabled"
    if "credit balance" in words:
        return "no credit"
    if _is_page(error) and 400 <= error.status_code < 500 and error.status_code not in _ASIDE:
        return "not Claude"
    if error.error_code and "spend" in error.error_code:
        return "spent"
    if error.type == "invalid_request_error" and error.status_code == 400:
        return _classify_rejection(error.api_message or "")
    by_status = _BY_STATUS.get(error.status_code, "failing" if error.status_code >= 500 else "rejected")
    return _BY_TYPE.get(error.type or "", by_status)


def _classify_rejection(message: str) -> str:
    """What kind of 400 it is; the API gives its own spend limit and a too long prompt no type of their own."""
    words = message.lower()
    if "too long" in words or any(f"context {end}" in words for end in ("window", "length", "limit")):
        return "too long"
    return "spent" if "usage limit" in words or "spend" in words else "rejected"


def _is_page(error: anthropic.APIStatusError) -> bool:
    """Whether it is a proxy's or a gateway's page, not an error as the API words it."""
    if error.type is not None:
        return False
    return "html" in error.response.headers.get("content-type", "") or bool(_PAGE.search(error.message[:500]))


def _classify_no_answer(error: anthropic.APIError, model: str) -> ClaudeError:
    """No answer came. Whoever could not connect sent nothing, and only such an error of aiohttp's has an `os_error`."""
    if isinstance(error, anthropic.APIConnectionError):
        causes = list(_walk_causes(error))
        detail = f"{_first_line(error.message)} {error.__cause__!r}"
        if any(isinstance(one, httpx2.UnsupportedProtocol) for one in causes):
            return ClaudeError("not Claude", model, detail, billed=False)
        if causes and isinstance(causes[0], ValueError):
            return ClaudeError("key", model, f"it can't be sent in a header: {detail}", billed=False)
        before = any(isinstance(one, _UNSENT) or hasattr(one, "os_error") for one in causes)
        return ClaudeError("unreachable", model, detail, transient=True, billed=not before)
    return ClaudeError("not Claude", model, _first_line(error.message))


def _walk_causes(error: BaseException) -> Iterator[BaseException]:
    """What an error came from, and that from, and so on."""
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def classify_broken_stream(error: Exception, model: str) -> ClaudeError:
    """The kind of what a stream raised: the network broke it off, or a gateway sent what is none of Claude's."""
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError):
        silent = isinstance(error, httpx2.TimeoutException)
        return ClaudeError("broken off", model, repr(error), transient=True, silent=silent)
    return ClaudeError("not Claude", model, f"{type(error).__name__}: {_first_line(str(error))}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """What retry-after says, in milliseconds, in seconds, or as a date."""
    milliseconds, after = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return float(milliseconds) / 1000
        return float(after) if after is not None else None
    except ValueError:
        return _seconds_until(after)


def _seconds_until(date: str | None) -> float | None:
    try:
        return (parsedate_to_datetime(date or "") - system_clock()).total_seconds()
    except ValueError:
        return None


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:300]
