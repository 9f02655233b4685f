"""Saved files: documents of an answer, which a terminal does not print below it but keeps in the folder it runs in."""

from itertools import count
from pathlib import Path

from core.domain.messages import File

DOCUMENT = "text/markdown"  # such as the whole answers of a comparison, of which the reply has the beginnings


def save_document(file: File, folder: Path) -> str:
    """Write a document under its own name, or the next that is free; the name, empty where it is none or can't be."""
    if file.type != DOCUMENT or not file.words:
        return ""
    given = Path(Path(file.name).name)
    for number in count(1):
        name = f"{given.stem}-{number}{given.suffix}" if number > 1 else given.name
        try:
            with (folder / name).open("xb") as opened:
                opened.write(file.content)
        except FileExistsError:
            continue
        except OSError:
            return ""
        return name
    return ""
