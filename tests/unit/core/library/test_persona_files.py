"""Persona files: what is read out of one, and the line and the mend of what is wrong. Tests core.library.persona_files,
core.library.front_matter.
"""

import pytest

from core.domain.personas import Example, KnowledgeFile, Persona
from core.library.front_matter import parse_persona_file, write_persona_file
from core.library.persona_files import LARGEST, PersonaFile, PersonaFileError, apply_persona_file

WHOLE = """\
---
name: pirate
about: "Talks like a pirate: arr"
model: claude-haiku-5-5
effort: low
tools: [web, history]
examples:
  - question: Where is the treasure?
    must: [It says arr.]
    must_not: ["It says: please."]
---

You are a pirate.

---
Say arr.
"""
PIRATE = PersonaFile(
    "pirate",
    "Talks like a pirate: arr",
    "You are a pirate.\n\n---\nSay arr.",
    "claude-haiku-5-5",
    "low",
    "web,history",
    (Example("Where is the treasure?", ("It says arr.",), ("It says: please.",)),),
)
BOMB = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n"


def front(lines: str) -> str:
    return f"---\n{lines}\n---\nYou are a pirate.\n"


@pytest.mark.parametrize(
    "content",
    [WHOLE.encode(), WHOLE.replace("\n", "\r\n").encode(), WHOLE.encode("utf-8-sig")],
    ids=["as it is", "with the line ends of Windows", "with a byte order mark"],
)
def test_a_file_is_read_whole(content):
    assert parse_persona_file(content, "pirate.md") == PIRATE


def test_what_is_written_is_read_again():
    assert parse_persona_file(write_persona_file(PIRATE).encode(), "x.md") == PIRATE


def test_tools_may_be_written_with_commas_and_an_empty_field_says_nothing():
    read = parse_persona_file(front("name: a\nabout: b\ntools: web, history\nmodel:\neffort: ''").encode(), "x.md")

    assert read == PersonaFile("a", "b", "You are a pirate.", tools="web,history")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("You are a pirate.", "x.md, line 1: It does not begin with front matter. Put a line --- first"),
        ("---\nname: a\n", "x.md, line 3: The front matter does not end. Put a line --- below it."),
        ("---\nname: a\nabout: b\n---\n \n", "x.md, line 4: Below the front matter stands no system prompt."),
        (front("name: Pirate!\nabout: b"), "x.md, line 2: name must be small letters"),
        (front("name: a"), "x.md, line 2: about: it is missing. Add a line about: with one line"),
        (
            front("name: a\nabout: b\neffort: hihg"),
            "line 4: effort must be one of low, medium, high, xhigh, max; `hihg` is not.",
        ),
        (
            front("name: a\nabout: b\nmodel: a b"),
            "line 4: model must be a model's id, such as claude-haiku-5-5; `a b` is not.",
        ),
        (front("name: a\nabout: b\nmodell: c"), "line 4: modell: there is no such field. Take it out"),
        (front("name: a\nabout: b\nname: c"), "line 4: A name stands twice."),
        (front("name: a\nabout: b\nexamples:\n  - must: [x]"), "line 5: question: it is missing."),
        (
            front("name: a\nabout: b\nexamples:\n  - question: q\n    must: x"),
            "line 6: must must be a list of at most 10",
        ),
        (front("name: a\nabout: b: c"), "line 3: This is no YAML: mapping values are not allowed here."),
        (front("name: a\nabout: !!python/object/apply:os.system [ls]"), "line 3: about must be one line"),
        (front("- a"), "line 2: The front matter is no list of names and values."),
        (front(BOMB), "line 2: Anchors and aliases (& and *) are not followed."),
        (front("[" * 30_000), "line 2: Lists and mappings are nested too deep."),
        (front("a: \x07"), "line 2: This is no YAML"),
        (front("name: a\nabout: b\0"), "line 3: It is no text in UTF-8."),
        ("---\n" + "x" * LARGEST, "line 1: It has more than 100,000 bytes."),
    ],
    ids=lambda value: None if "\n" in value or len(value) > 200 else value[:40],
)
def test_what_is_wrong_is_told_with_its_line_and_its_mend(content, says):
    with pytest.raises(PersonaFileError) as refused:
        parse_persona_file(content.encode(), "x.md")

    assert says in str(refused.value)


def test_a_wrong_encoding_is_told_with_its_line():
    with pytest.raises(PersonaFileError, match="x.md, line 3: It is no text in UTF-8. Save it as UTF-8."):
        parse_persona_file("---\nname: a\nabout: café\n---\nx".encode("latin-1"), "x.md")


def test_a_file_keeps_what_it_says_nothing_of():
    held = Persona("old", "m", "high", 500, follow_ups="never", knowledge=(KnowledgeFile(1, "a.md", 9),))

    applied = apply_persona_file(PersonaFile("a", "b", "new"), held)

    assert applied == Persona("new", None, None, 500, follow_ups="never", knowledge=(KnowledgeFile(1, "a.md", 9),))
