"""Slips: the known words that may be meant by a wrong one. Pure."""

import difflib
from collections.abc import Collection, Sequence

NAME = 40  # characters of a slip that are quoted
FEW = 3  # words that are suggested
NEAR = 0.72  # how alike a verb and the first word of a text are where that may be meant
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
HELP = "help"
VERBS = {
    **dict.fromkeys(("status", "state", "progress", "results", "result"), "show"),
    **dict.fromkeys(("delete", "remove", "drop", "clear", "abort", "kill", "cancel"), "stop"),
    **dict.fromkeys(("resume", "go"), "start"),
    **dict.fromkeys(("ls", "history", "all"), "list"),
    HELP: HELP,
}
"""Verbs that people take for those of a group in which a text may stand in their place."""
LONG_VERBS = ("cancel", "status")  # which are known also where they are misspelt
QUOTES = '"“”„'  # keyboards make curly ones of straight ones
QUOTED = "If these are the words of a prompt, put all of them into quotes."


def find_meant_command(group: str, text: str, verbs: Sequence[str]) -> str:
    """That a text behind the first word of a group is no text but a slip, and which command is meant; else empty.

    A slip is a few words without a field, of which the first is nearly a verb of the group, or a number alone. Quotes
    make it a text.
    """
    words = [one.strip(".,:;!?#`'") for one in text.casefold().split()]
    if not (verbs and words) or len(words) > FEW or text.lstrip()[0] in QUOTES or "{" in text:
        return ""
    first, *rest = words
    near = [first] if first in VERBS else difflib.get_close_matches(first, [*verbs, *LONG_VERBS], 1, NEAR)
    verb = "show" if first.isdecimal() else VERBS.get(near[0], near[0]) if near else ""
    if not verb or (first.isdecimal() and rest):
        return ""
    numbers = [one for one in words if one.isdecimal()]
    meant = f"{verb} {group}" if verb == HELP else " ".join([group, verb, *numbers[:1]])
    return f"There is no command `{group} {first[:NAME]}`. Did you mean `{meant}`? {QUOTED}"


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
