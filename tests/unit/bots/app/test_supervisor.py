"""A platform that fails is run again, and its neighbours never notice."""

import asyncio
import logging

import pytest

from bots.app.supervisor import Supervisor, run_once_connected
from core.domain.errors import CannotConnect
from tests.fakes.board import Board

REFUSED = CannotConnect("SLACK_BOT_TOKEN: Slack does not take this token.")


class Failing(Board):
    """A board whose runs last and end as told: (seconds, error), one after another; after them it runs for good."""

    def __init__(self, *ends: tuple[float, Exception | None]) -> None:
        super().__init__()
        self.ends = list(ends)
        self.now_at = 0.0
        self.pauses: list[float] = []
        self.offlines: list[str] = []
        self.well = asyncio.Event()
        self.connection = Supervisor(self, self.sleep, lambda: self.now_at)

    async def run(self, ingest, connected):
        if not self.ends:
            self.well.set()
            await super().run(ingest, connected)
        seconds, error = self.ends.pop(0)
        self.now_at += seconds
        if error is not None:
            raise error

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.offlines.append(self.connection.offline)
        await asyncio.sleep(0)


async def ingest(event):
    raise AssertionError("nothing is said here")


async def ran(platform: Failing) -> None:
    """Run it until it runs for good."""
    task = asyncio.create_task(platform.connection.run(ingest))
    await asyncio.wait_for(platform.well.wait(), 30)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_after_each_failure_the_pause_is_longer_up_to_a_minute():
    platform = Failing(*[(1.0, OSError("no route"))] * 9)

    await ran(platform)

    least = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(low <= pause <= min(low + 1, 60) for low, pause in zip(least, platform.pauses, strict=True))


async def test_after_it_ran_well_for_a_while_the_pauses_begin_from_the_start():
    platform = Failing(*[(1.0, OSError())] * 4, (3600.0, OSError()), (1.0, OSError()))

    await ran(platform)

    assert [round(pause // 1) for pause in platform.pauses[:3]] == [1, 2, 4]
    assert len(platform.pauses) == 5
    assert platform.pauses[-1] <= 2


async def test_one_that_will_go_on_refusing_is_one_line_and_waits_longest(caplog):
    platform = Failing((0.1, REFUSED))

    await ran(platform)

    assert platform.pauses == [60]
    assert [record.getMessage() for record in caplog.records] == [f"board refuses to connect: {REFUSED}"]
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, "SLACK_BOT_TOKEN: Slack does not take this token."),
        (OSError("host 10.0.0.7, key hunter2"), "failed: OSError"),
        (None, "failed: RuntimeError"),
    ],
    ids=["refused", "failed", "returned"],
)
async def test_why_it_is_offline_is_told_without_an_errors_text(error, reason):
    platform = Failing((0.1, error))

    await ran(platform)

    assert platform.offlines == [reason]
    assert platform.connection.offline == ""


async def test_what_the_platform_says_of_itself_is_told():
    platform = Failing()
    await ran(platform)

    platform.offline = "the connection was lost"

    assert platform.connection.offline == "the connection was lost"


async def test_a_failure_is_logged_in_full(caplog):
    await ran(Failing((0.1, OSError("no route"))))

    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.ERROR,
        "board failed and will be run again: OSError('no route')",
    )
    assert record.exc_info is not None


async def test_what_a_start_does_not_need_runs_once_all_are_connected_or_soon_after():
    slow, never, ran = Board(), Board(), []
    slow.offline = never.offline = "not connected yet"

    async def work() -> None:
        ran.append([slow.offline, never.offline])

    async def connect(_seconds: float) -> None:
        assert not ran
        slow.offline = ""

    await run_once_connected([], work, connect)
    ran.clear()
    await run_once_connected([slow], work, connect)
    assert ran == [["", "not connected yet"]]

    ran.clear()
    await run_once_connected([slow, never], work, connect)
    assert ran == [["", "not connected yet"]]
