"""Personas and notes: what was set stays set, and who was faster is not overwritten.

Tests core.store.places.personas, core.store.places.key_values.
"""

import asyncio
from itertools import count

import pytest

from core.billing.ledger_rows import PlannedRequest
from core.domain.controls import Control, Votes
from core.domain.errors import VersionConflict
from core.domain.events import Pressed
from core.domain.messages import FinalText, Outcome
from core.domain.personas import Persona, Place, Version
from tests.support.talk import PLATFORMS, asked, at, thread

PLACE = Place("slack:T1", "C1")
ASKED = count(1)
PIRATE = Persona(
    "You are a pirate 🏴‍☠️", "claude-a", "high", 500, "adaptive", 0.5, "thread", tools="code,web", prompts="Sum up; Ask"
)


async def rate(store, channel, control, version, *, wide=False):
    """Somebody asks in a channel, is answered by a version of its persona or the `wide` one, and rates the answer."""
    name = str(next(ASKED))
    key = thread(name, channel)
    await store.questions.ingest(asked(name, key))
    claim = await store.questions.claim_next("p", PLATFORMS)
    planned = PlannedRequest(key, name, "U1", "claude-a", version, 10, 10, at(100), persona_wide=wide)
    await store.ledger.reserve(planned, [])
    await store.questions.record_page(claim, f"9{name}", at(101))
    await store.questions.store_final_text(claim, FinalText("Ahoy."))
    await store.questions.close(claim, Outcome.SHOWN)
    await store.questions.ingest(Pressed(f"p{name}", key, "U1", control, name, at(200)))


async def test_a_place_without_a_persona_has_no_version(store):
    assert await store.personas.persona(PLACE) is None
    assert await store.personas.versions(PLACE) == []


async def test_every_version_is_kept_newest_first(store):
    first = await store.personas.change(PLACE, PIRATE, 0, "U1", at(1))
    second = await store.personas.change(PLACE, Persona(), 1, "U2", at(2))

    assert first == Version(PLACE, 1, PIRATE, "U1", at(1))
    assert await store.personas.versions(PLACE) == [second, first]
    assert await store.personas.persona(PLACE) == second == Version(PLACE, 2, Persona(), "U2", at(2))


async def test_why_a_persona_was_set_is_kept_with_its_version(store):
    await store.personas.change(PLACE, PIRATE, 0, "U1", at(1), reason="for\0 the fair")

    assert (await store.personas.persona(PLACE)).reason == "for the fair"


async def test_votes_count_for_the_version_that_gave_the_answer_here_or_in_the_whole_workspace(store):
    everywhere = Place(PLACE.workspace)
    for place in (PLACE, everywhere, Place(PLACE.workspace, "C2")):
        for number in range(2):
            await store.personas.change(place, PIRATE, number, "U1", at(1))
    await rate(store, "C1", Control.UP, 2)
    await rate(store, "C1", Control.DOWN, 1)
    await rate(store, "C1", Control.UP, 1, wide=True)
    await rate(store, "C2", Control.UP, 2, wide=True)
    await rate(store, "C2", Control.DOWN, 0)

    assert [one.votes for one in await store.personas.versions(PLACE)] == [Votes(1, 0), Votes(0, 1)]
    assert [one.votes for one in await store.personas.versions(everywhere)] == [Votes(1, 0), Votes(1, 0)]


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
