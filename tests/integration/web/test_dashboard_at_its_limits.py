"""The dashboard with a thousand of everything, names that mean harm, and parts that do not work.

Tests bots.web.dashboard.row_pages and bots.web.dashboard.health.
"""

import asyncio
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from bots.web.dashboard.desk import ProcessState
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.domain.messages import Outcome, ThreadKey
from core.domain.personas import KnowledgeFile, Persona, Place
from core.domain.usage import Usage
from core.prompting.row_prompts import RowPrompt
from core.store import open_store
from core.store.records.installations import Installation
from core.store.records.jobs import JobPlan, NewRow
from core.store.records.schedules import NewSchedule
from tests.fakes.board import Board
from tests.support.browser import MISSING, NARROW, WIDE, find_chromium, list_barriers, measure_overflow, shoot, visit
from tests.support.clock import ManualClock
from tests.support.dashboard import BOB, CHANNEL, HERE, RUNNER, fill, open_front
from tests.support.provided_tools import ProvidedTools
from tests.support.talk import commanded

PLAN = JobPlan(RowPrompt("Sort {text}", ("text",), {"model": "claude-a", "max_tokens": 5}), "claude-a", "a.csv")
LARGEST = 100_000  # bytes of a page with all that it loads
MANY = 1_000
SCRIPT = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
NAMES = {
    "long": "W" * 200,
    "many words": "name " * 40,
    "pictures": "👩‍👩‍👧‍👦" * 25,
    "from the right": "\u202e\u0645\u0631\u062d\u0628\u0627\u202e" * 8,
    "markup": SCRIPT,
}
PAGES = (
    "",
    *(f"/usage?by={by}" for by in ("person", "channel", "persona", "model", "day")),
    "/personas",
    "/personas/c1?version=2",
    "/library",
    "/library/translator",
    "/budgets",
    "/tools",
    "/work",
    "/audit",
    "/health",
)
HARMED = ("/usage?by=person", "/personas/c1?version=2", "/work")  # whose marks axe looks at
needs_chromium = pytest.mark.skipif(not find_chromium(), reason=MISSING)


@pytest.fixture
async def front(tmp_path):
    clock = ManualClock()
    store = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=clock)
    async with open_front(store, Board(), clock) as opened:
        yield opened
    await store.shut()


async def spend(front, number, person, model="claude-haiku-5-5"):
    """A request that was settled: of a channel and a version of its own."""
    at, key = front.clock() - timedelta(hours=1), ThreadKey(HERE, f"c{number}", "t")
    planned = PlannedRequest(key, f"q{number}", person, model, number + 1, 1000, 500, at, 20_000)
    reserved = await front.store.ledger.reserve(planned, [])
    await front.store.ledger.settle(reserved, Settlement(Usage(400, 300), "end_turn", at, model, "r", 4_000 + number))


async def fill_many(front):
    """A thousand people, channels and versions with a cost, and of all else more than stands on a page."""
    store, now = front.store, front.clock()
    later = now + timedelta(days=1)
    await asyncio.gather(*(spend(front, number, f"P{number}", f"claude-{number}") for number in range(MANY)))
    for number in range(60):
        order = NewSchedule(
            ThreadKey(HERE, f"c{number % 4}", ""),
            f"s{number}",
            "U1",
            "0 9 * * 1",
            "UTC",
            "x",
            prompt=True,
            due_at=later,
        )
        await store.schedules.add(order)
        await store.ledger.allow(Budget(Scope(HERE, person=f"P{number}"), Period.DAY, number + 1, "UTC", "U1", now), 0)
        await store.personas.change(Place(HERE, f"c{number + 2}"), Persona(system="x", effort="low"), 0, "U1", now)
        persona = Persona(system=f"{number}\n" * 40, prompts="Sum up our week; " * 8)
        await store.personas.change(Place(HERE, CHANNEL), persona, number, "U1", now, reason="calmer " * 11)


async def weigh_assets(browser):
    """The bytes that each page loads besides itself."""
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', await browser.read("/dashboard")))
    return sum([len(await (await browser.get(one)).read()) for one in addresses])


async def test_a_page_over_a_thousand_of_everything_stays_small_and_the_others_are_a_link_away(front):
    await fill_many(front)
    async with front.browse() as browser:
        loaded = await weigh_assets(browser)
        pages = {path: await browser.read(f"/dashboard{path}") for path in PAGES}
        sizes = {path: len(page.encode()) + loaded for path, page in pages.items()}
        turned = {
            path: await browser.read(f"/dashboard{path.partition('?')[0]}{find_next(pages[path])}")
            for path in PAGES
            if 'rel="next"' in pages[path]
        }
        beyond = await browser.read("/dashboard/usage?by=person&page=99999")
        table = await (await browser.get("/dashboard/usage.csv?by=person")).text()

    assert {path: size for path, size in sizes.items() if size > LARGEST} == {}
    assert set(turned) == {f"/usage?by={by}" for by in ("person", "channel", "persona", "model")} | {
        "/personas",
        "/personas/c1?version=2",
        "/budgets",
        "/work",
        "/audit",
    }
    assert [path for path in turned if 'rel="prev"' not in turned[path] and "before=" not in turned[path]] == []
    assert "P999" in pages["/usage?by=person"]
    assert "P899" in turned["/usage?by=person"]
    assert "901\u20131,000 of 1,000" in beyond
    assert table.count("\n") == MANY + 1


def find_next(page):
    return unescape(re.search(r'rel="next" href="(.*?)"', page)[1])


@needs_chromium
@pytest.mark.slow
async def test_names_and_words_that_mean_harm_are_text_and_break_no_page(tmp_path):
    clock, board = ManualClock(), Board()
    store = await open_store("sqlite://", clock=clock)
    provided = [ProvidedTools({f"{SCRIPT}{NAMES['long']}": ("create_<b>",)}, free=True)]
    async with open_front(store, board, clock, provided=provided) as front, visit() as visitor:
        await name_harmfully(front)
        page = await visitor.open(await front.make_link())
        await page.get_by_role("button", name="Sign in").click()
        barriers, seen = [], {}
        for path in PAGES:
            await page.set_viewport_size(WIDE)
            await page.goto(f"{front.address}/dashboard{path}")
            seen[path] = await page.inner_text("body")
            barriers += [f"{path}: markup"] if await page.locator("img[src='x'], main script, b").count() else []
            barriers += [f"{path}: {one}" for one in await list_barriers(page)] if path in HARMED else []
            barriers += [f"{path} overflows"] if await measure_overflow(page) else []
            await page.set_viewport_size(NARROW)
            barriers += [f"{path} overflows on a telephone"] if await measure_overflow(page) else []
            await shoot(page, tmp_path, f"harm{path.replace('/', '-').replace('?', '-')}")
    await store.shut()

    assert barriers == []
    shown = {path for path, text in seen.items() if SCRIPT in text}
    assert shown >= {"/usage?by=person", "/usage?by=channel", "/usage?by=persona", "/usage?by=model", "/personas"}
    assert shown >= {"/personas/c1?version=2", "/budgets", "/tools", "/work", "/audit"}


async def name_harmfully(front):
    """People, channels, models, files, words and reasons whose names are the worst there are."""
    store, now, names = front.store, front.clock(), list(NAMES.values())
    board, place = front.board, Place(HERE, CHANNEL)
    for number, name in enumerate(names):
        board.people |= {f"U{number + 1}": name, f"#c{number}": name}
        await spend(front, number, f"U{number + 1}", name)
        order = NewSchedule(
            ThreadKey(HERE, f"c{number}", ""),
            f"s{number}",
            f"U{number + 1}",
            "0 9 * * 1",
            "UTC",
            "x",
            prompt=True,
            due_at=now,
        )
        await store.schedules.add(order)
        await store.ledger.allow(Budget(Scope(HERE, f"c{number}"), Period.DAY, 1, "UTC", f"U{number + 1}", now), 0)
        file = KnowledgeFile(number + 1, f"{name}.txt", 9)
        persona = Persona(system=f"{name}\n{name}", model=name, prompts=name[:300], knowledge=(file,))
        await store.personas.change(place, persona, number, f"U{number + 1}", now, reason=name[:80])
    board.people |= {"U1": SCRIPT, f"#{CHANNEL}": SCRIPT}


async def test_a_row_that_was_altered_is_named_and_what_does_not_work_says_so(tmp_path):
    clock, path = ManualClock(), tmp_path / "confab.db"
    store = await open_store(f"sqlite:///{path}", clock=clock)
    trouble = ProcessState(lambda _platform: "the token was revoked", lambda: True, lambda: 3)
    async with open_front(store, Board(), clock, condition=trouble) as front, front.browse() as browser:
        await fill(front.store, clock)
        unknown = await browser.read("/dashboard/health")
        installed = Installation(HERE, "B1", "sealed-words", "U2", clock(), clock() + timedelta(hours=12))
        await store.installations.install(installed)
        known = await browser.read("/dashboard/health")
        database = sqlite3.connect(path)
        with closing(database), database:
            database.execute("UPDATE audit SET actor = 'U2' WHERE number = 3")
        broken = await (await browser.send("/dashboard/audit", {}, shown="/dashboard/audit")).text()
        log = await browser.read("/dashboard/audit")
    await store.shut()

    for page in (unknown, known):
        assert re.findall(r'tag (good|bad)">(.*?)<.*?class="text">(.*?)</td>', page, re.DOTALL) == [
            ("bad", "does not work", "the token was revoked"),
            ("bad", "does not work", "does not accept the key"),
            ("good", "works", "answers"),
        ]
        assert '<dt>Processes</dt><dd data-figure="processes">3</dd>' in page
    assert "of the settings of this process" in unknown
    assert "<dt>Installed by</dt><dd><bdi>Bob</bdi></dd>" in known
    assert "Token renews" in known
    assert "sealed-words" not in known
    assert "The log is not whole" in broken
    assert "row 3" in broken
    assert log.count("<tr>") > 5


async def test_a_member_finds_nobody_elses_figures_by_guessing_addresses(front):
    theirs = "claude-dear-9"
    await fill(front.store, front.clock)
    await spend(front, 7, "U1", theirs)
    await front.store.ledger.allow(
        Budget(Scope(HERE, person="U1"), Period.DAY, 777_000_000, "UTC", "U1", front.clock()), 0
    )
    guesses = ("by=person", "by=channel", "by=persona", "by=thread", "by=bill", "by=quarter", "by=model", "by=day")
    more = ("", "&person=U1", "&owner=1", "&scope=workspace", "&of=workspace", "&days=90&page=2")
    async with front.browse(BOB) as bob, front.browse() as ada:
        own = (await bob.read("/dashboard/usage?by=model&days=30"), await ada.read("/dashboard/usage?by=model&days=30"))
        read = [
            await bob.read(f"/dashboard/{page}?{by}{one}")
            for page in ("usage", "usage.csv")
            for by in guesses
            for one in more
        ]
        read += [
            await bob.read(f"/dashboard{path}{one}")
            for path in ("", "/tools", "/library", "/library/editor")
            for one in ("?days=90", "?person=U1&by=person", "?channel=c1")
        ]
        read.append(await bob.read("/sign-ins"))
        closed = [
            (await bob.get(f"/dashboard{path}")).status
            for path in (
                "/personas",
                "/personas/workspace",
                "/personas/c1?version=1",
                "/personas?channel=c1",
                "/budgets",
                "/work",
                "/audit?before=3",
                "/health",
            )
        ]
        forms = [
            (await bob.send(f"/dashboard{path}", form)).status
            for path, form in (
                ("/personas/c1", {"do": "set", "text": "Mine."}),
                ("/personas/workspace", {"do": "clear"}),
                ("/library/editor", {"where": CHANNEL}),
                ("/budgets", {"of": "workspace", "per": "month", "clear": "yes"}),
                ("/work", {"do": "remove", "number": "1", "channel": CHANNEL}),
                ("/audit", {}),
            )
        ]

    assert [theirs in page for page in own] == [False, True]
    assert [
        page
        for page in read
        if theirs in page or "Ada" in page or "U1" in page.replace("person=U1", "") or "$777" in page
    ] == []
    assert (set(closed), set(forms)) == ({403}, {403})
    assert (await front.store.personas.persona(Place(HERE, CHANNEL))).number == 3


async def test_batches_are_listed_with_how_they_stand_and_cancelled_and_nothing_of_their_rows_is_shown(front):
    await offer_batch(front, "b1", "words of a row")
    await offer_batch(front, "b2", "other words")
    page = "/dashboard/work"
    async with front.browse() as browser, front.browse(RUNNER) as operator:
        before = await browser.read(page)
        told = [
            await (await one.send(page, {"do": "cancel", "number": number, "channel": CHANNEL}, shown=page)).text()
            for one, number in ((browser, "1"), (operator, "2"), (browser, "2"), (browser, "7"))
        ]
        after = await browser.read(page)

    assert (before.count("waits to be started"), after.count("waits to be started")) == (2, 0)
    assert ["says good" in one for one in told[:2]] == [True, True]
    assert "says bad" in told[3]
    assert 'value="cancel"' not in after
    assert [one for one in (before, after, *told) if "words" in one.partition("<main")[2]] == []


async def offer_batch(front, name, cell):
    """A batch of Bob's that waits to be started."""
    key, questions = ThreadKey(HERE, CHANNEL, name), front.store.questions
    await questions.ingest(replace(commanded(name, "batch run x", key), person="U2"))
    claim = await questions.claim_next("p1", ["board"])
    job = await front.store.jobs.begin(claim, PLAN, name, 0)
    await front.store.jobs.add_rows(claim, job, [NewRow(1, (cell,), 100, 7, 10)])
    planned = PlannedRequest(key, name, "U2", "claude-a", 0, 0, 5, front.clock(), persona_wide=None)
    assert await front.store.jobs.offer(claim, job, planned, []) is None
    await questions.close(claim, Outcome.SHOWN)
