"""Secret detection: words of a text that may be a key or password, whatever service made it. Pure."""

import re

SHORT = 20  # characters of a word that is shown whole: `Europe/Berln` helps its writer, and keys are longer
SHOWN = 4  # characters by which its writer knows a longer one again
LONG = re.compile(rf"[^\s,;'\"`()]{{{SHORT},}}[^\s,;'\"`().:]")
RUN = re.compile(r"[A-Za-z0-9]+")
WORD = re.compile(rf"[A-Z]?[a-z]{{,{SHORT}}}|[A-Z]{{,{SHORT}}}|[0-9]{{,{SHORT}}}|.{{,5}}")
"""A word, a number, or both in short: `70B`. In keys letters and digits, large and small ones, stand mixed."""


def shorten_secrets(text: str) -> str:
    """Cut each long word that is not made of words, as an address or a model's id is: `gw_l… (48 characters)`."""
    return LONG.sub(lambda found: _shorten(found[0]), text)


def _shorten(long: str) -> str:
    if all(WORD.fullmatch(run) for run in RUN.findall(long)):
        return long
    return f"{long[:SHOWN]}\u2026 ({len(long)} characters)"
