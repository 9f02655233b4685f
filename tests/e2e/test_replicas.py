"""Four processes behave as one bot: any of them is killed or asleep, with clocks that differ, and each is answered once."""

import pytest

from tests.e2e.reliability.fleet import SHIPPED, SILENT, Fleet, HttpFleet, storm_fleet
from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.tool_kinds import slack_workshop
from tests.support.databases import ENGINES, SQLITE
from tests.support.round_robin import balanced
from tests.support.slack_signature import SECRET
from tests.support.wire import free_port

WRONG = ("lost", "doubled", "given up", "cut off", "disordered", "unaccounted", "wrong sums", "reserved", "again")
WRONG = (*WRONG, "done twice", "open", "batches", "rows asked", "rows answered", "batch money", "unfinished")
DIFFER = (0, 300, -300, 150)  # seconds by which the clocks of four machines are wrong
SIZES = [
    pytest.param(6, 3, 6, 4, 2, SILENT, id="24 questions"),
    pytest.param(42, 10, 100, 50, 30, SHIPPED, id="500 questions", marks=pytest.mark.reliability),
]


@ENGINES
@pytest.mark.parametrize(("threads", "each", "seconds", "tools", "tables", "silent"), SIZES)
async def test_four_processes_whose_clocks_differ_answer_each_question_once(
    tmp_path, databases, threads, each, seconds, tools, tables, silent, record_property
):
    async with slack_workshop() as world, nursery() as bots:
        fleet = Fleet(world, bots, tmp_path, databases.of(tmp_path), offsets=DIFFER, silent=silent)
        figures = await storm_fleet(fleet, 4, threads, each, seconds, tools, tables)
    record_property("figures", {"what": f"four processes, clocks 300 s apart, {databases}", **figures})

    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
    assert figures["kills"]


@ENGINES
@pytest.mark.reliability
async def test_behind_a_round_robin_proxy_four_processes_answer_each_question_once(
    tmp_path, databases, record_property
):
    port, ports = free_port(), [free_port() for _ in range(4)]
    async with slack_workshop() as world, nursery() as bots, balanced(port, ports):
        world.slack.deliver_http(f"http://127.0.0.1:{port}/slack/events", SECRET, pause=0.5)
        fleet = HttpFleet(world, bots, tmp_path, databases.of(tmp_path), offsets=DIFFER, ports=ports)
        figures = await storm_fleet(fleet, 4, 15, 6, 40, 10, 5)
    record_property("figures", {"what": f"four processes behind a proxy, {databases}", **figures})

    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
    assert figures["kills"]


@pytest.mark.reliability
@pytest.mark.parametrize("databases", [SQLITE], indirect=True)
async def test_four_processes_on_a_machine_whose_clock_is_set_again_and_again_answer_each_question_once(
    tmp_path, databases, record_property
):
    async with slack_workshop() as world, nursery() as bots:
        fleet = Fleet(world, bots, tmp_path, databases.of(tmp_path), offsets=(0,) * 4)
        figures = await storm_fleet(fleet, 4, 44, 10, 100, 50, 10, steps=(300, 0, -300, 0))
    record_property("figures", {"what": "four processes, the clock is set", **figures})

    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
    assert figures["kills"]
