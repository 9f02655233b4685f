"""Personas in the dashboard: set, tuned, taken from the library and brought back, by whom and in whose name.

Tests bots.web.dashboard.personas.persona_page, bots.web.dashboard.personas.places,
bots.web.dashboard.personas.library_pages, bots.web.dashboard.personas.fields, bots.web.dashboard.operator_surface.
"""

import re
from html import unescape

import pytest
from playwright.async_api import expect

from bots.web.dashboard.personas.fields import LEFT_OUT
from core.commands import TABLE
from core.commands.registry import find_command
from core.domain.messages import Rank
from core.domain.personas import Persona, Place
from core.store import open_store
from core.store.records.schedules import Stop
from tests.fakes.board import Board
from tests.support.browser import MISSING, find_chromium, visit
from tests.support.clock import ManualClock
from tests.support.dashboard import ADA, BOB, CHANNEL, HERE, RUNNER, fill, open_front, spend_days

STOPPED = Stop.RANK
PAGE, WIDE = "/dashboard/personas/c1", "/dashboard/personas/workspace"
needs_chromium = pytest.mark.skipif(not find_chromium(), reason=MISSING)
OWN = """---
name: harbour-master
about: Knows <b>ships</b>
effort: low
tools: time
---

You are a harbour master."""


@pytest.fixture
async def front(tmp_path):
    (tmp_path / "harbour-master.md").write_text(OWN)
    (tmp_path / "broken.md").write_text("no front matter")
    clock = ManualClock()
    store = await open_store("sqlite:///:memory:", clock=clock)
    async with open_front(store, Board(), clock, library=str(tmp_path)) as opened:
        yield opened
    await store.shut()


async def newest(front, channel=CHANNEL):
    return await front.store.personas.persona(Place(HERE, channel))


async def tell_audit(front):
    return [(one.actor, one.action, one.channel or "", one.subject) for one in await front.store.audit.page(HERE, 1)]


def fields(page):
    """Each field of a form by its name, with what stands in it."""
    inputs = re.findall(r'<input id="tune-\w+" name="(\w+)" value="(.*?)"', page)
    chosen = re.findall(
        r'<select id="tune-\w+" name="(\w+)".*?(?:<option selected>(.*?)</option>|</select>)', page, re.S
    )
    return {name: unescape(value) for name, value in [*inputs, *chosen]}


async def test_tuning_has_a_field_for_each_parameter_of_the_command_and_changes_what_differs(front):
    await fill(front.store, front.clock)
    row, _ = find_command(TABLE, "persona tune")
    async with front.browse() as browser:
        shown = await browser.read(PAGE)
        held = fields(shown)
        form = {
            **held,
            "do": "tune",
            "seen": "3",
            "effort": "low",
            "tools": "time",
            "model": "",
            "prompts": "",
            "why": "cheaper",
        }
        told = await (await browser.send(PAGE, form, shown=PAGE)).text()
        again = await (await browser.send(PAGE, {**form, "seen": "4"}, shown=PAGE)).text()
        whole = await browser.read(WIDE)
        found = await browser.get("/dashboard/personas?channel=%23c2")

    assert set(held) == {one.name for one in row.parameters} - LEFT_OUT
    assert (held["model"], held["prompts"], held["effort"]) == ("claude-haiku-5-5", "What is new?", "")
    assert "As elsewhere: high" in shown
    assert "This channel is tuned from its next answer on" in told
    version = await newest(front)
    assert (version.number, version.author, version.reason) == (4, "U1", "cheaper")
    assert version.persona == Persona(system="You are kind.", effort="low", tools="time")
    assert "the form is as the persona was" in again
    assert fields(whole)["effort"] == "high"
    assert (found.url.path, fields(await found.text())["model"]) == ("/dashboard/personas/c2", "")


async def test_what_a_field_may_not_have_is_said_beside_it_and_all_that_was_written_stays(front):
    await fill(front.store, front.clock)
    tried = {"temperature": "0.5", "thinking": "adaptive", "max_tokens": "800"}
    async with front.browse() as browser:
        form = {**fields(await browser.read(PAGE)), "do": "tune", "seen": "3", "why": "a trial", **tried}
        answer = await browser.send(PAGE, form, shown=PAGE)
        page = await answer.text()
        others = [
            (parameter, await browser.send(PAGE, {**form, "temperature": "", **wrong}, shown=PAGE))
            for parameter, wrong in (
                ("tools", {"tools": "chainsaw"}),
                ("model", {"model": "<b>"}),
                ("effort", {"effort": "utmost"}),
                ("prompts", {"prompts": ";" * 9}),
                ("context_tokens", {"context_tokens": "3"}),
            )
        ]
        empty = await browser.send(PAGE, {"do": "set", "seen": "3", "text": " "}, shown=PAGE)

    assert answer.status == 422
    assert re.findall(r'id="about-(\w+)"><span class="problem">(.*?)</span>', page) == [
        ("temperature", "A temperature and thinking exclude each other: clear one of them.")
    ]
    assert {name: value for name, value in fields(page).items() if name in tried} == tried
    assert 'name="why" maxlength="80" value="a trial"' in page
    for parameter, refused in others:
        assert re.findall(r'id="about-(\w+)"><span class="problem">', await refused.text()) == [parameter]
    assert 'id="text-problem"' in await empty.text()
    assert (await newest(front)).number == 3


@pytest.mark.parametrize(
    "form",
    [
        {"do": "set", "text": "Mine."},
        {"do": "tune", "effort": "low"},
        {"do": "clear"},
        {"do": "back", "version": "1"},
    ],
    ids=lambda form: form["do"],
)
async def test_a_form_that_is_older_than_somebody_elses_change_changes_nothing_and_shows_it(front, form):
    await fill(front.store, front.clock)
    async with front.browse() as browser:
        held = fields(await browser.read(PAGE)) if form["do"] == "tune" else {}
        theirs = Persona(system="You are kind.\nYou are quick.", model="claude-haiku-5-5", effort="max")
        await front.store.personas.change(Place(HERE, CHANNEL), theirs, 3, "U2", front.clock())
        answer = await browser.send(PAGE, {**held, **form, "seen": "3"}, shown=PAGE)
        page = await answer.text()
        unchanged = (await newest(front)).number
        await browser.send(PAGE, {**held, **form, "seen": "4"}, shown=PAGE)

    assert (answer.status, unchanged) == (409, 4)
    assert "Somebody else changed this persona" in page
    assert "<bdi>Bob</bdi> set version 4: system prompt, effort <code>max</code>" in unescape(page)
    assert '<span class="added">+ You are quick.</span>' in page
    assert form.get("text", "") in page
    assert (await newest(front)).number == 5


async def test_what_no_database_can_hold_is_taken_out_of_a_form(front):
    page = "/dashboard/personas/workspace"
    async with front.browse() as ada:
        await ada.send(page, {"do": "tune", "prompts": "What is\0 new?", "why": "ca\0lmer"}, shown=page)
    [held] = await front.store.personas.versions(Place(HERE))

    assert (held.persona.prompts, held.reason) == ("What is new?", "calmer")


async def test_the_library_shows_what_ships_and_the_operators_folder_and_gives_one_to_a_place(front):
    await spend_days(front.store, front.clock, 2)
    front.board.people |= {"#c1": "general", "#c2": "random"}
    address = "/dashboard/library/harbour-master"
    async with front.browse() as browser, front.browse(BOB) as bob:
        listed, member = await browser.read("/dashboard/library"), await bob.read("/dashboard/library")
        shown, theirs = await browser.read(f"{address}?channel=c2"), await bob.read(address)
        told = await (await browser.send(address, {"where": "c2", "why": "a try"}, shown=address)).text()
        await browser.send(address, {"where": "workspace"}, shown=address)
        nowhere = await (await browser.send(address, {}, shown=address)).text()
        refused = await bob.send(address, {"where": "c1"}, shown="/dashboard")
        front.board.strangers.add("U1")
        hidden = await (await browser.send(address, {"where": "c9", "channel": "c1"}, shown=address)).text()
        missing = await browser.get("/dashboard/library/nobody")

    assert (listed.count("<td>Confab</td>"), listed.count("<td>your folder</td>")) == (12, 1)
    assert "Knows &lt;b&gt;ships&lt;/b&gt;" in listed
    assert ("broken.md" in listed, "broken.md" in member) == (True, False)
    assert "You are a harbour master." in shown
    assert re.findall(r'<option value="(\w+)"( selected)?>', shown) == [
        ("workspace", ""),
        ("c1", ""),
        ("c2", " selected"),
    ]
    assert ("You are a harbour master." in theirs, "Use it" in theirs) == (True, False)
    assert "This channel has the persona <code>harbour-master</code> from its next answer on" in told
    version = await newest(front, "c2")
    assert version.persona == Persona(system="You are a harbour master.", effort="low", tools="time")
    assert version.reason == "a try"
    assert (await newest(front, "")).reason == "harbour-master from the library"
    assert (await tell_audit(front))[-2:] == [("U1", "persona.set", "c2", "1"), ("U1", "persona.set", "", "1")]
    assert "Choose a channel" in nowhere
    assert (refused.status, missing.status) == (403, 404)
    assert "Only who is in a channel" in hidden
    assert await newest(front, "c1") is None


async def test_the_operator_does_what_a_manager_may_in_the_operators_name_and_reads_no_channels_words(front):
    await fill(front.store, front.clock)
    await front.store.schedules.stop((await front.store.reports.list_schedules(HERE))[1].id, STOPPED)
    front.board.ranks["operator"] = Rank.GUEST  # the platform is not asked
    front.board.people[f"#{CHANNEL}"] = "general"
    async with front.browse(RUNNER) as browser:
        hidden = await browser.read(f"{PAGE}?version=2")
        form = {**fields(hidden), "do": "tune", "seen": "3", "effort": "low"}
        told = [
            await (await browser.send(path, form, shown=path)).text()
            for path, form in (
                (PAGE, form),
                (PAGE, {"do": "back", "version": "1", "seen": "4"}),
                ("/dashboard/library/translator", {"where": CHANNEL}),
                (PAGE, {"do": "clear", "seen": "6"}),
                (WIDE, {"do": "set", "text": "You are brief.", "seen": "1"}),
                ("/dashboard/budgets", {"of": "person", "person": "U2", "amount": "3", "per": "week"}),
                ("/dashboard/budgets", {"of": "channel", "channel": CHANNEL, "amount": "5", "per": "month"}),
                ("/dashboard/budgets", {"of": "channel", "channel": CHANNEL, "per": "month", "clear": "yes"}),
                ("/dashboard/work", {"do": "pause", "number": "1", "channel": CHANNEL}),
            )
        ]
        refused = [
            await (await browser.send(path, form, shown=path)).text()
            for path, form in (
                (PAGE, {"do": "set", "text": "Mine.", "seen": "7"}),
                ("/dashboard/work", {"do": "resume", "number": "2", "channel": CHANNEL}),
            )
        ]
        log = await browser.read("/dashboard/audit")

    assert ["says good" in one for one in told] == [True] * len(told)
    assert "Set by the operator" in told[0]
    assert [word for word in ("You are", "What is new?", "calmer") if word in hidden] == []
    assert [one for one in await tell_audit(front) if one[0] == "operator"] == [
        ("operator", "sign_in", "", "1"),
        ("operator", "persona.tune", CHANNEL, "4"),
        ("operator", "persona.set", CHANNEL, "5"),
        ("operator", "persona.set", CHANNEL, "6"),
        ("operator", "persona.clear", CHANNEL, "7"),
        ("operator", "persona.set", "", "2"),
        ("operator", "budget.set", "", "U2"),
        ("operator", "budget.set", CHANNEL, ""),
        ("operator", "budget.clear", CHANNEL, ""),
        ("operator", "schedule.paused", CHANNEL, "1"),
    ]
    assert "written by somebody who is in it" in refused[0]
    assert "has to be a person of the platform" in refused[1]
    assert "the operator" in log
    assert (await front.store.reports.list_schedules(HERE))[1].stopped is STOPPED


@needs_chromium
async def test_somebody_tunes_with_the_keyboard_and_is_led_to_the_field_that_is_wrong(front):
    await fill(front.store, front.clock)
    async with visit() as visitor:
        visitor.expected = ["422"]
        page = await visitor.open(await front.make_link(ADA))
        await page.get_by_role("button", name="Sign in").click()
        await page.goto(f"{front.address}{PAGE}")
        await page.get_by_label("Temperature").fill("7")
        await page.get_by_label("Effort").select_option("max")
        await page.keyboard.press("Tab")
        await page.get_by_label("Temperature").press("Enter")
        await expect(page.get_by_label("Temperature")).to_be_focused()
        await expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
        await expect(page.get_by_label("Temperature")).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label("Effort")).to_have_value("max")
        await page.get_by_label("Temperature").fill("")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("is tuned")

    assert (await newest(front)).persona.effort == "max"
