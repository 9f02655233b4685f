"""What a test says to a house on the board, and looks at in it."""

import asyncio
from datetime import timedelta

from bots.console.other_terminals import AwaitedAnswers
from core.billing.ledger_rows import Scope
from core.domain.clock import system_clock
from core.domain.controls import FEEDBACK
from core.domain.events import Commanded, Pressed
from core.domain.messages import ThreadKey
from tests.fakes.board import START, Board
from tests.fakes.claude.server import ClaudeFake
from tests.support.clock_notes import without_times
from tests.support.waiting import PATIENCE


class ScriptedTerminal(Board):
    """A terminal in which these things are said, one after the other, and nothing else."""

    def __init__(self, *events):
        super().__init__()
        self.awaited = AwaitedAnswers()
        self._events = events

    async def run(self, ingest):
        for event in self._events:
            await ingest(event)


def key(thread: str = "t1", channel: str = "c1") -> ThreadKey:
    return ThreadKey("board:w1", channel, thread)


def messages(claude: ClaudeFake) -> list[list[tuple[str, str]]]:
    """What each request told Claude, without the time: role and text of every turn."""
    return [[(role, without_times(text)) for role, text in request] for request in timed_messages(claude)]


def timed_messages(claude: ClaudeFake) -> list[list[tuple[str, str]]]:
    """What each request told Claude: role and text of every turn, byte for byte."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return [[(m["role"], m["content"][0]["text"]) for m in body["messages"]] for body in asked]


def command(line: str, person: str = "U1", channel: str = "c1", name: str = "k1", **fields) -> Commanded:
    return Commanded(name, key("t1", channel), person, line, START, **fields)


async def spent(store) -> list:
    return await store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9999), "model")


async def closed(store) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await store.questions.count_open())[0]:
            await asyncio.sleep(0.002)


async def press(assistant, board, control, question, person="U1", name=None):
    """Press a button; ids are the board's numbers."""
    at = system_clock() if control in FEEDBACK else board.now()
    return await assistant.ingest(Pressed(name or board.number(), key(), person, control, question, at, '{"press": 1}'))


async def ask(assistant, board, store, text="count", person="U1") -> str:
    """Ask, and wait for the whole answer. The question's name."""
    posted = board.said("t1", person, text)
    await assistant.ingest(posted)
    await closed(store)
    return posted.message.id


async def give(assistant, store, line, **fields):
    """Give a command, and wait until it is answered."""
    await assistant.ingest(command(line, private=True, **fields))
    await closed(store)


def files(board) -> dict[str, str]:
    """What the files say that hang on our pages, by their names."""
    return {one.name: one.content.decode() for hung in board.hung.values() for one in hung}
