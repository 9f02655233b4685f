"""A terminal that stands still for longer than its lease, as of a laptop that sleeps: real processes, stopped for real.

Tests bots.console.other_terminals, bots.console.adapter.
"""

import asyncio
import signal
from contextlib import asynccontextmanager

from tests.fakes.claude.script import Answer, Gate, last_words
from tests.integration.console import test_console, test_window
from tests.integration.console.test_window import PROMPT, asked
from tests.support.clock_notes import without_times

environment, claude = test_window.environment, test_window.claude
ASLEEP = 4.5  # seconds; a terminal that is silent for three has lost its lease
BROKEN = ["one two", "(This answer was interrupted. It begins again.)", ""]


@asynccontextmanager
async def stopped(process):
    """The process stands still meanwhile."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def answer_slowly(claude):
    """The first answer never ends; all others are whole, and say what was asked."""
    gate = Gate(after=6)
    claude.script(Answer(text="one two three", chunk=4, gate=gate))
    claude.answer = lambda body: Answer(text=f"Whole: {without_times(last_words(body))}")
    return gate


async def test_after_a_stall_the_answer_is_shown_whole_and_what_was_typed_meanwhile_is_done(
    environment, tmp_path, claude
):
    answer_slowly(claude)
    async with test_window.chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows("one two")
        async with stopped(window.process):
            window.type("and on\r/as bob\r")
            await asyncio.sleep(ASLEEP)
        await window.shows(lambda text: text.endswith("bob in #general>"))
        sent = [last_words(one.body) for one in claude.requests if one.path == "/v1/messages"]

        assert window.lines[3:] == [
            f"{PROMPT} count", *BROKEN, "Whole: ada: count", "", f"{PROMPT} and on", "Whole: ada: and on", "",
            f"{PROMPT} /as bob", "bob in #general>",
        ]  # fmt: skip
        assert len(sent) == 3


async def test_a_pipe_goes_on_after_a_stall_as_if_nothing_had_been(tmp_path, environment, claude):
    gate = answer_slowly(claude)
    async with test_console.chat(environment, tmp_path) as process:
        process.stdin.write(b"count\nand on\n/keep\n")
        await asyncio.wait_for(gate.reached.wait(), 30)
        async with stopped(process):
            await asyncio.sleep(ASLEEP)
        shown, _ = await asyncio.wait_for(process.communicate(b""), 60)

    assert shown.decode().splitlines()[:2] == ["Whole: ada: count", "Whole: ada: and on"]
    assert len(shown.decode().splitlines()) == 3


async def test_an_answer_that_another_terminal_takes_over_is_given_up_and_the_next_line_is_answered(
    environment, tmp_path, claude
):
    answer_slowly(claude)
    async with (
        test_window.chat(environment, tmp_path) as asleep,
        test_window.chat(environment, tmp_path) as awake,
    ):
        asleep.type("count\r")
        await asleep.shows("one two")
        async with stopped(asleep.process):
            asleep.type("and on\r")
            await awake.shows("Whole: ada: count")
        await asleep.shows(asked(3))

        assert asleep.lines[3:] == [
            f"{PROMPT} count", "one two", "Another terminal has answered this.", "",
            f"{PROMPT} and on", "Whole: ada: and on", "", PROMPT,
        ]  # fmt: skip
        assert awake.text.count("Whole") == 1
