"""Files that tools made are kept until their answer is shown, and then deleted at Claude; their names stay.

Tests core.store.rules.made_files, core.store.rules.steps. So is the container in which the code of a thread runs.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.ledger_rows import PlannedRequest, Reservation, Scope, Settlement
from core.domain.controls import Control
from core.domain.events import Pressed
from core.domain.messages import Attachment, FinalText, MadeFile, Outcome
from core.domain.tools import Container
from core.domain.usage import Usage
from core.store.protocols import StepEnd
from core.store.records.files import CODE, FileScope, StoredFile
from tests.support.talk import KEY, PLATFORMS, asked, at, deleted, message, said, thread

PLANNED = PlannedRequest(KEY, "1", "U1", "claude-a", 0, 1000, 500, at(0), 700, step="digest")
SETTLED = Settlement(Usage(1, 2), "end_turn", at(9), micro_usd=42)
CHART = MadeFile(file_id="file_1", api_key="key")
TABLE = MadeFile(file_id="file_2", api_key="key")
NAMED = replace(CHART, name="chart.png", type="image/png")
NOTE = MadeFile("note.md", "text/markdown", "words")
BOX = Container("container_1", at(300))


@pytest.fixture
async def claim(store):
    await store.questions.ingest(asked("1"))
    return await store.questions.claim_next("p", PLATFORMS)


async def end_step(store, end: StepEnd) -> None:
    reservation = await store.ledger.reserve(PLANNED, [])
    assert isinstance(reservation, Reservation)
    await store.ledger.settle(reservation, SETTLED, end)


async def list_due(store) -> list:
    return sorted((one.api_key, one.file_id) for one in await store.files.claim_deletions(9, timedelta()))


async def test_the_files_of_a_final_text_outlive_the_process(store, claim):
    await end_step(store, StepEnd(claim, FinalText("fine", after="1", made=(CHART, NOTE)), made=(CHART, NOTE)))
    await store.questions.heartbeat("p", leaving=True)

    resumed = await store.questions.claim_next("other", PLATFORMS)
    assert resumed.final_text.made == (CHART, NOTE)
    assert await list_due(store) == []


async def test_once_the_answer_is_shown_they_are_deleted_and_only_their_names_stay(store, claim):
    await end_step(store, StepEnd(claim, FinalText("fine", made=(CHART,)), made=(CHART,)))
    await store.questions.store_final_text(claim, FinalText("fine", made=(NAMED, NOTE)))
    await store.questions.close(claim, Outcome.SHOWN)

    assert await list_due(store) == [("key", "file_1")]
    held = (await store.threads.thread(KEY)).replies["1"]
    assert held == FinalText("fine")
    await store.questions.ingest(Pressed("press", KEY, "U1", Control.RETRY, "1"))
    again = await store.questions.claim_next("p", PLATFORMS)
    assert again.earlier.made == (MadeFile("chart.png", "image/png"), MadeFile("note.md", "text/markdown"))


@pytest.mark.parametrize("outcome", [Outcome.WITHDRAWN, Outcome.EXPIRED])
async def test_files_of_an_answer_that_nobody_sees_are_deleted_too(store, claim, outcome):
    await end_step(store, StepEnd(claim, content="{}", made=(CHART, TABLE)))
    await store.questions.close(claim, outcome)

    assert await list_due(store) == [("key", "file_1"), ("key", "file_2")]


async def test_a_file_that_the_final_text_does_not_have_is_deleted_at_once(store, claim):
    await end_step(store, StepEnd(claim, content="{}", made=(CHART,)))
    await end_step(store, StepEnd(claim, FinalText("fine", made=(TABLE,)), made=(TABLE,)))

    assert await list_due(store) == [("key", "file_1")]


async def test_a_lost_claim_keeps_no_files_and_no_container(store, claim):
    await store.questions.heartbeat("p", leaving=True)
    other = await store.questions.claim_next("other", PLATFORMS)
    await end_step(store, StepEnd(claim, content="{}", made=(CHART,), container=BOX))

    assert (await store.threads.thread(KEY)).container is None
    await store.questions.close(other, Outcome.SHOWN)
    assert await list_due(store) == []


async def test_the_newest_container_of_a_thread_is_kept(store, claim):
    await end_step(store, StepEnd(claim, content="{}", container=replace(BOX, id="container_0")))
    await end_step(store, StepEnd(claim, FinalText("fine"), container=BOX))
    await store.questions.ingest(asked("5", thread("5")))

    assert (await store.threads.thread(KEY)).container == BOX
    assert (await store.threads.thread(thread("5"))).container is None


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        (Scope("slack:T1", "C1", "1"), None),
        (Scope("slack:T1", person="U1"), None),
        (Scope("slack:T1", person="U9"), BOX),
    ],
    ids=["its thread", "who asked in it", "somebody else"],
)
async def test_what_is_forgotten_runs_in_no_container_any_more(store, claim, scope, kept):
    await end_step(store, StepEnd(claim, FinalText("fine"), container=BOX))
    await store.questions.close(claim, Outcome.SHOWN)

    await store.threads.forget(scope)
    assert (await store.threads.thread(KEY)).container == kept


async def test_with_a_file_for_code_its_container_is_let_go(store, claim):
    here, file = FileScope(KEY, "key"), StoredFile("sha", CODE, "application/octet-stream", 9)
    await store.questions.ingest(said(message("2", "look", attachments=(Attachment("F1", "a.csv", "text/csv", 9),))))
    await store.files.begin_upload(here, file, [("2", "F1")], "confab-1")
    await store.files.end_upload(here, "confab-1", "file_1")
    await end_step(store, StepEnd(claim, FinalText("fine"), container=BOX))

    assert await store.files.find(here, [("2", "F1")]) == {}
    assert (await store.files.find(here, [("2", "F1")], code=True))["F1"].file_id == "file_1"
    await store.questions.ingest(deleted("2"))
    assert (await store.threads.thread(KEY)).container is None
    assert await list_due(store) == [("key", "file_1")]
