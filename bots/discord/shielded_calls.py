"""Shielded calls: each call of the library's runs in a task of its own, which nobody cancels while the library waits.

discord.py shares locks between requests: one for all of them while a global 429 lasts, and one a bucket. A request that
is cancelled while it holds one leaves it closed, and every later request waits for ever. So whoever is cancelled here
leaves its call behind. A call that was not sent yet ends by itself: it is refused right before it would be.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp
import discord
from discord.http import HTTPClient, Ratelimit
from yarl import URL

from bots.discord.errors import UnreadableAnswer
from bots.discord.outbound_budget import (
    PATIENCE,
    UNNAMED,
    Busy,
    OutboundBudget,
    Slot,
    Urgency,
    is_ban,
    is_pause,
    read_retry_after,
)
from core.domain.errors import LeaseLost

SECONDS = 30.0  # that Discord gets to answer us
PARTING = 1.0  # seconds that sent requests get to end when we leave
BUCKETS = 64  # rate limits that are kept before it is looked which of them are over
IDLE = 10.0  # seconds after its last request in which a rate limit is kept
JSON = "application/json"
EXEMPT = ("/interactions/", "/webhooks/")  # Discord does not count them among a bot's 50 a second

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What the library raises where an answer is not what it takes it for."""

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class GlobalLimit(asyncio.Event):
    """The library's event "no global 429 lasts", which knows the calls that wait until theirs is over.

    The library's own stays closed for ever if a 429 names no number of seconds: it closes it, and fails before it
    opens it again. A task that ends, ours or one in which the library asks by itself, waits no more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._holders: set[asyncio.Task[Any]] = set()
        super().set()

    def clear(self) -> None:
        holder = asyncio.current_task()
        if holder not in self._holders and holder is not None:
            self._holders.add(holder)
            holder.add_done_callback(self.release)
        super().clear()

    def set(self) -> None:
        if holder := asyncio.current_task():
            holder.remove_done_callback(self.release)
            self.release(holder)

    def release(self, holder: asyncio.Task[Any]) -> None:
        """This task waits no more, or has ended. Open if no other waits."""
        self._holders.discard(holder)
        if not self._holders:
            super().set()


class Buckets(dict[str, Ratelimit]):
    """The library's rate limits, without those that limit nothing any more.

    Each interaction has one of its own, by its token. The library keeps them for five minutes, and 256 for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._most = BUCKETS

    def __setitem__(self, key: str, bucket: Ratelimit) -> None:
        super().__setitem__(key, bucket)
        if len(self) > self._most:
            for old in [name for name, one in self.items() if one is not bucket and _is_over(one)]:
                del self[old]
            self._most = max(BUCKETS, 2 * len(self))


def _is_over(bucket: Ratelimit) -> bool:
    """Whether nothing waits in a rate limit, and its window is over: a new one would do the same."""
    now = asyncio.get_running_loop().time()
    waits = bucket.outgoing or bucket._pending_requests
    return not waits and bucket._last_request + IDLE < now and (bucket.expires or 0.0) < now


class Call:
    """One call of the library's.

    It is ended from outside only while aiohttp has it, between the moment when the library gives a request away and
    the one when it gets the answer back: there the library holds no lock that it would not let go.
    """

    def __init__(self, urgency: Urgency, once: bool = False) -> None:
        self.urgency = urgency
        self.once = once
        self.abandoned = False
        self._queued = False
        self._sent = False
        self._deadline: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._error: Exception | None = None

    @property
    def owed(self) -> bool:
        """Whether a request is sent, and Discord owes us the answer."""
        return self._deadline is not None

    async def run(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        _calling.set(self)
        self._task = asyncio.current_task()
        try:
            return await work()
        except asyncio.CancelledError:  # never asked for by whoever waits for this, and not to be taken for theirs
            raise self._error or aiohttp.ClientConnectionError("cancelled") from None
        except UNREADABLE as error:
            raise UnreadableAnswer(f"{type(error).__name__}: {error}") from error
        finally:
            self.settle()

    async def queue(self, budget: OutboundBudget | None, seconds: float) -> Slot | None:
        """Wait for a slot, and begin to count the seconds. Raises Busy before the first request, else TimeoutError."""
        self.settle()
        try:
            if self.abandoned:
                raise Busy
            self._queued = True
            slot = await budget.take(self.urgency) if budget else None
        except Busy as late:
            if self._sent:
                raise TimeoutError from late
            raise
        finally:
            self._queued = False
        self._sent = True
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._end, TimeoutError())
        return slot

    def settle(self) -> None:
        """The answer is there, or none will come."""
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def abandon(self) -> None:
        """Nobody waits for it any more: send nothing that is not sent."""
        self.abandoned = True
        if self._queued:
            self._end(TimeoutError() if self._sent else Busy())

    def _end(self, error: Exception) -> None:
        """Let it raise `error` where it is."""
        self._error = error
        self._deadline = None
        if self._task:
            self._task.cancel()


_calling: ContextVar[Call | None] = ContextVar("calling", default=None)
_urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.NEEDED)


@contextmanager
def urgent(urgency: Urgency) -> Iterator[None]:
    """How urgent the calls are that are begun here."""
    token = _urgency.set(urgency)
    try:
        yield
    finally:
        _urgency.reset(token)


class Inflight:
    """All calls under way to Discord's REST, which lies below the address `api`."""

    def __init__(self, api: str, budget: OutboundBudget | None = None, seconds: float = SECONDS) -> None:
        self._base = URL(api)
        self._budget = budget or OutboundBudget()
        self._seconds = seconds
        self._calls: dict[asyncio.Task[Any], Call] = {}
        self._limit = GlobalLimit()
        self._banned_until = 0.0
        self._closed = False

    async def run(
        self, work: Callable[[], Awaitable[Answer]], urgency: Urgency | None = None, *, once: bool = False
    ) -> Answer:
        """What `work` returns or raises; as urgent as is said here or around it.

        What may happen only `once` the library does not send again after an answer that does not say whether it did.

        Raises Busy if nothing was sent, TimeoutError if Discord does not answer a request. However long the library
        or our budget waits before one, that is not counted.
        """
        call = Call(_urgency.get() if urgency is None else urgency, once)
        if self._closed or not self._budget.has_room(call.urgency):
            raise Busy
        task = asyncio.create_task(call.run(work), name="call to Discord")
        self._calls[task] = call
        task.add_done_callback(self._forget_call)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            call.abandon()
            raise

    def refuse_while_banned(self) -> None:
        """Raises Busy where Cloudflare refuses everything now, and what would be sent is of no use later."""
        if self._is_banned() and _urgency.get() in PATIENCE:
            raise Busy

    def guard_limit(self, http: HTTPClient) -> None:
        """Keep what ends a call from holding up all others of a client that just logged in, and what is over, short."""
        http._global_over = self._limit
        http._buckets = Buckets()

    def trace_requests(self, hooks: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
        """Add hooks to a session's that keep its requests within the budget and their time."""
        hooks.on_request_start.append(self._start)
        hooks.on_request_end.append(self._answer)
        hooks.on_response_chunk_received.append(_settle)
        hooks.on_request_exception.append(_fail)
        return hooks

    async def close(self) -> None:
        """Send nothing more, and let what is sent end. The clients are of no use afterwards: no lock is spared."""
        self._closed = True
        for call in self._calls.values():
            call.abandon()
        owed = [task for task, call in self._calls.items() if call.owed]
        if owed:
            await asyncio.wait(owed, timeout=PARTING)
        while self._calls:  # the library may sleep once more after it is cancelled
            for task in self._calls:
                task.cancel()
            await asyncio.wait(set(self._calls), timeout=0.1)

    async def _start(self, _session: object, context: SimpleNamespace, sent: aiohttp.TraceRequestStartParams) -> None:
        call = _calling.get()
        counts = self._counts(sent.url) or (call and self._is_banned() and self._is_below(sent.url))
        budget = self._budget if counts else None
        if call:
            context.slot = await call.queue(budget, self._seconds)
        else:
            context.slot = await budget.take(Urgency.NEEDED) if budget else None

    async def _answer(self, _session: object, context: SimpleNamespace, told: aiohttp.TraceRequestEndParams) -> None:
        """Nobody sends while everything is refused, also who is past the library's lock.

        A 429 whose body names no seconds, or more than we wait, ends the request: the library would wait for those.
        """
        _release(context)
        response = told.response
        if response.status >= 500 and (call := _calling.get()) and call.once:
            raise UnreadableAnswer(f"status {response.status}")
        if response.status == 429 and response.headers.get("X-RateLimit-Global"):
            self._budget.close(read_retry_after(response.headers))
        elif response.status == 429 and self._is_below(response.url) and is_ban(response.headers):
            self._note_ban(read_retry_after(response.headers))
        if response.status == 429 and response.content_type == JSON and not is_pause(await response.read()):
            raise discord.RateLimited(max(UNNAMED, read_retry_after(response.headers)))

    def _note_ban(self, seconds: float) -> None:
        """Send nothing for so long: each request meanwhile counts towards a longer ban."""
        if not self._is_banned():
            log.warning("Cloudflare refuses all our requests to Discord (429); none is sent for %.0f s", seconds)
        self._banned_until = max(self._banned_until, asyncio.get_running_loop().time() + seconds)
        self._budget.close(seconds)

    def _is_banned(self) -> bool:
        return asyncio.get_running_loop().time() < self._banned_until

    def _counts(self, url: URL) -> bool:
        """Whether Discord counts a request among a bot's."""
        return self._is_below(url) and not url.path.removeprefix(self._base.path).startswith(EXEMPT)

    def _is_below(self, url: URL) -> bool:
        """Whether a request goes to Discord's REST, not to its files."""
        return url.origin() == self._base.origin() and url.path.removeprefix(self._base.path) != url.path

    def _forget_call(self, task: asyncio.Task[Any]) -> None:
        call = self._calls.pop(task)
        error = None if task.cancelled() else task.exception()
        if call.abandoned and error and not isinstance(error, Busy | LeaseLost):
            log.warning("a request that nobody waited for any more ended with %s", type(error).__name__)


async def _settle(_session: object, _context: SimpleNamespace, _told: object) -> None:
    if call := _calling.get():
        call.settle()


async def _fail(session: object, context: SimpleNamespace, told: object) -> None:
    _release(context)
    await _settle(session, context, told)


def _release(context: SimpleNamespace) -> None:
    slot, context.slot = context.slot, None
    if slot:
        slot.release()
