"""Random worlds on the board: whatever tools, servers, people and processes do, nothing acts twice, or unasked.

Two processes share the database; each thing that happens is heard by one of them, and either may end at any time.

Tests core.store.rules.parking, core.store.rules.tool_calls, core.tools.runner, core.answering.responder, core.tools.mcp.
"""

import os
from functools import partial

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.e2e.worlds.tool_steps import SERVED_STEP, STEP, TROUBLES, Ask, Serve
from tests.e2e.worlds.tool_world import hold
from tests.e2e.worlds.workshop import ShopServer
from tests.support.databases import POSTGRES, SQLITE

WORLDS = int(os.environ.get("TOOL_WORLDS", "8"))
SERVED = int(os.environ.get("TOOL_WORLDS", "4"))
ENGINES = [SQLITE, pytest.param(POSTGRES, marks=pytest.mark.reliability)]


def live(worlds, world) -> None:
    """Live through some worlds, which a seed chooses."""
    quiet = settings(max_examples=worlds, database=None, suppress_health_check=list(HealthCheck))
    seed(int(os.environ.get("TOOL_SEED", "1")))(quiet(world))()


@pytest.mark.parametrize("engine", ENGINES)
def test_whatever_happens_nothing_acts_twice_or_unasked_and_each_question_has_one_reply(engine):
    @given(st.lists(STEP, min_size=6, max_size=18))
    def world(steps):
        hold([Ask(0, 0, "act"), *steps], engine)

    live(WORLDS, world)


@pytest.mark.parametrize("engine", ENGINES)
def test_whatever_a_server_of_tools_does_nothing_acts_twice_or_unasked_and_each_question_has_one_reply(engine):
    @given(
        st.sampled_from(["up"] * len(TROUBLES) + [*TROUBLES]),
        st.lists(SERVED_STEP, min_size=6, max_size=18),
        st.booleans(),
    )
    def world(begins, steps, legacy):
        hold([Serve(begins), Ask(0, 0, "act"), *steps], engine, partial(ShopServer, legacy=legacy))

    live(SERVED, world)
