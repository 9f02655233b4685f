"""Versions of personas: what people read of them, and how an earlier one holds again. core.commands.persona_versions."""

import time

import pytest

from core.commands.registry import RankTooLow, UsageError
from core.domain.messages import Rank, ThreadKey
from core.domain.personas import Persona, Place

HERE = Place("board:w1", "c1")


@pytest.fixture
async def twice(give):
    """A persona with three versions."""
    await give("persona set You are a scribe. Write notes. Be brief.")
    await give('persona set reason="people want more" You are a scribe. Write long notes. Be brief.')
    await give("persona tune effort=low tools=none")


async def test_a_history_tells_who_changed_what_and_why(give, twice):
    shown = await give("persona history")

    head, _, *table = shown.splitlines()
    assert head == "This channel's persona, newest version first, in the time of UTC:"
    assert table[2:] == [
        "| 3 | Ada | 2026-01-02 09:00 | effort `low`, tools `none` |  |  |",
        "| 2 | Ada | 2026-01-02 09:00 | system prompt | people want more |  |",
        "| 1 | Ada | 2026-01-02 09:00 | system prompt |  |  |",
    ]


async def test_a_place_without_a_persona_has_no_history(give):
    assert await give("persona history") == "This channel has never had a persona of its own."
    assert await give("persona history where=workspace") == "This workspace has never had a persona of its own."


async def test_a_long_history_shows_the_newest_and_says_how_many_there_are(give, store, board):
    for number in range(23):
        await store.personas.change(HERE, Persona(str(number)), number, "U1", board.now(), reason="| a `b`\n")

    shown = await give("persona history")
    assert shown.count("| system prompt | / a 'b' |") == 20
    assert shown.endswith("3 older ones are kept too; `persona diff 1 2` compares any two.")


async def test_a_cleared_persona_says_so_in_its_history(give, twice):
    await give("persona clear reason=quiet")

    assert "| 4 | Ada | 2026-01-02 09:00 | cleared | quiet |  |" in await give("persona history")


async def test_a_difference_shows_sentences_and_settings(give, twice):
    shown = await give("persona diff 1 3")

    assert shown.splitlines() == [
        "From version 1 to version 3:",
        "",
        "| setting | version 1 | version 3 |",
        "| --- | --- | --- |",
        "| effort | `default` | `low` |",
        "| tools | `default` | `none` |",
        "",
        "system prompt:",
        "```diff",
        "  You are a scribe.",
        "- Write notes.",
        "+ Write long notes.",
        "  Be brief.",
        "```",
    ]


async def test_one_version_is_compared_with_the_newest(give, twice):
    assert await give("persona diff 2") == await give("persona diff 2 to 3")
    assert await give("persona diff 3") == "Versions 3 and 3 are the same."


async def test_who_is_named_in_a_prompt_is_named_in_a_difference(give):
    await give("persona set Ask <@U2> first.")
    await give("persona set Ask nobody first.")

    assert "- Ask @Bob first.\n+ Ask nobody first." in await give("persona diff 1 2")


async def test_a_difference_is_fenced_beyond_what_stands_in_it(give):
    await give("persona set Write ```x``` often.")
    await give("persona set Write ````y```` often.")

    assert (await give("persona diff 1")).endswith("`````diff\n- Write ```x``` often.\n+ Write ````y```` often.\n`````")


async def test_a_very_long_difference_is_cut_and_found_at_once(give, store, board):
    texts = ["a\n" * 20_000, "\n".join("a" if number % 2 else f"x{number}" for number in range(20_000))]
    for number, text in enumerate(texts):
        await store.personas.change(HERE, Persona(text), number, "U1", board.now())

    began = time.perf_counter()
    shown = await give("persona diff 1 2")

    assert time.perf_counter() - began < 2
    assert shown.count("\n") < 100
    assert "more lines differ" in shown


@pytest.mark.parametrize("words", ["", "x", "1 2 3", "3x", "-", "1;DROP", "٣"])
async def test_what_names_no_two_versions_is_explained(give, twice, words):
    with pytest.raises(UsageError, match=r"`persona diff 3 5`|needs versions"):
        await give(f"persona diff {words}")


@pytest.mark.parametrize("line", ["persona diff 1 9", "persona diff 0", "persona rollback 9", "persona rollback 0"])
async def test_a_version_that_is_not_there_is_refused_with_those_that_are(give, twice, line):
    with pytest.raises(UsageError, match="There are versions 1 to 3; `persona history` lists them"):
        await give(line)


async def test_of_no_persona_there_is_nothing_to_go_back_to(give, store):
    with pytest.raises(UsageError, match="No persona was ever set"):
        await give("persona rollback 1")

    assert await store.personas.versions(HERE) == []


async def test_an_earlier_version_holds_again_as_a_new_one(give, store, twice):
    told = await give("persona rollback 1")

    held = await store.personas.persona(HERE)
    assert told.startswith("This channel has version 1 again, as version 4, from its next answer on. Set by Ada.")
    assert (held.number, held.reason, held.author) == (4, "back to version 1", "U1")
    assert held.persona == Persona("You are a scribe. Write notes. Be brief.")


async def test_the_version_that_holds_is_not_set_again(give, store, twice):
    await give("persona rollback 1 reason=calm")

    assert await give("persona rollback 1") == "Version 1 is what holds now, so nothing was changed."
    assert (await store.personas.persona(HERE)).reason == "calm"


async def test_a_version_whose_model_may_not_be_chosen_any_more_stays_in_the_past(give, store, board):
    await store.personas.change(HERE, Persona(model="old"), 0, "U1", board.now())
    await store.personas.change(HERE, Persona(model="new"), 1, "U1", board.now())

    with pytest.raises(UsageError, match="old"):
        await give("persona rollback 1", models=("new",))

    assert (await store.personas.persona(HERE)).number == 2


async def test_only_those_who_manage_a_channel_go_back(give, board, twice):
    board.ranks["U2"] = Rank.MEMBER

    with pytest.raises(RankTooLow):
        await give("persona rollback 1", "U2")

    assert (await give("persona history", "U2")).startswith("This channel's persona")


async def test_a_channel_and_its_workspace_have_histories_of_their_own(give, twice):
    other = ThreadKey("board:w1", "c2", "t1")

    assert await give("persona history", key=other) == "This channel has never had a persona of its own."


async def test_a_reason_has_one_line(give):
    with pytest.raises(UsageError, match="at most 80 characters; this one has 81"):
        await give(f'persona set reason="{"x" * 81}" Be brief.')
