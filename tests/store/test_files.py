"""Files that Claude is told of are kept by thread and key, and go into the outbox with their last message.

Tests core.store.rules.files, core.store.rules.file_deletions.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.messages import Attachment, History, Outcome
from core.store import inspect
from core.store.records.files import FileScope, FileState, StoredFile, WaitingDeletions
from core.store.rules.file_deletions import ABANDONED
from tests.support.talk import KEY, PLATFORMS, asked, deleted, edited, message, said, thread

pytestmark = pytest.mark.slow

HERE = FileScope(KEY, "key1")
PLAN = StoredFile("abc", "document", "application/pdf", 900, pages=3, text_bytes=40, bound=14_456)
UPLOADED = replace(PLAN, state=FileState.UPLOADED, file_id="file_1")
LEASE = timedelta(minutes=1)


def has(*names: str) -> tuple[Attachment, ...]:
    return tuple(Attachment(name, f"{name}.pdf", "application/pdf", 900) for name in names)


async def upload(store, places, scope=HERE, file=PLAN, file_id="file_1", name="confab-1"):
    """A file of a message, uploaded."""
    assert await store.files.begin_upload(scope, file, places, name) == file
    assert await store.files.end_upload(scope, name, file_id)


async def list_due(store, lease=LEASE):
    """What is to be deleted: the ids and the names of uploads."""
    return [one.file_id or one.upload for one in await store.files.claim_deletions(20, lease)]


@pytest.fixture
async def full(store):
    """A thread in which a question has F1, and it is uploaded."""
    await store.questions.ingest(asked(message("1", attachments=has("F1"))))
    await upload(store, [("1", "F1")])
    return store


async def test_an_uploaded_file_is_known_in_its_thread_by_its_attachment(full):
    assert await full.files.find(HERE, [("1", "F1")]) == {"F1": UPLOADED}


@pytest.mark.parametrize(
    "scope",
    [
        FileScope(thread("2"), "key1"),
        FileScope(thread("1", channel="C2"), "key1"),
        FileScope(thread("1", workspace="slack:T2"), "key1"),
        FileScope(KEY, "key2"),
    ],
    ids=["another thread", "another channel", "another workspace", "another key"],
)
async def test_no_file_is_known_elsewhere(full, scope):
    assert await full.files.find(scope, [("1", "F1")]) == {}


async def test_the_same_content_is_uploaded_once_in_a_thread(full):
    await full.questions.ingest(said(message("2", attachments=has("F2"))))

    assert await full.files.begin_upload(HERE, PLAN, [("2", "F2")], "confab-2") == UPLOADED
    assert await full.files.find(HERE, [("2", "F2")]) == {"F2": UPLOADED}


async def forget_person(store):
    await store.threads.forget(Scope("slack:T1", person="U1"))


async def forget_thread(store):
    await store.threads.forget(Scope("slack:T1", "C1", "1"))


async def forget_workspace(store):
    await store.threads.forget(Scope("slack:T1"))


async def delete(store):
    await store.questions.ingest(deleted("1"))


async def edit_away(store):
    await store.questions.ingest(edited("1", "words", 60))


async def replace_attachment(store):
    await store.questions.ingest(edited("1", "words", 60, attachments=has("F9")))


async def read_again(store):
    kept = await store.threads.thread(KEY)
    await store.threads.refresh(kept, History(()))


GONE = [forget_person, forget_thread, forget_workspace, delete, edit_away, replace_attachment, read_again]


@pytest.mark.parametrize("go", GONE)
async def test_with_its_last_message_a_file_goes_into_the_outbox(full, go):
    await go(full)

    assert await full.files.find(HERE, [("1", "F1")]) == {}
    assert await list_due(full) == ["file_1"]


@pytest.mark.parametrize("go", GONE)
async def test_a_file_that_is_being_uploaded_goes_by_the_name_of_its_upload(store, go):
    await store.questions.ingest(asked(message("1", attachments=has("F1"))))
    await store.files.begin_upload(HERE, PLAN, [("1", "F1")], "confab-1")
    await go(store)

    assert await list_due(store) == ["confab-1"]
    assert not await store.files.end_upload(HERE, "confab-1", "file_1")
    assert await list_due(store) == ["file_1"]


async def test_a_file_stays_while_another_message_of_its_thread_has_it(full):
    await full.questions.ingest(said(message("2", attachments=has("F1"), author="U2")))
    await full.files.find(HERE, [("1", "F1"), ("2", "F1")])
    await delete(full)

    assert await full.files.find(HERE, [("2", "F1")]) == {"F1": UPLOADED}
    assert await list_due(full) == []

    await full.questions.ingest(deleted("2"))
    assert await list_due(full) == ["file_1"]


async def test_an_edit_of_words_leaves_the_files(full):
    await full.questions.ingest(edited("1", "other words", 60, attachments=has("F1")))

    assert await full.files.find(HERE, [("1", "F1")]) == {"F1": UPLOADED}


async def test_a_file_of_another_threads_message_goes_with_it(full):
    other = FileScope(thread("2"), "key1")
    await full.questions.ingest(asked(message("2"), thread("2")))
    await upload(full, [("1", "F1")], scope=other, file_id="file_2", name="confab-2")
    await delete(full)

    assert sorted(await list_due(full)) == ["file_1", "file_2"]


async def test_nothing_is_kept_of_a_file_whose_message_is_gone(full):
    await delete(full)

    assert await full.files.begin_upload(HERE, PLAN, [("1", "F1"), ("7", "F1")], "confab-2") is None


async def test_a_file_of_a_private_question_goes_when_that_is_closed(store):
    await store.questions.ingest(asked(message("1", attachments=has("F1")), private=True))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await upload(store, [("1", "F1")])
    await store.questions.close(claim, Outcome.SHOWN)

    assert await list_due(store) == ["file_1"]


async def test_an_upload_under_way_is_taken_over_and_its_outcome_deleted(store):
    await store.questions.ingest(asked(message("1", attachments=has("F1"))))
    await store.files.begin_upload(HERE, PLAN, [("1", "F1")], "confab-1")
    await upload(store, [("1", "F1")], file_id="file_2", name="confab-2")

    assert not await store.files.end_upload(HERE, "confab-1", "file_1")
    assert await list_due(store) == ["confab-1", "file_1"]
    assert (await store.files.find(HERE, [("1", "F1")]))["F1"].file_id == "file_2"


async def test_an_upload_that_is_settled_twice_stays(full):
    assert await full.files.end_upload(HERE, "confab-1", "file_1")
    assert await list_due(full) == []


async def test_an_abandoned_upload_is_deleted_by_its_name(store, clock):
    await store.questions.ingest(asked(message("1", attachments=has("F1"))))
    await store.files.begin_upload(HERE, PLAN, [("1", "F1")], "confab-1")
    clock.tick(ABANDONED.total_seconds())
    assert await list_due(store) == []

    clock.tick(1)
    assert await list_due(store) == ["confab-1"]
    await upload(store, [("1", "F1")], name="confab-2")


@pytest.mark.parametrize("uncertain", [True, False])
async def test_a_failed_upload_is_sent_inline_and_deleted_if_it_may_have_happened(store, uncertain):
    await store.questions.ingest(asked(message("1", attachments=has("F1"))))
    await store.files.begin_upload(HERE, PLAN, [("1", "F1")], "confab-1")
    await store.files.fail_upload(HERE, "confab-1", "no answer", uncertain=uncertain)

    assert await store.files.find(HERE, [("1", "F1")]) == {}
    assert await list_due(store) == (["confab-1"] if uncertain else [])


async def test_a_refused_file_is_told_as_its_problem_for_ever_and_deleted(full):
    await full.files.refuse(HERE, ["F1"], "it is broken")

    refused = replace(PLAN, state=FileState.REFUSED, problem="it is broken")
    assert await full.files.find(HERE, [("1", "F1")]) == {"F1": refused}
    assert await list_due(full) == ["file_1"]
    assert await full.files.begin_upload(HERE, PLAN, [("1", "F1")], "confab-2") == refused


async def test_a_file_that_was_sent_inline_and_refused_is_not_sent_again(store):
    await store.questions.ingest(asked(message("1", attachments=has("F1"))))
    await store.files.begin_upload(HERE, PLAN, [("1", "F1")], None)
    await store.files.refuse(HERE, ["F1"], "it is broken")

    assert (await store.files.find(HERE, [("1", "F1")]))["F1"].problem == "it is broken"
    assert await list_due(store) == []


async def test_a_vanished_file_is_uploaded_anew(full):
    await full.files.discard(HERE, ["file_1", "file_9"])

    assert await full.files.find(HERE, [("1", "F1")]) == {}
    assert await list_due(full) == ["file_1"]
    await upload(full, [("1", "F1")], file_id="file_2", name="confab-2")


async def test_what_is_due_is_one_processs_for_its_lease_and_gone_when_it_is_deleted(full, clock):
    await delete(full)
    (one,) = await full.files.claim_deletions(20, LEASE)
    assert await list_due(full) == []

    clock.tick(61)
    assert await list_due(full) == ["file_1"]
    await full.files.end_deletion(one)
    clock.tick(61)
    assert await list_due(full) == []


async def test_what_could_not_be_deleted_is_due_again_after_its_pause(full, clock):
    await delete(full)
    (one,) = await full.files.claim_deletions(20, LEASE)
    await full.files.postpone_deletion(one, timedelta(seconds=5), "no answer")
    assert await list_due(full) == []

    clock.tick(5)
    (again,) = await full.files.claim_deletions(20, LEASE)
    assert (again.tries, again.age, again.api_key) == (1, timedelta(seconds=5), "key1")


async def test_what_waits_is_counted_with_the_cause_of_the_oldest(full, url, clock):
    await delete(full)
    (one,) = await full.files.claim_deletions(20, LEASE)
    await full.files.postpone_deletion(one, LEASE, "no answer")
    if url != "sqlite://":
        found = await inspect(url)
        assert found.deletions == WaitingDeletions(1, clock(), "no answer")
