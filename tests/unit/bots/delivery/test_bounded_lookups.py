"""What an answer can do without is asked for a few at a time and not long. Tests bots.delivery.bounded_lookups."""

import asyncio

from bots.delivery.bounded_lookups import AT_ONCE, LOOKUPS, look_up


async def test_no_more_than_a_few_are_asked_at_the_same_time_and_no_more_than_some_in_all():
    asked: list[str] = []
    running = 0
    most = 0

    async def ask(one: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        asked.append(one)

    assert await look_up([str(number) for number in range(2 * LOOKUPS)], ask)
    assert sorted(asked, key=int) == [str(number) for number in range(LOOKUPS)]
    assert most == AT_ONCE


async def test_what_is_not_answered_in_time_is_given_up_and_the_rest_is_kept():
    told: list[str] = []
    given_up: list[str] = []

    async def ask(one: str) -> None:
        try:
            if one == "slow":
                await asyncio.Event().wait()
            told.append(one)
        except asyncio.CancelledError:
            given_up.append(one)
            raise

    assert not await look_up(["quick", "slow"], ask, wait=0.01)
    assert (told, given_up) == (["quick"], ["slow"])


async def test_whoever_is_cancelled_is_cancelled_also_where_a_question_fails_at_that_moment():
    asked = asyncio.Event()

    async def ask(one: str) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError(one) from None

    asking = asyncio.create_task(look_up(["one", "two"], ask))
    await asked.wait()
    asking.cancel()

    (outcome,) = await asyncio.gather(asking, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
