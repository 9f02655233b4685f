"""Names: what people and places are called, escaped so that a name in Markdown is no link, no mention and no mark."""

import re
import unicodedata

LONGEST = 80  # characters of a name that are shown

_PLAIN = re.compile(r"(?:[^\W_]|[ '\u2019,()&/]|(?<=\w)-|\.(?=\s|\Z))+")


def write_name(name: str) -> str:
    """`name` on one line of Markdown: as it is where it is made of words, else as code, in which nothing has a meaning.

    What would end a cell of a table or can't be seen is replaced.
    """
    visible = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in name)
    line = " ".join(visible.replace("|", "/").replace("`", "'").split())
    shown = line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}\u2026"
    if _PLAIN.fullmatch(shown.rstrip("\u2026")):
        return shown
    return f"`{shown}`" if shown else ""
