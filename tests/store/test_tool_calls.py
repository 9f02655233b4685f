"""Tool calls: each is begun as often as it may be, one that acts at most once, and only after a person said so.

Tests core.store.rules.tool_calls, core.store.rules.parking.
"""

import asyncio
from dataclasses import replace

import pytest

from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.errors import LeaseLost
from core.domain.events import Pressed
from core.domain.messages import FinalText, Outcome, Question, Unanswered
from core.domain.tools import ToolCall
from core.store import open_store
from core.store.protocols import Asked
from core.store.records.calls import CallState
from core.store.records.replies import Ending
from core.store.rules.parking import ALLOWED, BEGUN_AGAIN, DECIDED, DENIED, EXPIRED
from core.store.rules.presses import ENDED
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, page, said, thread

HOUR = 3600.0
ACTING = {"make"}
BEGUN, ENDED_CALL, WAITING = CallState.BEGUN, CallState.ENDED, CallState.WAITING


def make(number: int, what: str = "x") -> ToolCall:
    return ToolCall(f"toolu_{number}", "make", {"what": what})


def look(number: int) -> ToolCall:
    return ToolCall(f"toolu_{number}", "look", {})


def press(control: Control = Control.ALLOW, subject: str = "1#1", person: str = "U1", name: str = "p1") -> Pressed:
    return Pressed(name, KEY, person, control, subject, at(50), '{"press": 1}')


async def claim(store, process="p"):
    return await store.questions.claim_next(process, PLATFORMS)


async def begin(store, claimed, *calls, before=()):
    """The states of the calls of a step."""
    return [one.state for one in await store.calls.begin(claimed, calls, ACTING, before)]


async def act(store, claimed, call):
    """Whether a call begins to act."""
    return await store.calls.act(claimed, call) is BEGUN


async def ask(store, *events):
    """The claim of what is asked."""
    for event in events or (asked("1"),):
        await store.questions.ingest(event)
    return await claim(store)


async def park(store, *calls, number=1):
    """Ask 1, show page 2 of its answer, and let it wait for a person."""
    claimed = await ask(store)
    await store.questions.record_page(claimed, "2", at(2))
    await begin(store, claimed, *(calls or (make(1),)))
    await store.questions.park(claimed, "1", number)
    return claimed


async def decide(store, subject, control, key=KEY):
    """What comes of a decision of who asked."""
    return await store.calls.decide(Question(key, "k", "U1", at(50), command="allow"), subject, control)


def outcome(receipt):
    return receipt.new, receipt.question, receipt.note


def named(claimed):
    return claimed and (claimed.question.name, claimed.told, claimed.resumed)


async def acted(store, claimed):
    return [(one.call.id, one.state) for one in await store.calls.list_acts(claimed)]


# Calls


async def test_what_reads_begins_at_once_and_again_in_each_process_and_what_came_of_it_is_kept(store):
    claimed = await ask(store)
    tries = [one.tries for _ in range(3) for one in await store.calls.begin(claimed, [look(1)], ACTING, [])]
    await store.calls.end(claimed, {"toolu_1": "{}"})
    (kept,) = await store.calls.begin(claimed, [look(1)], ACTING, [])

    assert tries == [1, 2, 3]
    assert (kept.state, kept.result, kept.tries) == (ENDED_CALL, "{}", 3)


async def test_what_read_once_and_acts_today_is_believed_to_act(store):
    claimed = await ask(store)
    await begin(store, claimed, look(1), look(2))
    await store.calls.end(claimed, {"toolu_1": "{}"})
    found = await store.calls.begin(claimed, [look(1), look(2)], {"look"}, [])

    assert [(one.acts, one.state, one.result, one.tries) for one in found] == [
        (True, ENDED_CALL, "{}", 1),
        (True, CallState.UNCERTAIN, None, 1),
    ]
    assert await acted(store, claimed) == [("toolu_1", ENDED_CALL), ("toolu_2", CallState.UNCERTAIN)]


async def test_what_may_not_act_any_more_says_how_it_stands(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1))
    await decide(store, "1#1", Control.ALLOW_THREAD)
    await store.tool_use.revoke_grants(Scope(KEY.workspace, KEY.channel, person="U1"), "make", "U1")
    revoked = await store.calls.act(claimed, "toolu_1")
    await decide(store, "1#1", Control.ALLOW)
    await store.questions.ingest(deleted("1"))

    assert (revoked, await store.calls.act(claimed, "toolu_1")) == (WAITING, CallState.DROPPED)
    assert await store.calls.act(claimed, "toolu_9") is CallState.DROPPED


async def test_what_acts_waits_then_begins_once_and_is_uncertain_to_whoever_comes_after(store):
    claimed = await ask(store)
    waits = await begin(store, claimed, make(1))
    refused = await act(store, claimed, "toolu_1")
    decided = await decide(store, "1#1", Control.ALLOW)
    begun = [await act(store, claimed, "toolu_1"), await act(store, claimed, "toolu_1")]

    assert (waits, refused, decided, begun) == ([WAITING], False, ALLOWED, [True, False])
    assert await begin(store, claimed, make(1)) == [CallState.UNCERTAIN]
    assert not await act(store, claimed, "toolu_1")
    assert await acted(store, claimed) == [("toolu_1", CallState.UNCERTAIN)]
    rows = [one.action for one in reversed(await store.audit.newest(KEY.workspace, KEY.channel))]
    assert rows == ["tool.allowed", "tool.began", "tool.uncertain"]


async def test_a_denied_call_is_never_begun(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1))

    assert await decide(store, "1#1", Control.DENY) == DENIED
    assert await decide(store, "1#1", Control.ALLOW) == DECIDED
    assert await begin(store, claimed, make(1)) == [CallState.DENIED]
    assert not await act(store, claimed, "toolu_1")


async def test_a_grant_is_of_one_person_one_tool_and_one_thread(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1))
    await decide(store, "1#1", Control.ALLOW_THREAD)
    granted = await begin(store, claimed, make(1), make(2, "y"))
    other_tool = await store.calls.begin(claimed, [look(3)], {"look"}, ["toolu_1", "toolu_2"])
    await store.questions.close(claimed, Outcome.SHOWN)
    again = await begin(store, await ask(store, asked("3")), make(1))
    await store.questions.close(await claim_of(store, "3"), Outcome.SHOWN)
    elsewhere = await begin(store, await ask(store, asked("4", thread("4"))), make(1))
    await store.questions.close(await claim_of(store, "4"), Outcome.SHOWN)
    bystander = await begin(store, await ask(store, asked(replace(asked("5").message, author="U2"))), make(1))

    assert granted == [CallState.ALLOWED, CallState.ALLOWED]
    assert [one.state for one in other_tool] == [WAITING]
    assert (again, elsewhere, bystander) == ([CallState.ALLOWED], [WAITING], [WAITING])


SCOPES = {
    "the thread": (Scope(KEY.workspace, KEY.channel, KEY.thread), WAITING),
    "who asked": (Scope(KEY.workspace, KEY.channel, KEY.thread, "U1"), WAITING),
    "somebody else": (Scope(KEY.workspace, KEY.channel, KEY.thread, "U2"), CallState.ALLOWED),
    "another thread": (Scope(KEY.workspace, KEY.channel, "other"), CallState.ALLOWED),
}


@pytest.mark.parametrize(("scope", "state"), SCOPES.values(), ids=SCOPES)
async def test_a_grant_ends_when_the_thread_is_forgotten_or_its_person_there(store, scope, state):
    claimed = await ask(store)
    await begin(store, claimed, make(1))
    await decide(store, "1#1", Control.ALLOW_THREAD)
    await store.questions.close(claimed, Outcome.SHOWN)
    await store.threads.forget(scope)

    assert await begin(store, await ask(store, asked("3")), make(1)) == [state]


async def claim_of(store, name):
    """The running claim of a question, as another look of its process would have it."""
    await store.questions.heartbeat("p", leaving=True)
    claimed = await claim(store)
    assert claimed.question.name == name
    return claimed


async def test_another_run_repeats_nothing_that_acted_and_calls_for_what_did_not(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1), make(2))
    for number in (1, 2):
        await decide(store, f"1#{number}", Control.ALLOW)
        await act(store, claimed, f"toolu_{number}")
    await store.calls.end(claimed, {"toolu_1": '"done"'})

    first = await begin(store, claimed, make(3))
    second = await store.calls.begin(claimed, [make(4)], ACTING, ["toolu_3"])
    third = await begin(store, claimed, make(5), make(6, "y"), before=["toolu_3", "toolu_4"])

    assert first == [ENDED_CALL]
    assert [(one.state, one.result) for one in second] == [(CallState.UNCERTAIN, None)]
    assert third == [WAITING, WAITING]  # that was done twice, and is called for a third time
    assert await acted(store, claimed) == [("toolu_1", ENDED_CALL), ("toolu_2", BEGUN)]
    assert await begin(store, claimed, make(7), make(8), make(9)) == [ENDED_CALL, CallState.UNCERTAIN, WAITING]


async def test_what_another_run_waits_for_nobody_decides_any_more(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1), make(2, "y"))
    await decide(store, "1#2", Control.ALLOW)
    kept = await begin(store, claimed, make(1), make(2, "y"))
    anew = await begin(store, claimed, make(3, "z"))

    assert (kept, anew) == ([WAITING, CallState.ALLOWED], [WAITING])
    assert await decide(store, "1#1", Control.ALLOW) == BEGUN_AGAIN
    assert not await act(store, claimed, "toolu_2")
    assert await store.calls.find_waiting(KEY) is None  # nobody was shown it yet
    await store.questions.park(claimed, "1", 3)
    assert await store.calls.find_waiting(KEY) == Asked("1#3", frozenset({"U1"}))


async def test_of_each_question_that_waits_is_told_what_where_for_whom_and_until_when(store):
    claimed = await ask(store)
    await begin(store, claimed, look(1), make(2), make(3, "y"))
    before = await store.calls.list_waiting(KEY.workspace)
    await store.questions.park(claimed, "1", 2)
    waits = await store.calls.list_waiting(KEY.workspace)
    elsewhere = await store.calls.list_waiting("slack:other")
    await decide(store, "1#2", Control.ALLOW)
    next_of_it = await store.calls.list_waiting(KEY.workspace)

    assert (before, elsewhere, next_of_it) == ([], [], [])
    assert [(one.key, one.tool, one.person) for one in waits] == [(KEY, "make", "U1")]


async def test_who_lost_the_claim_neither_begins_nor_acts_nor_ends_nor_parks(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1))
    await decide(store, "1#1", Control.ALLOW)
    await store.questions.heartbeat("p", leaving=True)
    other = await claim(store, "q")

    for work in (
        store.calls.begin(claimed, [make(1)], ACTING, []),
        act(store, claimed, "toolu_1"),
        store.calls.end(claimed, {"toolu_1": "{}"}),
        store.calls.list_acts(claimed),
        store.questions.park(claimed, "1", 1),
    ):
        with pytest.raises(LeaseLost):
            await work
    assert await act(store, other, "toolu_1")


async def end_after_acting(store, *calls, tries=1):
    """The claim of 1 once it is tried again, after these calls acted for its answer and it was closed."""
    claimed = await ask(store)
    for one in calls or (make(1, "a secret"),):
        await begin(store, claimed, look(9), one)
        await decide(store, f"1#{2 if one.id == 'toolu_1' else 3}", Control.ALLOW)
        await act(store, claimed, one.id)
    await store.calls.end(claimed, {"toolu_9": '"a secret"', "toolu_1": '"a secret"'})
    await store.questions.record_page(claimed, "2", at(2))
    await store.questions.store_final_text(claimed, FinalText("Done."))
    await store.questions.close(claimed, Outcome.SHOWN)


async def try_again(store):
    await store.questions.ingest(Pressed("p9", KEY, "U1", Control.RETRY, "1", at(60), "{}"))
    return await claim(store)


async def read_calls(store):
    return await store.questions._engine.unit(lambda sql: sql.many("SELECT * FROM tool_calls ORDER BY number", {}))


async def test_of_the_calls_of_a_closed_answer_no_word_is_left_only_what_acted(store):
    await end_after_acting(store, make(1, "a secret"), make(2, "a secret"))
    kept = await read_calls(store)

    assert "secret" not in repr(kept)
    assert [(one["number"], one["tool"], one["state"], one["digest"]) for one in kept] == [
        (1, "look", "ended", look(9).digest),
        (2, "make", "ended", make(1, "a secret").digest),
        (3, "make", "uncertain", make(1, "a secret").digest),
    ]
    assert await decide(store, "1#2", Control.ALLOW) == ENDED
    assert await store.calls.find_waiting(KEY) is None


async def test_what_is_tried_again_knows_what_acted_calls_for_all_anew_and_goes_on_counting(store):
    await end_after_acting(store)
    again = await try_again(store)
    known = await store.calls.list_acts(again)

    assert [(one.call.tool, one.call.arguments, one.state, one.closed) for one in known] == [
        ("make", {}, ENDED_CALL, True)
    ]
    assert await begin(store, again, make(1, "a secret")) == [WAITING]
    await store.questions.park(again, "1", 3)
    assert await store.calls.find_waiting(KEY) == Asked("1#3", frozenset({"U1"}))


async def test_a_press_that_was_under_way_while_its_answer_ended_lets_no_other_call_act(store):
    await park(store)
    await store.questions.ingest(Pressed("p8", KEY, "U1", Control.STOP, "1", at(55), "{}"))
    stopped = await claim(store)
    await store.questions.store_final_text(stopped, FinalText("So far."))
    await store.questions.close(stopped, Outcome.WITHDRAWN)
    again = await try_again(store)
    await begin(store, again, make(1, "y"))

    late = await store.questions.ingest(press(Control.ALLOW, "1#1"))

    assert late.note == BEGUN_AGAIN
    assert not await act(store, again, "toolu_1")
    await store.questions.park(again, "1", 2)
    assert await store.calls.find_waiting(KEY) == Asked("1#2", frozenset({"U1"}))


ERASURES = {
    "the thread is forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C1", "1")),
    "its asker's words are forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C1", person="U1")),
    "the question is deleted": lambda store: store.questions.ingest(deleted("1")),
    "a page of the answer is deleted": lambda store: store.questions.ingest(deleted("2")),
}


@pytest.mark.parametrize("erase", ERASURES.values(), ids=ERASURES)
async def test_what_acted_is_forgotten_with_the_answer(store, erase):
    await end_after_acting(store)

    await erase(store)

    assert await read_calls(store) == []


async def test_what_acted_is_forgotten_with_an_answer_that_was_erased_while_it_was_given(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1))
    await store.threads.forget(Scope(KEY.workspace, KEY.channel, person="U1"))
    await store.questions.close(claimed, Outcome.WITHDRAWN)

    assert await read_calls(store) == []


# Parked


async def test_a_parked_question_is_nobodys_and_its_thread_goes_on(store):
    parked = await park(store)
    with pytest.raises(LeaseLost):
        await act(store, parked, "toolu_1")
    later = await ask(store, asked("3"))

    assert await claim(store) is None
    assert named(later) == ("3", None, False)
    assert (await store.questions.count_open())[0] == 1
    assert (await store.threads.thread(KEY)).unanswered == {"1": Unanswered.PARKED}


@pytest.mark.parametrize("control", [Control.ALLOW, Control.ALLOW_THREAD, Control.DENY])
async def test_a_word_wakes_it_once(store, control):
    await park(store)
    first = outcome(await store.questions.ingest(press(control)))
    again = outcome(await store.questions.ingest(press(Control.ALLOW, name="p2")))
    woken = await claim(store, "q")

    assert (first, again) == ((True, True, ""), (False, False, DECIDED))
    assert named(woken) == ("1", "1", False)
    assert await claim(store, "q") is None
    assert await act(store, woken, "toolu_1") is (control is not Control.DENY)


async def test_a_bystanders_word_is_left_for_the_platform_to_say_who_may(store):
    await park(store)
    told = outcome(await store.questions.ingest(press(person="U2")))
    again = outcome(await store.questions.ingest(press(person="U2")))
    command = await claim(store)

    assert (told, again) == ((True, True, ""), (False, False, ""))
    assert (command.question.command, command.question.person) == ("allow", "U2")
    assert command.question.values == {"reply": "1#1"}
    assert await claim(store) is None


async def test_who_is_quicker_than_the_park_wakes_it_also_where_another_call_of_the_step_waits(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1), make(2, "y"))
    await store.questions.ingest(press())
    await store.questions.park(claimed, "1", 1)
    woken = await claim(store)

    assert named(woken) == ("1", "1", False)
    assert await begin(store, woken, make(1), make(2, "y")) == [CallState.ALLOWED, WAITING]


async def test_of_two_calls_of_a_step_people_are_asked_about_the_first(store):
    await park(store, make(1), make(2, "y"))

    assert await store.calls.find_waiting(KEY) == Asked("1#1", frozenset({"U1"}))


async def test_nobody_says_anything_for_an_hour(store, clock):
    await park(store)
    clock.tick(HOUR - 1)
    await store.questions.heartbeat("p")
    asleep = await claim(store)
    waits = await store.calls.list_waiting(KEY.workspace)
    clock.tick(1)
    waits += await store.calls.list_waiting(KEY.workspace)
    late = outcome(await store.questions.ingest(press()))
    await store.questions.heartbeat("p")
    woken = await claim(store)

    assert (asleep, late) == (None, (False, False, EXPIRED))
    assert [one.tool for one in waits] == ["make"]
    assert named(woken) == ("1", "1", False)
    assert await begin(store, woken, make(1)) == [CallState.EXPIRED]
    assert await decide(store, "1#1", Control.ALLOW) == EXPIRED


async def test_the_hour_of_a_later_call_of_a_step_does_not_pass_while_people_are_asked_about_the_others(store, clock):
    calls = [make(1), make(2, "y"), make(3, "z")]
    await park(store, *calls)
    said = []
    for number in (1, 2, 3):
        clock.tick(HOUR - 600)
        said.append(await decide(store, f"1#{number}", Control.ALLOW))
        woken = await claim(store)
        await begin(store, woken, *calls)
        if number < 3:
            await store.questions.park(woken, "1", number + 1)

    assert said == [ALLOWED] * 3


async def test_the_hour_of_a_call_begins_when_a_person_is_asked(store, clock):
    await park(store, make(1), make(2, "y"))
    clock.tick(HOUR - 1)
    await store.questions.ingest(press())
    woken = await claim(store)
    await begin(store, woken, make(1), make(2, "y"))
    await store.questions.park(woken, "1", 2)
    clock.tick(HOUR - 1)
    await store.questions.heartbeat("p")
    await store.questions.heartbeat("q")
    asleep = await claim(store)

    assert asleep is None
    assert outcome(await store.questions.ingest(press(subject="1#2", name="p2"))) == (True, True, "")


async def test_of_a_thread_one_is_answered_at_a_time_whoever_is_woken(store):
    await park(store)
    second = await ask(store, asked("3"))
    await begin(store, second, make(1))
    await store.questions.park(second, "3", 1)
    running = await ask(store, asked("4"))
    await store.questions.ingest(press(subject="3#1", name="p3"))
    await store.questions.ingest(press(subject="1#1", name="p4"))
    while_running = await claim(store, "q")
    await store.questions.close(running, Outcome.SHOWN)
    await store.questions.ingest(asked("5"))
    found = []
    for _ in range(3):
        woken = await claim(store, "q")
        found.append((woken.question.name, await claim(store, "r")))
        await store.questions.close(woken, Outcome.SHOWN)

    assert while_running is None
    assert found == [("1", None), ("3", None), ("5", None)]


async def test_one_that_is_woken_joins_nobody_who_asked_meanwhile(store):
    await park(store)
    await store.questions.ingest(asked("3"))
    await store.questions.ingest(press())
    woken = await store.questions.join_waiting(await claim(store))

    assert (woken.question.name, woken.together) == ("1", ())


async def test_companions_are_parked_and_woken_with_it(store):
    claimed = await ask(store, asked("1"), asked("2"))
    await begin(store, claimed, make(1))
    await store.questions.park(claimed, "2", 1)
    asleep = await claim(store)
    await store.questions.ingest(press())
    woken = await claim(store)
    await store.questions.close(woken, Outcome.SHOWN)

    assert asleep is None
    assert [one.name for one in (woken.question, *woken.together)] == ["1", "2"]
    assert await store.questions.count_open() == (0, None)


@pytest.mark.parametrize("name", ["1", "2"])
async def test_a_deletion_wakes_a_parked_answer_of_two(store, name):
    claimed = await ask(store, asked("1"), asked("2"))
    await begin(store, claimed, make(1))
    await store.questions.park(claimed, "2", 1)
    await store.questions.ingest(deleted(name))
    woken = await claim(store)

    assert woken.question.name == "1"
    assert [one.name for one in woken.together] == (["2"] if name == "1" else [])
    assert ((await store.questions.heartbeat("p")).withdrawn == {woken.id}) is (name == "1")


@pytest.mark.parametrize(
    "end",
    [
        lambda store: store.questions.ingest(deleted("1")),
        lambda store: store.questions.ingest(deleted("2")),
        lambda store: store.threads.forget(Scope("slack:T1", "C1")),
        lambda store: store.threads.forget(Scope("slack:T1", person="U1")),
        lambda store: store.questions.ingest(Pressed("s", KEY, "U1", Control.STOP, "1")),
    ],
    ids=["deleted", "its page deleted", "forgotten", "its asker forgotten", "stopped"],
)
@pytest.mark.parametrize("allowed", [True, False], ids=["allowed before", "not allowed"])
async def test_what_nobody_waits_for_any_more_is_woken_to_be_closed_and_does_not_act(store, end, allowed):
    await park(store)
    if allowed:
        await store.questions.ingest(press())
    await end(store)
    late = await store.questions.ingest(press(name="late"))
    woken = await claim(store)
    withdrawn = (await store.questions.heartbeat("p")).withdrawn
    acts = await act(store, woken, "toolu_1")
    await store.questions.close(woken, Outcome.WITHDRAWN)

    assert outcome(late) == (False, False, ENDED)
    assert (withdrawn, acts) == ({woken.id}, False)
    assert await store.questions.count_open() == (0, None)
    assert await claim(store) is None


async def test_one_that_was_withdrawn_before_it_was_parked_is_woken_at_once(store):
    claimed = await ask(store)
    await begin(store, claimed, make(1))
    await store.questions.ingest(deleted("1"))
    await store.questions.park(claimed, "1", 1)
    woken = await claim(store)

    assert named(woken) == ("1", "1", False)


async def test_an_edit_meanwhile_leaves_it_parked_and_its_next_run_asks_anew(store):
    await park(store)
    await store.questions.ingest(edited("1", "other words", 5))
    asleep = await claim(store)
    await store.questions.ingest(press())
    woken = await claim(store)

    assert (asleep, woken.question.name) == (None, "1")
    assert await begin(store, woken, make(2, "y")) == [WAITING]
    await store.questions.park(woken, "1", 2)
    assert await claim(store) is None
    assert not (await store.questions.ingest(press(name="p2"))).new
    assert (await store.questions.ingest(press(subject="1#2", name="p3"))).new


async def test_what_asks_in_the_place_of_a_parked_question_frees_those_answered_with_it(store):
    claimed = await ask(store, asked("1"), asked("2"))
    await begin(store, claimed, make(1))
    await store.questions.park(claimed, "2", 1)
    await store.questions.ingest(commanded("1"))
    found = []
    while claimed := await claim(store):
        found.append((claimed.question.name, claimed.question.command))
        await store.questions.close(claimed, Outcome.SHOWN)

    assert sorted(found) == [("1", "usage"), ("2", None)]


async def test_what_was_parked_is_told_as_such_until_it_is_answered_and_as_words_of_ours_never(store):
    await park(store)
    await store.questions.ingest(said(page("2", "1", "May I?")))
    waits = await store.threads.thread(KEY)
    await store.questions.ingest(press())
    woken = await claim(store)
    await store.questions.store_final_text(woken, FinalText("Done.", after="1"))
    await store.questions.close(woken, Outcome.SHOWN)
    ended = await store.threads.thread(KEY)

    assert (waits.unanswered, waits.replies) == ({"1": Unanswered.PARKED}, {})
    assert {name: final.text for name, final in ended.replies.items()} == {"1": "Done."}


# Two processes on one database


@pytest.fixture
async def pair(shared_url, clock):
    """Two stores over one database."""
    stores = [await open_store(shared_url, clock=clock) for _ in range(2)]
    yield stores
    for one in stores:
        await one.shut()


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(2))
async def test_a_press_and_the_park_race(pair, turn):
    here, there = pair
    claimed = await ask(here)
    await begin(here, claimed, make(1))
    parking, pressing = here.questions.park(claimed, "1", 1), there.questions.ingest(press())
    await asyncio.gather(*([parking, pressing] if turn % 2 else [pressing, parking]))
    woken = await claim(there, "q")

    assert named(woken) == ("1", "1", False)
    assert await act(there, woken, "toolu_1")


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(2))
async def test_of_presses_that_race_one_decides_and_of_claims_one_has_it(pair, turn):
    here, there = pair
    await park(here)
    controls = [Control.ALLOW, Control.DENY, Control.ALLOW_THREAD]
    events = [press(controls[(turn + at) % 3], name=f"p{at}") for at in range(6)]
    heard = await asyncio.gather(*(pair[at % 2].questions.ingest(one) for at, one in enumerate(events)))
    claims = await asyncio.gather(*(claim(pair[at % 2], f"q{at}") for at in range(6)))
    found = [one for one in claims if one]

    assert [one.new for one in heard].count(True) == 1
    assert [named(one) for one in found] == [("1", "1", False)]
    winner = next(event for event, receipt in zip(events, heard, strict=True) if receipt.new)
    assert await act(there, found[0], "toolu_1") is (winner.control is not Control.DENY)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(2))
async def test_a_heartbeats_wake_presses_stops_and_claims_race(pair, clock, turn):
    here, there = pair
    for number in range(4):
        key = thread("1", channel=f"C{number}")
        for name in ("1", "2"):
            await here.questions.ingest(asked(name, key))
        claimed = await claim(here)
        await here.calls.begin(claimed, [make(1)], ACTING, [])
        await here.questions.park(claimed, "2", 1)
    clock.tick(HOUR)
    await asyncio.gather(
        *(one.questions.heartbeat(name) for one, name in zip(pair * 2, "pqrs", strict=True)),
        *(
            pair[number % 2].questions.ingest(
                Pressed(f"s{number}", thread("1", channel=f"C{number}"), "U1", Control.STOP, "1")
            )
            for number in range(turn, 4)
        ),
        *(decide(pair[number % 2], "1#1", Control.ALLOW, thread("1", channel=f"C{number}")) for number in range(4)),
    )
    claims = await asyncio.gather(*(claim(pair[at % 2], f"w{at}") for at in range(8)))
    found = [one for one in claims if one]

    assert sorted(one.question.key.channel for one in found) == ["C0", "C1", "C2", "C3"]
    acts = [await act(there, one, "toolu_1") for one in found]
    assert acts == [False] * 4


async def test_a_question_that_waits_for_a_person_has_ended_for_who_waits_for_its_answer(store):
    await park(store)

    assert await store.questions.find_ending(KEY, "1") == Ending("1", None)
