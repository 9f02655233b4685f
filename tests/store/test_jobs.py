"""Jobs: rows are kept while they wait, money is set aside before they are sent, and results are kept until posted.

Tests core.answering.tasks.parking, core.store.rules.jobs.jobs, core.store.rules.jobs.batches, core.store.rules.jobs.endings, core.store.rules.jobs.erasures, core.store.rules.jobs.portions, core.store.rules.jobs.presses,
core.store.rules.jobs.records and core.store.rules.jobs.repositories.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Scope, Settlement
from core.domain.controls import Control
from core.domain.errors import LeaseLost
from core.domain.events import Pressed
from core.domain.messages import FinalText, Outcome, Question
from core.domain.usage import Usage
from core.prompting.row_prompts import RowPrompt
from core.store import inspect, open_store
from core.store.records.jobs import (
    BatchState,
    BatchTerms,
    JobPlan,
    JobState,
    NewRow,
    RowResult,
    RowState,
    WaitingBatches,
)
from core.store.rules.jobs.erasures import DELETED, EDITED, FORGOTTEN
from core.store.rules.jobs.jobs import (
    AGAIN,
    CANCELED,
    GONE,
    NOTHING_FAILED,
    OVER,
    STARTED,
    STARTED_BEFORE,
    UNPOSTED,
)
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, stopped

PLAN = JobPlan(RowPrompt("Sort {text}", ("text",), {"model": "claude-a", "max_tokens": 5}), "claude-a", "a.csv")
ALL = Scope("slack:T1")
PLANNED = PlannedRequest(KEY, "", "U1", "claude-a", 0, 0, 5, at(0), persona_wide=None)
TERMS = BatchTerms(100, 10_000, "key")
LEASE = timedelta(seconds=20)
USAGE = Usage(input=30, output=6)


def row(
    number: int, cell: str = "words", bound: int | None = 10, message: str | None = None, author: str = ""
) -> NewRow:
    return NewRow(number, (cell,), 100, 7, bound, message, author)


def press(control: Control = Control.START, name: str = "p1", person: str = "U1", question: str = "b1") -> Pressed:
    return Pressed(name, KEY, person, control, question, at(50), '{"press": 1}')


async def begin(store, *rows: NewRow, name: str = "b1", source: str = ""):
    """Give a command that reads a batch; its claim and the job."""
    await store.questions.ingest(commanded(name, "batch run x"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    job = await store.jobs.begin(claim, PLAN, source or name, 0)
    await store.jobs.add_rows(claim, job, rows or (row(1), row(2), row(3)))
    return claim, job


async def offer(store, *rows: NewRow, **more) -> int:
    """The job that a closed command has offered."""
    claim, job = await begin(store, *rows, **more)
    assert await store.jobs.offer(claim, job, PLANNED, [ALL]) is None
    await store.questions.store_final_text(claim, FinalText("preview", offers=(Control.START,)))
    await store.questions.close(claim, Outcome.SHOWN)
    return job


async def start(store, *rows: NewRow, pressed: str = "b1", **more) -> int:
    job = await offer(store, *rows, **more)
    await store.questions.ingest(press(question=pressed))
    return job


async def plan(store, terms: BatchTerms = TERMS) -> None:
    job = await store.batches.claim_job(LEASE)
    while await store.batches.plan(job, PLANNED, [ALL], terms):
        pass


async def run(store, *rows: NewRow, **more) -> int:
    """A job whose batch is at Anthropic."""
    job = await start(store, *rows, **more)
    await plan(store)
    (batch,) = await store.batches.claim_batches(4, LEASE)
    assert await store.batches.begin_sending(batch)
    await store.batches.note_name(batch, "msgbatch_1", batch.requests, timedelta())
    return job


async def due(store):
    found = await store.batches.claim_batches(4, LEASE)
    return found[0] if found else None


async def find(store, number: int | None = None):
    return await store.jobs.find_numbered(KEY, number)


async def spent(store):
    return [
        (one.requests, one.died, one.usage.input, one.usage.output, one.micro_usd)
        for one in await store.ledger.sum_usage(ALL, at(-99), "model")
    ]


async def collect(store, *results: RowResult, settled: Settlement | None = None):
    batch = await due(store)
    await store.batches.keep_results(batch, results)
    return await store.batches.end(
        batch, settled or Settlement(USAGE, "batch", at(60), "claude-a", "b", 21), "nothing came back"
    )


async def close(store, outcome: Outcome = Outcome.CARRIED_OUT) -> None:
    """Answer the question that shows the job."""
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.close(claim, outcome)


async def test_a_workspaces_pulse_tells_how_many_rows_of_a_running_batch_have_come(store):
    job = await run(store)
    before = await store.reports.take_pulse(KEY.workspace, at(0), 10)
    batch = await due(store)
    await store.batches.keep_results(batch, [RowResult(1, "eins", "", 7), RowResult(2, "", "expired", 7)])
    after = await store.reports.take_pulse(KEY.workspace, at(0), 10)

    assert ([one.id for one in before.jobs], before.done, after.done) == ([job], {}, {job: 2})


# Offers


async def test_an_offer_tells_its_rows_and_is_started_by_a_press_once(store):
    job = await offer(store)
    offered = await find(store)
    first = await store.questions.ingest(press())
    again = await store.questions.ingest(press())
    other = await store.questions.ingest(press(name="p2"))
    started = await find(store)
    shown = await store.questions.claim_next("p", PLATFORMS)

    assert (offered.id, offered.number, offered.state, offered.rows, offered.plan) == (
        job,
        1,
        JobState.OFFERED,
        3,
        PLAN,
    )
    assert [(one.new, one.question, one.note) for one in (first, again, other)] == [
        (True, True, ""),
        (False, False, ""),
        (False, False, STARTED_BEFORE),
    ]
    assert (started.state, started.run) == (JobState.STARTED, "p1")
    assert (shown.question.command, shown.question.person, shown.question.private) == ("batch show", "U1", False)
    assert await store.questions.claim_next("p", PLATFORMS) is None


async def test_rows_are_kept_as_they_were_read_and_given_back_in_their_order(store):
    job = await offer(store, row(2, "zwei\0"), row(1, "\u00e4 'x'"))
    rows = await store.jobs.read_rows(job, 0, 10)

    assert [(one.number, one.cells, one.state) for one in rows] == [
        (1, ("\u00e4 'x'",), RowState.WAITING),
        (2, ("zwei\0",), RowState.WAITING),
    ]
    assert [one.number for one in await store.jobs.read_rows(job, 1, 10)] == [2]


async def test_a_command_that_is_carried_out_once_more_begins_its_job_anew(store):
    claim, _ = await begin(store)
    again = await store.jobs.begin(claim, PLAN, "b1", 0)
    await store.jobs.add_rows(claim, again, [row(1)])
    await store.jobs.offer(claim, again, PLANNED, [ALL])

    assert [one.rows for one in await store.jobs.list_newest(KEY, 9)] == [1]
    assert len(await store.jobs.read_rows(again, 0, 9)) == 1


async def test_a_command_whose_lease_is_lost_keeps_nothing(store):
    claim, job = await begin(store)
    late = replace(claim, process="another")

    with pytest.raises(LeaseLost):
        await store.jobs.add_rows(late, job, [row(4)])
    with pytest.raises(LeaseLost):
        await store.jobs.offer(late, job, PLANNED, [ALL])


async def test_a_command_that_was_refused_leaves_no_row(store):
    claim, job = await begin(store)
    await store.questions.close(claim, Outcome.REFUSED)

    assert await store.jobs.read_rows(job, 0, 10) == []
    assert await find(store) is None


async def test_what_no_budget_could_pay_is_not_offered(store):
    await store.ledger.allow(Budget(ALL, Period.MONTH, 29, "UTC", "U1", at(0)), 0)
    claim, job = await begin(store)
    refused = await store.jobs.offer(claim, job, PLANNED, [ALL])

    assert isinstance(refused, BudgetRefusal)
    assert await spent(store) == []


async def test_another_person_leaves_a_command_that_asks_for_their_rank(store):
    await offer(store)
    receipt = await store.questions.ingest(press(person="U2"))
    command = await store.questions.claim_next("p", PLATFORMS)

    assert receipt.question
    assert (command.question.command, command.question.values, command.question.private) == (
        "batch start",
        {"number": "1"},
        True,
    )
    assert (await find(store)).state is JobState.OFFERED


async def test_a_command_starts_a_job_once(store):
    job = await offer(store)
    by = Question(KEY, "k9", "U2", at(60), command="batch start")

    assert [await store.jobs.start(by, job) for _ in range(2)] == [STARTED, STARTED_BEFORE]
    assert (await find(store)).person == "U1"


async def test_an_offer_that_nobody_takes_up_is_dropped_after_a_day(store, clock):
    job = await offer(store)
    clock.tick(24 * 3600 - 60)
    await store.batches.drop_old()
    before = await find(store)
    clock.tick(120)
    await store.batches.drop_old()

    assert before.id == job
    assert await find(store) is None
    assert await store.jobs.read_rows(job, 0, 10) == []
    assert (await store.questions.ingest(press())).note == GONE


# Batches


async def test_the_most_that_rows_can_cost_is_set_aside_before_they_are_sent(store):
    await start(store)
    await plan(store)
    batch = await due(store)

    assert await spent(store) == [(1, 1, 21, 15, 30)]
    assert (batch.state, batch.requests, batch.bound, batch.api_key) == (BatchState.PLANNED, 3, 30, "key")


@pytest.mark.parametrize(
    ("terms", "sizes"),
    [
        pytest.param(BatchTerms(2, 10_000, "key"), [2, 1], id="by requests"),
        pytest.param(BatchTerms(100, 250, "key"), [2, 1], id="by bytes"),
        pytest.param(BatchTerms(100, 1, "key"), [1, 1, 1], id="one that is larger than a batch"),
    ],
)
async def test_more_rows_than_one_batch_takes_are_several(store, terms, sizes):
    await start(store)
    await plan(store, terms)
    found = await store.batches.claim_batches(9, LEASE)

    assert [one.requests for one in found] == sizes
    assert [[r.number for r in await store.batches.read_requests(one, 0, 9)] for one in found] == [
        list(range(1 + sum(sizes[:place]), 1 + sum(sizes[: place + 1]))) for place in range(len(sizes))
    ]


async def test_what_a_budget_forbids_midway_is_not_asked_and_the_job_says_so(store):
    await start(store)
    await store.ledger.allow(Budget(ALL, Period.MONTH, 25, "UTC", "U1", at(0)), 0)
    await plan(store, BatchTerms(2, 10_000, "key"))
    (batch,) = await store.batches.claim_batches(9, LEASE)
    job = await find(store)
    rows = await store.jobs.read_rows(job.id, 0, 9)

    assert batch.requests == 2
    assert "budget" in job.problem
    assert [one.state for one in rows] == [RowState.SENT, RowState.SENT, RowState.FAILED]
    assert await spent(store) == [(1, 1, 14, 10, 20)]


async def test_a_job_that_no_budget_pays_at_all_ends(store):
    await start(store)
    await store.ledger.allow(Budget(ALL, Period.MONTH, 5, "UTC", "U1", at(0)), 0)
    await plan(store)
    job = await find(store)

    assert (job.state, job.failed, job.cost) == (JobState.ENDED, 3, 0)
    assert await spent(store) == []


async def test_rows_of_a_model_without_a_price_are_asked_where_no_budget_is(store):
    job = await run(store, row(1, bound=None))
    await collect(store, RowResult(1, "x", micro_usd=None), settled=Settlement(USAGE, "batch", at(60)))

    assert (await store.jobs.measure(job)).bound is None
    assert (await find(store)).cost is None


async def test_a_batch_is_one_processs_as_long_as_its_lease_lasts(store, clock):
    await run(store)
    first, second = await due(store), await due(store)
    clock.tick(15)
    await store.batches.extend(first, LEASE)
    clock.tick(15)
    third = await due(store)
    clock.tick(15)

    assert (second, third) == (None, None)
    assert (await due(store)).id == first.id


async def test_a_batch_is_sent_once_and_is_uncertain_from_its_beginning(store, clock):
    await start(store)
    await plan(store)
    batch = await due(store)
    began = [await store.batches.begin_sending(batch) for _ in range(2)]
    clock.tick(30)
    lost = await due(store)

    assert began == [True, False]
    assert (lost.state, lost.name, lost.age) == (BatchState.SENDING, None, timedelta(seconds=30))


async def test_what_was_certainly_not_made_is_sent_again_with_the_same_money(store, clock):
    await start(store)
    await plan(store)
    batch = await due(store)
    await store.batches.begin_sending(batch)
    await store.batches.plan_again(batch, timedelta(seconds=5), "429")
    early = await due(store)
    clock.tick(6)
    again = await due(store)

    assert early is None
    assert (again.state, again.tries, again.token) == (BatchState.PLANNED, 1, batch.token)
    assert await spent(store) == [(1, 1, 21, 15, 30)]


async def test_a_batch_of_ours_is_known_by_its_name(store):
    await run(store)

    assert await store.batches.list_known(["msgbatch_1", "msgbatch_2"]) == {"msgbatch_1"}
    assert await store.batches.list_known([]) == frozenset()


# Results


async def test_a_batch_is_settled_to_what_it_cost_and_ends_its_job(store):
    job = await run(store)
    await collect(store, RowResult(2, "zwei", "", 7), RowResult(1, "eins", "", 7), RowResult(3, "", "expired", 7))
    found = await find(store)
    rows = await store.jobs.read_rows(job, 0, 9)

    assert [(one.number, one.state, one.result, one.problem) for one in rows] == [
        (1, RowState.DONE, "eins", None),
        (2, RowState.DONE, "zwei", None),
        (3, RowState.FAILED, "", "expired"),
    ]
    assert (found.state, found.cost, found.failed) == (JobState.ENDED, 21, 1)
    assert await spent(store) == [(1, 0, 30, 6, 21)]


async def test_results_that_come_twice_are_kept_and_paid_once(store, clock):
    job = await run(store)
    batch = await due(store)
    await store.batches.keep_results(batch, [RowResult(1, "eins", "", 7)])
    clock.tick(30)
    again = await due(store)
    await store.batches.keep_results(again, [RowResult(1, "other", "", 9), RowResult(2, "zwei", "", 7)])
    settled = Settlement(USAGE, "batch", at(60), "claude-a", "b", 21)
    for one in (again, batch):
        await store.batches.end(one, settled, "nothing came back")
    rows = await store.jobs.read_rows(job, 0, 9)

    assert [(one.result, one.problem) for one in rows] == [("eins", None), ("zwei", None), (None, "nothing came back")]
    assert (await find(store)).cost == 21
    assert await spent(store) == [(1, 0, 30, 6, 21)]


async def test_a_batch_that_is_gone_stands_at_its_bound(store):
    await run(store)
    await collect(store, settled=Settlement(None, "gone", at(60)))

    assert (await find(store)).cost == 30
    assert await spent(store) == [(1, 1, 21, 15, 30)]


async def test_rows_are_kept_until_results_are_posted_and_the_batch_is_deleted_then(store):
    job = await run(store)
    await collect(store, *(RowResult(number, "x", "", 7) for number in (1, 2, 3)))
    before = await due(store)
    await close(store)
    after = await due(store)
    await store.batches.remove(after)

    assert before is None
    assert (after.state, after.doomed) == (BatchState.COLLECTED, True)
    assert await store.jobs.read_rows(job, 0, 9) == []
    assert await store.batches.count_due() == 0
    found = await find(store)
    assert (found.state, found.plan, found.origin, found.rows, found.cost) == (JobState.CLOSED, None, "a.csv", 3, 21)


async def test_rows_that_failed_are_asked_again_in_a_job_of_their_own_once(store):
    await run(store)
    await collect(store, RowResult(1, "x", "", 7), RowResult(2, "", "expired"), RowResult(3, "", "expired"))
    await close(store)
    told = [
        (await store.questions.ingest(press(Control.RETRY_FAILED, name, question="p1"))).note for name in ("r1", "r2")
    ]
    again = await find(store, 2)
    rows = await store.jobs.read_rows(again.id, 0, 9)

    assert told == ["", NOTHING_FAILED]
    assert (again.state, again.run, again.rows, again.cost, again.plan) == (JobState.STARTED, "r1", 2, 0, PLAN)
    assert [(one.number, one.cells, one.state, one.problem) for one in rows] == [
        (2, ("words",), RowState.WAITING, None),
        (3, ("words",), RowState.WAITING, None),
    ]


async def test_rows_that_failed_are_kept_for_a_day(store, clock):
    job = await run(store)
    await collect(store, RowResult(1, "x", "", 7))
    await close(store)
    clock.tick(25 * 3600)
    await store.batches.drop_old()

    assert await store.jobs.read_rows(job, 0, 9) == []
    assert await store.jobs.retry(Question(KEY, "k9", "U1", at(60)), job) == NOTHING_FAILED


async def test_jobs_are_listed_for_a_month(store, clock):
    for name in ("b1", "b2"):
        await offer(store, name=name)
    await store.questions.ingest(press(question="b2"))
    await plan(store)
    numbers = [one.number for one in await store.jobs.list_newest(KEY, 9)]
    clock.tick(31 * 24 * 3600)
    await store.batches.drop_old()

    assert numbers == [2, 1]
    assert [one.number for one in await store.jobs.list_newest(KEY, 9)] == [2]


# Ends


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.EXPIRED])
async def test_results_that_are_not_posted_are_kept_until_somebody_has_them_posted(store, clock, outcome):
    job = await run(store, row(1))
    unposted = await store.jobs.post_again(job)
    await collect(store, RowResult(1, "eins", "", 7))
    await close(store, outcome)
    rests = await store.questions.claim_next("p", PLATFORMS)
    retried = await store.jobs.retry(Question(KEY, "k9", "U1", at(60)), job)
    told = await store.jobs.post_again(job)
    kept = await store.jobs.read_rows(job, 0, 9)
    await store.jobs.note_portion(job, 1)
    await close(store)

    assert (unposted, rests, told, retried) == ("", None, AGAIN, UNPOSTED.format(1))
    assert [one.result for one in kept] == ["eins"]
    assert await store.jobs.read_rows(job, 0, 9) == []
    assert (await due(store)).doomed


async def test_results_that_nobody_has_posted_go_after_a_month(store, clock):
    job = await run(store, row(1))
    await collect(store, RowResult(1, "eins", "", 7))
    await close(store, Outcome.REFUSED)
    clock.tick(31 * 24 * 3600)
    await store.batches.drop_old()

    assert await store.jobs.read_rows(job, 0, 9) == []
    assert await store.questions.claim_next("p", PLATFORMS) is not None


async def test_a_job_that_runs_outlives_a_message_that_can_not_be_changed(store):
    job = await run(store, row(1))
    await close(store, Outcome.REFUSED)
    rests = await store.questions.claim_next("p", PLATFORMS)
    await collect(store, RowResult(1, "eins", "", 7))

    assert rests is None
    assert await store.questions.claim_next("p", PLATFORMS) is not None
    assert [one.result for one in await store.jobs.read_rows(job, 0, 9)] == ["eins"]


async def test_results_of_several_messages_are_kept_until_the_last_hangs_there(store):
    job = await run(store, row(1), row(2))
    await collect(store, RowResult(1, "eins", "", 7), RowResult(2, "zwei", "", 7))
    await store.jobs.note_portion(job, 1)
    await close(store)
    kept, going = await store.jobs.read_rows(job, 0, 9), await find(store)
    await store.jobs.note_portion(job, 2)
    await close(store)

    assert (len(kept), going.state, going.posted) == (2, JobState.ENDED, 1)
    assert await store.jobs.read_rows(job, 0, 9) == []


async def test_the_question_that_shows_a_job_waits_until_something_happens_to_it(store):
    await start(store)
    claim = await store.questions.claim_next("p", PLATFORMS)
    job = await find(store)
    await store.jobs.park(claim, job.changes)
    waiting = await store.questions.claim_next("p", PLATFORMS)
    await plan(store)
    batch = await due(store)
    await store.batches.begin_sending(batch)
    await store.batches.note_name(batch, "msgbatch_1", batch.requests, timedelta())
    woken = await store.questions.claim_next("p", PLATFORMS)
    late = await find(store)
    await store.jobs.park(woken, late.changes - 1)

    assert waiting is None
    assert (woken.question.name, woken.resumed) == ("p1", False)
    assert await store.questions.claim_next("p", PLATFORMS) is not None
    assert await store.questions.count_parked() == 0


async def test_progress_is_told_at_a_calm_pace(store, clock):
    await run(store)
    batch = await due(store)
    minute = timedelta(minutes=1)
    told = [await store.batches.tell_progress(batch, minute)]
    clock.tick(61)
    told += [await store.batches.tell_progress(batch, minute), await store.batches.tell_progress(batch, minute)]

    assert told == [None, "slack:T1", None]


async def test_stop_cancels_a_job_and_keeps_what_was_answered(store):
    job = await run(store)
    receipt = await store.questions.ingest(stopped("p1"))
    batch = await due(store)
    shown = await store.questions.claim_next("p", PLATFORMS)

    assert receipt.new
    assert (batch.canceled, batch.doomed) == (True, False)
    assert shown is not None
    assert await store.jobs.cancel(job) == CANCELED
    await store.batches.keep_results(batch, [RowResult(1, "eins", "", 7)])
    await store.batches.end(batch, Settlement(USAGE, "batch", at(60), micro_usd=7), "cancelled")
    assert (await find(store)).state is JobState.ENDED
    assert await store.jobs.cancel(job) == OVER


async def test_what_was_cancelled_before_it_was_sent_costs_nothing(store):
    job = await start(store)
    await plan(store)
    await store.jobs.cancel(job)
    sent = await store.batches.begin_sending(await due(store))
    found = await find(store)

    assert sent is False
    assert (found.state, found.failed, found.cost) == (JobState.ENDED, 3, 0)
    assert await spent(store) == [(1, 0, 0, 0, 0)]


async def test_rows_go_with_the_message_that_brought_them_and_the_batch_is_settled_and_deleted(store):
    job = await run(store, source="m7")
    await store.questions.ingest(deleted("m7"))
    batch = await due(store)
    await store.batches.keep_results(batch, [RowResult(1, "eins", "", 7)])
    await store.batches.end(batch, Settlement(USAGE, "batch", at(60), micro_usd=21), "")
    left = await due(store)

    assert (batch.doomed, batch.job) == (True, None)
    assert await store.jobs.read_rows(job, 0, 9) == []
    assert await find(store) is None
    assert await store.batches.read_plan(batch) is None
    assert left.state is BatchState.COLLECTED
    assert await spent(store) == [(1, 0, 30, 6, 21)]


async def test_forgetting_erases_jobs(store):
    await store.questions.ingest(asked("1"))
    job = await run(store)
    await store.threads.forget(Scope("slack:T1", "C1", "1"))

    assert await store.jobs.read_rows(job, 0, 9) == []
    assert (await due(store)).doomed


async def test_a_batch_that_is_over_stays_a_line_without_a_word_when_its_thread_is_forgotten(store):
    job = await run(store)
    await collect(store, RowResult(1, "", "no"))
    await close(store)
    before = await find(store)
    await store.threads.forget(Scope("slack:T1", "C1", KEY.thread))
    after = await find(store)

    assert await store.jobs.read_rows(job, 0, 9) == []
    assert (before.origin, before.failed, before.cost) == ("a.csv", 3, 21)
    assert after == replace(before, plan=None, origin="")


async def test_a_person_is_forgotten_with_the_rows_of_their_words_and_no_others(store):
    theirs, others = row(1, message="m1", author="U9"), row(2, message="m2", author="U2")
    job = await run(store, theirs, others, row(3))
    await store.threads.forget(Scope("slack:T1", "C1", "7", person="U9"))
    elsewhere = await store.jobs.read_rows(job, 0, 9)
    await store.threads.forget(Scope("slack:T1", "C1", person="U9"))
    rows = await store.jobs.read_rows(job, 0, 9)
    batch = await due(store)

    assert [one.cells for one in elsewhere] == [("words",)] * 3
    assert [(one.cells, one.problem) for one in rows] == [((), FORGOTTEN), (("words",), None), (("words",), None)]
    assert (batch.job, batch.doomed) == (job, False)


async def test_a_thread_is_forgotten_with_the_rows_of_its_messages(store):
    await store.questions.ingest(asked("5"))
    job = await offer(store, row(1, message="5", author="U2"), row(2, message="6", author="U2"))
    await store.threads.forget(Scope("slack:T1", "C1", "5", person="U2"))

    assert [one.cells for one in await store.jobs.read_rows(job, 0, 9)] == [(), ("words",)]


async def test_a_job_whose_rows_are_all_erased_is_cancelled_and_ends_with_what_it_costs(store):
    job = await run(store, row(1, message="m1"))
    await store.questions.ingest(deleted("m1"))
    before, batch = await find(store), await due(store)
    await store.batches.end(batch, Settlement(USAGE, "batch", at(60), "claude-a", "b", 21), "")
    after = await find(store)

    assert (before.state, batch.doomed, batch.job) == (JobState.STARTED, True, job)
    assert (after.state, after.cost) == (JobState.ENDED, 21)


async def test_a_row_goes_with_the_message_that_it_is_made_of(store):
    job = await run(store, row(1, message="m1"), row(2, message="m2"))
    await store.questions.ingest(deleted("m1"))
    await collect(store, RowResult(1, "of m1", "", 7), RowResult(2, "of m2", "", 7))
    rows = await store.jobs.read_rows(job, 0, 9)
    await close(store)

    assert [(one.cells, one.result, one.problem) for one in rows] == [((), None, DELETED), (("words",), "of m2", None)]
    assert await store.jobs.retry(Question(KEY, "k9", "U1", at(60)), job) == NOTHING_FAILED


async def test_an_edit_is_followed_by_rows_that_are_not_sent_and_takes_the_others_away(store):
    waits = await offer(store, row(1, "old", message="m1"), name="b1")
    sent = await run(store, row(1, "old", message="m1"), row(2, "same", message="m2"), name="b2", pressed="b2")
    await store.questions.ingest(edited("m1", "brand new", 70))
    await store.questions.ingest(edited("m2", "same", 70))
    bound = await store.jobs.read_rows(waits, 0, 9), await store.jobs.read_rows(sent, 0, 9)

    assert [[(one.cells, one.problem) for one in rows] for rows in bound] == [
        [(("brand new",), None)],
        [((), EDITED), (("same",), None)],
    ]


async def test_a_retry_of_rows_that_are_all_erased_leaves_no_job(store):
    job = await run(store, row(1, message="m1"), row(2, message="m2"))
    await store.questions.ingest(deleted("m1"))
    await collect(store, RowResult(2, "of m2", "", 7))
    await close(store)
    told = await store.jobs.retry(Question(KEY, "k9", "U1", at(60)), job)

    assert told == NOTHING_FAILED
    assert [one.number for one in await store.jobs.list_newest(KEY, 9)] == [1]


async def test_rows_are_priced_anew_when_they_are_planned(store):
    await start(store)
    terms = replace(TERMS, price=lambda _model, longest, prompts, answers: 1_000 * longest + prompts + answers)
    await plan(store, terms)
    batch = await due(store)

    assert batch.bound == 7_000 + 21 + 15 + 3


async def test_prices_that_are_no_higher_change_nothing(store):
    await start(store)
    await plan(store, replace(TERMS, price=lambda _model, longest, prompts, answers: 29))
    batch = await due(store)

    assert batch.bound == 30


async def test_a_question_that_shows_a_job_that_is_gone_closes(store):
    await run(store, source="m7")
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.ingest(deleted("m7"))
    await store.jobs.park(claim, 99)
    again = await store.questions.claim_next("p", PLATFORMS)

    assert await store.jobs.find(KEY, "p1") is None
    assert again is not None


async def test_processes_take_up_each_batch_once(shared_url, clock):
    stores = [await open_store(shared_url, clock=clock) for _ in range(3)]
    try:
        await start(stores[0])
        claimed = await asyncio.gather(*(one.batches.claim_job(LEASE) for one in stores))
        (job,) = [one for one in claimed if one]
        await asyncio.gather(*(one.batches.plan(job, PLANNED, [ALL], BatchTerms(1, 10_000, "key")) for one in stores))
        taken = await asyncio.gather(*(one.batches.claim_batches(9, LEASE) for one in stores))

        assert sorted(len(one) for one in taken) == [0, 0, 3]
        assert await spent(stores[0]) == [(3, 3, 21, 15, 30)]
    finally:
        for one in stores:
            await one.shut()


async def test_what_waits_to_be_posted_and_to_be_deleted_is_counted_from_outside(shared_url, clock):
    store = await open_store(shared_url, clock=clock)
    try:
        await run(store, row(1))
        await collect(store, RowResult(1, "eins", "", 7))
        await close(store, Outcome.REFUSED)
        unposted, since = (await inspect(shared_url)).batches, clock()
        await store.jobs.post_again(1)
        await close(store)
        await store.batches.postpone(await due(store), timedelta(hours=1), "no answer")
        posted = (await inspect(shared_url)).batches
    finally:
        await store.shut()

    assert unposted == WaitingBatches(unposted=1, since=since)
    assert posted == WaitingBatches(deletions=1, tries=1, problem="no answer")


# Tasks that wait for a batch

TASK = JobPlan(RowPrompt("", (), {"max_tokens": 5}), "claude-a", "persona compare", '{"names": []}')


def request(number: int, model: str = "claude-a", *messages: str) -> NewRow:
    return NewRow(number, ({"model": model}, {"round": number}), 100, 7, 10, model=model, messages=messages)


async def wait(store, *requests: NewRow):
    """Give a command that waits for a batch, and let it wait; its claim and the job."""
    await store.questions.ingest(commanded("k1", "persona compare 1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    job = await store.jobs.begin(claim, TASK, "k1", 0)
    await store.jobs.add_rows(claim, job, requests or (request(1), request(2)))
    assert await store.jobs.wait_for(claim, job, PLANNED, [ALL]) is None
    await store.jobs.park(claim, (await find(store)).changes)
    return claim, job


async def test_a_command_waits_for_its_own_job_until_that_has_ended(store):
    await wait(store)
    waiting = await store.questions.claim_next("p", PLATFORMS)
    await plan(store)
    batch = await due(store)
    await store.batches.begin_sending(batch)
    await store.batches.note_name(batch, "msgbatch_1", 2, timedelta())
    await collect(store, RowResult(1, "x", "", 7), RowResult(2, "y", "", 7))
    woken = await store.questions.claim_next("p", PLATFORMS)
    job = await store.jobs.find(KEY, "k1")

    assert waiting is None
    assert woken.question.name == "k1"
    assert (job.state, job.run, job.question, job.rows) == (JobState.ENDED, "k1", "k1", 2)
    assert [one.micro_usd for one in await store.jobs.read_rows(job.id, 0, 9)] == [7, 7]
    assert await store.jobs.sum_cost(KEY, "k1") == 21


async def test_requests_of_several_models_are_a_batch_each(store):
    await wait(store, request(1), request(2, "claude-b"), request(3), request(4, "claude-b"))
    await plan(store)
    found = await store.batches.claim_batches(9, LEASE)

    assert [(one.model, one.requests) for one in found] == [("claude-a", 2), ("claude-b", 2)]
    assert [[r.number for r in await store.batches.read_requests(one, 0, 9)] for one in found] == [[1, 3], [2, 4]]
    lines = await store.ledger.sum_usage(ALL, at(-99), "model")
    assert [(one.group, one.micro_usd) for one in lines] == [("claude-a", 20), ("claude-b", 20)]


async def test_a_request_goes_with_any_message_that_stands_in_it(store):
    _, job = await wait(store, request(1, "claude-a", "m1", "m2"), request(2, "claude-a", "m2", "m3"), request(3))
    await store.questions.ingest(deleted("m1"))
    rows = await store.jobs.read_rows(job, 0, 9)

    assert [(one.cells == (), one.problem) for one in rows] == [(True, DELETED), (False, None), (False, None)]


@pytest.mark.parametrize("scope", [Scope("slack:T1", "C1", "other"), Scope("slack:T1", "C1", person="U9")])
async def test_what_a_task_was_told_of_a_channel_goes_with_what_is_forgotten_there(store, scope):
    await wait(store, request(1, "claude-a", "m1"))
    await store.threads.forget(replace(scope, channel=KEY.channel), "U1")

    assert await store.jobs.find(KEY, "k1") is None


async def test_a_stop_cancels_the_batch_of_a_task_and_not_the_task(store):
    await wait(store)
    await store.questions.ingest(press(Control.STOP, question="k1"))
    woken = await store.questions.claim_next("p", PLATFORMS)
    job = await store.jobs.find(KEY, "k1")

    assert woken.question.name == "k1"
    assert (job.state, job.canceled) == (JobState.ENDED, True)


async def test_a_task_that_is_answered_keeps_no_request(store):
    _, job = await wait(store)
    await store.jobs.cancel(job)
    await close(store, Outcome.SHOWN)

    assert await store.jobs.read_rows(job, 0, 9) == []
    assert ((await find(store)).state, (await find(store)).plan) == (JobState.CLOSED, None)
    assert await store.jobs.retry(Question(KEY, "k9", "U1", at(60), command="batch retry"), job) == NOTHING_FAILED


async def test_a_task_that_nobody_waits_for_any_more_is_not_asked(store):
    await store.questions.ingest(commanded("k1", "persona compare 1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    job = await store.jobs.begin(claim, TASK, "k1", 0)
    await store.jobs.add_rows(claim, job, [request(1)])
    await store.questions.ingest(press(Control.STOP, question="k1"))
    await store.jobs.wait_for(claim, job, PLANNED, [ALL])

    assert await store.batches.claim_job(LEASE) is None
