"""The frame of all pages, over a real socket."""

import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, CookieJar, web

from bots.ops.http_server import HttpServer
from bots.web.site.csrf import FIELD
from bots.web.site.site import HEADERS, VIEWER, Site, Viewer
from core.domain.errors import StoreUnavailable

KEY = b"k" * 32
HOSTILE = "<script>alert(1)</script>"


@asynccontextmanager
async def open_site(site=None, **handlers):
    """A browser without scripts, at a site with these pages."""
    site = site or Site([KEY])
    routes = [web.get(f"/{name}", handler) for name, handler in handlers.items()]
    routes += [web.post("/change", make_change(site)), web.get("/{rest:.*}", site.answer_not_found)]
    server = HttpServer(site.frame(routes))
    async with (
        server.serve("127.0.0.1", 0) as port,
        ClientSession(f"http://127.0.0.1:{port}", cookie_jar=CookieJar(unsafe=True)) as browser,
    ):
        yield browser


def make_change(site):
    async def change(request):
        await site.check_form(request)
        return web.Response(text="changed")

    return change


def make_page(site, viewer=None):
    async def show(request):
        if viewer:
            request[VIEWER] = viewer
        return site.render(request, "site/error.html", title=HOSTILE, says=HOSTILE)

    return show


def find_token(text):
    return re.search(r'name="form-token" content="(\w+)"', text)[1]


async def test_every_page_says_what_a_browser_may_load_and_markup_in_a_value_stands_as_text():
    site = Site([KEY])
    viewer = Viewer(HOSTILE, HOSTILE, leaving="/leave", holder="h")

    async with open_site(site, page=make_page(site, viewer)) as browser, browser.get("/page") as response:
        text, headers = await response.text(), response.headers

    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert headers["Cache-Control"] == "no-store"
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert not re.search(r"style=|\son\w+=|https?://", text)


@pytest.mark.parametrize(
    ("raised", "status", "says"),
    [
        (web.HTTPForbidden(), 403, "This is not for you"),
        (StoreUnavailable("secret words"), 503, "The database can't be reached"),
        (RuntimeError("secret words"), 500, "Something broke"),
    ],
    ids=["forbidden", "no database", "a bug"],
)
async def test_trouble_is_told_in_a_page_without_the_words_of_an_exception(raised, status, says):
    async def fail(request):
        raise raised

    async with open_site(fail=fail) as browser, browser.get("/fail") as response:
        text = await response.text()

    assert response.status == status
    assert says in text
    assert "secret words" not in text
    assert response.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


async def test_a_form_changes_something_only_with_the_token_of_the_page_that_this_browser_was_shown():
    site, other = Site([KEY]), Site([b"o" * 32])

    async with (
        open_site(site, page=make_page(site)) as browser,
        open_site(site, page=make_page(site)) as neighbour,
        open_site(other, page=make_page(other)) as stranger,
    ):
        shown = await browser.get("/page")
        own = find_token(await shown.text())
        theirs = find_token(await (await neighbour.get("/page")).text())
        foreign = find_token(await (await stranger.get("/page")).text())
        asked = [
            await browser.post("/change", data=form, headers=headers)
            for form, headers in [
                ({}, {}),
                ({FIELD: ""}, {}),
                ({FIELD: theirs}, {}),
                ({FIELD: foreign}, {}),
                ({FIELD: own}, {"Sec-Fetch-Site": "cross-site"}),
                ({FIELD: own}, {"Sec-Fetch-Site": "same-site"}),
                ({FIELD: own}, {"Sec-Fetch-Site": "same-origin"}),
                ({}, {"X-Form-Token": own}),
            ]
        ]

    assert [one.status for one in asked] == [403, 403, 403, 403, 403, 403, 200, 200]
    (cookie,) = shown.cookies.values()
    assert (cookie.key, cookie["httponly"], cookie["samesite"], cookie["secure"]) == ("confab-visit", True, "Lax", "")


async def test_a_browser_without_a_cookie_can_change_nothing():
    site = Site([KEY])

    async with open_site(site, page=make_page(site)) as browser:
        token = find_token(await (await browser.get("/page")).text())
        browser.cookie_jar.clear()
        asked = await browser.post("/change", data={FIELD: token})

    assert asked.status == 403


async def test_by_https_a_cookie_is_bound_to_this_very_host():
    site = Site([KEY], secure=True)

    async with open_site(site, page=make_page(site)) as browser, browser.get("/page") as response:
        cookie = response.headers["Set-Cookie"]

    assert cookie.startswith("__Host-confab-visit=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


@pytest.mark.parametrize(
    "path",
    [
        "/static/{version}/../site/site.py",
        "/static/{version}/..%2f__init__.py",
        "/static/{version}/%2e%2e/%2e%2e/cli.py",
        "/static/{version}/.",
        "/static/{version}/style.css%00.js",
        "/static/000000000000/style.css",
    ],
)
async def test_no_file_is_read_but_those_of_the_style_by_their_whole_names(path):
    site = Site([KEY])
    style = site._static.find_address("style.css")
    version = style.split("/")[2]

    async with open_site(site) as browser:
        found = await browser.get(path.format(version=version))
        whole = await browser.get(style)

    assert found.status == 404
    assert (whole.status, whole.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in whole.headers["Cache-Control"]


async def test_where_hosts_are_named_no_other_name_leads_to_a_page():
    site = Site([KEY], hosts=("127.0.0.1", "localhost", "::1"))

    async with open_site(site, page=make_page(site)) as browser:
        asked = [
            (await browser.get("/page", headers={"Host": host})).status
            for host in ("127.0.0.1:80", "localhost", "[::1]:8080", "evil.example", "evil.example:80", "127.0.0.1.evil")
        ]

    assert asked == [200, 200, 200, 403, 403, 403]
