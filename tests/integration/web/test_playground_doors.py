"""Who gets into the playground: a browser on this machine, by one of its pages, and nobody else.

Tests bots.app.playground, bots.web.playground.actions.
"""

import re
from asyncio.subprocess import PIPE

import pytest
from aiohttp import ClientSession, CookieJar

from bots.app.playground import TAKEN, find_limits
from tests.support import fork_server
from tests.support.web_playground import serve_playground

pytestmark = pytest.mark.slow


def find_token(text):
    return re.search(r'name="form-token" content="(\w+)"', text)[1]


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
