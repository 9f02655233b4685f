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
from bots.discord.adapter import Discord
from bots.discord.settings import DiscordSettings
from bots.ops import logs
from bots.slack.adapter import Slack
from bots.slack.settings import SlackSettings
from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreNotReady
from core.domain.platform import Platform
from core.jobs.pace import JobPace
from core.store import open_store
from core.store.protocols import Store
from core.tools.registry import ToolRegistry
from tests.e2e.reliability.machine import MACHINE, MachineTools

STALE = timedelta(seconds=1)
SILENCE = "SILENCE"
"""The variable that says after how many seconds without a heartbeat a process has stopped, where that is not `STALE`."""
PACE = JobPace(0.05, timedelta(seconds=1), *[timedelta(seconds=0.1)] * 2, timedelta(minutes=9), timedelta(seconds=1))
EDIT = 0.05  # seconds between two edits
DEATH = "DEATH"
"""The variable that names the call at which the process kills itself: `questions.record_page 2 after`."""
CALLS = "CALLS"
"""The variable that names a file which gets a line for each call."""
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
                installers=discord.discord_user_install,
                quick=True,
                edit=EDIT,
            )
        )
    return found


async def open_when_ready(url: str, clock: Clock) -> Store:
    """The store, as soon as nobody else migrates it; `confab run` waits for that too."""
    while True:
        try:
            silence = os.environ.get(SILENCE)
            return await open_store(url, stale=timedelta(seconds=float(silence)) if silence else STALE, wall=clock)
        except StoreNotReady:
            await asyncio.sleep(0.1)


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
    found = platforms(chosen, store, clock)
    routes = [route for one in found if isinstance(one, Slack) for route in one.routes()]
    await run.answer(
        chosen.core, found, store, tools=tools, health=health, stop=stop, routes=routes, pace=PACE, clock=clock
    )
    await opened.shut()


if __name__ == "__main__":
    asyncio.run(main())
