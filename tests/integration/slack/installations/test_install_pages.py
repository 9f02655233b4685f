"""Somebody installs the app in a browser: the state begins there, works once, and for ten minutes.

Tests bots.slack.installations.install_pages, bots.slack.installations.oauth.
"""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bots.slack.manifest import SCOPES
from core.domain.clock import system_clock
from core.store.audit_log import AuditAction
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import Grant
from tests.support.slack_installations import PUBLIC, SECOND, town

STRANGE = "This page was not opened from here"


@pytest.fixture
async def two(slack, claude, store):
    async with town(slack, claude, store, installed=False) as found:
        yield found


async def test_the_page_asks_slack_for_the_scopes_of_the_manifest(two, slack):
    page = await two.browser.open("/slack/install")

    assert (page.status, page.title) == (200, "Add Confab to Slack")
    assert f"scope={'%2C'.join(SCOPES).replace(':', '%3A')}" in page.link
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert slack.oauth.client_secret not in page.text


async def test_the_log_says_at_the_start_where_workspaces_install_it(slack, claude, store, caplog):
    caplog.set_level("INFO")
    async with town(slack, claude, store, installed=False):
        pass

    assert f"workspaces install Confab at {PUBLIC}/slack/install" in caplog.text


async def test_an_installation_is_kept_and_audited(two, slack, store):
    page = await two.browser.install(slack, SECOND, "U0BOB")

    assert page.title == "Confab is in Difference Engines"
    (kept,) = await store.installations.list("slack")
    assert (kept.workspace, kept.by) == ("slack:T0TWO", "U0BOB")
    rows = await store.audit.page("slack:T0TWO", 0)
    assert [(row.action, row.actor) for row in rows] == [(AuditAction.INSTALLATION.value, "U0BOB")]


async def test_a_state_of_another_browser_installs_nothing(two, slack, store):
    theirs = await two.browser.open("/slack/install")
    address = slack.oauth.allow(theirs.link, SECOND, "U0EVE")
    mine = two.browser
    await mine.open("/slack/install")

    assert [(await one.open(address)).title for one in (mine, two.browser)] == [STRANGE] * 2
    assert await store.installations.list("slack") == []


async def test_a_state_works_once_also_where_the_cookie_comes_again(two, slack):
    browser = two.browser
    page = await browser.open("/slack/install")
    cookies = dict(browser.cookies)
    first = await browser.open(slack.oauth.allow(page.link, SECOND, "U0ADA"))
    assert browser.cookies == {}
    browser.cookies |= cookies
    second = await browser.open(slack.oauth.allow(page.link, SECOND, "U0ADA"))

    assert (first.status, second.status, second.title) == (200, 400, STRANGE)


@pytest.mark.parametrize("more", ["!", "%20", "=", "%0A", "%C3%A4!"])
async def test_a_state_works_once_however_it_is_written(two, slack, store, more):
    browser = two.browser
    page = await browser.open("/slack/install")
    cookies = dict(browser.cookies)
    await browser.open(slack.oauth.deny(page.link))
    browser.cookies |= cookies
    second = await browser.open(f"{slack.oauth.allow(page.link, SECOND, 'U0ADA')}{more}")

    assert (second.status, second.title) == (400, STRANGE)
    assert await store.installations.list("slack") == []


@pytest.mark.parametrize("cookie", [b"\xff\xfe", "\u00e4".encode(), b'"', b"\xed\xa0\x80", b"x" * 3000])
async def test_a_cookie_of_any_bytes_is_another_browsers(two, slack, cookie):
    page = await two.browser.open("/slack/install")
    address = slack.oauth.allow(page.link, SECOND, "U0EVE").removeprefix(PUBLIC)
    answer = await two.browser.send(f"GET {address}".encode(), b"confab_install=" + cookie)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert STRANGE.encode() in answer


@pytest.mark.parametrize("code", ["", "%00", "%ff", "%ed%a0%80", "x" * 3000])
async def test_a_code_that_slack_never_gave_installs_nothing(two, slack, store, code):
    browser = two.browser
    page = await browser.open("/slack/install")
    state = slack.oauth.deny(page.link).partition("state=")[2]
    answer = await browser.open(f"/slack/oauth_redirect?code={code}&state={state}")

    assert (answer.status, answer.title) == (502, "Slack did not complete the installation")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"expires_in": one} for one in ("soon", [], {}, 1.5, -1, 10**30, "9" * 5000, True)),
        *({"access_token": one} for one in ("", None, 7, "xoxb-1\r\nX: y", "xoxb-\u00e4", "xoxb 1")),
        *({"refresh_token": one} for one in (7, ["x"])),
        *({name: one} for name in ("team", "enterprise", "authed_user") for one in ("T1", ["T1"], 7)),
        {"team": {"id": 7}},
        {"enterprise": {"id": ["E1"]}},
    ],
    ids=lambda wrong: f"{wrong}"[:40],
)
async def test_an_answer_of_slacks_that_can_not_be_read_installs_nothing(two, slack, store, wrong):
    sound = {"ok": True, "access_token": "xoxb-T0TWO-1", "team": {"id": "T0TWO", "name": "Difference Engines"}}
    slack.oauth.grants[sound["access_token"]] = Grant(SECOND.id, frozenset(SCOPES))
    slack.fail_next("oauth.v2.access", Fault(body=json.dumps(sound | wrong).encode()))
    page = await two.browser.install(slack, SECOND)

    assert (page.status, page.title) == (502, "Slack did not complete the installation")
    assert len(slack.called("auth.revoke")) == ("access_token" not in wrong)
    assert await store.installations.list("slack") == []


TEN_MINUTES = [
    pytest.param(minutes, title, id=name)
    for name, minutes, title in (
        ("at once, by a process whose clock is slow", -5, "Confab is in Difference Engines"),
        ("after nine minutes, by one whose clock is five ahead", 14, "Confab is in Difference Engines"),
        ("after eleven minutes, by that one", 16, "That took too long"),
    )
]


@pytest.mark.parametrize(("minutes", "title"), TEN_MINUTES)
async def test_a_state_works_for_ten_minutes_though_clocks_differ_by_five(slack, claude, store, minutes, title):
    later = [timedelta()]
    async with town(slack, claude, store, installed=False, clock=lambda: system_clock() + later[0]) as two:
        browser = two.browser
        page = await browser.open("/slack/install")
        later[0] = timedelta(minutes=minutes)

        assert (await browser.open(slack.oauth.allow(page.link, SECOND, "U0ADA"))).title == title


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x&code=x", "?state=%00&code=%ff", "?error=access_denied"])
async def test_what_did_not_begin_here_is_refused_with_a_page(two, slack, query):
    browser = two.browser
    await browser.open("/slack/install")
    page = await browser.open(f"/slack/oauth_redirect{query}")

    assert (page.status, page.title, page.link) == (400, STRANGE, "/slack/install")
    assert slack.called("oauth.v2.access") == []


async def test_who_says_no_is_told_that_nothing_was_installed(two, slack, store):
    browser = two.browser
    page = await browser.open("/slack/install")
    page = await browser.open(slack.oauth.deny(page.link))

    assert (page.status, page.title) == (200, "Nothing was installed")
    assert await store.installations.list("slack") == []


@pytest.mark.parametrize("fault", [Fault(error="invalid_code"), Fault(status=500)])
async def test_what_slack_does_not_complete_is_told_without_its_words(two, slack, store, fault, caplog):
    slack.fail_next("oauth.v2.access", fault)
    page = await two.browser.install(slack, SECOND)

    assert (page.status, page.title) == (502, "Slack did not complete the installation")
    assert "invalid_code" not in page.text
    assert await store.installations.list("slack") == []


async def test_a_wrong_secret_installs_nothing_and_the_log_says_why(slack, claude, store, caplog):
    async with town(slack, claude, store, installed=False, setup={"client_secret": "wrong"}) as two:
        page = await two.browser.install(slack, SECOND)

    assert page.status == 502
    assert "bad_client_secret" in caplog.text


async def test_the_name_of_a_workspace_is_text_on_the_page(two, slack):
    page = await two.browser.install(slack, replace(SECOND, name="<script>alert(1)</script>"))

    assert "<script>" not in page.text
    assert page.title == "Confab is in <script>alert(1)</script>"
