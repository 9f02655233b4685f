"""What is asked together is paid together: one person's questions; others get their own answer, in order.

Tests core.store.rules.companions and core.answering.conversation.
"""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.events import Deleted
from core.domain.messages import Asks, Rank
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate, last_words
from tests.fakes.claude.server import ClaudeFake
from tests.support.board_house import closed, command, messages, timed_messages
from tests.support.house import house

DECLINED = "[Confab did not answer this: who asked may not just now. Leave it, unless it is asked for again below.]"


async def payers(store) -> dict[str, int]:
    """How many requests each person paid for."""
    lines = await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9), "person")
    return {line.group: line.requests for line in lines}


async def busy(assistant, board, claude) -> Gate:
    """Somebody's question whose answer is visible and goes on."""
    gate = Gate(after=4)
    claude.script(Answer(text="the first answer", gate=gate))
    await assistant.ingest(board.said("t1", "U3", "zero"))
    await gate.reached.wait()
    await board.until("t1", "the f")
    return gate


def flat(request) -> str:
    return "\n".join(f"{role}\n{text}" for role, text in request)


async def test_people_who_take_turns_are_answered_in_order_each_on_their_own_account(assistant, board, claude, store):
    gate = await busy(assistant, board, claude)
    claude.answer = lambda body: Answer(text=f"to {last_words(body)[-3:]}")
    for person, text in (("U1", "one"), ("U2", "two"), ("U1", "six"), ("U1", "ten")):
        await assistant.ingest(board.said("t1", person, text))
    gate.opened.set()
    await closed(store)

    assert board.shown("t1") == ["the first answer", "to one", "to two", "to ten"]
    assert await payers(store) == {"U1": 2, "U2": 1, "U3": 1}
    assert messages(claude)[-1] == [
        ("user", "Cy: zero"),
        ("assistant", "the first answer"),
        ("user", "Ada: one"),
        ("assistant", "to one"),
        ("user", "Bob: two"),
        ("assistant", "to two"),
        ("user", "Ada: six\nAda: ten"),
    ]
    told = [flat(request) for request in timed_messages(claude)]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(told))


async def test_a_guest_gets_no_answer_by_the_question_of_a_member(assistant, board, claude, store):
    board.ranks["U2"] = Rank.GUEST
    gate = await busy(assistant, board, claude)
    await assistant.ingest(board.said("t1", "U1", "one"))
    await assistant.ingest(board.said("t1", "U2", "write my essay"))
    await assistant.ingest(board.said("t1", "U1", "and then?"))
    gate.opened.set()
    await closed(store)

    assert messages(claude)[1][-1] == ("user", "Ada: one")
    assert messages(claude)[2][-1] == ("user", f"Bob: write my essay\n{DECLINED}\nAda: and then?")
    assert await payers(store) == {"U1": 2, "U3": 1}


async def test_who_has_no_budget_gets_no_answer_by_the_question_of_another(assistant, board, claude, store):
    scope = Scope("board:w1", person="U2")
    await store.ledger.allow(Budget(scope, Period.MONTH, 0, "UTC", "U1", board.now()), 0)
    gate = await busy(assistant, board, claude)
    for person, text in (("U1", "one"), ("U2", "two"), ("U1", "six")):
        await assistant.ingest(board.said("t1", person, text))
    gate.opened.set()
    await closed(store)

    assert await payers(store) == {"U1": 2, "U3": 1}
    assert "budget" in board.shown("t1")[2]
    assert messages(claude)[-1][-1] == ("user", f"Bob: two\n{DECLINED}\nAda: six")


async def test_what_was_taken_back_while_it_waited_parts_nobody(assistant, board, claude, store):
    gate = await busy(assistant, board, claude)
    await assistant.ingest(board.said("t1", "U1", "one"))
    two = board.said("t1", "U2", "two")
    await assistant.ingest(two)
    await assistant.ingest(board.said("t1", "U1", "six"))
    await assistant.ingest(Deleted("d1", two.key, two.message.id, board.now()))
    gate.opened.set()
    await closed(store)

    assert [request[-1] for request in messages(claude)][1:] == [("user", "Ada: one\nAda: six")]


@pytest.mark.parametrize("allowed", [("B7",), ()], ids=["a bot that may ask", "a bot that may not"])
async def test_a_bot_between_two_questions_pays_for_itself_or_is_told_in_its_place(store, board, claude, allowed):
    async with house(store, claude, board, clock=board.now, bots=allowed) as assistant:
        gate = await busy(assistant, board, claude)
        await assistant.ingest(board.said("t1", "U1", "one"))
        event = board.said("t1", "B7", "two")
        await assistant.ingest(replace(event, message=replace(event.message, bot=True)))
        await assistant.ingest(board.said("t1", "U1", "six"))
        gate.opened.set()
        await closed(store)

    ends = [request[-1][1] for request in messages(claude)][1:]
    assert ends == (["Ada: one", "B7 (bot): two", "Ada: six"] if allowed else ["Ada: one\nB7 (bot): two\nAda: six"])


async def test_a_question_for_somebody_else_is_told_to_who_asks_behind_it(assistant, board, claude, store):
    gate = await busy(assistant, board, claude)
    await assistant.ingest(board.said("t1", "U1", "one"))
    await assistant.ingest(board.said("t1", "U2", "<@U1> blue?", asks=Asks.PERHAPS))
    await assistant.ingest(board.said("t1", "U1", "what about blue?"))
    gate.opened.set()
    await closed(store)

    assert [request[-1][1] for request in messages(claude)][1:] == [
        "Ada: one",
        "Bob: @Ada blue?\nAda: what about blue?",
    ]


async def test_two_processes_answer_in_order_too(store, board):
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(text=f"to {last_words(body)[-3:]}")
        async with (
            house(store, claude, board, clock=board.now, process="p1") as one,
            house(store, claude, board, clock=board.now, process="p2") as two,
        ):
            for number, person in enumerate(["U1", "U2", "U3", "U1", "U2"], 100):
                await (one, two)[number % 2].ingest(board.said("t1", person, str(number)))
            await closed(store)

        # Who asked first may have been answered before the next one asked, but nobody was answered out of turn.
        assert board.shown("t1") == [f"to {number}" for number in range(100, 105)]
        told = [flat(request) for request in timed_messages(claude)]
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(told))


async def test_prompt_ends_with_claudes_words_where_all_is_answered(assistant, board, claude, store):
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)
    await assistant.ingest(command("prompt", name="k2", private=True))
    await closed(store)

    shown = next(text for text in board.shown("t1") if text.startswith("The next request"))
    assert "not answered yet" not in shown
    assert shown.rstrip().endswith("fine\n```\ncache breakpoint")
