"""Session starts: whose turn it is, and how many Discord still allows. Tests bots.discord.shards.starts."""

import asyncio
from datetime import timedelta

import pytest

from bots.discord.shards.starts import SessionStarts, StartLimit, read_limit
from core.domain.errors import StoreUnavailable

ANSWER = {
    "url": "wss://gateway",
    "shards": 4,
    "session_start_limit": {"total": 1000, "remaining": 9, "reset_after": 60_000, "max_concurrency": 2},
}


class Turns:
    """Gives turns as it is told: seconds to wait, or an error."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def claim_start(self, bot, bucket, spacing):
        self.asked.append((bot, bucket, spacing))
        answer = self.answers.pop(0) if self.answers else 0.0
        if isinstance(answer, Exception):
            raise answer
        return timedelta(seconds=answer)


def starts(turns, *limits):
    slept, asked = [], list(limits)

    async def sleep(seconds):
        slept.append(seconds)
        await asyncio.sleep(0)

    async def ask():
        return asked.pop(0) if len(asked) > 1 else asked[0]

    return SessionStarts("discord:7", ask, shards=turns, lead=0.0, sleep=sleep), slept


def limit(remaining, concurrency=1):
    return StartLimit(4, remaining, 60.0, concurrency)


def test_what_discord_says_of_sessions_is_read():
    assert read_limit(ANSWER) == StartLimit(4, 9, 60.0, 2)


@pytest.mark.parametrize("answer", [{}, {"shards": 1}, {"shards": 1, "session_start_limit": []}])
def test_what_is_not_discords_answer_is_refused(answer):
    with pytest.raises((LookupError, TypeError, ValueError)):
        read_limit(answer)


async def test_a_turn_of_the_shards_bucket_is_waited_for_also_while_the_database_is_away():
    turns = Turns(5.5, StoreUnavailable("down"), 0.0)
    waiting, slept = starts(turns, limit(900, 16))
    await waiting.wait_for_turn(17)

    assert [bucket for _, bucket, _ in turns.asked] == [1, 1, 1]
    assert slept == [5.5, 2.0]


@pytest.mark.parametrize(("left", "spent"), [(1, True), (2, False)])
async def test_the_last_sessions_of_a_day_are_left_for_those_that_begin_elsewhere_just_now(left, spent):
    assert limit(left).is_spent is spent
    assert limit(16, 16).is_spent


async def test_with_too_few_sessions_left_discord_is_asked_again_when_it_counts_anew():
    turns = Turns()
    waiting, slept = starts(turns, limit(0), limit(0), limit(1000))
    trouble = []
    sleep = waiting._sleep

    async def look(seconds):
        trouble.append(waiting.trouble)
        await sleep(seconds)

    waiting._sleep = look
    await waiting.wait_for_turn(0)

    assert (slept, waiting.trouble, waiting.remaining) == ([60.0, 60.0], "", 1000)
    assert set(trouble) == {"Discord allows no more sessions today; it counts anew in 1 min"}
    assert len(turns.asked) == 1
