"""Notes of a channel, as people give and read them. core.commands.memory.notes."""

import asyncio
import re

import pytest

from core.commands.registry import RankTooLow, UsageError
from core.domain.messages import Rank, ThreadKey
from core.domain.personas import Place
from core.store import open_store

HERE = Place("board:w1", "c1")
ELSEWHERE = ThreadKey("board:w1", "c2", "t1")
APRIL = "Our fiscal year begins in April."


@pytest.fixture
async def store(board):
    opened = await open_store("sqlite://", clock=board.now)
    yield opened
    await opened.shut()


@pytest.fixture
def managers(board):
    """Bob manages the channel too."""
    board.ranks["U2"] = Rank.MANAGER


async def test_a_note_is_listed_with_who_added_it_and_when(give):
    added = await give(f"note add {APRIL}")

    assert added == f"Note 1 is what Claude is told here from its next answer on. Noted by Ada.\n\n> {APRIL}"
    assert await give("note list", "U3") == (
        f"What Claude is told in every answer in this channel:\n\n- `1` {APRIL} *(Ada, 2026-01-02)*"
    )


async def test_a_note_is_of_its_channel_alone(give):
    await give(f"note add {APRIL}")

    assert (await give("note list", key=ELSEWHERE)).startswith("This channel has no notes.")
    assert (await give("note history", key=ELSEWHERE)).startswith("This channel has no notes.")


async def test_a_note_that_is_given_twice_is_there_once(give):
    await give(f"note add {APRIL}")

    assert (await give(f"note add {APRIL}")).startswith("Note 1 was there already. Noted by Ada.")
    assert (await give("note list")).count(APRIL) == 1


async def test_a_note_is_removed_by_its_number_which_the_others_keep(give, managers):
    await give("note add One.")
    await give("note add Two.")

    removed = await give("note remove 1", "U2")

    assert removed == "Claude is not told note 1 any more. Removed by Bob.\n\n> One."
    assert (await give("note list")).endswith("- `2` Two. *(Ada, 2026-01-02)*")
    with pytest.raises(UsageError, match="Note 1 was removed already, by Bob on 2026-01-02."):
        await give("note remove 1", "U2")


async def test_who_removes_what_somebody_else_has_removed_is_told_who_it_was(give, managers):
    await give("note add One.")
    await give("note remove 1", "U2")

    with pytest.raises(UsageError, match="Note 1 was removed already, by Bob on 2026-01-02."):
        await give("note remove 1")


@pytest.mark.parametrize("number", ["2", "99"])
async def test_there_is_no_note_of_another_number(give, managers, number):
    await give("note add One.")
    await give("note remove 1", "U2")

    with pytest.raises(UsageError, match=f"There is no note {number} here. `note list` shows them"):
        await give(f"note remove {number}")


async def test_of_two_editors_at_once_the_second_is_told_what_the_first_changed(give, managers):
    await give("note add One.")

    outcomes = await asyncio.gather(give("note add <@U3> signs."), give("note remove 1", "U2"), return_exceptions=True)

    told, refused = sorted(outcomes, key=lambda one: isinstance(one, UsageError))
    assert "Note 2 is what Claude is told here" in told
    assert str(refused) == (
        "Somebody else changed the notes in the same moment, so I changed nothing:\n\n"
        "- 2026-01-02 09:00, Ada added note 2: @Cy signs.\n\nGive the command again if you still want it."
    )
    assert (await give("note list")).count("- `") == 2


async def test_of_two_who_remove_at_once_the_second_is_told_so(give, managers):
    await give("note add One.")

    outcomes = await asyncio.gather(give("note remove 1", "U2"), give("note add Two."), return_exceptions=True)

    assert outcomes[0] == "Claude is not told note 1 any more. Removed by Bob.\n\n> One."
    assert " Bob removed note 1: One." in str(outcomes[1])


async def test_the_history_tells_every_change_newest_first(give, managers):
    await give("note add One.")
    await give("note remove 1", "U2")
    await give("note add | two")

    head, _, *lines = (await give("note history", "U3")).splitlines()
    assert head == "What was changed in this channel's notes, newest first, in the time of UTC:"
    assert [re.sub(r"^- 2026-01-02 \d\d:\d\d, ", "", line) for line in lines] == [
        "Ada added note 3: | two",
        "Bob removed note 1: One.",
        "Ada added note 1: One.",
    ]


async def test_a_long_history_shows_the_newest_changes_and_says_how_many_there_are(give):
    for number in range(1, 24):
        await give(f"note add Fact {number}.")

    shown = await give("note history")
    assert "added note 4: Fact 4." in shown
    assert "added note 3" not in shown
    assert shown.endswith("- and 3 older")


@pytest.mark.parametrize("number", ["#1", '"1"', "1.", "number=1", "'#1'"])
async def test_a_number_is_taken_as_people_write_it(give, number):
    await give("note add One.")

    assert "Claude is not told note 1 any more." in await give(f"note remove {number}")


async def test_what_nobody_sees_is_left_out_of_a_note(give):
    await give("note add Pay\u200b \u202eBob\u202c\U000e0041\U000e0042 in\u2066 May.")

    assert "`1` Pay Bob in May. *(" in await give("note list")


@pytest.mark.parametrize("removed", [True, False], ids=["removed before", "held"])
async def test_the_words_of_a_note_are_erased_and_the_history_says_by_whom(give, managers, removed):
    await give("note add The door code is 4711.")
    if removed:
        await give("note remove 1")

    erased = await give("note erase 1", "U2")
    history = await give("note history")

    assert erased.startswith("The words of note 1 are erased:")
    assert "Bob erased the words of note 1\n" in history
    assert "4711" not in erased + history + await give("note list") + await give("audit show")
    assert "Bob erased the words of note 1" in await give("audit show")
    with pytest.raises(UsageError, match="The words of note 1 were erased already, by Bob on 2026-01-02."):
        await give("note erase 1")


@pytest.mark.parametrize("line", ["note add One.", "note remove 1", "note erase 1"])
async def test_only_who_manages_the_channel_changes_notes(give, board, line):
    board.ranks["U2"] = Rank.MEMBER

    with pytest.raises(RankTooLow, match="Only those who manage this channel can use"):
        await give(line, "U2")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"note add {'x' * 301}", "A note has at most 300 characters; this one has 301."),
        ("note add", "`note add` needs text"),
        ("note remove one", "number"),
        ("note remove", "`note remove` needs number"),
        ("note remove 1 2", "`1 2` is not. Give one at a time."),
        ("note remove #1, #2", "Give one at a time."),
        ("note remove all", "`all` is not. Give one at a time."),
        ("note add \u200b\U000e0041", "The note is empty."),
        ("note erase 7", "There is no note 7 here."),
    ],
    ids=["too long", "no words", "no number", "nothing", "two", "a list", "all", "nothing visible", "unknown"],
)
async def test_a_slip_is_told_with_what_would_do(give, line, why):
    with pytest.raises(UsageError, match=why):
        await give(line)


async def test_a_channel_that_has_as_many_notes_as_it_may_says_what_makes_room(give):
    for number in range(30):
        await give(f"note add Fact {number}.")

    with pytest.raises(UsageError, match="This channel has 30 notes, as many as it may have. `note remove NUMBER`"):
        await give("note add One more.")


async def test_the_audit_log_tells_who_changed_notes_without_a_word_of_them(give, managers):
    await give(f"note add {APRIL}")
    await give("note remove 1", "U2")

    told = await give("audit show")
    assert "Bob removed note 1" in told
    assert "Ada added note 1" in told
    assert "April" not in told
