"""Words that are gone while a question waits for a person: what its tools had read of them is told to nobody any more.

Tests core.store.rules.erasures, core.answering.composition.
"""

import asyncio
from dataclasses import replace

import pytest

from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.events import Deleted, Edited
from core.tools.builtin import BuiltinTools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, press
from tests.support.house import house
from tests.support.tool_shed import Shed, call, use

SECRET = "the code of the safe is 4711"
ACTED = "have acted, or may have"


def requests(claude):
    return [one.body for one in claude.requests if one.path == "/v1/messages"]


async def kept(store) -> str:
    """All that is kept of calls and steps."""

    def read(sql):
        tables = (sql.many(f"SELECT * FROM {name}", {}) for name in ("tool_calls", "requests"))
        return [[dict(row) for row in rows] for rows in tables]

    return repr(await store.questions._engine.unit(read))


async def is_asked(store, board, number: int) -> None:
    """Wait until a person is asked whether the thing of this number may be made, and nobody works on the answer."""
    async with asyncio.timeout(10):
        while f'"what": {number}' not in "".join(board.shown("t1")) or (await store.questions.count_open())[0]:
            await asyncio.sleep(0.002)


async def ask(assistant, board, store, claude, *steps):
    """What Bob said in another thread, once Ada's question has found it and waits until something may be made."""
    told = board.said("t2", "U2", f"confab, {SECRET}")
    claude.script(Answer(text="Noted."))
    await assistant.ingest(told)
    await closed(store)
    claude.script(call(use("search_history", 1, query="safe code")), *steps)
    await assistant.ingest(board.said("t1", "U1", "what is the code? note it"))
    return told


ENDS = {
    "deleted": lambda assistant, store, told: assistant.ingest(
        Deleted("d", told.key, told.message.id, told.message.at)
    ),
    "edited": lambda assistant, store, told: assistant.ingest(
        Edited("x", told.key, replace(told.message, text="never mind", edited=told.message.at))
    ),
    "forgotten": lambda assistant, store, told: store.threads.forget(Scope("board:w1", "c1", person="U2")),
}


@pytest.mark.parametrize("restart", [False, True], ids=["in one process", "after a restart"])
@pytest.mark.parametrize("end", ["deleted", "edited", "forgotten"])
async def test_claude_is_asked_anew_without_what_is_gone_and_so_is_the_person(store, board, claude, end, restart):
    shed = Shed()
    tools = ToolRegistry([BuiltinTools(), shed])
    async with house(store, claude, board, tools=tools, process="first") as assistant:
        told = await ask(assistant, board, store, claude, call(use("make", 2, what=1)))
        await is_asked(store, board, 1)
        before, told_before = await kept(store), str(requests(claude)[-1])
        await ENDS[end](assistant, store, told)
        after = await kept(store)
        asked = len(requests(claude))
        claude.script(call(use("search_history", 3, query="safe code")), call(use("make", 4, what=2)))
        if not restart:
            await press(assistant, board, Control.ALLOW, "0003#2")
            await is_asked(store, board, 2)
    async with house(store, claude, board, tools=tools, process="second") as assistant:
        if restart:
            await press(assistant, board, Control.ALLOW, "0003#2")
            await is_asked(store, board, 2)
        claude.script(Answer(text="It is noted."))
        await press(assistant, board, Control.ALLOW, "0003#4")
        await closed(store)

    assert "4711" in before
    assert "4711" in told_before
    assert "4711" not in after
    assert "4711" not in str(requests(claude)[asked:])
    assert shed.called == [("make", {"what": 2})]
    assert board.shown("t1") == ["It is noted."]


async def test_what_claude_goes_on_to_say_after_words_are_gone_that_it_was_told_is_not_kept(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=ToolRegistry([BuiltinTools(), shed])) as assistant:
        gate = Gate()
        quote = replace(call(use("look", 2, what=4711), text="The code is 4711."), gate=gate)
        told = await ask(assistant, board, store, claude, quote, call(use("make", 3, what=1), text="4711 it is."))
        await gate.reached.wait()
        await ENDS["deleted"](assistant, store, told)
        gate.opened.set()
        await is_asked(store, board, 1)

        assert shed.called == [("look", {"what": 4711})]
        assert "4711" not in await kept(store)


async def test_what_was_allowed_acts_where_claude_that_is_asked_anew_wants_just_that_again(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=ToolRegistry([BuiltinTools(), shed])) as assistant:
        told = await ask(assistant, board, store, claude, call(use("make", 2, what=1)))
        await is_asked(store, board, 1)
        await ENDS["edited"](assistant, store, told)
        claude.script(call(use("make", 3, what=1), use("make", 4, what=1)))
        await press(assistant, board, Control.ALLOW, "0003#2")
        async with asyncio.timeout(10):
            while not shed.called or (await store.questions.count_open())[0]:
                await asyncio.sleep(0.002)
        acted = list(shed.called)
        claude.script(Answer(text="One is made."))
        await press(assistant, board, Control.DENY, "0003#4")
        await closed(store)

    assert acted == shed.called == [("make", {"what": 1})]
    assert board.shown("t1") == ["One is made."]


async def test_claude_that_is_asked_anew_is_told_what_acted_and_it_is_not_done_again(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=ToolRegistry([BuiltinTools(), shed])) as assistant:
        steps = call(use("make", 2, what=1)), call(use("make", 3, what=2))
        told = await ask(assistant, board, store, claude, *steps)
        await is_asked(store, board, 1)
        await press(assistant, board, Control.ALLOW, "0003#2")
        await is_asked(store, board, 2)
        await ENDS["deleted"](assistant, store, told)
        asked = len(requests(claude))
        claude.script(call(use("make", 4, what=1)), Answer(text="One is made."))
        await press(assistant, board, Control.DENY, "0003#3")
        await closed(store)

    assert [given for _, given in shed.called] == [{"what": 1}]
    assert all(ACTED in str(one["messages"]) for one in requests(claude)[asked:])
    assert "4711" not in str(requests(claude)[asked:])
    assert board.shown("t1") == ["One is made."]
