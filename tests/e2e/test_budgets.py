"""A nearly empty budget that two processes share, one killed again and again: never exceeded, and exact.

`make reliability` asks 500 questions, `make test` a few.
"""

import pytest

from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.spending import spend
from tests.e2e.reliability.worlds import slack_world
from tests.support.databases import POSTGRES, SQLITE

SIZES = [
    pytest.param(SQLITE, 3, id="60 questions"),
    *(pytest.param(one, 25, marks=pytest.mark.reliability, id=f"500 questions-{one}") for one in (SQLITE, POSTGRES)),
]


@pytest.mark.parametrize(("databases", "rushes"), SIZES, indirect=["databases"])
async def test_a_budget_is_never_exceeded_and_the_ledger_agrees_with_the_bill(
    tmp_path, databases, rushes, record_property
):
    async with slack_world() as world, nursery() as bots:
        figures = await spend(world, bots, tmp_path, databases.of(tmp_path), rushes)
    record_property("figures", {"what": f"one budget, {databases}", **figures})

    names = ("lost", "doubled", "overspent", "wrong sums", "wrong totals", "unaccounted", "reserved", "open")
    assert {name: figures[name] for name in names} == dict.fromkeys(names, 0)
    assert figures["answered"] + figures["refused"] == figures["questions"]
    assert figures["kills"]
    assert figures["answered"]
    assert figures["refused"]
