"""Plain pages: a text cut to size by its length alone, for where cutting it by its Markdown failed."""

EARLIEST = 0.5  # of a piece that must be filled before it may end at a line or a word


def cut_by_length(text: str, limit: int) -> list[str]:
    """Cut `text` into pieces of at most `limit` characters, at the end of a line or a word. None is empty."""
    found = []
    while text := text.strip():
        end = _find_end(text, limit)
        found.append(text[:end].rstrip())
        text = text[end:]
    return found


def _find_end(text: str, limit: int) -> int:
    """Where the first piece ends."""
    if len(text) <= limit:
        return len(text)
    least = int(limit * EARLIEST)
    for mark in ("\n", " "):
        if (at := text.rfind(mark, least, limit + 1)) > 0:
            return at
    return limit
