"""Claims: who answers what, when, and what happens to it when they stop.

Tests core.store.rules.questions, core.store.rules.reply_chains, core.store.rules.claims, core.store.rules.companions,
core.store.records.heartbeat.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.errors import LeaseLost
from core.domain.messages import Asks, Message, Outcome, Unanswered
from core.domain.messages import FinalText as Final
from core.store.records.heartbeat import Heartbeat
from core.store.records.replies import Ending
from tests.support.talk import (
    KEY,
    PLATFORMS,
    asked,
    at,
    commanded,
    deleted,
    edited,
    message,
    page,
    perhaps,
    said,
    stopped,
    thread,
)

LEASE = timedelta(seconds=5)
PAST = 11  # seconds after which a process has stopped


async def ingest(store, *events):
    for event in events:
        await store.questions.ingest(event)


async def claim(store, process="p"):
    return await store.questions.claim_next(process, PLATFORMS)


def names(claim):
    """The question and those answered with it."""
    return [question.name for question in (claim.question, *claim.together)]


async def test_where_nothing_is_asked_there_is_nothing_to_claim(store):
    assert await claim(store) is None


async def test_a_claimed_question_is_the_one_that_was_asked(store):
    await ingest(store, asked("1", address='{"ts": "1"}'))

    claimed = await claim(store)

    assert (claimed.question.key, claimed.question.name, claimed.question.person) == (KEY, "1", "U1")
    assert (claimed.question.at, claimed.question.address) == (at(1), '{"ts": "1"}')
    assert (claimed.process, claimed.together, claimed.pages, claimed.final_text, claimed.resumed) == (
        "p",
        (),
        (),
        None,
        False,
    )


async def test_the_oldest_question_comes_first_whatever_order_they_were_heard_in(store):
    await ingest(store, *(asked(name, thread(name)) for name in ("3", "1", "2")))

    assert [names(await claim(store)) for _ in range(3)] == [["1"], ["2"], ["3"]]


async def test_of_a_workspace_that_is_full_nothing_is_claimed_until_it_is_not(store):
    here, far = asked("1", thread("1", workspace="slack:T1")), asked("2", thread("2", workspace="slack:T2"))
    await ingest(store, here, commanded("c", key=here.key), far)
    first = await store.questions.claim_next("p", PLATFORMS, {"slack:T1"})
    none = await store.questions.claim_next("p", PLATFORMS, ["slack:T1", "slack:T9"])
    later = [await claim(store), await claim(store)]

    assert names(first) == ["2"]
    assert none is None
    assert [names(one) for one in later] == [["c"], ["1"]]


async def test_a_flood_in_one_channel_or_workspace_lets_others_come_first(store):
    flood = [asked(f"{number:02}", thread(f"{number:02}")) for number in range(9)]
    other = asked("97", thread("97", channel="C2"))
    far = [asked(name, thread(name, workspace="slack:T9")) for name in ("98", "99")]
    await ingest(store, *flood, other, *far)

    assert [names(await claim(store)) for _ in range(6)] == [["00"], ["98"], ["97"], ["99"], ["01"], ["02"]]


async def test_questions_of_platforms_that_are_not_connected_wait(store):
    await ingest(store, asked("1", thread("1", workspace="discord:G")), asked("2", thread("2", workspace="slack:T")))

    assert names(await store.questions.claim_next("p", ["slack"])) == ["2"]
    assert await store.questions.claim_next("p", ["slack", "disc"]) is None
    assert names(await store.questions.claim_next("p", ["discord"])) == ["1"]


async def test_the_waiting_questions_of_a_thread_are_answered_together(store):
    await ingest(store, asked("1"), perhaps("2"), said("3"), asked("4"), asked("5", thread("5")))

    assert names(await claim(store)) == ["1", "2", "4"]
    assert names(await claim(store)) == ["5"]


async def test_one_reply_at_a_time_holds_a_thread(store):
    await ingest(store, asked("1"))
    first = await claim(store)
    await ingest(store, asked("2"), asked("3"))

    assert await claim(store) is None
    await store.questions.close(first, Outcome.SHOWN)
    assert names(await claim(store)) == ["2", "3"]


async def test_a_question_in_a_place_of_its_own_is_answered_alone(store):
    await ingest(store, asked("1"), asked("2", alone=True), asked("3"))

    first = await claim(store)

    assert names(first) == ["1", "3"]
    assert await claim(store) is None
    await store.questions.close(first, Outcome.SHOWN)
    assert names(await claim(store)) == ["2"]


async def test_commands_come_first_and_wait_for_no_thread(store):
    await ingest(store, asked("1"))
    await claim(store)
    await ingest(store, asked("2", thread("2")), commanded("i1"), commanded("i2"))

    assert [names(await claim(store)) for _ in range(3)] == [["i1"], ["i2"], ["2"]]


async def test_a_thread_does_not_wait_for_its_commands(store):
    await ingest(store, commanded("i1"))
    await claim(store)
    await ingest(store, asked("1"))

    assert names(await claim(store)) == ["1"]


async def test_a_private_question_waits_for_nobody_and_nobody_for_it(store):
    await ingest(store, asked("1"))
    first = await claim(store)
    await ingest(store, asked("2", private=True), asked("3"))

    assert names(await claim(store)) == ["2"]
    await store.questions.close(first, Outcome.SHOWN)
    assert names(await claim(store)) == ["3"]


@pytest.mark.parametrize(
    ("parents", "together"),
    [
        ({"1": None, "2": "1", "3": "2"}, ["1", "2", "3"]),
        ({"1": None, "2": "1", "3": "1"}, ["1", "2"]),
        ({"1": None, "2": "x", "3": "1"}, ["1", "3"]),
        ({"1": "x", "2": "x", "3": "2"}, ["1"]),
        ({"1": "x", "2": None, "3": "1"}, ["1", "3"]),
    ],
    ids=["one after the other", "siblings", "through a plain message", "another branch is older", "off the trunk"],
)
async def test_only_questions_of_one_branch_are_answered_together(store, parents, together):
    await ingest(store, asked(message("x", seconds=0, parent=None), thread("1")))
    await store.questions.close(await claim(store), Outcome.SHOWN)
    for name, parent in parents.items():
        await ingest(store, asked(message(name, parent=parent), thread("1")))

    assert names(await claim(store)) == together


async def test_a_branch_leads_through_our_own_pages(store):
    await ingest(store, asked(message("1"), thread("1")))
    first = await claim(store)
    await store.questions.record_page(first, "2", at(2))
    await store.questions.record_page(first, "3", at(3))
    await store.questions.close(first, Outcome.SHOWN)

    await ingest(
        store, asked(message("4", parent="3")), asked(message("5", parent="4")), asked(message("6", parent="2"))
    )

    assert names(await claim(store)) == ["4", "5"]


async def test_what_was_posted_and_said_is_known_to_whoever_takes_over(store, clock):
    await ingest(store, asked("1"))
    first = await claim(store)
    for name in ("5", "6", "5"):
        await store.questions.record_page(first, name, at(5))
    await store.questions.store_final_text(first, Final("the answer", after="1"))
    clock.tick(PAST)

    second = await claim(store, "q")

    assert (second.question, second.pages, second.resumed) == (first.question, ("5", "6"), True)
    assert second.final_text == Final("the answer", after="1")


async def test_a_process_that_beats_keeps_its_claims(store, clock):
    await ingest(store, asked("1"))
    await claim(store)
    for _ in range(5):
        clock.tick(PAST - 2)
        assert await store.questions.heartbeat("p") == Heartbeat(LEASE)

    assert await claim(store, "q") is None


async def test_a_process_that_never_beat_lives_from_its_claim_on(store, clock):
    clock.tick(1000)
    await ingest(store, asked("1"))
    await claim(store)

    clock.tick(9)
    assert await claim(store, "q") is None
    clock.tick(2)
    assert names(await claim(store, "q")) == ["1"]


async def test_a_claim_taken_over_keeps_its_questions_and_takes_no_new_ones(store, clock):
    await ingest(store, asked("1"), asked("2"))
    await claim(store)
    await ingest(store, asked("3"))
    clock.tick(PAST)

    assert names(await claim(store, "q")) == ["1", "2"]
    assert await claim(store, "q") is None


async def test_a_claim_that_waits_to_be_resumed_still_holds_its_thread(store):
    await ingest(store, asked("5"))
    await claim(store)
    await ingest(store, asked("1"))
    await store.questions.heartbeat("p", leaving=True)

    assert names(await claim(store, "q")) == ["5"]
    assert await claim(store, "q") is None


async def test_a_claim_never_has_the_id_of_one_that_has_ended(store):
    ids = []
    for name in "123":
        await ingest(store, asked(name))
        held = await claim(store)
        await store.questions.close(held, Outcome.SHOWN)
        ids.append(held.id)

    assert len(set(ids)) == 3


async def test_who_leaves_frees_its_claims_at_once(store):
    await ingest(store, asked("1"))
    await claim(store)

    await store.questions.heartbeat("p", leaving=True)

    assert (await claim(store, "q")).resumed


async def test_a_heartbeat_tells_how_many_processes_live(store, clock):
    counts = [(await store.questions.heartbeat(process)).processes for process in ("p", "q", "r", "p")]
    clock.tick(PAST - 2)
    await store.questions.heartbeat("p")
    await store.questions.heartbeat("q")
    clock.tick(PAST - 2)
    without_r = (await store.questions.heartbeat("p")).processes
    leaving = (await store.questions.heartbeat("q", leaving=True)).processes

    assert counts == [1, 2, 3, 3]
    assert (without_r, leaving) == (2, 1)
    assert (await store.questions.heartbeat("p")).processes == 1


async def test_what_was_kept_is_known_by_its_name_and_channel(store):
    await ingest(store, asked("1"))
    await store.questions.close(await claim(store), Outcome.SHOWN)
    key = asked("1").key

    assert await store.questions.is_kept(key, "1")
    assert not await store.questions.is_kept(key, "2")
    assert not await store.questions.is_kept(replace(key, channel="elsewhere"), "1")


async def test_a_deleted_message_of_a_tracked_thread_is_known(store):
    await ingest(store, asked("1"), said("2"), deleted("2"))
    known = [await store.questions.is_deleted(KEY, name) for name in ("1", "2", "3")]

    assert known == [False, True, False]
    assert not await store.questions.is_deleted(replace(KEY, channel="elsewhere"), "2")


async def test_who_is_late_claims_what_it_answers_again_only_after_the_beat_that_tells_it_to_drop_that(store, clock):
    await ingest(store, asked("1"))
    held = await claim(store, "p")
    await store.questions.heartbeat("p")
    clock.tick(PAST)

    assert await claim(store, "p") is None
    assert await store.questions.heartbeat("p") == Heartbeat(LEASE, late=True, freed=frozenset({held.id}), waiting=True)
    assert (await claim(store, "p")).resumed


async def test_who_is_late_with_its_heartbeat_hears_so_and_has_lost_its_claims(store, clock):
    await ingest(store, asked("1"))
    await store.questions.heartbeat("p")
    held = await claim(store)
    clock.tick(PAST)

    assert await store.questions.heartbeat("p") == Heartbeat(LEASE, late=True, freed=frozenset({held.id}), waiting=True)
    with pytest.raises(LeaseLost):
        await store.questions.record_page(held, "5", at(5))
    again = await claim(store)
    assert again.resumed
    assert again.id != held.id
    assert await store.questions.heartbeat("p") == Heartbeat(LEASE)


@pytest.mark.parametrize(
    "act",
    [
        lambda questions, claim: questions.record_page(claim, "9", at(9)),
        lambda questions, claim: questions.store_final_text(claim, Final("late words")),
        lambda questions, claim: questions.close(claim, Outcome.SHOWN),
    ],
    ids=["posted", "said", "close"],
)
@pytest.mark.parametrize("process", ["p", "q"], ids=["to itself", "to another process"])
async def test_who_has_lost_a_claim_changes_nothing(store, clock, act, process):
    await ingest(store, asked("1"))
    lost = await claim(store, "p")
    clock.tick(PAST)
    await store.questions.heartbeat(process)
    taken = await claim(store, process)

    with pytest.raises(LeaseLost):
        await act(store.questions, lost)

    await store.questions.heartbeat(process, leaving=True)
    next_claim = await claim(store, "r")
    assert next_claim == replace(taken, id=next_claim.id, process="r")


async def test_a_closed_claim_is_lost(store):
    await ingest(store, asked("1"))
    held = await claim(store)
    await store.questions.close(held, Outcome.SHOWN)

    with pytest.raises(LeaseLost):
        await store.questions.close(held, Outcome.SHOWN)
    assert await store.questions.count_open() == (0, None)


async def test_a_page_is_a_message_of_ours_that_names_its_question(store):
    await ingest(store, asked("1"), asked("2"))
    held = await claim(store)

    await store.questions.record_page(held, "5", at(5))
    await store.questions.record_page(held, "5", at(6))

    ours = (await store.threads.thread(KEY)).messages[2:]
    assert ours == (Message("5", "", "", at(5), mine=True, answers="1"),)


async def test_a_page_is_not_older_than_what_it_answers(store):
    await ingest(store, asked("1"), asked("6"))
    held = await claim(store)

    await store.questions.record_page(held, "7", at(-3600))

    assert [message.id for message in (await store.threads.thread(KEY)).messages] == ["1", "6", "7"]


ANSWERED = {
    "heard, recorded, whole": ("hear", "record", "finish"),
    "heard, whole, recorded": ("hear", "finish", "record"),
    "recorded, heard, whole": ("record", "hear", "finish"),
    "recorded, whole, heard": ("record", "finish", "hear"),
    "whole, heard, recorded": ("finish", "hear", "record"),
    "whole, recorded, heard": ("finish", "record", "hear"),
}


@pytest.mark.parametrize("notice", [False, True], ids=["answer", "notice"])
@pytest.mark.parametrize("order", ANSWERED.values(), ids=ANSWERED)
async def test_a_page_that_is_heard_of_without_its_mark_is_what_its_answer_is(store, order, notice):
    await ingest(store, asked("1"))
    held = await claim(store)
    steps = {
        "hear": lambda: ingest(store, said(page("5", None, "hi", notice=True))),
        "record": lambda: store.questions.record_page(held, "5", at(5)),
        "finish": lambda: store.questions.store_final_text(held, Final("hi", notice=notice)),
    }

    for step in order:
        await steps[step]()
    await store.questions.close(held, Outcome.SHOWN)

    assert (await store.threads.thread(KEY)).messages[1] == page("5", "1", "hi", notice=notice)


async def test_a_page_that_is_heard_of_without_its_mark_is_a_notice_where_nothing_was_answered(store):
    await ingest(store, asked("1"))
    held = await claim(store)

    await store.questions.record_page(held, "5", at(5))
    await ingest(store, said(page("5", None, "Something went wrong.", notice=True)))
    await store.questions.close(held, Outcome.REFUSED)

    assert (await store.threads.thread(KEY)).messages[1].notice


@pytest.mark.parametrize("first", ["posted", "said"])
async def test_the_pages_of_a_notice_are_notices_and_no_reply(store, first):
    await ingest(store, asked("1"))
    held = await claim(store)

    if first == "posted":
        await store.questions.record_page(held, "5", at(5))
    await store.questions.store_final_text(held, Final("sorry", notice=True))
    await store.questions.record_page(held, "6", at(6))
    await store.questions.close(held, Outcome.REFUSED)

    held = await store.threads.thread(KEY)
    assert [message.notice for message in held.messages if message.mine] == [True] * (2 if first == "posted" else 1)
    assert held.replies == {}


async def test_a_page_that_was_deleted_meanwhile_does_not_rise(store):
    await ingest(store, asked("1"), deleted("5"))
    held = await claim(store)

    await store.questions.record_page(held, "5", at(5))

    assert (await store.threads.thread(KEY)).messages == (message("1"),)


async def test_the_words_of_a_reply_stand_under_its_question(store):
    await ingest(store, asked("1"))
    held = await claim(store)
    await store.questions.record_page(held, "5", at(5))

    await store.questions.store_final_text(held, Final("whole", after="1"))
    before = (await store.threads.thread(KEY)).replies
    await store.questions.close(held, Outcome.SHOWN)

    assert before == (await store.threads.thread(KEY)).replies == {"1": Final("whole", after="1")}


async def test_questions_answered_together_are_closed_together(store):
    await ingest(store, asked("1"), asked("2"))

    await store.questions.close(await claim(store), Outcome.SHOWN)

    assert await store.questions.count_open() == (0, None)
    assert not (await store.questions.ingest(asked("2"))).question


async def test_the_message_of_a_question_that_is_not_for_us_stays(store):
    await ingest(store, asked("1"))
    await store.questions.close(await claim(store), Outcome.SHOWN)
    await ingest(store, perhaps("2"))

    await store.questions.close(await claim(store), Outcome.NOT_FOR_US)

    assert [message.id for message in (await store.threads.thread(KEY)).messages] == ["1", "2"]


async def test_a_withdrawn_question_that_nobody_answers_yet_is_closed(store):
    await ingest(store, asked("1"), asked("2"), asked("3", thread("3")))

    receipts = [await store.questions.ingest(stopped(name)) for name in ("1", "1", "unknown")]

    assert [receipt.new for receipt in receipts] == [True, False, False]
    assert names(await claim(store)) == ["2"]


async def test_who_answers_a_withdrawn_question_hears_of_it_and_closes_it(store):
    await ingest(store, asked("1"), asked("2", thread("2")))
    first, second = await claim(store), await claim(store)

    await ingest(store, stopped("1"))

    assert await store.questions.heartbeat("p") == Heartbeat(LEASE, withdrawn=frozenset({first.id}))
    assert await store.questions.heartbeat("q") == Heartbeat(LEASE, processes=2)
    await store.questions.close(first, Outcome.WITHDRAWN)
    assert await store.questions.heartbeat("p") == Heartbeat(LEASE, processes=2)
    await store.questions.close(second, Outcome.SHOWN)
    assert await store.questions.count_open() == (0, None)


async def test_stop_withdraws_also_what_is_answered_together(store):
    await ingest(store, asked("1"), asked("2"))
    held = await claim(store)
    await ingest(store, asked("3"))

    await ingest(store, stopped("2"))
    await store.questions.close(held, Outcome.WITHDRAWN)

    assert names(await claim(store)) == ["3"]


async def test_when_one_of_several_authors_deletes_the_others_are_still_answered(store):
    await ingest(store, asked("1"), asked("2"), asked("3"))
    held = await claim(store)

    await ingest(store, deleted("1"), deleted("3"))
    assert (await store.questions.heartbeat("p")).withdrawn == {held.id}
    await store.questions.close(held, Outcome.WITHDRAWN)

    assert names(await claim(store)) == ["2"]
    assert await claim(store) is None


async def test_what_claude_declined_together_is_asked_with_its_words_when_it_is_asked_alone(store):
    await ingest(store, asked("1"), asked("2"))
    held = await claim(store)
    await store.questions.store_final_text(held, Final("no", notice=True, unanswered=Unanswered.REFUSED))

    await ingest(store, deleted("1"))
    await store.questions.close(held, Outcome.WITHDRAWN)

    assert names(await claim(store)) == ["2"]
    assert "2" not in (await store.threads.thread(KEY)).unanswered


async def test_a_withdrawn_question_is_still_cleared_away_by_whoever_takes_over(store, clock):
    await ingest(store, asked("1"))
    await store.questions.record_page(await claim(store), "5", at(5))
    await ingest(store, stopped("1"))
    clock.tick(PAST)

    taken = await claim(store, "q")

    assert taken.pages == ("5",)
    assert (await store.questions.heartbeat("q")).withdrawn == {taken.id}


async def test_waiting_counts_what_is_being_answered_and_tells_the_oldest(store):
    await ingest(store, asked("3"), asked("2", thread("2")))
    await claim(store)

    assert await store.questions.count_open() == (2, at(2))


async def test_a_hundred_tasks_claim_every_question_once(store):
    await ingest(store, *(asked(str(name), thread(str(name))) for name in range(50)))

    claimed = await asyncio.gather(*(claim(store, f"p{number}") for number in range(100)))

    assert sorted(one.question.name for one in claimed if one) == sorted(str(name) for name in range(50))


async def test_our_own_page_never_asks_twice_when_it_is_echoed(store):
    await ingest(store, asked("1"))
    held = await claim(store)
    await store.questions.record_page(held, "5", at(5))
    await store.questions.close(held, Outcome.SHOWN)

    await ingest(store, said(page("5", "1", "shown"), asks=Asks.NO))

    assert await claim(store) is None


async def test_many_commands_of_one_person_leave_room_for_others(store):
    """Two of one person's are carried out at a time; nobody's wait behind them, neither commands nor questions."""
    for number in range(150):
        await store.questions.ingest(commanded(f"i{number}", "usage", when=at(number)))
    other = replace(commanded("other", "usage", when=at(200)), person="U2")
    await store.questions.ingest(other)
    await store.questions.ingest(asked(message("300", author="U3"), thread("300")))

    claims = [await store.questions.claim_next("p", PLATFORMS) for _ in range(4)]
    names = [claim.question.name for claim in claims]
    none = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.close(claims[0], Outcome.SHOWN)
    then = await store.questions.claim_next("p", PLATFORMS)

    assert (names, none) == (["i0", "i1", "other", "300"], None)
    assert then.question.name == "i2"


async def test_many_questions_of_one_person_leave_room_for_others_in_the_channel(store):
    await ingest(store, *[asked(message(str(number)), thread(str(number))) for number in range(1, 9)])
    await ingest(store, asked(message("9", author="U2"), thread("9")))

    claims = [await store.questions.claim_next("p", PLATFORMS) for _ in range(3)]

    assert [claim.question.name for claim in claims] == ["1", "9", "2"]


async def test_what_comes_behind_does_not_overtake_what_was_asked_before_and_heard_late(store):
    await ingest(store, asked("2"))
    held = await claim(store)
    await ingest(store, asked("1"), asked("3"))

    joined = await store.questions.join_waiting(held)
    await store.questions.close(joined, Outcome.SHOWN)

    assert (names(joined), names(await claim(store))) == (["2"], ["1", "3"])


async def test_the_ending_of_a_question_names_what_it_was_answered_with(store):
    await ingest(store, asked("1"), asked("2"))
    claimed = await claim(store)
    before = [await store.questions.find_ending(KEY, name) for name in ("1", "2")]
    await store.questions.close(claimed, Outcome.SHOWN)

    assert before == [None, None]
    assert [await store.questions.find_ending(KEY, name) for name in ("1", "2")] == [Ending("1", Outcome.SHOWN)] * 2


async def test_the_ending_of_a_question_of_which_nothing_is_kept_is_that_it_expired(store):
    assert await store.questions.find_ending(KEY, "1") == Ending("1", Outcome.EXPIRED)


async def test_what_perhaps_asks_is_passed_over_for_what_certainly_does_behind_it(store):
    await ingest(store, asked("1"))
    await store.questions.close(await claim(store), Outcome.SHOWN)
    await ingest(store, perhaps("2"), perhaps(message("3", author="U2")), perhaps("4"))
    first = await claim(store)
    alone = await store.questions.pass_over(first)
    await ingest(store, asked(message("5", author="U3")), perhaps(message("6", author="U2")))

    assert (alone, await store.questions.pass_over(first)) == (False, True)
    assert await store.questions.count_open() == (3, at(2))
    await store.questions.close(first, Outcome.NOT_FOR_US)
    certain = await claim(store)
    assert names(certain) == ["5"]
    await store.questions.close(certain, Outcome.SHOWN)
    assert names(await claim(store)) == ["6"]


async def test_who_lost_a_claim_passes_over_nothing(store, clock):
    await ingest(store, asked("1"), perhaps("2"), asked(message("3", author="U2")))
    lost = await claim(store)
    clock.now += timedelta(seconds=PAST)
    await claim(store, "other")

    with pytest.raises(LeaseLost):
        await store.questions.pass_over(lost)


@pytest.mark.parametrize("outcome", [Outcome.NOT_FOR_US, Outcome.SHOWN], ids=["silence", "an answer"])
async def test_silence_about_words_that_were_edited_meanwhile_ends_nothing(store, outcome):
    await ingest(store, asked("1"))
    await store.questions.close(await claim(store), Outcome.SHOWN)
    await ingest(store, perhaps("2"))
    first = await claim(store)
    await ingest(store, edited("2", "and why?", 3, asks=Asks.PERHAPS))

    await store.questions.close(first, outcome)

    again = await claim(store)
    assert (again is not None) is (outcome is Outcome.NOT_FOR_US)
    if again:
        await store.questions.close(again, outcome)
        assert await claim(store) is None


async def test_a_claim_says_whether_others_may_be_claimed_too_and_its_end_whether_all_of_it_is_closed(store):
    await ingest(store, asked("1"), asked("2", thread("t2")))
    first = await claim(store)
    last = await claim(store)
    assert (first.more, last.more) == (True, False)

    await ingest(store, asked("3"))
    await store.questions.join_waiting(first)  # which who closes it does not know
    assert not await store.questions.close(first, Outcome.SHOWN)
    assert await store.questions.close(last, Outcome.SHOWN)
    assert names(await claim(store)) == ["3"]
