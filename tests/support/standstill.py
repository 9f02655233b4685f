"""A process that stands still for longer than its lease, as of a laptop that sleeps, in the middle of an answer."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.claude.script import Answer, Gate, last_words
from tests.fakes.claude.server import ClaudeFake
from tests.support.clock_notes import without_times
from tests.support.fork_server import Process

ASLEEP = 4.5  # seconds; a terminal that is silent for three has lost its lease


@asynccontextmanager
async def stopped(process: Process) -> AsyncIterator[None]:
    """The process stands still meanwhile."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def answer_slowly(claude: ClaudeFake) -> Gate:
    """The first answer never ends; all others are whole, and say what was asked. What holds the first one."""
    gate = Gate(after=6)
    claude.script(Answer(text="one two three", chunk=4, gate=gate))
    claude.answer = lambda body: Answer(text=f"Whole: {without_times(last_words(body))}")
    return gate
