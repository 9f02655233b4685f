"""What sqlite-utils brings along: core.store.sqlite.light_library."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import core.store.sqlite
print("numpy" in sys.modules)
import numpy
print(numpy.arange(3).sum())
"""


def test_numpy_is_not_loaded_with_sqlite_and_can_be_by_who_needs_it():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["False", "3"]
