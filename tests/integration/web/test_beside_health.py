"""The dashboard on the HTTP server of `confab run`, beside health. Tests bots.app.web_pages."""

import asyncio

from pydantic import SecretStr

from bots.app.health import Health
from bots.app.run import answer
from bots.app.web_pages import make_operator_link, open_pages
from core.domain.clock import system_clock
from core.settings import Settings
from core.store import open_store
from core.store.audit_log import AuditKeys
from core.tools.registry import ToolRegistry
from tests.fakes.board import Board
from tests.support.dashboard import ADA, SECRET, Front
from tests.support.wire import free_port


async def test_it_is_served_beside_health_and_its_forms_change_what_answers_are_given_by(tmp_path):
    settings = Settings(
        _env_file=None,
        database_url=f"sqlite:///{tmp_path}/confab.db",
        confab_http_port=free_port(),
        confab_secret_key=SecretStr(SECRET),
    )
    store, board, tools, stop = (
        await open_store(settings.database_url, keys=AuditKeys()),
        Board(),
        ToolRegistry(),
        asyncio.Event(),
    )
    health = Health(store.questions)
    pages = open_pages(settings, store, [board], health, tools=tools)
    running = asyncio.create_task(
        answer(settings, [board], store, tools=tools, health=health, stop=stop, pages=pages, grace=0)
    )
    front = Front(pages, store, board, system_clock, f"http://127.0.0.1:{settings.confab_http_port}")
    try:
        async with asyncio.timeout(60):
            while pages.clerk.context is None:
                await asyncio.sleep(0.01)
        async with front.browse() as browser, front.browse(None) as stranger:
            form = {"of": "workspace", "amount": "5", "per": "day"}
            changed = await (await browser.send("/dashboard/budgets", form, shown="/dashboard/budgets")).text()
            seen = [
                (await stranger.get(path)).status
                for path in ("/healthz", "/dashboard", "/sign-ins", "/dashboard/usage.csv")
            ]
            nowhere = await stranger.get("/nowhere/at/all")
            refused = [(await stranger.session.post(path)).status for path in ("/healthz", "/nowhere")]
            link = await make_operator_link(settings, ADA.workspace)
            shown = await (await stranger.get(link)).text()
            async with browser.session.get("/dashboard/live/overview") as stream:
                stop.set()
                told = await stream.content.read()  # one that is cut off raises
    finally:
        stop.set()
        await running
        await store.shut()

    assert "may now spend $5.00 a day" in changed
    assert told.startswith(b"retry: ")
    assert seen == [200, 401, 401, 401]
    assert (nowhere.status, refused) == (404, [405, 405])
    assert "There is no such page" in await nowhere.text()
    assert nowhere.headers["X-Frame-Options"] == "DENY"
    assert "Sign in as the operator" in shown


async def test_where_others_reach_the_port_and_no_address_is_given_for_browsers_there_is_none():
    store = await open_store("sqlite://")
    there = [
        open_pages(
            Settings(_env_file=None, confab_secret_key=SecretStr(SECRET), **given),
            store,
            [],
            Health(store.questions),
            tools=ToolRegistry(),
        )
        for given in (
            {},
            {"confab_http_port": 80, "confab_http_host": "0.0.0.0"},
            {"confab_http_port": 80, "confab_http_host": "0.0.0.0", "confab_public_url": "https://confab.example"},
        )
    ]
    await store.shut()

    assert [one is not None for one in there] == [False, False, True]
