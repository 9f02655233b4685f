"""Who gets into the playground: a browser on this machine, by one of its pages, and nobody else.

Tests bots.app.playground, bots.web.playground.actions, bots.web.playground.door.
"""

import asyncio
import re
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar

from bots.app.playground import NO_LOOPBACK, PORT_TAKEN, TAKEN, find_limits, lead_to
from tests.support import fork_server
from tests.support.web_playground import serve_playground

pytestmark = pytest.mark.slow


INSIDE = ["", "playground/panel", "playground/events?after=x", "playground/files/general/nothing/0", "nowhere"]
FORMS = ["say", "press", "edit", "delete", "files", "persona", "difference"]


def find_token(text):
    return re.search(r'name="form-token" content="(\w+)"', text)[1]


def browse():
    return ClientSession(cookie_jar=CookieJar(unsafe=True))


async def test_the_address_that_is_printed_lets_one_browser_in_once(tmp_path):
    async with (
        serve_playground(tmp_path, logs="refused over HTTP", CONFAB_WEB_OPEN="false") as served,
        browse() as ours,
        browse() as other,
    ):
        base, _, key = served.address.partition("sign-in/")

        async def use(browser, address):
            async with browser.get(address) as page:
                token = find_token(await page.text())
            async with browser.post(address, data={"form_token": token}, allow_redirects=False) as answer:
                return answer.status, answer.headers.get("Location"), answer.headers.getall("Set-Cookie", [])

        async with other.get(base) as page:
            outside, sentence = page.status, await page.text()
        token = {"X-Form-Token": find_token(sentence)}
        refused = [(await other.get(base + path)).status for path in INSIDE]
        refused += [(await other.post(f"{base}playground/{form}", data={}, headers=token)).status for form in FORMS]
        without_token = (await ours.post(served.address)).status
        (await ours.head(served.address)).release()
        status, location, cookies = await use(ours, served.address)
        entered = [(await ours.get(base + path)).status for path in ("", "playground/panel", "nowhere")]
        spent = await use(other, served.address)
        still_out = (await other.get(base)).status
        following = (await served.process.stdout.readline()).decode().split()[-1]
        second = await use(other, following)
        now_in = (await other.get(base)).status

    assert len(key) > 40
    assert (outside, set(refused), without_token) == (403, {403}, 403)
    assert "The terminal in which <code>confab web</code> runs shows an address" in sentence
    assert (status, location) == (303, "/")
    [session] = [one for one in cookies if "playground" in one]
    assert all(flag in session for flag in ("HttpOnly", "SameSite=Lax", "Max-Age=43200", "Path=/"))
    assert entered == [200, 200, 404]
    assert spent[0] == 410
    assert still_out == 403
    assert (second[0], now_in) == (303, 200)


async def test_without_a_key_it_starts_only_where_the_http_server_is_on_loopback(tmp_path):
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/confab.db", "PATH": "/usr/bin:/bin"}
    environment |= {"CONFAB_WEB_OPEN": "true", "CONFAB_HTTP_HOST": "0.0.0.0"}
    refused = await fork_server.start("web", environment=environment, folder=tmp_path, stdout=PIPE, stderr=PIPE)
    shown, complaints = await refused.communicate()

    assert (refused.returncode, shown) == (2, b"")
    assert complaints.decode().strip() == NO_LOOPBACK.format("0.0.0.0")


async def test_a_port_that_is_taken_is_said_in_one_line(tmp_path):
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/confab.db", "PATH": "/usr/bin:/bin"}
    async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0) as other:
        port = str(other.sockets[0].getsockname()[1])
        pipes = {"stdout": PIPE, "stderr": PIPE}
        refused = await fork_server.start("web", "--port", port, environment=environment, folder=tmp_path, **pipes)
        shown, complaints = await refused.communicate()

    assert (refused.returncode, shown) == (2, b"")
    assert complaints.decode().strip() == PORT_TAKEN.format("127.0.0.1", port)


def test_a_browser_is_started_with_a_page_that_nobody_else_reads():
    with lead_to("http://127.0.0.1:8321/sign-in/key") as shown:
        page = Path(shown.removeprefix("file://"))
        modes = [one.stat().st_mode & 0o077 for one in (page.parent,)]
        text = page.read_text()

    assert "url=http://127.0.0.1:8321/sign-in/key" in text
    assert modes == [0]
    assert not page.exists()


async def test_a_form_counts_only_from_a_page_of_ours_under_a_name_of_ours(tmp_path):
    jar = CookieJar(unsafe=True)
    async with serve_playground(tmp_path, logs="refused over HTTP") as served, ClientSession(cookie_jar=jar) as browser:
        fields = {"channel": "general", "thread": "1", "as": "ada", "text": "hello"}

        async def say(headers, given=fields):
            async with browser.post(f"{served.address}playground/say", data=given, headers=headers) as answer:
                return answer.status

        before = await say({})
        async with browser.get(served.address) as page:
            token = {"X-Form-Token": find_token(await page.text()), "Accept": "application/json"}
        found = {
            "no token": await say({}),
            "of another": await say({"X-Form-Token": "0" * 64}),
            "another site": await say({**token, "Origin": "https://evil.example"}),
            "nobody's site": await say({**token, "Origin": "null"}),
            "a form without a script": await say({**token, "Origin": "null", "Sec-Fetch-Site": "same-origin"}),
            "another name": await say({**token, "Host": f"evil.example:{served.port}"}),
            "sent across": await say({**token, "Sec-Fetch-Site": "cross-site"}),
            "too long": await say(token, {**fields, "text": "x" * 200_001}),
            "no such file": await say(token, {**fields, "files": "nothing"}),
            "ours": await say(token),
        }
        async with browser.get(served.address, headers={"Host": "evil.example"}) as page:
            rebound = page.status
        async with browser.get(f"{served.address}playground/files/general/nothing/0") as page:
            missing = page.status
        async with browser.get(f"{served.address}playground/events?after=x") as page:
            first = [await page.content.readline() for _ in range(4)]

    assert before == 403
    assert found == {
        "no token": 403,
        "of another": 403,
        "another site": 403,
        "nobody's site": 403,
        "a form without a script": 200,
        "another name": 403,
        "sent across": 403,
        "too long": 422,
        "no such file": 422,
        "ours": 200,
    }
    assert (rebound, missing) == (403, 404)
    assert b"event: rewritten\n" in first


async def test_a_second_one_over_the_same_database_says_so_in_one_line(tmp_path):
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/confab.db", "PATH": "/usr/bin:/bin"}
    async with serve_playground(tmp_path):
        second = await fork_server.start("web", environment=environment, folder=tmp_path, stdout=PIPE, stderr=PIPE)
        shown, complaints = await second.communicate()

    assert (second.returncode, shown) == (2, b"")
    assert complaints.decode().strip() == TAKEN


def test_a_connection_that_a_browser_opens_and_does_not_use_is_left_to_the_browser():
    assert find_limits().head_seconds > 60  # after which Chromium closes it
