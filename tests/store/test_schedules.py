"""Schedules: added once, changed by people, and each run left once, on every engine.

Tests core.store.places.schedules, core.store.rules.jobs and core.store.rules.jobs.schedules, core.store.schedule_repository,
core.store.records.schedules.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.events import WorkspaceEnded
from core.domain.messages import SINCE_RUN, FinalText, Outcome, Question, ThreadKey, Unanswered
from core.store import open_store
from core.store.records.schedules import (
    MOST,
    DueSchedules,
    NewSchedule,
    Schedule,
    ScheduleChange,
    ScheduledRun,
    Stop,
    TooManySchedules,
)
from core.store.sql_port import stamp
from tests.support.talk import KEY, NOON, PLATFORMS, asked, at, message, perhaps

CHANNEL = ThreadKey("slack:T1", "C1", "")
HOUR = timedelta(hours=1)
DUE, NEXT = at(60), at(3660)


def new(source: str = "k1", key: ThreadKey = CHANNEL, author: str = "U1", due=DUE) -> NewSchedule:
    return NewSchedule(
        key, source, author, "1 * * * *", "Europe/Berlin", "summarize since=yesterday", prompt=False, due_at=due
    )


def command(person: str = "U2", key: ThreadKey = CHANNEL) -> Question:
    return Question(key, "k9", person, NOON)


def run_of(schedule: Schedule, due=DUE, **values: str) -> Question:
    name = f"run-{schedule.id}-{int(due.timestamp())}"
    return Question(
        schedule.key, name, schedule.author, due, command=schedule.line, values=values, schedule=schedule.id
    )


async def leave(store, schedule: Schedule, due=DUE, following=NEXT) -> bool:
    return await store.schedules.leave_run(schedule, due, following, run_of(schedule, due))


async def close(store, outcome: Outcome = Outcome.SHOWN, final: FinalText | None = None) -> None:
    """Answer the next run."""
    claim = await store.questions.claim_next("p1", PLATFORMS)
    if final:
        await store.questions.store_final_text(claim, final)
    await store.questions.close(claim, outcome)


async def test_a_schedule_is_kept_with_the_next_number_of_its_channel(store):
    first = await store.schedules.add(new())
    elsewhere = await store.schedules.add(new(key=replace(CHANNEL, channel="C2")))
    second = await store.schedules.add(new("k2"))

    assert first == Schedule(
        first.id,
        1,
        "slack:T1",
        "C1",
        "U1",
        "1 * * * *",
        "Europe/Berlin",
        "summarize since=yesterday",
        prompt=False,
        due_at=DUE,
    )
    assert (elsewhere.number, second.number) == (1, 2)
    assert await store.schedules.list(KEY) == [first, second]


async def test_the_same_command_adds_one_schedule_however_often_it_is_carried_out(store):
    first = await store.schedules.add(new())

    assert await store.schedules.add(new()) == first
    assert await store.schedules.list(CHANNEL) == [first]


async def test_a_number_is_never_given_again(store):
    first = await store.schedules.add(new())
    await store.schedules.change(command(), first.number, ScheduleChange.REMOVE, None)

    assert (await store.schedules.add(new("k2"))).number == 2


async def test_a_channel_has_only_so_many_schedules(store):
    for number in range(MOST):
        await store.schedules.add(new(f"k{number}"))

    with pytest.raises(TooManySchedules):
        await store.schedules.add(new("one more"))
    await store.schedules.change(command(), 1, ScheduleChange.REMOVE, None)
    assert (await store.schedules.add(new("one more"))).number == MOST + 1


async def test_what_is_paused_rests_until_it_is_resumed(store, clock):
    kept = await store.schedules.add(new())
    paused = await store.schedules.change(command(), 1, ScheduleChange.PAUSE, None)
    clock.tick(120)
    resting = await store.schedules.list_due(PLATFORMS, 10)

    resumed = await store.schedules.change(command(), 1, ScheduleChange.RESUME, at(3660))

    assert paused == replace(kept, paused=True, due_at=None)
    assert resting == DueSchedules([], at(120), None)
    assert resumed == replace(kept, due_at=at(3660))


async def test_what_was_removed_keeps_no_word_and_is_listed_no_more(store):
    kept = await store.schedules.add(new())

    removed = await store.schedules.change(command(), 1, ScheduleChange.REMOVE, None)

    assert removed == replace(kept, removed=True, line="", due_at=None)
    assert await store.schedules.list(CHANNEL) == []
    assert await store.schedules.change(command(), 1, ScheduleChange.RESUME, at(9)) is None
    assert await store.schedules.change(command(), 1, ScheduleChange.REMOVE, None) == removed
    assert await store.schedules.change(command(), 7, ScheduleChange.PAUSE, None) is None


async def test_who_resumes_what_stopped_takes_it_over(store):
    kept = await store.schedules.add(new())
    await store.schedules.stop(kept.id, Stop.RANK)
    (stopped,) = await store.schedules.list(CHANNEL)

    resumed = await store.schedules.change(command("U2"), 1, ScheduleChange.RESUME, at(3660))

    assert stopped == replace(kept, stopped=Stop.RANK, due_at=None)
    assert resumed == replace(kept, author="U2", due_at=at(3660))


async def test_what_stopped_is_not_paused_so_that_who_resumes_it_takes_it_over(store):
    kept = await store.schedules.add(new())
    await store.schedules.stop(kept.id, Stop.RANK)

    paused = await store.schedules.change(command("U2"), 1, ScheduleChange.PAUSE, None)
    resumed = await store.schedules.change(command("U2"), 1, ScheduleChange.RESUME, at(3660))

    assert paused == replace(kept, stopped=Stop.RANK, due_at=None)
    assert resumed == replace(kept, author="U2", due_at=at(3660))


async def test_the_audit_log_tells_who_added_paused_resumed_and_removed_and_that_one_stopped(store):
    kept = await store.schedules.add(new())
    for change in (ScheduleChange.PAUSE, ScheduleChange.PAUSE, ScheduleChange.RESUME):
        await store.schedules.change(command(), 1, change, at(3660))
    await store.schedules.stop(kept.id, Stop.LEFT_CHANNEL)
    await store.schedules.stop(kept.id, Stop.LEFT_CHANNEL)
    await store.schedules.change(command(), 1, ScheduleChange.REMOVE, None)

    rows = await store.audit.newest("slack:T1", "C1")

    assert [(row.actor, row.action, row.subject) for row in reversed(rows)] == [
        ("U1", "schedule.added", "1"),
        ("U2", "schedule.paused", "1"),
        ("U2", "schedule.resumed", "1"),
        ("platform", "schedule.stopped", "1"),
        ("U2", "schedule.removed", "1"),
    ]
    assert all("summarize" not in row.details for row in rows)


async def test_what_is_due_comes_oldest_first_and_of_these_platforms_with_the_time_until_the_next(store, clock):
    later = await store.schedules.add(new("k1", due=at(90)))
    sooner = await store.schedules.add(new("k2", due=at(60)))
    await store.schedules.add(new("k3", due=at(150)))
    await store.schedules.add(new("k4", ThreadKey("console:local", "general", ""), due=at(60)))
    clock.tick(100)

    assert await store.schedules.list_due(PLATFORMS, 10) == DueSchedules(
        [sooner, later], at(100), timedelta(seconds=50)
    )
    assert await store.schedules.list_due(PLATFORMS, 1) == DueSchedules([sooner], at(100), timedelta(seconds=50))
    assert await store.schedules.list_due([], 10) == DueSchedules([], at(100), None)


async def test_a_run_becomes_a_question_in_the_channel_once(store, clock):
    kept = await store.schedules.add(new())
    clock.tick(60)
    left = [await leave(store, kept), await leave(store, kept)]

    claim = await store.questions.claim_next("p1", PLATFORMS)

    assert left == [True, False]
    assert claim.question == run_of(kept)
    assert (await store.schedules.list(CHANNEL))[0].due_at == at(3660)
    assert await store.questions.claim_next("p1", PLATFORMS) is None


async def test_of_many_processes_one_leaves_a_run(shared_url, clock):
    stores = [await open_store(shared_url, clock=clock) for _ in range(4)]
    kept = await stores[0].schedules.add(new())
    clock.tick(60)

    left = await asyncio.gather(*(leave(store, kept) for store in stores))

    count, _ = await stores[0].questions.count_open()
    for store in stores:
        await store.shut()
    assert sorted(left) == [False, False, False, True]
    assert count == 1


async def test_a_run_is_not_left_of_what_somebody_paused_meanwhile(store, clock):
    kept = await store.schedules.add(new())
    clock.tick(60)
    await store.schedules.change(command(), 1, ScheduleChange.PAUSE, None)

    assert not await leave(store, kept)
    assert await store.questions.count_open() == (0, None)


async def test_a_time_that_is_skipped_leaves_no_question_and_is_told(store, clock):
    kept = await store.schedules.add(new())
    clock.tick(9000)

    assert not await store.schedules.leave_run(kept, at(3660), at(10860), None)

    assert await store.questions.count_open() == (0, None)
    assert await store.schedules.list(CHANNEL) == [replace(kept, due_at=at(10860), skipped_at=at(3660))]


async def test_a_run_is_told_when_the_newest_before_it_that_told_all_was_due(store, clock):
    kept = await store.schedules.add(new())
    outcomes = (Outcome.SHOWN, Outcome.NOT_FOR_US, Outcome.REFUSED, Outcome.EXPIRED)
    since = []
    for number, outcome in enumerate(outcomes):
        due = at(60 + 3600 * number)
        clock.now = due
        await leave(store, kept, due, due + HOUR)
        claim = await store.questions.claim_next("p1", PLATFORMS)
        since.append(claim.question.values.get(SINCE_RUN))
        await store.questions.close(claim, outcome)
        kept = (await store.schedules.list(CHANNEL))[0]
    await leave(store, kept, at(14460), at(18060))
    claim = await store.questions.claim_next("p1", PLATFORMS)

    assert since == [None, stamp(at(60)), stamp(at(3660)), stamp(at(3660))]
    assert claim.question.values == {SINCE_RUN: stamp(at(3660))}


async def test_a_run_is_late_after_an_hour_and_knows_what_became_of_the_one_before(store, clock):
    kept = await store.schedules.add(new())
    clock.now = at(60)
    await leave(store, kept)
    await close(store, Outcome.REFUSED, FinalText("No.", notice=True, unanswered=Unanswered.DECLINED))
    second = (await store.schedules.list(CHANNEL))[0]
    clock.now = at(3660)
    await leave(store, second, at(3660), at(7260))
    young = await store.schedules.find_run(run_of(kept, at(3660)))
    clock.tick(3601)

    late = await store.schedules.find_run(run_of(kept, at(3660)))

    now = (await store.schedules.list(CHANNEL))[0]
    assert young == ScheduledRun(now, late=False, declined=True)
    assert late == ScheduledRun(now, late=True, declined=True)
    assert await store.schedules.find_run(run_of(kept, at(5))) is None


async def test_what_could_be_shown_to_nobody_is_known_to_the_next_run(store, clock):
    kept = await store.schedules.add(new())
    clock.now = at(60)
    await leave(store, kept)
    await close(store, Outcome.EXPIRED)
    second = (await store.schedules.list(CHANNEL))[0]
    await leave(store, second, at(3660), at(7260))

    assert (await store.schedules.find_run(run_of(kept, at(3660)))).hopeless


async def test_people_come_before_runs_and_runs_are_not_counted_as_their_authors_commands(store, clock):
    for number in range(4):
        await store.schedules.add(new(f"k{number}", author="U1"))
    clock.tick(60)
    for one in await store.schedules.list(CHANNEL):
        await leave(store, one)
    await store.questions.ingest(asked(message("9", seconds=59, author="U1"), KEY))

    names = [(await store.questions.claim_next("p1", PLATFORMS)).question.schedule for _ in range(5)]

    assert names[0] is None
    assert None not in names[1:]


async def test_the_first_page_of_a_run_begins_a_thread_in_which_its_answer_is_told(store, clock):
    kept = await store.schedules.add(new())
    clock.now = at(60)
    await leave(store, kept)
    claim = await store.questions.claim_next("p1", PLATFORMS)
    await store.questions.store_final_text(claim, FinalText("All is well."))
    await store.questions.record_page(claim, "p1", at(61))
    await store.questions.record_page(claim, "p2", at(62))
    await store.questions.close(claim, Outcome.SHOWN)

    thread = await store.threads.thread(replace(CHANNEL, thread="p1"))
    followed = await store.questions.ingest(perhaps("70", replace(CHANNEL, thread="p1")))

    assert [one.id for one in thread.messages] == ["p1", "p2"]
    assert {name: final.text for name, final in thread.replies.items()} == {claim.question.name: "All is well."}
    assert followed.question


async def test_a_run_that_is_taken_up_again_knows_the_thread_that_it_has_begun(store, clock):
    kept = await store.schedules.add(new())
    clock.now = at(60)
    await leave(store, kept)
    claim = await store.questions.claim_next("p1", PLATFORMS)
    await store.questions.record_page(claim, "page", at(61))
    await store.questions.heartbeat("p1", leaving=True)

    again = await store.questions.claim_next("p2", PLATFORMS)

    assert again.resumed
    assert again.pages == ("page",)
    assert again.question.key == replace(CHANNEL, thread="page")


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (Scope("slack:T1", "C1"), ["k3"]),
        (Scope("slack:T1", person="U1"), ["k2"]),
        (Scope("slack:T1"), []),
        (Scope("slack:T1", "C1", "1"), ["k1", "k2", "k3"]),
    ],
    ids=["a channel", "a person", "a workspace", "a thread"],
)
async def test_what_is_forgotten_is_given_no_more_and_no_word_of_it_is_kept(store, clock, scope, left):
    kept = {}
    for source, channel, author in (("k1", "C1", "U1"), ("k2", "C1", "U2"), ("k3", "C2", "U1")):
        made = await store.schedules.add(new(source, replace(CHANNEL, channel=channel), author))
        kept[made.id] = source
    await store.threads.forget(scope)
    clock.tick(60)

    due = await store.schedules.list_due(PLATFORMS, 10)

    assert sorted(kept[one.id] for one in due.schedules) == left


async def test_schedules_stop_with_their_workspace_and_not_those_that_were_added_after_a_new_installation(store, clock):
    before = await store.schedules.add(new())
    clock.tick(30)
    after = await store.schedules.add(new("k2"))

    await store.questions.ingest(WorkspaceEnded("e1", "slack:T1", at(20)))

    assert await store.schedules.list(CHANNEL) == [replace(before, stopped=Stop.ENDED, due_at=None), after]


async def test_a_run_that_was_not_carried_out_is_noted_as_skipped_by_its_newest_time(store):
    kept = await store.schedules.add(new())
    await store.schedules.note_skipped(kept.id, at(3660))
    await store.schedules.note_skipped(kept.id, at(60))

    assert await store.schedules.list(CHANNEL) == [replace(kept, skipped_at=at(3660))]
