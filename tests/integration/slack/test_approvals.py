"""Tools that act, in Slack: who asked is asked below the answer, which goes on where it stands, also after a restart.

Tests bots.slack.publisher, bots.slack.formatting, bots.slack.intake, core.store.rules.parking.
"""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from core.rendering.reply_notes import append_note
from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack import events
from tests.fakes.slack.nouns import BOT, TEAM
from tests.support.clock import Ahead
from tests.support.slack_house import House, living
from tests.support.tool_shed import Shed, call, in_shed, use
from tests.support.waiting import PATIENCE

BUTTONS = ["Allow once", "Allow for this thread", "Deny"]
DONE = ["Try again", "👍", "👎", "Delete"]
LONG = "\n\n".join(f"Paragraph {number}: " + "words " * 120 for number in range(25))


@pytest.fixture
def clock():
    return Ahead()


@pytest.fixture
async def store(tmp_path, clock):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=clock)
    yield opened
    await opened.shut()


@pytest.fixture
async def claude():
    async with ClaudeFake() as server:
        yield server


@pytest.fixture
def start(slack, claude, store, clock):
    """Run a process of Confab, which has a shed of tools."""

    @asynccontextmanager
    async def run(shed: Shed, process: str = "p1", **rules):
        rules = {"tools": in_shed(shed), "clock": clock, "process": process, **rules}
        async with living(slack, claude, store, rules=rules) as home:
            yield home

    return run


async def wait_for(true) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await asyncio.sleep(0.005)


async def park(home: House, *answers: Answer, text: str = "I make one.", channel: str = "dev") -> tuple[str, str]:
    """Ask for something that waits for a person: the thread, and the last page."""
    home.claude.script(call(use("make", what="a box"), text=text), *answers)
    root = await home.slack.say("ada", channel, "make one" if channel != "dev" else f"<@{BOT}> make one")
    await parked(home)
    return root, home.ours(channel, root)[-1].ts


async def parked(home: House, count: int = 1) -> None:
    async def true() -> bool:
        return await home.store.questions.count_parked() == count

    await home.slack.settled()
    await wait_for(true)
    await home.rest()


async def press(home: House, person: str, page: str, label: str, channel: str = "dev") -> None:
    await home.slack.acked(await home.slack.press(person, channel, page, label))


def whispered(home: House) -> list[tuple[str, str]]:
    return [(one.user, one.text) for one in home.slack.world.ephemerals]


async def test_it_is_approved_by_its_asker_after_a_restart_and_goes_on_where_it_stands(slack, start):
    shed = Shed()
    async with start(shed) as home:
        root, page = await park(home, Answer(text="Made."))
        asked, buttons = home.texts("dev", root), slack.buttons("dev", page)
        styles = [one.get("style") for one in slack.world.posts["C0DEV", page].blocks[-1]["elements"]]
    async with start(shed, "p2") as home:
        before = list(shed.called)
        await press(home, "ada", page, "Allow once")
        await home.answered(2)

    assert len(asked) == 1
    assert asked[0].startswith(
        "I make one.\n\n**May I use make?** It acts outside of this conversation: to make a box."
    )
    assert (buttons, styles) == (BUTTONS, ["primary", None, "danger"])
    assert (before, shed.called) == ([], [("make", {"what": "a box"})])
    assert home.texts("dev", root) == ["I make one.\n\nMade."]
    assert slack.buttons("dev", page) == DONE
    assert not slack.world.statuses


async def test_a_bystander_and_who_comes_late_or_presses_twice_are_told_alone(slack, start):
    shed = Shed()
    async with start(shed) as home:
        root, page = await park(home, Answer(text="Made."))
        await press(home, "bob", page, "Allow for this thread")
        await slack.until(lambda: whispered(home))
        nothing, buttons = list(shed.called), slack.buttons("dev", page)
        first, second = await asyncio.gather(*(slack.press("ada", "dev", page, "Allow once") for _ in range(2)))
        await slack.acked(first)
        await slack.acked(second)
        await home.answered(2)
        await slack.until(lambda: len(whispered(home)) == 2)

    assert (nothing, buttons) == ([], BUTTONS)
    assert whispered(home)[0] == ("U0BOB", "Only Ada, who asked, can decide this.")
    assert whispered(home)[1][0] == "U0ADA"
    assert whispered(home)[1][1] in {"This was decided already.", "This answer has ended already."}
    assert len(shed.called) == 1
    assert home.texts("dev", root) == ["I make one.\n\nMade."]


async def test_it_is_denied_in_a_direct_message(slack, start):
    shed = Shed()
    async with start(shed) as home:
        root, page = await park(home, Answer(text="As you like."), channel="D0ADA")
        await press(home, "ada", page, "Deny", "D0ADA")
        await home.answered(2)

    assert (shed.called, home.texts("D0ADA", root)) == ([], ["I make one.\n\nAs you like."])


async def test_words_in_the_thread_decide_too(slack, start):
    shed = Shed()
    async with start(shed) as home:
        root, _ = await park(home, Answer(text="Made."))
        await slack.say("bob", "dev", f"<@{BOT}> !allow", root)
        await slack.until(lambda: whispered(home))
        await slack.say("ada", "dev", f"<@{BOT}> !allow thread", root)
        await home.answered(2)

    assert whispered(home) == [("U0BOB", "Only Ada, who asked, can decide this."), ("U0ADA", "It goes on.")]
    assert (len(shed.called), home.texts("dev", root)) == (1, ["I make one.\n\nMade."])


async def test_a_long_answer_asks_on_its_last_page_and_no_file_hides_the_question(slack, start):
    shed = Shed()
    async with start(shed) as home:
        await slack.command("ada", "dev", "/confab", "persona tune long=file")
        await home.rest()
        root, page = await park(home, Answer(text="Made."), text=LONG)
        asked, buttons = home.texts("dev", root), slack.buttons("dev", page)
        await press(home, "ada", page, "Allow once")
        await home.answered(2)

    assert len(asked) > 1
    assert "May I use make?" in asked[-1]
    assert buttons == BUTTONS
    pages = home.ours("dev", root)
    assert "Made." in pages[-1].text
    assert [slack.buttons("dev", one.ts) for one in pages] == [*([] for _ in pages[1:]), DONE]


@pytest.mark.parametrize("restarts", [False, True], ids=["while it runs", "after a restart"])
async def test_after_an_hour_the_page_says_so_and_the_buttons_go(slack, start, clock, restarts):
    shed = Shed()
    async with start(shed) as home:
        root, page = await park(home)
        if not restarts:
            clock.by += timedelta(hours=1, seconds=1)
            await parked(home, 0)
    if restarts:
        clock.by += timedelta(hours=1, seconds=1)
        async with start(shed, "p2") as home:
            await parked(home, 0)
    async with start(shed, "p3") as home:
        await home.rest()

    why = "The question whether make may be used has expired after an hour: nothing was done."
    assert home.texts("dev", root) == [append_note("I make one.", why)]
    assert slack.buttons("dev", page) == ["Continue", "Try again", "Delete"]
    assert (shed.called, slack.world.statuses) == ([], {})


async def test_a_page_that_somebody_deletes_while_it_waits_ends_it(slack, start):
    shed = Shed()
    async with start(shed) as home:
        root, page = await park(home)
        await slack.delete(BOT, "dev", page)
        await parked(home, 0)

    assert (home.texts("dev", root), shed.called, len(home.asked)) == ([], [], 1)


async def test_a_workspace_that_removes_the_app_while_it_waits_leaves_no_open_question(slack, start):
    shed = Shed()
    async with start(shed) as home:
        await park(home)
        slack.refuse(slack.token, "token_revoked")
        slack.outbox.put(events.envelope(slack.world, slack.world.teams[TEAM], {"type": "app_uninstalled"}))
        await parked(home, 0)

    assert shed.called == []


async def test_twenty_that_wait_go_on_together_within_slacks_limits(slack, start):
    shed = Shed()
    async with start(shed) as home:
        for method in ("chat.postMessage", "chat.update"):
            slack.limit(method, 2, 0.02)
        numbers = iter(range(1, 100))
        home.claude.answer = lambda body: (
            Answer(text="Made.")
            if body["messages"][-1]["content"][0]["type"] == "tool_result"
            else call(use("make", next(numbers)), text="I make one.")
        )
        roots = [await slack.say("ada", "dev", f"<@{BOT}> make one") for _ in range(20)]
        await parked(home, 20)
        nothing = list(shed.called)
        pages = [home.ours("dev", root)[-1].ts for root in roots]
        for page in pages:
            await slack.press("ada", "dev", page, "Allow once")
        await home.answered(40)
        await parked(home, 0)

    assert (nothing, len(shed.called)) == ([], 20)
    assert [home.texts("dev", root) for root in roots] == [["I make one.\n\nMade."]] * 20
