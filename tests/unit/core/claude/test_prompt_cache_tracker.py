"""Prefixes: what was sent before bounds what is sent next, and explains a cache that missed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.claude.prompt_cache_tracker import PromptCacheTracker
from core.commands.craft.task import leave_uncached
from core.domain.content import FRAME, Document, Image, Returned, Text
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.tools import ToolDefinition
from core.domain.usage import Usage
from core.prompting.code_requests import continue_request
from core.prompting.request import Request, build_request
from core.prompting.turns import Turn
from tests.support.talk import KEY, at, thread

PERSONA = Persona(system="Be kind.", effort="low")
MODEL = Model("m", efforts=frozenset({"low", "high"}))
WRITTEN = Usage(input=5, cache_write_1h=600)


def completions(*texts: str, persona: Persona = PERSONA, model: Model = MODEL, notes: str = "") -> Request:
    """A request whose turns alternate."""
    turns = [Turn(("assistant" if number % 2 else "user"), (Text(text),), ()) for number, text in enumerate(texts)]
    return build_request(persona, turns, model, "1h", notes=notes)


FIRST = completions("one")
NEXT = completions("one", "two", "three")


@pytest.fixture
def known():
    found = PromptCacheTracker()
    found.note(KEY, FIRST, WRITTEN, at(0))
    return found


def test_what_was_sent_before_is_known_to_the_token_and_what_is_new_by_its_bytes(known):
    assert known.bound(KEY, NEXT) == 605 + len("two") + len("three") + 2 * FRAME


def test_a_bound_is_never_above_the_bytes_of_the_whole():
    known = PromptCacheTracker()
    known.note(KEY, FIRST, Usage(input=10**6), at(0))

    assert known.bound(KEY, NEXT) == NEXT.input_bound


@pytest.mark.parametrize(
    "other",
    [
        completions("eins", "two", "three"),
        completions("one", "two", "three", persona=replace(PERSONA, system="Be brief.")),
        completions("one", "two", "three", notes="Notes."),
        completions("one", "two", "three", persona=replace(PERSONA, effort="high")),
        completions("one", "two", "three", model=replace(MODEL, id="n")),
    ],
    ids=["other words", "another persona", "notes", "another effort", "another model"],
)
def test_what_begins_otherwise_is_bounded_by_its_bytes(known, other):
    assert known.bound(KEY, other) == other.input_bound


def test_another_thread_is_bounded_by_its_bytes(known):
    assert known.bound(thread("2"), NEXT) == NEXT.input_bound


@pytest.mark.parametrize(
    ("following", "usage", "seconds", "reason"),
    [
        (NEXT, Usage(cache_read=600, cache_write_1h=10), 60, None),
        (NEXT, Usage(cache_read=599), 60, "lost"),
        (NEXT, Usage(), 3600, "expired"),
        (completions("eins", "two", "three"), Usage(), 60, "history"),
        (completions("one", persona=replace(PERSONA, system="Be brief.")), Usage(), 60, "system"),
        (completions("one", "two", "three", notes="Notes."), Usage(cache_read=300), 60, "notes"),
        (completions("one", persona=replace(PERSONA, effort="high")), Usage(), 60, "settings"),
        (completions("one", model=replace(MODEL, id="n")), Usage(), 60, "model"),
    ],
    ids=[
        "all is read",
        "less is read",
        "too late",
        "other words",
        "another persona",
        "notes",
        "another effort",
        "another model",
    ],
)
def test_a_miss_has_its_reason(known, following, usage, seconds, reason):
    assert known.note(KEY, following, usage, at(0) + timedelta(seconds=seconds)) == reason


def test_the_first_of_a_thread_misses_what_was_never_there_unless_its_persona_is_warm():
    assert PromptCacheTracker().note(KEY, FIRST, WRITTEN, at(0)) == "new"
    assert PromptCacheTracker().note(KEY, FIRST, Usage(cache_read=600), at(0)) is None


def test_a_prompt_of_which_nothing_was_cached_was_too_small():
    known = PromptCacheTracker()
    known.note(KEY, FIRST, Usage(input=7), at(0))

    assert known.note(KEY, NEXT, Usage(input=9), at(1)) == "small"


def test_what_is_told_below_a_question_whose_answer_waited_for_a_person_is_no_edit(known):
    said = ({"type": "tool_use", "id": "c1", "name": "look", "input": {}},)
    known.note(KEY, continue_request(FIRST, said, [Returned("c1", (Text("found"),))]), WRITTEN, at(1))
    told, edited = (completions(words, "two", "three") for words in ("one\n[This waited.]", "eins\n[This waited.]"))

    assert known.note(KEY, told, Usage(), at(2)) == "steps"
    known.note(KEY, continue_request(FIRST, said, [Returned("c1", (Text("found"),))]), WRITTEN, at(3))
    assert known.note(KEY, edited, Usage(), at(4)) == "history"


def test_what_is_asked_beside_a_thread_misses_nothing_and_changes_nothing_that_is_known_of_it(known):
    beside = leave_uncached(completions("Translate.", persona=replace(PERSONA, system="You translate.")))

    assert known.note(KEY, beside, Usage(input=9), at(1)) is None
    assert known.note(KEY, NEXT, Usage(cache_read=600, cache_write_1h=10), at(2)) is None
    assert known.note(KEY, NEXT, Usage(cache_read=10), at(3)) == "lost"
    assert PromptCacheTracker().note(KEY, beside, Usage(input=9), at(1)) is None


def test_only_so_many_threads_are_remembered():
    known = PromptCacheTracker(remembered=2)

    for name in ("1", "2", "3"):
        known.note(thread(name), FIRST, WRITTEN, at(0))

    assert known.bound(thread("1"), NEXT) == NEXT.input_bound
    assert known.bound(thread("2"), NEXT) < NEXT.input_bound


def test_another_number_of_pictures_is_why_a_cache_missed(known):
    picture = Turn("user", (Text("three"), Image("plan.png", "image/png", 40, 30, "AAAA")))
    turns = [Turn("user", (Text("one"),)), Turn("assistant", (Text("two"),)), picture]

    assert known.note(KEY, build_request(PERSONA, turns, MODEL, "1h"), Usage(), at(60)) == "files"
    turns += [Turn("assistant", (Text("four"),)), Turn("user", (Text("five"),))]
    assert known.note(KEY, build_request(PERSONA, turns, MODEL, "1h"), Usage(), at(90)) != "files"


def test_the_first_pdf_is_told_as_a_file_and_not_as_other_words_of_the_persona():
    known = PromptCacheTracker()
    turns = [Turn("user", (Text("one"),))]
    known.note(KEY, build_request(PERSONA, turns, MODEL, "1h"), Usage(cache_write_1h=600), at(0))
    turns = [Turn("user", (Text("one"), Document("plan.pdf", 1, 5, "AAAA")))]

    assert known.note(KEY, build_request(PERSONA, turns, MODEL, "1h"), Usage(), at(60)) == "files"


@pytest.mark.parametrize("system", ["Be kind.", "Be brief."], ids=["tools alone", "and the persona's words"])
def test_other_tools_are_why_a_cache_missed_and_nothing_of_the_last_prompt_bounds_the_next(known, system):
    following = completions("one", "two", "three", persona=replace(PERSONA, system=system))
    tool = ToolDefinition("current_time", {"name": "current_time", "input_schema": {}})
    following = replace(following, body=following.body | {"tools": [tool.body]}, tools=(tool,))

    assert known.bound(KEY, following) == following.input_bound
    assert known.note(KEY, following, Usage(), at(60)) == "tools"
    assert known.note(KEY, following, Usage(), at(90)) != "tools"


def test_the_steps_of_an_answer_are_why_the_next_request_reads_less_and_nobody_edited_anything(known):
    said = ({"type": "text", "text": "I look."}, {"type": "tool_use", "id": "c1", "name": "look", "input": {}})
    step = continue_request(FIRST, said, [Returned("c1", (Text("found"),))])
    edited = completions("eins", "two", "three")
    rest = Usage(cache_read=600, cache_write_1h=40)

    assert known.note(KEY, step, rest, at(1)) is None
    assert known.note(KEY, NEXT, Usage(cache_read=600), at(2)) == "steps"
    assert known.note(KEY, step, Usage(cache_read=500, cache_write_1h=140), at(3)) == "steps"
    assert known.note(KEY, NEXT, Usage(), at(3) + timedelta(hours=1)) == "expired"
    known.note(KEY, step, rest, at(0) + timedelta(hours=1))
    assert known.note(KEY, edited, Usage(), at(1) + timedelta(hours=1)) == "history"
