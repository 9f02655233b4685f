"""We were removed from a workspace: its open questions are withdrawn, and nothing that is stored is lost."""

from core.domain.events import Commanded, WorkspaceEnded
from core.domain.messages import Outcome
from core.store.records.installations import Installation
from tests.support.talk import PLATFORMS, asked, at, message, thread

HERE, ELSEWHERE = "slack:T1", "slack:T2"


def ended(seconds: float = 500, workspace: str = HERE) -> WorkspaceEnded:
    return WorkspaceEnded("Ev1", workspace, at(seconds))


async def open_count(store) -> int:
    return (await store.questions.count_open())[0]


async def test_what_waits_there_is_withdrawn_and_nobody_else_is_touched(store):
    for name, workspace in [("1", HERE), ("2", HERE), ("3", ELSEWHERE)]:
        await store.questions.ingest(asked(name, thread(name, workspace=workspace)))

    receipts = [await store.questions.ingest(ended()) for _ in range(2)]

    assert [(one.new, one.question) for one in receipts] == [(True, False), (False, False)]
    claim = await store.questions.claim_next("p", PLATFORMS)
    assert (claim.question.name, await store.questions.claim_next("p", PLATFORMS)) == ("3", None)
    assert await store.ledger.workspaces() == []


async def test_an_answer_under_way_is_stopped(store):
    await store.questions.ingest(asked("1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.ingest(ended())

    assert (await store.questions.heartbeat("p")).withdrawn == {claim.id}
    await store.questions.close(claim, Outcome.WITHDRAWN)
    assert await open_count(store) == 0


async def test_what_is_stored_stays_and_is_there_when_we_are_installed_again(store):
    key = thread("1")
    await store.questions.ingest(asked(message("1", "hello"), key))
    await store.questions.ingest(ended())
    await store.questions.ingest(asked(message("2", "again", seconds=600), key))

    claim = await store.questions.claim_next("p", PLATFORMS)
    assert claim.question.name == "2"
    assert [one.text for one in (await store.threads.thread(key)).messages] == ["hello", "again"]


async def test_late_news_of_an_end_withdraws_nothing_that_was_asked_since(store):
    await store.questions.ingest(asked(message("1", seconds=600)))

    assert not (await store.questions.ingest(ended(seconds=500))).new
    assert await open_count(store) == 1


async def test_what_was_asked_before_the_end_and_is_stored_after_it_waits_for_nobody(store):
    await store.questions.ingest(ended(seconds=500))
    receipts = [
        await store.questions.ingest(asked(message("1", seconds=400))),
        await store.questions.ingest(Commanded("2", thread("2"), "U1", "help", at(400))),
        await store.questions.ingest(asked(message("3", seconds=600), thread("3"))),
    ]

    assert [one.question for one in receipts] == [False, False, True]
    assert await open_count(store) == 1


async def test_what_is_asked_as_soon_as_we_are_installed_again_is_a_question(store):
    """Platforms tell of an end to the second."""
    await store.questions.ingest(ended(seconds=500))
    await store.installations.install(Installation(HERE, "{}", "sealed", "U1", at(499)))

    assert (await store.questions.ingest(asked(message("1", seconds=499)))).question
