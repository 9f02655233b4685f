"""Live figures of the dashboard, in a real browser and over a socket."""

import asyncio
import json

import pytest

from core.domain.messages import Outcome, Rank
from core.store import open_store
from core.store.records.sign_ins.sessions import RANK_LIFE
from tests.fakes.board import Board
from tests.support.browser import find_chromium, visit
from tests.support.clock import ManualClock
from tests.support.dashboard import ADA, BOB, CHANNEL, HERE, open_front
from tests.support.talk import asked, message, thread

OVERVIEW = "/dashboard/live/overview"
needs_chromium = pytest.mark.skipif(not find_chromium(), reason="there is no Chromium on PATH")


async def ask(front, name, person="U1", *, answered=False):
    key = thread(name, workspace=HERE, channel=CHANNEL)
    await front.store.questions.ingest(asked(message(name, author=person), key))
    if answered:
        claim = await front.store.questions.claim_next("p1", ["board"])
        await front.store.questions.close(claim, Outcome.SHOWN)


async def read_events(response, wanted):
    """The events of a stream until there are so many, or it ends; then it is left."""
    found = []
    async with response:
        async for line in response.content:
            if line.startswith(b"event: "):
                kind = line.decode().split()[1]
                found.append((kind, json.loads((await response.content.readline()).decode().removeprefix("data: "))))
                if len(found) == wanted:
                    response.close()
                    break
    return found


@needs_chromium
async def test_the_overview_counts_on_while_it_is_open_and_is_left_when_its_session_ends(front):
    await ask(front, "1", answered=True)
    async with visit() as visitor:
        visitor.expected.append("401")
        page = await visitor.open(await front.make_link())
        await page.get_by_role("button", name="Sign in").click()
        await page.locator("[data-figure=answered]", has_text="1").wait_for()
        await page.evaluate("window.untouched = true")
        await ask(front, "2")
        await page.locator("[data-figure=waiting]", has_text="1").wait_for()
        claim = await front.store.questions.claim_next("p1", ["board"])
        await front.store.questions.close(claim, Outcome.SHOWN)
        await page.locator("[data-figure=answered]", has_text="2").wait_for()
        untouched = await page.evaluate("window.untouched")
        await front.store.sign_ins.end_all(ADA.workspace, ADA.person)
        await page.get_by_text("You are not signed in").wait_for()

    assert untouched is True


@needs_chromium
async def test_health_tells_of_a_platform_that_goes_and_without_scripts_it_stands_as_it_was_loaded(front):
    async with visit() as visitor, visit(java_script_enabled=False) as plain:
        pages = []
        for one in (visitor, plain):
            page = await one.open(await front.make_link())
            await page.get_by_role("button", name="Sign in").click()
            await page.goto(f"{front.address}/dashboard/health")
            pages.append(page)
        await ask(front, "1")
        live, static = pages
        await live.locator("[data-figure=waiting]", has_text="1").wait_for()
        stood = await static.locator("[data-figure=waiting]").text_content()
        await static.reload()
        reloaded = await static.locator("[data-figure=waiting]").text_content()

    assert (stood, reloaded) == ("0", "1")


async def test_a_member_is_told_their_own_figures_and_no_stream_of_those_who_manage(front):
    await ask(front, "1", "U1")
    await ask(front, "2", "U2")
    async with front.browse(ADA) as ada, front.browse(BOB) as bob, front.browse(None) as nobody:
        told = [(await read_events(await one.session.get(OVERVIEW), 1))[0][1]["waiting"] for one in (ada, bob)]
        refused = [
            (await one.get(f"/dashboard/live/{page}")).status
            for one, page in ((bob, "work"), (bob, "health"), (nobody, "overview"))
        ]
        async with ada.session.get(OVERVIEW) as stream:
            headers = stream.headers

    assert told == ["2", "1"]
    assert refused == [403, 403, 401]
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


async def test_a_session_has_four_streams_and_who_leaves_one_may_open_another(front):
    async with front.browse() as ada, front.browse() as other, other.session.get(OVERVIEW) as theirs:
        streams = [await ada.session.get(OVERVIEW) for _ in range(4)]
        fifth = (await ada.get(OVERVIEW)).status
        streams.pop().close()
        async with asyncio.timeout(60):
            while (again := await ada.session.get(OVERVIEW)).status == 429:
                again.close()
        for one in (*streams, again):
            one.close()

    assert (fifth, theirs.status, again.status) == (429, 200, 200)


async def test_a_stream_ends_with_its_session_and_before_the_rank_is_older_than_five_minutes(front):
    async with front.browse() as ada, front.browse() as leaving:
        ends = await leaving.session.get(OVERVIEW)
        await leaving.send("/sign-out", {})
        ended = await read_events(ends, 9)
        front.clock.tick(RANK_LIFE.total_seconds() - 0.2)
        stream = await ada.session.get("/dashboard/live/health")
        front.board.ranks["U1"] = Rank.MEMBER
        rest = await read_events(stream, 9)
        front.clock.tick(1)
        after = (await ada.get("/dashboard/live/health")).status

    assert ended[-1][0] == "ended"
    assert [kind for kind, _ in rest] == ["figures"]
    assert after == 403


async def test_a_session_that_begins_while_somebody_looks_at_the_workspace_is_not_told_that_it_has_ended():
    clock = ManualClock()
    store = await open_store("sqlite:///:memory:", clock=clock)
    async with open_front(store, Board(), clock, interval=3_600) as front, front.browse(ADA) as ada:
        looking = await ada.session.get(OVERVIEW)
        while not (await looking.content.readline()).startswith(b"event: figures"):
            pass
        async with front.browse(BOB) as bob:
            told = await read_events(await bob.session.get(OVERVIEW), 1)
            stream = await bob.session.get(OVERVIEW)
            front.dashboard.close()
            rest = await read_events(stream, 9)
        looking.close()
    await store.shut()

    assert [kind for kind, _ in (*told, *rest)] == ["figures", "figures"]


async def test_streams_end_at_once_when_the_process_does(front):
    async with front.browse() as ada:
        stream = await ada.session.get(OVERVIEW)
        begun = await stream.content.readline()
        front.dashboard.close()
        rest = await read_events(stream, 9)
        late = (await ada.get(OVERVIEW)).status

    assert begun.startswith(b"retry: ")
    assert len(rest) <= 1
    assert late == 429
