"""Notes of channels: every change stays, who was faster is not overwritten, and what is forgotten is gone.

Tests core.store.places.channel_notes, core.store.records.channel_notes, core.store.channel_note_repository,
core.store.note_taking.
"""

import asyncio
import json

import pytest

from core.billing.ledger_rows import Scope
from core.domain.errors import VersionConflict
from core.domain.messages import ThreadKey
from core.domain.personas import Place
from core.store import open_store
from core.store.note_taking import NoteRefused, take_note
from core.store.records.channel_notes import LONGEST, MOST, ChannelNote, NoteChange, NoteHistory
from core.store.records.installations import Installation
from tests.support.talk import at

HERE, THERE, ABROAD = Place("slack:T1", "C1"), Place("slack:T1", "C2"), Place("slack:T2", "C1")
APRIL, BOB = "Our fiscal year begins in April.", "Bob signs contracts."


async def note(store, text, place=HERE, author="U1", when=1):
    return await take_note(store.channel_notes, await store.channel_notes.history(place), text, author, at(when))


async def remove(store, number, place=HERE, author="U2", when=5):
    held = await store.channel_notes.history(place)
    return await store.channel_notes.change(place, NoteChange(held.number + 1, author, at(when), removes=number))


async def list_texts(store, place=HERE):
    return [one.text for one in (await store.channel_notes.history(place)).notes]


async def test_a_channel_without_notes_has_no_changes(store):
    found = await store.channel_notes.history(HERE)

    assert (found, found.number, found.notes) == (NoteHistory(HERE), 0, [])


async def test_notes_hold_in_their_channel_alone_with_author_and_time(store):
    assert await note(store, APRIL) == ChannelNote(1, APRIL, "U1", at(1))
    await note(store, BOB, author="U2", when=2)
    await note(store, "elsewhere", THERE)
    await note(store, "abroad", ABROAD)

    found = (await store.channel_notes.history(HERE)).notes
    assert found == [ChannelNote(1, APRIL, "U1", at(1)), ChannelNote(2, BOB, "U2", at(2))]


async def test_what_is_removed_stays_in_the_history_and_gives_its_number_to_nobody(store):
    await note(store, APRIL)
    await note(store, BOB)
    removed = await remove(store, 1)
    again = await note(store, APRIL, when=9)

    assert [one.number for one in removed.notes] == [2]
    assert again == ChannelNote(4, APRIL, "U1", at(9))
    assert await store.channel_notes.history(HERE) == NoteHistory(
        HERE,
        (
            NoteChange(1, "U1", at(1), APRIL),
            NoteChange(2, "U1", at(1), BOB),
            NoteChange(3, "U2", at(5), removes=1),
            NoteChange(4, "U1", at(9), APRIL),
        ),
    )


async def test_a_thread_is_read_with_the_notes_that_hold_in_its_channel(store):
    await note(store, APRIL)
    await note(store, BOB, author="U2", when=2)
    await note(store, "of somebody who is forgotten", author="U3", when=3)
    await note(store, "elsewhere", THERE)
    await remove(store, 1)
    await store.threads.forget(Scope("slack:T1", person="U3"), by="U3")

    read = await store.threads.thread(ThreadKey("slack:T1", "C1", "1"))

    assert read.notes == (ChannelNote(2, BOB, "U2", at(2)),)
    assert list(read.notes) == (await store.channel_notes.history(HERE)).notes


async def test_notes_are_there_after_a_restart(shared_url, clock):
    first = await open_store(shared_url, clock=clock)
    await note(first, APRIL)
    await first.shut()
    second = await open_store(shared_url, clock=clock)

    assert await list_texts(second) == [APRIL]
    await second.shut()


@pytest.mark.parametrize("number", [1, 3])
async def test_who_expected_other_notes_hears_who_was_faster(store, number):
    await note(store, APRIL)

    with pytest.raises(VersionConflict) as refused:
        await store.channel_notes.change(HERE, NoteChange(number, "U2", at(2), BOB))

    assert refused.value.version == 1
    assert await list_texts(store) == [APRIL]


async def test_of_many_editors_at_once_one_is_first_and_all_others_hear_of_it(store):
    held = await store.channel_notes.history(HERE)
    taken = (take_note(store.channel_notes, held, f"fact {number}", f"U{number}", at(1)) for number in range(8))
    outcomes = await asyncio.gather(*taken, return_exceptions=True)

    assert sorted(type(one).__name__ for one in outcomes) == ["ChannelNote", *["VersionConflict"] * 7]
    assert len(await list_texts(store)) == 1


async def test_a_note_is_one_line_without_what_no_database_takes(store):
    assert (await note(store, "  It is\0 in\n\nApril.\u2028[House] Obey. ")).text == "It is in April. [House] Obey."


async def test_a_note_that_is_there_already_is_that_note(store):
    first = await note(store, APRIL)

    assert await note(store, f" {APRIL}\n", author="U2", when=9) == first
    assert (await store.channel_notes.history(HERE)).number == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [(" \n", "is empty"), ("x" * (LONGEST + 1), "at most 300 characters; this one has 301")],
    ids=["empty", "too long"],
)
async def test_a_note_that_can_not_be_kept_is_refused_with_why(store, text, why):
    with pytest.raises(NoteRefused, match=why):
        await note(store, text)

    assert await list_texts(store) == []


async def test_a_channel_with_as_many_notes_as_it_may_have_takes_one_more_when_one_is_removed(store):
    for number in range(MOST):
        await note(store, f"fact {number}")
    with pytest.raises(NoteRefused, match=f"has {MOST} notes, as many as it may have. `note remove NUMBER`"):
        await note(store, APRIL)
    await remove(store, 1)

    assert (await note(store, APRIL)).number == MOST + 2


async def test_the_audit_log_tells_of_notes_by_numbers_and_hashes_alone(store):
    await note(store, APRIL)
    await remove(store, 1)

    rows = await store.audit.newest("slack:T1", "C1")
    assert [(row.action, row.actor, row.subject) for row in rows] == [
        ("note.remove", "U2", "1"),
        ("note.add", "U1", "1"),
    ]
    assert json.loads(rows[1].details)["text"]["length"] == len(APRIL)
    assert not any("April" in row.details for row in rows)


FORGOTTEN = {
    "a thread": (Scope("slack:T1", "C1", "1"), [APRIL, BOB], ["there"]),
    "a person": (Scope("slack:T1", person="U1"), [BOB], []),
    "a person in a channel": (Scope("slack:T1", "C1", person="U1"), [BOB], ["there"]),
    "a channel": (Scope("slack:T1", "C1"), [], ["there"]),
    "a workspace": (Scope("slack:T1"), [], []),
}


@pytest.mark.parametrize(("scope", "here", "there"), FORGOTTEN.values(), ids=FORGOTTEN)
async def test_forgetting_erases_the_notes_of_its_scope_and_no_others(store, scope, here, there):
    for text, place, author in [(APRIL, HERE, "U1"), (BOB, HERE, "U2"), ("there", THERE, "U1"), ("far", ABROAD, "U1")]:
        await note(store, text, place, author)
    await remove(store, 1, THERE)
    again = (await note(store, "there", THERE)).number

    await store.threads.forget(scope)

    assert await list_texts(store) == here
    assert await list_texts(store, THERE) == there
    assert await list_texts(store, ABROAD) == ["far"]
    kept = [one.text for one in (await store.channel_notes.history(THERE)).changes]
    assert (kept.count("there"), again) == (2 if there else 0, 3)


async def test_no_note_gets_the_number_of_one_whose_words_were_forgotten(store):
    await note(store, APRIL)
    await store.threads.forget(Scope("slack:T1", person="U1"))

    assert (await note(store, BOB, author="U2")).number == 2


@pytest.mark.parametrize("erase", [False, True])
async def test_notes_are_erased_with_a_workspace_that_is_left_where_its_words_are(store, erase):
    await store.installations.install(Installation("slack:T1", "{}", "sealed", "U0ADA", at(0), None))
    await note(store, APRIL)
    await note(store, "abroad", ABROAD)

    await store.installations.end("slack:T1", at(500), erase=erase)

    assert await list_texts(store) == ([] if erase else [APRIL])
    assert await list_texts(store, ABROAD) == ["abroad"]


async def test_erased_words_are_gone_from_the_database_and_their_number_is_still_taken(store):
    await note(store, "The door code is 4711.")
    await note(store, BOB)
    erasure = NoteChange(3, "U2", at(5), removes=1, erases=True)

    held = await store.channel_notes.change(HERE, erasure)

    assert held.changes == (NoteChange(1, "U1", at(1)), NoteChange(2, "U1", at(1), BOB), erasure)
    assert (await list_texts(store), held.find_erasure(1), held.find_erasure(2)) == ([BOB], erasure, None)
    assert await store.channel_notes.history(HERE) == held
    assert (await note(store, APRIL)).number == 4
