"""Commands given at the board, the platform of paper: what a test of commands needs beside a store."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from core.claude.model_catalog import ModelCatalog
from core.commands import TABLE
from core.commands.registry import CommandContext, Invocation, find_command, parse_values, run_command
from core.domain.messages import CommandResult, Question, ThreadKey
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import Request
from core.store.protocols import Store
from tests.fakes.board import Board

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
KEY = ThreadKey("board:w1", "c1", "t1")
NOTHING_SAID = Request({"model": "new", "messages": []}, ())

Give = Callable[..., Awaitable[CommandResult]]
"""Gives a line as a person in a thread."""


def give_at(board: Board, store: Store, zone: str, catalog: ModelCatalog | None = None) -> Give:
    """Commands are given at NOW; days begin in `zone`. Every model exists, and there is no prompt."""

    async def model(name: str) -> Model:
        return Model(name)

    async def compose(question, surface) -> Request:
        return NOTHING_SAID

    context = CommandContext(store, Persona(model="new"), lambda: NOW, model, compose, TABLE, zone, catalog)

    async def give(line: str, person: str = "U1", key: ThreadKey = KEY) -> CommandResult:
        question = Question(key, "k1", person, NOW, command=line)
        row, rest = find_command(TABLE, line)
        call = Invocation(question, parse_values(row, rest, {}), await board.surface(question), context)
        return await run_command(row, call)

    return give
