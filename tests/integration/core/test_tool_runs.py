"""Runs: an answer that begins anew, with another model or after an edit, is told what acted for it and repeats none.

Tests core.tools.runner, core.answering.composition, core.store.rules.tool_calls.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from core.answering.completions import ROUNDS
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.content import Text
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable
from core.domain.events import Deleted, Edited, Pressed
from core.domain.messages import MadeFile
from core.domain.tools import ToolResult
from core.store.protocols import ToolCalls
from core.tools.registry import ToolRegistry
from core.tools.runner import LONGEST, TOTAL
from core.tools.tool import Tool, ToolScope
from core.worker.fair_semaphore import FairSemaphore
from tests.fakes.claude.script import Answer, Fault, Gate
from tests.support.board_house import closed, press
from tests.support.house import house
from tests.support.tool_shed import Shed, call, in_shed, use
from tests.support.waiting import PATIENCE, until

OTHER = "claude-sonnet-5-5"
NOTE = "have acted, or may have"
BROKEN = Fault(status=404, type="not_found_error", message="model: gone")


def requests(claude):
    return [one.body for one in claude.requests if one.path == "/v1/messages"]


async def left_open(store, count) -> None:
    async with asyncio.timeout(10):
        while (await store.questions.count_open())[0] > count:
            await asyncio.sleep(0.002)


async def grant(assistant, board, store, claude) -> None:
    """Ada lets the tool act in the thread."""
    claude.script(call(use("make", 1, what="first")), Answer(text="Made."))
    await assistant.ingest(board.said("t1", "U1", "make the first"))
    await until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)
    await press(assistant, board, Control.ALLOW_THREAD, "0001#1")
    await closed(store)


async def test_another_model_that_takes_over_is_told_what_acted_and_does_not_have_it_done_again(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed), fallbacks=(OTHER,)) as assistant:
        await grant(assistant, board, store, claude)
        before = len(requests(claude))
        claude.script(
            call(use("make", 2, what="x")), BROKEN, call(use("make", 3, what="x")), Answer(text="It was made.")
        )
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await closed(store)

    asked = requests(claude)[before:]
    assert [one["model"] for one in asked] == ["claude-haiku-5-5"] * 2 + [OTHER] * 2
    assert [one["what"] for _, one in shed.called] == ["first", "x"]
    assert [NOTE in str(one["messages"]) for one in asked] == [False, False, True, True]
    assert board.shown("t1")[-1] == "It was made."


async def test_an_answer_that_an_edit_begins_again_is_told_what_acted_and_goes_on_after_a_restart(store, board, claude):
    shed, gate, last = Shed(), Gate(), Gate()
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await grant(assistant, board, store, claude)
        claude.script(call(use("make", 2, what="x")), Answer(text="Made.", gate=gate))
        asked = board.said("t1", "U1", "make it")
        await assistant.ingest(asked)
        await gate.reached.wait()
        claude.script(call(use("make", 3, what="x"), use("make", 4, what="y")), Answer(text="Both.", gate=last))
        edited = replace(asked.message, text="make it, please", edited=board.now())
        await assistant.ingest(Edited("x", asked.key, edited))
        await last.reached.wait()
        gate.opened.set()
        await assistant.worker.drain(0)
    before = len(requests(claude))
    claude.script(Answer(text="Both are made."))
    async with house(store, claude, board, tools=in_shed(shed), process="second"):
        await closed(store)

    assert [one["what"] for _, one in shed.called] == ["first", "x", "y"]
    assert NOTE in str(requests(claude)[before - 1]["messages"])
    (again,) = requests(claude)[before:]
    assert again["messages"] == requests(claude)[before - 1]["messages"]
    assert [block["type"] for block in again["messages"][-1]["content"]] == ["tool_result", "tool_result"]
    assert board.shown("t1")[-1] == "Both are made."


@pytest.mark.parametrize("then", ["it ends", "stop"])
async def test_an_edit_lets_what_acts_come_to_its_end_and_a_stop_does_not(store, board, claude, then):
    shed, acts = Shed(), Gate()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await grant(assistant, board, store, claude)
        before = len(requests(claude))
        shed.gate = acts
        claude.script(call(use("make", 2, what="x")), call(use("make", 3, what="x")), Answer(text="It is made."))
        asked = board.said("t1", "U1", "make it")
        await assistant.ingest(asked)
        await acts.reached.wait()
        edited = replace(asked.message, text="make it, please", edited=board.now())
        await assistant.ingest(Edited("x", asked.key, edited))
        await asyncio.sleep(0.2)  # in which the answer would begin again
        begun_again = len(requests(claude)) > before + 1
        if then == "stop":
            await press(assistant, board, Control.STOP, asked.message.id)
        else:
            acts.opened.set()
        await closed(store)

    assert not begun_again
    assert [one["what"] for _, one in shed.called] == ["first", "x"]
    if then == "stop":
        assert board.shown("t1")[-1].startswith('I may have used `make {"what": "x"}` before this ended')
    else:
        assert [NOTE in str(one["messages"]) for one in requests(claude)[before:]] == [False, True, True]
        assert "make brought 2" in str(requests(claude)[-1]["messages"][-1])
        assert board.shown("t1")[-1] == "It is made."


async def test_nothing_is_said_of_what_acted_for_a_question_that_was_deleted_before_a_word_stood(store, board, claude):
    shed, acts = Shed(), Gate()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await grant(assistant, board, store, claude)
        before = board.shown("t1")
        shed.gate = acts
        claude.script(call(use("make", 2, what="x")), Answer(text="It is made."))
        asked = board.said("t1", "U1", "make it")
        await assistant.ingest(asked)
        await acts.reached.wait()
        await assistant.ingest(Deleted("x", asked.key, asked.message.id, board.now()))
        await closed(store)

    assert board.shown("t1") == before


class BrokenShed(Shed):
    """Its tools break after they have done what they do."""

    def _make(self, name: str, *, acts: bool) -> Tool:
        whole = super()._make(name, acts=acts)

        async def run(scope: ToolScope, given: Mapping[str, Any]) -> ToolResult:
            assert whole.run
            await whole.run(scope, given)
            raise ConnectionResetError(name)

        return replace(whole, run=run)


async def test_of_one_that_acts_and_breaks_claude_is_told_that_nobody_knows_whether_it_did(store, board, claude):
    shed = BrokenShed()
    claude.script(call(use("look", 1), use("make", 2)), Answer(text="Look yourself."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)
        await press(assistant, board, Control.ALLOW, "0001#2")
        await closed(store)

    told = [block["content"][0]["text"] for block in requests(claude)[-1]["messages"][-1]["content"]]
    assert told == [
        "This tool broke. Confab's operator can read why in its log.",
        "This tool broke. Confab's operator can read why in its log. Whether it was done is not known; it is not tried "
        "again.",
    ]
    assert [name for name, _ in shed.called] == ["look", "make"]


class Forgetful:
    """Tool calls in a database that is not there when the first result is to be kept."""

    def __init__(self, calls: ToolCalls) -> None:
        self._calls, self.troubles = calls, [StoreUnavailable("away"), StoreUnavailable("away")]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._calls, name)

    async def end(self, *given: Any) -> None:
        if self.troubles:
            raise self.troubles.pop()
        await self._calls.end(*given)


async def test_what_acted_while_the_database_was_away_is_known_to_have_acted(store, board, claude):
    shed, calls = Shed(), Forgetful(store.calls)
    claude.script(call(use("make", 1)), Answer(text="Made."))
    async with house(replace(store, calls=calls), claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)
        await press(assistant, board, Control.ALLOW, "0001#1")
        await closed(store)

    (told,) = requests(claude)[-1]["messages"][-1]["content"]
    assert told["content"][0]["text"] == "make brought 1"
    assert (len(shed.called), calls.troubles) == (1, [])


class Falsy(Exception):
    def __bool__(self) -> bool:
        return False


ODD: dict[str, Any] = {
    "exit": SystemExit("bad"),
    "interrupt": KeyboardInterrupt(),
    "falsy": Falsy(),
    "a time limit of its own": TimeoutError("no answer in 0.1 s"),
    "nothing": None,
    "no content": ToolResult(None),  # type: ignore[arg-type]
    "words": ToolResult("words"),  # type: ignore[arg-type]
    "surrogate": ToolResult((), files=(MadeFile("a.txt", "text/plain", "\ud800"),)),
    "bytes": ToolResult((), files=(MadeFile("a.txt", "text/plain", b"\xff"),)),  # type: ignore[arg-type]
}


class OddShed(Shed):
    """Its tools raise, or return, what no tool may."""

    def _make(self, name: str, *, acts: bool) -> Tool:
        async def run(scope: ToolScope, given: Mapping[str, Any]) -> ToolResult:
            odd = ODD[given["what"]]
            if isinstance(odd, BaseException):
                raise odd
            return odd

        return replace(super()._make(name, acts=acts), run=run)


async def test_whatever_a_tool_raises_or_returns_costs_its_call_and_no_more(store, board, claude):
    claude.script(call(*(use("look", number, what=what) for number, what in enumerate(ODD))), Answer(text="All broke."))
    async with house(store, claude, board, tools=in_shed(OddShed())) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)

    results = requests(claude)[-1]["messages"][-1]["content"]
    assert ["broke" in one["content"][0]["text"] and one["is_error"] for one in results] == [True] * len(ODD)
    assert board.shown("t1") == ["All broke."]


def has_waited(board) -> Any:
    return until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)


@pytest.mark.parametrize("how", ["stopped", "error"])
@pytest.mark.parametrize("then", [Control.CONTINUE, Control.RETRY, None])
async def test_an_answer_that_ends_after_an_act_says_so_and_later_prompts_know(store, board, claude, how, then):
    shed, may = Shed(), "may have" if how == "stopped" else "had"
    told = f"I {may} used `make {{}}` before this ended"
    fault = Fault(status=400, type="invalid_request_error", message="no")
    claude.script(call(use("make", 1), text="I make it."), *([fault] if how == "error" else []))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await has_waited(board)
        shed.gate = Gate() if how == "stopped" else None
        await press(assistant, board, Control.ALLOW, "0001#1")
        if shed.gate:
            await shed.gate.reached.wait()
            await press(assistant, board, Control.STOP, "0001")
        await closed(store)
        (shown,) = board.shown("t1")
        claude.script(Answer(text="It is made."))
        if then:
            await press(assistant, board, then, "0001")
        else:
            await assistant.ingest(board.said("t1", "U1", "is it made?"))
        await closed(store)

    assert shown.startswith(f"I make it.\n\n{told}")
    assert ("Stopped." if how == "stopped" else "reference") in shown.split(told)[1]
    assert told in str(requests(claude)[-1]["messages"])
    assert len(shed.called) == 1


async def test_where_a_budget_ends_an_answer_after_a_tool_acted_the_act_stands_and_both_are_told(store, board, claude):
    shed = Shed(gate=Gate())
    claude.script(call(use("make", 1, what="a house"), text="I make it."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await has_waited(board)
        await press(assistant, board, Control.ALLOW, "0001#1")
        await shed.gate.reached.wait()
        await store.ledger.allow(Budget(Scope("board:w1"), Period.MONTH, 0, "UTC", "U1", board.now()), 0)
        shed.gate.opened.set()
        await closed(store)
        (shown,) = board.shown("t1")

    assert shed.called == [("make", {"what": "a house"})]
    assert shown.startswith('I make it.\n\nI had used `make {"what": "a house"}` before this ended.')
    assert "this workspace" in shown
    assert "budget" in shown
    assert len(requests(claude)) == 1


async def test_what_a_tool_made_for_another_model_is_not_posted_with_this_ones_answer(store, board, claude):
    class Maker(Shed):
        def _make(self, name: str, *, acts: bool) -> Tool:
            async def run(scope: ToolScope, given: Mapping[str, Any]) -> ToolResult:
                return ToolResult((Text("made"),), files=(MadeFile(f"{given['what']}.txt", "text/plain", "x"),))

            return replace(super()._make(name, acts=acts), run=run)

    claude.script(call(use("look", 1, what="first")), BROKEN, call(use("look", 2, what="second")), Answer(text="Here."))
    async with house(store, claude, board, tools=in_shed(Maker()), fallbacks=(OTHER,)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "a file"))
        await closed(store)

    assert "second.txt" in str(board.attached("t1"))
    assert "first.txt" not in str(board.attached("t1"))


@pytest.mark.parametrize("acts", [False, True])
async def test_tools_that_are_gone_when_a_question_goes_on_are_told(store, board, claude, acts):
    """What was allowed is said not to be done; what acted before a restart is told to Claude."""
    shed, gate = Shed(), Gate()
    claude.script(call(use("make", 1), text="I make it."))
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await has_waited(board)
        if acts:
            claude.script(Answer(text="Made.", gate=gate))
            await press(assistant, board, Control.ALLOW, "0001#1")
            await gate.reached.wait()
            gate.opened.set()
            await assistant.worker.drain(0)
    claude.script(Answer(text="Well."))
    async with house(store, claude, board, tools=ToolRegistry(), process="second") as assistant:
        if not acts:
            await press(assistant, board, Control.ALLOW, "0001#1")
        await closed(store)

    assert (NOTE in str(requests(claude)[-1]["messages"])) == acts
    gone = "What was allowed is not available now, and nothing was done: make."
    assert (gone in board.shown("t1")[0]) == (not acts)


async def test_calls_that_hang_hold_no_place_of_others_and_their_answers_go_on_when_they_end(store, board, claude):
    shed = Shed(gate=Gate(), seconds=60)

    def answer(body):
        asks = "look" in str(body["messages"]) and "tool_result" not in str(body["messages"][-1])
        return call(use("look", len(str(body)))) if asks else Answer(text="There.")

    claude.answer = answer
    async with house(store, claude, board, tools=in_shed(shed), semaphore=FairSemaphore(1)) as assistant:
        for number in range(4):
            await assistant.ingest(board.said(f"t{number}", "U1", "look"))
        await until(lambda: len(shed.called) == 4)
        await assistant.ingest(board.said("t9", "U1", "and you?"))
        await until(lambda: board.shown("t9") == ["There."], 10)
        shown = [board.shown(f"t{number}") for number in range(4)]
        shed.gate.opened.set()
        await closed(store)

    assert "There." not in str(shown)
    assert [board.shown(f"t{number}") for number in range(4)] == [["There."]] * 4


async def test_whoever_stops_while_calls_hang_or_wait_for_a_place_leaves_a_place_to_all_others(store, board, claude):
    shed, gate = Shed(gate=Gate(), seconds=60), Gate()

    def answer(body):
        said = str(body["messages"])
        if "hold" in said:
            return Answer(text="Held.", gate=gate)
        asks = "look" in said and "tool_result" not in str(body["messages"][-1])
        return call(use("look", len(said))) if asks else Answer(text="There.")

    claude.answer = answer
    async with house(store, claude, board, tools=in_shed(shed), semaphore=FairSemaphore(1)) as assistant:
        asked = [board.said(f"t{number}", "U1", "look") for number in range(4)]
        for one in asked:
            await assistant.ingest(one)
        await until(lambda: len(shed.called) == 4)
        await assistant.ingest(board.said("t8", "U1", "hold"))
        await gate.reached.wait()
        for one in asked[:2]:  # their calls hang
            await assistant.ingest(Pressed(board.number(), one.key, "U1", Control.STOP, one.message.id, board.now()))
        await left_open(store, 3)
        shed.gate.opened.set()
        for one in asked[2:]:  # these wait for a place
            await assistant.ingest(Pressed(board.number(), one.key, "U1", Control.STOP, one.message.id, board.now()))
        await left_open(store, 1)
        gate.opened.set()
        await assistant.ingest(board.said("t9", "U1", "and you?"))
        await closed(store)

    assert board.shown("t8") == ["Held."]
    assert board.shown("t9") == ["There."]


async def test_what_is_tried_again_after_a_tool_acted_is_told_so_by_name_and_asks_anew(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        claude.script(call(use("make", 1, what="a secret")), Answer(text="Done."))
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)
        await press(assistant, board, Control.ALLOW, "0001#1")
        await closed(store)
        before = len(requests(claude))
        claude.script(call(use("make", 2, what="a secret")), Answer(text="Twice, then."))
        await press(assistant, board, Control.RETRY, "0001")
        await until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)
        late = await press(assistant, board, Control.ALLOW, "0001#1")
        unasked = len(shed.called)
        await press(assistant, board, Control.ALLOW, "0001#2")
        await closed(store)

    told = str(requests(claude)[before]["messages"])
    assert (f"{NOTE}" in told, "  make: ended" in told, "a secret" in told) == (True, True, False)
    assert (unasked, late.note) == (1, "This was decided already.")
    assert (len(shed.called), board.shown("t1")) == (2, ["Twice, then."])


async def test_a_tool_that_came_to_act_while_it_was_called_is_not_called_again_unasked(store, board, claude):
    class Changed(Shed):
        def _make(self, name: str, *, acts: bool) -> Tool:
            return super()._make(name, acts=True)

    shed, changed = Shed(gate=Gate()), Changed()
    claude.script(call(use("look", 1)), Answer(text="Look yourself."))
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await shed.gate.reached.wait()
        await assistant.worker.drain(0)
    async with house(store, claude, board, tools=in_shed(changed), process="second"):
        await closed(store)

    assert (len(shed.called), changed.called) == (1, [])
    assert "It is not known whether this was done" in str(requests(claude)[-1]["messages"][-1])


class WordyShed(Shed):
    """Its tools bring as much as one result may hold."""

    def _make(self, name: str, *, acts: bool) -> Tool:
        async def run(scope: ToolScope, given: Mapping[str, Any]) -> ToolResult:
            return ToolResult((Text(f"{given['what']} " * (LONGEST // len(f"{given['what']} "))),))

        return replace(super()._make(name, acts=acts), run=run)


async def test_another_model_that_takes_over_is_told_what_its_own_calls_bring(store, board, claude):
    def look(begins: int) -> Answer:
        return call(*(use("look", begins + one, what="word") for one in range(TOTAL // LONGEST)))

    claude.script(look(1), BROKEN, look(10), Answer(text="Here."))
    tools = in_shed(WordyShed())
    async with house(store, claude, board, tools=tools, fallbacks=(OTHER,), max_cost=10**9) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)

    last = requests(claude)[-1]
    assert last["model"] == OTHER
    brought = [block["content"][0]["text"] for block in last["messages"][-1]["content"]]
    assert [len(one) for one in brought] == [LONGEST] * (TOTAL // LONGEST)
    assert board.shown("t1") == ["Here."]


async def test_the_steps_of_all_models_of_an_answer_count_together(store, board, claude):
    def answer(body: Mapping[str, Any]) -> Answer | Fault:
        asked = len(requests(claude))
        return BROKEN if asked > 12 and body["model"] != OTHER else call(use("look", asked), text="Again. ")

    shed, claude.answer = Shed(), answer
    async with house(store, claude, board, tools=in_shed(shed), fallbacks=(OTHER,)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)

    asked = [one["model"] for one in requests(claude)]
    assert asked == ["claude-haiku-5-5"] * 13 + [OTHER] * (ROUNDS - 12)
    assert len(shed.called) == ROUNDS - 1
    assert "took 25 steps, as many as one answer may have. Continue goes on from here" in board.shown("t1")[0]


async def test_an_answer_that_goes_on_after_a_restart_has_the_steps_left_that_it_had(store, board, claude):
    def answer(body: Mapping[str, Any]) -> Answer:
        asked = len(requests(claude))
        return call(use("make" if asked == ROUNDS - 2 else "look", asked), text="Again. ")

    shed, claude.answer = Shed(), answer
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)
    async with house(store, claude, board, tools=in_shed(shed), process="second") as assistant:
        await press(assistant, board, Control.ALLOW, f"0001#{ROUNDS - 2}")
        await closed(store)

    assert len(requests(claude)) == ROUNDS
    assert [name for name, _ in shed.called] == ["look"] * (ROUNDS - 3) + ["make", "look"]
    assert board.shown("t1")[0].count("Again.") == ROUNDS
    assert "took 25 steps" in board.shown("t1")[0]


async def test_an_answer_that_may_cost_no_more_after_a_restart_ends_with_all_that_it_had_said(store, board, claude):
    shed = Shed()
    claude.script(*(call(use(name, number), text="Again. ") for number, name in enumerate(("look", "look", "make"))))
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await until(lambda: "May I use" in "".join(board.shown("t1")), PATIENCE)
    async with house(store, claude, board, tools=in_shed(shed), process="second", max_cost=1) as assistant:
        await press(assistant, board, Control.ALLOW, "0001#3")
        await closed(store)

    assert [name for name, _ in shed.called] == ["look", "look"]
    assert board.shown("t1")[0].count("Again.") == 3
    assert "as much as one answer may. Continue goes on from here" in board.shown("t1")[0]


@pytest.mark.parametrize("second", ["look", "make"])
async def test_two_calls_of_one_step_with_the_same_id_are_carried_out_and_answered_once(store, board, claude, second):
    shed = Shed()
    claude.script(call(use("look", 1), use(second, 1, what="x")), Answer(text="Well."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)

    assert [name for name, _ in shed.called] == ["look"]
    assert [block["type"] for block in requests(claude)[-1]["messages"][-1]["content"]] == ["tool_result"]
    assert board.shown("t1") == ["Well."]
