"""Inline marks: what Markdown means inside a line, taken away where it means nothing.

A mark that nothing closes is looked for once in a text, not again wherever it might open. So the time that a text takes
grows as its length, whatever somebody writes.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from functools import lru_cache

DEEPEST = 6  # marks inside marks; what is deeper keeps its own

_FOUND = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<break><br\s*+/?>|[\x00-\x1f\x7f-\x9f])"
    r"|(?P<ticks>`++)"
    r"|!?\[(?P<label>[^\[\]]*+)\]\((?P<address>[^()\s]*+(?:\([^()\s]*+\)[^()\s]*+)*+)\)"
    r"|(?P<mark>[*~_])"
)
_MARKS = ("***", "**", "~~", "*", "__", "_")
_OPENING = {
    mark: re.compile((r"(?<!\w)" if len(mark) == 1 or "_" in mark else "") + re.escape(mark) + r"(?=\S)")
    for mark in _MARKS
}
_CLOSING = {mark: re.compile(r"(?<=\S)" + re.escape(mark) + (r"(?!\w)" if "_" in mark else "")) for mark in _MARKS}


@lru_cache(maxsize=4096)
def strip_marks(text: str) -> str:
    """`text`, a line or a part of one, as it reads without its Markdown marks."""
    return _Line(text, DEEPEST).strip()


class _Line:
    """A text while its marks are taken away; marks may stand `deep` times inside each other."""

    def __init__(self, text: str, deep: int) -> None:
        self._text, self._deep = text, deep
        self._lost: set[str] = set()
        """Marks that nothing closes any more."""
        self._ticks: defaultdict[int, list[int]] = defaultdict(list)
        """Where runs of so many backticks begin."""
        for run in re.finditer("`+", text):
            self._ticks[len(run[0])].append(run.start())

    def strip(self) -> str:
        parts: list[str] = []
        at = begin = 0
        while found := _FOUND.search(self._text, begin):
            start, words, end = self._read(found)
            begin = max(end, found.start() + 1)
            if words is not None:
                parts += [self._text[at:start], words]
                at = begin
        return "".join([*parts, self._text[at:]])

    def _read(self, found: re.Match[str]) -> tuple[int, str | None, int]:
        """Where marked words begin, what they are, and where they end; None if the marks mean nothing."""
        if found["ticks"]:
            return self._code(*found.span())
        if found["mark"]:
            return self._read_emphasis(found.start())
        if found["label"] is None:
            return found.start(), found["escaped"] or " ", found.end()
        label = self._inside(found["label"])
        words = label if label == found["address"] else f"{label} ({found['address']})".lstrip()
        return found.start(), words, found.end()

    def _code(self, start: int, end: int) -> tuple[int, str | None, int]:
        """The code that a run of backticks opens with all of them, or with the last ones."""
        for opening in range(start, end):
            closings = self._ticks.get(end - opening, [])
            index = bisect_left(closings, end + 1)
            if index < len(closings):
                code = _trim_code(self._text[end : closings[index]]).replace("\\|", "|")
                return opening, code, closings[index] + end - opening
        return start, None, end

    def _read_emphasis(self, start: int) -> tuple[int, str | None, int]:
        for mark in _MARKS:
            if mark in self._lost or not (opening := _OPENING[mark].match(self._text, start)):
                continue
            if closing := _CLOSING[mark].search(self._text, opening.end() + 1):
                return start, self._inside(self._text[opening.end() : closing.start()]), closing.end()
            self._lost.add(mark)
        return start, None, start + 1

    def _inside(self, text: str) -> str:
        return _Line(text, self._deep - 1).strip() if self._deep else text


def _trim_code(code: str) -> str:
    """`code` without the one blank that may stand at each of its ends."""
    code = code[1:] if len(code) > 1 and code[0].isspace() else code
    return code[:-1] if len(code) > 1 and code[-1].isspace() else code
