"""One command runs every platform, lets none take another down, and leaves nothing half done.

Tests bots.app.registry, bots.app.configuration.
"""

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from bots.app import run
from bots.app.claude_watch import ClaudeWatch
from bots.app.doctor import check_claude
from bots.app.health import Health
from core.settings import Settings
from core.store import open_store
from core.tools.registry import ToolRegistry
from tests.fakes.board import Board
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.app import SECRET
from tests.fakes.slack.server import SlackFake
from tests.support import fork_server
from tests.support.waiting import until
from tests.support.wire import free_port

ROOT = Path(__file__).parents[2]


class Broken(Board):
    """A board that fails as soon as it runs."""

    name = "broken"
    offline = "never connected"

    def __init__(self) -> None:
        super().__init__()
        self.ran = asyncio.Event()

    async def run(self, ingest, connected=None):
        self.ran.set()
        raise ExceptionGroup("all of it", [OSError("no route")])


class Talking(Board):
    """A board that can be told events once it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.listening = asyncio.Event()

    async def run(self, ingest, connected=None):
        self.ingest = ingest
        self.listening.set()
        await super().run(ingest)

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def settings(claude, tmp_path):
    url = f"sqlite:///{tmp_path}/confab.db"
    return Settings(_env_file=None, anthropic_api_key=claude.key, anthropic_base_url=claude.url, database_url=url)


@asynccontextmanager
async def running(settings: Settings, *platforms: Board, grace: float = 5):
    """`confab run` over these platforms; leaving it is a signal, and is waited for."""
    store, stop = await open_store(settings.database_url), asyncio.Event()
    watch = ClaudeWatch(partial(check_claude, settings))
    health = Health(store.questions, claude=watch)
    serving = asyncio.create_task(
        run.answer(settings, platforms, store, tools=ToolRegistry(), health=health, stop=stop, grace=grace)
    )
    try:
        async with run.watch_claude(watch, platforms):
            yield stop
            stop.set()
            await asyncio.wait_for(serving, 30)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await store.shut()


async def waiting(settings: Settings) -> int:
    """How many questions are left open."""
    store = await open_store(settings.database_url)
    number, _ = await store.questions.count_open()
    await store.shut()
    return number


async def test_a_platform_that_fails_does_not_take_the_other_down(settings):
    talking, broken = Talking(), Broken()
    async with running(settings, broken, talking):
        await broken.ran.wait()
        await talking.listening.wait()

        await talking.ingest(talking.said("t1", "U1", "hello"))
        await talking.until("t1", "fine")


async def test_a_key_that_is_revoked_while_it_runs_is_logged_once_and_the_next_one_that_works_answers(
    settings, claude, caplog
):
    port, talking, gate = free_port(), Talking(), Gate(after=3)
    claude.script(Answer(text="one two three", gate=gate))
    served = settings.model_copy(update={"confab_http_port": port})
    refused = "Claude does not accept this bot's key. Whoever runs this bot has to set one that works."
    async with running(served, talking), aiohttp.ClientSession() as session:

        async def until_ready(*wanted: int | str | None) -> None:
            found: tuple[int | str | None, ...] = ()
            async with asyncio.timeout(20):
                while found != wanted:
                    async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        found = answer.status, (await answer.json()).get("claude")

        await talking.listening.wait()
        await talking.ingest(talking.said("t1", "U1", "count"))
        await gate.reached.wait()
        claude.key, key = "another", claude.key
        for thread in ("t2", "t3", "t4"):
            await talking.ingest(talking.said(thread, "U1", "hello"))
            await talking.until(thread, refused)
        gate.opened.set()
        await talking.until("t1", "one two three")
        await until_ready(200, "does not accept ANTHROPIC_API_KEY")
        claude.key = key
        await talking.ingest(talking.said("t3", "U1", "and now?"))
        await talking.until("t3", refused, "fine")
        await until_ready(200, None)
        await until(lambda: "Claude: all works now" in caplog.text)

    assert [one.getMessage().partition(" (")[0] for one in caplog.records if one.levelno >= logging.WARNING] == [
        "Claude, key: not accepted"
    ]
    assert key not in caplog.text


async def test_an_answer_under_way_ends_before_we_leave_and_what_is_asked_meanwhile_waits(settings, claude):
    talking, gate = Talking(), Gate(after=3)
    claude.script(Answer(text="one two three", gate=gate))
    async with running(settings, talking) as stop:
        await talking.listening.wait()
        await talking.ingest(talking.said("t1", "U1", "count"))
        await gate.reached.wait()

        stop.set()
        await asyncio.sleep(0)
        await talking.ingest(talking.said("t2", "U2", "and me?"))
        gate.opened.set()

    assert talking.shown("t1") == ["one two three"]
    assert talking.shown("t2") == []
    assert await waiting(settings) == 1

    async with running(settings, talking):
        await talking.until("t2", "fine")
    assert await waiting(settings) == 0


async def test_an_answer_that_takes_longer_than_the_grace_is_given_anew_at_the_next_start(settings, claude):
    talking, gate = Talking(), Gate(after=3)
    claude.script(Answer(text="one two three", gate=gate))
    async with running(settings, talking, grace=0.01):
        await talking.listening.wait()
        await talking.ingest(talking.said("t1", "U1", "count"))
        await gate.reached.wait()
    assert await waiting(settings) == 1

    async with running(settings, talking):
        await talking.until("t1", "fine")
    assert await waiting(settings) == 0


def confab(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of the command line, with nothing set but `variables`."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | variables
    done = fork_server.run(*arguments, folder=folder, environment=environment)
    print(done.stdout, done.stderr)  # where leaks are looked for
    return done


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
    lines = [line.strip().partition(":")[0] for line in done.stderr.splitlines()]
    assert [line for line in lines if line in named] == named
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@asynccontextmanager
async def process(
    folder: Path,
    slack: SlackFake,
    claude: ClaudeFake,
    *options: str,
    connects: bool = True,
    alone: str = "",
    **variables: str,
):
    """`confab run` in a process of its own, connected to Slack by Socket Mode unless it `connects` not.

    Or the program `alone`, in a python of its own, which imports for itself.
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CONFAB_MODEL": "claude-haiku-5-5"} | {
        "ANTHROPIC_API_KEY": claude.key,
        "ANTHROPIC_BASE_URL": claude.url,
        "SLACK_BOT_TOKEN": slack.token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.base_url,
        **variables,
    }
    connected = asyncio.create_task(slack.connected(slack.sockets.connections + 1, 30))
    if alone:
        started = await asyncio.create_subprocess_exec(
            sys.executable, *fork_server.STRICT, "-c", alone, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE
        )
    else:
        started = await fork_server.start(
            "run", *options, environment=environment, folder=folder, stdout=PIPE, stderr=PIPE
        )
    try:
        if connects:
            await connected
        yield started
    finally:
        connected.cancel()
        if started.returncode is None:
            started.kill()
        _, logged = await started.communicate()
        print(logged.decode())  # where leaks are looked for


@pytest.fixture
async def slack():
    async with SlackFake() as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_told_to_stop_it_ends_its_answer_and_exits_with_0(tmp_path, slack, claude, number):
    gate = Gate(after=3)
    claude.script(Answer(text="one two three", gate=gate))
    async with process(tmp_path, slack, claude) as started:
        root = await slack.say("ada", "dev", "<@U0BOT> count")
        await asyncio.wait_for(gate.reached.wait(), 20)

        started.send_signal(number)
        while b"stopping" not in (line := await asyncio.wait_for(started.stderr.readline(), 20)):
            assert line
        gate.opened.set()
        shown, logged = await asyncio.wait_for(started.communicate(), 30)

    assert (started.returncode, shown) == (0, b"")
    assert [one.text for one in slack.thread("dev", root) if one.user == "U0BOT"] == ["one two three"]
    assert logged.splitlines()[-1].endswith(b'"logger": "bots.app.run", "message": "stopped"}')
    assert not {slack.token, slack.app_token, claude.key} & set(re.findall(r"[\w-]+", logged.decode()))


async def test_a_key_that_claude_does_not_take_is_told_at_the_start_and_confab_goes_on(tmp_path, slack, claude):
    async with process(tmp_path, slack, claude, ANTHROPIC_API_KEY="sk-ant-xxxx", CONFAB_MODLE="x") as started:
        messages = []
        async with asyncio.timeout(30):
            while not messages or not messages[-1].startswith("Claude, key: not accepted"):
                messages.append(json.loads(await started.stderr.readline())["message"])
        going = started.returncode is None

    assert messages[:2] == [
        "CONFAB_MODLE: there is no such setting; CONFAB_MODEL may be meant.",
        "ANTHROPIC_API_KEY: looks like an example's; write the one that was made for you.",
    ]
    assert going


async def test_without_a_key_nothing_starts_and_the_operator_reads_why(tmp_path, slack, claude):
    async with process(tmp_path, slack, claude, connects=False, ANTHROPIC_API_KEY=" ") as started:
        _, logged = await asyncio.wait_for(started.communicate(), 20)

    assert started.returncode == 2
    assert logged.decode().startswith("`confab run` needs a key for Claude. Set in .env")


async def test_without_a_key_the_operator_is_warned_that_a_stand_in_answers(tmp_path, slack, claude):
    async with process(tmp_path, slack, claude, "--stand-in", ANTHROPIC_API_KEY="") as started:
        first = json.loads(await asyncio.wait_for(started.stderr.readline(), 20))

    assert first["level"] == "WARNING"
    assert first["message"].startswith("ANTHROPIC_API_KEY: not set, so a stand-in answers")


async def test_a_second_signal_ends_it_at_once_and_the_next_start_answers(tmp_path, slack, claude):
    gate = Gate(after=3)
    claude.script(Answer(text="one two three", gate=gate))
    async with process(tmp_path, slack, claude) as started:
        root = await slack.say("ada", "dev", "<@U0BOT> count")
        await asyncio.wait_for(gate.reached.wait(), 20)
        started.send_signal(signal.SIGTERM)
        while b"stopping" not in (line := await asyncio.wait_for(started.stderr.readline(), 20)):
            assert line

        started.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(started.wait(), 5) == -signal.SIGTERM

    async with process(tmp_path, slack, claude), asyncio.timeout(40):
        await slack.until(
            lambda: [one.text for one in slack.thread("dev", root) if one.user == "U0BOT"] == ["fine"], 40
        )


async def test_calls_of_slack_are_counted_and_a_slack_bot_loads_no_discord(tmp_path, slack, claude):
    async with process(tmp_path, slack, claude, alone=SLACK_ONLY, CONFAB_HTTP_PORT=str(free_port())) as started:
        address = await listening(started)
        await slack.say("ada", "dev", "<@U0BOT> hello")
        async with aiohttp.ClientSession(address) as session, asyncio.timeout(20):
            metrics = ""
            while 'confab_questions_total{outcome="shown",platform="slack"} 1.0' not in metrics:
                async with session.get("/metrics") as answer:
                    metrics = await answer.text()
            async with session.get("/readyz") as answer:
                ready = answer.status, (await answer.json())["platforms"]
        started.send_signal(signal.SIGTERM)
        shown, _ = await asyncio.wait_for(started.communicate(), 30)

    assert 'confab_platform_calls_total{method="chat.postMessage",outcome="ok",platform="slack"} 1.0' in metrics
    assert ready == (200, {"slack": "connected"})
    assert shown.decode().strip() == "[]"


async def test_a_platforms_routes_are_served_on_the_port_beside_health(tmp_path, slack, claude):
    variables = {"SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": SECRET, "CONFAB_HTTP_PORT": str(free_port())}
    async with process(tmp_path, slack, claude, connects=False, **variables) as started:
        address = await listening(started)
        async with (
            aiohttp.ClientSession(address) as session,
            session.post("/slack/events", data=b"{}") as forged,
            session.get("/healthz") as alive,
            session.get("/slack") as nowhere,
        ):
            statuses = forged.status, alive.status, nowhere.status
        started.send_signal(signal.SIGTERM)
        await asyncio.wait_for(started.communicate(), 30)

    assert statuses == (401, 200, 404)
    assert started.returncode == 0


async def test_changes_are_told_in_chat_and_sealed_with_a_key_that_was_made_and_the_log_tells_the_head(
    tmp_path, slack, claude
):
    def seen(by: str, words: str) -> bool:
        return any(words in one.text for one in slack.visible("dev", by))

    async with process(tmp_path, slack, claude) as started:
        await slack.command("ada", "dev", "/confab", "persona set Be a pirate.")
        await slack.until(lambda: seen("bob", "This channel has this persona"), 40)
        await slack.command("ada", "dev", "/confab", "audit show")
        await slack.until(lambda: seen("ada", "Ada set the persona (version 1): a system prompt of 12 characters"), 40)
        overheard = seen("bob", "version 1")
        started.send_signal(signal.SIGTERM)
        _, logged = await asyncio.wait_for(started.communicate(), 30)

    assert not overheard
    (told,) = re.findall(r"audit log, newest row: (slack:T024:1:\w+)", logged.decode())
    key = (tmp_path / "confab.key").read_text().strip()
    whole = confab(tmp_path, "audit", "verify", "--head", told)
    assert (whole.returncode, whole.stdout) == (0, f"slack:T024: 1 row, as they were written; the head is {told}\n")
    assert key not in logged.decode()


async def listening(started: asyncio.subprocess.Process | fork_server.Process) -> str:
    """The address that a process logs when it listens."""
    while True:
        logged = json.loads(await asyncio.wait_for(started.stderr.readline(), 20))
        if found := re.findall(r"listening on (\S+)", logged["message"]):
            return found[0]


SLACK_ONLY = """
import sys
from bots.cli import main
main(["run"], standalone_mode=False)
print(sorted({"discord"} & set(sys.modules)))
"""

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
