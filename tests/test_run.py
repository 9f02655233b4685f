"""One command runs every platform, lets none take another down, and leaves nothing half done."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots import run
from bots.health import Health
from bots.server import Server
from core.settings import Settings
from core.store.sqlite import open_store
from tests.fakes.board import Board
from tests.fakes.claude import ClaudeFake
from tests.fakes.claude_script import Answer, Gate

ROOT = Path(__file__).parent.parent


class Broken(Board):
    """A board that fails as soon as it runs."""

    name = "broken"
    offline = "never connected"

    def __init__(self) -> None:
        super().__init__()
        self.ran = asyncio.Event()

    async def run(self, hear):
        self.ran.set()
        raise ExceptionGroup("all of it", [OSError("no route")])


class Talking(Board):
    """A board that can be told events once it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.listening = asyncio.Event()

    async def run(self, hear):
        self.hear = hear
        self.listening.set()
        await super().run(hear)

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
async def fake():
    async with ClaudeFake() as server:
        server.answer = lambda body: Answer(text="fine")
        yield server


@pytest.fixture
def settings(fake, tmp_path):
    url = f"sqlite:///{tmp_path}/confab.db"
    return Settings(_env_file=None, anthropic_api_key=fake.key, anthropic_base_url=fake.url, database_url=url)


@asynccontextmanager
async def running(settings: Settings, *platforms: Board, grace: float = 5):
    """`confab run` over these platforms; leaving it is a signal, and is waited for."""
    store, stop = await open_store(settings.database_url), asyncio.Event()
    health, server = Health(store.questions), Server()
    serving = asyncio.create_task(
        run.answer(settings, platforms, store, health=health, server=server, stop=stop, grace=grace)
    )
    try:
        yield stop
        stop.set()
        await asyncio.wait_for(serving, 10)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await store.shut()


async def waiting(settings: Settings) -> int:
    """How many questions are left open."""
    store = await open_store(settings.database_url)
    number, _ = await store.questions.waiting()
    await store.shut()
    return number


async def test_a_platform_that_fails_does_not_take_the_other_down(settings):
    talking, broken = Talking(), Broken()
    async with running(settings, broken, talking):
        await broken.ran.wait()
        await talking.listening.wait()

        await talking.hear(talking.said("t1", "U1", "hello"))
        await talking.until("t1", "fine")


async def test_an_answer_under_way_ends_before_we_leave_and_what_is_asked_meanwhile_waits(settings, fake):
    talking, gate = Talking(), Gate(after=3)
    fake.script(Answer(text="one two three", gate=gate))
    async with running(settings, talking) as stop:
        await talking.listening.wait()
        await talking.hear(talking.said("t1", "U1", "count"))
        await gate.reached.wait()

        stop.set()
        await asyncio.sleep(0)
        await talking.hear(talking.said("t2", "U2", "and me?"))
        gate.opened.set()

    assert talking.shown("t1") == ["one two three"]
    assert talking.shown("t2") == []
    assert await waiting(settings) == 1

    async with running(settings, talking):
        await talking.until("t2", "fine")
    assert await waiting(settings) == 0


async def test_an_answer_that_takes_longer_than_the_grace_is_given_anew_at_the_next_start(settings, fake):
    talking, gate = Talking(), Gate(after=3)
    fake.script(Answer(text="one two three", gate=gate))
    async with running(settings, talking, grace=0.01):
        await talking.listening.wait()
        await talking.hear(talking.said("t1", "U1", "count"))
        await gate.reached.wait()
    assert await waiting(settings) == 1

    async with running(settings, talking):
        await talking.until("t1", "fine")
    assert await waiting(settings) == 0


def confab(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of the command line, with nothing set but `variables`."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | variables
    command = [sys.executable, "-W", "error", "-m", "bots", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "variables", "named"),
    [
        ([], {}, ["SLACK_BOT_TOKEN and SLACK_APP_TOKEN", "DISCORD_BOT_TOKEN"]),
        (["--only", "slack"], {"DISCORD_BOT_TOKEN": "a.b.c"}, ["SLACK_BOT_TOKEN and SLACK_APP_TOKEN"]),
        ([], {"CONFAB_HTTP_PORT": "x", "CONFAB_CACHE_TTL": "2h"}, ["CONFAB_CACHE_TTL", "CONFAB_HTTP_PORT"]),
    ],
    ids=["no tokens", "none for the one that is wanted", "wrong settings"],
)
def test_what_is_missing_or_wrong_is_a_line_each_and_exit_code_2(tmp_path, arguments, variables, named):
    done = confab(tmp_path, "run", *arguments, **variables)

    assert (done.returncode, done.stdout) == (2, "")
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == named
    assert list(tmp_path.iterdir()) == []


LOADED = """
import sys
from click.testing import CliRunner
from bots.cli import main
assert CliRunner().invoke(main, ["--help"]).exit_code == 0
print(sorted({"asyncio", "aiohttp", "anthropic", "discord", "pydantic", "slack_bolt", "sqlite_utils"} & set(sys.modules)))
"""


def test_help_loads_nothing_that_takes_time(tmp_path):
    shown = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)

    assert shown.stdout == "[]\n"
