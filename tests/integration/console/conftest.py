"""The environment of a terminal whose database is in a folder of its own."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "CONFAB_"))}
    return kept | {"DATABASE_URL": f"sqlite:///{tmp_path}/confab.db", "PYTHONPATH": str(ROOT), "USER": "ada"}
