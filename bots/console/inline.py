"""Inline Markdown of a line that still grows: runs of words, each with its style, as soon as they are final. Pure.

A mark that has not closed within `HELD` characters is text. So what was read never changes, however the line goes on,
and it takes a time that grows as the line's length.
"""

import re
from collections.abc import Iterator

HELD = 300  # characters in which a mark must close, and which a line is at most behind its newest word

BOLD, ITALIC, STRUCK, CODE, LINK = "1", "3", "9", "36", "4"  # parameters of the terminal's SGR sequence
STYLES = {"***": f"{BOLD};{ITALIC}", "**": BOLD, "__": BOLD, "~~": STRUCK, "*": ITALIC, "_": ITALIC}

_SPECIAL = re.compile(r"[\\`*_~!\[]")
_LINK = re.compile(
    r"!?\[(?P<label>[^\[\]]*+)\]\((?P<address>[^()\s]*+(?:\([^()\s]*+\)[^()\s]*+)*+)(?P<title>\s++\"[^\"]*+\")?+\)"
)
_OPEN_LINK = re.compile(
    r"!?(?:\[[^\[\]]*+(?:\](?:\((?:[^()\s]++|\([^()\s]*+\)?+)*+(?:\s++(?:\"[^\"]*+\"?+)?+)?+)?+)?+)?+"
)
_MARK = re.compile(r"\*{1,3}|_{1,2}|~~")

Run = tuple[str, str]
"""Words, and their style: parameters of SGR with semicolons, or nothing."""


class LineReader:
    """Reads the runs of one line. `start` is where its words begin; `style` is that of all of them."""

    def __init__(self, start: int = 0, style: str = "") -> None:
        self.at = start
        self._style = style

    def read(self, line: str, whole: bool) -> Iterator[Run]:
        """The runs that are final now, of a line that begins as it did before; all of them when it is `whole`."""
        reading = _Reading(line, whole=whole)
        runs, self.at = reading.read(self.at, len(line), self._style)
        return iter(runs)


class _Reading:
    """One look at a line, as far as it goes."""

    def __init__(self, line: str, *, whole: bool) -> None:
        self._line, self._whole = line, whole

    def read(self, at: int, end: int, style: str) -> tuple[list[Run], int]:
        """The runs from `at` on, and where what is not final begins."""
        runs: list[Run] = []
        while at < end:
            special = _SPECIAL.search(self._line, at, end)
            stop = special.start() if special else end
            if stop > at:
                runs.append((self._line[at:stop], style))
            if special is None:
                return runs, end
            found = self._read_mark(stop, end, style)
            if found is None:
                return runs, stop
            runs += found[0]
            at = found[1]
        return runs, at

    def _read_mark(self, at: int, end: int, style: str) -> tuple[list[Run], int] | None:
        """What the mark at `at` means, and where that ends; None while it is not known."""
        mark = self._line[at]
        if mark == "\\":
            return self._read_escape(at, end, style)
        if mark == "`":
            return self._read_code(at, end, style)
        if mark in "![":
            return self._read_link(at, end, style)
        return self._read_emphasis(at, end, style)

    def _is_open(self, at: int, end: int) -> bool:
        """Whether what stands at `at` may still become something when the line goes on."""
        return not self._whole and end == len(self._line) and end - at < HELD

    def _read_escape(self, at: int, end: int, style: str) -> tuple[list[Run], int] | None:
        if at + 1 == end and self._is_open(at, end):
            return None
        escaped = re.match(r"\\([!-/:-@\[-`{-~])", self._line[at : min(end, at + 2)])
        return [(escaped[1] if escaped else "\\", style)], at + (2 if escaped else 1)

    def _read_code(self, at: int, end: int, style: str) -> tuple[list[Run], int] | None:
        opening = re.compile("`+").match(self._line, at, end)
        assert opening is not None
        ticks, begin = opening[0], opening.end()
        closing = re.compile(rf"(?<!`){ticks}(?!`)").search(self._line, begin, min(end, at + HELD))
        if closing and not (closing.end() == end and self._is_open(at, end)):
            code = self._line[begin : closing.start()]
            trimmed = code[1:-1] if len(code) > 2 and code[0] == code[-1] == " " else code
            return [(trimmed, _join(style, CODE))], closing.end()
        return None if self._is_open(at, end) else ([(ticks, style)], begin)

    def _read_link(self, at: int, end: int, style: str) -> tuple[list[Run], int] | None:
        limit = min(end, at + HELD)
        link = _LINK.match(self._line, at, limit) if self._line.find("](", at, limit) > 0 else None
        if link is None:
            pending = self._is_open(at, end) and _OPEN_LINK.fullmatch(self._line, at, end)
            return None if pending else ([(self._line[at], style)], at + 1)
        label, address = link["label"], link["address"]
        if label in {"", address} or f"mailto:{label}" == address:
            return [(address + (link["title"] or ""), _join(style, LINK))], link.end()
        words, _ = _Reading(self._line, whole=True).read(link.start("label"), link.end("label"), _join(style, LINK))
        return [*words, (f" ({address}{link['title'] or ''})", style)], link.end()

    def _read_emphasis(self, at: int, end: int, style: str) -> tuple[list[Run], int] | None:
        found = _MARK.match(self._line, at, end)
        if found is None:  # one tilde
            pending = self._is_open(at, end) and at + 1 == end
            return None if pending else ([(self._line[at], style)], at + 1)
        mark, begin = found[0], found.end()
        if begin == end and self._is_open(at, end):
            return None
        inside_word = mark[0] == "_" and at > 0 and self._line[at - 1].isalnum()
        if begin == end or self._line[begin].isspace() or inside_word:
            return [(mark, style)], begin
        after = r"(?!\w)" if mark[0] == "_" else ""
        sole = rf"(?<![{mark[0]}\\])" if len(mark) == 1 else ""
        closing = re.compile(rf"(?<=[^\s\\]){sole}{re.escape(mark)}(?!{re.escape(mark[0])}){after}").search(
            self._line, begin + 1, min(end, at + HELD)
        )
        if closing and not (closing.end() == end and self._is_open(at, end)):
            words, _ = _Reading(self._line, whole=True).read(begin, closing.start(), _join(style, STYLES[mark]))
            return words, closing.end()
        return None if self._is_open(at, end) else ([(mark, style)], begin)


def _join(style: str, more: str) -> str:
    return f"{style};{more}" if style else more
