"""A store in memory, for commands that read or change it; and commands given on a board."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from core.commands import TABLE
from core.commands.registry import CommandContext, Invocation, find_command, parse_values, run_command
from core.domain.content import Text
from core.domain.messages import Question, ThreadKey
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import Block, Request
from core.store import open_store

KEY = ThreadKey("board:w1", "c1", "t1")
OLD = Model("old", 200_000, 8_000, frozenset(), frozenset({"enabled"}), known=True)
NEW = Model("new", 200_000, 8_000, frozenset({"low", "high"}), frozenset({"adaptive"}), known=True)


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


@pytest.fixture
def give(board, store):
    """Give a command as a person, and read its answer."""

    async def model(name: str) -> Model:
        return {"new": NEW, "old": OLD}.get(name, Model(name))

    async def compose(question, surface) -> Request:
        thread = await store.threads.thread(question.key)
        body = {"model": "new", "max_tokens": 5, "messages": list(thread.messages)}
        return Request(body, (Block("house", Text("```x```"), breakpoint=True),))

    context = CommandContext(store, Persona(model="new"), board.now, model, compose, TABLE, "UTC")

    async def given(
        line: str, person: str = "U1", key: ThreadKey = KEY, beside: Mapping[str, str] | None = None, **rules: object
    ) -> str:
        question = Question(key, "k1", person, board.now(), command=line)
        row, rest = find_command(TABLE, line)
        call = Invocation(
            question, parse_values(row, rest, beside or {}), await board.surface(question), replace(context, **rules)
        )
        return (await run_command(row, call)).text

    return given
