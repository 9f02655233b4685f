"""Differences of two system prompts, line by line; what stayed far from any change is folded. Pure."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 4_000  # lines of a persona that are compared
SHOWN = 400  # lines of a difference
NEAR = 3  # lines that stand around a change
FOLDED = "folded"


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """A line of a difference: what became of it is `added`, `removed`, `same`, or `folded` for lines left out."""

    kind: str
    text: str


def compare_lines(before: str, after: str) -> Iterator[DifferenceLine]:
    """What of a text is gone and what is new, line by line, with what stayed."""
    one, two = before.splitlines()[:LONGEST], after.splitlines()[:LONGEST]
    for kind, first, last, other, end in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from (DifferenceLine("same", text) for text in one[first:last])
        else:
            yield from (DifferenceLine("removed", text) for text in one[first:last])
            yield from (DifferenceLine("added", text) for text in two[other:end])


def fold_difference(lines: Sequence[DifferenceLine]) -> list[DifferenceLine]:
    """The changes with the lines around them; of the others it is said how many they are."""
    changed = [number for number, line in enumerate(lines) if line.kind != "same"]
    near = {at for number in changed for at in range(number - NEAR, number + NEAR + 1)}
    folded: list[DifferenceLine] = []
    skipped = 0
    for number, line in enumerate(lines):
        if number not in near or len(folded) >= SHOWN:
            skipped += 1
            continue
        folded += [_tell_folded(skipped)] if skipped else []
        folded.append(line)
        skipped = 0
    return [*folded, _tell_folded(skipped)] if skipped else folded


def _tell_folded(count: int) -> DifferenceLine:
    return DifferenceLine(FOLDED, f"{count:,} more {'line' if count == 1 else 'lines'}")
