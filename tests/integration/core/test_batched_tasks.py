"""Tasks that ask all at once in a batch: half the price, one answer in their own reply, whatever happens meanwhile.

Tests core.commands.batches.inquiry, core.commands.trials.rounds, core.commands.trials.evaluation and
core.commands.craft.classification.
"""

import asyncio
import json
import re

import pytest

from core.billing.budgets import Budget, Period, dollars
from core.billing.ledger_rows import Scope
from core.billing.prices import read_prices
from core.domain.controls import Control
from core.domain.events import Deleted
from core.domain.messages import Asks, Rank
from core.domain.personas import Example, Persona, Place
from core.store.records.jobs import JobState
from core.store.rules.presses import STOPPED
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Fault, last_words
from tests.support.board_house import ask, closed, command, files, key, messages, press, spent
from tests.support.house import house
from tests.support.waiting import PATIENCE, until

CREATE, DELETE = "/v1/messages/batches", "DELETE /v1/messages/batches"
LOST, NEVER = Fault(None, after=True), Fault(None)
COMPARE = "persona compare now translator last=2 batch=yes"


async def drive(store, board) -> None:
    """Let time pass until all is answered, and nothing is left at Anthropic.

    It stands still while a process answers, which would else be taken for one that has stopped.
    """
    async with asyncio.timeout(PATIENCE):
        while not await is_done(store):
            if not (await store.questions.count_open())[0]:
                board.slept(1)
            await asyncio.sleep(0.02)


async def is_done(store) -> bool:
    waiting = (await store.questions.count_open())[0] + await store.batches.count_due()
    return not waiting and all(one.state is JobState.CLOSED for one in await store.jobs.list_newest(key(), 9))


async def give(assistant, store, board, line, name="k1") -> str:
    """Give a command that everybody sees the answer to; that, once it is there."""
    await assistant.ingest(command(line, name=name))
    await drive(store, board)
    return told(board)


def told(board) -> str:
    """What the newest page says that is no answer to a press."""
    return next(one for one in reversed(board.shown("t1")) if one != STOPPED)


async def waits(store, claude) -> None:
    """A batch is at Anthropic, and its task sleeps."""
    await until(lambda: claude.batches.given)
    while (job := await store.jobs.find_numbered(key(), 1)) is None or job.changes < 1:
        await asyncio.sleep(0.01)


def reply(body) -> Answer:
    """An answer that tells which persona was asked, and what."""
    return Answer(text=f"{body['system'][-1]['text'].split()[-1]} {last_words(body).split()[-1]}")


@pytest.fixture
async def assistant(store, claude, board):
    async with house(store, claude, board, clock=board.now) as running:
        yield running


@pytest.fixture
async def talked(assistant, board, claude, store):
    """A channel with two questions in a thread, each with its answer, and a persona."""
    await store.personas.change(Place("board:w1", "c1"), Persona(system="Answer in Latin."), 0, "U2", START)
    for number in (1, 2):
        claude.script(Answer(text=f"Answer {number}."))
        await ask(assistant, board, store, f"Question {number}")
    claude.answer = reply


async def test_personas_are_compared_in_one_batch_at_half_the_price(talked, assistant, board, claude, store):
    before = claude.billed[:]
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    await until(lambda: board.shown("t1")[-1].startswith("This waits for batch 1, 0 of 4 requests done. It was given"))
    assert board.controls("t1")[-1] == (Control.STOP,)
    claude.batches.end()
    await drive(store, board)

    said, billed = board.shown("t1")[-1], claude.billed[len(before) :]
    assert said.startswith("**The last 2 questions of this channel**\n\n| question | version 1 | `translator` of the ")
    assert "| Question 1 | Latin. 1 | " in said
    assert "| Question 2 | Latin. 2 | " in said
    assert claude.batches.created == 1
    assert [one.batch for one in billed] == [True] * 4
    assert len(messages(claude)) == 2
    assert (await store.jobs.find_numbered(key(), 1)).cost == sum(one.micro_usd for one in billed)
    assert "Latin. 2" in files(board)["comparison.md"]
    assert board.whispered == []
    assert claude.batches.given == {}


async def test_what_is_asked_in_a_batch_is_what_would_be_asked_now(talked, assistant, board, claude, store):
    await give(assistant, store, board, COMPARE)
    await assistant.ingest(command(COMPARE.replace(" batch=yes", ""), name="k2", private=True))
    await closed(store)

    asked_now = [one.body for one in claude.requests if one.path == "/v1/messages"][2:]
    asked_then = [one["params"] for one in claude.batches.ever[0].requests]
    assert asked_then == [{name: value for name, value in body.items() if name != "stream"} for body in asked_now]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([LOST], id="the answer to its creation is lost"),
        pytest.param([NEVER], id="it never arrived"),
        pytest.param([Fault(529, after=True)], id="it was made and is answered with an error"),
        pytest.param([Fault(500)], id="it is answered with an error"),
        pytest.param([Fault(429, "rate_limit_error", retry_after="30")], id="it comes too early"),
    ],
)
async def test_a_batch_whose_outcome_nobody_knows_is_made_once(talked, assistant, board, claude, store, faults):
    claude.script(*faults, path=CREATE)

    said = await give(assistant, store, board, COMPARE)

    assert "| Question 2 | Latin. 2 | " in said
    assert claude.batches.created == 1
    assert claude.batches.given == {}


async def test_a_process_that_ends_leaves_its_task_to_the_next(store, board, claude):
    claude.answer, claude.batches.seconds = reply, None
    async with house(store, claude, board, process="p1", alone=False) as first:
        await ask(first, board, store, "Question 1")
        await first.ingest(command(COMPARE))
        await waits(store, claude)
    claude.batches.end()
    async with house(store, claude, board, process="p2", alone=False):
        await drive(store, board)

    assert [one for one in board.shown("t1") if "**The last question" in one] == board.shown("t1")[-1:]
    assert claude.batches.created == 1
    assert sum(one.micro_usd for one in claude.billed) == (await spent(store))[0].micro_usd


async def test_a_thread_is_replayed_in_a_batch_with_each_model_in_one_of_its_own(
    talked, assistant, board, claude, store
):
    said = await give(assistant, store, board, "replay model=claude-opus-5-5 batch=yes")
    await give(assistant, store, board, "persona tune model=claude-opus-5-5", name="k2")
    await give(assistant, store, board, "persona compare 1 now last=1 batch=yes", name="k3")

    assert "| Question 2 | Answer 2. | Latin. 2 |" in said
    models = [sorted({one["params"]["model"] for one in batch.requests}) for batch in claude.batches.ever]
    assert models[0] == ["claude-opus-5-5"]
    assert sorted(models[1:]) == [["claude-haiku-5-5"], ["claude-opus-5-5"]]  # given in at the same time
    assert {line.group for line in await spent(store)} == {"claude-haiku-5-5", "claude-opus-5-5"}


def judge(body) -> Answer:
    """Says Monday; and of an answer that it says each claim but the second."""
    if "The claims:" not in body["system"][0]["text"]:
        return Answer(text="On Monday.")
    count = len(re.findall(r"^\d+\. ", body["system"][0]["text"], re.MULTILINE))
    findings = [{"number": number, "said": number != 2, "why": "see there"} for number in range(1, count + 1)]
    return Answer(text=json.dumps({"findings": findings}))


EXAMPLES = (Example("When?", ("a day",)), Example("Where?", ("a day", "a place")), Example("Who?", (), ()))


async def test_examples_are_answered_in_one_batch_and_judged_in_the_next(assistant, board, claude, store):
    claude.answer = judge
    persona = Persona(system="Be brief.", examples=EXAMPLES)
    await store.personas.change(Place("board:w1", "c1"), persona, 0, "U2", START)

    said = await give(assistant, store, board, "persona test batch=yes")

    assert said.startswith("**Version 1: 2 of 3 examples hold**")
    assert "| 2 | `Where?` | not said: a place (see there) |" in said
    assert [len(one.requests) for one in claude.batches.ever] == [3, 2]
    assert messages(claude) == []
    cost = (await spent(store))[0].micro_usd
    assert f"It cost {dollars(cost)}." in said
    assert cost == sum(one.micro_usd for one in claude.billed)


async def test_what_was_tested_in_a_batch_can_be_kept(assistant, board, claude, store):
    claude.answer = judge
    for number, system in enumerate(("Be brief.", "Be long.")):
        persona = Persona(system=system, examples=EXAMPLES)
        await store.personas.change(Place("board:w1", "c1"), persona, number, "U2", START)

    await give(assistant, store, board, "persona test 1 batch=yes")
    assert Control.KEEP in board.controls("t1")[-1]
    await press(assistant, board, Control.KEEP, "k1")
    await closed(store)

    assert (await store.personas.persona(Place("board:w1", "c1"))).persona.system == "Be brief."


def classify_as(choose):
    """A Claude that gives each message the category that `choose` says of its number."""

    def answer(body):
        numbers = map(int, re.findall(r"\[#(\d+)\]", body["messages"][0]["content"][0]["text"]))
        found = [{"message": one, "category": choose(one)} for one in numbers if choose(one)]
        return Answer(text=json.dumps({"messages": found}))

    return answer


async def test_messages_are_classified_in_one_batch(assistant, board, claude, store):
    for number in range(150):
        board.said("t1", "U2", f"message {number}", asks=Asks.NO)
    claude.answer = classify_as(lambda number: "bug" if number % 5 else "praise")

    said = await give(assistant, store, board, 'classify categories="bug, praise" last=150 batch=yes')

    assert "| bug | 120 | 80% |\n| praise | 30 | 20% |" in said
    assert [len(one.requests) for one in claude.batches.ever] == [2]
    assert messages(claude) == []


async def test_what_has_no_answer_is_told_row_by_row(talked, assistant, board, claude, store):
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    (batch,) = claude.batches.given.values()
    claude.batches.expires = frozenset({str(batch.requests[0]["custom_id"])})
    claude.answer = lambda body: (
        Fault(400, "invalid_request_error") if "Question 2" in last_words(body) else reply(body)
    )
    claude.batches.end()
    await drive(store, board)

    said = told(board)
    assert re.search(r"\| Question 1 \| \S*It was not answered within 24 hours\.\S* \| [^`|(]+ \|", said)
    assert said.count("Claude's API refused this request.") == 2


async def test_a_batch_of_which_nothing_came_says_why(talked, assistant, board, claude, store):
    claude.script(Fault(400, "invalid_request_error", "no"), path=CREATE)

    said = await give(assistant, store, board, COMPARE)

    assert said.startswith("Claude could not take this request.")
    assert claude.batches.created == 0


@pytest.mark.parametrize("person", ["U1", "U2"])
async def test_a_stop_ends_the_batch_and_what_is_answered_by_then_is_shown(
    talked, assistant, board, claude, store, person
):
    board.ranks["U2"] = Rank.MANAGER
    claude.batches.seconds, claude.batches.done = None, 2
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    await press(assistant, board, Control.STOP, "k1", person=person)
    await drive(store, board)

    said = told(board)
    assert "| Question 1 | Latin. 1 | " in said
    assert "Stopped." in said
    assert "I was asked to stop." in said
    assert claude.batches.given == {}


async def test_a_stop_before_anything_is_answered_says_so(talked, assistant, board, claude, store):
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    await press(assistant, board, Control.STOP, "k1")
    await drive(store, board)

    assert board.shown("t1")[-1].startswith("I was asked to stop.")


async def test_a_budget_forbids_what_it_has_too_little_left_for(talked, assistant, board, claude, store):
    await store.ledger.allow(Budget(Scope("board:w1"), Period.MONTH, 1, "UTC", "U1", START), 0)

    said = await give(assistant, store, board, COMPARE)

    assert "budget" in said
    assert claude.batches.created == 0
    assert await store.jobs.list_newest(key(), 9) == []


async def test_the_worst_case_is_set_aside_at_half_the_price(talked, assistant, board, claude, store):
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    job = await store.jobs.find_numbered(key(), 1)
    bound = (await store.jobs.measure(job.id)).bound
    price = read_prices().find_price("claude-haiku-5-5", START.date())
    output = sum(one["params"]["max_tokens"] for one in claude.batches.ever[0].requests) * float(price.output) / 2
    claude.batches.end()
    await drive(store, board)

    assert output < bound < output * 1.5


async def test_what_was_told_of_a_deleted_message_goes_and_the_rest_is_answered(
    talked, assistant, board, claude, store
):
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    newest = board.posts[key()][-2].id
    await assistant.ingest(Deleted("gone", key(), newest, board.now()))
    claude.batches.end()
    await drive(store, board)

    said = told(board)
    assert "| Question 1 | Latin. 1 | " in said
    assert "Question 2" not in said
    assert "2 requests went with a message that was deleted." in said


async def test_a_thread_that_is_forgotten_takes_its_batch_along(talked, assistant, board, claude, store):
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    await store.threads.forget(Scope("board:w1", "c1", "t1"), "U1")
    await drive(store, board)

    assert await store.jobs.list_newest(key(), 9) == []
    assert claude.batches.given == {}
    assert "**The last" not in "".join(board.shown("t1"))


async def test_who_deletes_the_command_takes_its_batch_back(talked, assistant, board, claude, store):
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    await assistant.ingest(Deleted("gone", key(), "k1", board.now()))
    await drive(store, board)

    assert claude.batches.given == {}
    assert "**The last" not in "".join(board.shown("t1"))


async def test_who_lost_their_rank_is_not_shown_what_came(talked, assistant, board, claude, store):
    board.ranks["U2"] = Rank.MANAGER
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE, person="U2"))
    await waits(store, claude)
    board.ranks["U2"] = Rank.MEMBER
    claude.batches.end()
    await drive(store, board)

    assert board.shown("t1")[-1] == "Only those who manage this channel can use `persona compare`."
    assert claude.batches.given == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('schedule add "every day 9:00" classify categories="a, b" batch=yes', "A schedule waits for no batch."),
        ("persona compare now translator batch=maybe", "batch is one of yes, no"),
    ],
)
async def test_what_can_not_be_asked_in_a_batch_is_told(talked, assistant, board, claude, store, line, said):
    await assistant.ingest(command(line, private=True))
    await closed(store)

    assert board.whispered[-1].startswith(said)


async def test_batches_of_tasks_are_listed_without_a_word_of_anybodys(talked, assistant, board, claude, store):
    await give(assistant, store, board, COMPARE)
    job = await store.jobs.find_numbered(key(), 1)
    await assistant.ingest(command("batch list", name="k2", private=True))
    await closed(store)

    assert (job.state, job.plan) == (JobState.CLOSED, None)
    assert await store.jobs.read_rows(job.id, 0, 9) == []
    assert "| 1 | 4 | " in board.whispered[-1]


async def test_how_far_it_is_is_told_anew_once_a_minute(talked, assistant, board, claude, store):
    claude.batches.seconds = None
    await assistant.ingest(command(COMPARE))
    await waits(store, claude)
    board.slept(120)
    await until(lambda: "2 minutes ago" in board.shown("t1")[-1])
    told_so_far = [one for one in board.written[key()] if "This waits" in one]
    claude.batches.end()
    await drive(store, board)

    assert len(told_so_far) <= 3
