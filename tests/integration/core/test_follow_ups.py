"""`follow_ups=smart`: a model says whether a message is meant for Claude, once, and silence where it does not.

Tests core.answering.asides.follow_ups, core.prompting.asides.follow_ups, core.answering.policy, core.claude.structured.
"""

import asyncio
import itertools
import json
from dataclasses import replace

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.events import Edited
from core.domain.messages import Asks, Rank
from core.domain.personas import Persona
from core.prompting.asides.follow_ups import SEVERAL, WAITS
from core.worker.fair_semaphore import FairSemaphore
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import ask, closed, key
from tests.support.house import house
from tests.support.note_proposals import parked, propose, with_notes
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


async def ask_slowly(assistant, board, claude, *behind: str, person="U1"):
    """Ask, and say more right behind it, which is claimed together once that is answered."""
    gate = Gate(8)
    claude.script(Answer(text="A long first answer.", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "What is new?"))
    await gate.reached.wait()
    for text in behind:
        await assistant.ingest(board.said("t1", person, text, asks=Asks.PERHAPS))
    gate.opened.set()


def list_told(body) -> list[str]:
    return [block["text"] for block in body["messages"][-1]["content"]]


async def test_of_messages_that_wait_together_it_is_enough_that_one_is_meant(store, board, claude):
    claude.answer = lambda body: (
        say(meant="cost?" in list_told(body)[-1]) if is_judging(body) else Answer(text="Gladly.")
    )
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask_slowly(assistant, board, claude, "and what does it cost?", "<@U3> are you coming?", "thanks")
        await closed(store)

    (judged,) = list_bodies(claude, judging=True)
    assert list_told(judged)[-1] == f"{SEVERAL}\n  Ada: and what does it cost?\n  Ada: thanks"
    assert board.shown("t1")[1:] == ["Gladly."]


async def test_a_message_that_calls_somebody_else_is_told_and_not_asked_about(store, board, claude):
    claude.answer = judge(lambda words: words == "go on")
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask_slowly(assistant, board, claude, "<@U3> are you coming?", "go on")
        await closed(store)

    (judged,) = list_bodies(claude, judging=True)
    assert list_told(judged)[-1] == "Ada: go on"
    assert "Ada: @Cy are you coming?" in list_told(judged)
    assert board.shown("t1")[1:] == ["Gladly."]


async def test_processes_that_die_while_they_judge_leave_no_answer_begun(store, board, claude):
    async with house(store, claude, board, persona=SMART, process="first") as assistant:
        await ask(assistant, board, store)
    for number in range(2):
        gate = Gate(0)
        claude.answer = lambda _body, gate=gate: replace(say(meant=False), gate=gate)
        async with house(store, claude, board, persona=SMART, process=f"dies {number}") as assistant:
            await assistant.ingest(board.said("t1", "U1", f"see you {number}", asks=Asks.PERHAPS))
            await asyncio.wait_for(gate.reached.wait(), 10)
            await assistant.worker.drain(0)
        gate.opened.set()
    claude.answer = judge(lambda _words: False)
    async with house(store, claude, board, persona=SMART, process="third"):
        await closed(store)

    assert len(board.shown("t1")) == 1


@pytest.mark.parametrize(
    ("said", "edited"), [("can you help me?", "Bob, see you"), ("hm", "can you do it again?")], ids=["to no", "to yes"]
)
async def test_a_message_that_is_edited_while_it_is_judged_is_judged_by_its_new_words(
    store, board, claude, said, edited
):
    gate = Gate(0)
    answers = iter([replace(say(meant=said.endswith("?")), gate=gate)])
    verdict = judge(lambda words: next(answers, None) or words.endswith("?"))
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        claude.answer = verdict
        posted = board.said("t1", "U1", said, asks=Asks.PERHAPS)
        await assistant.ingest(posted)
        await gate.reached.wait()
        edit = replace(posted.message, text=edited, edited=board.now())
        await assistant.ingest(Edited("e1", posted.key, edit, Asks.PERHAPS))
        gate.opened.set()
        await closed(store)

    judged = [list_told(body)[-1] for body in list_bodies(claude, judging=True)]
    assert judged == [f"Ada: {said}", f"Ada: {edited}"]
    assert board.shown("t1")[1:] == (["Gladly."] if edited.endswith("?") else [])


async def test_a_message_without_words_is_told_as_one(store, board, claude):
    claude.answer = judge(lambda _words: False)
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        await follow_up(assistant, board, store, "", "U2")

    (judged,) = list_bodies(claude, judging=True)
    assert list_told(judged)[-1] == "[Bob sent something without words, perhaps a file.]"


async def test_what_claude_has_said_by_the_time_it_waits_for_a_person_is_told(store, board, claude):
    shed = with_notes()
    async with house(store, claude, board, persona=SMART, tools=shed) as assistant:
        await propose(assistant, board, store, claude)
        claude.answer = judge(lambda _words: False)
        await assistant.ingest(board.said("t1", "U2", "yes, do", asks=Asks.PERHAPS))
        await parked(store)

    (judged,) = list_bodies(claude, judging=True)
    assert list_told(judged)[1:] == [f"Claude: I'll remember that.\n{WAITS}", "Bob: yes, do"]


async def test_only_what_is_told_is_read_of_a_long_thread(store, board, claude):
    claude.answer = judge(lambda _words: False)
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        await assistant.ingest(board.said("t1", "U2", "<@U3> is gone", asks=Asks.NO))
        for _ in range(60):
            await assistant.ingest(board.said("t1", "U2", "word " * 10_000, asks=Asks.NO))
        await follow_up(assistant, board, store, "see you", "U2")
        names = (await store.threads.thread(key())).names

    (judged,) = list_bodies(claude, judging=True)
    told = list_told(judged)
    assert (20 <= len(told) <= 40, told[-1]) == (True, "Bob: see you")
    assert max(len(text.encode()) for text in told) < 2_100
    assert "U3" not in names


async def test_where_the_platform_does_not_say_who_may_ask_it_is_silent(store, board, claude):
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        board.mute = True
        await follow_up(assistant, board, store, "see you tomorrow", "U2")

    assert (len(board.shown("t1")), board.whispered, list_bodies(claude, judging=True)) == (1, [], [])


class Broken:
    """Questions with a bug where it is looked whether one is passed over."""

    def __init__(self, within) -> None:
        self._within = within

    def __getattr__(self, name):
        return getattr(self._within, name)

    async def pass_over(self, _claim):
        return 1 / 0


async def test_a_bug_while_it_judges_is_logged_and_told_to_nobody(store, board, claude, caplog):
    broken = replace(store, questions=Broken(store.questions))
    async with house(broken, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        await follow_up(assistant, board, store, "see you tomorrow", "U2")

    assert (len(board.shown("t1")), board.whispered, board.told) == (1, [], [])
    assert "ZeroDivisionError" in caplog.text


async def test_the_loop_guard_counts_what_bots_are_answered_and_not_what_they_say(store, board, claude):
    claude.answer = judge(lambda words: words.endswith("?"))
    async with house(store, claude, board, persona=SMART, bots={"UBOT"}) as assistant:
        await ask(assistant, board, store)
        for number in range(14):
            posted = board.said("t1", "UBOT", f"build {number}{'?' if number > 6 else ''}", asks=Asks.PERHAPS)
            await assistant.ingest(replace(posted, message=replace(posted.message, bot=True)))
            await closed(store)

    assert board.shown("t1")[1:] == ["Gladly."] * 5
    assert len(list_bodies(claude, judging=True)) == 12


async def test_a_model_that_the_operator_does_not_allow_is_not_asked(store, board, claude):
    persona = Persona(model="claude-haiku-5-5", follow_ups="smart")
    async with house(store, claude, board, persona=persona, models=("claude-sonnet-5-5",)) as assistant:
        await ask(assistant, board, store)
        shown = board.shown("t1")
        await follow_up(assistant, board, store, "see you tomorrow", "U2")

    assert (board.shown("t1"), list_bodies(claude, judging=True)) == (shown, [])


async def test_a_mention_waits_for_no_message_that_may_not_be_meant_and_answers_all_of_them(store, board, claude):
    gate = Gate(0)
    claude.answer = lambda body: replace(say(meant=False), gate=gate) if is_judging(body) else Answer(text="Gladly.")
    async with house(store, claude, board, persona=SMART) as assistant:
        await ask(assistant, board, store)
        for number in range(200):
            await assistant.ingest(board.said("t1", ("U1", "U2")[number % 2], f"chat {number}", asks=Asks.PERHAPS))
        await gate.reached.wait()
        await assistant.ingest(board.said("t1", "U3", "Claude, quick!"))
        await until(lambda: len(board.shown("t1")) == 2, 5)
        gate.opened.set()
        await closed(store)

    answered = list_bodies(claude, judging=False)[-1]["messages"][-1]["content"][-1]["text"]
    assert board.shown("t1") == ["Gladly."] * 2
    assert all(f"chat {number}" in answered for number in (0, 199))
    assert len(list_bodies(claude, judging=True)) == 1


async def test_judging_takes_no_slot_of_an_answer(store, board, claude):
    gate = Gate(0)
    claude.answer = lambda body: replace(say(meant=False), gate=gate) if is_judging(body) else Answer(text="Gladly.")
    semaphore = FairSemaphore(2)
    async with house(store, claude, board, persona=SMART, semaphore=semaphore) as assistant:
        for number in range(4):
            await assistant.ingest(board.said(f"t{number}", "U1", "hi"))
        await closed(store)
        for number in range(4):
            await assistant.ingest(board.said(f"t{number}", "U2", "see you", asks=Asks.PERHAPS))
        await until(lambda: len(list_bodies(claude, judging=True)) == 4, 5)
        await assistant.ingest(board.said("t9", "U3", "Claude!"))
        await until(lambda: board.shown("t9") == ["Gladly."], 5)
        gate.opened.set()
        await closed(store)
