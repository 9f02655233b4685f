"""Random worlds: whatever is said, edited, deleted, lost, doubled and killed, on both platforms, the promises hold.

`make reliability` lives 1,000 of them; WORLDS and WORLDS_SEED choose how many, and which.
"""

import logging
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.e2e.worlds import brisk, checks
from tests.e2e.worlds.life import Life, clocked
from tests.e2e.worlds.process import Servers
from tests.e2e.worlds.steps import (
    Delete,
    Fate,
    Feel,
    Kill,
    Mood,
    Release,
    Say,
    Settle,
    Start,
    Step,
    Stop,
    steps,
)
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.client import pointed
from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.world import Clock
from tests.fakes.slack.server import SlackFake
from tests.support.databases import POSTGRES, SQLITE, Database, Databases

WORLDS = int(os.environ.get("WORLDS", "12"))
SEED = int(os.environ.get("WORLDS_SEED", "1"))
PARTS = 4  # which run side by side; in every other one Slack tells its events by Socket Mode

FOUND: dict[str, Sequence[Step]] = {
    "a direct message in Discord that is told after its deletion": [Say(6, fate=Fate.HELD), Delete(0)],
    "a thread in Slack that is told after its deletion": [Say(4, fate=Fate.HELD), Delete(0)],
    "a reply in Slack that is told after its deletion": [
        Say(0, mention=False),
        Say(0, where=1, fate=Fate.HELD),
        Delete(0),
    ],
    "a message that comes late into a thread that was not ours when it was deleted": [
        Say(5, fate=Fate.HELD),
        Say(5, fate=Fate.HELD),
        Delete(1),
        Release(backwards=True),
    ],
    "a direct message in Discord that is missed until Claude refused a later one": [
        Kill(),
        Say(6),
        Settle(),
        Say(5, fate=Fate.LOST),
        Feel(Mood.REFUSING, 2),
        Say(6, fate=Fate.SOON),
    ],
    "a direct message in Discord that is answered with an earlier one whose deletion nobody told": [
        Say(6, where=2, mention=False, person=1),
        Say(4, where=3, target=3, fate=Fate.HELD),
        Say(6, where=2, person=2, target=1, fate=Fate.SOON),
        Say(5, where=1, person=2, target=3, fate=Fate.LOST),
        Delete(3, fate=Fate.LOST),
    ],
    "a direct message in Slack that is told after its deletion, where an earlier one was missed": [
        Kill(),
        Say(0, where=1, mention=False, person=3, fate=Fate.TWICE),
        Stop(1),
        Say(4, where=3, other=True, target=1, file=True, fate=Fate.HELD),
        Say(4, where=1, person=1, target=1, file=True, fate=Fate.TWICE),
        Start(),
        Delete(0),
    ],
    "a picture in what Claude refused": [
        Feel(Mood.REFUSING),
        Say(5, file=True, text=False),
        Settle(),
        Say(5, where=1),
    ],
}


@dataclass(slots=True)
class Figures:
    """What was tried."""

    worlds: int = 0
    steps: int = 0
    questions: int = 0
    lost: int = 0
    doubled: int = 0
    requests: int = 0
    uploads: int = 0
    processes: int = 0


async def lived(steps: Sequence[Step], database: Database, *, socket: bool) -> tuple[Life, checks.Found]:
    """A world in which `steps` happened and all is settled."""
    clock = Clock()
    async with (
        SlackFake(clock=clock, ack_seconds=60) as slack,
        DiscordFake(clock=clock) as discord,
        ClaudeFake(clock=clock) as claude,
    ):
        life = Life(Servers(slack, discord, claude, clocked(clock)), clock, database.url, socket)
        with pointed(discord):
            await life.live(steps)
        return life, checks.found(life, database)


def hold(steps: Sequence[Step], figures: Figures, *, engine: str, socket: bool = False) -> None:
    """Live a world, and see that it keeps every promise."""
    with tempfile.TemporaryDirectory() as folder, Databases(engine) as databases:
        life, world = brisk.run(lived(steps, databases.of(Path(folder)), socket=socket))
    figures.worlds += 1
    figures.steps += len(steps)
    figures.processes += life.processes
    figures.uploads += life.servers.claude.files.uploads
    figures.requests += len(world.truth.asked)
    figures.questions += len(world.questions)
    figures.lost += len(checks.lost(world))
    figures.doubled += len(checks.doubled(world))
    for check in checks.CHECKS:
        check(world)


def tried(worlds: int, number: int, figures: Figures, *, engine: str, socket: bool) -> None:
    """So many worlds, out of the seed of that number."""

    @seed(number)
    @settings(max_examples=worlds, database=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def world(chosen):
        hold(chosen, figures, engine=engine, socket=socket)

    world()


@pytest.mark.parametrize("engine", [SQLITE, POSTGRES])
@pytest.mark.parametrize("part", range(PARTS))
def test_the_promises_hold_in_random_worlds(part, engine, record_property, caplog):
    caplog.set_level(logging.CRITICAL)
    began, figures = time.monotonic(), Figures()
    try:
        tried(max(1, WORLDS // PARTS), SEED * PARTS + part, figures, engine=engine, socket=bool(part % 2))
    finally:
        record_property(
            "figures",
            {
                "what": f"random worlds, {engine}, part {part + 1}",
                **asdict(figures),
                "seconds": round(time.monotonic() - began),
            },
        )


@pytest.mark.parametrize("engine", [SQLITE, POSTGRES])
@pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
@pytest.mark.parametrize("steps", FOUND.values(), ids=FOUND)
def test_the_promises_hold_where_they_were_once_broken(steps, socket, engine, caplog):
    caplog.set_level(logging.CRITICAL)

    hold(steps, Figures(), engine=engine, socket=socket)
