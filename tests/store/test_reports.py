"""What was asked and what became of it, as figures.

Tests core.store.rules.reports.activity, core.store.rules.reports.day_sums, core.store.rules.reports.live and their
records.
"""

from datetime import timedelta

from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.domain.messages import Outcome, Rank, ThreadKey
from core.domain.usage import Usage
from core.store.records.reports.activity import DayCost, OutcomeCount
from core.store.records.reports.live import PersonCount
from core.store.records.sign_ins.sessions import Identity, hash_token
from tests.support.talk import asked, at, commanded, message, thread

HERE, ELSEWHERE = "slack:T1", "slack:T2"


async def answer(store, outcome, *pages):
    claim = await store.questions.claim_next("p1", ["slack"])
    for name, seconds in pages:
        await store.questions.record_page(claim, name, at(seconds))
    await store.questions.close(claim, outcome)


async def ask(store, name, seconds, person="U1", workspace=HERE):
    await store.questions.ingest(
        asked(message(name, author=person, seconds=seconds), thread(name, workspace=workspace))
    )


async def test_questions_are_counted_by_what_became_of_them_and_commands_and_other_workspaces_are_not(store):
    await ask(store, "1", 0)
    await answer(store, Outcome.SHOWN, ("1p", 3))
    await ask(store, "2", 901, person="U2")
    await answer(store, Outcome.REFUSED)
    await ask(store, "3", 902)
    await ask(store, "4", 0, workspace=ELSEWHERE)
    await store.questions.ingest(commanded("5"))

    counted = await store.reports.count_outcomes(Scope(HERE), [at(0), at(900)])

    assert counted == [
        OutcomeCount(0, "shown", "", 1),
        OutcomeCount(1, "open", "", 1),
        OutcomeCount(1, "refused", "", 1),
    ]
    days = [at(900 - 86_400 * days) for days in range(9, -1, -1)]  # more than are counted in one unit of work
    assert [one.day for one in await store.reports.count_outcomes(Scope(HERE), days)] == [8, 9, 9]
    assert await store.reports.count_outcomes(Scope(HERE), [at(902)]) == [OutcomeCount(0, "open", "", 1)]
    assert await store.reports.count_outcomes(Scope(HERE, person="U2"), [at(0), at(900)]) == [counted[2]]


async def test_the_requests_of_each_day_are_summed_up_and_what_died_stands_at_its_bound(store):
    for seconds, person, used in ((1, "U1", True), (901, "U1", True), (902, "U2", False)):
        planned = PlannedRequest(thread("1", workspace=HERE), "1", person, "m", 1, 100, 9, at(seconds), 50)
        reserved = await store.ledger.reserve(planned, [])
        usage = Usage(input=4, output=3, cache_read=20, cache_write_5m=6) if used else None
        await store.ledger.settle(
            reserved, Settlement(usage, "end_turn", at(seconds), "m", "r", 7 if used else None, 2)
        )

    assert await store.reports.sum_costs(Scope(HERE), [at(0), at(900), at(2000)]) == [
        DayCost(1, 7, 2, 30, 20),
        DayCost(2, 57, 4, 130, 20),
        DayCost(),
    ]
    assert await store.reports.sum_costs(Scope(HERE, person="U2"), [at(0)]) == [DayCost(1, 50, 2, 100, 0)]
    assert await store.reports.sum_costs(Scope(ELSEWHERE), [at(0)]) == [DayCost()]


BY = ["channel", "person", "model", "persona", "miss", "quarter", "bill"]


async def reserve(store, seconds, *, person="U1", model="m", channel="c1", persona=1, direct=False):
    key = ThreadKey(HERE, channel, "1")
    planned = PlannedRequest(key, "1", person, model, persona, 100, 9, at(seconds), 50)
    return await store.ledger.reserve(planned, [])


async def settle(store, reserved, seconds, micro_usd=7, model="m2"):
    usage = Usage(4, 3, 1, 20, 6, 5, 2) if micro_usd is not None else None
    await store.ledger.settle(reserved, Settlement(usage, "end_turn", at(seconds), model, "r", micro_usd, 2, "grew"))


async def test_sums_of_days_that_are_over_are_the_plain_sums_also_after_requests_that_end_late(store):
    midnights = [at(-86_400 * days) for days in (4, 3, 2, 1, 0)]
    late = []
    for number in range(40):
        seconds = -86_400 * 4 + number * 8_000
        reserved = await reserve(store, seconds, person=f"U{number % 3}", channel=f"c{number % 4}", persona=number % 2)
        if number % 13 == 0:
            late.append(reserved)
        else:
            await settle(store, reserved, seconds, None if number % 5 == 0 else number)

    async def compare():
        plain = {by: await store.ledger.sum_usage(Scope(HERE), midnights[0], by) for by in BY}
        shown = {by: await store.reports.sum_usage(HERE, midnights, by) for by in BY}
        days = await store.reports.sum_usage(HERE, midnights, "day")
        costs = sum(await store.reports.sum_costs(Scope(HERE), midnights), DayCost())
        assert all(plain.values())
        assert shown == plain
        assert [one.group for one in days] == [f"{one:%Y-%m-%d}" for one in midnights[:4]]
        assert sum(one.micro_usd for one in days) == costs.micro_usd
        assert costs.micro_usd == sum(line.micro_usd for line in plain["model"])

    await compare()
    await settle(store, late[0], -100, 5_000)
    await compare()
    await settle(store, late[1], -100, None)
    await settle(store, await reserve(store, -50), -40, 600)
    await compare()
    await compare()
    assert await store.reports.sum_usage(ELSEWHERE, midnights, "person") == []


async def test_the_wait_for_an_answer_is_from_the_question_to_the_first_message_of_it(store):
    for number, pages in enumerate([(("a", 2.5), ("b", 9)), (("c", 11),), ()]):
        await ask(store, str(number), number * 10)
        await answer(store, Outcome.SHOWN, *pages)

    every = await store.reports.measure_first_pages(Scope(HERE), at(0), 10)
    newest = await store.reports.measure_first_pages(Scope(HERE), at(0), 2)

    assert sorted(every) == [timedelta(seconds=1), timedelta(seconds=2.5)]
    assert list(newest) == [timedelta(seconds=1)]


async def test_a_workspaces_pulse_tells_of_each_person_what_waits_and_what_today_brought(store):
    await ask(store, "0", -5)
    await answer(store, Outcome.SHOWN)
    for name, person in (("1", "U1"), ("2", "U2"), ("3", "U2")):
        await ask(store, name, int(name), person=person)
    await answer(store, Outcome.SHOWN)
    await answer(store, Outcome.REFUSED)
    await ask(store, "4", 9, workspace=ELSEWHERE)
    await store.questions.ingest(commanded("5"))
    for person, micro_usd in (("U1", 70), ("U1", 5)):
        planned = PlannedRequest(thread("1", workspace=HERE), "1", person, "m", 1, 9, 9, at(1), micro_usd)
        await store.ledger.reserve(planned, [])
    tokens = [
        (await store.sign_ins.use_link(await store.sign_ins.make_link(Identity(one, "U1")), Rank.OWNER))[0]
        for one in (HERE, HERE, ELSEWHERE)
    ]
    await store.sign_ins.end(tokens[1])

    pulse = await store.reports.take_pulse(HERE, at(0), 10)

    assert pulse.people == {"U1": PersonCount(0, 1, 75), "U2": PersonCount(1, 0, 0)}
    assert (pulse.count(), pulse.count("U2"), pulse.count("U3")) == (
        PersonCount(1, 1, 75),
        PersonCount(1, 0, 0),
        PersonCount(),
    )
    assert pulse.sessions == {hash_token(tokens[0])}
