"""What tools read for an open answer goes when something that it may quote is gone: core.store.rules.erasures."""

from dataclasses import replace

import pytest

from core.billing.ledger_rows import PlannedRequest, Reservation, Scope, Settlement
from core.domain.controls import Control
from core.domain.messages import History, Outcome, Question, Reach
from core.domain.tools import ToolCall
from core.domain.usage import Usage
from core.store.protocols import Step, StepEnd
from core.store.records.calls import CallState
from tests.support.talk import KEY, PLATFORMS, asked, at, deleted, edited, message, page, said, thread

OTHER, ELSEWHERE = thread("20"), thread("30", "C2")
LOOK, MAKE = ToolCall("toolu_1", "look", {}), ToolCall("toolu_2", "make", {"what": "x"})
PLANNED = PlannedRequest(KEY, "1", "U1", "claude-a", 0, 1000, 500, at(0), 700, step="digest")
SETTLED = Settlement(Usage(1, 2), "tool_use", at(9), micro_usd=42)
KEPT = ([("look", "ended", '"a secret"'), ("make", "waiting", None)], {"digest": Step(0, "a secret")})
GONE = ([("make", "waiting", None)], {"digest": Step()})


@pytest.fixture
async def claim(store):
    """The claim of a question whose answer has read something; it waits for a person."""
    for event in (asked("20", OTHER), said(message("21", author="U2"), OTHER)):
        await store.questions.ingest(event)
    other = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(other, "22", at(22))
    await store.questions.close(other, Outcome.SHOWN)
    await store.questions.ingest(said(page("22", "20", "Claude's answer"), OTHER))
    await store.questions.ingest(asked("1"))
    claimed = await store.questions.claim_next("p", PLATFORMS)
    reserved = await store.ledger.reserve(PLANNED, [])
    assert isinstance(reserved, Reservation)
    await store.ledger.settle(reserved, SETTLED, StepEnd(claimed, content="a secret"))
    await store.calls.begin(claimed, [LOOK, MAKE], {"make"}, [])
    await store.calls.end(claimed, {LOOK.id: '"a secret"'})
    return claimed


async def park(store, claim):
    await store.questions.record_page(claim, "2", at(2))
    await store.questions.park(claim, "1", 2)


async def kept(store):
    """What is kept of calls, with what came of them, and of steps."""
    statement = "SELECT tool, state, result FROM tool_calls ORDER BY number"
    rows = await store.questions._engine.unit(lambda sql: sql.many(statement, {}))
    steps = await store.ledger.list_steps(KEY, "1")
    return [(row["tool"], row["state"], row["result"]) for row in rows], {
        name: replace(step, micro_usd=None) for name, step in steps.items()
    }


async def refresh(store):
    """The other thread is read again, and one message of it is gone."""
    found = await store.threads.thread(OTHER)
    shown = tuple(one for one in found.messages if one.id != "21")
    await store.threads.refresh(found, History(shown, Reach.WHOLE))


ENDS = {
    "a message is deleted": lambda store: store.questions.ingest(deleted("21", OTHER)),
    "a message is edited": lambda store: store.questions.ingest(edited("21", "other words", 60, OTHER, author="U2")),
    "an answer of ours is deleted": lambda store: store.questions.ingest(deleted("22", OTHER)),
    "a message that is kept nowhere else is deleted": lambda store: store.questions.ingest(deleted("40", thread("40"))),
    "a message that is kept nowhere else is edited": lambda store: store.questions.ingest(
        edited("40", "other words", 60, thread("40"))
    ),
    "a thread is forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C1", "20")),
    "a person's words are forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C1", person="U2")),
    "what a person says in the workspace is forgotten": lambda store: store.threads.forget(
        Scope("slack:T1", person="U2")
    ),
    "a history shows a message no more": refresh,
}


@pytest.mark.parametrize("parked", [True, False], ids=["parked", "running"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_what_was_read_is_kept_no_longer_than_what_it_may_quote(store, claim, end, parked):
    if parked:
        await park(store, claim)
    before = await kept(store)

    await end(store)

    assert before == KEPT
    assert await kept(store) == GONE
    assert await store.ledger.sum_steps(KEY, "1") == (1, 42)


OTHERS = {
    "a message of another channel is deleted": lambda store: store.questions.ingest(deleted("30", ELSEWHERE)),
    "another channel is forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C2")),
    "another workspace is forgotten": lambda store: store.threads.forget(Scope("slack:T2")),
    "something is said": lambda store: store.questions.ingest(said("23", OTHER)),
    "a page of the open answer goes": lambda store: store.questions.ingest(deleted("3")),
    "a page of ours grows": lambda store: store.questions.ingest(
        edited("22", "Claude's answer grows", 60, OTHER, author="BOT", mine=True)
    ),
}


@pytest.mark.parametrize("event", OTHERS.values(), ids=OTHERS)
async def test_what_was_read_stays_whatever_else_is_said_or_goes(store, claim, event):
    await store.questions.ingest(asked("30", ELSEWHERE))
    await store.questions.record_page(claim, "3", at(3))
    await store.questions.ingest(said(page("3", "1", "More")))

    await event(store)

    assert await kept(store) == KEPT


async def test_what_is_still_being_read_when_words_go_is_not_kept_afterwards(store, claim):
    late = ToolCall("toolu_3", "look", {"late": True})
    await store.calls.begin(claim, [late], {"make"}, [LOOK.id, MAKE.id])

    await store.questions.ingest(deleted("21", OTHER))
    await store.calls.end(claim, {late.id: '"a secret"'})

    assert await kept(store) == GONE


async def test_a_step_that_ends_after_the_words_are_gone_of_which_it_tells_is_not_kept(store, claim):
    reserved = await store.ledger.reserve(replace(PLANNED, step="next"), [])

    await store.questions.ingest(deleted("21", OTHER))
    await store.ledger.settle(reserved, SETTLED, StepEnd(claim, content="a secret", called=(LOOK.id,)))

    assert await kept(store) == (GONE[0], {"digest": Step(), "next": Step()})
    assert await store.ledger.sum_steps(KEY, "1") == (2, 84)


async def test_a_step_of_which_all_calls_are_kept_is_kept(store, claim):
    reserved = await store.ledger.reserve(replace(PLANNED, step="next"), [])

    await store.ledger.settle(reserved, SETTLED, StepEnd(claim, content="more", called=(LOOK.id, MAKE.id)))

    assert await kept(store) == (KEPT[0], KEPT[1] | {"next": Step(0, "more")})


async def test_what_is_asked_for_after_words_are_gone_by_who_was_told_them_is_read_and_not_kept(store, claim):
    late, more = ToolCall("toolu_3", "look", {"code": "a secret"}), ToolCall("toolu_4", "look", {"code": "a secret"})
    await store.questions.ingest(deleted("21", OTHER))

    for call, before in ((late, [LOOK.id, MAKE.id]), (more, [LOOK.id, MAKE.id, late.id])):
        (begun,) = await store.calls.begin(claim, [call], {"make"}, before)
        assert (begun.call, begun.state, begun.tries) == (call, CallState.BEGUN, 1)
        await store.calls.end(claim, {call.id: '"a secret"'})

    assert await kept(store) == GONE


async def test_what_acted_stays_known_when_words_go(store, claim):
    await store.calls.decide(Question(KEY, "k", "U1", at(50), command="allow"), "1#2", Control.ALLOW)
    await store.calls.act(claim, MAKE.id)
    await store.calls.end(claim, {MAKE.id: '"made"'})

    await store.questions.ingest(deleted("21", OTHER))

    assert await kept(store) == ([("make", "ended", '"made"')], {"digest": Step()})
    assert [(one.call, one.state) for one in await store.calls.list_acts(claim)] == [(MAKE, CallState.ENDED)]
