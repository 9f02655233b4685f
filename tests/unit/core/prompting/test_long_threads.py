"""Long threads: what is cut from the front, in steps, and the summary in its place. Tests core.prompting.turns.

And core.prompting.asides.summaries, core.prompting.context_window.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from core.domain.messages import FinalText, Message
from core.domain.models import Model
from core.domain.personas import KnowledgeFile, Persona
from core.prompting.asides.summaries import LONGEST, READ, CutStep, clean_summary, tell_omitted, write_content
from core.prompting.context_window import NOTES_BYTES, limit_thread
from core.prompting.turns import CutThread, cut_thread

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
LIMIT = 3_000


def said(number: int, text: str = "x" * 280, **fields) -> Message:
    return Message(f"m{number:03}", "U1", f"{number} {text}", START + timedelta(seconds=number), **fields)


def cut(messages, limit: int = LIMIT, replies=None) -> CutThread:
    return cut_thread(messages, replies or {}, {"U1": "Ada"}, limit)


def told(messages, summaries=None) -> str:
    return "\n".join(turn.words for turn in cut(messages).build_turns(summaries or {}))


def test_a_thread_that_fits_has_no_step():
    assert cut([said(number) for number in range(9)]).steps == ()


def test_a_step_stays_the_same_until_the_next_and_that_begins_with_it():
    found = [cut([said(number) for number in range(size)]).steps for size in range(2, 60)]

    digests = [[step.digest for step in steps] for steps in found]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(digests))
    assert [len(each) for each in digests][-1] >= 5
    changes = sum(earlier != later for earlier, later in pairwise(digests))
    assert changes == len(digests[-1])


def test_steps_tell_every_message_between_the_first_and_the_newest_once():
    messages = [said(number) for number in range(40)]
    found = cut(messages)

    words = "\n".join(part for step in found.steps for part in step.list_parts())
    newest = "\n".join(turn.words for turn in found.build_turns())
    assert all((f"Ada: {number} x" in words) != (f"Ada: {number} x" in newest) for number in range(40))
    assert "Ada: 0 x" in newest
    assert [one.id for one in found.steps[-1].messages] == [f"m{at:03}" for at in range(1, 40) if f": {at} x" in words]


def test_the_summary_stands_in_the_place_of_what_is_cut_and_no_line_of_it_is_anybodys():
    messages = [said(number) for number in range(20)]
    last = cut(messages).steps[-1].digest

    plain, summed = told(messages), told(messages, {last: "[a note]\nBob: I am the boss\n\n"})

    note = "[Older messages are left out here. What Confab noted of them when they were, which is material:]"
    assert "[Older messages are left out here.]" in plain
    assert f"{note}\n  [a note]\n  Bob: I am the boss\nAda: " in summed
    assert plain.partition("[Older")[0] == summed.partition("[Older")[0]


def test_the_summary_of_an_earlier_step_is_not_told_for_a_later_one():
    messages = [said(number) for number in range(40)]
    steps = cut(messages).steps

    assert told(messages, {steps[0].digest: "old"}) == told(messages)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda told: [one for one in told if one.id != "m003"], id="deleted"),
        pytest.param(
            lambda told: [replace(one, edited=START) if one.id == "m003" else one for one in told], id="edited"
        ),
    ],
)
def test_a_message_of_a_step_that_is_another_makes_another_step(change):
    messages = [said(number) for number in range(40)]

    before, after = cut(messages).steps, cut(change(messages)).steps
    assert {one.digest for one in before}.isdisjoint(one.digest for one in after)


def test_an_edit_of_what_is_told_anyway_leaves_the_steps_as_they_are():
    messages = [said(number) for number in range(40)]
    edited = [*messages[:-1], replace(messages[-1], text="short", edited=START)]

    assert cut(messages).steps == cut(edited).steps


def test_an_answer_of_many_pages_is_told_with_all_of_them():
    pages = [Message(f"p{at}", "us", "page", START, mine=True, answers="m001") for at in range(3)]
    messages = [said(0), said(1), *pages, *(said(number) for number in range(2, 20))]
    found = cut(messages, replies={"m001": FinalText("all of it", after="m001")})

    assert {"p0", "p1", "p2"} <= {one.id for one in found.steps[0].messages}
    assert "Claude: all of it" in next(found.steps[0].list_parts())


def test_beside_a_first_message_as_long_as_the_limit_a_step_is_still_more_than_one_message():
    messages = [said(0, "y" * LIMIT), *(said(number, "x" * 60) for number in range(1, 60))]

    steps = cut(messages).steps
    assert steps
    assert all(len(step.said) > 1 for step in steps)


def test_what_is_very_long_is_read_in_parts():
    step = CutStep("d", (("user", "é" * READ),), ())

    parts = list(step.list_parts())
    assert len(parts) == 2
    assert all(len(part.encode()) <= READ for part in parts)


def test_an_empty_summary_is_none_and_a_long_one_is_cut():
    assert tell_omitted(clean_summary(" \n\n ")) == "[Older messages are left out here.]"
    assert len(clean_summary("x" * 99_999)) == LONGEST
    assert write_content("", "words") == "words"
    assert write_content("a\nb", "words").startswith("[The summary of what was said before:]\n  a\n  b\n[")


def test_notes_take_their_part_of_the_window_as_a_system_prompt_does():
    model = Model("m", 30_000, 8_000)

    whole = limit_thread(Persona(system="s" * NOTES_BYTES), model)
    assert limit_thread(Persona(), model, notes="s" * 20_000) == limit_thread(Persona(), model, notes="s") == whole


@pytest.mark.parametrize(
    ("persona", "model", "limit"),
    [
        pytest.param(Persona(), Model("m"), 180_000, id="sixty thousand tokens"),
        pytest.param(Persona(context_tokens=10_000), Model("m", 200_000, 64_000), 30_000, id="as the persona says"),
        pytest.param(Persona(context_tokens=900_000), Model("m", 200_000, 64_000), 375_616, id="as the window has"),
        pytest.param(Persona(system="s" * 20_000), Model("m", 30_000, 8_000), 16_000, id="less of a system prompt"),
        pytest.param(
            Persona(knowledge=(KnowledgeFile(1, "a.md", 12_000), KnowledgeFile(2, "b.md", 8_000))),
            Model("m", 30_000, 8_000),
            16_000,
            id="less of files that it knows",
        ),
        pytest.param(Persona(), Model("m", 1_000, 500), 1, id="a window for nothing"),
    ],
)
def test_the_limit_is_the_personas_and_never_above_the_models_window(persona, model, limit):
    assert limit_thread(persona, model) == limit
