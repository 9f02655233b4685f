"""Places: fair shares of Claude, and word to those who wait."""

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from core.domain.messages import ThreadKey
from core.worker.fair_semaphore import NOTE, FairSemaphore


class Queue:
    """Questions that wait for a place and keep it until they are let go."""

    def __init__(self, places: FairSemaphore) -> None:
        self.places = places
        self.entered: list[str] = []
        self.told: list[str] = []
        self.tasks: dict[str, asyncio.Task] = {}
        self.leave: dict[str, asyncio.Event] = {}
        self.back: dict[str, asyncio.Event] = {}
        """Of those that left their place to others: they may want one again."""

    async def come(self, *names: str) -> None:
        """`w1/c1/3` is a question of that workspace and channel; `w1/c1/3/ada` is Ada's."""
        for name in names:
            self.leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._wait(name))
        await settle()

    async def go(self, name: str) -> None:
        self.leave[name].set()
        await settle()

    async def _wait(self, name: str) -> None:
        workspace, channel, thread, *person = name.split("/")
        key, tell = ThreadKey(workspace, channel, thread), lambda note: self.told.append(f"{name}: {note}")
        async with self.places.slot(key, "".join(person), tell) as slot:
            self.entered.append(name)
            while name in self.back:
                slot.release()
                await self.back.pop(name).wait()
                await slot.take()
                self.entered.append(name)
            await self.leave[name].wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def queue(most: int, silent: float = 60.0):
    opened = Queue(FairSemaphore(most, silent))
    async with AsyncExitStack() as end:
        end.push_async_callback(lambda: asyncio.gather(*opened.tasks.values(), return_exceptions=True))
        end.callback(lambda: [task.cancel() for task in opened.tasks.values()])
        yield opened


async def test_a_flood_in_one_channel_or_workspace_keeps_no_other_waiting():
    async with queue(3) as line:
        await line.come(*[f"w1/c1/{number}" for number in range(6)])
        await line.come("w1/c2/0", "w2/c9/0")
        for name in ("w1/c1/0", "w1/c1/1"):
            await line.go(name)

    assert line.entered == ["w1/c1/0", "w1/c1/1", "w1/c1/2", "w2/c9/0", "w1/c2/0"]


async def test_where_there_is_one_place_channels_take_turns():
    async with queue(1) as line:
        await line.come("w1/c1/0", "w1/c1/1", "w1/c1/2", "w1/c2/0", "w2/c1/0")
        for name in ("w1/c1/0", "w2/c1/0", "w1/c2/0", "w1/c1/1"):
            await line.go(name)

    assert line.entered == ["w1/c1/0", "w2/c1/0", "w1/c2/0", "w1/c1/1", "w1/c1/2"]


async def test_who_waited_longest_comes_first_within_a_channel_and_all_come():
    names = [f"w1/c1/{number}" for number in range(9)]
    async with queue(3) as line:
        await line.come(*names)
        for name in names:
            await line.go(name)

    assert line.entered == names


async def test_who_stops_waiting_takes_no_place_and_who_is_stopped_gives_it_back():
    async with queue(1) as line:
        await line.come("w1/c1/0", "w1/c1/1", "w1/c1/2", "w1/c1/3")
        line.tasks["w1/c1/1"].cancel()
        await settle()
        line.leave["w1/c1/0"].set()
        line.tasks["w1/c1/2"].cancel()
        await settle()
        await line.go("w1/c1/3")
        await line.come("w1/c1/4")

    assert line.entered == ["w1/c1/0", "w1/c1/3", "w1/c1/4"]


async def test_a_place_given_to_one_who_is_stopped_at_that_moment_goes_to_the_next():
    async with queue(1) as line:
        await line.come("w1/c1/0", "w1/c1/1", "w1/c1/2")
        line.places.leave((("w1",), ("w1", "c1"), ("w1", "c1", "")))  # given to the second, who has not noticed
        line.tasks["w1/c1/1"].cancel()
        await settle()

    assert line.entered == ["w1/c1/0", "w1/c1/2"]


async def test_one_who_is_stopped_just_before_a_place_comes_free_costs_nobody_theirs():
    async with queue(1) as line:
        await line.come("w1/c1/0", "w1/c1/1", "w1/c1/2")
        line.tasks["w1/c1/1"].cancel()  # which it notices in the next turn of the loop
        line.places.leave((("w1",), ("w1", "c1"), ("w1", "c1", "")))
        await settle()

    assert line.entered == ["w1/c1/0", "w1/c1/2"]


async def test_who_waits_long_is_told_once_and_who_does_not_is_not():
    async with queue(1, silent=0.01) as line:
        await line.come("w1/c1/0", "w1/c1/1")
        async with asyncio.timeout(5):
            while not line.told:
                await asyncio.sleep(0.001)
        await line.go("w1/c1/0")

    assert line.told == [f"w1/c1/1: {NOTE}"]


async def test_many_questions_of_one_person_keep_nobody_else_in_the_channel_waiting():
    async with queue(3) as line:
        await line.come(*[f"w1/c1/{number}/ada" for number in range(6)], "w1/c1/9/bob")
        await line.go("w1/c1/0/ada")

    assert line.entered == ["w1/c1/0/ada", "w1/c1/1/ada", "w1/c1/2/ada", "w1/c1/9/bob"]


async def test_a_place_that_is_left_for_a_while_is_anothers_and_who_left_it_waits_for_its_turn():
    async with queue(1) as line:
        back = line.back["w1/c1/0"] = asyncio.Event()
        await line.come("w1/c1/0", "w1/c1/1", "w2/c1/0")
        entered = list(line.entered)
        back.set()
        await settle()
        await line.go("w1/c1/1")
        await line.go("w2/c1/0")

    assert entered == ["w1/c1/0", "w1/c1/1"]
    assert line.entered == ["w1/c1/0", "w1/c1/1", "w2/c1/0", "w1/c1/0"]


@pytest.mark.parametrize("when", ["while it is left", "while one is waited for", "when one was given just now"])
async def test_who_is_stopped_after_leaving_a_place_takes_none_and_gives_none_back_twice(when):
    async with queue(1) as line:
        back = line.back["w1/c1/0"] = asyncio.Event()
        await line.come("w1/c1/0", "w1/c1/1")
        if when != "while it is left":
            back.set()
            await settle()
        if when == "when one was given just now":
            line.leave["w1/c1/1"].set()
            while line.tasks["w1/c1/1"] in asyncio.all_tasks():
                await asyncio.sleep(0)
        line.tasks["w1/c1/0"].cancel()
        await settle()
        await line.go("w1/c1/1")
        await line.come("w1/c1/2", "w1/c1/3")

    assert [one for one in line.entered if one != "w1/c1/0"] == ["w1/c1/1", "w1/c1/2"]


async def test_however_many_leave_their_places_and_are_stopped_none_is_lost_or_given_twice():
    places, lot, running, most = FairSemaphore(4), random.Random(1), 0, 0

    async def hold() -> None:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        try:
            for _ in range(lot.randrange(4)):
                await asyncio.sleep(0)
        finally:
            running -= 1

    async def live(number: int) -> None:
        async with places.slot(ThreadKey("w1", f"c{number % 5}", "1"), f"p{number % 3}", print) as slot:
            for _ in range(lot.randrange(4)):
                await hold()
                slot.release()
                await asyncio.sleep(0)
                await slot.take()
            await hold()

    tasks = [asyncio.create_task(live(number)) for number in range(400)]
    while not all(task.done() for task in tasks):
        lot.choice(tasks).cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    async with AsyncExitStack() as all_of_them:
        for number in range(4):
            async with asyncio.timeout(1):
                await all_of_them.enter_async_context(places.slot(ThreadKey("w", "c", str(number)), "", print))

    assert most == 4
    assert sum(not task.cancelled() for task in tasks) > 20
