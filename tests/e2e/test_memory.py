"""Memory over time: what a process takes after many questions is what it took after a few, and some."""

import pytest

from tests.e2e.soak import soaked

QUESTIONS = 2400
SETTLED = 1000  # questions after which what is loaded late is loaded, and buffers have their size
GROWTH = 15 * 2**20  # bytes from there on; a step of some 7 MB comes where many questions meet at once


@pytest.mark.reliability
@pytest.mark.slow
async def test_memory_levels_off_after_a_thousand_questions_on_discord(tmp_path):
    _, samples = await soaked(0, 7, tmp_path, questions=QUESTIONS, only="discord", pause=0.1)

    settled = next(one for one in samples if one.asked >= SETTLED)
    assert samples[-1].memory - settled.memory < GROWTH
