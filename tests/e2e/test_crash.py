"""Killed for real at any point of an answer, Confab's successor leaves exactly one whole reply, and no other trace.

`make reliability` kills at every point that there is; `make test` at some of them.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.reliability.batch_kinds import BATCH_KINDS, OFFERS, TASK
from tests.e2e.reliability.bot import DEATH
from tests.e2e.reliability.kinds import KINDS, PLOTS
from tests.e2e.reliability.matrix import DELETING, Point, all_of, deadly, points, run, spread, survived
from tests.e2e.reliability.nursery import Nursery, nursery
from tests.e2e.reliability.playground_kinds import PLAYGROUND_KINDS
from tests.e2e.reliability.tool_kinds import TOOL_KINDS
from tests.support.databases import POSTGRES, SQLITE, Databases

BOTH = (SQLITE, POSTGRES)
GOLDEN = 0.618  # of all points further than that of the kind before: so those of all kinds lie everywhere
CASES = [
    *(
        pytest.param(kind, number * GOLDEN % 1, BOTH[number % 2], id=f"{kind}-one point")
        for number, kind in enumerate([*KINDS, *OFFERS, *PLAYGROUND_KINDS])
    ),
    *(
        pytest.param(kind, None, engine, id=f"{kind}-all-{engine}", marks=pytest.mark.reliability)
        for kind in (*KINDS, *TOOL_KINDS, *BATCH_KINDS, TASK, *OFFERS, *PLAYGROUND_KINDS)
        for engine in BOTH
    ),
]
"""Each kind is killed at one point on one engine; at every point on both takes long."""
FEW = 4  # points of a kind at which it is killed in the short form, where it has many of the same sort
ENGINES = [SQLITE, pytest.param(POSTGRES, marks=pytest.mark.reliability)]
EACH = [(SQLITE, FEW), *(pytest.param(engine, None, marks=pytest.mark.reliability) for engine in BOTH)]
WORST = [
    Point("store", "questions.park", 1, "after"),
    Point("store", "calls.act", 1, "after"),
    Point("machine", "make", 1, "after"),
    Point("store", "calls.end", 1, "before"),
]
"""Where a tool that acts could most easily do so twice, or never."""
PLATFORMS = ("slack", "discord")
UPLOADING = ("files.find", "files.begin_upload", "files.end_upload")
BATCHING = {
    *(f"batches.{one}" for one in ("plan", "begin_sending", "note_name", "keep_results", "end", "remove")),
    *("jobs.park", "questions.close", "batch", "look at a batch", "deletion of a batch"),
}
"""What is done about a batch, in the store and at Anthropic."""
UNNAMED = [
    Point("claude", "batch", 1, "after"),
    Point("store", "batches.note_name", 1, "before"),
    Point("store", "batches.keep_results", 1, "after"),
    Point("store", "jobs.park", 1, "after"),
]
"""Where a batch could most easily be made twice, or be lost."""
POSTING = ("files.completeUploadExternal", "PATCH /channels/*/messages/*")
"""Requests with which the files of an answer are posted."""
LEAVING = (
    "schedules.leave_run",
    "questions.claim_next",
    "questions.record_page",
    "chat.postMessage",
    "POST /channels/*/messages",
)
"""Where a schedule's run is left, claimed, posted, and written down."""
COUNTED = ("lost", "doubled", "misused", "undone", "unaccounted", "untidy", "repeated", "unheard", "missed")


@pytest.mark.parametrize(("kind", "place", "databases"), CASES, indirect=["databases"])
async def test_a_question_is_answered_once_wherever_its_process_is_killed(
    tmp_path, databases, kind, place, record_property
):
    began = time.monotonic()
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        chosen = found if place is None else [found[int(place * len(found))]]
        verdicts = await all_of(kind, chosen, expected, bots, tmp_path, databases)
    became = Counter(verdict.outcome for verdict in verdicts)
    if place is None:
        figures = {"what": f"{kind.name}, {databases}", "points": len(chosen), "runs": 2 * len(verdicts) + 1}
        counted = {name: became[name] for name in COUNTED}
        record_property("figures", figures | counted | {"seconds": round(time.monotonic() - began)})

    assert [str(verdict) for verdict in verdicts if not verdict.right] == []


@pytest.mark.parametrize("databases", [POSTGRES], indirect=True)
@pytest.mark.parametrize(
    ("name", "places"),
    [
        pytest.param("slack tool that acts", WORST, id="worst"),
        *(pytest.param(f"{one} several tools", None, id=one, marks=pytest.mark.reliability) for one in PLATFORMS),
    ],
)
async def test_what_one_of_two_processes_began_the_other_ends_and_nothing_acts_twice(
    tmp_path, databases, name, places, record_property
):
    began = time.monotonic()
    (kind,) = (one for one in TOOL_KINDS if one.name == name)
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        chosen = places or [one for one in found if one.where != "platform"]
        verdicts = await all_of(kind, chosen, expected, bots, tmp_path, databases, survived)
    if places is None:
        became = Counter(verdict.outcome for verdict in verdicts)
        figures = {"what": f"{name}, two processes", "points": len(chosen), "runs": len(verdicts)}
        counted = {one: became[one] for one in COUNTED}
        record_property("figures", figures | counted | {"seconds": round(time.monotonic() - began)})

    assert set(places or ()) <= set(found)
    assert [str(verdict) for verdict in verdicts if not verdict.right] == []


@pytest.mark.parametrize("kind", PLOTS, ids=str)
@pytest.mark.parametrize(
    ("databases", "places"),
    [
        pytest.param(SQLITE, POSTING, id="posting"),
        pytest.param(SQLITE, None, marks=pytest.mark.reliability, id="all-sqlite"),
        pytest.param(POSTGRES, None, marks=pytest.mark.reliability, id="all-postgres"),
    ],
    indirect=["databases"],
)
async def test_a_picture_that_code_made_is_posted_once_wherever_its_process_is_killed(
    tmp_path, databases, kind, places
):
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        chosen = [one for one in found if places is None or one.call in places]
        verdicts = await all_of(kind, chosen[-2:] if places else chosen, expected, bots, tmp_path, databases)

    assert verdicts
    assert [str(verdict) for verdict in verdicts if not verdict.right] == []


@pytest.mark.parametrize(
    ("name", "databases", "few"),
    [
        ("slack schedule", SQLITE, FEW),
        pytest.param("slack schedule", SQLITE, None, marks=pytest.mark.reliability),
        pytest.param("slack schedule", POSTGRES, None, marks=pytest.mark.reliability),
        pytest.param("discord schedule", SQLITE, None, marks=pytest.mark.reliability),
    ],
    indirect=["databases"],
)
async def test_a_schedule_runs_once_wherever_its_process_is_killed_around_the_claim_and_the_post(
    tmp_path, databases, name, few
):
    (kind,) = (one for one in KINDS if one.name == name)
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        chosen = [one for one in found if one.call in LEAVING and one.number == 1]
        verdicts = await all_of(kind, spread(chosen, few or len(chosen)), expected, bots, tmp_path, databases)

    assert {one.call for one in chosen} >= {*LEAVING[:3]}
    assert [str(verdict) for verdict in verdicts if not verdict.right] == []


@pytest.mark.parametrize("kind", BATCH_KINDS, ids=str)
@pytest.mark.parametrize(("databases", "few"), EACH, indirect=["databases"])
async def test_a_batch_is_made_once_and_its_results_are_posted_once_wherever_its_process_is_killed(
    tmp_path, databases, kind, few
):
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        chosen = [one for one in found if one.number == 1 and (one.call in BATCHING or one.where == "claude")]
        verdicts = await all_of(kind, spread(chosen, few or len(chosen)), expected, bots, tmp_path, databases)

    assert {one.call for one in chosen} >= BATCHING
    assert [str(verdict) for verdict in verdicts if not verdict.right] == []


@pytest.mark.parametrize("databases", [SQLITE, pytest.param(POSTGRES, marks=pytest.mark.reliability)], indirect=True)
async def test_a_task_asks_its_batch_once_and_answers_once_wherever_its_process_is_killed(tmp_path, databases):
    async with nursery() as bots:
        found, expected = await points(TASK, bots, tmp_path / "clean", databases)
        verdicts = await all_of(TASK, UNNAMED, expected, bots, tmp_path, databases)

    assert set(UNNAMED) <= set(found)
    assert [str(verdict) for verdict in verdicts if not verdict.right] == []


@pytest.mark.parametrize("databases", [POSTGRES], indirect=True)
async def test_a_batch_that_one_of_two_processes_began_the_other_ends(tmp_path, databases):
    (kind,) = (one for one in BATCH_KINDS if one.name == "slack batch")
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        verdicts = await all_of(kind, UNNAMED, expected, bots, tmp_path, databases, survived)

    assert set(UNNAMED) <= set(found)
    assert [str(verdict) for verdict in verdicts if not verdict.right] == []


@pytest.mark.parametrize(("databases", "few"), EACH, indirect=["databases"])
async def test_an_upload_is_neither_lost_nor_left_behind_wherever_its_process_is_killed(tmp_path, databases, few):
    (kind,) = (one for one in KINDS if one.name == "slack picture")
    async with nursery() as bots:
        found, expected = await points(kind, bots, tmp_path / "clean", databases)
        chosen = [one for one in found if one.call == "upload" or one.call in UPLOADING]
        verdicts = await all_of(kind, spread(chosen, few or len(chosen)), expected, bots, tmp_path, databases)

    assert {one.call for one in chosen} == {"upload", *UPLOADING}
    assert [str(verdict) for verdict in verdicts if verdict.outcome != "answered"] == []


@pytest.mark.parametrize("databases", ENGINES, indirect=True)
async def test_a_file_is_deleted_with_its_message_wherever_the_process_is_killed(tmp_path, databases):
    where = {"deletion": "claude", "files.end_deletion": "store"}
    places = [Point(where[call], call, 1, phase) for call in where for phase in ("before", "after")]
    async with nursery() as bots, asyncio.TaskGroup() as group:
        for number, point in enumerate(places):
            group.create_task(delete_and_kill(point, bots, tmp_path / str(number), databases))


async def delete_and_kill(point: Point, bots: Nursery, folder: Path, databases: Databases) -> None:
    """Delete a message with a picture, kill the process at the point, and see that its successor deletes the picture."""
    (kind,) = (one for one in KINDS if one.name == "slack picture")
    async with run(kind, bots, folder, databases) as one:
        death = {DEATH: f"{point.call} {point.number} {point.phase}"} if point.where == "store" else {}
        first = await one.bot(**death)
        await kind.ask(one.world)
        assert await one.finished()
        assert one.tidy
        deadly(one, point, first)
        await one.world.slack.delete("ada", "dev", one.world.asked)
        async with asyncio.timeout(DELETING):
            await first.ended.wait()
        second = await one.bot()
        async with asyncio.timeout(2 * DELETING):
            while one.database.count("file_deletions"):
                await asyncio.sleep(0.2)
        await second.kill()

        assert one.world.claude.files.stored == {}
        assert one.database.count("files") == one.database.count("attached") == 0
