"""Slips: the known words that may be meant by a wrong one. Pure."""

import difflib
from collections.abc import Collection, Sequence

FEW = 3  # words that are suggested
ALIKE = 0.5  # of commands, whose slips are longer than those of names
SAME = (
    {"add", "attach", "create", "new", "set"},
    {"change", "edit", "set", "tune"},
    {"clear", "delete", "detach", "drop", "remove"},
    {"files", "library", "list", "show"},
)
"""Verbs that people take for each other."""
ALIASES = {
    "cost": "usage",
    "costs": "usage",
    "model": "persona tune",
    "models": "persona models",
    "remember": "note add",
}
"""Words that no command has, and the command that is meant."""


def find_near(wanted: str, known: Collection[str]) -> str:
    """The known word that begins with the wanted one, else the most similar; empty where none is."""
    wanted = wanted.strip().lower()
    begun = [one for one in known if wanted and one.lower().startswith(wanted)]
    lowered = {one.lower(): one for one in known}
    near = difflib.get_close_matches(wanted, lowered, 1)
    return lowered[near[0]] if near and not begun else (begun or [""])[0]


def ask_meant(wanted: str, known: Collection[str]) -> str:
    """` Did you mean ...?`, or nothing."""
    near = find_near(wanted, known)
    return f" Did you mean `{near}`?" if near else ""


def find_near_commands(name: str, known: Sequence[str]) -> list[str]:
    """The commands that may be meant: those with the same first word before all others."""
    first, _, verb = name.partition(" ")
    if first in ALIASES:
        return [ALIASES[first]]
    group = [one for one in known if one.startswith(f"{first} ")]
    if name == first and group:
        return group
    same = {other for words in SAME if verb in words for other in words}
    meant = [one for one in group if one.partition(" ")[2] in same]
    return (
        meant[:FEW]
        or difflib.get_close_matches(name, group, FEW, ALIKE)
        or difflib.get_close_matches(name, known, FEW, ALIKE)
    )
