"""Composition of `confab web`: the playground on loopback, in one process with what answers."""

import asyncio
import logging
import secrets
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from bots.app.configuration import Configuration, find_misspelt_variables, open_tools
from bots.app.run import CHAT_STALE, assemble, catch_signals, connect_platforms, make_rules, tell_heads
from bots.app.supervisor import Supervisor
from bots.app.web_pages import is_loopback
from bots.console.other_terminals import hold_session
from bots.delivery.downloads import LARGEST
from bots.ops.exposed_files import warn_of_exposed
from bots.ops.http_limits import Limits, read_limits
from bots.ops.http_server import HttpServer
from bots.ops.secret_keys import load_audit_keys, read_secret_keys
from bots.web.playground.actions import PlaygroundActions
from bots.web.playground.adapter import Playground
from bots.web.playground.door import Door
from bots.web.playground.pages import PersonaShelf, PlaygroundPages
from bots.web.playground.prompt_panel import Compose, PromptReader
from bots.web.playground.stream import PlaygroundStream
from bots.web.site.site import Site
from core.billing import prices
from core.domain.errors import SettingsError
from core.settings import Settings
from core.store import open_store
from core.store.protocols import Store

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")  # under which a browser may ask for it: no name of others that leads here
PORT = 8321  # where none is set; another one where that is taken
TAKEN = "Another `confab web` has this database open. Use its page, or name another database with DATABASE_URL."
PORT_TAKEN = "Can't listen on {}:{}: another program does, or you may not. Choose another port with --port."
NO_LOOPBACK = (
    "CONFAB_WEB_OPEN: opens the playground without a key, which may be on an address of this machine alone, and "
    "CONFAB_HTTP_HOST is {}. Unset one of them."
)
SILENT = 120.0  # seconds that a connection may say nothing: browsers open some that they close unused after a minute
STAY = 7 * 86_400.0  # seconds for which a window may follow without connecting again

log = logging.getLogger(__name__)


async def serve_playground(
    configuration: Configuration,
    person: str,
    port: int | None,
    tell: Callable[[str], None],
    *,
    show: bool = False,
) -> None:
    """Serve the playground until a signal, and `tell` its address. Raises SettingsError, StoreUnusable.

    Everybody who gets in may do everything, so it listens on loopback alone, whatever CONFAB_HTTP_HOST says, and the
    address has a one-time key unless CONFAB_WEB_OPEN is set. What is not answered at the end is answered at the next
    start.
    """
    settings, stop = configuration.core, catch_signals()
    if settings.confab_web_open and not is_loopback(settings.confab_http_host):
        raise SettingsError(NO_LOOPBACK.format(settings.confab_http_host))
    wanted = settings.confab_http_port if port is None else port
    if wanted and not await _is_free(wanted):  # here, for what is raised further in is a group of errors
        raise SettingsError(PORT_TAKEN.format(LOOPBACK, wanted))
    if await asyncio.to_thread(hold_session, settings.database_url, "-web") is None:
        raise SettingsError(TAKEN)
    for line in (*find_misspelt_variables(), *configuration.doubt_secrets()):
        log.warning(line)
    keys = await asyncio.to_thread(load_audit_keys, settings)
    await asyncio.to_thread(warn_of_exposed, settings)
    tools = open_tools(configuration)
    store = await open_store(settings.database_url, stale=CHAT_STALE, keys=keys)
    try:
        playground = Playground(store.posts)
        async with tell_heads(store.audit), assemble(settings, [playground], store, tools=tools) as assistant:
            door = None if settings.confab_web_open else Door(find_keys(settings))
            routes = build_routes(
                settings, store, playground, compose=assistant.next_request, tools=tools.names, person=person, door=door
            )
            async with connect_platforms([Supervisor(playground)], assistant):
                server = HttpServer(routes, find_limits())
                await listen(server, port=wanted, tell=tell, stop=stop, playground=playground, show=show, door=door)
    finally:
        await store.shut()


async def listen(
    server: HttpServer,
    *,
    port: int | None,
    tell: Callable[[str], None],
    stop: asyncio.Event,
    playground: Playground,
    show: bool,
    door: Door | None,
) -> None:
    """Answer browsers until `stop`. Raises SettingsError."""
    if port is None:
        port = PORT if await _is_free(PORT) else 0
    async with server.serve(LOOPBACK, port) as found:
        base = f"http://{LOOPBACK}:{found}/"
        address = door.open(base, tell) if door else base
        tell(address)
        with lead_to(address) if door and show else nullcontext(address) as shown:
            if show:
                await asyncio.to_thread(webbrowser.open, shown)
            await stop.wait()
        playground.history.hub.close()


@contextmanager
def lead_to(address: str) -> Iterator[str]:
    """A page on the disk, this user's alone, that leads to an address: every user reads what a program began with."""
    with TemporaryDirectory(prefix="confab-") as folder:
        page = Path(folder) / "confab.html"
        page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">', "utf-8")
        yield page.as_uri()


def build_routes(
    settings: Settings,
    store: Store,
    playground: Playground,
    *,
    compose: Compose,
    tools: Sequence[str],
    person: str,
    door: Door | None,
) -> list[web.RouteDef]:
    """Every page of the playground; with a `door` for who came in by it."""
    known = prices.read_prices(settings.confab_prices)
    site = Site([key.encode() for key in find_keys(settings)], hosts=NAMES)
    models = settings.confab_models or known.models
    shelf = PersonaShelf(store.personas, make_rules(settings).defaults, models, tools)
    pages = PlaygroundPages(site, playground, PromptReader(playground, compose, store.ledger, known), shelf, person)
    actions = PlaygroundActions(site, playground, pages, shelf)
    stream = PlaygroundStream(site, playground, pages)
    routes = [*actions.routes(), *stream.routes(), *pages.routes()]
    return site.frame(door.guard(site, routes) if door else routes)


def find_keys(settings: Settings) -> list[str]:
    """The secret keys; one of this process alone where there is none, as with a database in memory."""
    return read_secret_keys(settings) or [urlsafe_b64encode(secrets.token_bytes(32)).decode()]


def find_limits() -> Limits:
    """Limits for files and for streams that stay open; only this machine can reach them."""
    wide = replace(read_limits(), body=LARGEST + 1, held=4 * LARGEST, body_seconds=120.0, request_seconds=STAY)
    return replace(wide, head_seconds=SILENT)


async def _is_free(port: int) -> bool:
    """Whether nobody listens on a port of loopback."""
    with suppress(OSError):
        server = await asyncio.start_server(lambda _reader, _writer: None, LOOPBACK, port)
        server.close()
        await server.wait_closed()
        return True
    return False
