"""Escaping of control characters: what a terminal would obey, and not show, becomes visible text. Pure."""

import re

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1: escape sequences begin with them, also for links and the clipboard
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls: the order of what is read
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff]"  # half of a character
)


def neutralise(text: str) -> str:
    """`text` in which each control character but tabs and line ends stands as its code: `\\x1b`."""
    return _OBEYED.sub(_write_code, text.replace("\r\n", "\n"))


def neutralise_line(text: str) -> str:
    """The same for what must stay in one line, such as a name."""
    return neutralise(" ".join(text.split()))


def _write_code(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
