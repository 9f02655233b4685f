"""Two processes share one database, one killed again and again, one asleep too long: each question is answered once."""

import pytest

from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.pair import storm
from tests.e2e.reliability.worlds import slack_world
from tests.support.databases import ENGINES

FEW = 4  # of the questions may be given up, however few they are: one reply answers several that wait together
SIZES = [
    pytest.param(8, 5, 8, id="40 questions"),
    pytest.param(50, 10, 100, id="500 questions", marks=pytest.mark.reliability),
]


@ENGINES
@pytest.mark.parametrize(("threads", "each", "seconds"), SIZES)
async def test_each_question_is_answered_exactly_once_and_in_order(
    tmp_path, databases, threads, each, seconds, record_property
):
    async with slack_world() as world, nursery() as bots:
        figures = await storm(world, bots, tmp_path, databases.of(tmp_path), threads, each, seconds)
    record_property("figures", {"what": f"two processes, {databases}", **figures})

    wrong = {name: figures[name] for name in ("lost", "doubled", "cut off", "disordered", "unaccounted", "open")}
    assert wrong == dict.fromkeys(wrong, 0)
    assert figures["given up"] <= max(FEW, figures["questions"] // 25)
    assert figures["kills"]
    assert figures["naps"]
