"""Commands about batches, without a number, mean the newest with which they can do something.

Tests core.commands.batches.following, core.commands.batches.progress and core.commands.replies.
"""

from contextlib import asynccontextmanager

from core.domain.controls import Control
from core.domain.messages import Attachment
from tests.fakes.claude.script import Answer, last_words
from tests.support.board_house import closed, command, key, press
from tests.support.house import house
from tests.support.waiting import until

TABLE = b"text\nHello\nGoodbye\n"


@asynccontextmanager
async def offered(store, claude, board, count: int = 1):
    """A house in which some batches were offered to U1; none that is started ends by itself."""
    claude.answer, claude.batches.seconds = lambda body: Answer(text=f"said {last_words(body)}"), None
    board.files["f1"] = TABLE
    async with house(store, claude, board) as assistant:
        for number in range(1, count + 1):
            file = Attachment("f1", "a.csv", "text/csv", len(TABLE))
            await assistant.ingest(command("batch Say {text}", name=f"b{number}", attachments=(file,)))
            await closed(store)
        yield assistant


async def told(assistant, board, store, line: str, name: str, person: str = "U1") -> str:
    """What a command says to its giver alone."""
    before = len(board.whispered)
    await assistant.ingest(command(line, private=True, name=name, person=person))
    await until(lambda: len(board.whispered) > before)
    return board.whispered[-1]


async def runs(store, number: int) -> bool:
    job = await store.jobs.find_numbered(key(), number)
    return job is not None and job.state.value == "started" and not job.canceled


async def test_a_command_without_a_number_means_the_newest_batch_with_which_it_can_be_done(store, claude, board):
    async with offered(store, claude, board, count=3) as assistant:
        dropped = await told(assistant, board, store, "batch stop", "k1")
        started = await told(assistant, board, store, "batch start", "k2")
        second = await runs(store, 2)
        shown = await told(assistant, board, store, "batch show 1", "k3")
        nothing = await told(assistant, board, store, "batch retry", "k4")  # while it runs: its end could come at once
        canceled = await told(assistant, board, store, "batch stop", "k5")

    assert dropped == "It is dropped. None of its rows were asked, and I keep nothing of them."
    assert (started, second) == ("It starts.", True)
    assert shown.startswith(
        "**Batch 1: 2 rows** of a.csv, with claude-haiku-5-5\n\nIt waits for Start. It costs at most $"
    )
    assert shown.endswith("`batch start 1` asks all of its rows, and `batch stop 1` drops it.")
    assert canceled == "It is stopped: what was answered by then comes in a moment."
    assert nothing == "No batch of this channel has rows that could be asked again. `batch list` shows them all."


async def test_a_batch_that_runs_can_not_be_retried_and_says_so(store, claude, board):
    async with offered(store, claude, board) as assistant:
        before = await told(assistant, board, store, "batch retry 1", "k1")
        await told(assistant, board, store, "batch start", "k2")
        while_it_runs = await told(assistant, board, store, "batch retry 1", "k3")
        again = await told(assistant, board, store, "batch start 1", "k4")

    assert before == "This batch was not started yet, so no row of it has failed."
    assert while_it_runs == "This batch still runs. Its rows without an answer can be asked again once it has ended."
    assert again == "This batch was started already."


async def test_stop_ends_the_batch_of_who_says_it_where_nothing_else_is_answered(store, claude, board):
    async with offered(store, claude, board) as assistant:
        nothing = await told(assistant, board, store, "stop", "k1")
        await told(assistant, board, store, "batch start", "k2")
        others = await told(assistant, board, store, "stop", "k3", person="U2")
        ran = await runs(store, 1)
        own = await told(assistant, board, store, "stop", "k4")

    assert nothing == "Nothing is being answered in this conversation."
    assert others.endswith("Batch 1 runs in this channel: `batch stop 1` stops it.")
    assert (ran, await runs(store, 1)) == (True, False)
    assert own == "This is about batch 1. It is stopped: what was answered by then comes in a moment."


async def test_who_may_not_stop_a_batch_is_told_that_it_is_one(store, claude, board):
    async with offered(store, claude, board) as assistant:
        await press(assistant, board, Control.START, "b1", name="s1")
        await until(lambda: claude.batches.given)
        await press(assistant, board, Control.STOP, "s1", person="U2", name="s2")
        await until(lambda: board.whispered)

    assert board.whispered == ["Only who gave this batch, or somebody who manages this channel, can do that."]


async def test_a_preview_says_which_number_its_batch_has(store, claude, board):
    async with offered(store, claude, board, count=2):
        assert board.shown("t1")[1].endswith("This is batch 2.")
