"""Steps: what a request brought is stored in the unit that settles it, and wiped when its question closes.

Tests core.store.rules.steps.
"""

from dataclasses import replace

import pytest

from core.billing.ledger_rows import PlannedRequest, Reservation, Scope, Settlement
from core.domain.messages import FinalText, Outcome, Unanswered
from core.domain.usage import Usage
from core.store.protocols import Step, StepEnd
from core.store.records.claims import FirstStep
from tests.support.talk import KEY, PLATFORMS, asked, at

PLANNED = PlannedRequest(KEY, "1", "U1", "claude-a", 0, 1000, 500, at(0), 700, step="digest")
SETTLED = Settlement(Usage(1, 2), "end_turn", at(9), micro_usd=42)
WHOLE = FinalText("fine", after="1")


@pytest.fixture
async def claim(store):
    await store.questions.ingest(asked("1"))
    return await store.questions.claim_next("p", PLATFORMS)


async def reserve(store, **changes):
    reservation = await store.ledger.reserve(replace(PLANNED, **changes), [])
    assert isinstance(reservation, Reservation)
    return reservation


async def paid(store):
    return [
        (row.requests, row.died, row.micro_usd) for row in await store.ledger.sum_usage(Scope("slack:T1"), at(0), "day")
    ]


async def lose(store, clock):
    await store.questions.heartbeat("p", leaving=True)
    assert await store.questions.claim_next("other", PLATFORMS)


async def test_the_last_step_leaves_the_final_text(store, claim):
    settled = await store.ledger.settle(await reserve(store), SETTLED, StepEnd(claim, WHOLE))

    assert (list(settled.nearly), settled.stored) == ([], True)
    await store.questions.heartbeat("p", leaving=True)
    resumed = await store.questions.claim_next("other", PLATFORMS)
    assert (resumed.final_text, resumed.resumed) == (WHOLE, True)


async def test_why_it_got_no_answer_is_stored_too(store, claim):
    refused = FinalText("No.", notice=True, unanswered=Unanswered.REFUSED)

    await store.ledger.settle(await reserve(store), SETTLED, StepEnd(claim, refused))
    await store.questions.close(claim, Outcome.REFUSED)

    assert (await store.threads.thread(KEY)).unanswered == {"1": Unanswered.REFUSED}


async def test_who_lost_the_claim_settles_and_stores_no_final_text(store, claim, clock):
    reservation = await reserve(store, question="2")
    await lose(store, clock)

    assert not (await store.ledger.settle(reservation, SETTLED, StepEnd(claim, WHOLE))).stored

    assert await paid(store) == [(1, 0, 42)]
    await store.questions.heartbeat("other", leaving=True)
    assert (await store.questions.claim_next("third", PLATFORMS)).final_text is None


async def test_a_step_that_is_not_the_last_keeps_what_it_brought(store, claim):
    await store.ledger.settle(await reserve(store), SETTLED, StepEnd(claim, content="so far"))

    assert await store.ledger.list_steps(KEY, "1") == {"digest": Step(0, "so far", 42)}
    assert await store.ledger.list_steps(KEY, "2") == {}


async def test_a_step_beside_the_answer_is_marked_and_begins_none(store, claim):
    beside = replace(PLANNED, step="beside", persona_wide=None)
    reservation = await store.ledger.reserve(beside, [Scope("slack:T1")])
    await store.ledger.settle(reservation, SETTLED, StepEnd(claim, content="no"))
    before = await store.ledger.find_first_step(KEY, "1")
    await reserve(store)

    first = await store.ledger.find_first_step(KEY, "1")
    assert (before, first) == (None, FirstStep(PLANNED.persona, wide=bool(PLANNED.persona_wide), at=PLANNED.at))
    assert {name: one.aside for name, one in (await store.ledger.list_steps(KEY, "1")).items()} == {
        "beside": True,
        "digest": False,
    }


async def test_attempts_are_those_of_processes_that_died_over_it(store, claim):
    await reserve(store)
    await store.ledger.settle(await reserve(store), replace(SETTLED, outcome="overloaded"))
    await store.ledger.settle(await reserve(store, step="another"), replace(SETTLED, usage=None, outcome="cancelled"))
    await reserve(store)

    await store.questions.heartbeat("p", leaving=True)

    assert await store.ledger.list_steps(KEY, "1") == {
        "digest": Step(2, micro_usd=42 + 2 * PLANNED.micro_usd),
        "another": Step(micro_usd=42),
    }


@pytest.mark.parametrize("end", ["close", "forget"])
async def test_nothing_of_a_step_is_left_when_its_question_closes(store, claim, end):
    await store.ledger.settle(await reserve(store), SETTLED, StepEnd(claim, content="so far"))

    if end == "close":
        await store.questions.close(claim, Outcome.SHOWN)
    else:
        await store.questions.heartbeat("p", leaving=True)
        await store.threads.forget(Scope("slack:T1", "C1"))
        await store.questions.close(await store.questions.claim_next("p", PLATFORMS), Outcome.WITHDRAWN)

    assert await store.ledger.list_steps(KEY, "1") == {}
    assert await paid(store) == [(1, 0, 42)]


async def test_nothing_is_left_of_a_step_that_was_asked_when_its_question_was_closed(store, claim):
    await store.questions.close(claim, Outcome.WITHDRAWN)

    await store.ledger.settle(await reserve(store), SETTLED, StepEnd(claim, content="so far"))

    assert await store.ledger.list_steps(KEY, "1") == {}
    assert await paid(store) == [(1, 0, 42)]


async def test_a_request_of_no_step_is_none(store, claim):
    await store.ledger.settle(await reserve(store, step=None), SETTLED, StepEnd(claim, content="so far"))

    assert await store.ledger.list_steps(KEY, "1") == {}
