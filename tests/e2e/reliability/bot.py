"""Confab as a process that can be killed at any call of its store. `tests.e2e.reliability.nursery` starts it.

Its successor waits one second, not ten, and pages are edited faster than platforms like.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bots.app import run
from bots.app.configuration import Configuration, open_tools, read_configuration
from bots.app.health import Health
from bots.app.playground import build_routes, find_limits, listen
from bots.app.supervisor import Supervisor
from bots.discord.adapter import Discord
from bots.discord.settings import DiscordSettings
from bots.discord.shards.sharing import ShardSharing
from bots.ops import logs
from bots.ops.http_server import HttpServer
from bots.slack.adapter import Slack
from bots.slack.settings import SlackSettings
from bots.web.playground.adapter import Playground
from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreNotReady
from core.domain.platform import Platform
from core.jobs.pace import JobPace
from core.store import open_store
from core.store.protocols import Store
from core.tools.registry import ToolRegistry
from tests.e2e.reliability.halting import HALT, open_halting_store
from tests.e2e.reliability.machine import MACHINE, MachineTools

STALE = timedelta(seconds=1)
SILENCE = "SILENCE"
"""The variable that says after how many seconds without a heartbeat a process has stopped, where that is not `STALE`."""
PACE = JobPace(0.05, timedelta(seconds=1), *[timedelta(seconds=0.1)] * 2, timedelta(minutes=9), timedelta(seconds=1))
EDIT = 0.05  # seconds between two edits
DEATH = "DEATH"
"""The variable that names the call at which the process kills itself: `questions.record_page 2 after`."""
SPACING, LEAD = 0.4, 0.1  # seconds between two session starts of a bucket, and from a turn to the IDENTIFY
LEASE = "LEASE"
"""The variable that says how many seconds a lease of shards lasts; without it, as long as the others."""
CALLS = "CALLS"
"""The variable that names a file which gets a line for each call."""
PLAYGROUND = "PLAYGROUND"
"""The variable that makes it `confab web`, and names a file which gets a line with the address."""
CLOCK = "CLOCK"
"""The variable that names a file which says by how many seconds the machine's clock is wrong just now."""


def read_clock() -> Clock:
    """The machine's clock, as wrong as the file says that CLOCK names."""
    path = os.environ.get(CLOCK)
    if path is None:
        return system_clock
    file = Path(path)
    return lambda: system_clock() + timedelta(seconds=float(file.read_text() or 0))


class Mortal:
    """One protocol of the store; `told` hears before and after each of its calls."""

    def __init__(self, name: str, within: object, told: Callable[[str, str], None]) -> None:
        self._name, self._within, self._told = name, within, told

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._within, method)

        async def called(*given: object, **named: object) -> object:
            self._told(f"{self._name}.{method}", "before")
            answer = await call(*given, **named)
            self._told(f"{self._name}.{method}", "after")
            return answer

        return called


def mortal(store: Store, death: str, calls: str) -> Store:
    """A store that kills its process where `death` says, and writes every call down in the file `calls`."""
    done: Counter[str] = Counter()

    def told(call: str, phase: str) -> None:
        if phase == "before":
            done[call] += 1
            if calls:
                with Path(calls).open("a") as file:
                    file.write(f"{call}\n")
        if death == f"{call} {done[call]} {phase}":
            os.kill(os.getpid(), signal.SIGKILL)

    names = [field.name for field in fields(Store) if field.name != "shut"]
    return replace(store, **{name: Mortal(name, getattr(store, name), told) for name in names})  # type: ignore[arg-type]


def platforms(chosen: Configuration, store: Store, clock: Clock) -> Sequence[Platform]:
    found: list[Platform] = []
    slack, discord = chosen.platforms["slack"], chosen.platforms["discord"]
    assert isinstance(slack, SlackSettings)
    assert isinstance(discord, DiscordSettings)
    if slack.bot_token and (slack.app_token or slack.signing_secret):
        reached = {"app_token": slack.app_token, "signing_secret": slack.signing_secret}
        api, streams = slack.slack_api_url, slack.streams
        found.append(Slack(slack.bot_token, **reached, api_url=api, pause=EDIT, streams=streams, clock=clock))
    if discord.configured:
        api, gateway = discord.discord_api_url, discord.discord_gateway_url
        found.append(
            Discord(
                discord.token,
                store.notes,
                store.installations,
                api_url=api,
                gateway_url=gateway,
                sharing=share(discord, store),
                installers=discord.discord_user_install,
                quick=True,
                edit=EDIT,
            )
        )
    return found


def share(discord: DiscordSettings, store: Store) -> ShardSharing | None:
    """As `DISCORD_SHARDS` says, in less time."""
    if discord.discord_shards is None:
        return None
    wanted = None if discord.discord_shards == "auto" else discord.discord_shards
    lease = timedelta(seconds=float(os.environ.get(LEASE, STALE.total_seconds())))
    return ShardSharing(store.shards, wanted, lease=lease, spacing=SPACING, lead=LEAD)


async def open_once(url: str, clock: Clock) -> Store:
    """The store, which stands still in the middle of a transaction where HALT says so. Raises StoreNotReady."""
    silence, halt = os.environ.get(SILENCE), os.environ.get(HALT)
    stale = timedelta(seconds=float(silence)) if silence else STALE
    if halt:
        return await open_halting_store(url, stale, clock, Path(halt))
    return await open_store(url, stale=stale, wall=clock)


async def open_when_ready(url: str, clock: Clock) -> Store:
    """The store, as soon as nobody else migrates it; `confab run` waits for that too."""
    while True:
        try:
            return await open_once(url, clock)
        except StoreNotReady:
            await asyncio.sleep(0.1)


async def play(chosen: Configuration, store: Store, tools: ToolRegistry, stop: asyncio.Event, addresses: Path) -> None:
    """`confab web`, on a free port."""

    def tell(address: str) -> None:
        with addresses.open("a") as file:
            file.write(f"{address}\n")

    shown = Playground(store.posts)
    async with run.assemble(chosen.core, [shown], store, tools=tools, pace=PACE) as assistant:
        routes = build_routes(
            chosen.core, store, shown, compose=assistant.next_request, tools=tools.names, person="ada", door=None
        )
        async with run.connect_platforms([Supervisor(shown)], assistant):
            server = HttpServer(routes, find_limits())
            await listen(server, port=0, tell=tell, stop=stop, playground=shown, show=False, door=None)


async def main() -> None:
    """`confab run`, until it is killed."""
    chosen = read_configuration()
    logs.configure("INFO", chosen.secrets(), "text")
    clock = read_clock()
    opened = await open_when_ready(chosen.core.database_url, clock)
    store = mortal(opened, os.environ.get(DEATH, ""), os.environ.get(CALLS, ""))
    health, stop = Health(store.questions), run.catch_signals()
    machine = os.environ.get(MACHINE, "")
    tools = ToolRegistry([MachineTools(machine)]) if machine else open_tools(chosen)
    if addresses := os.environ.get(PLAYGROUND, ""):
        await play(chosen, store, tools, stop, Path(addresses))
        await opened.shut()
        return
    found = platforms(chosen, store, clock)
    routes = [route for one in found if isinstance(one, Slack) for route in one.routes()]
    await run.answer(
        chosen.core, found, store, tools=tools, health=health, stop=stop, routes=routes, pace=PACE, clock=clock
    )
    await opened.shut()


if __name__ == "__main__":
    asyncio.run(main())
