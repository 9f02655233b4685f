"""What people do with a question that waits until a tool may act: allow, stop, edit, delete, forget, leave.

Tests core.commands.approvals, core.store.rules.parking, core.answering.responder.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.controls import APPROVAL, FEEDBACK, Control
from core.domain.events import Deleted, Edited, Pressed, WorkspaceEnded
from core.domain.messages import Asks, Rank
from core.rendering.reply_notes import append_note
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, command, key, messages, press
from tests.support.databases import WORDS_OF_CALLS
from tests.support.house import house
from tests.support.tool_shed import Shed, call, in_shed, use

STOPPED = append_note("I make one.", "Stopped.")


async def parked(store, board, count: int = 1) -> None:
    """Wait until so many questions wait for a person, and nobody works on them."""
    async with asyncio.timeout(10):
        while await store.questions.count_parked() != count or (await store.questions.count_open())[0]:
            await asyncio.sleep(0.002)


async def park(assistant, store, board, claude, *answers, text="I make one.", **arguments):
    """Ask for something that waits for a person. The event."""
    claude.script(call(use("make", **arguments), text=text), *answers)
    asked = board.said("t1", "U1", "make it")
    await assistant.ingest(asked)
    await parked(store, board)
    return asked


async def first_page(board, text: str) -> None:
    """Wait until the answer says this; the board shows below it what it says to one person."""
    async with asyncio.timeout(10):
        while board.shown("t1")[0] != text:
            await asyncio.sleep(0.002)


async def rows(store) -> int:
    """How many calls are kept with words, of a question that has ended."""

    def count(sql):
        return sql.one(f"SELECT count(*) AS count FROM tool_calls WHERE {WORDS_OF_CALLS}", {})["count"]

    return await store.questions._engine.unit(count)


@pytest.mark.parametrize(("line", "asks_again"), [("allow", True), ("allow thread", False), ("deny", True)], ids=str)
async def test_a_command_decides_on_what_waits_in_its_thread(store, board, claude, line, asks_again):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await park(assistant, store, board, claude, Answer(text="Well."), call(use("make", 2)), Answer(text="Two."))
        await assistant.ingest(command(line, private=True))
        await closed(store)
        first, *_ = board.shown("t1")
        await assistant.ingest(board.said("t1", "U1", "one more"))
        await (parked(store, board) if asks_again else closed(store))

    assert first == "I make one.\n\nWell."
    assert len(shed.called) == {"allow": 1, "allow thread": 2, "deny": 0}[line]
    assert board.whispered == ["It does not do that." if line == "deny" else "It goes on."]


async def test_a_decision_by_command_goes_on_at_once(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await park(assistant, store, board, claude, Answer(text="Made."))
        began = asyncio.get_running_loop().time()
        await assistant.ingest(command("allow", private=True))
        await first_page(board, "I make one.\n\nMade.")
        took = asyncio.get_running_loop().time() - began

    assert took < 0.8


async def test_where_nothing_waits_a_command_says_so(store, board, claude):
    async with house(store, claude, board, tools=in_shed(Shed())) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await closed(store)
        await assistant.ingest(command("allow", private=True))
        await closed(store)

    assert board.whispered == ["No tool waits here for an answer."]


@pytest.mark.parametrize("control", [Control.ALLOW, Control.ALLOW_THREAD, Control.DENY], ids=lambda one: one.value)
@pytest.mark.parametrize(
    ("rank", "managers", "may"),
    [
        (Rank.MEMBER, False, False),
        (Rank.OWNER, False, False),
        (Rank.MEMBER, True, False),
        (Rank.MANAGER, True, True),
    ],
    ids=["a bystander", "a manager", "a bystander where managers may", "a manager where they may"],
)
async def test_who_did_not_ask_decides_only_where_managers_may(store, board, claude, control, rank, managers, may):
    shed = Shed()
    board.ranks["U2"] = rank
    async with house(store, claude, board, tools=in_shed(shed), managers_approve=managers) as assistant:
        await park(assistant, store, board, claude, Answer(text="Well."))
        await press(assistant, board, control, "0001#1", person="U2")
        await closed(store)
        waiting = await store.questions.count_parked()

    who = "Only Ada, who asked, or somebody who manages this channel, can" if managers else "Only Ada, who asked, can"
    allowed = "It does not do that." if control is Control.DENY else "It goes on."
    assert board.whispered == [allowed if may else f"{who} decide this."]
    assert waiting == (not may)
    assert len(shed.called) == (may and control is not Control.DENY)


async def test_a_command_that_decided_before_its_process_died_decides_nothing_else(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await park(assistant, store, board, claude, call(use("make", 2)), Answer(text="Both."))
        await store.questions.ingest(command("allow", private=True))
        claim = await store.questions.claim_next("first", ["board"])
        assert claim
        assert claim.question.command == "allow"
        waiting = await store.calls.find_waiting(key())
        assert await store.calls.decide(claim.question, waiting.name, Control.ALLOW) == "It goes on."
        assistant.worker.wake()
        async with asyncio.timeout(10):
            while len(shed.called) < 1 or await store.questions.count_parked() < 1:
                await asyncio.sleep(0.002)
    async with house(store, claude, board, tools=in_shed(shed), process="second"):
        await closed(store)

    assert len(shed.called) == 1
    assert await store.questions.count_parked() == 1


async def test_a_press_that_is_delivered_twice_says_nothing_the_second_time(store, board, claude):
    async with house(store, claude, board, tools=in_shed(Shed())) as assistant:
        await park(assistant, store, board, claude, Answer(text="Made.", gate=(gate := Gate())))
        first = await press(assistant, board, Control.ALLOW, "0001#1", name="p1")
        await gate.reached.wait()
        again = await press(assistant, board, Control.ALLOW, "0001#1", name="p1")
        other = await press(assistant, board, Control.DENY, "0001#1", name="p2")
        gate.opened.set()
        await closed(store)

    assert [(one.new, one.note) for one in (first, again, other)] == [
        (True, ""),
        (False, ""),
        (False, "This was decided already."),
    ]


async def test_when_it_is_allowed_the_buttons_go_before_the_tool_has_ended(store, board, claude):
    shed = Shed(gate=Gate())
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await park(assistant, store, board, claude, Answer(text="Made."), what="it")
        await press(assistant, board, Control.ALLOW, "0001#1")
        await shed.gate.reached.wait()
        await board.until("t1", append_note("I make one.", "to make it"))
        buttons = board.controls("t1")
        shed.gate.opened.set()
        await closed(store)

    assert buttons == [(Control.STOP,)]
    assert board.shown("t1") == ["I make one.\n\nMade."]
    assert board.controls("t1") == [(Control.RETRY, *FEEDBACK, Control.DELETE)]


async def stop_by_command(assistant, board, asked):
    await assistant.ingest(command("stop", private=True))


async def stop_all(assistant, board, asked):
    await assistant.ingest(Pressed("b1", key(), "U1", Control.STOP))


async def delete(assistant, board, asked):
    await assistant.ingest(Deleted("e9", key(), asked.message.id, board.now()))


async def leave(assistant, board, asked):
    await assistant.ingest(WorkspaceEnded("left", "board:w1", board.now() + timedelta(hours=1)))


@pytest.mark.parametrize("end", [stop_by_command, stop_all, delete, leave], ids=lambda one: one.__name__)
async def test_what_is_withdrawn_while_it_waits_ends_at_once_with_what_was_said(store, board, claude, end):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        asked = await park(assistant, store, board, claude)
        began = asyncio.get_running_loop().time()
        await end(assistant, board, asked)
        await first_page(board, STOPPED)
        took = asyncio.get_running_loop().time() - began
        await closed(store)
        late = await press(assistant, board, Control.ALLOW, "0001#1")

    assert took < 0.8
    assert (shed.called, board.controls("t1")[0], len(messages(claude))) == (
        [],
        (Control.CONTINUE, Control.RETRY, Control.DELETE),
        1,
    )
    assert (late.note, await rows(store), await store.questions.count_parked()) == (
        "This answer has ended already.",
        0,
        0,
    )


async def test_what_is_withdrawn_while_nobody_runs_is_ended_by_the_next_process(store, board, claude):
    async with house(store, claude, board, tools=in_shed(Shed()), process="first") as assistant:
        asked = await park(assistant, store, board, claude)
    await store.questions.ingest(Deleted("e9", key(), asked.message.id, board.now()))
    async with house(store, claude, board, tools=in_shed(Shed()), process="second"):
        await closed(store)

    assert board.shown("t1") == [STOPPED]
    assert await rows(store) == 0


async def test_forgetting_ends_it_and_leaves_no_word(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await park(assistant, store, board, claude, what="secret")
        await store.threads.forget(Scope("board:w1", "c1", person="U1"))
        assistant.worker.wake()
        await closed(store)

        def read(sql):
            return [sql.many(f"SELECT * FROM {table}", {}) for table in ("questions", "tool_calls", "messages")] + [
                sql.many("SELECT * FROM requests WHERE content IS NOT NULL", {})
            ]

        kept = await store.questions._engine.unit(read)

    assert shed.called == []
    assert kept[1] == kept[3] == []
    assert "secret" not in repr(kept)
    assert "I make one" not in repr(kept)


async def test_a_page_that_somebody_deletes_while_it_waits_ends_it(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        await park(assistant, store, board, claude)
        page = next(one for one in board.posts[key()] if one.mine)  # the board itself lets it stand
        await assistant.ingest(Deleted("e9", key(), page.id, board.now()))
        await closed(store)

    assert (shed.called, await rows(store), await store.questions.count_parked()) == ([], 0, 0)


async def test_what_became_of_each_call_that_acts_is_in_the_audit_log(store, board, claude):
    board.ranks["U2"] = Rank.MANAGER
    async with house(store, claude, board, tools=in_shed(Shed()), managers_approve=True) as assistant:
        await park(assistant, store, board, claude, call(use("make", 2)), Answer(text="Well."), what="secret")
        await press(assistant, board, Control.ALLOW_THREAD, "0001#1", person="U2")
        await closed(store)
        claude.script(call(use("make", 4), use("make", 5)), Answer(text="4"))
        await assistant.ingest(board.said("t1", "U2", "and"))
        await parked(store, board)
        await press(assistant, board, Control.DENY, board.posts[key()][-2].id + "#1", person="U2")
        await parked(store, board)
        board.slept(3601)
        await assistant.worker.heartbeat()
        assistant.worker.wake()
        await unparked(store)

    rows = await store.audit.newest("board:w1", "c1")
    assert [(one.actor, one.action, one.subject) for one in reversed(rows)] == [
        ("U2", "tool.allowed", "make"),
        *[("U1", "tool.began", "make"), ("U1", "tool.ran", "make")] * 2,
        ("U2", "tool.denied", "make"),
        ("U2", "tool.expired", "make"),
    ]
    assert "secret" not in repr(rows)
    assert '"asker":"U1"' in rows[-1].details
    assert '"scope":"thread"' in rows[-1].details


@pytest.mark.parametrize("same_id", [False, True], ids=["another id", "the same id"])
async def test_an_approval_of_what_was_asked_before_an_edit_lets_nothing_else_act(store, board, claude, same_id):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed)) as assistant:
        asked = await park(assistant, store, board, claude, what="one")
        claude.script(call(use("make", 1 if same_id else 2, what="two")), Answer(text="Two."))
        edited = replace(asked.message, text="make two", edited=board.now())
        await assistant.ingest(Edited("x", asked.key, edited))
        await press(assistant, board, Control.ALLOW, "0001#1")
        async with asyncio.timeout(10):
            while '"two"' not in "".join(board.shown("t1")):
                await asyncio.sleep(0.002)
        await parked(store, board)
        nothing = list(shed.called)
        late = await press(assistant, board, Control.ALLOW, "0001#1")
        still = list(shed.called)
        await press(assistant, board, Control.ALLOW, "0001#2")
        await closed(store)

    assert (nothing, still, shed.called) == ([], [], [("make", {"what": "two"})])
    assert late.note == "The answer has begun again since then. It asks anew where it has to."
    assert board.shown("t1") == ["Two."]


async def test_an_edit_that_asks_nobody_any_more_leaves_what_is_shown(store, board, claude):
    async with house(store, claude, board, tools=in_shed(Shed())) as assistant:
        asked = await park(assistant, store, board, claude)
        edited = replace(asked.message, text="never mind", edited=board.now())
        await assistant.ingest(Edited("x", asked.key, edited, Asks.NO))
        await parked(store, board)

    assert board.shown("t1")[0].startswith("I make one.\n\n**May I use make?**")


async def test_it_expires_after_an_hour_also_where_nobody_ran_meanwhile(store, board, claude):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        await park(assistant, store, board, claude)
    board.slept(3601)
    async with house(store, claude, board, tools=in_shed(shed), process="second") as assistant:
        await unparked(store)
        late = await press(assistant, board, Control.ALLOW, "0001#1")

    note = "The question whether make may be used has expired after an hour: nothing was done."
    assert board.shown("t1") == [append_note("I make one.", note)]
    assert (shed.called, board.controls("t1")) == ([], [(Control.CONTINUE, Control.RETRY, Control.DELETE)])
    assert late.note == "This answer has ended already."


async def unparked(store) -> None:
    async with asyncio.timeout(10):
        while await store.questions.count_parked() or (await store.questions.count_open())[0]:
            await asyncio.sleep(0.002)


LATE = {
    "a press": lambda store, board: store.questions.ingest(
        Pressed("late", key(), "U1", Control.ALLOW_THREAD, "0001#1", board.now(), '{"press": 1}')
    ),
    "a grant taken back": lambda store, board: store.tool_use.revoke_grants(
        Scope("board:w1", "c1", person="U1"), None, "U1"
    ),
    "an hour": lambda store, board: asyncio.sleep(0, board.slept(3601)),
}


@pytest.mark.parametrize("first", [False, True], ids=["after the deletion", "before the deletion"])
@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
async def test_nothing_is_left_of_what_was_deleted_while_it_waited_whatever_else_comes(
    store, board, claude, late, first
):
    shed = Shed()
    async with house(store, claude, board, tools=in_shed(shed), process="first") as assistant:
        asked = await park(assistant, store, board, claude)
    events = [late, lambda store, board: store.questions.ingest(Deleted("d", asked.key, "0001", board.now()))]
    for event in events if first else reversed(events):
        await event(store, board)
    async with house(store, claude, board, tools=in_shed(shed), process="second"):
        await unparked(store)

    def left(sql):
        claims, calls = (sql.many(f"SELECT * FROM {table}", {}) for table in ("claims", "tool_calls"))
        return len(claims), len(calls)

    assert await store.questions._engine.unit(left) == (0, 0)
    assert (shed.called, board.shown("t1")) == ([], [STOPPED])
    assert not {*APPROVAL} & {one for page in board.controls("t1") for one in page}
