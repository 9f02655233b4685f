"""Killed for real at any point of an answer, Confab's successor leaves exactly one whole reply, and no other trace.

`make reliability` kills at every point that there is; here it is a spread of them.
"""

import pytest

from tests.reliability.kinds import KINDS
from tests.reliability.matrix import all_of, points, spread
from tests.reliability.nursery import nursery

SPREAD = 5


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_question_is_answered_once_wherever_its_process_is_killed(tmp_path, kind):
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean")
        verdicts = await all_of(kind, spread(found, SPREAD), expected, bots, tmp_path)

    assert [str(verdict) for verdict in verdicts if not verdict.right] == []
