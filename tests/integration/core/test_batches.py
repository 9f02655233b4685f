"""Batches at Claude's API, whatever goes wrong there: each is made once, collected, paid exactly, and deleted.

Tests core.claude.batches.message_batches, core.jobs.pace, core.jobs.submission, core.jobs.collection, core.jobs.worker, core.commands.batches.preview,
core.commands.batches.following, core.commands.batches.sources, core.commands.batches.offers and core.commands.batches.progress.
"""

import asyncio
import csv
import io
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import anthropic
import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Scope
from core.commands.batches.offers import ALL_FAILED
from core.commands.batches.preview import NOTHING_TO_ASK
from core.domain.controls import Control
from core.domain.messages import Attachment
from core.prompting.row_prompts import BLANK
from core.store.records.jobs import JobState, RowState
from core.store.rules.jobs.batches import PERSONAL_BUDGET
from tests.fakes.board import START
from tests.fakes.claude.client import ASK
from tests.fakes.claude.script import Answer, Fault, last_words
from tests.support.board_house import closed, command, give, key, press
from tests.support.house import house
from tests.support.waiting import PATIENCE, until

CREATE, LOOK, DELETE = "/v1/messages/batches", "GET /v1/messages/batches", "DELETE /v1/messages/batches"
TABLE = b"text\nHello\nGoodbye\nThanks\nPlease\n"
PREVIEW = 30  # micro-dollars that the first rows cost
LOST = Fault(None, after=True)
NEVER = Fault(None)


@asynccontextmanager
async def offered(store, claude, board, table: bytes = TABLE, line: str = "batch Say {text}", **options):
    """A house in which a batch was offered to Ada."""
    claude.answer = lambda body: Answer(text=f"said {last_words(body)}")
    board.files["f1"] = table
    async with house(store, claude, board, **options) as assistant:
        file = Attachment("f1", "a.csv", "text/csv", len(table))
        await assistant.ingest(command(line, name="b1", attachments=(file,)))
        await closed(store)
        yield assistant


async def start(assistant, board, name: str = "s1"):
    return await press(assistant, board, Control.START, "b1", name=name)


async def ended(store, number: int = 1):
    """The job, once its results are posted."""
    while True:
        job = await store.jobs.find_numbered(key(), number)
        if job and job.state is JobState.CLOSED:
            return job
        await asyncio.sleep(0.01)


def result(board, name: str = "batch-1.csv") -> str:
    """The content of a file that was posted."""
    (found,) = [file.content.decode() for files in board.hung.values() for file in files if file.name == name]
    return found


def answers(board, name: str = "batch-1.csv") -> list[list[str]]:
    return [line.split(",")[1:] for line in result(board, name).splitlines()[1:]]


ALL = [[word, f"said Say {word}", ""] for word in ("Hello", "Goodbye", "Thanks", "Please")]


@pytest.mark.parametrize(
    ("faults", "created"),
    [
        pytest.param({}, 1, id="nothing"),
        pytest.param({CREATE: [LOST]}, 1, id="the answer to its creation is lost"),
        pytest.param({CREATE: [NEVER]}, 1, id="it never arrived"),
        pytest.param({CREATE: [Fault(529, after=True)]}, 1, id="it was made and is answered with an error"),
        pytest.param({CREATE: [Fault(500)]}, 1, id="it is answered with an error"),
        pytest.param({CREATE: [LOST], LOOK: [NEVER, Fault(500)]}, 1, id="it is lost and the list can't be had"),
        pytest.param({LOOK: [NEVER, Fault(529, retry_after="0")]}, 1, id="a look at it fails"),
        pytest.param({LOOK: [Fault(), LOST, LOST]}, 1, id="its results break off"),
        pytest.param({DELETE: [LOST, NEVER, Fault(500)]}, 1, id="its deletion fails"),
    ],
)
async def test_a_batch_is_made_once_and_its_results_are_posted_once(store, claude, board, faults, created):
    async with offered(store, claude, board) as assistant:
        for path, scripted in faults.items():
            claude.script(*scripted, path=path)
        await start(assistant, board)
        await drive(store, board)

        assert answers(board) == ALL
        assert claude.batches.created == created
        assert claude.batches.given == {}
        assert board.shown("t1")[-1].endswith("4 of 4 rows are answered. It cost $0.00002, at batch prices.")


async def drive(store, board) -> None:
    """Let time pass until a job has ended and nothing of it is left at Anthropic."""
    ending = asyncio.create_task(ended(store))
    async with asyncio.timeout(PATIENCE):
        while not (ending.done() and not await store.batches.count_due()):
            board.slept(5)
            await asyncio.sleep(0.02)


async def test_requests_of_others_are_not_taken_for_a_batch_of_ours(store, claude, board):
    async with (
        offered(store, claude, board) as assistant,
        anthropic.AsyncAnthropic(api_key=claude.key, base_url=claude.url) as sdk,
    ):
        others = [{"custom_id": f"job-{number}", "params": ASK} for number in range(4)]
        for _ in range(2):
            made = await sdk.messages.batches.create(requests=others)  # type: ignore[arg-type]  as the SDK takes them
        claude.script(LOST, path=CREATE)
        await start(assistant, board)
        await drive(store, board)
        claude.billed = [one for one in claude.billed if one.usage.input_tokens > 5]

        assert answers(board) == ALL
        assert made.id in claude.batches.given
        assert claude.batches.created == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(401, "authentication_error", "bad key"), "Claude does not accept this bot's key."),
        (Fault(404, "not_found_error", "Not Found"), "has no Message Batches"),
        (Fault(400, "invalid_request_error", "no"), "Claude could not take this request."),
    ],
)
async def test_what_the_api_will_not_take_costs_nothing_and_says_so(store, claude, board, fault, said):
    async with offered(store, claude, board) as assistant:
        claude.script(fault, path=CREATE)
        await start(assistant, board)
        await drive(store, board)

        assert said in board.shown("t1")[-1]
        assert "0 of 4 rows are answered. It cost $0.00" in board.shown("t1")[-1]
        assert board.attached("t1")[-1] == []


async def test_too_many_requests_are_tried_again_when_the_api_says(store, claude, board):
    async with offered(store, claude, board) as assistant:
        claude.script(Fault(429, "rate_limit_error", retry_after="30"), path=CREATE)
        await start(assistant, board)
        await drive(store, board)

        assert answers(board) == ALL


async def test_a_large_job_is_several_batches_whose_rows_come_in_their_order(store, claude, board):
    async with offered(store, claude, board, batch_requests=3) as assistant:
        await start(assistant, board)
        await drive(store, board)

        assert answers(board) == ALL
        assert claude.batches.created == 2


async def test_a_budget_that_is_used_up_midway_ends_a_job_with_what_was_asked(store, claude, board):
    async with offered(store, claude, board, batch_requests=3, line="batch max_tokens=20 Say {text}") as assistant:
        bound = (await store.jobs.measure((await store.jobs.find_numbered(key(), 1)).id)).bound
        await store.ledger.allow(Budget(Scope("board:w1"), Period.MONTH, bound + PREVIEW - 1, "UTC", "U1", START), 0)
        await start(assistant, board)
        await drive(store, board)

        assert "budget" in board.shown("t1")[-1]
        assert [one[2] for one in answers(board)][-1] == "no budget was left for it"


async def test_what_expires_and_what_errs_is_told_row_by_row(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board) as assistant:
        claude.answer = lambda body: (
            Fault(400, "invalid_request_error") if "Thanks" in last_words(body) else Answer(text="ok")
        )
        await start(assistant, board)
        await until(lambda: claude.batches.given)
        (batch,) = claude.batches.given.values()
        claude.batches.expires = frozenset({str(batch.requests[1]["custom_id"])})
        claude.batches.end()
        await drive(store, board)

        assert answers(board) == [
            ["Hello", "ok", ""],
            ["Goodbye", "", "it was not answered within 24 hours"],
            ["Thanks", "", "Claude's API refused this row"],
            ["Please", "ok", ""],
        ]
        assert board.controls("t1")[-1] == (Control.RETRY_FAILED,)


async def test_a_batch_that_somebody_deleted_at_anthropic_stands_at_its_bound(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board, alone=False) as assistant:
        await start(assistant, board)
        await until(lambda: claude.batches.given)
        await asyncio.sleep(0.1)
        claude.batches.given.clear()
        await drive(store, board)

        assert "0 of 4 rows are answered." in board.shown("t1")[-1]
        assert "\u201cthe batch is gone at Anthropic\u201d (4)" in board.shown("t1")[-1]


async def test_a_batch_of_another_key_waits_for_that_key(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board) as assistant:
        await start(assistant, board)
        await until(lambda: claude.batches.given)
        await asyncio.sleep(0.1)
    old = claude.key
    claude.add_workspace("sk-ant-other")
    claude.key = "sk-ant-other"
    async with house(store, claude, board, process="p2"):
        board.slept(60)
        await asyncio.sleep(0.2)
        looks = [one.path for one in claude.requests if one.headers.get("authorization", "").endswith("other")]
    claude.key = old
    claude.batches.seconds = 0.0
    async with house(store, claude, board, process="p3", alone=False):
        board.slept(4_000)
        await drive(store, board)

    assert not any("msgbatch" in path for path in looks)
    assert answers(board) == ALL


async def test_an_offer_that_the_house_cannot_keep_is_none(store, claude, board):
    async with offered(store, claude, board, line="batch nothing {there}"):
        assert board.whispered or board.shown("t1")
        assert await store.jobs.find_numbered(key(), None) is None


async def test_results_that_no_message_takes_come_in_several_and_hold_each_row_once(store, claude, board):
    table = b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"x" * 90_000) for number in range(1, 111))
    async with offered(store, claude, board, table, "batch Say {id}") as assistant:
        await start(assistant, board)
        await asyncio.wait_for(ended(store), 4 * PATIENCE)
        await closed(store)
        shown, attached = board.shown("t1")[-2:], board.attached("t1")[-2:]
        files = {file.name: file.content for files in board.hung.values() for file in files}
        told = [int(line.partition(b",")[0]) for one in files.values() for line in one.splitlines()[1:]]

        assert attached == [["batch-1-rows-1-to-105.csv"], ["batch-1-rows-106-to-110.csv"]]
        assert shown[0].endswith("They come in several messages, a file each: this one ends with row 105.")
        assert shown[1].endswith("Rows 106 to 110.")
        assert told == list(range(1, 111))


async def test_who_gave_a_batch_that_takes_long_is_mentioned_in_a_message_of_its_own_with_the_results(
    store, claude, board
):
    claude.batches.seconds = None
    async with offered(store, claude, board) as assistant:
        await start(assistant, board)
        await until(lambda: claude.batches.given)
        board.slept(120)
        claude.batches.end()
        await drive(store, board)

        assert board.shown("t1")[1].endswith("It has ended. Its results stand below.")
        assert "4 of 4 rows are answered." in board.shown("t1")[2]
        assert board.attached("t1")[1:] == [[], ["batch-1.csv", "batch-1.jsonl"]]
        assert board.notified == ["U1"]


async def test_who_gave_a_batch_is_told_once_that_no_row_has_an_answer(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board) as assistant:
        claude.answer = lambda body: Fault(400, "invalid_request_error")
        await start(assistant, board)
        await until(lambda: claude.batches.given)
        board.slept(120)
        claude.batches.end()
        await drive(store, board)
        await closed(store)

        assert len(board.shown("t1")) == 3
        assert "There are no files, for no row has an answer." in board.shown("t1")[2]
        assert (board.controls("t1")[2], board.notified) == ((Control.RETRY_FAILED,), ["U1"])


async def test_a_batch_of_which_no_failed_row_can_be_asked_again_offers_no_retry(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board, b'{"text": "Hello"}\n{"text": ""}\n', "batch {text}") as assistant:
        await start(assistant, board)
        await until(lambda: claude.batches.given)
        claude.batches.end()
        await drive(store, board)
        told, controls = board.shown("t1")[-1], board.controls("t1")[-1]
        await give(assistant, store, "batch retry", name="x1")

        assert "1 row has no answer" in told
        assert controls == ()
        assert board.shown("t1")[-1].startswith("No batch of this channel has rows that could be asked again.")


async def test_a_message_that_can_not_be_changed_ends_no_batch_that_runs(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board, alone=False) as assistant:
        await start(assistant, board)
        await until(lambda: claude.batches.given and len(board.shown("t1")) == 2)
        board.closed.add(key())
        board.slept(100)
        await until(lambda: board.troubled)
        claude.batches.end()
        await until(lambda: len(board.troubled) > 1)
        board.closed.clear()
        await give(assistant, store, "batch show 1", name="x1")
        await drive(store, board)

        assert answers(board) == ALL


async def test_a_batch_whose_results_are_gone_is_written_off(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board, alone=False) as assistant:
        await start(assistant, board)
        await until(lambda: claude.batches.given)
        claude.batches.lost |= claude.batches.given.keys()
        claude.batches.end()
        await drive(store, board)

        assert "“the batch is gone at Anthropic” (4)" in board.shown("t1")[-1]
        assert claude.batches.given == {}


def rename(line: bytes, number: int) -> bytes:
    """The result of another row."""
    told = json.loads(line)
    token = told["custom_id"].rpartition("-")[0]
    return json.dumps({**told, "custom_id": f"{token}-{number}"}).encode() + b"\n"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(lambda lines: [lines[0], *lines, lines[0]], id="twice"),
        pytest.param(lambda lines: [*lines, rename(lines[0], 99)], id="of a row that was never sent"),
        pytest.param(lambda lines: [b'{"custom_id": "x-1", "result": {"type": "expired"}}\n', *lines], id="of others"),
    ],
)
async def test_a_result_of_no_row_of_the_batch_and_one_that_comes_again_cost_nothing(store, claude, board, told):
    claude.batches.told = told
    async with offered(store, claude, board) as assistant:
        await start(assistant, board)
        await drive(store, board)

        assert answers(board) == ALL


async def test_a_batch_whose_results_do_not_come_holds_up_no_other(store, claude, board):
    claude.batches.seconds = None
    async with offered(store, claude, board, batch_requests=3) as assistant:
        await start(assistant, board)
        await until(lambda: len(claude.batches.given) == 2)
        slow, other = claude.batches.given
        claude.batches.stuck.add(slow)
        claude.batches.end(slow)
        await until(lambda: any(one.path.endswith(f"{slow}/results") for one in claude.requests))
        claude.batches.end(other)
        job = await store.jobs.find_numbered(key(), 1)
        async with asyncio.timeout(PATIENCE):
            while not (await store.jobs.measure(job.id)).count(RowState.DONE):
                await asyncio.sleep(0.02)
        claude.batches.stuck.clear()
        await drive(store, board)

        assert answers(board) == ALL


async def test_a_batch_that_is_not_given_in_yet_does_not_say_so(store, claude, board):
    async with offered(store, claude, board, batch_requests=2) as assistant:
        claude.script(*[Fault(429, "rate_limit_error", retry_after="600")] * 2, path=CREATE)
        await start(assistant, board)
        await until(lambda: sum(one.path == CREATE for one in claude.requests) == 2)
        await give(assistant, store, "batch show 1", name="x1")
        told = board.whispered[-1]
        board.slept(700)
        await drive(store, board)

        assert "It is being given to Anthropic." in told
        assert "0 of 2 parts have ended." in told


async def test_an_empty_cell_costs_its_row_alone_which_is_never_asked(store, claude, board):
    table = b'{"text": ""}\n{"text": null}\n{"text": "Thanks"}\n{"text": " "}\n{"text": "Please"}\n'
    async with offered(store, claude, board, table, "batch {text}") as assistant:
        preview = board.shown("t1")[0]
        await start(assistant, board)
        await drive(store, board)

    assert "3 rows can't be asked" in preview
    assert "said Thanks" in preview
    assert [(one["answer"], one["error"]) for one in csv.DictReader(io.StringIO(result(board)))] == [
        ("", BLANK),
        ("", BLANK),
        ("said Thanks", ""),
        ("", BLANK),
        ("said Please", ""),
    ]


async def test_a_batch_in_which_no_row_can_be_asked_is_refused(store, claude, board):
    async with offered(store, claude, board, b'{"text": ""}\n{"text": null}\n', "batch {text}"):
        assert board.whispered + board.shown("t1") == [NOTHING_TO_ASK]
        assert claude.billed == []


async def test_a_row_that_the_api_refuses_costs_no_other_its_preview(store, claude, board):
    async with offered(store, claude, board, line="batch categories=a,b {text}"):
        first = board.shown("t1")[0]
    claude.answer = lambda body: (
        Fault(400, "invalid_request_error") if "Hello" in last_words(body) else Answer(text="ok")
    )
    async with house(store, claude, board) as assistant:
        file = Attachment("f1", "a.csv", "text/csv", len(TABLE))
        await assistant.ingest(command("batch Tell {text}", name="b2", attachments=(file,)))
        await closed(store)

    assert ALL_FAILED in first
    assert "(Claude's API refused this row)" in board.shown("t1")[1]
    assert ALL_FAILED not in board.shown("t1")[1]


@pytest.mark.parametrize("public", [None, 9_000_000])
async def test_nobody_else_hears_of_a_persons_budget(store, claude, board, public):
    mine = Budget(Scope("board:w1", person="U1"), Period.DAY, 7_770_000, "UTC", "U1", START)
    await store.ledger.allow(mine, 0)
    if public:
        await store.ledger.allow(Budget(Scope("board:w1", "c1"), Period.DAY, public, "UTC", "U1", START), 0)
    async with offered(store, claude, board) as assistant:
        await store.ledger.allow(replace(mine, micro_usd=PREVIEW + 1), 1)
        await start(assistant, board)
        await drive(store, board)

    told = "\n".join(board.shown("t1"))
    assert not any(word in told for word in ("$7.77", "your budget", "$0.000031", "No budget"))
    assert ("this channel's budget of $9.00 a day" in told) is bool(public)
    assert PERSONAL_BUDGET in board.shown("t1")[-1]


async def test_the_refusal_of_a_channels_budget_names_that_one_where_a_persons_has_less_left(store, claude, board):
    elsewhere = PlannedRequest(key(channel="c2"), "q", "U1", "claude-haiku-5-5", 0, 9, 9, START, 500)
    await store.ledger.reserve(elsewhere, [])
    await store.ledger.allow(Budget(Scope("board:w1", person="U1"), Period.DAY, 1_500, "UTC", "U1", START), 0)
    await store.ledger.allow(Budget(Scope("board:w1", "c1"), Period.DAY, 1_050, "UTC", "U1", START), 0)
    async with offered(store, claude, board):
        (told,) = board.shown("t1")

    assert "of this channel's budget of $0.0010 a day $0.0010 is left" in told


async def test_rows_of_a_channel_are_what_people_say_to_each_other(store, claude, board):
    claude.answer = lambda body: Answer(text=f"said {last_words(body)}")
    async with house(store, claude, board) as assistant:
        await assistant.ingest(board.said("t2", "U2", "It crashes."))
        await closed(store)
        for text in ("<@U0> !persona show", "! batch list", "help", "!important: it crashes again."):
            board.said("t2", "U2", text)
        await give(assistant, store, 'batch last=2 "Say {text}"', name="b1")
        job = await store.jobs.find_numbered(key(), 1)
        rows = await store.jobs.read_rows(job.id, 0, 9)

    assert any(message.mine for message in board.posts[key("t2")])
    assert [one.cells[1:3] for one in rows] == [("Bob", "It crashes."), ("Bob", "!important: it crashes again.")]
