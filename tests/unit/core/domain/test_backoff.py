"""Backoff: what may succeed later is tried again, after pauses that double, with jitter."""

import math

import pytest

from core.domain.backoff import FIRST, JITTER, LONGEST, parse_retry_after, retry
from core.domain.errors import RateLimited, Uncertain
from tests.support.talk import at


class Failing:
    """Raises the errors that it is given, one a try, and then succeeds; remembers the pauses."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.pauses: list[float] = []
        self.reports: list[tuple[str, float]] = []

    async def work(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def report(self, error: BaseException, seconds: float) -> None:
        self.reports.append((str(error), seconds))

    async def retried(self, **options) -> str:
        return await retry(self.work, (RateLimited, Uncertain), self.sleep, report=self.report, **options)


async def test_what_succeeds_is_done_once_without_a_pause():
    failing = Failing()

    assert await failing.retried() == "done"
    assert (failing.pauses, failing.reports) == ([], [])


async def test_pauses_double_up_to_the_longest_with_jitter():
    failing = Failing(*[Uncertain("lost")] * 8)

    assert await failing.retried() == "done"
    least = [min(FIRST * 2**number, LONGEST) for number in range(8)]
    jitter = [pause - low for pause, low in zip(failing.pauses, least, strict=True)]
    assert all(0 <= one <= FIRST * JITTER for one in jitter)
    assert max(failing.pauses) == LONGEST
    assert len(set(jitter)) > 1


async def test_a_pause_that_the_platform_names_is_taken_as_it_is():
    failing = Failing(RateLimited(0.0), RateLimited(97.0), RateLimited(None))

    await failing.retried()

    assert failing.pauses[:2] == [0.0, 97.0]
    assert 4 * FIRST <= failing.pauses[2] <= (4 + JITTER) * FIRST


async def test_each_failure_is_reported_with_its_pause_before_it():
    failing = Failing(Uncertain("lost"), RateLimited(2.0, "chat.update"))

    await failing.retried()

    texts = ["lost", "chat.update may be called again in 2 s"]
    assert failing.reports == list(zip(texts, failing.pauses, strict=True))


async def test_after_the_last_try_its_error_is_raised():
    failing = Failing(*[Uncertain(str(number)) for number in range(1, 5)])

    with pytest.raises(Uncertain, match="^3$"):
        await failing.retried(tries=3)
    assert len(failing.pauses) == 2


async def test_another_error_is_raised_at_once():
    failing = Failing(ValueError("a bug"))

    with pytest.raises(ValueError, match="a bug"):
        await failing.retried()
    assert failing.pauses == []


async def test_a_pause_that_the_caller_names_comes_before_the_doubling():
    failing = Failing(Uncertain("a"), Uncertain("b"))

    await failing.retried(first=8.0, longest=9.0, named_pause=lambda error: 60.0 if str(error) == "b" else None)

    assert 8.0 <= failing.pauses[0] <= 9.0
    assert failing.pauses[1] == 60.0


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("0", 0.0),
        ("-5", -5.0),
        ("1e9", 900.0),
        ("inf", 900.0),
        ("-inf", -math.inf),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 13:00:30 +0100", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 11:59:30 GMT", -30.0),
        ("Fri, 20 Nov 3026 12:00:00 GMT", 900.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 900.0),
        ("Fri, 20 Nov 2026 12:00:00 +99999999999999", None),
        ("Sun, 99 Foo 99999 99:99:99", None),
    ],
)
def test_a_retry_after_is_a_number_or_a_date_within_bounds_or_nothing(named, seconds):
    assert parse_retry_after(named, at(0), longest=900.0) == seconds
