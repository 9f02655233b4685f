"""The hub (bots.web.playground.hub): windows are told what changed, in order, also after they were away."""

import pytest

from bots.web.playground.hub import Gap, Hub

AT_ONCE = 0.0  # seconds that a window waits for more


async def read(hub, known):
    """What a window is told until there is nothing more."""
    found = []
    async for change in hub.follow(known, AT_ONCE):
        if change is None:
            return found
        found.append(change)
    return found


async def test_a_window_is_told_what_came_after_what_it_knows_in_its_order():
    hub = Hub()
    hub.publish("a", "first")
    known = hub.newest
    hub.publish("b", "second")
    hub.publish("c", "third")

    assert [one.what for one in await read(hub, known)] == ["second", "third"]
    assert await read(hub, hub.newest) == []


async def test_of_a_thing_that_changed_often_a_slow_window_is_told_how_it_is_now():
    hub = Hub()
    known = hub.newest
    for words in ("o", "on", "one"):
        hub.publish("growing", words)
    hub.publish("other", "x")

    found = await read(hub, known)
    assert [one.what for one in found] == ["one", "x"]
    assert [one.what for one in await read(hub, found[0].id)] == ["x"]


@pytest.mark.parametrize("known", ["", "other-1", "-", "{epoch}-99", "{epoch}-x", "{epoch}-²"])
async def test_a_window_that_knows_another_process_or_nothing_has_to_read_everything(known):
    hub = Hub()
    hub.publish("a", "first")

    with pytest.raises(Gap):
        await read(hub, known.format(epoch=hub.newest.partition("-")[0]))


async def test_a_window_that_was_away_for_too_long_has_to_read_everything():
    hub = Hub(kept=2)
    known = hub.newest
    for thing in "abc":
        hub.publish(thing, thing)

    with pytest.raises(Gap):
        await read(hub, known)


async def test_what_is_forgotten_is_told_to_no_window_that_comes_back():
    hub = Hub()
    known = hub.newest
    hub.publish("a", "secret")
    hub.forget()

    with pytest.raises(Gap):
        await read(hub, known)
    assert await read(hub, hub.newest) == []


async def test_a_closed_hub_ends_every_stream():
    hub = Hub()
    hub.close()

    assert [one async for one in hub.follow(hub.newest, 60)] == []
