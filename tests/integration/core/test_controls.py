"""What people do with the buttons below a reply: stop, continue, try again, and say what they think of it.

Tests core.answering.assistant, core.answering.conversation, core.answering.final_answer, core.commands.replies.
"""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.controls import FEEDBACK, Control, Votes
from core.domain.events import Deleted
from core.domain.messages import Asks, Attachment, Rank
from core.domain.personas import Persona
from core.rendering.reply_notes import append_note
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Fault, Gate, refusal
from tests.support.board_house import ask, closed, command, key, messages, press, spent, timed_messages
from tests.support.house import house
from tests.support.waiting import until

CUT = "This answer reached its longest length. Continue goes on from here."
GO_ON = (
    "[Your last answer was cut off. Go on right after its last words, also in the middle of a sentence. "
    "Do not repeat any of them, and say nothing about the cut.]"
)
STOP, CONTINUE, RETRY, UP, DOWN = Control.STOP, Control.CONTINUE, Control.RETRY, *FEEDBACK
DELETE = Control.DELETE
WHOLE = (RETRY, *FEEDBACK, DELETE)
GROWING = (STOP,)


# Delete


def said_to_all(board) -> list[str]:
    return [one for one in board.shown("t1") if one not in board.whispered]


async def test_an_answer_that_grows_is_stopped_and_then_deleted_and_later_prompts_know_nothing_of_it(
    assistant, board, claude, store
):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate), Answer(text="Fine."))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()
    await board.until("t1", "one two thre")
    await press(assistant, board, DELETE, "0001")
    gate.opened.set()
    await closed(store)
    shown = said_to_all(board)
    await ask(assistant, board, store, "and now?")

    assert (shown, board.whispered) == ([], ["It is deleted."])
    assert [role for role, _ in messages(claude)[-1]] == ["user"]
    assert "one two" not in str(messages(claude)[-1])


@pytest.mark.parametrize(
    ("rank", "said", "stands"),
    [
        (Rank.MEMBER, "Only Ada, who asked, or somebody who manages this channel, can delete this answer.", 1),
        (Rank.MANAGER, "It is deleted.", 0),
    ],
)
async def test_somebody_else_deletes_an_answer_only_as_a_manager(assistant, board, claude, store, rank, said, stands):
    board.ranks["U2"] = rank
    claude.script(Answer(text="Blue."))
    await press(assistant, board, DELETE, await ask(assistant, board, store), "U2")
    await until(lambda: board.whispered)
    await closed(store)

    assert (board.whispered, len(said_to_all(board))) == ([said], stands)


async def test_delete_in_words_takes_the_newest_answer_away(assistant, board, claude, store):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    for _ in range(2):
        await ask(assistant, board, store)
    await assistant.ingest(command("delete", private=True))
    await closed(store)

    assert said_to_all(board) == ["Blue."]


# Stop


async def test_while_an_answer_grows_it_can_be_stopped_and_when_it_is_stopped_it_can_go_on(
    assistant, board, claude, store
):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()
    await board.until("t1", "one two thre")
    growing = board.controls("t1")
    await press(assistant, board, STOP, "0001")
    await closed(store)

    assert growing == [GROWING]
    assert board.shown("t1") == [append_note("one two thre", "Stopped.")]
    assert board.controls("t1") == [(CONTINUE, RETRY, DELETE)]


@pytest.mark.parametrize(
    ("rank", "said"),
    [
        (Rank.MEMBER, "Only Ada, who asked, or somebody who manages this channel, can stop this answer."),
        (Rank.MANAGER, "It is stopped."),
    ],
)
async def test_somebody_else_stops_an_answer_only_as_a_manager(assistant, board, claude, store, rank, said):
    board.ranks["U2"] = rank
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()
    await board.until("t1", "one two thre")
    await press(assistant, board, STOP, "0001", "U2")
    await until(lambda: board.whispered)
    gate.opened.set()
    await closed(store)

    assert board.whispered == [said]
    stopped = append_note("one two thre", "Stopped.")
    assert board.shown("t1")[0] == (stopped if rank is Rank.MANAGER else "one two three four")


# Try again


async def test_an_answer_is_tried_again_in_its_place(assistant, board, claude, store):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    name = await ask(assistant, board, store)
    before = board.controls("t1")
    receipt = await press(assistant, board, RETRY, name)
    await closed(store)
    await ask(assistant, board, store, "why?")

    assert (receipt.new, receipt.question, receipt.note) == (True, True, "")
    assert board.shown("t1") == ["Green.", "fine"]
    assert (before, board.controls("t1")) == ([WHOLE], [WHOLE, WHOLE])
    question = ("user", "Ada: count")
    assert messages(claude) == [
        [question],
        [question],
        [question, ("assistant", "Green."), ("user", "Ada: why?")],
    ]


async def test_the_old_words_stand_until_there_are_new_ones(assistant, board, claude, store):
    gate = Gate()
    name = await ask(assistant, board, store)
    claude.script(Answer(text="Green.", gate=gate))
    await press(assistant, board, RETRY, name)
    await gate.reached.wait()
    meanwhile = board.shown("t1")
    gate.opened.set()
    await closed(store)

    assert (meanwhile, board.shown("t1")) == (["fine"], ["Green."])
    assert set(board.written[key()]) <= {"fine", "Green", "Green."}


async def test_what_was_refused_for_trouble_can_be_tried_again(assistant, board, claude, store):
    claude.script(Fault(status=401, type="authentication_error", message="bad key"), Answer(text="Blue."))
    name = await ask(assistant, board, store)
    refused = board.controls("t1")
    await press(assistant, board, RETRY, name)
    await closed(store)

    assert (refused, board.shown("t1"), board.controls("t1")) == ([(RETRY, DELETE)], ["Blue."], [WHOLE])


async def test_a_try_that_fails_leaves_the_answer_and_says_why(assistant, board, claude, store):
    name = await ask(assistant, board, store)
    claude.script(Fault(status=401, type="authentication_error", message="bad key"))
    await press(assistant, board, RETRY, name)
    await closed(store)
    (shown,) = board.shown("t1")
    await ask(assistant, board, store, "why?")

    assert shown.startswith(append_note("fine", "This could not be answered anew. ")[:-3])
    assert messages(claude)[-1][1] == ("assistant", "fine")
    assert board.controls("t1") == [WHOLE, WHOLE]


@pytest.mark.parametrize("visible", [False, True], ids=["before its first word", "amid its words"])
async def test_a_try_that_is_stopped(assistant, board, claude, store, visible):
    name = await ask(assistant, board, store)
    gate = Gate(after=6 if visible else 0)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    await press(assistant, board, RETRY, name)
    await gate.reached.wait()
    if visible:
        await board.until("t1", "one two thre")
    await press(assistant, board, STOP, name)
    await closed(store)

    assert board.shown("t1") == [append_note("one two thre", "Stopped.") if visible else "fine"]


async def test_only_the_newest_answer_is_tried_again_and_a_command_or_a_decline_is_none(assistant, board, store):
    first = await ask(assistant, board, store)
    await ask(assistant, board, store, "why?")
    receipt = await press(assistant, board, RETRY, first)
    await assistant.ingest(command("budget set 0.000001"))
    await closed(store)
    await ask(assistant, board, store, "and now?")

    assert receipt.note == "Only the newest answer of a conversation can be tried again."
    assert board.controls("t1") == [WHOLE, WHOLE, (), ()]


@pytest.mark.parametrize("rank", [Rank.MEMBER, Rank.MANAGER])
async def test_somebody_else_tries_again_only_as_a_manager_on_the_account_of_who_asked(
    assistant, board, claude, store, rank
):
    board.ranks["U2"] = rank
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    name = await ask(assistant, board, store)
    await press(assistant, board, RETRY, name, "U2")
    await closed(store)

    said = "Only Ada, who asked, or somebody who manages this channel, can have this answered anew."
    tried = rank is Rank.MANAGER
    assert board.whispered == ["It is answered anew." if tried else said]
    assert board.shown("t1")[0] == ("Green." if tried else "Blue.")
    lines = await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9), "person")
    assert {line.group: line.requests for line in lines} == {"U1": 2 if tried else 1}


async def test_the_commands_are_about_the_newest_reply_of_their_thread(assistant, board, claude, store):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    await ask(assistant, board, store)
    await assistant.ingest(command("retry"))
    await closed(store)
    await assistant.ingest(command("stop", name="k2"))
    await closed(store)

    nothing = "Nothing is being answered in this conversation."
    assert board.shown("t1") == ["Green.", "It is answered anew.", nothing]


def dying(store, reached, method="close", calls=2):
    """The questions of a store in which so many calls of a method are begun, and the last one never comes back."""

    class Dying:
        def __init__(self):
            self.left = calls

        def __getattr__(self, name):
            return self.die if name == method else getattr(store.questions, name)

        async def die(self, *args, **_more):
            self.left -= 1
            if not self.left:
                reached.set()
                await asyncio.Event().wait()
            await getattr(store.questions, method)(*args)

    return Dying()


@pytest.mark.parametrize("stage", ["asked", "visible", "stored"])
async def test_whoever_is_killed_while_trying_again_one_reply_stands(store, board, claude, stage):
    reached, gate = asyncio.Event(), Gate(after={"asked": 0}.get(stage, 6))
    questions = dying(store, reached) if stage == "stored" else store.questions
    async with house(replace(store, questions=questions), claude, board, process="first") as assistant:
        name = await ask(assistant, board, store)
        claude.script(Answer(text="one two three four", chunk=4, gate=None if stage == "stored" else gate))
        await press(assistant, board, RETRY, name)
        await (reached if stage == "stored" else gate.reached).wait()
        if stage == "visible":
            await board.until("t1", "one two thre")
        await assistant.worker.drain(0)
    async with house(store, claude, board, process="second"):
        await closed(store)

    assert board.shown("t1") == ["one two three four" if stage == "stored" else "fine"]
    assert board.controls("t1") == [WHOLE]


@pytest.mark.parametrize("killed", [None, ("store_final_text", 1), ("close", 2)], ids=["no", "settled", "stored"])
async def test_a_try_that_claude_refuses_leaves_question_and_answer_to_be_told(store, board, claude, killed):
    reached = asyncio.Event()
    questions = dying(store, reached, *killed) if killed else store.questions
    async with house(replace(store, questions=questions), claude, board, process="first") as assistant:
        name = await ask(assistant, board, store)
        claude.script(refusal())
        await press(assistant, board, RETRY, name)
        await (reached.wait() if killed else closed(store))
        await assistant.worker.drain(0)
    async with house(store, claude, board, process="second") as assistant:
        await closed(store)
        await ask(assistant, board, store, "why?")

    assert board.shown("t1")[0].startswith(append_note("fine", "This could not be answered anew. Claude declines")[:-2])
    assert messages(claude)[-1] == [("user", "Ada: count"), ("assistant", "fine"), ("user", "Ada: why?")]


@pytest.mark.parametrize("person", ["U1", "U2"], ids=["who asked", "a manager"])
async def test_a_press_that_was_kept_by_a_process_that_died_has_its_effect(store, board, claude, person):
    board.ranks["U2"] = Rank.MANAGER
    async with house(store, claude, board, process="first") as assistant:
        claude.script(Answer(text="Blue."), Answer(text="Green."))
        name = await ask(assistant, board, store)
        await assistant.worker.drain(0)
        await press(assistant, board, RETRY, name, person, "p1")
    async with house(store, claude, board, process="second") as assistant:
        await closed(store)
        again = await press(assistant, board, RETRY, name, person, "p1")
        await closed(store)

    assert (board.shown("t1")[0], again.new, len(messages(claude))) == ("Green.", False, 2)


async def test_a_question_that_is_deleted_while_it_is_tried_again_keeps_its_answer(assistant, board, claude, store):
    name = await ask(assistant, board, store)
    gate = Gate()
    claude.script(Answer(text="Green.", gate=gate))
    await press(assistant, board, RETRY, name)
    await gate.reached.wait()
    await assistant.ingest(Deleted("d1", key(), name, board.now()))
    await closed(store)

    assert board.shown("t1") == ["fine"]


# Continue


@pytest.fixture
async def short(store, claude, board):
    """A house whose answers have sixteen tokens at most."""
    async with house(store, claude, board, persona=Persona(model="claude-haiku-5-5", max_tokens=16)) as running:
        yield running


LONG = "The sky is blue because the air scatters the light of the sun, and of all colours the shortest waves most."


async def test_an_answer_that_was_cut_goes_on_below(short, board, claude, store):
    claude.script(Answer(text=LONG), Answer(text="the rest"))
    name = await ask(short, board, store)
    (begun,) = board.shown("t1")
    cut = board.controls("t1")
    await press(short, board, CONTINUE, name, "U2")
    await closed(store)
    await ask(short, board, store, "why?")

    said = begun.removesuffix(append_note("x", CUT)[1:])
    assert begun == append_note(said, CUT)
    assert LONG.startswith(said)
    assert board.shown("t1") == [begun, "the rest", "fine"]
    assert (cut, board.controls("t1")) == ([(CONTINUE, RETRY, DELETE)], [(CONTINUE, RETRY, DELETE), WHOLE, WHOLE])
    told = [("user", "Ada: count"), ("assistant", said), ("user", GO_ON)]
    assert messages(claude)[1:] == [told, [*told, ("assistant", "the rest"), ("user", "Ada: why?")]]
    flat = ["\n".join(f"{role}\n{text}" for role, text in request) for request in timed_messages(claude)]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(flat))
    lines = await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9), "person")
    assert {line.group: line.requests for line in lines} == {"U1": 2, "U2": 1}


async def test_what_was_said_between_is_told_before_it_goes_on_and_stays_there(short, board, claude, store):
    claude.script(Answer(text=LONG), Answer(text="the rest"))
    name = await ask(short, board, store)
    await short.ingest(board.said("t1", "U2", "aha", asks=Asks.NO))
    await press(short, board, CONTINUE, name)
    await closed(store)
    await ask(short, board, store, "why?")

    _, second, third = messages(claude)
    assert second[2:] == [("user", f"Bob: aha\n{GO_ON}")]
    assert third[: len(second)] == second


async def test_what_it_repeats_is_left_out_also_while_it_streams(short, board, claude, store):
    claude.script(Answer(text=LONG))
    name = await ask(short, board, store)
    (begun,) = board.shown("t1")
    said = begun.removesuffix(append_note("x", CUT)[1:])
    claude.script(Answer(text=f"{said[-12:].split(' ', 1)[1]} and on", chunk=3))
    await press(short, board, CONTINUE, name)
    await closed(store)

    assert board.shown("t1") == [begun, "and on"]
    assert all("and on".startswith(text) for text in board.written[key()][-3:] if not text.startswith("The sky"))


async def test_a_code_block_that_was_cut_is_opened_again(short, board, claude, store):
    code = "Like this:\n```python\n" + "\n".join(f"x{number} = {number}" for number in range(40))
    claude.script(Answer(text=code), Answer(text="y = 1\n```\nThat is all."))
    name = await ask(short, board, store)
    await press(short, board, CONTINUE, name)
    await closed(store)

    begun, rest = board.shown("t1")
    assert begun.startswith("Like this:\n```python\n")
    assert begun.endswith(append_note("", CUT))
    assert begun.count("```") == 2
    assert rest == "```python\ny = 1\n```\nThat is all."


async def test_a_stop_amid_a_code_block_that_goes_on_closes_it(short, board, claude, store):
    gate = Gate(after=6)
    claude.script(Answer(text="```\n" + "x = 1\n" * 40), Answer(text="y = 1\nz = 2\nw = 3", chunk=4, gate=gate))
    name = await ask(short, board, store)
    pressed = await press(short, board, CONTINUE, name)
    await gate.reached.wait()
    await until(lambda: len(board.shown("t1")) > 1)
    await press(short, board, STOP, "0003")
    await closed(store)

    assert pressed.question
    assert board.shown("t1")[1] == append_note("```\ny = 1\nz = 2", "Stopped.")
    assert board.controls("t1")[1] == (CONTINUE, RETRY, DELETE)


async def test_what_goes_on_can_be_cut_and_go_on_again_and_be_tried_again(short, board, claude, store):
    claude.script(Answer(text=LONG), Answer(text=LONG.upper()), Answer(text="end"), Answer(text="another end"))
    name = await ask(short, board, store)
    await press(short, board, CONTINUE, name, name="p1")
    await closed(store)
    await press(short, board, CONTINUE, "p1", name="p2")
    await closed(store)
    await press(short, board, RETRY, "p2")
    await closed(store)

    assert board.shown("t1")[2:] == ["another end"]
    *before, last = messages(claude)[-1]
    assert ([role for role, _ in before], last) == (["user", "assistant"] * 2, ("user", GO_ON))
    assert messages(claude)[-1] == messages(claude)[-2]


async def test_who_has_nothing_left_to_spend_lets_no_answer_go_on_and_others_may(short, board, claude, store):
    claude.script(Answer(text=LONG))
    name = await ask(short, board, store)
    budget = Budget(Scope("board:w1", person="U2"), Period.MONTH, 1, "UTC", author="U1", at=board.now())
    await store.ledger.allow(budget, 0)
    await press(short, board, CONTINUE, name, "U2")
    await closed(store)
    await press(short, board, CONTINUE, name, "U3")
    await closed(store)

    assert board.shown("t1")[-1] == "fine"
    assert len(board.shown("t1")) == 3
    assert messages(claude)[-1][-1] == ("user", GO_ON)


async def test_a_press_that_comes_twice_lets_it_go_on_once_also_after_a_restart(store, board, claude):
    persona = Persona(model="claude-haiku-5-5", max_tokens=16)
    claude.script(Answer(text=LONG), Answer(text="the rest"))
    async with house(store, claude, board, persona=persona, process="first") as assistant:
        name = await ask(assistant, board, store)
        await assistant.worker.drain(0)
        await press(assistant, board, CONTINUE, name, name="p1")
        again = await press(assistant, board, CONTINUE, name, name="p2")
    async with house(store, claude, board, persona=persona, process="second") as assistant:
        await closed(store)
        await press(assistant, board, CONTINUE, name, name="p1")
        await closed(store)

    assert again.note == "Only the newest answer of a conversation can go on."
    assert board.shown("t1")[1:] == ["the rest"]


# Feedback, and what is going on


async def test_votes_stand_in_usage(assistant, board, store):
    name = await ask(assistant, board, store)
    notes = [(await press(assistant, board, one, name, who)).note for one, who in ((UP, "U1"), (DOWN, "U2"))]
    await assistant.ingest(command("usage"))
    await closed(store)

    assert notes == ["Noted: 👍. Thank you.", "Noted: 👎. Thank you."]
    assert "\n\n👍 1 👎 1\n\n" in f"{board.shown('t1')[-1]}\n\n"
    assert await store.ledger.count_votes(Scope("board:w1"), START) == Votes(1, 1)


async def test_what_is_read_is_said_while_it_is_read(assistant, board, store):
    seen: list[str] = []
    reading = asyncio.Event()

    class Slow(dict):
        """Files that are fetched when somebody has looked."""

        def __getitem__(self, name):
            reading.set()
            return super().__getitem__(name)

    board.files = Slow({"F1": b"words", "F2": b"more words"})
    board.watch = seen.append
    files = (Attachment("F1", "old.txt", "text/plain", 5), Attachment("F2", "plan<b>.txt", "text/plain", 10))
    await assistant.ingest(board.said("t1", "U1", "read", attachments=files))
    await closed(store)

    assert seen == ["thinking", "reading plan b .txt", "thinking"]


async def test_nothing_of_this_is_below_private_answers(assistant, board, store):
    posted = replace(board.said("0001", "U1", "psst"), private=True)
    await assistant.ingest(posted)
    await closed(store)

    assert board.controls("0001") == [()]
    assert len(await spent(store)) == 1
