"""Every command that the manual shows does what it says: it is run here as it stands there, where nothing hinders that."""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.tools.mcp.settings import read_servers
from tests.support import fork_server, postgres

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLED = re.compile(r"(?:\.venv/bin/)?(?:confab|make|pip|sudo|docker)(?: \S.*)?")

NOT_HERE = {
    r"sudo .*|journalctl .*": "root, and systemd",
    r"docker .*|export PGPASSWORD=.*": "Docker",
    r"kubectl .*|cp deploy/kubernetes/.*": "a cluster; test_scale.py starts what runs in it",
    r"git .*|pip .*": "the network",
    r"make demo-web|confab web": "a browser; tests/integration/web has one",
    r"make test": "this very suite",
    r"make unit": "a part of this very suite",
    r"make reliability": "minutes; test_crash.py and its like run parts of it",
    r"make soak": "a minute and more; test_soak.py runs ten seconds of it",
    r"make bench": "six quiet minutes; test_bench.py runs each part of it",
}
"""Commands that tests can't run, and what they need."""

OFF = "SLACK_BOT_TOKEN and SLACK_APP_TOKEN: not set."
RUN = {
    "make install": (0, ""),
    "make demo": (0, "This is an offline **stand-in**, not Claude"),
    "confab": (2, "Usage: confab [OPTIONS] COMMAND"),
    "confab --help": (0, "Usage: confab [OPTIONS] COMMAND"),
    "confab chat": (0, "This is an offline **stand-in**, not Claude"),
    "confab chat MESSAGE": (0, "This is an offline **stand-in**, not Claude"),
    "confab chat --attach PATH": (2, "PATH"),
    "confab check": (1, "off      Claude    settings: not configured"),
    "confab mcp list": (2, "CONFAB_MCP: names no file of MCP servers."),
    "confab mcp trust": (2, "Missing argument 'SERVER'"),
    "confab persona export personas --workspace slack:T024": (0, "slack:T024 has no persona with a system prompt"),
    "confab persona import personas --workspace slack:T024": (2, "personas: "),
    "confab persona import": (2, "Missing argument 'FOLDER'"),
    "confab backup FILE": (0, "Copied confab.db to FILE and checked it: threads 1, messages 2"),
    "confab migrate-database": (2, "Missing argument 'FROM'"),
    "confab migrate-database FROM TO": (2, "Databases are moved from SQLite to PostgreSQL"),
    "confab audit verify": (0, "The audit log of sqlite:///confab.db has no row."),
    "confab audit export": (0, ""),
    "confab usage": (0, "Nothing was asked yet: sqlite:///confab.db has no request."),
    "confab usage --by day --since week": (0, "Nothing was asked yet"),
    "confab usage reconcile": (2, "Missing argument 'FILE'"),
    "confab usage reconcile usage.csv": (2, "usage.csv can't be read"),
    "confab web --link": (2, "CONFAB_HTTP_PORT: not set"),
    "confab run": (2, OFF),
    "confab run --only slack": (2, OFF),
    "confab run --only discord": (2, "DISCORD_BOT_TOKEN: not set."),
    "confab slack manifest": (0, '"name": "Confab"'),
    "confab slack manifest --url https://confab.example": (0, "https://confab.example/slack/events"),
    "confab slack manifest --install-url https://confab.example": (0, "https://confab.example/slack/oauth_redirect"),
    "confab discord invite": (2, "DISCORD_BOT_TOKEN: not set, or no bot's token."),
    "confab discord invite --application 1": (0, "https://discord.com/oauth2/authorize?client_id=1&"),
}
"""What each of the others ends with and says, where no account is configured. `confab run` has more tests elsewhere."""


def shown(text: str) -> set[str]:
    """The commands in a page: a line of a shell's block, what follows a prompt, and what is named in a sentence."""
    blocks = [block for kind, block in FENCE.findall(text) if kind in {"sh", "console"}]
    lines = [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]
    lines += re.findall(r"^(?:    )?\$ (.+)$", text, re.MULTILINE)
    inline = [one for one in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)) if CALLED.fullmatch(one)]
    return {line.removeprefix(".venv/bin/") for line in [*lines, *inline]}


COMMANDS = sorted(set().union(*(shown(page.read_text()) for page in PAGES)))


def test_every_command_is_run_here_or_needs_what_a_test_has_not():
    hindered = {line for line in COMMANDS if any(re.fullmatch(kind, line) for kind in NOT_HERE)}

    assert set(COMMANDS) - hindered - set(RUN) == set()
    assert [kind for kind in NOT_HERE if not any(re.fullmatch(kind, line) for line in COMMANDS)] == []


def test_commands_are_found_in_blocks_at_prompts_and_in_sentences():
    text = "Run `make x`, see `a.md`.\n\n    $ git pull && make y\n    out\n\n```sh\n# why\nsudo z\n```\n```\n$ confab q\nok\n```\n```json\n{}\n```\n"

    assert shown(text) == {"make x", "git pull && make y", "sudo z", "confab q"}


@pytest.mark.parametrize("line", COMMANDS)
def test_what_stands_in_the_manual_is_what_a_shell_reads(line):
    words = line.replace("<this repository>", "REPOSITORY")

    assert subprocess.run(["sh", "-n", "-c", words], capture_output=True, text=True, check=False).stderr == ""


@pytest.fixture
def checkout(tmp_path):
    """A folder like a fresh clone's, with everything installed."""
    for name in ("Makefile", "pyproject.toml", "bench", "bots", "core", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    installed = tmp_path / ".venv/bin"
    installed.mkdir(parents=True)
    start = "from bots.cli import main; main(prog_name='confab')"
    for name, words in [("confab", f'-c "{start}" "$@"'), ("python", '"$@"')]:
        (installed / name).write_text(f"#!/bin/sh\nexec {sys.executable} {words}\n")
        (installed / name).chmod(0o755)
    (installed / "pip").write_text("")
    for stamp in ("demo", "test"):
        (tmp_path / ".venv" / stamp).write_text("")
    return tmp_path


def shell(line: str, folder: Path, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{folder}/.venv/bin:{os.environ['PATH']}", "PYTHONPATH": str(folder), "LOGNAME": "ada"}
    run = subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment, input=said, capture_output=True, text=True, check=False
    )
    print(run.stdout, run.stderr)  # where leaks are looked for
    return run


def confab(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What `shell` runs, as a fork of what has imported it."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LOGNAME": "ada"}
    words = shlex.split(line)[1:]
    run = fork_server.run(
        *words, program="tests.support.installed", environment=environment, folder=folder, said="hello\n"
    )
    print(run.stdout, run.stderr)  # where leaks are looked for
    return run


@pytest.mark.parametrize("line", RUN)
def test_a_command_of_the_manual_does_what_it_says(checkout, line):
    if "backup" in line:
        confab("confab chat", checkout)
    code, says = RUN[line]
    run = confab(line, checkout) if line.startswith("confab ") else shell(line, checkout, "hello\n")

    assert run.returncode == code
    assert says in run.stdout + run.stderr
    assert "Traceback" not in run.stderr


def find_walk(begins: str, page: str = "docs/tools.md") -> str:
    """The block of a page that is to be pasted and has this line, without what needs an account."""
    blocks = [block for kind, block in FENCE.findall((ROOT / page).read_text()) if kind == "bash"]
    (walk,) = [block for block in blocks if begins in block]
    return re.sub(r"^\.venv/bin/(?:pip|confab chat|confab run).*\n", "", walk, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_walk_to_a_server_of_ones_own_can_be_pasted(checkout):
    run = shell(find_walk("cat > tickets.py"), checkout)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "tickets: 2 tools\n  tickets__find_tickets: reads\n  tickets__open_ticket: asks first\n"


def test_the_walk_to_github_sets_what_confab_reads(checkout):
    walk = find_walk("[servers.github]").replace(".venv/bin/confab mcp list\n", "")
    shell(walk, checkout)

    variables = dict(line.split("=", 1) for line in (checkout / ".env").read_text().splitlines())
    (server,) = read_servers(str(checkout / "mcp.toml"), variables)
    assert len(find_walk("[servers.github]").splitlines()) <= 10
    assert (server.name, server.headers) == ("github", {"Authorization": f"Bearer {variables['GITHUB_TOKEN']}"})
    assert variables["CONFAB_TOOLS"] == variables["CONFAB_DEFAULT_TOOLS"] == "history,files,time,github"


@pytest.mark.slow
def test_the_walk_from_sqlite_to_postgresql_can_be_pasted(checkout):
    confab("confab chat", checkout)
    with closing(sqlite3.connect(checkout / "confab.db")) as db, db:
        db.execute("DELETE FROM processes")  # ten seconds later
    target = postgres.create_database()
    walk, given = re.subn(r"^TO=.*$", f"TO='{target}'", find_walk("TO=", "docs/scale.md"), flags=re.MULTILINE)
    run = shell(f"set -e\n{walk}", checkout)
    postgres.drop_database(target)

    assert (given, run.returncode) == (1, 0)
    assert re.findall(r"^(\w+) ", run.stdout, re.MULTILINE)[:3] == ["The", "Copied", "Moved"]
    assert "threads 1, messages 2, questions 1, requests" in run.stdout
    assert "Next: let DATABASE_URL be TO as you gave it here" in run.stdout
    assert run.stderr == ""
