"""Tools that act, on Discord: who asked is asked below the answer, which goes on where it stands, also after a restart.

Tests bots.discord.interactions, bots.discord.formatting, bots.discord.publisher, core.store.rules.parking.
"""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from core.rendering.reply_notes import append_note
from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.support.clock import Ahead
from tests.support.discord_house import Running, confab, idle
from tests.support.tool_shed import Shed, call, in_shed, use
from tests.support.waiting import PATIENCE, until

BUTTONS = ("Allow once", "Allow for this thread", "Deny")
DONE = ("Try again", "👍", "👎", "Delete")
TWO_PAGES = "\n\n".join(f"Paragraph {number}: " + "words " * 60 for number in range(8))
REQUEST = "**May I use make?** It acts outside of this conversation: to make a box."


@pytest.fixture
def clock():
    return Ahead()


@pytest.fixture
async def store(tmp_path, clock):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=clock)
    yield opened
    await opened.shut()


@pytest.fixture
def start(guild, claude, store, clock):
    """Run a process of Confab, which has a shed of tools."""

    @asynccontextmanager
    async def run(shed: Shed, process: str = "p1", **rules):
        rules = {"tools": in_shed(shed), "clock": clock, **rules}
        async with confab(guild, claude, store, process=process, rules=rules) as running:
            yield running

    return run


def ours(guild, channel: str = "general") -> list:
    return [one for one in guild.visible(channel) if one.author == "confab"]


async def parked(running: Running, store, count: int = 1) -> None:
    async with asyncio.timeout(PATIENCE):
        while await store.questions.count_parked() != count:
            await asyncio.sleep(0.005)
    await idle(running)


async def park(guild, claude, running, store, *answers: Answer, text: str = "I make one.", channel: str = "general"):
    """Ask for something that waits for a person: the last page."""
    claude.script(call(use("make", what="a box"), text=text), *answers)
    said = await guild.say("ada", channel, f"<@{guild.me}> make one")
    await parked(running, store)
    return ours(guild, guild.world.posts[said].channel)[-1]


async def press(guild, running: Running, person: str, page: str, label: str):
    pressed = await guild.press(person, page, label)
    await until(lambda: any(event.id == pressed.id for event in running.heard))
    await until(lambda: pressed.acknowledged)
    await idle(running)
    return pressed


def told(guild, pressed) -> list[tuple[str, bool]]:
    """What a press was answered, and whether to one person alone."""
    return [(post.content, post.ephemeral) for post in map(guild.world.posts.get, pressed.posted) if post]


async def test_it_is_approved_by_its_asker_after_a_restart_and_goes_on_where_it_stands(guild, claude, store, start):
    shed = Shed()
    async with start(shed) as running:
        asked = await park(guild, claude, running, store, Answer(text="Made."))
        styles = [one["style"] for one in guild.world.posts[asked.id].components[0]["components"]]
    async with start(shed, "p2") as running:
        before = list(shed.called)
        await press(guild, running, "ada", asked.id, "Allow once")

    assert asked.content.startswith(f"I make one.\n\n{REQUEST}\n\n```json")
    assert (asked.buttons, styles) == (BUTTONS, [3, 2, 4])
    assert (before, shed.called) == ([], [("make", {"what": "a box"})])
    (page,) = ours(guild)
    assert (page.id, page.content, page.buttons) == (asked.id, "I make one.\n\nMade.", DONE)
    assert guild.failed == []


async def test_a_bystander_and_who_comes_late_or_presses_twice_are_told_alone(guild, claude, store, start):
    shed = Shed()
    async with start(shed) as running:
        page = await park(guild, claude, running, store, Answer(text="Made."))
        bystander = await press(guild, running, "bob", page.id, "Allow for this thread")
        nothing, buttons = list(shed.called), ours(guild)[-1].buttons
        first, second = await asyncio.gather(*(guild.press("ada", page.id, "Allow once") for _ in range(2)))
        await until(lambda: first.acknowledged and second.acknowledged)
        await parked(running, store, 0)

    assert (nothing, buttons) == ([], BUTTONS)
    assert told(guild, bystander) == [("-# Only Ada, who asked, can decide this.", True)]
    (late,) = [one.answer for one in (first, second) if one.ephemeral]
    assert late in {"-# This was decided already.", "-# This answer has ended already."}
    assert len(shed.called) == 1
    assert [one.content for one in ours(guild)] == ["I make one.\n\nMade."]


async def test_it_is_denied_in_direct_messages(guild, claude, store, start):
    shed = Shed()
    async with start(shed) as running:
        page = await park(guild, claude, running, store, Answer(text="As you like."), channel="dm")
        await press(guild, running, "ada", page.id, "Deny")

    shown = ours(guild, guild.world.posts[page.id].channel)
    assert (shed.called, [one.content for one in shown]) == ([], ["I make one.\n\nAs you like."])


@pytest.mark.parametrize("minutes", [1, 16], ids=["at once", "after the token has ended"])
async def test_below_a_slash_answer_it_is_allowed_also_after_its_token_has_ended(guild, claude, store, start, minutes):
    shed = Shed()
    claude.script(call(use("make", what="a box"), text="I make one."), Answer(text="Made."))
    async with start(shed) as running:
        await guild.interact("ada", "general", "ask", {"prompt": "make one"})
        await parked(running, store)
        asked = ours(guild)[-1]
        guild.clock.forward(minutes * 60)
        await press(guild, running, "ada", asked.id, "Allow once")

    (page,) = ours(guild)
    assert asked.buttons == BUTTONS
    assert (page.id, page.content, page.buttons) == (asked.id, "> make one\nI make one.\n\nMade.", DONE)
    assert (len(shed.called), guild.failed) == (1, [])


async def test_in_a_thread_with_several_pages_it_asks_on_the_last_one(guild, claude, store, start):
    shed = Shed()
    async with start(shed) as running:
        channel = await guild.start_thread("general", "plans", "ada")
        asked = await park(guild, claude, running, store, Answer(text="Made."), text=TWO_PAGES, channel=channel)
        pages = ours(guild, channel)
        guild.archive(channel)
        await press(guild, running, "ada", asked.id, "Allow once")

    assert len(pages) > 1
    assert [one.buttons for one in pages] == [*[()] * (len(pages) - 1), BUTTONS]
    after = ours(guild, channel)
    assert [one.buttons for one in after] == [*[()] * (len(after) - 1), DONE]
    assert after[-1].content.endswith("Made.")
    assert "May I use" not in "".join(one.content for one in after)


async def test_a_command_decides_in_its_thread(guild, claude, store, start):
    shed = Shed()
    async with start(shed) as running:
        channel = await guild.start_thread("general", "plans", "ada")
        await park(guild, claude, running, store, Answer(text="Made."), channel=channel)
        given = await guild.interact("ada", channel, "allow", {"for": "thread"})
        await until(lambda: any(event.id == given.id for event in running.heard))
        await parked(running, store, 0)

    assert (given.answer, len(shed.called)) == ("-# It goes on.", 1)
    assert [one.content for one in ours(guild, channel)] == ["I make one.\n\nMade."]


@pytest.mark.parametrize("restarts", [False, True], ids=["while it runs", "after a restart"])
async def test_after_an_hour_the_page_says_so_and_the_buttons_go(guild, claude, store, start, clock, restarts):
    shed = Shed()
    async with start(shed) as running:
        page = await park(guild, claude, running, store)
        if not restarts:
            clock.by += timedelta(hours=1, seconds=1)
            await parked(running, store, 0)
    if restarts:
        clock.by += timedelta(hours=1, seconds=1)
        async with start(shed, "p2") as running:
            await parked(running, store, 0)

    why = "The question whether make may be used has expired after an hour: nothing was done."
    (after,) = ours(guild)
    assert (after.id, after.content, after.buttons) == (
        page.id,
        append_note("I make one.", why),
        ("Continue", "Try again", "Delete"),
    )
    assert shed.called == []


async def test_a_page_or_question_that_is_deleted_while_it_waits_ends_it(guild, claude, store, start):
    shed = Shed()
    async with start(shed) as running:
        page = await park(guild, claude, running, store)
        await guild.delete(page.id)
        await parked(running, store, 0)
        gone = ours(guild)
        page = await park(guild, claude, running, store)
        await guild.delete(guild.visible("general")[-2].id)
        await parked(running, store, 0)

    assert (gone, shed.called) == ([], [])
    assert [(one.content, one.buttons) for one in ours(guild)] == [
        (append_note("I make one.", "Stopped."), ("Continue", "Try again", "Delete"))
    ]


async def test_twenty_that_wait_go_on_together_within_discords_limits(guild, claude, store, start):
    shed = Shed()
    guild.document_limits()
    numbers = iter(range(1, 100))
    claude.answer = lambda body: (
        Answer(text="Made.")
        if body["messages"][-1]["content"][0]["type"] == "tool_result"
        else call(use("make", next(numbers)), text="I make one.")
    )
    async with start(shed) as running:
        rooms = [guild.room(f"room-{number}") for number in range(10)]
        for room in (*rooms, *rooms):
            await guild.say("ada", room, f"<@{guild.me}> make one")
        await parked(running, store, 20)
        nothing = list(shed.called)
        pages = [page for room in rooms for page in ours(guild, room)]
        for page in pages:
            await guild.press("ada", page.id, "Allow once")
        await parked(running, store, 0)

    assert (nothing, len(shed.called), len(pages)) == ([], 20, 20)
    assert {one.content for room in rooms for one in ours(guild, room)} == {"I make one.\n\nMade."}
    assert (guild.refusals, guild.failed) == ([], [])
