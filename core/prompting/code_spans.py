"""Code spans and fences: what people write as code, told apart from prose. Pure, in one pass over the text.

Who is named in code is not spoken to.
"""

import re
from bisect import bisect_right
from collections import defaultdict

FENCE = 3  # backticks that may hold lines; fewer hold a part of one line

_RUNS = re.compile(r"(?<!\\)`+|(?<=\\`)`+")


def drop_code(text: str) -> str:
    """`text` with a blank in place of each code span and fence. Marks that nothing closes are prose."""
    runs = [(found.start(), found.end()) for found in _RUNS.finditer(text)] if "`" in text else []
    starts: defaultdict[int, list[int]] = defaultdict(list)
    for start, end in runs:
        starts[end - start].append(start)
    prose: list[str] = []
    at = 0
    for start, end in runs:
        if start < at:
            continue
        closing = _find_closing(text, starts[end - start], end, end - start)
        if closing is not None:
            prose += [text[at:start], " "]
            at = closing
    return "".join([*prose, text[at:]])


def _find_closing(text: str, starts: list[int], opened: int, length: int) -> int | None:
    """Where the code ends that was opened before `opened`: behind the next run of as many marks."""
    number = bisect_right(starts, opened - 1)
    if number == len(starts):
        return None
    start = starts[number]
    return start + length if length >= FENCE or text.find("\n", opened, start) < 0 else None
