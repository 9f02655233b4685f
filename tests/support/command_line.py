"""The command line in a process of its own, with the variables that a test gives and no others of ours."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import fork_server

ROOT = Path(__file__).parents[2]
TOKENS = ("ANTHROPIC_", "CONFAB_", "SLACK_", "DISCORD_", "DATABASE_")


def run_confab(*words: str, folder: Path, said: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `confab` to its end, as a fork of what has imported it."""
    run = fork_server.run(*words, environment=choose_environment(variables), folder=folder, said=said)
    print(run.stdout, run.stderr)  # where leaks are looked for
    return run


def run_alone(*words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `confab` to its end, as a shell does: with a python of its own, which imports what the command needs."""
    command = [sys.executable, *fork_server.STRICT, "-m", "bots", *words]
    environment = choose_environment(variables)
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    print(run.stdout, run.stderr)  # where leaks are looked for
    return run


def choose_environment(variables: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(TOKENS)}
    return kept | {"PYTHONPATH": str(ROOT), **variables}
