"""The persona beside a conversation: a form of what holds in its channel, and what a draft would change of it."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.messages import ThreadKey
from core.domain.personas import Persona, Place, Version
from core.prompting.personas.check import EFFORTS
from core.store.persona_in_force import find_persona_in_force
from core.store.records.knowledge import Personas

LONGEST = 20_000  # characters of two texts that are compared word by word; of longer ones all differs
_PIECE = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class PersonaForm:
    """What a form shows: the persona of the channel itself, whose version is `seen`, and what holds with all others."""

    own: Persona
    seen: int
    held: Persona
    versions: Sequence[Version]
    models: Sequence[str]
    tools: Sequence[str]
    efforts: Sequence[str] = EFFORTS


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a difference: `kind` is same, added or removed."""

    kind: str
    text: str


async def read_form(
    personas: Personas, key: ThreadKey, defaults: Persona, models: Sequence[str], tools: Sequence[str]
) -> PersonaForm:
    """The form of a channel's persona as it is now."""
    held, _ = await find_persona_in_force(personas, key, defaults)
    versions = await personas.versions(Place(key.workspace, key.channel))
    own = versions[0].persona if versions else Persona()
    return PersonaForm(own, versions[0].number if versions else 0, held, versions, models, tools)


def list_commands(own: Persona, given: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The commands that make a channel's persona what a form was filled with; none for what stays as it was."""
    text = given.get("text", "").replace("\r\n", "\n").strip()
    seen = {"seen": given["seen"]} if given.get("seen") else {}
    if text and text != (own.system or ""):
        yield "persona set", {"text": text, **seen}
        seen = {}
    tuned = {name: given.get(name, "").strip() for name in ("model", "effort", "tools")}
    changed = {name: value or "default" for name, value in tuned.items() if value != (getattr(own, name) or "")}
    if changed:
        yield "persona tune", {**changed, **seen}


def compare_words(before: str, after: str) -> list[Piece]:
    """What of a text is gone and what is new, word by word."""
    if len(before) + len(after) > LONGEST:
        return [Piece("removed", before), Piece("added", after)] if before != after else [Piece("same", after)]
    one, two = _PIECE.findall(before), _PIECE.findall(after)
    pieces: list[Piece] = []
    for kind, first, last, other, end in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(one[first:last])))
            continue
        pieces += [
            Piece(name, "".join(words))
            for name, words in (("removed", one[first:last]), ("added", two[other:end]))
            if words
        ]
    return pieces
