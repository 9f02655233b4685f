"""Files that a persona knows: kept once, bound to their channel, and gone with their versions.

Tests core.store.places.knowledge, core.store.records.knowledge.
"""

from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.errors import VersionConflict
from core.domain.messages import Question
from core.domain.personas import Example, KnowledgeFile, Persona, Place, Version
from core.store.records.knowledge import KnowledgeText
from tests.support.talk import KEY, at, deleted, thread

PLACE = Place("slack:T1", "C1")


def command(name, key=KEY, person="U1"):
    return Question(key, name, person, at(1), command="persona attach")


def text(name, content="  words"):
    return KnowledgeText(KnowledgeFile(0, name, 0), content)


async def attach(store, name, *texts, person="U1", key=KEY):
    place = Place(key.workspace, key.channel)
    held = await store.personas.persona(place)
    version = Version(place, (held.number if held else 0) + 1, held.persona if held else Persona(), person, at(1))
    return await store.personas.attach(command(name, key, person), version, texts)


async def known(store, place=PLACE):
    held = await store.personas.persona(place)
    files = (held and held.persona.knowledge) or ()
    return [one.content for one in await store.personas.read_knowledge(place, [one.id for one in files])]


async def test_files_are_known_in_their_order_with_their_sizes(store):
    version = await attach(store, "1", text("b.md", "  é\0"), text("a.md"))

    assert [(one.name, one.size) for one in version.persona.knowledge] == [("b.md", 4), ("a.md", 7)]
    assert await known(store) == ["  é", "  words"]
    assert [one.file for one in await store.personas.list_brought(PLACE, "1")] == list(version.persona.knowledge)


async def test_examples_are_kept_with_their_version(store):
    persona = Persona("x", examples=(Example("q", ("a",), ("b",)),))
    await store.personas.change(PLACE, persona, 0, "U1", at(1))

    assert (await store.personas.persona(PLACE)).persona == persona


async def test_nothing_is_kept_where_somebody_was_faster(store):
    await attach(store, "1", text("a.md"))

    with pytest.raises(VersionConflict):
        await store.personas.attach(command("2"), Version(PLACE, 1, Persona(), "U2", at(2)), [text("b.md")])

    assert await store.personas.list_brought(PLACE, "2") == []


async def test_no_other_channel_can_have_a_file(store):
    version = await attach(store, "1", text("a.md"))
    other = Place("slack:T1", "C2")

    taken = await store.personas.change(other, version.persona, 0, "U1", at(2))

    assert taken.persona.knowledge is None
    assert await store.personas.read_knowledge(other, [version.persona.knowledge[0].id]) == []


async def test_the_words_go_with_the_last_of_twenty_versions_that_has_them(store):
    first = await attach(store, "1", text("a.md"))
    for number in range(1, 20):
        await store.personas.change(PLACE, Persona(str(number)), number, "U1", at(2))
    (file,) = first.persona.knowledge
    kept = await store.personas.read_knowledge(PLACE, [file.id])
    await store.personas.change(PLACE, Persona("20"), 20, "U1", at(3))

    assert len(kept) == 1
    assert await store.personas.read_knowledge(PLACE, [file.id]) == []
    assert (await store.personas.versions(PLACE))[-1].persona.knowledge is None


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (Scope("slack:T1"), []),
        (Scope("slack:T1", "C1"), []),
        (Scope("slack:T1", "C1", "1"), ["  theirs"]),
        (Scope("slack:T1", person="U1"), ["  theirs"]),
        (Scope("slack:T1", "C2"), ["  mine", "  theirs"]),
    ],
    ids=["a workspace", "a channel", "a thread", "a person", "another channel"],
)
async def test_what_is_forgotten_is_in_no_version(store, scope, left):
    await attach(store, "1", text("mine.md", "  mine"))
    await attach(store, "2", text("theirs.md", "  theirs"), person="U2", key=thread("2"))

    await store.threads.forget(scope)

    assert await known(store) == left
    names = {one.name for version in await store.personas.versions(PLACE) for one in version.persona.knowledge or ()}
    assert len(names) == len(left)


async def test_the_deletion_of_its_message_erases_a_file(store):
    await attach(store, "7", text("a.md"))
    await store.questions.ingest(deleted("7"))

    assert await known(store) == []


async def test_what_waits_counts_after_its_authors_word_and_no_other(store):
    await store.personas.hold(command("1"), [text("old.md")])
    await store.personas.hold(command("2"), [text("a.md")])
    waiting = await store.personas.list_waiting(PLACE, "U1")
    others = await store.personas.list_waiting(PLACE, "U2")
    before = await known(store)
    await attach(store, "3", *waiting)

    assert ([one.file.name for one in waiting], others, before) == (["a.md"], [], [])
    assert await known(store) == ["  words"]
    assert await store.personas.list_waiting(PLACE, "U1") == []


async def test_what_waits_is_gone_after_an_hour(store, clock):
    await store.personas.hold(command("1"), [text("a.md")])
    clock.now += timedelta(hours=1, seconds=1)
    late = await store.personas.list_waiting(PLACE, "U1")
    await store.questions.heartbeat("p")
    clock.now -= timedelta(hours=1)

    assert late == await store.personas.list_waiting(PLACE, "U1") == []
