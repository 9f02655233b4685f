"""`grants`: what a person lets tools do in a thread without being asked again, shown and taken back.

Tests core.commands.approvals, core.store.records.grants, core.store.rules.tool_calls.
"""

import pytest

from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.messages import Rank
from core.store.records.grants import Grant
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, command, press
from tests.support.house import house
from tests.support.tool_shed import Shed, call, in_shed, use
from tests.support.waiting import until

CHANNEL = Scope("board:w1", "c1", person="U1")


async def grant(assistant, board, store, claude, number=1) -> None:
    """Ada lets the tool act in the thread."""
    claude.script(call(use("make", number, what="first")), Answer(text="Made."))
    asked = board.said("t1", "U1", "make the first")
    await assistant.ingest(asked)
    await until(lambda: "May I use" in "".join(board.shown("t1")), 10)
    await press(assistant, board, Control.ALLOW_THREAD, f"{asked.message.id}#1")
    await closed(store)


async def give(assistant, board, store, line, person="U1", name="k1") -> str:
    """What a command is answered with."""
    await assistant.ingest(command(line, person, name=name))
    await closed(store)
    return board.shown("t1")[-1]


async def test_what_is_allowed_in_a_thread_is_listed_and_taken_back_and_asked_about_again(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        nothing = await give(assistant, board, store, "grants list", name="k0")
        await grant(assistant, board, store, claude)
        listed = await give(assistant, board, store, "grants list")
        other = await give(assistant, board, store, "grants revoke tool=look", name="k2")
        others = await give(assistant, board, store, "grants revoke", person="U2", name="k3")
        left = await store.tool_use.list_grants(CHANNEL)
        revoked = await give(assistant, board, store, "grants revoke tool=make", name="k4")
        claude.script(call(use("make", 9)))
        await assistant.ingest(board.said("t1", "U1", "again"))
        await until(lambda: "May I use" in "".join(board.shown("t1")), 10)

    nobody = "Nothing is allowed to tools for you in this thread without asking first."
    assert (nothing, others) == (nobody, nobody)
    assert listed == "These tools act for you in this thread without asking first:\n\n- make"
    assert other == f"There was nothing to take back from look. {listed}"
    assert [(one.tool, one.person, one.thread) for one in left] == [("make", "U1", "t1")]
    assert revoked == (
        "These tools acted for you in this thread without asking first:\n\n- make\n\nThey ask again from now on."
    )
    assert len(shed.called) == 1
    row = next(one for one in await store.audit.newest("board:w1", "c1") if one.action == "tool.revoked")
    assert (row.actor, row.subject, row.thread, row.read_details()) == ("U1", "make", "t1", {"asker": "U1"})


async def test_who_manages_the_channel_takes_back_what_others_allowed_and_nobody_else_does(store, board, claude):
    board.ranks["U2"] = Rank.MANAGER
    async with house(store, claude, board, tools=in_shed(Shed())) as assistant:
        await grant(assistant, board, store, claude)
        refused = await give(assistant, board, store, "grants revoke person=U1", person="U3")
        kept = await store.tool_use.list_grants(CHANNEL)
        listed = await give(assistant, board, store, "grants list person=U1", person="U2", name="k2")
        await give(assistant, board, store, "grants revoke person=U1", person="U2", name="k3")

    assert refused == "Only those who manage this channel can see and take back what others allowed."
    assert len(kept) == 1
    assert listed == ("These tools act for that person in this channel without asking first:\n\n- make, in 1 thread")
    assert await store.tool_use.list_grants(CHANNEL) == []


async def test_what_was_allowed_for_the_thread_and_has_not_begun_asks_again_when_that_is_taken_back(
    store, board, claude
):
    class Two(Shed):
        async def list_tools(self, key):
            return [*await super().list_tools(key), self._make("send", acts=True)]

    shed = Two(groups={"shed": ("look", "make", "send")})
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await grant(assistant, board, store, claude)
        claude.script(call(use("send", 2), use("make", 3)), Answer(text="Sent, and not made."))
        asked = board.said("t1", "U1", "send it, and make it")
        await assistant.ingest(asked)
        await until(lambda: "May I use send" in "".join(board.shown("t1")), 10)
        revoked = await store.tool_use.revoke_grants(CHANNEL, "make", "U1")
        await press(assistant, board, Control.ALLOW, f"{asked.message.id}#1")
        await until(lambda: "May I use make" in "".join(board.shown("t1")), 10)
        before = [name for name, _ in shed.called]
        await press(assistant, board, Control.DENY, f"{asked.message.id}#2")
        await closed(store)

    assert [type(one) for one in revoked] == [Grant]
    assert before == ["make", "send"]
    assert [name for name, _ in shed.called] == ["make", "send"]


@pytest.mark.parametrize("restart", [False, True], ids=["in one process", "after a restart"])
async def test_what_is_taken_back_in_the_middle_of_a_step_asks_and_acts_only_when_it_is_allowed(
    store, board, claude, restart
):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await grant(assistant, board, store, claude)
        shed.gate = gate = Gate()
        claude.script(call(use("look", 8), use("make", 9, what="second")), Answer(text="Two."))
        asked = board.said("t1", "U1", "look, and make the second")
        await assistant.ingest(asked)
        await gate.reached.wait()
        await store.tool_use.revoke_grants(CHANNEL, "make", "U1")
        gate.opened.set()
        await until(lambda: "May I use make" in board.shown("t1")[-1], 10)
        before = [name for name, _ in shed.called]
        if not restart:
            await press(assistant, board, Control.ALLOW, f"{asked.message.id}#2")
            await closed(store)
    async with house(store, claude, board, tools=in_shed(shed), process="second") as assistant:
        if restart:
            waiting = await store.questions.count_parked()
            await press(assistant, board, Control.ALLOW, f"{asked.message.id}#2")
            await closed(store)

    assert before == ["make", "look"]
    assert not restart or waiting == 1
    assert [name for name, _ in shed.called] == ["make", "look", "make"]
    assert "not known" not in str([one.body for one in claude.requests])
    assert board.shown("t1")[-1] == "Two."
