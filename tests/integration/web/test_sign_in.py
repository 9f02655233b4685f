"""Signing in to the dashboard: a link is used once, and a session goes no further than its person's rank."""

import asyncio

from bots.web.site.csrf import FIELD
from core.domain.controls import Control, parse_control
from core.domain.messages import Rank
from core.store import open_store
from core.store.records.sign_ins.sessions import LINK_LIFE, RANK_LIFE, SESSION_LIFE, Identity
from tests.fakes.board import Board
from tests.support.clock import ManualClock
from tests.support.dashboard import ADA, BOB, RUNNER, find_token, open_front


async def test_a_preview_of_a_link_shows_whom_it_signs_in_and_uses_nothing_up(front):
    link = await front.make_link()

    async with front.browse(None) as preview:
        looked = [await preview.get(link), await preview.session.head(link), await preview.get(link)]
        page = await looked[0].text()
        inside = await preview.get("/dashboard")

    assert [one.status for one in looked] == [200, 200, 200]
    assert "Sign in as Ada" in page
    assert "board:w1" in page
    assert looked[0].headers["Referrer-Policy"] == "no-referrer"
    assert inside.status == 401
    assert await front.store.sign_ins.list_open("board:w1", "U1") == []


async def test_a_link_signs_in_once_and_its_person_is_told(front):
    link = await front.make_link()

    async with front.browse(None) as first, front.browse(None) as second:
        for browser in (first, second):
            await browser.get(link)
        begun = await first.send(link, {}, shown=link)
        late = await second.session.post(link, data={FIELD: "x"})
        gone = await second.get(link)

    assert (begun.status, begun.url.path) == (200, "/dashboard")
    assert "Overview" in await begun.text()
    assert (late.status, gone.status) == (403, 410)
    ((workspace, person, text),) = front.board.told
    assert (workspace, person) == ("board:w1", "U1")
    assert "dashboard end" in text
    (session,) = await front.store.sign_ins.list_open("board:w1", "U1")
    ((control, _),) = [parse_control(button) for button in front.board.told_buttons]
    assert (control, f"session {session.number}" in text) == (Control.END_SESSION, True)
    (row,) = await front.store.audit.newest("board:w1", None)
    assert (row.action, row.actor) == ("sign_in", "U1")


async def test_of_browsers_that_use_a_link_at_once_one_is_signed_in(front):
    link = await front.make_link()

    async with front.browse(None) as one, front.browse(None) as two:
        tokens = [find_token(await (await browser.get(link)).text()) for browser in (one, two)]
        begun = await asyncio.gather(
            *(
                browser.session.post(link, data={FIELD: token}, allow_redirects=False)
                for browser, token in zip((one, two), tokens, strict=True)
            )
        )

    assert sorted(answer.status for answer in begun) == [303, 410]
    assert len(await front.store.sign_ins.list_open("board:w1", "U1")) == 1


async def test_the_cookie_of_a_session_is_sealed_and_of_no_use_to_scripts_or_other_sites(front):
    link = await front.make_link()

    async with front.browse(None) as browser:
        token = find_token(await (await browser.get(link)).text())
        begun = await browser.session.post(link, data={FIELD: token}, allow_redirects=False)
        cookie = begun.cookies["confab-session"]
        stolen = await front.store.sign_ins.make_link(ADA)
        bare, _ = await front.store.sign_ins.use_link(stolen, Rank.OWNER)
        browser.session.cookie_jar.clear()
        forged = await browser.get("/dashboard", headers={"Cookie": f"confab-session={bare}"})

    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert bare not in cookie.value
    assert forged.status == 401


async def test_by_https_the_cookie_stays_with_https_and_this_host():
    clock = ManualClock()
    store = await open_store("sqlite:///:memory:", clock=clock)
    async with open_front(store, Board(), clock, confab_public_url="https://confab.example") as front:
        link = (await front.make_link()).removeprefix(front.address)
        async with front.browse(None) as browser:
            page = await browser.get(link)
            visit = page.cookies["__Host-confab-visit"].value
            begun = await browser.session.post(
                link,
                data={FIELD: find_token(await page.text())},
                headers={"Cookie": f"__Host-confab-visit={visit}"},
                allow_redirects=False,
            )
    await store.shut()

    assert begun.cookies["__Host-confab-session"]["secure"] is True


async def test_an_old_link_and_an_old_session_open_nothing(front):
    link = await front.make_link()
    async with front.browse() as browser:
        front.clock.tick(LINK_LIFE.total_seconds())
        late = await browser.get(link)
        front.clock.tick(SESSION_LIFE.total_seconds())
        over = await browser.get("/dashboard")

    assert (late.status, over.status) == (410, 401)


async def test_who_was_demoted_sees_less_within_five_minutes_and_changes_nothing_at_once(front):
    async with front.browse() as browser:
        before = (await browser.get("/dashboard/audit")).status
        front.board.ranks = {}
        unasked = (await browser.get("/dashboard/audit")).status
        form = {"of": "workspace", "amount": "5", "per": "day"}
        changed = await browser.send("/dashboard/budgets", form, shown="/dashboard/budgets")
        after = (await browser.get("/dashboard/audit")).status
        links = await browser.read("/dashboard")

    assert (before, unasked, changed.status, after) == (200, 200, 403, 403)
    assert (await front.store.ledger.budgets("board:w1", front.clock())).changes == ()
    assert "Audit log" not in links


async def test_a_page_alone_asks_for_the_rank_again_after_five_minutes(front):
    async with front.browse() as browser:
        front.board.ranks = {}
        front.clock.tick(RANK_LIFE.total_seconds())
        found = await browser.get("/dashboard/audit")

    assert found.status == 403


async def test_a_process_whose_clock_is_slow_asks_for_the_rank_as_early_as_the_others():
    clock = ManualClock()
    store = await open_store("sqlite:///:memory:", clock=clock)
    async with open_front(store, Board(), clock.skewed(-300)) as front, front.browse() as browser:
        front.board.ranks = {}
        clock.tick(RANK_LIFE.total_seconds())
        found = await browser.get("/dashboard/audit")
    await store.shut()

    assert found.status == 403


async def test_who_left_is_signed_out(front):
    async with front.browse(BOB) as browser:
        front.board.ranks["U2"] = Rank.GUEST
        front.clock.tick(RANK_LIFE.total_seconds())
        left = await browser.get("/dashboard")
        front.board.ranks["U2"] = Rank.MEMBER
        back = await browser.get("/dashboard")

    assert (left.status, back.status) == (401, 401)


async def test_a_guest_signs_in_to_nothing(front):
    front.board.ranks["U3"] = Rank.GUEST
    link = await front.make_link(Identity("board:w1", "U3", "c1"))

    async with front.browse(None) as browser:
        refused = await browser.send(link, {}, shown=link)

    assert refused.status == 403
    assert await front.store.sign_ins.list_open("board:w1", "U3") == []


async def test_where_the_platform_does_not_say_who_somebody_is_nothing_is_shown(front):
    async with front.browse() as browser:
        front.board.mute = True
        front.clock.tick(RANK_LIFE.total_seconds())
        silent = await browser.get("/dashboard")
        front.board.mute = False
        again = await browser.get("/dashboard")

    assert (silent.status, again.status) == (503, 200)
    assert "does not say who you are" in await silent.text()


async def test_a_form_of_another_session_or_without_a_token_changes_nothing(front):
    form = {"of": "workspace", "amount": "5", "per": "day"}
    async with front.browse() as ada, front.browse() as other:
        theirs = find_token(await other.read("/dashboard/budgets"))
        own = find_token(await ada.read("/dashboard/budgets"))
        asked = [
            (await ada.session.post("/dashboard/budgets", data={**form, FIELD: token}, headers=headers)).status
            for token, headers in [
                ("", {}),
                (theirs, {}),
                (own, {"Sec-Fetch-Site": "cross-site"}),
                (own, {"Sec-Fetch-Site": "same-origin"}),
            ]
        ]

    assert asked == [403, 403, 403, 200]
    assert len((await front.store.ledger.budgets("board:w1", front.clock())).changes) == 1


async def test_a_person_signs_out_here_or_everywhere(front):
    async with front.browse() as one, front.browse() as two, front.browse() as three:
        out = await one.send("/sign-out", {})
        still = (await two.get("/dashboard")).status
        listed = await two.read("/sign-ins")
        await two.send("/sign-out/everywhere", {})
        closed = [(await browser.get("/dashboard")).status for browser in (one, two, three)]

    assert out.url.path == "/signed-out"
    assert still == 200
    assert listed.count('<th scope="row">') == 2
    assert closed == [401, 401, 401]


async def test_a_sign_out_that_another_site_sends_ends_nothing(front):
    async with front.browse() as browser:
        await browser.session.post("/sign-out")
        await browser.get("/sign-out")
        still = await browser.get("/dashboard")

    assert still.status == 200


async def test_a_session_of_one_workspace_is_shown_nothing_of_another(front):
    front.board.ranks["U9"] = Rank.OWNER
    async with front.browse() as ada:
        await ada.send(
            "/dashboard/budgets", {"of": "workspace", "amount": "5", "per": "day"}, shown="/dashboard/budgets"
        )
    async with front.browse(Identity("board:w2", "U9", "c9")) as stranger:
        pages = [await stranger.read(f"/dashboard{path}") for path in ("", "/usage", "/budgets", "/audit", "/work")]

    assert len(pages) == 5
    assert [page for page in pages if "board:w1" in page or "$5.00" in page or "Ada" in page] == []


async def test_the_operator_signs_in_without_a_platform_and_the_audit_log_says_what_they_changed(front):
    async with front.browse(Identity("board:w1", "operator")) as browser:
        page = await browser.read("/dashboard/budgets")
        form = {"of": "workspace", "amount": "5", "per": "day"}
        changed = await (await browser.send("/dashboard/budgets", form, shown="/dashboard/budgets")).text()

    assert "the operator" in page
    assert "Set by the operator" in changed
    assert [(row.action, row.actor) for row in await front.store.audit.page("board:w1", 0)] == [
        ("sign_in", "operator"),
        ("budget.set", "operator"),
    ]
    assert front.board.told == []
    assert "rank" not in front.board.calls


class AwayBoard(Board):
    """A board that is not connected: who asks for a surface waits until it is."""

    async def surface(self, question):
        return await asyncio.get_running_loop().create_future()


async def test_a_form_of_the_operator_is_answered_while_the_platform_is_away_and_changes_nothing():
    clock = ManualClock()
    store = await open_store("sqlite:///:memory:", clock=clock)
    form = {"of": "workspace", "amount": "5", "per": "day"}
    async with open_front(store, AwayBoard(), clock) as front, front.browse(RUNNER) as browser:
        front.dashboard.clerk.patience = 0.05
        async with asyncio.timeout(20):
            told = await (await browser.send("/dashboard/budgets", form, shown="/dashboard/budgets")).text()
    changed = (await store.ledger.budgets("board:w1", clock())).changes
    await store.shut()

    assert "can't be reached just now, so nothing was changed" in told
    assert changed == ()
