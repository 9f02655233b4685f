"""Without JavaScript every page is read, and forms do what they say: in the dashboard and in the playground."""

import re

import pytest
from playwright.async_api import expect

from bots.web.dashboard.dashboard import LINKS
from core.domain.personas import Place
from core.store import open_store
from tests.fakes.board import Board
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.support.browser import MISSING, NARROW, PATIENCE, find_chromium, measure_overflow, shoot, visit
from tests.support.clock import ManualClock
from tests.support.dashboard import CHANNEL, HERE, fill, open_front
from tests.support.web_playground import serve_playground

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_chromium() is None, reason=MISSING)]

expect.set_options(timeout=PATIENCE)
REPLIES = ".post.ours:not(.private)"


async def test_the_dashboard_is_read_and_changed_without_scripts():
    clock = ManualClock()
    store = await open_store("sqlite://", clock=clock)
    async with open_front(store, Board(), clock) as front, visit(java_script_enabled=False) as visitor:
        await fill(store, clock)
        page = await visitor.open(await front.make_link())
        await page.get_by_role("button", name="Sign in").click()
        headings = {}
        for _, link in LINKS:
            await page.get_by_role("navigation", name="Pages").get_by_role("link", name=link.label, exact=True).click()
            headings[link.label] = await page.locator("h1").inner_text()
        await page.goto(f"{front.address}/dashboard/personas/c1")
        await page.get_by_label("Effort").select_option("low")
        await page.get_by_role("button", name="Save as version 4").click()
        tuned = await page.get_by_role("status").inner_text()
        await page.get_by_label("System prompt").fill("You are brief.")
        await page.get_by_role("button", name="Set as version 5").click()
        await page.get_by_role("button", name="Bring back version 1", exact=True).click()
        await page.get_by_role("link", name=re.compile("^2 ?: what")).click()
        difference = await page.locator(".diff .added").inner_text()
        await page.goto(f"{front.address}/dashboard/budgets")
        await page.get_by_label("US dollars").fill("12")
        await page.get_by_role("button", name="Set", exact=True).click()
        budget = await page.get_by_role("status").inner_text()
        await page.goto(f"{front.address}/dashboard/work")
        await page.get_by_role("button", name="Pause 1 of").click()
        await page.goto(f"{front.address}/dashboard/audit")
        await page.get_by_role("button", name="Verify").click()
        whole = await page.get_by_role("status").inner_text()
        await page.get_by_role("button", name="Sign out", exact=True).click()
        end = await page.locator("h1").inner_text()
        numbers = [one.number for one in await store.personas.versions(Place(HERE, CHANNEL))]
        paused = (await store.reports.list_schedules(HERE))[0].paused
    await store.shut()

    assert len(headings) == len(LINKS)
    assert all(headings.values())
    assert "is tuned" in tuned
    assert difference == "+ You answer in English."
    assert "$12" in budget
    assert "rows are as they were written" in whole
    assert (end, numbers[0], paused) == ("You are signed out", 6, True)


async def test_a_conversation_is_read_and_led_without_scripts(tmp_path):
    async with (
        ClaudeFake() as claude,
        serve_playground(tmp_path, claude, logs="refused over HTTP") as served,
        visit(java_script_enabled=False) as visitor,
    ):
        claude.answer = lambda _body: Answer(text="Three **things**.\n\n- one\n- two")
        page = await visitor.open(served.address)
        await page.get_by_label("Message to #").fill("What do we ship?")
        await page.get_by_role("button", name="Send").click()
        await read_until_whole(page, 1)
        drawn = await page.locator(f"{REPLIES} strong:not(.who)").inner_text()
        await page.get_by_role("button", name="This helped").click()
        thanks = await page.locator("main").inner_text()
        await page.get_by_role("link", name="Back to the conversation").click()
        await page.locator(".edit summary").click()
        await page.get_by_label("Words of this message").fill("What do we ship on Friday?")
        await page.get_by_role("button", name="Save", exact=True).click()
        edited = await page.locator(".post:not(.ours) .words").inner_text()
        await page.get_by_label("Message to #").fill("/help persona")
        await page.get_by_role("button", name="Send").click()
        await page.get_by_role("link", name="Persona", exact=True).click()
        await page.get_by_label("System prompt").fill("You are a pirate.")
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.goto(f"{served.address}?as=ada&panel=prompt")
        prompt = await page.locator("#panel").inner_text()
        await page.get_by_label("Somebody else").fill("bob")
        await page.get_by_role("button", name="Be them").click()
        await page.get_by_label("Message to #").fill("And when?")
        await page.get_by_role("button", name="Send").click()
        await read_until_whole(page, 2)
        wrong = await visitor.context.request.post(f"{served.address}playground/say", form={"text": "x"})
        await page.set_viewport_size(NARROW)
        overflow = await measure_overflow(page)
        await shoot(page, tmp_path, "without-scripts")
        shown = await page.locator("body").inner_text()

    assert drawn == "things"
    assert "Back to the conversation" in thanks
    assert edited == "What do we ship on Friday?"
    assert "You are a pirate." in prompt
    assert "bob: And when?" in str(claude.requests[-1].body["messages"][-1]["content"])
    assert (wrong.status, overflow) == (403, 0)
    assert "Enter sends" not in shown


async def read_until_whole(page, count):
    """Follow the link that shows what is new, until so many answers are whole."""
    whole = page.locator(f'{REPLIES}:not(.notice)[data-whole="yes"]')
    while await whole.count() < count:
        await page.get_by_role("link", name=re.compile("what is new")).click()
