"""The library: twelve personas that ship, and those of an operator's folder, which win. Tests core.library.library."""

import os
import re
from itertools import pairwise

import pytest

from core.library.front_matter import parse_persona_file
from core.library.library import SHIPPED, PersonaLibrary, read_folder

TWELVE = [
    "code-reviewer",
    "data-analyst",
    "editor",
    "incident-commander",
    "meeting-minutes",
    "onboarding-guide",
    "release-notes",
    "rubber-duck",
    "sql-helper",
    "stand-up-scribe",
    "support-triage",
    "translator",
]


def write(folder, file, name, about="mine", body="x"):
    (folder / file).write_text(f"---\nname: {name}\nabout: {about}\n---\n{body}\n", "utf-8")


async def test_twelve_personas_ship():
    shelf = await PersonaLibrary().read()

    assert ([one.name for one in shelf.personas], shelf.problems) == (TWELVE, ())


@pytest.mark.parametrize("name", TWELVE)
def test_each_has_a_prompt_of_150_to_600_words_and_three_examples(name):
    persona = parse_persona_file((SHIPPED / f"{name}.md").read_bytes(), name)

    assert persona.name == name
    assert 150 <= len(persona.system.split()) <= 600
    assert len(persona.examples) == 3
    assert all(one.must and one.must_not for one in persona.examples)


async def test_a_persona_of_the_operators_wins_by_its_name_and_a_change_is_seen_at_once(tmp_path):
    library = PersonaLibrary(str(tmp_path))
    before = await library.read()
    write(tmp_path, "mine.md", "translator")
    write(tmp_path, "new.md", "pirate")
    first = await library.read()
    write(tmp_path, "mine.md", "translator", "changed since")
    os.utime(tmp_path / "mine.md", ns=(1, 1))
    second = await library.read()

    assert before.find("translator").about.startswith("Translates")
    assert (first.find("translator").about, first.find("pirate").about) == ("mine", "mine")
    assert second.find("translator").about == "changed since"
    assert second.find("9") is second.find("rubber-duck")


async def test_a_broken_file_takes_no_other_away(tmp_path):
    write(tmp_path, "a.md", "pirate")
    write(tmp_path, "b.md", "pirate")
    (tmp_path / "c.md").write_bytes(b"\xff\xfe")
    (tmp_path / "notes.txt").write_text("no persona")
    os.mkfifo(tmp_path / "pipe.md")

    shelf = await PersonaLibrary(str(tmp_path)).read()

    assert len(shelf.personas) == 13
    assert shelf.problems == (
        "b.md, line 1: a.md has the name pirate too. Give it another one.",
        "c.md, line 1: It is no text in UTF-8. Save it as UTF-8.",
    )


async def test_a_folder_that_is_not_there_is_told_and_the_shipped_ones_are():
    shelf = await PersonaLibrary("/nowhere/personas").read()

    assert len(shelf.personas) == 12
    assert shelf.problems == ("personas: There is no such folder. Make it, or mend its name.",)


def test_a_folder_without_personas_has_none(tmp_path):
    assert read_folder(tmp_path) == ({}, [])


@pytest.mark.parametrize("name", TWELVE)
def test_no_prompt_is_wrapped_amid_a_paragraph(name):
    lines = parse_persona_file((SHIPPED / f"{name}.md").read_bytes(), name).system.splitlines()
    wrapped = [line for before, line in pairwise(lines) if (before.strip() and line[:1].isalnum()) or line[:1] == " "]

    assert [line for line in wrapped if not re.match(r"\s*(\d+\.|-) ", line)] == []


async def test_blanks_and_capitals_are_no_other_name():
    found = (await PersonaLibrary().read()).find(" Code  reviewer")

    assert getattr(found, "name", "") == "code-reviewer"
