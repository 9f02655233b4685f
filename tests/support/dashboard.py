"""A dashboard over the board, on a real server: whom its links sign in, and what stands in its store."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar
from pydantic import SecretStr

from bots.ops.http_server import HttpServer
from bots.web.dashboard.dashboard import Dashboard, open_dashboard
from bots.web.dashboard.desk import ProcessState
from bots.web.dashboard.figures.live import LiveFigures
from bots.web.site.csrf import FIELD
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.commands import TABLE
from core.commands.registry import CommandContext
from core.domain.clock import Clock
from core.domain.messages import ThreadKey
from core.domain.models import Model
from core.domain.personas import Persona, Place
from core.domain.platform import Platform
from core.domain.usage import Usage
from core.library.library import PersonaLibrary
from core.settings import Settings
from core.store.audit_log import OPERATOR
from core.store.protocols import Store
from core.store.records.schedules import NewSchedule
from core.store.records.sign_ins.sessions import Identity
from core.tools.builtin import BuiltinTools
from core.tools.registry import ToolRegistry
from core.tools.tool import ToolProvider
from tests.support.clock import ManualClock

SECRET = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
HERE, CHANNEL = "board:w1", "c1"
ADA, BOB = Identity(HERE, "U1", CHANNEL), Identity(HERE, "U2", CHANNEL)
"""Ada manages the workspace, and Bob does not."""
RUNNER = Identity(HERE, OPERATOR)
"""Who runs Confab, by a link made at the machine."""

PAGES = {"overview": "", "usage": "/usage?by=person", "days": "/usage?by=day", "versions": "/usage?by=persona"} | {
    "personas": "/personas",
    "persona": "/personas/c1?version=2",
    "library": "/library",
    "ready": "/library/translator?channel=c1",
    "budgets": "/budgets",
    "tools": "/tools",
    "work": "/work",
    "audit": "/audit",
    "health": "/health",
}
"""Every page of the dashboard by a name, with the end of its address."""


@dataclass
class Front:
    """The dashboard as it is reached from outside."""

    dashboard: Dashboard
    store: Store
    board: Any
    clock: Any
    address: str

    async def make_link(self, identity: Identity = ADA) -> str:
        return f"{self.address}/sign-in/{await self.store.sign_ins.make_link(identity)}"

    @asynccontextmanager
    async def browse(self, identity: Identity | None = ADA) -> AsyncIterator["Browser"]:
        """A browser without scripts, which is signed in unless there is nobody."""
        async with ClientSession(self.address, cookie_jar=CookieJar(unsafe=True)) as session:
            browser = Browser(session)
            if identity:
                link = (await self.make_link(identity)).removeprefix(self.address)
                assert (await browser.send(link, {}, shown=link)).status == 200
            yield browser


@dataclass
class Browser:
    """Gets pages and sends their forms."""

    session: ClientSession

    async def get(self, path: str, **more) -> ClientResponse:
        response = await self.session.get(path, **more)
        await response.read()
        return response

    async def read(self, path: str) -> str:
        response = await self.get(path)
        assert response.status == 200, path
        return await response.text()

    async def send(self, path: str, form: dict, shown: str = "/dashboard", **more) -> ClientResponse:
        """Send a form with the token of the page that is `shown`."""
        token = find_token(await (await self.get(shown)).text())
        response = await self.session.post(path, data={FIELD: token, **form}, **more)
        await response.read()
        return response


def find_token(page: str) -> str:
    return re.search(r'name="form-token" content="(\w+)"', page)[1]


@asynccontextmanager
async def open_front(
    store: Store,
    board: Platform,
    clock: Clock,
    *,
    library: str = "",
    provided: Sequence[ToolProvider] = (),
    condition: ProcessState | None = None,
    interval: float = 0.05,
    **settings,
) -> AsyncIterator[Front]:
    """A dashboard that listens on loopback, and reads live figures each `interval` of seconds. `library` is the operator's folder of personas."""
    given = Settings(_env_file=None, confab_secret_key=SecretStr(SECRET), **settings)
    tools = ToolRegistry([BuiltinTools(), *provided])
    dashboard = open_dashboard(
        given, store, {board.name: board}, [SECRET], tools=tools, condition=condition or ProcessState(), clock=clock
    )
    live = LiveFigures(lambda workspace, since: store.reports.take_pulse(workspace, since, 100), interval=interval)
    dashboard = replace(dashboard, desk=replace(dashboard.desk, live=live))
    dashboard.connect(make_context(store, clock, tools, library))
    async with HttpServer(dashboard.routes()).serve("127.0.0.1", 0) as port:
        try:
            yield Front(dashboard, store, board, clock, f"http://127.0.0.1:{port}")
        finally:
            dashboard.close()


def make_context(store: Store, clock: Clock, tools: ToolRegistry, library: str = "") -> CommandContext:
    async def model(name: str) -> Model:
        return Model(name)

    async def compose(question, surface) -> None:
        return None

    shelf = PersonaLibrary(library)
    return CommandContext(store, Persona(model="new"), clock, model, compose, TABLE, "UTC", tools=tools, library=shelf)


async def fill(store: Store, clock: ManualClock) -> None:
    """A month in which Ada and Bob asked something every day, with personas, budgets and schedules."""
    await spend_days(store, clock, 30)
    for number, words in enumerate(("You are terse.", "You are terse.\nYou answer in English.", "You are kind.")):
        await store.personas.change(
            Place(HERE, CHANNEL),
            Persona(system=words, model="claude-haiku-5-5", prompts="What is new?"),
            number,
            "U1",
            clock(),
            reason="calmer",
        )
    await store.personas.change(Place(HERE), Persona(effort="high"), 0, "U1", clock())
    for scope, amount in ((Scope(HERE), 40), (Scope(HERE, CHANNEL), 9), (Scope(HERE, person="U2"), 30)):
        await store.ledger.allow(Budget(scope, Period.MONTH, amount * 1_000_000, "Europe/Berlin", "U1", clock()), 0)
    key = ThreadKey(HERE, CHANNEL, "")
    later = clock() + timedelta(days=1)
    await store.schedules.add(NewSchedule(key, "s1", "U1", "0 9 * * 1-5", "Europe/Berlin", "summarize", False, later))  # noqa: FBT003
    await store.schedules.add(NewSchedule(key, "s2", "U2", "0 9 * * 1", "UTC", "a secret plan", True, later))  # noqa: FBT003


async def spend_days(store: Store, clock: ManualClock, days: int) -> None:
    for day in range(days):
        at = clock() - timedelta(days=day, hours=1)
        for person, model in (("U1", "claude-haiku-5-5"), ("U2", "claude-sonnet-5-5")):
            key = ThreadKey(HERE, CHANNEL if day % 3 else "c2", f"t{day}")
            planned = PlannedRequest(key, f"q{day}", person, model, 1, 1000, 500, at, 20_000)
            reserved = await store.ledger.reserve(planned, [])
            usage = Usage(input=400, output=300 + 10 * day, cache_read=1200)
            cost = 4_000 + (day * 7919) % 90_000
            await store.ledger.settle(reserved, Settlement(usage, "end_turn", at, model, "r", cost, saved=cost // 3))
