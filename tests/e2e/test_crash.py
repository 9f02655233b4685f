"""Killed for real at any point of an answer, Confab's successor leaves exactly one whole reply, and no other trace.

`make reliability` kills at every point that there is; `make test` at a spread of them.
"""

import time
from collections import Counter

import pytest

from tests.e2e.reliability.kinds import KINDS
from tests.e2e.reliability.matrix import all_of, points, spread
from tests.e2e.reliability.nursery import nursery
from tests.support.databases import ENGINES

SPREAD = 3
COUNTED = ("lost", "doubled", "unaccounted", "untidy", "repeated", "unheard", "missed")


@ENGINES
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(
    "count", [pytest.param(SPREAD, id="spread"), pytest.param(None, marks=pytest.mark.reliability, id="all")]
)
async def test_a_question_is_answered_once_wherever_its_process_is_killed(
    tmp_path, databases, kind, count, record_property
):
    began = time.monotonic()
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        chosen = spread(found, count or len(found))
        verdicts = await all_of(kind, chosen, expected, bots, tmp_path, databases)
    became = Counter(verdict.outcome for verdict in verdicts)
    if count is None:
        figures = {"what": f"{kind.name}, {databases}", "points": len(chosen), "runs": 2 * len(verdicts) + 1}
        counted = {name: became[name] for name in COUNTED}
        record_property("figures", figures | counted | {"seconds": round(time.monotonic() - began)})

    assert [str(verdict) for verdict in verdicts if not verdict.right] == []
