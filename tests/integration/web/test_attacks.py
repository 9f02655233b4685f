"""Who attacks the dashboard over its socket gets nothing, breaks nothing, and is told nothing."""

import asyncio
import logging

import pytest

from bots.web.dashboard.dashboard import LINKS
from bots.web.dashboard.figures.live import EACH
from bots.web.site.csrf import FIELD
from bots.web.site.site import HEADERS
from core.domain.messages import FinalText, Outcome
from tests.support.dashboard import ADA, CHANNEL, HERE, RUNNER, fill, find_token
from tests.support.talk import asked, message, thread

BUDGETS, LIVE = "/dashboard/budgets", "/dashboard/live/overview"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (f"{FORM}; charset=bogus", b"of=%ff"),
        (FORM, b"of=\xff\xfe"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--y"),
    ],
    ids=["no such character set", "bytes that are none", "no boundary", "another boundary"],
)
async def test_a_form_that_nobody_can_read_is_refused_and_is_no_fault_of_ours(front, caplog, kind, body):
    link = await front.make_link()
    async with front.browse() as ada, front.browse(None) as stranger:
        token = find_token(await ada.read(BUDGETS))
        headers = {"Content-Type": kind, "X-Form-Token": token}
        answers = [
            await ada.session.post(BUDGETS, data=body, headers=headers),
            await stranger.session.post(link, data=body, headers={"Content-Type": kind}),
        ]

    assert [one.status for one in answers] in ([400, 400], [400, 403])
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_no_other_method_changes_anything_and_each_refusal_is_a_page_of_ours(front, method):
    async with front.browse() as ada:
        token = find_token(await ada.read(BUDGETS))
        form = {FIELD: token, "of": "workspace", "amount": "5", "per": "day"}
        more = {"X-HTTP-Method-Override": "POST", "X-Form-Token": token}
        answers = [
            await ada.session.request(method, path, params=params, headers=more)
            for path, params in (("/sign-out", {}), (BUDGETS, {**form, "_method": "POST"}), (LIVE, {}))
        ]
        still = (await ada.get("/dashboard")).status

    assert [one.status for one in answers] == [405, 200 if method == "HEAD" else 405, 405]
    assert [{name: one.headers.get(name) for name in HEADERS} == HEADERS for one in answers] == [True] * 3
    assert still == 200
    assert (await front.store.ledger.budgets(HERE, front.clock())).changes == ()


@pytest.mark.parametrize(
    ("line", "header", "status"),
    [
        (b"GET /nothing", b"Cookie: confab-visit=\xff\xfe", 404),
        (b"POST /sign-in/abc", b"Cookie: confab-visit=a\r\nContent-Length: 0\r\nX-Form-Token: \xff", 403),
    ],
    ids=["a cookie", "the token of a form"],
)
async def test_a_header_that_is_no_text_is_answered_with_a_page_and_is_no_fault_of_ours(
    front, caplog, line, header, status
):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(front.address.rpartition(":")[2]))
    writer.write(line + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + header + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Security-Policy" in answer
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_nothing_is_kept_of_a_channel_that_no_platform_can_have(front):
    budget = {"of": "channel", "channel": "c\0", "amount": "5", "per": "day"}
    async with front.browse(RUNNER) as runner:
        page = (await runner.get("/dashboard/personas/%00")).status
        tuned = (await runner.send("/dashboard/personas/%00", {"do": "tune", "effort": "low"})).status
        told = await (await runner.send(BUDGETS, budget)).text()
        ready = await (await runner.send("/dashboard/library/translator", {"channel": "c\0"})).text()

    assert (page, tuned) == (404, 404)
    assert ("That place is gone" in told, "That place is gone" in ready) == (True, True)
    assert (await front.store.ledger.budgets(HERE, front.clock())).changes == ()
    assert await front.store.personas.list_places(HERE) == []


async def test_a_cookie_that_was_copied_before_signing_out_opens_nothing_after_it(front):
    async with front.browse() as ada, front.browse(None) as thief:
        cookie = "; ".join(f"{one.key}={one.value}" for one in ada.session.cookie_jar)
        copied = {"Cookie": cookie}
        before = (await thief.get("/dashboard", headers=copied)).status
        token = find_token(await (await thief.get(BUDGETS, headers=copied)).text())
        await ada.send("/sign-out", {})
        after = (await thief.get("/dashboard", headers=copied)).status
        sent = await thief.session.post(BUDGETS, data={FIELD: token, "of": "workspace"}, headers=copied)

    assert (before, after, sent.status) == (200, 401, 401)


async def test_a_page_of_another_site_gets_no_part_of_ours_and_a_link_there_may_be_followed(front):
    async with front.browse() as ada:
        found = {
            (site, mode): (await ada.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})).status
            for path, site, mode in (
                (LIVE, "cross-site", "cors"),
                ("/dashboard", "cross-site", "no-cors"),
                ("/dashboard", "same-site", "cors"),
                ("/dashboard", "cross-site", "navigate"),
                ("/dashboard", "same-origin", "cors"),
            )
        }

    assert list(found.values()) == [403, 403, 403, 200, 200]


async def test_two_hundred_streams_at_once_leave_room_for_pages(front):
    async with front.browse() as ada, front.browse(None) as stranger:
        askers = [ada] * 100 + [stranger] * 100
        streams = await asyncio.gather(*(one.session.get(LIVE) for one in askers))
        shown = await ada.get("/dashboard")
        for one in streams:
            one.close()

    statuses = [one.status for one in streams]
    assert [statuses.count(status) for status in (200, 429, 401)] == [EACH, 100 - EACH, 100]
    assert shown.status == 200


async def test_a_name_that_a_request_gives_this_host_stands_in_no_page_and_no_redirect(front):
    link = await front.make_link()
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    async with front.browse(None) as browser:
        page = await browser.get(f"{link}?next=//evil.example", headers=forged)
        token, text = find_token(await page.text()), await page.text()
        visit = {"Cookie": f"confab-visit={page.cookies['confab-visit'].value}"}
        begun = await browser.session.post(
            f"{link}?next=//evil.example", data={FIELD: token}, headers=forged | visit, allow_redirects=False
        )

    assert "evil.example" not in text.replace("next=", "")
    assert begun.headers["Location"] == "/dashboard"


async def test_no_page_has_a_word_that_was_said_in_a_channel(front):
    await fill(front.store, front.clock)
    for number in range(3):
        key = thread(f"t{number}", workspace=HERE, channel=CHANNEL)
        said = message(f"{number}", "the codeword is tamarind", author="U1")
        await front.store.questions.ingest(asked(said, key))
        claim = await front.store.questions.claim_next("p1", ["board"])
        await front.store.questions.store_final_text(claim, FinalText("tamarind it is"))
        await front.store.questions.close(claim, Outcome.SHOWN if number else Outcome.REFUSED)
    more = ("/dashboard/usage?by=person", "/dashboard/usage.csv", "/dashboard/personas/c1", "/dashboard/nothing")
    async with front.browse(ADA) as ada:
        pages = [await (await ada.get(path)).text() for path in (*(link.address for _, link in LINKS), *more)]

    assert len(pages) == len(LINKS) + 4
    assert [page for page in pages if "tamarind" in page or "secret plan" in page] == []
