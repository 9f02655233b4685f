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


class Discord:
    """Says how many sessions are left, one answer after the other, each after so many seconds; `asked` counts."""

    def __init__(self, *limits, takes=0.0):
        self.limits, self.takes = list(limits), takes
        self.asked, self.slept, self.now = 0, [], 0.0

    async def ask(self):
        self.asked += 1
        self.now += self.takes
        await asyncio.sleep(0)
        return self.limits.pop(0) if len(self.limits) > 1 else self.limits[0]

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def starts(turns, *limits, takes=0.0):
    discord = Discord(*limits, takes=takes)
    waiting = SessionStarts(
        "discord:7", discord.ask, shards=turns, lead=1.0, sleep=discord.sleep, clock=lambda: discord.now
    )
    return waiting, discord


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
    waiting, discord = starts(turns, limit(900, 16))
    moment = await waiting.wait_for_turn(17)

    assert [bucket for _, bucket, _ in turns.asked] == [1, 1, 1]
    assert (discord.slept, moment) == ([5.5, 2.0], 8.5)


async def test_discord_is_asked_by_who_has_a_turn_and_by_nobody_who_waits_for_one():
    waiting, discord = starts(Turns(*[5.5] * 50), limit(900))
    await waiting.fetch_limit()
    began, asked = discord.asked, await waiting.wait_for_turn(0)

    assert (began, discord.asked, asked) == (1, 2, 50 * 5.5 + 1.0)


async def test_shards_that_begin_side_by_side_ask_once():
    waiting, discord = starts(Turns(), limit(900, 16))
    await asyncio.gather(*map(waiting.wait_for_turn, range(16)))

    assert discord.asked == 1


@pytest.mark.parametrize(("takes", "turns"), [(1.4, 1), (1.6, 2)], ids=["in time", "too late"])
async def test_a_turn_is_no_more_ours_when_discord_answers_after_it(takes, turns):
    given = Turns()
    waiting, _ = starts(given, limit(900), takes=takes)
    waiting._limit = limit(900)
    await waiting.wait_for_turn(0)

    assert len(given.asked) == turns


@pytest.mark.parametrize(("left", "spent"), [(1, True), (2, False)])
async def test_the_last_sessions_of_a_day_are_left_for_those_that_begin_elsewhere_just_now(left, spent):
    assert limit(left).is_spent is spent
    assert limit(16, 16).is_spent


async def test_with_too_few_sessions_left_discord_is_asked_again_when_it_counts_anew():
    turns = Turns()
    waiting, discord = starts(turns, limit(0), limit(0), limit(1000))
    trouble = []
    sleep = waiting._sleep

    async def look(seconds):
        trouble.append(waiting.trouble)
        await sleep(seconds)

    waiting._sleep = look
    await waiting.wait_for_turn(0)

    assert (discord.slept, waiting.trouble, waiting.remaining) == ([60.0, 60.0], "", 1000)
    assert set(trouble) == {"Discord allows no more sessions today; it counts anew in 1 min"}
    assert (len(turns.asked), discord.asked) == (3, 3)
