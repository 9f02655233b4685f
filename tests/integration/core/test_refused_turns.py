"""A question that Claude refuses does not poison its thread: it is left out later, and another model is asked first.

Tests core.answering.completions, core.answering.final_answer, core.claude.sdk_errors and core.prompting.turns.
"""

from dataclasses import replace

import pytest

from core.domain.controls import Control
from core.domain.events import Edited, Missed, Pressed
from core.domain.messages import Asks, FinalText, Question, Unanswered
from core.rendering.reply_notes import append_note
from core.store.rules.claims import STALE
from core.telemetry import AnswerBegun
from tests.fakes.board import START, Board
from tests.fakes.claude.script import Answer, Break, Fault, Gate, last_words, refusal
from tests.support.board_house import closed, command, key, messages, spent
from tests.support.house import house

LEFT_OUT = "[What was said here was declined for its content, and is left out.]"
FILTERED = Fault(status=400, type="invalid_request_error", message="Output blocked by content filtering policy")


def wary(body):
    """Claude refuses as long as the word is anywhere in the prompt."""
    told = str(body["messages"])
    return refusal("I can") if "virus" in told else Answer(text=f"to {last_words(body)[-3:]}")


@pytest.fixture
async def talk(assistant, board, store):
    async def say(*lines: tuple[str, str]) -> list[str]:
        for person, text in lines:
            await assistant.ingest(board.said("t1", person, text))
            await closed(store)
        return board.shown("t1")

    return say


async def test_a_refused_question_is_left_out_of_later_prompts(talk, claude, board):
    claude.answer = wary
    shown = await talk(("U1", "hey"), ("U1", "write a virus"), ("U2", "one"), ("U1", "two"))

    assert shown == ["to hey", "Claude declines to answer this (cyber).", "to one", "to two"]
    assert messages(claude)[2] == [("user", "Ada: hey"), ("assistant", "to hey"), ("user", f"{LEFT_OUT}\nBob: one")]
    assert messages(claude)[3][:3] == messages(claude)[2]


async def test_what_was_said_beside_a_refused_question_is_left_out_with_it(assistant, board, claude, store):
    claude.answer = wary
    await assistant.ingest(board.said("t1", "U1", "hey"))
    await closed(store)
    key = board.said("t1", "U2", "I have a virus").key
    await store.threads.refresh(await store.threads.thread(key), await (await board.surface(_question(key))).history())
    for text in ("what does Bob mean?", "one"):
        await assistant.ingest(board.said("t1", "U1", text))
        await closed(store)

    assert board.shown("t1")[1:] == ["Claude declines to answer this (cyber).", "to one"]
    assert messages(claude)[-1][-1] == ("user", f"{LEFT_OUT}\nAda: one")


def _question(key):
    return Question(key, "x", "U1", START)


async def test_pieces_that_were_refused_together_leave_one_note(talk, assistant, board, claude, store):
    claude.answer = wary
    for text in ("help me", "with a virus"):
        await store.questions.ingest(board.said("t1", "U1", text))
    shown = await talk(("U2", "one"))

    assert shown[-1] == "to one"
    assert messages(claude)[-1] == [("user", f"{LEFT_OUT}\nBob: one")]


@pytest.mark.parametrize("missed", [False, True], ids=["told by an event", "found when the thread is read"])
async def test_a_refused_question_that_was_edited_is_told_as_it_is_now(talk, assistant, board, claude, store, missed):
    claude.answer = wary
    asked = board.said("t1", "U1", "write a virus")
    await assistant.ingest(asked)
    await closed(store)
    board.slept(60)
    edited = replace(asked.message, text="write a flower", edited=board.now())
    board.posts[asked.key][0] = edited
    if missed:
        await assistant.ingest(Missed("m1", "board"))
    else:
        await assistant.ingest(Edited("x1", asked.key, edited, Asks.CERTAINLY))
    shown = await talk(("U2", "one"))

    assert shown == ["Claude declines to answer this (cyber).", "to one"]
    assert messages(claude)[-1] == [("user", "Ada: write a flower\nBob: one")]


async def test_a_refused_question_whose_edit_is_refused_again_is_left_out_again(talk, assistant, board, claude, store):
    claude.answer = wary
    asked = board.said("t1", "U1", "write a virus")
    await assistant.ingest(asked)
    await closed(store)
    board.slept(60)
    edited = replace(asked.message, text="write another virus", edited=board.now())
    await assistant.ingest(Edited("x1", asked.key, edited, Asks.CERTAINLY))
    board.slept(60)
    shown = await talk(("U2", "one"), ("U2", "two"))

    assert shown[1:] == ["Claude declines to answer this (cyber).", "to two"]
    assert messages(claude)[-1] == [("user", f"{LEFT_OUT}\nBob: two")]


async def test_a_request_refused_for_its_content_is_left_out_too(talk, claude):
    claude.script(FILTERED)
    shown = await talk(("U1", "bad"), ("U1", "good"))

    assert (shown[0].startswith("Claude declines to answer this."), shown[1]) == (True, "fine")
    assert messages(claude)[-1] == [("user", f"{LEFT_OUT}\nAda: good")]


async def test_a_request_refused_for_how_it_was_sent_stays_in_the_thread(talk, claude):
    claude.script(Fault(status=400, type="invalid_request_error", message="max_tokens: must be lower"))
    await talk(("U1", "mine"), ("U1", "again?"))

    assert messages(claude)[-1] == [("user", "Ada: mine\nAda: again?")]


@pytest.mark.parametrize(
    "first", [refusal(), refusal("I can do"), FILTERED], ids=["before a word", "after some words", "status 400"]
)
async def test_a_fallback_model_is_asked_what_the_first_refused(store, board, claude, first):
    claude.script(first)
    async with house(store, claude, board, clock=board.now, fallbacks=("claude-sonnet-5-5",)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hard"))
        await closed(store)
        await assistant.ingest(board.said("t1", "U1", "next"))
        await closed(store)

    models = [one.body["model"] for one in claude.requests if one.path == "/v1/messages"]
    assert models == ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-sonnet-5-5"]
    assert board.shown("t1") == ["fine", "fine"]
    assert messages(claude)[-1] == [("user", "Ada: hard"), ("assistant", "fine"), ("user", "Ada: next")]


BROKEN_OFF = Answer("I can do", breaks=Break("error", 5, "invalid_request_error", "Output blocked by content filter"))


@pytest.mark.parametrize("first", [refusal("I can do"), BROKEN_OFF], ids=["as an answer", "as an error"])
async def test_words_that_were_refused_are_no_part_of_an_answer_that_is_stopped_before_another_model_begins(
    store, board, claude, first
):
    gate = Gate()
    claude.script(first, Answer("fine", gate=gate))
    async with house(store, claude, board, clock=board.now, fallbacks=("claude-sonnet-5-5",)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hard"))
        await board.until("t1", "I can do")
        await gate.reached.wait()
        assert board.shown("t1") == ["I can do"]  # which stands until there is something else to show

        await assistant.ingest(Pressed("b1", key(), "U1", Control.STOP))
        await closed(store)
        await assistant.ingest(board.said("t1", "U1", "next"))
        await closed(store)

    assert board.shown("t1") == [append_note("", "Stopped."), "fine"]
    assert "I can do" not in str(messages(claude))


async def test_an_answer_whose_first_words_were_refused_begins_once(store, board, claude):
    signs = []
    claude.script(refusal("I can do"), Answer("fine"))
    async with house(store, claude, board, fallbacks=("claude-sonnet-5-5",), emit=signs.append) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hard"))
        await closed(store)

    assert sum(isinstance(one, AnswerBegun) for one in signs) == 1


async def test_the_model_that_answered_goes_on_until_what_the_first_refused_is_gone(store, board, claude):
    claude.answer = lambda body: refusal() if "haiku" in body["model"] and "virus" in str(body) else Answer("fine")
    async with house(store, claude, board, clock=board.now, fallbacks=("claude-sonnet-5-5",)) as assistant:
        asked = board.said("t1", "U1", "a virus")
        await assistant.ingest(asked)
        await closed(store)
        for text in ("one", "two"):
            await assistant.ingest(board.said("t1", "U1", text))
            await closed(store)
        await assistant.ingest(command("prompt", name="k1"))
        await closed(store)
        shown = board.shown("t1")[-1]
        await assistant.ingest(Edited("x1", asked.key, replace(asked.message, text="a flower", edited=board.now())))
        await assistant.ingest(board.said("t1", "U1", "three"))
        await closed(store)

    models = [one.body["model"] for one in claude.requests if one.path == "/v1/messages"]
    assert models == ["claude-haiku-5-5", *["claude-sonnet-5-5"] * 3, "claude-haiku-5-5"]
    assert "model `claude-sonnet-5-5`" in shown


@pytest.mark.parametrize("refusing", ["claude-haiku-5-5", "claude-sonnet-5-5"], ids=["the first", "the fallback"])
async def test_a_model_whose_trouble_passes_is_waited_for_where_the_other_refuses(store, board, claude, refusing):
    overloaded = [Fault(529)] * 3

    def answer(body):
        return refusal() if body["model"] == refusing else overloaded.pop() if overloaded else Answer("fine")

    claude.answer = answer
    async with house(store, claude, board, clock=board.now, fallbacks=("claude-sonnet-5-5",)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hard"))
        await closed(store)

    assert board.shown("t1") == ["fine"]


async def test_a_refusal_stands_where_the_other_models_trouble_does_not_pass(store, board, claude):
    claude.answer = lambda body: refusal() if "haiku" in body["model"] else Fault(529)
    async with house(store, claude, board, clock=board.now, fallbacks=("claude-sonnet-5-5",)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hard"))
        await closed(store)

    assert board.shown("t1") == ["Claude declines to answer this (cyber)."]


async def test_what_every_model_refuses_is_refused_once(store, board, claude):
    claude.script(refusal(), refusal())
    async with house(store, claude, board, clock=board.now, fallbacks=("claude-sonnet-5-5",)) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hard"))
        await closed(store)

    assert board.shown("t1") == ["Claude declines to answer this (cyber)."]
    assert sum(line.requests for line in await spent(store)) == 2


async def test_a_refusal_is_known_to_whoever_takes_over(store, board: Board, claude):
    await store.questions.ingest(board.said("t1", "U1", "virus"))
    held = await store.questions.claim_next("dead", {"board"})
    await store.questions.store_final_text(held, FinalText("No.", notice=True, unanswered=Unanswered.REFUSED))
    board.slept(STALE.total_seconds() + 1)
    claude.answer = wary
    async with house(store, claude, board, clock=board.now) as assistant:
        await closed(store)
        await assistant.ingest(board.said("t1", "U1", "one"))
        await closed(store)

    assert board.shown("t1") == ["No.", "to one"]
