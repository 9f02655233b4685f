"""A form waits no longer than its platform does, whatever can't be asked in time."""

import asyncio

import pytest

from core.commands import TABLE
from core.commands.registry import CommandContext
from core.commands.rehearsal import Rehearsals
from core.domain.events import Commanded
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import Request
from tests.fakes.board import Board
from tests.support.commands import KEY, NOTHING_SAID, NOW

SOON = 0.05  # seconds that a rehearsal may take here


class Mute(Board):
    """A platform that does not say where an answer belongs."""

    async def surface(self, question):
        await asyncio.Event().wait()


@pytest.fixture
def context(store) -> CommandContext:
    async def model(name: str) -> Model:
        return Model(name)

    async def compose(question, surface) -> Request:
        return NOTHING_SAID

    return CommandContext(store, Persona(model="new"), lambda: NOW, model, compose, TABLE, "UTC")


async def test_a_platform_that_is_silent_about_a_place_holds_up_no_form(context):
    rehearsals = Rehearsals(context, {"board": Mute()}, SOON)
    event = Commanded("f1", KEY, "U1", "persona set", NOW, values={"text": "Be a poet."}, by_form=True)

    async with asyncio.timeout(100 * SOON):
        assert await rehearsals.find_faults(event) == {}
