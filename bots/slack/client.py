"""The Web API of one workspace: calls whose errors are classified, and that wait where Slack says so."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp
from cachetools import LRUCache, TTLCache
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from bots.slack.parse import BotIdentity, Raw
from bots.slack.streams.rules import NativeStreams
from bots.slack.throttle import Leisure, Throttle
from core.domain import backoff
from core.domain.clock import Sleep, system_clock
from core.domain.errors import (
    CannotAnswer,
    CannotShow,
    ConfabError,
    HistoryScarce,
    NoAnswer,
    PlaceClosed,
    RateLimited,
    Rejected,
    TokenRefused,
    Uncertain,
)
from core.domain.messages import ThreadKey
from core.telemetry import Emit, PlatformCalled, discard_event

BATCH = 999  # messages of one page of history; Slack gives no more
SCARCE_BATCH = 15  # to an app that is distributed outside its Marketplace, which reads a page a minute
LONG = 10_000  # threads of more than that which are remembered
SCARCE = "Slack lets me read no more of this conversation within a minute."
TRIES = 5  # times that a question to Slack is asked, before a person is told that Slack does not answer
FIRST_PAUSE = 1.0  # seconds between two tries, where Slack names no time; it doubles
UNNAMED = 1.0  # seconds to wait where Slack limits us and does not say for how long
LONGEST = 900.0  # seconds that it is believed; then it is asked again
REFUSED = 3_600.0  # seconds that a kind of block is taken for refused everywhere: it may have been one message's fault
TEAMS = 600.0  # seconds that the list of an organisation's teams is believed

GONE = {
    "account_inactive": "the app's account is switched off",
    "cannot_reply_to_message": "there is no thread any more",
    "channel_not_found": "the channel is gone, or closed to us",
    "invalid_auth": "the bot token is not valid",
    "is_archived": "the channel is archived",
    "not_authed": "the bot token is missing",
    "not_in_channel": "we are not in the channel",
    "thread_not_found": "there is no thread any more",
    "token_expired": "the bot token has run out",
    "token_revoked": "the bot token is revoked",
    "user_not_in_channel": "the person is not in the channel",
}
BARRED = {"channel_not_found", "is_archived", "not_in_channel", "user_not_in_channel"}
RESTRICTED = "restricted_action"  # begins Slack's words for channels, threads and people that may not be posted to
TOKEN = {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
PASSING = {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}

PROMISED = {
    "auth.teams.list": ("teams", list),
    "auth.test": ("user_id", str),
    "bots.info": ("bot", dict),
    "chat.appendStream": ("ts", str),
    "chat.delete": ("ts", str),
    "chat.postEphemeral": ("message_ts", str),
    "chat.postMessage": ("ts", str),
    "chat.startStream": ("ts", str),
    "chat.stopStream": ("ts", str),
    "chat.update": ("ts", str),
    "conversations.history": ("messages", list),
    "conversations.info": ("channel", dict),
    "conversations.open": ("channel", dict),
    "conversations.replies": ("messages", list),
    "files.completeUploadExternal": ("files", list),
    "files.getUploadURLExternal": ("file_id", str),
    "files.info": ("file", dict),
    "usergroups.list": ("usergroups", list),
    "users.conversations": ("channels", list),
    "users.info": ("user", dict),
    "users.list": ("members", list),
}
"""What an answer that says ok must hold, by method: one without it comes from elsewhere, or from a Slack in trouble."""

_WORD = re.compile(r"[a-z0-9_]{1,60}")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d+)?")

Result = TypeVar("Result")

PROXY = "the proxy that HTTPS_PROXY or HTTP_PROXY names does not let us through"

SDK_LOG = logging.getLogger("slack_sdk.web")
SDK_LOG.setLevel(logging.INFO)  # where none is set, the SDK makes a line of each whole answer, which nobody is shown

log = logging.getLogger(__name__)


class NoThread(CannotShow):
    """There is no thread any more: its first message was deleted, and it had no other."""


class Web:
    """One workspace's token at work. Nothing is repeated here but what `read` and `call_until_done` promise.

    With `leisure` it reads slowly, and waits for Slack as long as it takes.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        us: BotIdentity,
        pace: Throttle,
        sleep: Sleep = asyncio.sleep,
        *,
        batch: int = BATCH,
        leisure: Leisure | None = None,
        emit: Emit = discard_event,
        streams: NativeStreams | None = None,
    ) -> None:
        self.client = client
        self.us = us
        self.pace = pace
        self.silent: set[str] = set()
        """Kinds of channels (C, D, G) that show no status."""
        self.closed: set[str] = set()
        """Channels that took no post of ours the last time: only some may post there."""
        self.refused: TTLCache[str, None] = TTLCache(10, REFUSED)
        """Kinds of blocks that this workspace does not take."""
        self.too_long: LRUCache[tuple[str, str], None] = LRUCache(LONG)
        """Channels and threads of more than a page, where Slack gives no more than one."""
        self.streams = streams
        """How texts grow natively in this workspace; None where they are edited."""
        self.sleep = sleep
        self._batch = min(batch, SCARCE_BATCH) if pace.scarce else batch
        self._teams: TTLCache[str, Sequence[str]] = TTLCache(1, TEAMS)
        self._leisure = leisure
        self._emit = emit

    async def read(self, method: str, **arguments: object) -> Raw:
        """Ask Slack, with patience. Raises CannotShow, Rejected, CannotAnswer, NoAnswer, HistoryScarce at once."""
        params = {name: value for name, value in arguments.items() if value is not None}
        if self._leisure:
            await self.sleep(self._leisure.turn(method))
        while seconds := self.pace.take_page(method):
            if self._leisure is None:
                raise HistoryScarce(SCARCE)
            await self.sleep(2 * seconds)  # every other minute is for those who wait
        scarce = self.pace.is_scarce(method)
        tries = None if self._leisure else 1 if scarce else TRIES
        try:
            return await self.retry(lambda: self._read_once(method, params), tries)
        except (RateLimited, Uncertain) as error:
            log.error("%s", error)
            if scarce:  # the next try would be a minute away
                raise HistoryScarce(SCARCE) from None
            raise NoAnswer("Slack does not answer me just now. Please ask again in a minute.") from None

    async def _read_once(self, method: str, params: Raw) -> Raw:
        """One try. What Slack takes no more of goes one after the other, for it will not take all of it at once."""
        queue = self.pace.queues[method]
        if not queue.locked() and not self.pace.seconds_held(method):
            with suppress(RateLimited):
                return await self._call(method, http_verb="GET", params=params)
        async with queue:
            return await self._call(method, http_verb="GET", params=params)

    async def call_once(self, method: str, **arguments: object) -> Raw:
        """Change something. Raises RateLimited, Uncertain, Rejected, CannotShow, CannotAnswer."""
        return await self._call(method, json={name: value for name, value in arguments.items() if value is not None})

    async def call_with_form(self, method: str, **arguments: str | None) -> Raw:
        """As `call_once`, for a method that reads no JSON, whatever Slack's manual says."""
        return await self._call(method, data={name: value for name, value in arguments.items() if value is not None})

    async def send_bytes(self, url: str, content: bytes) -> None:
        """Send the bytes of a file where Slack wants them. Raises RateLimited, Uncertain, Rejected."""
        session = self.client.session
        assert session is not None
        try:
            async with session.post(url, data=content, proxy=self.client.proxy) as answer:
                status, named = answer.status, answer.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Uncertain(f"upload: {describe_failure(error)}") from None
        if status == 429:
            raise RateLimited(_read_retry_after(named), "upload")
        if status >= 500:
            raise Uncertain(f"upload: {status}")
        if status != 200:
            raise Rejected(f"HTTP {status}", "upload")

    async def call_until_done(self, method: str, **arguments: object) -> Raw:
        """Change what may be changed twice, however long it takes. Raises Rejected, CannotShow, CannotAnswer."""
        return await self.retry(lambda: self.call_once(method, **arguments))

    async def read_messages(
        self, key: ThreadKey, oldest: str | None = None, latest: str | None = None
    ) -> AsyncIterator[list[Raw]]:
        """The messages of a thread, or of a channel, from `oldest` to `latest`, a page at a time.

        A thread comes oldest first, and Slack may repeat its root on each page.
        """
        method = "conversations.replies" if key.thread else "conversations.history"
        cursor = None
        while cursor != "":
            place = {"channel": key.channel, "ts": key.thread or None, "cursor": cursor}
            when = {"oldest": oldest, "latest": latest}
            answer = await self.read(
                method, **place, **when, limit=self._batch, include_all_metadata=True, inclusive=True
            )
            yield answer["messages"]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""

    async def list_teams(self) -> Sequence[str | None]:
        """The teams that Slack lists things of one by one: an organisation's, else None for the only one.

        Raises as `read`.
        """
        if self.us.team or not self.us.enterprise:
            return [None]
        if self.us.enterprise not in self._teams:
            found = [one async for page in self.read_pages("auth.teams.list") for one in page]
            self._teams[self.us.enterprise] = [str(team["id"]) for team in found]
        return self._teams[self.us.enterprise]

    async def read_pages(self, method: str, most: int | None = None, **asked: object) -> AsyncIterator[list[Raw]]:
        """What a method lists, a page at a time, and no more than so many. Raises as `read`."""
        field, _ = PROMISED[method]
        cursor, pages = None, 0
        while cursor != "" and pages != most:
            answer = await self.read(method, **asked, cursor=cursor)
            yield answer[field]
            cursor, pages = (answer.get("response_metadata") or {}).get("next_cursor") or "", pages + 1
        if cursor:
            log.warning("%s has more than %d pages: the others are left out", method, pages)

    def is_slack_url(self, url: str) -> bool:
        """Whether `url` is Slack's: of the API's host, or of one below it. Only there our token goes."""
        try:
            api, asked = urlsplit(self.client.base_url), urlsplit(url)
        except ValueError:  # brackets that hold no address: a remote file's link is written by whoever adds it
            return False
        if asked.scheme != api.scheme or not _HOST.fullmatch(asked.netloc):
            return False
        return asked.netloc == api.netloc or asked.netloc.endswith(f".{api.netloc}")

    def is_file_url(self, url: str) -> bool:
        """Whether `url` is a file's that Slack keeps. Nothing else is fetched with our token, least of all its API."""
        path = URL(url).raw_path if self.is_slack_url(url) else ""  # as aiohttp asks for it, without any `..`
        return path.startswith("/files-")

    async def retry(
        self,
        work: Callable[[], Awaitable[Result]],
        tries: int | None = None,
        on: tuple[type[Exception], ...] = (RateLimited, Uncertain),
        report: Callable[[BaseException, float], None] | None = None,
    ) -> Result:
        """Retry `work` while Slack limits us or is in trouble, as soon as it allows; `report` is told of each pause."""
        return await backoff.retry(work, on, self.sleep, report=report or _report, first=FIRST_PAUSE, tries=tries)

    async def wait_until_spare(self, method: str) -> None:
        """Wait until there is room for a call of that method which an answer can do without."""
        while seconds := self.pace.seconds_until_free(method, spare=True):
            await self.sleep(seconds)

    async def _wait_for_room(self, method: str, channel: str) -> None:
        """Wait where Slack has refused that method, or would refuse this call."""
        if held := self.pace.seconds_held(method, channel):
            await self.sleep(held)
        while seconds := self.pace.seconds_until_free(method, channel):
            await self.sleep(seconds)

    async def _call(self, method: str, **arguments: Any) -> Raw:
        outcome: Literal["ok", "limited", "failed"] = "failed"
        channel = str(arguments.get("json", {}).get("channel", ""))
        await self._wait_for_room(method, channel)
        try:
            with self.pace.spend(method, channel):
                answer = read_answer(method, (await self.client.api_call(method, **arguments)).data)
            outcome = "ok"
        except SlackApiError as error:
            failure = classify_error(method, error)
            if isinstance(failure, RateLimited):
                outcome = "limited"
                self.pace.hold_back(method, channel, failure.seconds or 0.0)
            raise failure from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Uncertain(f"{method}: {describe_failure(error)}") from None
        except (AttributeError, UnicodeDecodeError) as error:  # the SDK takes every body for an object
            raise Uncertain(f"{method}: an answer that can't be read") from error
        finally:
            self._emit(PlatformCalled("slack", method, outcome))
        return answer


def read_answer(method: str, body: object) -> Raw:
    """An answer that holds what Slack promises of that method. Raises Uncertain."""
    field, kind = PROMISED.get(method, ("ok", bool))
    found = body.get(field) if isinstance(body, dict) else None
    members = found if isinstance(found, list) else []
    if isinstance(body, dict) and isinstance(found, kind) and all(isinstance(one, dict) for one in members):
        return body
    raise Uncertain(f"{method}: an answer without {field}")


def describe_failure(error: Exception) -> str:
    """Why Slack could not be asked, for the operator; where we could not connect, with the host and the reason."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{PROXY} ({error.status} {error.message})"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"{PROXY} ({error})"
    return f"{name} ({error})" if isinstance(error, aiohttp.ClientConnectorError) else name


def classify_error(method: str, error: SlackApiError) -> ConfabError:
    """Translate an error of Slack's into one of ours."""
    response: Any = error.response
    data = getattr(response, "data", None)
    said = data if isinstance(data, dict) else {}
    word = _word(said.get("error"))
    status: int = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    if status == 429 or word in {"ratelimited", "rate_limited"}:
        return RateLimited(_read_retry_after(response.headers.get("Retry-After")), method)
    if status >= 500 or status == 407 or word in PASSING or (status == 200 and not word):
        return Uncertain(f"{method}: {PROXY if status == 407 else word or status}")
    if word in GONE:
        return _choose_kind(word)(f"{GONE[word]} ({method}: {word})")
    if word.startswith(RESTRICTED):
        return PlaceClosed(f"only some may post there ({method}: {word})")
    if word == "missing_scope":
        return CannotAnswer(_explain_missing_scope(method, str(said.get("needed") or "")))
    return Rejected(word or f"HTTP {status}", method)


def _choose_kind(word: str) -> type[CannotShow]:
    if word in TOKEN:
        return TokenRefused
    return NoThread if word == "thread_not_found" else PlaceClosed if word in BARRED else CannotShow


def _word(error: object) -> str:
    """Slack's word for what is wrong. Operators and people may read it, so that it can be nothing but a word."""
    if not error:
        return ""
    return str(error) if _WORD.fullmatch(str(error)) else "unknown_error"


def _explain_missing_scope(method: str, needed: str) -> str:
    """What whoever runs Confab must do, told to the person."""
    scopes = " or ".join(f"`{scope}`" for scope in needed.split(",") if scope) or "another scope"
    return f"I may not do this here: the Slack app needs the scope {scopes} for {method}. Whoever runs me can add it."


def _read_retry_after(named: str | None) -> float:
    """Seconds, never none: a pause of nothing would ask again and again."""
    seconds = backoff.parse_retry_after(named, system_clock(), LONGEST)
    return seconds if seconds and seconds > 0 else UNNAMED


def _report(error: BaseException, seconds: float) -> None:
    log.info("%s; trying again in %.1f s", error, seconds)
