"""The activity indicator is repeated until it is of no use, or somebody ends it."""

import asyncio

from bots.delivery.activity import AHEAD, repeat_activity


async def test_it_is_shown_again_and_again_until_it_is_of_no_use():
    left = [False, True, True]

    async def show() -> bool:
        return left.pop()

    await asyncio.wait_for(repeat_activity(show, 0), 5)

    assert left == []


async def test_what_comes_at_once_needs_none():
    shown: list[float] = []
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def show() -> bool:
        shown.append(loop.time() - began)
        return False

    task = asyncio.create_task(repeat_activity(show, 0))
    await asyncio.sleep(0)
    before = list(shown)
    await asyncio.wait_for(task, 5)

    assert before == []
    assert [seconds >= AHEAD for seconds in shown] == [True]
