"""Batches in the terminal: what runs in a channel, or waits to be started, when somebody comes to it."""

from collections.abc import Awaitable, Callable, Sequence

from core.domain.messages import ThreadKey
from core.store.records.jobs import Job, JobState

LOOKED = 20  # of the newest batches of a channel
STATES = {
    JobState.STARTED: "Batch {} runs in #{}. `/stop` stops it; its results are shown here.",
    JobState.OFFERED: "Batch {} of #{} waits for a start. `/start` asks all of its rows, `/batch stop` drops it.",
}

ListJobs = Callable[[ThreadKey, int], Awaitable[Sequence[Job]]]
"""The newest batches of a channel."""


async def list_none(_key: ThreadKey, _most: int) -> Sequence[Job]:
    """A terminal without a store has no batches."""
    return ()


def describe_batches(jobs: Sequence[Job], channel: str) -> str:
    """The newest batch that runs, and the newest that waits, each in a paragraph."""
    newest = (next((one for one in jobs if one.state is state and not one.canceled), None) for state in STATES)
    return "\n\n".join(STATES[one.state].format(one.number, channel) for one in newest if one)
