"""The dashboard in a real browser and over a real socket: what its pages show, and what its forms change."""

import csv
import io
import os
import re

import pytest

from bots.web.dashboard.dashboard import LINKS
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.messages import Outcome, Rank
from core.domain.personas import Persona, Place
from core.store.records.sign_ins.sessions import Identity
from tests.support.browser import (
    NARROW,
    WIDE,
    find_chromium,
    list_barriers,
    list_hidden_actions,
    measure_overflow,
    shoot,
    visit,
)
from tests.support.dashboard import ADA, BOB, CHANNEL, HERE, PAGES, fill, spend_days
from tests.support.talk import asked, message, thread

HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
needs_chromium = pytest.mark.skipif(not find_chromium(), reason="there is no Chromium on PATH")


async def ask_some(front):
    """Six questions of Ada's in Confab's workspace, of which two were refused and one waits."""
    for number in range(6):
        key = thread(f"t{number}", workspace=HERE, channel=CHANNEL)
        await front.store.questions.ingest(asked(message(f"{number}", author="U1", seconds=-60 * number), key))
        if number < 5:
            claim = await front.store.questions.claim_next("p1", ["board"])
            await front.store.questions.record_page(claim, f"p{number}", claim.question.at)
            await front.store.questions.close(claim, Outcome.REFUSED if number < 2 else Outcome.SHOWN)


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_everybody_can_read_every_page_in_light_and_dark_on_a_screen_and_a_telephone(front, theme, tmp_path):
    await fill(front.store, front.clock)
    await ask_some(front)

    async with visit(color_scheme=theme) as visitor:
        page = await visitor.open(await front.make_link())
        barriers = await list_barriers(page)
        await page.get_by_role("button", name="Sign in").click()
        for name, path in PAGES.items():
            await page.goto(f"{front.address}/dashboard{path}")
            for size, width in (("wide", WIDE), ("narrow", NARROW)):
                await page.set_viewport_size(width)
                barriers += [f"{name} {size}: {one}" for one in await list_barriers(page)]
                barriers += [f"{name} overflows"] if await measure_overflow(page) else []
                barriers += [f"{name} {size}: {one} is beside" for one in await list_hidden_actions(page)]
                if "SCREENSHOTS" in os.environ:
                    await shoot(page, tmp_path, f"{name}-{size}-{theme}")

    assert barriers == []


async def test_a_member_sees_their_own_usage_alone_and_no_page_of_those_who_manage(front):
    await spend_days(front.store, front.clock, 2)
    async with front.browse(BOB) as bob, front.browse(ADA) as ada:
        own, every = await bob.read("/dashboard/usage?by=person"), await ada.read("/dashboard/usage?by=person")
        refused = [
            (await bob.get(f"/dashboard{path}")).status
            for path in ("/personas", "/personas/c1", "/budgets", "/work", "/audit", "/health")
        ]
        table = await (await bob.get("/dashboard/usage.csv?by=person")).text()
        tools = await bob.read("/dashboard/tools")

    assert refused == [403] * 6
    assert ("Ada" in own, "Ada" in every, "Bob" in every) == (False, True, True)
    assert "claude-haiku-5-5" not in own + table
    assert "claude-sonnet-5-5" in table
    assert "search_history" in tools
    assert "/dashboard/audit" not in own


async def test_the_overview_counts_each_question_once_and_says_why_some_were_refused(front):
    await spend_days(front.store, front.clock, 3)
    await ask_some(front)
    async with front.browse() as browser:
        page = await browser.read("/dashboard?days=7")

    figures = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)(?:<|\s*</dd>)", page))
    assert figures["Questions"] == "6"
    assert (figures["Answered"], figures["Refused"], figures["Waiting"]) == ("3", "2", "1")
    assert "An error, or nobody could be shown it" in page
    assert page.count("<title>2026-11-") == 14


async def test_the_csv_has_the_sums_of_the_page_and_no_cell_that_a_spreadsheet_carries_out(front):
    await spend_days(front.store, front.clock, 2)
    async with front.browse() as browser:
        answer = await browser.get("/dashboard/usage.csv?by=model&days=7")
        shown = await browser.read("/dashboard/usage?by=model&days=7")

    rows = list(csv.DictReader(io.StringIO(await answer.text())))
    assert [row["model"] for row in rows] == ["claude-haiku-5-5", "claude-sonnet-5-5"]
    assert [row["requests"] for row in rows] == ["2", "2"]
    assert f"${sum(float(row['usd']) for row in rows):.4f}" in shown
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "query",
    [
        "days=9999999999999999999",
        "days=-1&by=thread",
        "by=' OR 1=1",
        "by=%00&days=%ff",
        "before=" + "9" * 400,
        "before=-1",
        "version=%D9%A3",
        "version=" + "1" * 18,
    ],
)
async def test_a_query_that_no_page_makes_shows_the_usual_page(front, query):
    await fill(front.store, front.clock)
    async with front.browse() as browser:
        found = [
            (await browser.get(f"/dashboard{path}?{query}")).status
            for path in ("", "/usage", "/usage.csv", "/tools", "/audit", "/personas/c1")
        ]

    assert found == [200] * 6


@needs_chromium
async def test_markup_in_names_personas_and_reasons_stands_as_text(front):
    front.board.people |= {"U1": HOSTILE, "U2": HOSTILE, f"#{CHANNEL}": HOSTILE}
    place = Place(HERE, CHANNEL)
    for number, words in enumerate((HOSTILE, f"{HOSTILE}\n{HOSTILE}")):
        persona = Persona(system=words, model=HOSTILE, prompts=HOSTILE)
        await front.store.personas.change(place, persona, number, "U1", front.clock(), reason=HOSTILE)
    await fill_budgets(front)
    await spend_days(front.store, front.clock, 1)

    async with visit() as visitor:
        page = await visitor.open(await front.make_link())
        await page.get_by_role("button", name="Sign in").click()
        seen = 0
        for path in PAGES.values():
            await page.goto(f"{front.address}/dashboard{path}")
            assert await page.locator("img[src='x'], main script").count() == 0
            seen += HOSTILE in await page.inner_text("body")

    assert seen >= 6


async def fill_budgets(front):
    for scope in (Scope(HERE, CHANNEL), Scope(HERE, person="U2")):
        await front.store.ledger.allow(Budget(scope, Period.DAY, 1, "UTC", "U1", front.clock()), 0)


async def test_a_budget_is_set_and_cleared_as_in_chat_and_the_audit_log_says_by_whom(front):
    front.board.people["#c1"] = "general"
    page = "/dashboard/budgets"
    async with front.browse() as browser:
        told = [
            await (await browser.send(page, form, shown=page)).text()
            for form in [
                {"of": "channel", "channel": "#c1", "amount": "2.50", "per": "day"},
                {"of": "person", "person": "U2", "amount": "$3", "per": "week"},
                {"of": "workspace", "amount": "many", "per": "month"},
                {"of": "channel", "amount": "1", "per": "day"},
                {"of": "person", "person": "U2", "per": "week", "clear": "yes"},
                {"of": "person", "person": " ", "amount": "8", "per": "day"},
                {"of": "workspace", "channel": "c1", "person": "U2", "amount": "9", "per": "week"},
                {"of": "channel", "channel": "#nope", "amount": "7", "per": "week"},
                {"of": "everybody", "amount": "7", "per": "week"},
            ]
        ]
        later = await browser.read(page)

    held = await front.store.ledger.budgets(HERE, front.clock())
    assert [(one.budget.scope, one.limit) for one in held.statuses] == [(Scope(HERE, CHANNEL), 2_500_000)]
    assert ["says good" in one for one in told] == [True, True, False, False, True, False, False, False, False]
    for one, why in zip(
        told[5:], ["Name the person", "Choose “A channel”", "no channel of the id nope", "whose"], strict=True
    ):
        assert why in one
    assert "Name the channel by its id" in told[3]
    assert 'role="status"' not in later
    rows = await front.store.audit.page(HERE, 1)
    assert [(row.action, row.actor) for row in rows] == [("budget.set", "U1")] * 2 + [("budget.clear", "U1")]


async def test_a_persona_is_edited_and_brought_back_by_who_is_in_its_channel(front):
    await fill(front.store, front.clock)
    page = "/dashboard/personas/c1"
    async with front.browse() as browser:
        difference = await browser.read(f"{page}?version=2")
        await browser.send(page, {"text": "You are brief.\r\nYou are fair.", "why": "fairness"}, shown=page)
        await browser.send(page, {"version": "1"}, shown=page)
        versions = await front.store.personas.versions(Place(HERE, CHANNEL))
        front.board.strangers.add("U1")
        hidden = await browser.read(f"{page}?version=2")
        listed = await browser.read("/dashboard/personas")
        refused = await browser.send(page, {"text": "Mine."}, shown="/dashboard")

    assert '<span class="added">+ You answer in English.</span>' in difference
    assert [(one.number, one.persona.system) for one in versions[:2]] == [
        (5, "You are terse."),
        (4, "You are brief.\nYou are fair."),
    ]
    assert (versions[1].author, versions[1].reason) == ("U1", "fairness")
    assert [word for word in ("You are", "What is new?") if word in hidden + listed] == []
    assert "calmer" not in hidden
    assert "Only who is in a channel" in await refused.text()
    assert len(await front.store.personas.versions(Place(HERE, CHANNEL))) == 5


async def test_a_schedule_is_paused_and_removed_and_its_words_are_not_shown(front):
    await fill(front.store, front.clock)
    page = "/dashboard/work"
    async with front.browse() as browser:
        shown = await browser.read(page)
        for do, number in (("pause", "2"), ("remove", "1")):
            told = await browser.send(page, {"do": do, "number": number, "channel": CHANNEL}, shown=page)
            shown += await told.text()
        odd = [
            (await browser.send(page, form, shown=page)).status
            for form in ({}, {"do": "forget", "number": "1", "channel": CHANNEL}, {"do": "pause", "number": "9" * 30})
        ]
        elsewhere = await browser.send(page, {"do": "pause", "number": "1", "channel": "c9"}, shown=page)

    (left,) = await front.store.reports.list_schedules(HERE)
    assert (left.number, left.paused) == (2, True)
    assert "secret plan" not in shown
    assert ("Schedule 2 is paused." in shown, "Schedule 1 is removed." in shown) == (True, True)
    assert odd == [400, 400, 400]
    assert "says bad" in await elsewhere.text()


async def test_the_audit_log_is_verified_and_says_which_row_is_not_as_it_was_written(front):
    await fill(front.store, front.clock)
    page = "/dashboard/audit"
    async with front.browse() as browser:
        whole = await (await browser.send(page, {}, shown=page)).text()
        for _ in range(60):
            await front.store.sign_ins.use_link(await front.store.sign_ins.make_link(ADA), Rank.OWNER)
        newest = await browser.read(page)
        (before,) = re.findall(r"before=(\d+)", newest)
        older = await browser.read(f"{page}?before={before}")

    assert "All 10 rows are as they were written." in whole
    assert newest.count("signed in") == 50
    assert f'<td class="amount">{int(before) - 1}</td>' in older
    assert "before=" not in older


async def test_a_notice_that_nobody_sealed_is_not_shown(front):
    async with front.browse() as browser:
        page = await browser.get("/dashboard", headers={"Cookie": 'confab-notice=[true,"Send your password"]'})

    assert page.status == 200
    assert "password" not in await page.text()


async def test_a_long_notice_in_any_script_fits_into_a_cookie_and_is_shown(front):
    async with front.browse() as browser:
        cookie = front.dashboard.desk.go_back("/dashboard", "\U0001f642 " + "я" * 3_000).cookies["confab-notice"]
        page = await browser.get("/dashboard", headers={"Cookie": f"{cookie.key}={cookie.value}"})
        text = await page.text()

    assert len(f"{cookie.key}={cookie.value}") <= 4_096
    assert "\U0001f642 " + "я" * 700 in text


async def test_every_link_of_the_navigation_opens_and_what_is_none_says_so(front):
    async with front.browse() as browser:
        opened = [(await browser.get(link.address)).status for _, link in LINKS]
        front.board.strangers.add("U1")
        missing = [await browser.get(path) for path in ("/dashboard/nothing", "/dashboard/personas/c99")]

    assert opened == [200] * len(LINKS)
    assert [one.status for one in missing] == [404, 404]
    assert "There is no such page" in await missing[0].text()


async def test_an_empty_workspace_says_on_each_page_what_would_stand_there(front):
    async with front.browse(Identity("board:new", "U1", CHANNEL)) as browser:
        pages = [await browser.read(f"/dashboard{path}") for path in ("", "/usage", "/personas", "/budgets", "/work")]

    assert [page.count('class="empty"') for page in pages] == [1, 1, 1, 1, 2]


async def test_all_pages_open_where_the_machine_does_not_have_the_time_zone_and_the_budgets_say_so(front):
    await fill(front.store, front.clock)
    await front.store.ledger.allow(Budget(Scope(HERE), Period.DAY, 1, "Europe/Atlantis", "U1", front.clock()), 0)
    async with front.browse() as browser:
        pages = {name: await browser.read(f"/dashboard{path}") for name, path in PAGES.items()}

    assert "Europe/Atlantis, is not known to the machine" in pages["budgets"]
    assert "Days begin at midnight in UTC" in pages["budgets"]
