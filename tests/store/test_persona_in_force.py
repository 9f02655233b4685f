"""The persona in force is the channel's, then the workspace's, then the default one, field by field."""

from core.domain.messages import ThreadKey
from core.domain.personas import Persona, Place
from core.store.persona_in_force import find_persona_in_force
from tests.support.talk import at

KEY = ThreadKey("slack:T1", "C1", "t1")
HERE, EVERYWHERE = Place("slack:T1", "C1"), Place("slack:T1")
DEFAULTS = Persona(system="Be brief.", model="claude-a")


async def test_where_no_persona_is_set_the_defaults_apply(store):
    await store.personas.change(Place("slack:T1", "C2"), Persona(model="claude-z"), 0, "U1", at(1))

    assert await find_persona_in_force(store.personas, KEY, DEFAULTS) == (DEFAULTS, None)


async def test_each_field_comes_from_the_narrowest_place_that_has_it(store):
    here = await store.personas.change(HERE, Persona(effort="low"), 0, "U1", at(1))
    await store.personas.change(EVERYWHERE, Persona(model="claude-b", effort="high"), 0, "U1", at(2))

    found = await find_persona_in_force(store.personas, KEY, DEFAULTS)

    assert found == (Persona(system="Be brief.", model="claude-b", effort="low"), here)


async def test_a_persona_that_was_cleared_leaves_the_workspaces_in_force(store):
    await store.personas.change(HERE, Persona(effort="low"), 0, "U1", at(1))
    await store.personas.change(HERE, Persona(), 1, "U1", at(2))
    everywhere = await store.personas.change(EVERYWHERE, Persona(effort="high"), 0, "U1", at(3))

    found = await find_persona_in_force(store.personas, KEY, DEFAULTS)

    assert found == (Persona(system="Be brief.", model="claude-a", effort="high"), everywhere)
