"""Errors of Anthropic's SDK and of its streams, classified as `ClaudeError`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import httpx2

from core.claude import sdk
from core.claude.errors import TRANSIENT, ClaudeError
from core.claude.streams.accumulator import MalformedStream, read_word
from core.domain.backoff import parse_retry_after
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
    "budget_exceeded": "spent",
    "insufficient_quota": "no credit",
}
_BY_STATUS = {401: "key", 402: "unpaid", 403: "forbidden", 404: "no model", 408: "failing", 409: "failing"}
_BY_STATUS |= {407: "proxy", 413: "too large", 429: "limited", 529: "overloaded"}
_ASIDE = frozenset({407, 408, 409, 413, 429})  # what a gateway's page tells as well as Claude would
_PAGE = re.compile(r"<(?:!doctype|html|head|title)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*([^<]{1,200})", re.IGNORECASE)
_UNSENT = httpx2.ConnectTimeout
"""An error that comes before the first byte has left: there was no way to the address."""
_PROXY = "Proxy"
"""In the names of errors, httpx2's and aiohttp's, of a proxy that lets nothing through: no byte reached the address."""
_GONE = frozenset({"file_not_found", "file_expired"})
_FILE = re.compile(
    r"\bfile[_ ](?:not[_ ]found|has expired)|\bfile_[0-9a-z]{8,}\b.*\b(?:not found|expired|deleted)|"
    r"\b(?:not found|expired|no such).*\bfile_[0-9a-z]{8,}"
)
"""How an API says, in small letters, that it has a file no more."""
LONGEST_WAIT = 30 * 24 * 3600.0  # seconds of retry-after, at most: no limit of Claude's lasts longer than its month
CONTENT = ("content filter", "content policy", "usage policy", "usage policies")
"""Words of a 400 for what was said, and not for how it was sent."""
BROKEN = (httpx2.HTTPError, httpx2.StreamError, json.JSONDecodeError, RecursionError, MalformedStream)
"""What a stream raises that breaks off, or that is none of Claude's."""


def classify_error(error: sdk.APIError, model: str) -> ClaudeError:
    """The kind of an SDK error, raised before a stream or in it before message_start.

    Until then nothing was generated, and no error is billed that the API tells; one that tells no reason may be.
    """
    if not isinstance(error, sdk.APIStatusError):
        return _classify_no_answer(error, model)
    kind = "no file" if _misses_file(error) else "rejected" if _misses_container(error) else _kind_of(error)
    detail = read_word(error, "api_message") or _first_line(error.message)
    if places := _list_places(error):
        detail = f"{detail} ({', '.join(places)})"
    if _is_page(error):
        title = _TITLE.search(error.message)
        detail = f"an HTML page{f': {title[1].strip()}' if title else ''}"
    advice = error.response.headers.get("x-should-retry")
    return ClaudeError(
        kind,
        model,
        f"{error.status_code} {read_word(error, 'type') or ''} {detail}",
        error.request_id,
        _retry_after(error.response.headers),
        transient=kind in TRANSIENT if advice not in ("true", "false") else advice == "true",
        billed=kind == "broken off",
    )


def _kind_of(error: sdk.APIStatusError) -> str:
    """By the API's word for it, else by the status. A page of HTML comes from something in between."""
    words, named = (read_word(error, "api_message") or "").lower(), read_word(error, "type")
    if "organization has been disabled" in words or "account has been disabled" in words:
        return "disabled"
    if "credit balance" in words:
        return "no credit"
    status = _read_status(error)
    page = _is_page(error) and 400 <= status < 500 and status not in _ASIDE
    if page or 300 <= status < 400:
        return "not Claude"
    if error.error_code and "spend" in error.error_code:
        return "spent"
    if named == "invalid_request_error" and (status == 400 or status < 300):
        return _classify_rejection(words)
    amid = status < 300 and _is_streamed(error) and named is None  # it tells no reason
    others = "failing" if status >= 500 else "broken off" if amid else "rejected"
    return _BY_TYPE.get(named or "", _BY_STATUS.get(status, others))


def _misses_file(error: sdk.APIStatusError) -> bool:
    """Whether a file that the request tells by its id is gone."""
    words = (read_word(error, "api_message") or "").lower()
    return error.error_code in _GONE or (error.status_code in {400, 404} and bool(_FILE.search(words)))


def _misses_container(error: sdk.APIStatusError) -> bool:
    """Whether the container that the request names is gone, or not of this kind: a new one will do."""
    words = (read_word(error, "api_message") or "").lower()
    return error.status_code in {400, 404, 410} and "container" in words


def _list_places(error: sdk.APIStatusError) -> list[str]:
    """The positions of the blocks that an error is about, where it says so beside its words."""
    body = error.body if isinstance(error.body, dict) else {}
    details = body["error"].get("details") if isinstance(body.get("error"), dict) else None
    paths = details.get("paths") if isinstance(details, dict) else None
    return [one for one in paths if isinstance(one, str)] if isinstance(paths, list) else []


def _is_streamed(error: sdk.APIStatusError) -> bool:
    """Whether it is an event of an answer under way, and not a whole response."""
    return error.status_code < 300 and "json" not in error.response.headers.get("content-type", "")


def _read_status(error: sdk.APIStatusError) -> int:
    """The status, which a gateway whose answer has begun tells in the error's code."""
    named = error.body.get("error") if isinstance(error.body, dict) else None
    code = str(named.get("code")) if isinstance(named, dict) else ""
    return int(code) if error.status_code < 300 and re.fullmatch("[45][0-9]{2}", code) else error.status_code


def _classify_rejection(words: str) -> str:
    """What kind of 400 it is; the API gives its own spend limit and a too long prompt no type of their own."""
    if "too long" in words or any(f"context {end}" in words for end in ("window", "length", "limit")):
        return "too long"
    if any(sign in words for sign in CONTENT):
        return "refused"
    return "spent" if "usage limit" in words or "spend" in words else "rejected"


def _is_page(error: sdk.APIStatusError) -> bool:
    """Whether it is a proxy's or a gateway's page, not an error as the API words it."""
    if error.type is not None:
        return False
    return "html" in error.response.headers.get("content-type", "") or bool(_PAGE.search(error.message[:500]))


def _classify_no_answer(error: sdk.APIError, model: str) -> ClaudeError:
    """No answer came. Whoever could not connect sent nothing, and only such an error of aiohttp's has an `os_error`."""
    if isinstance(error, sdk.APIConnectionError):
        causes = list(_walk_causes(error))
        detail = f"{_first_line(error.message)} {error.__cause__!r}"
        if any(isinstance(one, httpx2.UnsupportedProtocol | httpx2.TooManyRedirects) for one in causes):
            return ClaudeError("not Claude", model, detail, billed=False)
        if causes and isinstance(causes[0], ValueError):
            return ClaudeError("key", model, f"it can't be sent in a header: {detail}", billed=False)
        if any(_PROXY in type(one).__name__ for one in causes):
            return ClaudeError("proxy", model, detail, transient=True, billed=False)
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
    if isinstance(error, AttributeError | TypeError):  # the SDK takes every body for an object of Claude's
        return ClaudeError("not Claude", model, f"an answer that can't be read: {type(error).__name__}")
    return ClaudeError("not Claude", model, f"{type(error).__name__}: {_first_line(str(error))}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that retry-after says, in milliseconds, in seconds, or as a date; None where it names no moment."""
    now = system_clock()
    milliseconds = parse_retry_after(headers.get("retry-after-ms"), now, LONGEST_WAIT * 1000)
    if milliseconds is not None:
        return milliseconds / 1000
    return parse_retry_after(headers.get("retry-after"), now, LONGEST_WAIT)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:300]
