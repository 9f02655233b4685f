"""Control characters made visible: escape sequences, line breaks and changes of direction in text of strangers."""

import json
import unicodedata

JOINER = "\u200d"  # holds emoji together
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats (bidirectional ones too), lone surrogates, line separators


def is_control(letter: str) -> bool:
    """Whether a terminal or a reader may take the character for something else than what it shows."""
    return letter != JOINER and unicodedata.category(letter) in HARMFUL


def escape_controls(text: str, keep: str = "") -> str:
    r"""Escape control characters as Python writes them: `\x1b`. Those in `keep` stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode() if letter not in keep and is_control(letter) else letter
        for letter in text
    )


def escape_json_controls(written: str) -> str:
    """JSON on one line, in which control characters are escaped as JSON does, beyond those that it has to."""
    return "".join(json.dumps(letter)[1:-1] if is_control(letter) else letter for letter in written)
