"""A short soak; `make soak` runs a long one."""

import os

from tests.e2e.soak import soaked

SECONDS = 10.0
SEED = int(os.environ.get("SOAK_SEED", "3"))
GROWTH = 30 * 2**20  # bytes that the first answers take: code that is loaded late, caches, buffers


async def test_a_short_soak_loses_nothing_doubles_nothing_and_leaves_nothing_open(tmp_path):
    figures, samples = await soaked(SECONDS, SEED, tmp_path)

    assert {name: figures[name] for name in ("lost", "doubled", "stray", "open")} == dict.fromkeys(
        ("lost", "doubled", "stray", "open"), 0
    )
    assert figures["asked"] > 5
    assert figures["faults"] > 0
    assert samples[-1].memory - samples[0].memory < GROWTH
