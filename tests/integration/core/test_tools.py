"""Tools in answers: calls are carried out and told, those that act ask first, and a restart repeats none that acted.

Tests core.tools.runner, core.tools.approvals, core.store.records.calls, core.store.rules.tool_calls,
core.store.rules.parking.
"""

import asyncio
import json
import re
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from bots.app.run import assemble
from core.domain.controls import APPROVAL, FEEDBACK, Control
from core.domain.errors import CannotAnswer
from core.domain.events import Edited
from core.domain.personas import Persona
from core.domain.tools import DEEPEST, UNREAD
from core.settings import Settings
from core.tools.entry_points import InstalledTools
from core.tools.functions import build_tool
from core.tools.registry import ToolRegistry
from tests.fakes.claude.bill import micro_usd
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.tokens import Usage
from tests.support.board_house import closed, press
from tests.support.clock_notes import without_times
from tests.support.house import house
from tests.support.tool_shed import Shed, call, in_shed, use
from tests.support.waiting import PATIENCE, until


def last_message(claude, number: int = -1) -> dict[str, Any]:
    return [one.body for one in claude.requests if one.path == "/v1/messages"][number]["messages"][-1]


def told(claude, number: int = -1) -> list[tuple[str, bool]]:
    """What a request, the newest one, told Claude of its calls, and whether they failed."""
    results = [block for block in last_message(claude, number)["content"] if block["type"] == "tool_result"]
    return [("".join(one["text"] for one in block["content"]), block.get("is_error", False)) for block in results]


def messages(claude) -> list[list[tuple[str, str]]]:
    """What each request told Claude in words: role and text of every turn."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return [
        [
            (one["role"], without_times("".join(block.get("text", "") for block in one["content"])))
            for one in body["messages"]
        ]
        for body in asked
    ]


async def parked(board, thread: str = "t1") -> None:
    """Wait until a question with buttons waits for a person."""
    async with asyncio.timeout(10):
        while "May I use" not in "".join(board.shown(thread)):
            await asyncio.sleep(0.002)
    await asyncio.sleep(0.02)


async def test_what_a_tool_brings_is_told_and_the_answer_goes_on(store, board, claude):
    shed = Shed()
    claude.script(call(use("look", at="door"), text="Let me look."), Answer(text="A broom."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "what is in the shed?"))
        await closed(store)

    assert board.shown("t1") == ["Let me look.\n\nA broom."]
    assert shed.called == [("look", {"at": "door"})]
    assert told(claude) == [("look brought 1", False)]
    assert [tool["name"] for tool in claude.requests[-1].body["tools"]] == ["look", "make"]


async def test_calls_of_one_step_are_told_together_and_an_unknown_one_is_a_failure(store, board, claude):
    shed = Shed()
    claude.script(call(use("look", 1), use("fly", 2), use("look", 3)), Answer(text="Seen."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look twice"))
        await closed(store)

    assert board.shown("t1") == ["Seen."]
    assert told(claude) == [
        ("look brought 1", False),
        ("There is no tool of this name here.", True),
        ("look brought 2", False),
    ]


async def test_a_tool_that_acts_asks_first_and_acts_once_it_is_allowed(store, board, claude):
    shed = Shed()
    claude.script(call(use("make", what="a `bird` house"), text="I make one."), Answer(text="Made."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make a bird house"))
        await parked(board)
        asked, buttons = board.shown("t1"), board.controls("t1")
        receipt = await press(assistant, board, Control.ALLOW, "0001#1")
        again = await press(assistant, board, Control.ALLOW, "0001#1")
        await closed(store)

    assert asked == [
        "I make one.\n\n**May I use make?** It acts outside of this conversation: to make a 'bird' house.\n\n"
        '```json\n{\n  "what": "a \\u0060bird\\u0060 house"\n}\n```\n\n'
        "Ada can allow it, within an hour."
    ]
    assert buttons == [APPROVAL]
    assert (receipt.new, receipt.note, again.new, again.note) == (True, "", False, "This was decided already.")
    assert shed.called == [("make", {"what": "a `bird` house"})]
    assert told(claude) == [("make brought 1", False)]
    assert board.shown("t1") == ["I make one.\n\nMade."]
    assert board.controls("t1") == [(Control.RETRY, *FEEDBACK, Control.DELETE)]


async def test_the_thread_goes_on_while_a_call_waits_and_its_prompt_is_kept(store, board, claude):
    shed = Shed()
    claude.script(call(use("make")), Answer(text="Two."), Answer(text="Made."), Answer(text="Three."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await parked(board)
        await assistant.ingest(board.said("t1", "U2", "what is one and one?"))
        await closed(store)
        await press(assistant, board, Control.ALLOW, "0001#1")
        await closed(store)
        await assistant.ingest(board.said("t1", "U2", "and two and one?"))
        await closed(store)

    first, meanwhile, woken, later = messages(claude)
    waits = "[Confab began to answer this, and waits for a person to allow something. It goes on later; leave it.]"
    assert meanwhile == [("user", f"Ada: make it\n{waits}\nBob: what is one and one?")]
    assert woken[:1] == first
    assert later[0] == meanwhile[0]
    assert later[1:3] == [
        ("assistant", "Two."),
        (
            "user",
            "[Now comes the answer to an earlier message, for which Confab waited until a person allowed something.]",
        ),
    ]
    assert later[3:] == [("assistant", "Made."), ("user", "Bob: and two and one?")]


async def test_a_denied_call_is_not_made_and_claude_is_told(store, board, claude):
    shed = Shed()
    claude.script(call(use("make")), Answer(text="As you like."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await parked(board)
        await press(assistant, board, Control.DENY, "0001#1")
        await closed(store)

    assert (shed.called, board.shown("t1")) == ([], ["As you like."])
    assert told(claude) == [("The person who was asked does not allow this. It was not done.", True)]


async def test_nobody_says_anything_for_an_hour(store, board, claude):
    shed = Shed()
    claude.script(call(use("make"), text="I make one."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await parked(board)
        board.slept(3601)
        await assistant.worker.heartbeat()
        assistant.worker.wake()
        await closed(store)
        late = await press(assistant, board, Control.ALLOW, "0001#1")

    assert shed.called == []
    (shown,) = board.shown("t1")
    assert shown.startswith("I make one.\n\n")
    assert "expired after an hour: nothing was done" in shown
    assert late.note == "This answer has ended already."


async def test_a_bystander_can_not_allow_it_and_what_is_allowed_for_the_thread_asks_no_more(store, board, claude):
    shed = Shed()
    claude.script(call(use("make", 1)), call(use("make", 2)), Answer(text="Both made."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make two"))
        await parked(board)
        await press(assistant, board, Control.ALLOW_THREAD, "0001#1", person="U2")
        await closed(store)
        nothing = list(shed.called)
        await press(assistant, board, Control.ALLOW_THREAD, "0001#1")
        await closed(store)
        claude.script(call(use("make", 3)))
        await assistant.ingest(board.said("t1", "U2", "make one more"))
        await parked(board)

    assert (nothing, len(shed.called)) == ([], 2)


async def test_a_restart_between_question_and_approval_changes_nothing(store, board, claude):
    shed = Shed()
    claude.script(call(use("look", 1), use("make", 2)), Answer(text="Made."))
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await parked(board)
    async with house(store, claude, board, tools=in_shed(shed), process="second") as assistant:
        await press(assistant, board, Control.ALLOW, "0001#2")
        await closed(store)

    assert [name for name, _ in shed.called] == ["look", "make"]
    assert board.shown("t1") == ["Made."]
    assert len(messages(claude)) == 2


async def test_a_process_that_dies_while_a_tool_acts_leaves_it_uncertain_and_it_acts_no_second_time(
    store, board, claude
):
    shed = Shed(gate=Gate())
    claude.script(call(use("make")), Answer(text="Look yourself."))
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "make it"))
        await parked(board)
        await press(assistant, board, Control.ALLOW, "0001#1")
        await shed.gate.reached.wait()
        await assistant.worker.drain(0)
    async with house(store, claude, board, tools=in_shed(shed), process="second"):
        await closed(store)

    assert (len(shed.called), board.shown("t1")) == (1, ["Look yourself."])
    assert told(claude)[0][0].startswith("It is not known whether this was done")


async def test_an_answer_that_begins_again_after_it_acted_is_told_so_and_the_same_call_is_not_repeated(
    store, board, claude
):
    shed, gate = Shed(), Gate()
    claude.script(call(use("make", 1, what="x")), Answer(text="Made.", gate=gate))
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        asked = board.said("t1", "U1", "make it")
        await assistant.ingest(asked)
        await parked(board)
        await press(assistant, board, Control.ALLOW, "0001#1")
        await gate.reached.wait()
        await assistant.worker.drain(0)
    edited = replace(asked.message, text="make it, please", edited=board.now())
    await assistant.ingest(Edited("x", asked.key, edited))
    claude.script(call(use("make", 2, what="x")), Answer(text="It was made."))
    async with house(store, claude, board, tools=in_shed(shed), process="second"):
        await closed(store)

    assert (len(shed.called), board.shown("t1")) == (1, ["It was made."])
    begun = [one.body for one in claude.requests if one.path == "/v1/messages"][-2]["messages"][-1]["content"]
    assert "have acted, or may have" in begun[-1]["text"]
    assert json.dumps({"what": "x"}) in begun[-1]["text"]
    assert told(claude) == [("make brought 1", False)]


async def test_a_tool_that_hangs_or_breaks_costs_a_line(store, board, claude):
    shed = Shed(seconds=0.05, gate=Gate())
    claude.script(call(use("look")), Answer(text="It is stuck."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)

    assert told(claude) == [("This took longer than 0.05 seconds and was ended.", True)]
    assert board.shown("t1") == ["It is stuck."]


async def test_an_answer_takes_no_more_rounds_and_costs_no_more_than_it_may(store, board, claude):
    shed = Shed()
    claude.answer = lambda body: call(use("look", len(claude.requests)), text="Again. ")
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)
        rounds = len(shed.called)
    async with house(store, claude, board, tools=in_shed(shed), max_cost=100) as assistant:
        await assistant.ingest(board.said("t2", "U1", "look"))
        await closed(store)

    assert rounds == 24  # what the last one called nobody would be told of
    assert "took 25 steps, as many as one answer may have. Continue goes on from here" in board.shown("t1")[0]
    assert "as much as one answer may. Continue goes on from here" in board.shown("t2")[0]
    assert re.search(r"This answer has cost \$0\.0*[1-9]", board.shown("t2")[0])
    assert 0 < len(shed.called) - rounds < 10
    assert Control.CONTINUE in board.controls("t2")[0]


async def test_ten_rounds_of_tools_cost_hardly_more_than_a_perfect_cache_would(store, board, claude):
    shed, model = Shed(), "claude-sonnet-5-5"
    claude.script(*(call(use("look", number), text="Looking. " * 9) for number in range(10)), Answer(text="Seen."))
    persona = Persona(system="Know this: " + "the shed is green. " * 2_000, model=model)
    async with house(store, claude, board, tools=in_shed(shed), persona=persona) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look ten times"))
        await closed(store)

    usages = [one.usage for one in claude.billed]
    cheapest, before = 0, 0
    for usage in usages:
        written = usage.ephemeral_1h_input_tokens + usage.ephemeral_5m_input_tokens
        prompt = usage.input_tokens + usage.cache_read_input_tokens + written
        cached = Usage(0, before, prompt - before, 0, usage.output_tokens)
        cheapest, before = cheapest + micro_usd(model, cached), prompt
    spent = sum(one.micro_usd for one in claude.billed)
    assert len(usages) == 11
    assert cheapest <= spent <= 1.05 * cheapest


async def test_the_audit_log_tells_who_let_which_tool_act_and_no_word_of_what_it_was_given(store, board, claude):
    shed = Shed()
    claude.script(call(use("make", 1, what="secret plans"), use("make", 2)), Answer(text="One made."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make two"))
        await parked(board)
        await press(assistant, board, Control.ALLOW_THREAD, "0001#1")
        await closed(store)

    rows = await store.audit.newest("board:w1", "c1")
    told = [(row.action, row.actor, row.subject, row.read_details().get("scope")) for row in reversed(rows)]
    assert told == [
        ("tool.allowed", "U1", "make", "thread"),
        *[("tool.began", "U1", "make", None), ("tool.ran", "U1", "make", None)] * 2,
    ]
    assert "secret" not in repr(rows)


async def test_the_operator_says_what_an_answer_may_cost(store, board, claude):
    shed = Shed()
    claude.answer = lambda body: call(use("look", len(claude.requests)), text="Again. ")
    settings = Settings(
        _env_file=None,
        anthropic_api_key=claude.key,
        anthropic_base_url=claude.url,
        confab_max_cost="0.0001",
        database_url="sqlite://",
    )
    async with assemble(settings, [board], store, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "look"))
        await closed(store)

    assert "as much as one answer may. Continue goes on from here" in board.shown("t1")[0]
    assert 0 < len(shed.called) < 10


async def test_what_an_asker_lets_a_tool_do_holds_not_for_a_manager_who_lets_it_be_answered_anew(store, board, claude):
    shed = Shed()
    for number in (1, 2, 3):
        claude.script(call(use("make", number)), Answer(text="Made."))
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await assistant.ingest(board.said("t1", "U2", "make it"))
        await parked(board)
        await press(assistant, board, Control.ALLOW_THREAD, "0001#1", person="U2")
        await closed(store)
        await press(assistant, board, Control.RETRY, "0001", person="U1")
        await parked(board)
        asked_again = len(shed.called)
        await press(assistant, board, Control.ALLOW, "0001#2", person="U2")
        await closed(store)
        await press(assistant, board, Control.RETRY, "0001", person="U2")
        await closed(store)

    assert (asked_again, len(shed.called)) == (1, 3)
    assert board.shown("t1")[0] == "Made."


def order_dice(count: Annotated[int, Field(le=9)]) -> str:
    """Order dice."""
    if count > 3:
        raise CannotAnswer("There are only three.")
    return f"Ordered {count}."


async def test_arguments_that_fit_no_schema_ask_nobody_and_are_not_in_the_audit_log(store, board, claude):
    tools = ToolRegistry([InstalledTools([build_tool(order_dice)])], ["order_dice"], ["order_dice"])
    claude.script(call(use("order_dice", 1, count="many"), use("order_dice", 2)), Answer(text="I can't."))
    async with house(store, claude, board, tools=tools) as assistant:
        await assistant.ingest(board.said("t1", "U1", "order many"))
        await closed(store)

    said = [(words.split(",")[0], failed) for words, failed in told(claude)]
    assert board.shown("t1") == ["I can't."]
    assert said == [("The arguments of order_dice are not as its schema says", True)] * 2
    assert await store.audit.newest("board:w1", "c1") == []


def write_nested(levels: int, begin: str, end: str) -> str:
    """The JSON of an object in which so many lists or objects stand within each other, itself counted."""
    return '{"what": ' + begin * (levels - 1) + "1" + end * (levels - 1) + "}"


NESTED = [("[", "]"), ('{"a": ', "}")]


async def test_arguments_that_are_nested_too_deep_cost_a_line_and_never_the_answer(store, board, claude):
    shed, deep = Shed(), [write_nested(levels, *kind) for levels in (DEEPEST + 1, 250, 300, 5_000) for kind in NESTED]
    given = [*(write_nested(DEEPEST, *kind) for kind in NESTED), *deep, "[1]", '{"what": ']
    calls = [
        {**use(tool, n + 20 * (tool == "make")), "input": one}
        for n, one in enumerate(given)
        for tool in ["look", "make"]
    ]
    claude.script(call(*calls), Answer(text="Some of it."), Answer(text="Yes."))
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "look and make"))
        await parked(board)
    async with house(store, claude, board, tools=in_shed(shed), process="second") as assistant:
        await press(assistant, board, Control.ALLOW_THREAD, "0001#2")
        await until(lambda: board.shown("t1") == ["Some of it."], PATIENCE)
        await assistant.ingest(board.said("t1", "U1", "is it there?"))
        await closed(store)

    said = told(claude, -2)
    assert board.shown("t1") == ["Some of it.", "Yes."]
    assert [tool for tool, _ in shed.called] == ["look", "look", "make", "make"]
    assert [one for one in said if one[1]] == [(UNREAD, True)] * 2 * (len(deep) + 2)
    assert len(said) == len(calls)


async def test_the_audit_log_tells_a_call_that_failed_from_one_that_did_what_it_says(store, board, claude):
    tools = ToolRegistry([InstalledTools([build_tool(order_dice)])], ["order_dice"], ["order_dice"])
    claude.script(call(use("order_dice", 1, count=3), use("order_dice", 2, count=4)), Answer(text="Three."))
    async with house(store, claude, board, tools=tools) as assistant:
        await assistant.ingest(board.said("t1", "U1", "order dice"))
        await parked(board)
        await press(assistant, board, Control.ALLOW_THREAD, "0001#1")
        await closed(store)

    rows = await store.audit.newest("board:w1", "c1")
    ran = [row.read_details().get("failed", False) for row in reversed(rows) if row.action == "tool.ran"]
    assert ran == [False, True]
