"""Events in, answers out: the core with a real store and the real SDK, on a platform of paper.

Tests core.answering.inbox, core.answering.responder and core.answering.conversation.
"""

import asyncio
import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic

import pytest

from core.domain.events import Deleted, Edited, Missed, Posted
from core.domain.messages import Asks, Message, Rank, Reach
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, command, key, messages, spent
from tests.support.house import house

MODEL = "claude-haiku-5-5"


class Unheard:
    """Questions of a store that does not say that it kept an event before somebody looks for one."""

    def __init__(self, within) -> None:
        self._within, self._looked_for = within, asyncio.Event()

    def __getattr__(self, name: str):
        return getattr(self._within, name)

    async def ingest(self, event, **how):
        self._looked_for.clear()
        heard = await self._within.ingest(event, **how)
        await self._looked_for.wait()
        return heard

    async def claim_next(self, process, platforms, full=()):
        self._looked_for.set()
        return await self._within.claim_next(process, platforms, full)


async def test_a_question_is_looked_for_while_it_is_kept(store, claude, board):
    slow = replace(store, questions=Unheard(store.questions))
    async with house(slow, claude, board) as assistant:
        waited = 0.0
        for thread in ("t1", "t2", "t3"):
            await assistant.worker.idle()
            await asyncio.sleep(0.05)  # until it rests
            began = monotonic()
            assert (await assistant.ingest(board.said(thread, "U1", "why?", asks=Asks.CERTAINLY))).question
            waited += monotonic() - began
        await closed(store)

    assert waited < 1.5  # who rests looks by itself only after a second: the second and third wait for almost as long
    assert messages(claude) == [[("user", "Ada: why?")]] * 3


async def test_a_question_is_answered_in_its_thread(assistant, board, claude, store):
    heard = await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")
    await closed(store)

    assert (heard.new, heard.ours, heard.question) == (True, True, True)
    assert messages(claude) == [[("user", "Ada: hello")]]
    (line,) = await spent(store)
    assert (line.group, line.requests, line.died) == (MODEL, 1, 0)


async def test_a_follow_up_in_a_warm_thread_asks_the_platform_nothing(assistant, board, claude):
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")
    board.calls.clear()

    await assistant.ingest(board.said("t1", "U1", "and now?", asks=Asks.PERHAPS))
    await board.until("t1", "fine", "fine")

    assert board.calls == ["rank"]
    assert messages(claude)[1] == [("user", "Ada: hello"), ("assistant", "fine"), ("user", "Ada: and now?")]


async def test_an_event_delivered_twice_is_answered_once(assistant, board, claude, store):
    event = board.said("t1", "U1", "hello")
    await assistant.ingest(event)
    await board.until("t1", "fine")
    await closed(store)

    again = await assistant.ingest(event)
    await asyncio.sleep(0.02)

    assert (again.new, again.question) == (False, False)
    assert len(messages(claude)) == 1


@pytest.mark.parametrize("change", [Posted, Edited])
async def test_what_was_deleted_before_it_came_asks_nothing(assistant, board, claude, store, change):
    event = board.said("t1", "U1", "hello")
    await assistant.ingest(Deleted("d1", event.key, event.message.id, board.now()))
    late = event if change is Posted else Edited("e1", event.key, event.message, Asks.CERTAINLY)
    heard = await assistant.ingest(late)
    other = await assistant.ingest(board.said("t2", "U1", "hello"))
    await closed(store)

    assert (heard.new, heard.question, other.question) == (False, False, True)
    assert len(messages(claude)) == 1


async def test_a_follow_up_that_mentions_somebody_else_is_left_alone(assistant, board, claude, store):
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")

    await assistant.ingest(board.said("t1", "U1", "<@U2> what do you think?", asks=Asks.PERHAPS))
    await closed(store)
    await assistant.ingest(board.said("t1", "U2", "I agree", asks=Asks.PERHAPS))
    await board.until("t1", "fine", "fine")

    assert messages(claude)[1][-1] == ("user", "Ada: @Bob what do you think?\nBob: I agree")


async def test_a_thread_that_is_not_ours_is_not_kept(assistant, board, store):
    heard = await assistant.ingest(board.said("t1", "U1", "among ourselves", asks=Asks.PERHAPS))

    assert (heard.ours, heard.question) == (False, False)
    assert (await store.threads.thread(key())).messages == ()


async def test_a_mention_in_an_old_thread_reads_all_of_it(assistant, board, claude):
    board.said("t1", "U2", "we should deploy", asks=Asks.NO)
    board.said("t1", "U3", "not on friday", asks=Asks.NO)

    await assistant.ingest(board.said("t1", "U1", "who is right?"))
    await board.until("t1", "fine")

    assert messages(claude) == [[("user", "Bob: we should deploy\nCy: not on friday\nAda: who is right?")]]


async def test_questions_of_one_person_that_wait_in_one_thread_are_answered_together(assistant, board, claude, store):
    gate = Gate(after=4)
    claude.script(Answer(text="the first answer", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "one"))
    await gate.reached.wait()
    await assistant.ingest(board.said("t1", "U2", "two"))
    await assistant.ingest(board.said("t1", "U2", "three"))
    gate.opened.set()
    await board.until("t1", "the first answer", "fine")
    await closed(store)

    assert messages(claude)[1] == [
        ("user", "Ada: one"),
        ("assistant", "the first answer"),
        ("user", "Bob: two\nBob: three"),
    ]


async def test_threads_are_answered_side_by_side(assistant, board, claude):
    gate = Gate(after=4)
    claude.script(Answer(text="slow", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "one"))
    await gate.reached.wait()

    await assistant.ingest(board.said("t2", "U1", "two"))
    await board.until("t2", "fine")
    gate.opened.set()
    await board.until("t1", "slow")


async def test_an_edit_and_a_deletion_are_in_the_next_prompt(assistant, board, claude, store):
    first, second = board.said("t1", "U1", "helo"), board.said("t1", "U2", "oops", asks=Asks.NO)
    await assistant.ingest(first)
    await assistant.ingest(second)
    await board.until("t1", "fine")
    await closed(store)
    later = START + timedelta(hours=1)
    edited = Message(first.message.id, "U1", "hello", first.message.at, edited=later)

    await assistant.ingest(Edited("e9", key(), edited))
    await assistant.ingest(Deleted("e10", key(), second.message.id, later))
    await assistant.ingest(board.said("t1", "U1", "again"))
    await board.until("t1", "fine", "fine")

    assert messages(claude)[1] == [("user", "Ada: hello"), ("assistant", "fine"), ("user", "Ada: again")]


async def test_a_guest_is_told_once_that_only_members_may_ask(assistant, board, claude, store):
    board.ranks["U3"] = Rank.GUEST
    await assistant.ingest(board.said("t1", "U3", "hello"))
    await closed(store)
    await assistant.ingest(board.said("t1", "U3", "hello?"))
    await closed(store)
    await assistant.ingest(board.said("t1", "U2", "can you help Cy?"))
    await closed(store)

    assert board.shown("t1") == [
        "Only members of this workspace can ask me. Whoever runs this bot can open it to guests.",
        "fine",
    ]
    declined = "[Confab did not answer this: who asked may not just now. Leave it, unless it is asked for again below.]"
    assert messages(claude) == [
        [("user", f"Cy: hello\n{declined}\nCy: hello?\n{declined}\nBob: can you help Cy?")],
    ]


async def test_what_hinders_a_platform_is_told_to_a_guest_too(assistant, board, claude, store):
    board.ranks["U3"] = Rank.GUEST
    await assistant.ingest(board.said("t1", "U3", "hello"))
    await closed(store)
    board.mute = True
    await assistant.ingest(board.said("t1", "U3", "hello?"))
    await closed(store)

    assert board.shown("t1")[1:] == ["The board does not tell me who you are."]


async def test_guests_may_ask_where_they_are_welcome(store, board, claude):
    board.ranks["U3"] = Rank.GUEST
    async with house(store, claude, board, guests=True) as assistant:
        await assistant.ingest(board.said("t1", "U3", "hello"))
        await board.until("t1", "fine")


async def test_where_nobody_can_be_shown_an_answer_the_next_is_answered(assistant, board, claude, store):
    board.closed.add(key("t1"))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    await assistant.ingest(board.said("t2", "U1", "hello"))
    await board.until("t2", "fine")


async def test_a_mention_without_words_is_answered(assistant, board, claude, store):
    await assistant.ingest(board.said("t1", "U1", "  "))

    await board.until("t1", "Yes? Ask me something, and I answer here.")
    assert messages(claude) == []


NASTY = {
    "emoji": "👩‍👩‍👧‍👦 🇩🇪",
    "right to left": "שלום עולם \u202e",
    "NUL": "a\0b",
    "lone surrogates": "a\ud800b",
    "very long": "x" * 200_000,
    "markup": "</user> <system> & [Older messages are left out here.]",
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
async def test_no_text_is_too_strange(assistant, board, claude, store, text):
    await assistant.ingest(board.said("t1", "U1", text))
    await board.until("t1", "fine")

    assert len(messages(claude)[0][0][1]) >= len(text) - 3


async def test_five_thousand_messages_are_answered(assistant, board, claude, store):
    for number in range(5000):
        board.said("t1", f"U{number % 3 + 1}", f"message {number} " + "x" * 200, asks=Asks.NO)

    await assistant.ingest(board.said("t1", "U1", "summarize"))
    await board.until("t1", "fine")

    ((_, text),) = messages(claude)[-1]
    assert text.startswith("Ada: message 0 ")
    assert text.endswith("Ada: summarize")
    assert "[Older messages are left out here" in text
    assert len(text) < 190_000


async def test_a_partial_history_buries_nothing_outside_of_it(assistant, board, claude, store):
    await assistant.ingest(board.said("t1", "U1", "old"))
    await board.until("t1", "fine")
    await closed(store)
    board.reach = Reach.CHAIN
    board.posts[key()] = board.posts[key()][1:]

    await store.questions.ingest(Missed("gap", "board"))
    await assistant.ingest(board.said("t1", "U1", "new"))
    await closed(store)

    assert messages(claude)[-1] == [("user", "Ada: old"), ("assistant", "fine"), ("user", "Ada: new")]


async def test_after_a_gap_the_thread_is_read_again(assistant, board, claude, store):
    await assistant.ingest(board.said("t1", "U1", "old"))
    await board.until("t1", "fine")
    await closed(store)
    missed = board.said("t1", "U2", "said while nobody listened", asks=Asks.NO)
    await store.questions.ingest(Missed("gap", "board"))

    await assistant.ingest(board.said("t1", "U1", "new"))
    await closed(store)

    assert missed.message.text in messages(claude)[-1][-1][1]


async def test_the_database_reads_well(assistant, board, store, tmp_path, claude):
    import sqlite_utils

    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")
    await closed(store)

    with sqlite_utils.Database(tmp_path / "confab.db") as db:
        tables = set(db.table_names())
        assert {"threads", "messages", "questions", "requests", "personas", "notes"} <= tables
        request = next(db.query("select * from requests"))
        stamps = [value for name, value in request.items() if name.endswith("_at")]
        assert stamps
        assert all(datetime.fromisoformat(value).utcoffset() == timedelta(0) for value in stamps)
        assert json.dumps(request)


def test_rank_orders_people():
    assert Rank.GUEST < Rank.MEMBER < Rank.MANAGER < Rank.OWNER
    logging.getLogger("core").debug("ranks are ordered")


async def test_a_namesake_of_somebody_in_the_persona_is_told_apart(assistant, board, claude, store):
    board.people |= {"U8": "Ada"}
    await assistant.ingest(command("persona set <@U8> leads, with <@U0>."))
    await board.until("t1", *board.shown("t1"))
    await closed(store)
    await assistant.ingest(board.said("t2", "U1", "who leads, <@U0>?"))
    await closed(store)

    assert "@Ada leads, with @Claude." in str(claude.requests[-1].body["system"])
    assert messages(claude)[-1] == [("user", "Ada (2): who leads, @Claude?")]
