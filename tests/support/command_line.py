"""The command line in a process of its own, with the variables that a test gives and no others of ours."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOKENS = ("ANTHROPIC_", "CONFAB_", "SLACK_", "DISCORD_", "DATABASE_")


def run_confab(*words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(TOKENS)}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-W", "error", "-W", "ignore:'audioop':DeprecationWarning", "-m", "bots", *words]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    print(run.stdout, run.stderr)  # where leaks are looked for
    return run
