"""How many calls servers may have under way, and how many questions may wait for them: core.tools.mcp.places."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from core.tools.mcp.places import EVERYWHERE, QUESTIONS, CallPlaces, ServerBusy
from tests.support.mcp_tools import ask


def question(number):
    return ask(number).question


@asynccontextmanager
async def holding(*taken):
    """Calls that have a place, or wait for one, as long as this lasts."""

    async def wait(places, number):
        async with places.take(question(number), 60):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(wait(places, number)) for places, number in taken]
    await asyncio.sleep(0)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def is_free(places, number):
    try:
        async with places.take(question(number), 0.01):
            return True
    except ServerBusy:
        return False


async def test_so_many_calls_are_under_way_and_a_further_one_waits_so_long_and_no_longer():
    places = CallPlaces(Counter(), 2)
    async with AsyncExitStack() as stack:
        for number in range(2):
            await stack.enter_async_context(places.take(question(number), 1))

        with pytest.raises(ServerBusy):
            async with places.take(question(3), 0.01):
                pass
    assert await is_free(places, 3)


async def test_so_many_questions_wait_for_one_server_each_with_any_number_of_calls():
    places, other = (CallPlaces(everywhere := Counter(), 1000), CallPlaces(everywhere, 1000))
    async with holding(*((places, number) for number in range(QUESTIONS)), (places, 0), (places, 0)):
        assert not await is_free(places, QUESTIONS)
        assert await is_free(places, 0)
        assert await is_free(other, QUESTIONS)
    assert await is_free(places, QUESTIONS)
    assert not everywhere


async def test_so_many_questions_wait_for_all_servers():
    everywhere = Counter()
    servers = [CallPlaces(everywhere, 1000) for _ in range(5)]
    async with holding(*((servers[number // 50], number) for number in range(EVERYWHERE))):
        assert not await is_free(servers[4], EVERYWHERE)
        assert await is_free(servers[4], 0)
    assert await is_free(servers[4], EVERYWHERE)
