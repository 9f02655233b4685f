"""Events in, answers out: the core with a real store and the real SDK, on a platform of paper.

Tests core.answering.inbox, core.answering.responder and core.answering.conversation.
"""

import asyncio
import json
import logging
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.billing.usage import Scope
from core.domain.errors import StoreUnavailable
from core.domain.events import Commanded, Deleted, Edited, Missed, Pressed
from core.domain.messages import Asks, Message, Rank, Reach, ThreadKey
from core.store import open_store
from tests.fakes.board import START, Board
from tests.fakes.claude.script import Answer, Break, Fault, Gate, refusal
from tests.fakes.claude.server import ClaudeFake
from tests.support.house import at_once, house

MODEL = "claude-haiku-5-5"


@pytest.fixture
async def store(tmp_path, board):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=board.now)
    yield opened
    await opened.shut()


@pytest.fixture
async def fake():
    async with ClaudeFake() as server:
        server.answer = lambda body: Answer(text="fine")
        yield server


@pytest.fixture
def board():
    return Board()


@pytest.fixture
async def assistant(store, fake, board):
    async with house(store, fake, board) as running:
        yield running


def key(thread: str = "t1", channel: str = "c1") -> ThreadKey:
    return ThreadKey("board:w1", channel, thread)


def messages(fake: ClaudeFake) -> list[list[tuple[str, str]]]:
    """What each request told Claude: role and text of every turn."""
    asked = [one.body for one in fake.requests if one.path == "/v1/messages"]
    return [[(m["role"], m["content"][0]["text"]) for m in body["messages"]] for body in asked]


def command(line: str, person: str = "U1", channel: str = "c1", name: str = "k1", **fields) -> Commanded:
    return Commanded(name, key("t1", channel), person, line, START, **fields)


async def spent(store) -> list:
    return await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9999), "model")


async def closed(store) -> None:
    async with asyncio.timeout(5):
        while (await store.questions.count_open())[0]:
            await asyncio.sleep(0.002)


class Unheard:
    """Questions of a store that does not say that it kept an event before somebody looks for one."""

    def __init__(self, within) -> None:
        self._within, self._looked_for = within, asyncio.Event()

    def __getattr__(self, name: str):
        return getattr(self._within, name)

    async def ingest(self, event):
        self._looked_for.clear()
        heard = await self._within.ingest(event)
        await self._looked_for.wait()
        return heard

    async def claim_next(self, process, platforms):
        self._looked_for.set()
        return await self._within.claim_next(process, platforms)


async def test_a_question_is_looked_for_while_it_is_kept(store, fake, board):
    slow = replace(store, questions=Unheard(store.questions))
    async with house(slow, fake, board) as assistant:
        await closed(store)
        async with asyncio.timeout(0.5):  # who rests looks for questions after a second
            assert (await assistant.ingest(board.said("t1", "U1", "why?", asks=Asks.CERTAINLY))).question
        await closed(store)

    assert messages(fake) == [[("user", "Ada: why?")]]


async def test_a_question_is_answered_in_its_thread(assistant, board, fake, store):
    heard = await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")
    await closed(store)

    assert (heard.new, heard.ours, heard.question) == (True, True, True)
    assert messages(fake) == [[("user", "Ada: hello")]]
    (line,) = await spent(store)
    assert (line.group, line.requests, line.died) == (MODEL, 1, 0)


async def test_a_follow_up_in_a_warm_thread_asks_the_platform_nothing(assistant, board, fake):
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")
    board.calls.clear()

    await assistant.ingest(board.said("t1", "U1", "and now?", asks=Asks.PERHAPS))
    await board.until("t1", "fine", "fine")

    assert board.calls == ["rank"]
    assert messages(fake)[1] == [("user", "Ada: hello"), ("assistant", "fine"), ("user", "Ada: and now?")]


class Cancelling(Board):
    """A board whose library, the first time, raises a cancellation that nobody asked for."""

    async def surface(self, question):
        surface = await super().surface(question)
        if "cancelled" not in self.calls:
            surface.show = self._cancelled
        return surface

    async def _cancelled(self, reply) -> None:
        self.calls.append("cancelled")
        raise asyncio.CancelledError


async def test_an_answer_that_a_library_cancels_while_it_is_shown_is_shown_all_the_same(tmp_path, fake):
    board = Cancelling()
    store = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=board.now)
    async with house(store, fake, board) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await closed(store)
    await store.shut()

    assert "cancelled" in board.calls
    assert board.shown("t1") == ["fine"]


async def test_an_event_delivered_twice_is_answered_once(assistant, board, fake, store):
    event = board.said("t1", "U1", "hello")
    await assistant.ingest(event)
    await board.until("t1", "fine")
    await closed(store)

    again = await assistant.ingest(event)
    await asyncio.sleep(0.02)

    assert (again.new, again.question) == (False, False)
    assert len(messages(fake)) == 1


async def test_a_follow_up_that_mentions_somebody_else_is_left_alone(assistant, board, fake, store):
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")

    await assistant.ingest(board.said("t1", "U1", "<@U2> what do you think?", asks=Asks.PERHAPS))
    await closed(store)
    await assistant.ingest(board.said("t1", "U2", "I agree", asks=Asks.PERHAPS))
    await board.until("t1", "fine", "fine")

    assert messages(fake)[1][-1] == ("user", "Ada: @Bob what do you think?\nBob: I agree")


async def test_a_thread_that_is_not_ours_is_not_kept(assistant, board, store):
    heard = await assistant.ingest(board.said("t1", "U1", "among ourselves", asks=Asks.PERHAPS))

    assert (heard.ours, heard.question) == (False, False)
    assert (await store.threads.thread(key())).messages == ()


async def test_a_mention_in_an_old_thread_reads_all_of_it(assistant, board, fake):
    board.said("t1", "U2", "we should deploy", asks=Asks.NO)
    board.said("t1", "U3", "not on friday", asks=Asks.NO)

    await assistant.ingest(board.said("t1", "U1", "who is right?"))
    await board.until("t1", "fine")

    assert messages(fake) == [[("user", "Bob: we should deploy\nCy: not on friday\nAda: who is right?")]]


async def test_questions_that_wait_in_one_thread_are_answered_together(assistant, board, fake, store):
    gate = Gate(after=4)
    fake.script(Answer(text="the first answer", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "one"))
    await gate.reached.wait()
    await assistant.ingest(board.said("t1", "U2", "two"))
    await assistant.ingest(board.said("t1", "U3", "three"))
    gate.opened.set()
    await board.until("t1", "the first answer", "fine")
    await closed(store)

    assert messages(fake)[1] == [
        ("user", "Ada: one"),
        ("assistant", "the first answer"),
        ("user", "Bob: two\nCy: three"),
    ]


async def test_threads_are_answered_side_by_side(assistant, board, fake):
    gate = Gate(after=4)
    fake.script(Answer(text="slow", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "one"))
    await gate.reached.wait()

    await assistant.ingest(board.said("t2", "U1", "two"))
    await board.until("t2", "fine")
    gate.opened.set()
    await board.until("t1", "slow")


async def test_an_edit_and_a_deletion_are_in_the_next_prompt(assistant, board, fake, store):
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

    assert messages(fake)[1] == [("user", "Ada: hello"), ("assistant", "fine"), ("user", "Ada: again")]


TROUBLE = r"[A-Z].*\. \(reference [0-9A-F]{6}\)"


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Fault(401, "authentication_error", "secret detail"), 1),
        (Fault(429, "rate_limit_error", "secret detail", retry_after="3600"), 1),
        (Answer(text="Half an", breaks=Break("reset", 4)), 4),
    ],
    ids=["a wrong key", "a wait too long", "a broken stream"],
)
async def test_trouble_is_told_in_a_calm_sentence(assistant, board, fake, store, caplog, fault, requests):
    fake.script(*[fault] * 9)
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    (shown,) = board.shown("t1")
    assert re.fullmatch(TROUBLE, shown)
    assert "secret detail" not in shown
    reference = shown[-7:-1]
    (line,) = [r.getMessage() for r in caplog.records if reference in r.getMessage()]
    assert "request req_" in line or "broken off" in line
    assert len(messages(fake)) == requests
    assert sum(one.requests for one in await spent(store)) == requests


async def test_trouble_is_not_read_back_as_words_of_claude(assistant, board, fake, store):
    fake.script(Fault(401, "authentication_error"))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    await assistant.ingest(board.said("t1", "U1", "again"))
    await closed(store)

    assert messages(fake)[1] == [("user", "Ada: hello\nAda: again")]


async def test_what_may_pass_is_tried_again_and_each_request_is_accounted_for(assistant, board, fake, store):
    fake.script(Fault(529), Answer(text="Half an ans", breaks=Break("error", 4)), Answer(text="Whole."))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "Whole.")
    await closed(store)

    (line,) = await spent(store)
    assert (line.requests, line.died) == (3, 1)


async def test_another_model_answers_when_the_first_is_overloaded_or_gone(store, board, fake):
    async with house(store, fake, board, fallbacks=["claude-nonsense", "claude-sonnet-5-5"]) as assistant:
        fake.script(Fault(529), Fault(529))
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await board.until("t1", "fine")

    models = [one.body["model"] for one in fake.requests if one.path == "/v1/messages"]
    assert models == [MODEL, MODEL, "claude-nonsense", "claude-sonnet-5-5"]


async def test_a_model_that_does_not_exist_is_named(store, board, fake):
    async with house(store, fake, board) as assistant:
        await assistant.ingest(command("persona tune model=claude-nonsense"))
        await closed(store)
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await closed(store)

    assert re.match(
        r"There is no model `claude-nonsense` \(any more\)\. Choose another with `persona tune", board.shown("t2")[0]
    )


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (
            Answer(text="I could say", stop_reason="max_tokens"),
            "I could say\n\n*(This answer reached its longest length. Say “go on” and it continues.)*",
        ),
        (
            Answer(text="```py\nx = 1", stop_reason="max_tokens"),
            "```py\nx = 1\n```\n\n*(This answer reached its longest length. Say “go on” and it continues.)*",
        ),
        (
            Answer(text="", stop_reason="max_tokens"),
            "Claude used up its tokens before it wrote anything. Raise them with `persona tune max_tokens=...`.",
        ),
        (
            Answer(text="x", stop_reason="model_context_window_exceeded"),
            "x\n\n*(This thread fills all that claude-haiku-5-5 can read. Start a new one.)*",
        ),
        (refusal("I could", category="bio"), "Claude declines to answer this (bio)."),
        (refusal(category=None), "Claude declines to answer this."),
        (Answer(text=""), "Claude had nothing to say to that."),
    ],
    ids=["cut", "cut in code", "cut in thought", "window", "refusal after words", "refusal", "nothing"],
)
async def test_every_way_to_stop_ends_in_plain_words(assistant, board, fake, answer, shown):
    fake.script(answer)

    await assistant.ingest(board.said("t1", "U1", "hello"))

    await board.until("t1", shown)


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}


async def test_after_a_pause_claude_goes_on_in_the_same_answer(assistant, board, fake, store):
    fake.script(Answer(text="First part, ", blocks=(SEARCH,), stop_reason="pause_turn"), Answer(text="second part."))

    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "First part, second part.")
    await closed(store)

    assert (await spent(store))[0].requests == 2


async def test_a_persona_is_in_its_channels_next_prompt_and_in_no_other(assistant, board, fake, store):
    await assistant.ingest(command("persona set You are a pirate.\nSay arr."))
    await board.until("t1", "This channel has this persona from its next answer on.\n\n> You are a pirate.\n> Say arr.")

    await assistant.ingest(board.said("t2", "U2", "hello"))
    await board.until("t2", "fine")
    await assistant.ingest(board.said("t3", "U2", "hello", channel="c2"))
    await closed(store)

    systems = [
        [block["text"] for block in one.body["system"]][1:] for one in fake.requests if one.path == "/v1/messages"
    ]
    assert systems == [["You are a pirate.\nSay arr."], []]


async def test_a_persona_is_refused_to_a_plain_member(assistant, board, store):
    await assistant.ingest(command("persona set You are a pirate.", person="U2"))
    await board.until("t1", "Only those who manage this channel can use `persona set`.")

    assert "rank" in board.calls


async def test_a_guest_is_told_once_that_only_members_may_ask(assistant, board, fake, store):
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
    assert messages(fake) == [[("user", "Cy: hello\nCy: hello?\nBob: can you help Cy?")]]


async def test_what_hinders_a_platform_is_told_to_a_guest_too(assistant, board, fake, store):
    board.ranks["U3"] = Rank.GUEST
    await assistant.ingest(board.said("t1", "U3", "hello"))
    await closed(store)
    board.mute = True
    await assistant.ingest(board.said("t1", "U3", "hello?"))
    await closed(store)

    assert board.shown("t1")[1:] == ["The board does not tell me who you are."]


async def test_guests_may_ask_where_they_are_welcome(store, board, fake):
    board.ranks["U3"] = Rank.GUEST
    async with house(store, fake, board, guests=True) as assistant:
        await assistant.ingest(board.said("t1", "U3", "hello"))
        await board.until("t1", "fine")


async def test_a_command_delivered_twice_is_done_once(assistant, board, store):
    await assistant.ingest(command("persona set x"))
    await assistant.ingest(command("persona set x"))
    await closed(store)

    assert len(board.shown("t1")) == 1


async def test_a_command_is_answered_while_the_thread_is_busy(assistant, board, fake):
    gate = Gate(after=4)
    fake.script(Answer(text="slow answer", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await gate.reached.wait()

    await assistant.ingest(command("persona show"))
    async with asyncio.timeout(5):
        while not any("defaults" in text for text in board.shown("t1")):
            await asyncio.sleep(0.002)
    gate.opened.set()


async def test_prompt_shows_exactly_what_is_sent_next(assistant, board, fake, store):
    await assistant.ingest(command("persona set Be brief."))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)
    await assistant.ingest(board.said("t1", "U2", "<@U1> right?", asks=Asks.PERHAPS))
    await closed(store)

    await assistant.ingest(command("prompt", name="k2", private=True))
    await closed(store)
    await assistant.ingest(board.said("t1", "U1", "next"))
    await closed(store)

    shown = next(text for text in board.shown("t1") if text.startswith("The next request"))
    sent = [one.body for one in fake.requests if one.path == "/v1/messages"][-1]
    texts = [block["text"] for block in sent["system"]] + [turn["content"][0]["text"] for turn in sent["messages"]]
    told = [text.replace("\nAda: next", "") for text in texts]
    assert re.findall(r"```\n(.*?)\n```", shown, re.DOTALL) == told
    assert re.findall(r"\*\*\d+\. (\w+)\*\*", shown) == ["house", "persona", "user", "assistant", "user"]
    assert shown.count("cache breakpoint") == 2


async def test_a_forgotten_thread_is_not_told_again(assistant, board, fake, store):
    await assistant.ingest(board.said("t1", "U1", "my secret"))
    await board.until("t1", "fine")
    await closed(store)

    await assistant.ingest(command("forget"))
    await closed(store)
    await assistant.ingest(board.said("t1", "U1", "hello again"))
    await closed(store)

    assert "forgotten" in board.shown("t1")[1]
    assert messages(fake)[-1] == [("user", "Ada: hello again")]


async def test_stop_ends_an_answer_with_what_was_said(assistant, board, fake, store):
    gate = Gate(after=6)
    fake.script(Answer(text="one two three four", chunk=4, gate=gate))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()
    await board.until("t1", "one two thre")

    await assistant.ingest(Pressed("b1", key(), "U1", "stop"))
    await board.until("t1", "one two thre\n\n*(Stopped.)*")
    await closed(store)


class Noted:
    """Part of a store that notes each call of `method`, which takes `seconds`, when it has ended."""

    def __init__(self, within, method: str, calls: list[str], seconds: float = 0) -> None:
        self._within, self._method, self._calls, self._seconds = within, method, calls, seconds

    def __getattr__(self, name):
        call = getattr(self._within, name)

        async def noted(*args, **named):
            await asyncio.sleep(self._seconds)
            result = await call(*args, **named)
            self._calls.append(name)
            return result

        return noted if name == self._method else call


async def test_a_stopped_request_is_settled_before_its_question_is_closed(store, board, fake):
    calls: list[str] = []
    ledger, questions = Noted(store.ledger, "settle", calls, seconds=0.2), Noted(store.questions, "close", calls)
    gate = Gate(after=6)
    fake.script(Answer(text="one two three four", chunk=4, gate=gate))
    async with house(replace(store, ledger=ledger, questions=questions), fake, board) as assistant:
        await assistant.ingest(board.said("t1", "U1", "count"))
        await gate.reached.wait()
        await assistant.ingest(Pressed("b1", key(), "U1", "stop"))
        await closed(store)

    assert calls == ["settle", "close"]


async def test_a_deleted_question_is_answered_no_further(assistant, board, fake, store):
    gate = Gate(after=6)
    fake.script(Answer(text="one two three four", chunk=4, gate=gate))
    event = board.said("t1", "U1", "count")
    await assistant.ingest(event)
    await gate.reached.wait()

    await assistant.ingest(Deleted("e9", key(), event.message.id, START + timedelta(hours=1)))
    await closed(store)

    assert board.shown("t1")[-1].endswith("*(Stopped.)*")


async def test_a_question_stopped_before_its_first_word_leaves_no_page(assistant, board, fake, store):
    gate = Gate()
    fake.script(Answer(text="one two", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "count"))
    await gate.reached.wait()

    await assistant.ingest(Pressed("b1", key(), "U1", "stop"))
    await closed(store)

    assert board.shown("t1") == []


async def test_a_question_that_is_found_deleted_is_not_answered(assistant, board, fake, store):
    board.said("t1", "U2", "beneath", asks=Asks.NO)
    event = board.said("t1", "U1", "never mind")
    del board.posts[key()][-1]

    await assistant.ingest(event)
    await closed(store)

    assert (board.shown("t1"), messages(fake)) == ([], [])
    assert [one.text for one in (await store.threads.thread(key())).messages] == ["beneath"]


async def test_a_question_withdrawn_while_nobody_answered_it_is_not_answered_by_the_next_process(store, fake, board):
    gate = Gate()
    fake.script(Answer(text="one two", gate=gate))
    event = board.said("t1", "U1", "count")
    async with house(store, fake, board, process="first") as assistant:
        await assistant.ingest(event)
        await gate.reached.wait()
        await assistant.worker.drain(0)
    await store.questions.ingest(Deleted("e9", key(), event.message.id, START + timedelta(hours=1)))

    async with house(store, fake, board, process="second"):
        await closed(store)

    assert (board.shown("t1"), len(messages(fake))) == ([], 1)


async def test_a_message_that_comes_late_and_was_deleted_meanwhile_is_not_told(assistant, board, fake, store):
    late = board.said("t1", "U2", "forget that", asks=Asks.NO)
    await assistant.ingest(Deleted("e9", key(), late.message.id, START + timedelta(hours=1)))
    board.posts[key()].clear()
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    await assistant.ingest(late)
    await assistant.ingest(board.said("t1", "U1", "well?"))
    await closed(store)

    assert messages(fake)[-1] == [("user", "Ada: hello"), ("assistant", "fine"), ("user", "Ada: well?")]


async def test_where_nobody_can_be_shown_an_answer_the_next_is_answered(assistant, board, fake, store):
    board.closed.add(key("t1"))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    await assistant.ingest(board.said("t2", "U1", "hello"))
    await board.until("t2", "fine")


@asynccontextmanager
async def cut_off(store, fake, board, *texts):
    """A house that ends in the middle of an answer."""
    gate = Gate(after=6)
    fake.script(Answer(text="one two three four", chunk=4, gate=gate))
    async with house(store, fake, board, process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "count"))
        await gate.reached.wait()
        await board.until("t1", "one two thre")
        await assistant.worker.drain(0)
    yield


async def test_an_answer_cut_off_is_finished_on_the_same_page_by_the_next_process(store, fake, board):
    async with cut_off(store, fake, board), house(store, fake, board, process="second"):
        await board.until("t1", "fine")
        await closed(store)

    assert board.calls.count("history") == 2
    assert messages(fake) == [[("user", "Ada: count")], [("user", "Ada: count")]]
    (line,) = await spent(store)
    assert (line.requests, line.died) == (2, 1)


async def test_a_page_that_was_never_written_down_is_adopted(store, fake, board):
    async with cut_off(store, fake, board):
        stray = Message(board.number(), "U0", "posted, not written down", START, mine=True)
        board.post(key(), stray)
        async with house(store, fake, board, process="second"):
            await closed(store)

    thread = await store.threads.thread(key())
    assert {message.answers for message in thread.messages if message.mine} == {"0001"}


@pytest.mark.parametrize("method", ["record_page", "store_final_text"])
async def test_a_disk_that_is_full_in_the_middle_of_an_answer_is_waited_for(store, fake, board, caplog, method):
    class Full:
        """A store whose disk is full for a while."""

        times = 4

        def __getattr__(self, name):
            return getattr(store.questions, name)

    async def fail(self, *args):
        self.times -= 1
        if self.times >= 0:
            raise StoreUnavailable("the disk is full")
        return await getattr(store.questions, method)(*args)

    setattr(Full, method, fail)
    async with house(replace(store, questions=Full()), fake, board, sleep=at_once) as running:
        await running.ingest(board.said("t1", "U1", "hello"))
        await board.until("t1", "fine")
        await closed(store)

    assert board.shown("t1") == ["fine"]
    assert caplog.text.count("waits for the database: the disk is full") == 4


async def test_capabilities_are_known_without_the_models_api(store, fake, board):
    async with house(store, fake, board) as assistant:
        await assistant.ingest(command("persona tune effort=low"))
        await closed(store)
    fake.script(*[Fault(500)] * 5, path=f"/v1/models/{MODEL}")

    async with house(store, fake, board) as assistant:
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await board.until("t2", "fine")

    assert [one.body["output_config"] for one in fake.requests if one.path == "/v1/messages"] == [{"effort": "low"}]


async def test_a_mention_without_words_is_answered(assistant, board, fake, store):
    await assistant.ingest(board.said("t1", "U1", "  "))

    await board.until("t1", "Yes? Ask me something, and I answer here.")
    assert messages(fake) == []


NASTY = {
    "emoji": "👩‍👩‍👧‍👦 🇩🇪",
    "right to left": "שלום עולם \u202e",
    "NUL": "a\0b",
    "lone surrogates": "a\ud800b",
    "very long": "x" * 200_000,
    "markup": "</user> <system> & [Older messages are left out here.]",
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
async def test_no_text_is_too_strange(assistant, board, fake, store, text):
    await assistant.ingest(board.said("t1", "U1", text))
    await board.until("t1", "fine")

    assert len(messages(fake)[0][0][1]) >= len(text) - 3


async def test_five_thousand_messages_are_answered(assistant, board, fake, store):
    for number in range(5000):
        board.said("t1", f"U{number % 3 + 1}", f"message {number} " + "x" * 200, asks=Asks.NO)

    await assistant.ingest(board.said("t1", "U1", "summarize"))
    await board.until("t1", "fine")

    ((_, text),) = messages(fake)[0]
    assert text.startswith("Ada: message 0 ")
    assert text.endswith("Ada: summarize")
    assert "[Older messages are left out here.]" in text
    assert len(text) < 310_000


async def test_a_partial_history_buries_nothing_outside_of_it(assistant, board, fake, store):
    await assistant.ingest(board.said("t1", "U1", "old"))
    await board.until("t1", "fine")
    await closed(store)
    board.reach = Reach.CHAIN
    board.posts[key()] = board.posts[key()][1:]

    await store.questions.ingest(Missed("gap", "board"))
    await assistant.ingest(board.said("t1", "U1", "new"))
    await closed(store)

    assert messages(fake)[-1] == [("user", "Ada: old"), ("assistant", "fine"), ("user", "Ada: new")]


async def test_after_a_gap_the_thread_is_read_again(assistant, board, fake, store):
    await assistant.ingest(board.said("t1", "U1", "old"))
    await board.until("t1", "fine")
    await closed(store)
    missed = board.said("t1", "U2", "said while nobody listened", asks=Asks.NO)
    await store.questions.ingest(Missed("gap", "board"))

    await assistant.ingest(board.said("t1", "U1", "new"))
    await closed(store)

    assert missed.message.text in messages(fake)[-1][-1][1]


async def test_the_database_reads_well(assistant, board, store, tmp_path, fake):
    import sqlite_utils

    await assistant.ingest(board.said("t1", "U1", "hello"))
    await board.until("t1", "fine")
    await closed(store)

    with sqlite_utils.Database(tmp_path / "confab.db") as db:
        tables = set(db.table_names())
        assert {"threads", "messages", "questions", "requests", "personas", "notes"} <= tables
        request = next(db.query("select * from requests"))
        stamps = [value for name, value in request.items() if name.endswith("_at")]
        assert all(datetime.fromisoformat(value).utcoffset() == timedelta(0) for value in stamps)
        assert json.dumps(request)


def test_rank_orders_people():
    assert Rank.GUEST < Rank.MEMBER < Rank.MANAGER < Rank.OWNER
    logging.getLogger("core").debug("ranks are ordered")
