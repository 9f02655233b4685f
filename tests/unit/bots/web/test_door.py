"""Who is let in by the playground's door, over a server in this process. Tests bots.web.playground.door."""

import re
from datetime import timedelta

from aiohttp import ClientSession, CookieJar, web

from bots.ops.http_server import HttpServer
from bots.web.playground.door import Door
from bots.web.site.site import Site
from tests.support.clock import ManualClock

KEYS = ["QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="]


async def show(request):
    return web.Response(text="inside")


async def test_a_session_outlives_a_restart_and_ends_after_twelve_hours():
    clock, jar, found = ManualClock(), CookieJar(unsafe=True), []
    first, told = Door(KEYS[:1], clock), []

    def serve(door, port):
        site = Site([b"key"])
        return HttpServer(site.frame(door.guard(site, [web.get("/", show)]))).serve("127.0.0.1", port)

    async with ClientSession(cookie_jar=jar) as browser:
        async with serve(first, 0) as port:
            base = f"http://127.0.0.1:{port}/"
            address = first.open(base, told.append)
            async with browser.get(address) as page:
                token = re.search(r'name="form_token" value="(\w+)"', await page.text())[1]
            async with browser.post(address, data={"form_token": token}) as page:
                found.append(await page.text())
        for keys, later in ((KEYS[::-1], timedelta(hours=11)), (KEYS[1:], timedelta()), (KEYS, timedelta(hours=1))):
            clock.tick(later.total_seconds())
            async with serve(Door(keys, clock), port), browser.get(base) as page:
                found.append(page.status)

    assert found == ["inside", 200, 403, 403]
    assert told == [f"For another browser: {first.open(base, told.append)}"]


async def test_a_port_that_there_can_not_be_is_refused_and_is_no_fault_of_ours(caplog):
    door, site = Door(KEYS), Site([b"key"], hosts=["localhost"])
    routes = site.frame(door.guard(site, [web.get("/", show)]))
    async with (
        HttpServer(routes).serve("127.0.0.1", 0) as port,
        ClientSession() as browser,
        browser.get(f"http://127.0.0.1:{port}/", headers={"Host": "localhost:99999"}) as page,
    ):
        status = page.status

    assert status == 400
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []
