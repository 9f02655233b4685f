"""What the libraries bring along is no work for the garbage collector: bots.app.run."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gc
import bots.app.run, bots.slack.adapter, bots.discord.adapter
before = len(gc.get_objects())
bots.app.run.freeze_heap()
print(before, len(gc.get_objects()))
"""


@pytest.mark.slow
def test_after_the_start_a_full_collection_has_next_to_nothing_to_go_through():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=Path(__file__).parents[4], capture_output=True, text=True, check=True
    )
    before, after = map(int, run.stdout.split())

    assert before > 100_000
    assert after < 1_000


def test_a_program_looks_for_garbage_seldom():
    script = (
        "import gc; from bots.cli import main; main(['--version'], standalone_mode=False); print(gc.get_threshold())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[4], capture_output=True, text=True, check=True
    )

    assert run.stdout.splitlines()[-1] == "(10000, 20, 20)"
