"""Composition root: puts store, Claude, platforms and HTTP server together, and shuts them down in order."""

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bots.app.claude_watch import ClaudeWatch
from bots.app.configuration import (
    Configuration,
    find_misspelt_variables,
    open_platforms,
    open_tools,
    require_setup,
    select_platforms,
)
from bots.app.doctor import check_claude
from bots.app.health import Health
from bots.app.supervisor import Supervisor, run_once_connected
from bots.ops.audit_log import HeadLog
from bots.ops.exposed_files import warn_of_exposed
from bots.ops.plugin import PlatformResources
from bots.ops.secret_keys import load_audit_keys
from core.answering.assistant import Assistant
from core.answering.budget_alerts import BudgetAlerts
from core.answering.completions import Completions
from core.answering.policy import Rules
from core.billing import prices
from core.claude import sdk
from core.claude.batches.message_batches import MessageBatches
from core.claude.client import Claude
from core.claude.metering import Metering
from core.commands.overview import Overviews
from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreNotReady
from core.domain.personas import Persona
from core.domain.platform import Platform
from core.files.made_files import MadeFiles
from core.files.reader import FileReader
from core.files.uploads import FileUploads
from core.jobs.collection import Collection
from core.jobs.day_sums import DaySumWorker
from core.jobs.pace import PACE, JobPace
from core.jobs.schedules import ScheduleWorker
from core.jobs.submission import Submission
from core.jobs.worker import JobWorker
from core.library.library import PersonaLibrary
from core.settings import Settings
from core.store import open_store
from core.store.audit_log import AuditKeys
from core.store.protocols import Audit, Store
from core.store.records.heartbeat import News, Signals
from core.telemetry import Emit, discard_event
from core.tools.registry import ToolRegistry
from core.worker.lease import ensure_answer_held
from core.worker.worker import GRACE

if TYPE_CHECKING:  # what answers on other platforms needs no terminal, and who talks in one no pages
    from bots.console.adapter import Console
    from bots.web.dashboard.dashboard import Dashboard

CHAT_STALE = timedelta(seconds=3)  # who killed a chat and starts another does not want to wait
RETRY = 5.0  # seconds between two tries to open the database
SIGNALS = (signal.SIGTERM, signal.SIGINT)

Work = Callable[[], Coroutine[Any, Any, None]]
"""What runs until it is cancelled."""

log = logging.getLogger(__name__)


def make_claude(settings: Settings) -> Claude:
    """Make the client of Claude where a key is set, of the stand-in otherwise."""
    if settings.anthropic_api_key is not None:
        return Claude(settings.anthropic_api_key.get_secret_value(), settings.anthropic_base_url)
    from core.claude.offline import OfflineTransport  # noqa: PLC0415  most never need it

    return Claude("stand-in", settings.anthropic_base_url, OfflineTransport())


def make_rules(settings: Settings) -> Rules:
    """Turn settings into what they decide for all places."""
    return Rules(
        defaults=Persona(system=settings.confab_persona or None, model=settings.confab_model),
        fallbacks=settings.confab_fallback_models,
        ttl=settings.confab_cache_ttl,
        zone=settings.confab_time_zone,
        guests=settings.confab_guests,
        bots=settings.confab_bots,
        models=settings.confab_models,
        catch_up=settings.confab_catch_up,
        managers_approve=settings.confab_approvers == "managers",
        public_url=settings.confab_public_url if settings.confab_http_port else "",
    )


def make_overviews(settings: Settings, store: Store) -> Overviews:
    """Make the read model of home pages."""
    rules = make_rules(settings)
    return Overviews(store, rules.defaults, rules.zone, system_clock, guests=rules.guests)


@asynccontextmanager
async def assemble(
    settings: Settings,
    platforms: Sequence[Platform],
    store: Store,
    emit: Emit = discard_event,
    *,
    tools: ToolRegistry,
    pace: JobPace = PACE,
    clock: Clock = system_clock,
) -> AsyncIterator[Assistant]:
    """Assemble an assistant over `store` that answers while this lasts.

    What is not answered at its end is left to the next process.
    """
    client = make_claude(settings)
    named = {platform.name: platform for platform in platforms}
    known, alerts = prices.read_prices(settings.confab_prices), BudgetAlerts(named)
    metering = Metering(client, store.ledger, known, clock, emit=emit, warn=alerts, ensure_held=ensure_answer_held)
    inline, most = settings.confab_files == "inline", int(settings.confab_max_cost * 1_000_000)
    uploads = FileUploads(store.files, client.files, inline=inline) if client.files else None
    assistant = Assistant(
        store,
        completions=Completions(client, metering, store.notes, clock, max_cost=most),
        platforms=named,
        rules=make_rules(settings),
        clock=clock,
        process=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        emit=emit,
        files=FileReader(uploads=uploads),
        made_files=MadeFiles(client.files),
        tools=tools,
        library=PersonaLibrary(settings.confab_personas),
        slots=settings.confab_slots,
    )
    api, wake = client.batches, assistant.worker.wake
    jobs = make_job_worker(store, api, metering, wake, pace=pace, clock=clock) if api else None
    beside = [*make_timed_work(settings, store, assistant, clock, pace), *([uploads.run] if uploads else [])]
    beside += [sdk.load, partial(run_once_connected, platforms, assistant.list_models)]
    try:
        async with tools.connect(store.notes), run_worker(assistant, beside, jobs, store.signals):
            yield assistant
    finally:
        await client.close()


def make_timed_work(settings: Settings, store: Store, assistant: Assistant, clock: Clock, pace: JobPace) -> list[Work]:
    """Make what leaves the runs of schedules to the assistant's worker, and what counts days that are over."""
    schedules = ScheduleWorker(store.schedules, assistant.list_connected, assistant.worker.wake)
    days = DaySumWorker(store.day_sums, settings.confab_time_zone, clock, pace=pace)
    return [schedules.run, days.run]


def make_job_worker(
    store: Store, api: MessageBatches, metering: Metering, wake: Callable[[], None], *, pace: JobPace, clock: Clock
) -> JobWorker:
    """Make what gives batches in and collects them."""
    submission = Submission(store.batches, api, metering, clock, pace)
    collection = Collection(store.batches, api, metering, clock, pace)
    return JobWorker(store.batches, submission, collection, wake, pace=pace)


@asynccontextmanager
async def run_worker(
    assistant: Assistant,
    beside: Sequence[Work],
    jobs: JobWorker | None,
    signals: Signals,
) -> AsyncIterator[None]:
    """Answer questions while this lasts, see to batches, and do what runs `beside` them."""

    def hear(news: News) -> None:
        assistant.worker.hear(news)
        if jobs:
            jobs.hear(news)

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one()) for one in (assistant.worker.run, *beside)]
        running.append(group.create_task(signals.listen(hear)))
        if jobs:
            running.append(group.create_task(jobs.run()))
        try:
            yield
        finally:
            await assistant.worker.drain(0)
            for task in running:
                task.cancel()


async def chat(settings: Settings, console: "Console", tools: ToolRegistry) -> None:
    """Talk in a terminal until its words end; open questions are answered before this returns."""
    keys = await asyncio.to_thread(load_audit_keys, settings)
    await asyncio.to_thread(warn_of_exposed, settings)
    store = await open_store(settings.database_url, stale=CHAT_STALE, keys=keys)
    console.awaited.find_ending, console.list_jobs = store.questions.find_ending, store.jobs.list_newest
    console.list_waiting = store.calls.list_waiting
    try:
        async with tell_heads(store.audit), assemble(settings, [console], store, tools=tools) as assistant:
            await console.run(assistant.ingest)
            await assistant.worker.idle()
    finally:
        await store.shut()


async def serve(configuration: Configuration, only: str | None = None, *, stand_in: bool = False) -> None:
    """Answer on every platform whose tokens are set, or on `only` one, until a signal.

    Without a key nobody answers, unless a `stand_in` for Claude may. The database's server is waited for.
    Raises SettingsError, StoreUnusable.
    """
    from bots.app.web_pages import open_pages  # noqa: PLC0415  see above

    require_setup(configuration, only, stand_in=stand_in)
    plugins, settings = select_platforms(configuration, only), configuration.core
    tools = open_tools(configuration)
    stop = catch_signals()
    for line in (*find_misspelt_variables(), *configuration.doubt_secrets()):
        log.warning(line)
    if settings.anthropic_api_key is None:
        log.warning("ANTHROPIC_API_KEY: not set, so a stand-in answers in Claude's place, and says so")
    keys = await asyncio.to_thread(load_audit_keys, settings)
    await asyncio.to_thread(warn_of_exposed, settings)
    store = await open_when_ready(settings.database_url, stop, keys=keys)
    if store is None:
        return
    try:
        claude = ClaudeWatch(partial(check_claude, settings))
        health = Health(store.questions, claude=claude, metrics=settings.confab_http_port is not None)
        overviews = make_overviews(settings, store)
        resources = PlatformResources(
            settings,
            store.notes,
            health,
            tools.names,
            overviews,
            store.installations,
            health.living.count,
            store.shards,
        )
        opened = open_platforms(plugins, configuration, resources)
        freeze_heap()
        platforms, routes = [one.platform for one in opened], [route for one in opened for route in one.routes]
        pages = await asyncio.to_thread(open_pages, settings, store, platforms, health, tools=tools)
        async with tell_heads(store.audit), watch_claude(claude, platforms):
            await answer(settings, platforms, store, tools=tools, health=health, routes=routes, stop=stop, pages=pages)
    finally:
        await store.shut()


async def open_when_ready(
    url: str, stop: asyncio.Event, seconds: float = RETRY, keys: AuditKeys | None = None
) -> Store | None:
    """Open the database, as soon as its server lets us; None when `stop` comes first. Raises StoreUnusable.

    After a machine's start, or an upgrade, the server or another program may need longer than we do.
    """
    while not stop.is_set():
        try:
            return await open_store(url, keys=keys)
        except StoreNotReady as error:
            log.error("waits for the database: %s", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
    return None


@asynccontextmanager
async def tell_heads(audit: Audit) -> AsyncIterator[None]:
    """Tell the log the newest rows of the audit log, at the start, every hour and at the end."""
    heads = HeadLog(audit)
    telling = asyncio.create_task(heads.run(asyncio.sleep))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await heads.tell()


@asynccontextmanager
async def watch_claude(watch: ClaudeWatch, platforms: Sequence[Platform]) -> AsyncIterator[None]:
    """Say in the log what does not work at Claude, at the start and whenever it changes, while this lasts."""
    watching = asyncio.create_task(run_once_connected(platforms, watch.run))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def answer(
    settings: Settings,
    platforms: Sequence[Platform],
    store: Store,
    *,
    tools: ToolRegistry,
    health: Health,
    stop: asyncio.Event,
    routes: Sequence[web.RouteDef] = (),
    pages: "Dashboard | None" = None,
    grace: float = GRACE,
    pace: JobPace = PACE,
    clock: Clock = system_clock,
) -> None:
    """Answer until `stop`; then take up nothing new, give answers under way `grace` seconds, and leave.

    Until the end the platforms are heard, so that what is said meanwhile waits for the next start. `routes` are the
    platforms' and are served beside those of `health` and `pages`. Raises SettingsError.
    """
    supervisors = [Supervisor(platform) for platform in platforms]
    ours = [*health.routes(supervisors), *routes, *(pages.routes() if pages else ())]
    async with (
        listen_http(settings, ours),
        assemble(settings, platforms, store, health, tools=tools, pace=pace, clock=clock) as assistant,
        connect_platforms(supervisors, assistant),
    ):
        if pages:
            pages.connect(assistant.commands)
        log.info("started: %s", ", ".join(platform.name for platform in platforms))
        await stop.wait()
        log.info("stopping; answers under way get %g seconds", grace)
        if pages:
            pages.close()
        await assistant.worker.drain(grace)
    log.info("stopped")


@asynccontextmanager
async def listen_http(settings: Settings, routes: Sequence[web.RouteDef]) -> AsyncIterator[None]:
    """Serve HTTP while this lasts, where a port is set. Raises SettingsError."""
    if settings.confab_http_port is None:
        yield
        return
    from bots.ops.http_server import HttpServer  # noqa: PLC0415  without a port nobody needs it

    async with HttpServer(routes).serve(settings.confab_http_host, settings.confab_http_port) as port:
        log.info("listening on http://%s:%d", settings.confab_http_host, port)
        yield


@asynccontextmanager
async def connect_platforms(supervisors: Sequence[Supervisor], assistant: Assistant) -> AsyncIterator[None]:
    """Keep each platform running while this lasts, and close it at the end."""
    ingest, wake = assistant.ingest, assistant.worker.wake
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one.run(ingest, wake), name=one.platform.name) for one in supervisors]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
    finally:
        for one in supervisors:
            await one.platform.close()


def freeze_heap() -> None:
    """Exempt what stands after the start from garbage collection: it stays, and going through it takes 100 ms and more.

    Whatever runs meanwhile waits, the event loop too; a thread of megabytes is read with several such collections.
    """
    gc.freeze()


def catch_signals() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets. The next one is the system's to carry out: it ends us at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def begin() -> None:
        stop.set()
        for one in SIGNALS:
            loop.remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)

    for one in SIGNALS:
        loop.add_signal_handler(one, begin)
    return stop
