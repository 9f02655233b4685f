"""Pauses: how questions came is counted once, with the final text of their answer, and outlives a restart.

Tests core.store.places.pauses, core.store.records.reports.pauses, core.store.pause_repository and their part of
core.store.rules.steps.
"""

from dataclasses import replace

from core.billing.cache_lifetimes import Pause, PauseHistogram, PauseRecord
from core.billing.ledger_rows import PlannedRequest, Settlement
from core.domain.messages import FinalText
from core.domain.usage import Usage
from core.store.places.pauses import read_pauses
from core.store.protocols import StepEnd
from tests.support.talk import KEY, PLATFORMS, asked, at

PLANNED = PlannedRequest(KEY, "1", "U1", "claude-a", 0, 1000, 500, at(0), 700, step="digest")
SETTLED = Settlement(Usage(1, 2), "end_turn", at(9), micro_usd=42)
WHOLE = FinalText("fine", after="1")
QUICK = PauseRecord(Pause.SHORT, Pause.NONE)


async def answer(store, name, pause, **end):
    await store.questions.ingest(asked(name))
    claim = await store.questions.claim_next("p", PLATFORMS)
    reservation = await store.ledger.reserve(replace(PLANNED, question=name, step=name), [])
    await store.ledger.settle(reservation, SETTLED, StepEnd(claim, **end, pause=pause))
    return reservation, claim


async def read(store):
    """What is counted by now; whoever asks the repository learns it some minutes later."""
    return await store.pauses._engine.unit(lambda sql: read_pauses(sql, KEY.workspace))


async def test_nothing_is_known_of_a_workspace_that_asked_nothing(store):
    assert await store.pauses.read("slack:T9") == PauseHistogram()


async def test_a_question_is_counted_with_its_final_text_once(store):
    reservation, claim = await answer(store, "1", QUICK, final_text=WHOLE)
    await store.ledger.settle(reservation, SETTLED, StepEnd(claim, WHOLE))

    assert await read(store) == PauseHistogram({Pause.SHORT: 1})


async def test_what_follows_after_a_middle_pause_is_counted_for_what_it_follows(store):
    await answer(store, "1", PauseRecord(Pause.MIDDLE, Pause.SHORT), final_text=WHOLE)

    assert await read(store) == PauseHistogram({Pause.MIDDLE: 1}, {Pause.SHORT: 1})


async def test_a_step_that_is_not_the_last_counts_nothing(store):
    await answer(store, "1", QUICK, content="so far")

    assert await read(store) == PauseHistogram()
