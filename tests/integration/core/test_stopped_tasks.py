"""Commands that Claude answers, while they run: stopped by who may, and given up where their asker may not any more.

Tests core.commands.craft.task, core.commands.replies, core.answering.tasks.task_answer, core.store.rules.presses.
"""

import json
import re

import pytest

from core.domain.controls import Control
from core.domain.messages import Asks, Rank
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, command, files, give, messages, press
from tests.support.waiting import until

COMPARE = "persona compare now translator last=3"


async def run_into(assistant, claude, line: str, *before: str, last: Gate, **fields) -> None:
    """Give a command, and wait until all but its newest request is answered."""
    claude.script(*(Answer(text=one) for one in before), Answer(text="Late, and much more.", gate=last))
    await assistant.ingest(command(line, private=True, **fields))
    await until(last.reached.is_set, 10)


async def test_a_comparison_that_is_stopped_shows_what_is_done_and_what_all_of_it_cost(
    asked, assistant, board, claude, store
):
    gate = Gate(after=4)
    await run_into(assistant, claude, COMPARE, "Now 1.", "Draft 1.", last=gate)

    await press(assistant, board, Control.STOP, "k1")
    await closed(store)
    gate.opened.set()

    assert "| Question 1 | Now 1. | Draft 1. |\n| **cost** | $0." in board.whispered[0]
    assert "I stopped before question 2: I was asked to." in board.whispered[0]
    assert re.search(r"All of it cost \$0\.\d+\.", board.whispered[0])
    assert "Draft 1." in files(board)["comparison.md"]
    assert len(messages(claude)) == 3 + 3


@pytest.mark.parametrize(
    "line",
    [COMPARE, "persona try Be brief.", "persona test translator", "replay model=claude-haiku-4-5", "summarize",
     'classify categories="bug, praise" last=3', "explain", "draft code a sum"],
)  # fmt: skip
async def test_any_of_them_that_is_stopped_at_once_says_what_it_cost_and_asks_no_more(
    asked, assistant, board, claude, store, line
):
    gate = Gate(after=1)
    await run_into(assistant, claude, line, last=gate)

    await press(assistant, board, Control.STOP, "k1")
    await closed(store)
    gate.opened.set()

    assert re.fullmatch(r"\W*Stopped\. All of it cost \$0\.\d+\.\W*", board.whispered[0])
    assert len(messages(claude)) == 3 + 1
    assert board.controls("t1")[-1] == ()


async def test_a_draft_of_what_was_stopped_can_not_be_kept(asked, assistant, board, claude, store):
    gate = Gate(after=4)
    await give(assistant, store, 'example add must="hours" When do you open?', name="k0")
    await run_into(assistant, claude, "persona try Be brief.", "Brief.", "At nine.", last=gate)

    await press(assistant, board, Control.STOP, "k1")
    await closed(store)
    gate.opened.set()
    await give(assistant, store, "keep", name="k2")

    assert "Brief." in board.whispered[-2]
    assert "nothing to keep" in board.whispered[-1]


async def test_the_word_stops_what_its_asker_let_run_also_where_two_of_theirs_run(
    asked, assistant, board, claude, store
):
    gates = Gate(after=1), Gate(after=1)
    await run_into(assistant, claude, COMPARE, last=gates[0])
    await run_into(assistant, claude, "summarize last=2", last=gates[1], name="k2")

    await assistant.ingest(command("stop", private=True, name="k3"))
    await until(lambda: len(board.whispered) >= 2)
    await assistant.ingest(command("stop", private=True, name="k4"))
    await closed(store)

    assert board.whispered.count("It is stopped.") == 2
    assert sum("Stopped." in one for one in board.whispered) == 2


@pytest.mark.parametrize(("rank", "stops"), [(Rank.MANAGER, True), (Rank.MEMBER, False)])
async def test_of_others_only_who_manages_the_channel_stops_it_and_nobody_else_hears_of_it(
    asked, assistant, board, claude, store, rank, stops
):
    gate = Gate(after=1)
    board.ranks["U2"] = rank
    await run_into(assistant, claude, "summarize", last=gate)

    await assistant.ingest(command("stop", private=True, name="k2", person="U2"))
    await until(lambda: len(board.whispered) >= 1)
    gate.opened.set()
    await closed(store)

    said = "It is stopped." if stops else "Nothing is being answered in this conversation."
    assert said in board.whispered
    assert any("Stopped." in one for one in board.whispered) is stops


async def test_the_answer_that_grows_for_its_asker_is_stopped_before_a_command_of_theirs(
    asked, assistant, board, claude, store
):
    task, growing = Gate(after=1), Gate(after=4)
    await run_into(assistant, claude, COMPARE, last=task)
    claude.script(Answer(text="It grows and grows", gate=growing))
    await assistant.ingest(board.said("t1", "U1", "Why?"))
    await until(growing.reached.is_set, 10)

    await assistant.ingest(command("stop", private=True, name="k2"))
    await until(lambda: len(board.whispered) >= 1)
    task.opened.set()
    await closed(store)

    assert any("Stopped." in one for one in board.shown("t1"))
    assert not any("Stopped." in one for one in board.whispered)


@pytest.mark.parametrize(
    "line", [COMPARE, "persona try Be brief.", "replay model=claude-haiku-4-5", "persona test translator"]
)
async def test_who_loses_their_rank_meanwhile_is_shown_nothing_and_keeps_nothing(
    asked, assistant, board, claude, store, line
):
    board.ranks["U2"], gate = Rank.MANAGER, Gate(after=1)
    await run_into(assistant, claude, line, last=gate, person="U2")
    board.ranks["U2"] = Rank.MEMBER
    gate.opened.set()
    await closed(store)
    await give(assistant, store, "keep", person="U2", name="k2")

    assert [re.sub("`.*`", "", one) for one in board.whispered] == ["Only those who manage this channel can use ."] * 2
    assert len(messages(claude)) == 3 + 1


async def test_who_may_not_read_the_channel_any_more_is_not_shown_what_was_made_of_it(
    asked, assistant, board, claude, store
):
    gate = Gate(after=1)
    await run_into(assistant, claude, COMPARE, last=gate)
    board.hidden.add("t1")
    gate.opened.set()
    await closed(store)

    assert board.whispered == ["You may not read what this is about any more, so you are not shown what came of it."]


async def test_a_kept_thread_is_summarized_for_who_may_read_it_now_alone(asked, assistant, board, claude, store):
    board.hidden.add("t1")

    await give(assistant, store, "summarize")

    assert board.whispered == ["The board does not show that to you."]
    assert len(messages(claude)) == 3


async def test_a_classification_that_is_stopped_shows_what_is_sorted(assistant, board, claude, store):
    for number in range(150):
        board.said("t1", "U2", f"It crashes {number}.", asks=Asks.NO)
    sorted_ = json.dumps({"messages": [{"message": number, "category": "bug"} for number in range(1, 101)]})
    gate = Gate(after=1)
    await run_into(assistant, claude, 'classify categories="bug, praise" last=150', sorted_, last=gate)

    await press(assistant, board, Control.STOP, "k1")
    await closed(store)
    gate.opened.set()

    assert "| bug | 100 |" in board.whispered[0]
    assert "I stopped after message 100 of 150: I was asked to." in board.whispered[0]
