"""Saved files: those of an answer that a terminal does not print below it, but keeps in the folder it runs in."""

from itertools import count
from pathlib import Path

from bots.console.escapes import neutralise_line
from core.domain.messages import File

DOCUMENT = "text/markdown"  # such as the whole answers of a comparison, of which the reply has the beginnings


def is_for_disk(file: File, *, screen: bool) -> bool:
    """Whether a file is for keeping, and not for reading; on a screen documents are, which would fill it."""
    return file.kept or (screen and file.type == DOCUMENT and bool(file.words))


def save_file(file: File, folder: Path) -> str:
    """Write a file under its own name, or the next that is free, over no other. Where it is, or why it can't be."""
    given = Path(Path(file.name).name)
    for number in count(1):
        name = f"{given.stem}-{number}{given.suffix}" if number > 1 else given.name
        try:
            with (folder / name).open("xb") as opened:
                opened.write(file.content)
        except FileExistsError:
            continue
        except OSError as error:
            return f"`{neutralise_line(name)}` can't be saved here: {error.strerror}."
        return f"Saved here as `{neutralise_line(name)}`."
    raise AssertionError("there are numbers without end")
