"""Retry with exponential backoff and jitter: how long it is waited before the next try of what may succeed later."""

import math
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_never,
)

from core.domain.clock import Sleep
from core.domain.errors import RateLimited

FIRST, LONGEST = 0.5, 30.0  # seconds between two tries, the first and at most
JITTER = 0.5  # of the first pause, added at random, so that those who failed together don't try again together

MOST = 30  # doublings, beyond which every pause is the longest

Result = TypeVar("Result")
Errors = type[Exception] | tuple[type[Exception], ...]


def grow_pause(failures: int, first: float = FIRST, longest: float = LONGEST) -> float:
    """Seconds before the next try after so many that failed: they double, with jitter, up to the longest."""
    doublings = min(failures - 1, MOST)
    return min(first * (2.0**doublings + random.uniform(0, JITTER)), longest)  # noqa: S311  no secret


def get_named_pause(error: BaseException) -> float | None:
    """The pause that the error itself names, in seconds."""
    return error.seconds if isinstance(error, RateLimited) else None


def parse_retry_after(named: str | None, now: datetime, longest: float) -> float | None:
    """The seconds that a Retry-After header names, as a number or as a date, at most `longest`; not above 0 if past.

    None where it names no moment: whoever answers may write anything there.
    """
    try:
        seconds = float(named or "")
    except ValueError:
        seconds = _count_seconds(named or "", now)
    return None if math.isnan(seconds) else min(seconds, longest)


def _count_seconds(date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(date)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return math.nan


async def retry(
    work: Callable[[], Awaitable[Result]],
    on: Errors,
    sleep: Sleep,
    *,
    report: Callable[[BaseException, float], None] | None = None,
    first: float = FIRST,
    longest: float = LONGEST,
    tries: int | None = None,
    named_pause: Callable[[BaseException], float | None] = get_named_pause,
) -> Result:
    """Try `work` again while it raises one of `on`: at most `tries` times, then its last error is raised.

    The pause doubles from `first` to `longest` seconds; where `named_pause` knows a better one, that is taken as it is.
    `report` is called with the error and the seconds before each pause.
    """

    def wait(state: RetryCallState) -> float:
        named = named_pause(_get_error(state))
        return grow_pause(state.attempt_number, first, longest) if named is None else named

    def before_sleep(state: RetryCallState) -> None:
        if report is not None:
            report(_get_error(state), state.upcoming_sleep)

    try:  # nearly always this is all
        return await work()
    except on as error:
        failed: list[BaseException] = [error]

    async def run_once() -> Result:  # tenacity awaits only what it knows for a coroutine function, which no lambda is
        if failed:
            raise failed.pop()
        return await work()

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(on),
        stop=stop_after_attempt(tries) if tries else stop_never,
        wait=wait,
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
    return await retrying(run_once)


def _get_error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None  # only errors are retried
    return error
