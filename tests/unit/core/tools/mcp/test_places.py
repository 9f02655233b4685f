"""How many calls servers may have under way, and how many questions may wait for them: core.tools.mcp.places."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from core.domain.messages import ThreadKey
from core.tools.mcp.places import EVERYWHERE, FEWEST, QUESTIONS, CallPlaces, ServerBusy, share_places
from tests.support.mcp_tools import ask


def question(number, asker="w1/c1/U1"):
    workspace, channel, person = asker.split("/")
    return replace(ask(number, ThreadKey(workspace, channel, "1.0")).question, person=person)


@asynccontextmanager
async def holding(places, *questions):
    """Calls that have a place, or wait for one, as long as this lasts; how each of them ended that did."""

    async def wait(question):
        async with places.take(question, 60):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(wait(question)) for question in questions]
    await asyncio.sleep(0.01)
    yield [task.exception() for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def is_free(places, question):
    try:
        async with places.take(question, 0.01):
            return True
    except ServerBusy:
        return False


async def refuse(places, question):
    """Whose calls are to blame, and what the operator is told."""
    with pytest.raises(ServerBusy) as refused:
        async with places.take(question, 0.01):
            pass
    return refused.value.whose, str(refused.value)


def flood(asker, count=1000, first=0):
    return [question(first + number, asker) for number in range(count)]


async def test_half_as_many_calls_are_under_way_and_a_further_one_waits_so_long_and_no_longer():
    places, askers = CallPlaces(8), ["w1/c1/U1", "w1/c1/U1", "w2/c1/U1", "w3/c1/U1"]
    async with AsyncExitStack() as stack:
        for number, asker in enumerate(askers):
            await stack.enter_async_context(places.take(question(number, asker), 1))

        assert await refuse(places, question(5, "w4/c1/U1")) == ("", "too many calls are under way")
    assert await is_free(places, question(5))


@pytest.mark.parametrize(
    ("askers", "held", "refused"),
    [
        (["w1/c1/U1"], 32, (" of this person", "too many questions of one person wait for it")),
        ([f"w1/c1/U{n}" for n in range(9)], 43, (" of this channel", "too many questions of one channel wait for it")),
        (
            [f"w1/c{n}/U{n}" for n in range(9)],
            48,
            (" of this workspace", "too many questions of one workspace wait for it"),
        ),
    ],
    ids=["a person", "a channel", "a workspace"],
)
async def test_who_fills_a_share_of_a_server_is_told_so_and_leaves_room_for_others(askers, held, refused):
    places = CallPlaces(64)
    async with holding(places, *(one for at in range(99) for one in flood(askers[at % len(askers)], 1, at))) as ended:
        assert 99 - len(ended) == held
        assert await refuse(places, question(999, askers[0])) == refused
        async with AsyncExitStack() as stack:
            for number in range(4):  # they have places to call, too
                await stack.enter_async_context(places.take(question(number, f"w2/c{number}/U{number}"), 1))
    assert await is_free(places, question(999, askers[0]))


async def test_whoever_waits_for_a_call_is_told_whose_calls_are_under_way():
    places = CallPlaces(64)
    async with holding(places, *[question(1)] * 50):
        assert await refuse(places, question(2)) == (" of this person", "too many calls of one person are under way")
        assert await is_free(places, question(2, "w1/c1/U2"))


async def test_four_workspaces_that_fill_their_shares_one_after_the_other_leave_room_and_then_all_wait():
    places = CallPlaces(64)
    everybody = [one for w in range(9) for n in range(99) for one in flood(f"w{w}/c{n}/U{n}", 1, n)]
    async with holding(places, *everybody) as ended:
        assert len(everybody) - len(ended) == 64
        assert await refuse(places, question(1, "w99/c1/U1")) == ("", "too many questions wait for it")
    assert await is_free(places, question(1, "w99/c1/U1"))


async def test_so_many_questions_wait_for_one_server_each_with_any_number_of_calls():
    places = CallPlaces(64)
    asked = flood("w1/c1/U1", 32)
    async with holding(places, *asked, *asked[:1] * 40):
        assert not await is_free(places, question(99))
        async with holding(places, asked[0]) as ended:
            assert ended == []


@pytest.mark.parametrize(("servers", "each"), [(0, QUESTIONS), (3, QUESTIONS), (4, 48), (24, FEWEST), (99, FEWEST)])
def test_servers_have_equal_places_so_that_those_that_hang_fill_none_of_another(servers, each):
    assert share_places(servers) == each
    assert servers > 24 or each * servers <= EVERYWHERE
