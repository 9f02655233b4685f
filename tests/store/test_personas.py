"""Personas and notes: what was set stays set, and who was faster is not overwritten.

Tests core.store.rules.personas, core.store.rules.key_values.
"""

import asyncio

import pytest

from core.domain.errors import VersionConflict
from core.domain.personas import Persona, Place, Version
from tests.support.talk import at

PLACE = Place("slack:T1", "C1")
PIRATE = Persona(
    "You are a pirate 🏴‍☠️", "claude-a", "high", 500, "adaptive", 0.5, "thread", tools="code,web", prompts="Sum up; Ask"
)


async def test_a_place_without_a_persona_has_no_version(store):
    assert await store.personas.persona(PLACE) is None
    assert await store.personas.versions(PLACE) == []


async def test_every_version_is_kept_newest_first(store):
    first = await store.personas.change(PLACE, PIRATE, 0, "U1", at(1))
    second = await store.personas.change(PLACE, Persona(), 1, "U2", at(2))

    assert first == Version(PLACE, 1, PIRATE, "U1", at(1))
    assert await store.personas.versions(PLACE) == [second, first]
    assert await store.personas.persona(PLACE) == second == Version(PLACE, 2, Persona(), "U2", at(2))


@pytest.mark.parametrize("expected", [0, 2])
async def test_who_expected_another_version_hears_who_was_faster(store, expected):
    theirs = await store.personas.change(PLACE, PIRATE, 0, "U1", at(1))

    with pytest.raises(VersionConflict) as refused:
        await store.personas.change(PLACE, Persona(), expected, "U2", at(2))

    assert refused.value.version == theirs.number
    assert await store.personas.versions(PLACE) == [theirs]


async def test_who_expects_a_version_where_there_is_none_is_refused(store):
    with pytest.raises(VersionConflict) as refused:
        await store.personas.change(PLACE, PIRATE, 1, "U2", at(2))

    assert refused.value.version is None


async def test_of_many_at_once_one_is_fastest(store):
    changes = (store.personas.change(PLACE, PIRATE, 0, f"U{number}", at(number)) for number in range(20))

    results = await asyncio.gather(*changes, return_exceptions=True)

    assert sum(isinstance(one, Version) for one in results) == 1
    assert sum(isinstance(one, VersionConflict) for one in results) == 19


async def test_places_do_not_mix(store):
    places = [PLACE, Place("slack:T1"), Place("slack:T1", "C2"), Place("slack:T2", "C1")]
    for number, place in enumerate(places):
        await store.personas.change(place, Persona(str(number)), 0, "U1", at(1))

    assert [(await store.personas.persona(place)).persona.system for place in places] == ["0", "1", "2", "3"]


async def test_a_note_is_what_was_put_last(store):
    assert await store.notes.get("hash") is None

    await store.notes.put("hash", "1")
    await store.notes.put("other", "3")
    await store.notes.put("hash", "2\0\ud800")

    assert (await store.notes.get("hash"), await store.notes.get("other")) == ("2\ufffd", "3")
