"""`follow_ups=smart`: a model says whether a message is meant for Claude, once, and silence where it does not.

Tests core.answering.asides.follow_ups, core.prompting.asides.follow_ups, core.answering.policy, core.claude.structured.
"""

import itertools
import json
from dataclasses import replace

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.messages import Asks, Rank
from core.domain.personas import Persona
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import ask, closed
from tests.support.house import house
from tests.support.waiting import until

SMART = Persona(model="claude-sonnet-5-5", follow_ups="smart")
PEOPLE, TOPICS = (
    ("U1", "U2"),
    (
        "the report",
        "the invoice",
        "the build",
        "the release",
        "the budget",
        "the roof",
        "the garden",
        "the website",
        "the contract",
        "the printer",
    ),
)
MEANT = (
    "and what does that mean for {}?",
    "can you make it shorter, with {} first?",
    "that is wrong about {}, look again",
    "now do the same for {}",
    "which of these matters most for {}?",
    "translate what you said of {}",
    "why do you think so about {}?",
    "go on with {}",
    "how would you test {}?",
    "give me three names for {}",
)
NOT_MEANT = (
    "Bob, did you send {} yesterday?",
    "I'll look at {} after lunch",
    "thanks Ada, {} looks good",
    "lol, {} again",
    "we should talk about {} in the meeting",
    "I am out tomorrow, {} can wait",
    "+1 for {}",
    "who of us has {} now? Cy?",
    "FYI, {} is on my desk",
    "good morning all, {} day today",
)
LABELLED = {form.format(topic): meant for meant, forms in ((True, MEANT), (False, NOT_MEANT)) for form in forms
            for topic in TOPICS}  # fmt: skip


def is_judging(body) -> bool:
    """Whether a request asks whether a message is meant for Claude."""
    return "Say of the last message whether Claude should answer it" in body["system"][0]["text"]


def say(*, meant: object) -> Answer:
    return Answer(text=json.dumps({"for_claude": meant}))


def judge(verdict):
    """Claude as it judges by `verdict` of the last message, and answers all else."""

    def answer(body) -> Answer:
        if not is_judging(body):
            return Answer(text="Gladly.")
        last = body["messages"][-1]["content"][-1]["text"]
        found = verdict(last.partition(": ")[2])
        return found if isinstance(found, Answer) else say(meant=found)

    return answer


def list_bodies(claude, judging: bool):
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return [body for body in asked if is_judging(body) is judging]


async def follow_up(assistant, board, store, text, person="U1", thread="t1"):
    """Say something that mentions nobody, and wait until it is closed. The question's name."""
    posted = board.said(thread, person, text, asks=Asks.PERHAPS)
    await assistant.ingest(posted)
    await closed(store)
    return posted.message.id


async def test_two_hundred_messages_are_answered_or_not_as_the_model_says(store, board, claude):
    claude.answer = judge(LABELLED.__getitem__)
    threads = [f"t{number}" for number in range(20)]
    async with house(store, claude, board, persona=SMART) as assistant:
        for thread in threads:
            await assistant.ingest(board.said(thread, "U1", "What is new?"))
        await closed(store)
        for thread, text in zip(itertools.cycle(threads), LABELLED, strict=False):
            await assistant.ingest(board.said(thread, "U1", text, asks=Asks.PERHAPS))
            await closed(store)

    judging = list_bodies(claude, judging=True)
    told = [body["messages"][-1]["content"][-1]["text"] for body in judging]
    assert sorted(told) == sorted(f"Ada: {text}" for text in LABELLED)
    answered = sum(len(board.shown(thread)) for thread in threads) - len(threads)
    assert (len(LABELLED), answered) == (200, sum(LABELLED.values()))
    assert len(list_bodies(claude, judging=False)) == answered + len(threads)
    assert {body["max_tokens"] for body in judging} == {60}
    assert {body["model"] for body in judging} == {"claude-haiku-5-5"}


async def test_a_message_that_is_not_meant_is_silent_billed_and_asked_about_once(store, board, claude):
    claude.answer = judge(lambda _words: False)
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        shown = board.shown("t1")
        await follow_up(assistant, board, store, "see you tomorrow", "U2")

        lines = await store.ledger.sum_usage(Scope("board:w1"), START, "person")

    assert board.shown("t1") == shown
    assert (board.whispered, len(list_bodies(claude, judging=True))) == ([], 1)
    assert {line.group: line.requests for line in lines} == {"U1": 1, "U2": 1}


async def test_what_is_told_grows_at_its_end_and_is_cached(store, board, claude):
    claude.answer = judge(lambda words: "go on" in words)
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store, "What is new?")
        await follow_up(assistant, board, store, "see you, <@U3>")
        await follow_up(assistant, board, store, "see\nyou", "U2")
        await follow_up(assistant, board, store, "go on", "U2")

    told = [[block["text"] for block in body["messages"][0]["content"]] for body in list_bodies(claude, judging=True)]
    before = ["Ada: What is new?", "Claude: Gladly.", "Ada: see you, @Cy", "Bob: see\n  you"]
    assert told == [before, [*before, "Bob: go on"]]
    assert all(body["cache_control"] == {"type": "ephemeral"} for body in list_bodies(claude, judging=True))


@pytest.mark.parametrize("asks", [Asks.CERTAINLY, Asks.PERHAPS], ids=["a mention", "a mention of somebody else"])
async def test_no_model_is_asked_where_it_is_plain_whom_a_message_is_for(store, board, claude, asks):
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        await assistant.ingest(board.said("t1", "U1", "<@U3> and you?", asks=asks))
        await closed(store)

    assert list_bodies(claude, judging=True) == []
    assert len(board.shown("t1")) == (2 if asks is Asks.CERTAINLY else 1)


@pytest.mark.parametrize("follow_ups", ["always", "never", None])
async def test_no_model_is_asked_where_the_channel_does_not_want_it(store, board, claude, follow_ups):
    persona = Persona(model="claude-haiku-5-5", follow_ups=follow_ups)
    async with house(store, claude, board, persona=persona) as assistant:
        await ask(assistant, board, store)
        await follow_up(assistant, board, store, "and then?")

    assert list_bodies(claude, judging=True) == []
    assert len(board.shown("t1")) == (1 if follow_ups == "never" else 2)


UNKNOWN = {
    "it declines": Answer(text="", stop_reason="refusal"),
    "no form": Answer(text="Well, perhaps."),
    "another form": Answer(text='{"for_claude": "who knows"}'),
    "too long": Answer(text='{"for_claude":', stop_reason="max_tokens"),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
async def test_where_the_model_does_not_say_it_claude_is_silent_and_the_log_says_why(
    store, board, claude, caplog, answer
):
    claude.answer = judge(lambda _words: answer)
    caplog.set_level("INFO")
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        await follow_up(assistant, board, store, "and then?")

    assert len(board.shown("t1")) == 1
    assert len(list_bodies(claude, judging=True)) == 1
    assert "whether a message is meant for Claude is not known, so it is not answered" in caplog.text


async def test_a_budget_that_is_used_up_makes_it_silent(store, board, claude):
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        limit = Budget(Scope("board:w1", "c1"), Period.MONTH, 1, "UTC", "U1", board.now())
        await store.ledger.allow(limit, 0)
        shown = board.shown("t1")
        await follow_up(assistant, board, store, "and then?")

    assert board.shown("t1") == shown
    assert list_bodies(claude, judging=True) == []


async def test_a_guest_who_may_not_ask_costs_nothing_and_is_told_nothing(store, board, claude):
    board.ranks["U3"] = Rank.GUEST
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        await follow_up(assistant, board, store, "and then?", "U3")

    assert (board.whispered, len(board.shown("t1")), list_bodies(claude, judging=True)) == ([], 1, [])


class Dying:
    """A ledger after whose first settlement nothing more happens in this process."""

    def __init__(self, within, gate: Gate) -> None:
        self._within, self._gate = within, gate

    def __getattr__(self, name):
        return getattr(self._within, name)

    async def settle(self, reservation, settled, end=None):
        await self._within.settle(reservation, settled, end)
        self._gate.reached.set()
        await self._gate.opened.wait()


@pytest.mark.parametrize("meant", [True, False], ids=["meant", "not meant"])
async def test_a_process_that_dies_behind_the_verdict_leaves_it_to_the_next_which_does_not_ask_again(
    store, board, claude, meant
):
    gate = Gate()
    claude.answer = judge(lambda _words: meant)
    async with house(store, claude, board, persona=SMART, process="first") as assistant:
        await ask(assistant, board, store)
    dying = replace(store, ledger=Dying(store.ledger, gate))
    async with house(dying, claude, board, persona=SMART, process="second") as assistant:
        await assistant.ingest(board.said("t1", "U1", "and then?", asks=Asks.PERHAPS))
        await gate.reached.wait()
        await assistant.worker.drain(0)
    claude.answer = judge(lambda _words: not meant)
    async with house(store, claude, board, persona=SMART, process="third"):
        await closed(store)

    assert len(list_bodies(claude, judging=True)) == 1
    assert len(board.shown("t1")) == 1 + meant


async def test_an_answer_that_was_begun_is_ended_whatever_the_model_would_say_now(store, board, claude):
    gate = Gate(8)
    answers = iter([say(meant=True), Answer(text="Gladly, and at length.", gate=gate)])
    async with house(store, claude, board, persona=SMART, process="first") as assistant:
        await ask(assistant, board, store)
        claude.answer = lambda _body: next(answers)
        await assistant.ingest(board.said("t1", "U1", "and then?", asks=Asks.PERHAPS))
        await until(lambda: len(board.shown("t1")) == 2, 10)
        await assistant.worker.drain(0)
    claude.answer = judge(lambda _words: False)
    await assistant.ingest(board.said("t1", "U1", "and what of Bob?", asks=Asks.PERHAPS))
    async with house(store, claude, board, persona=SMART, process="second"):
        await closed(store)

    assert board.shown("t1")[1] == "Gladly."
