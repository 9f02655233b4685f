"""The mark of a move: a file beside a database that says where it went. While it is there, no bot starts on it."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.store.sql_port import Unfit

MARK = ".moved"  # ends the file's name
DRAFT = ".draft"  # follows that until it is whole
ELSEWHERE = "another database"  # where the file does not say which
TIME = "%Y-%m-%d %H:%M UTC"

MOVED = "it was moved to {there}; start Confab on that, or remove {mark} to start it on this one after all"
OTHER = "{database} was moved to {there}; remove {mark} to move it to another one"
UNMARKABLE = (
    "the folder {folder} cannot be written, where a file has to say that {database} was moved; let this user write "
    "there, or move a copy, which `confab backup` makes"
)


@dataclass(frozen=True, slots=True)
class MoveMark:
    """What the file beside a database says. It is empty where that cannot be read, which counts as moved too."""

    path: str
    target: str = ""  # without its password
    at: str = ""

    def __str__(self) -> str:
        return f"{self.target or ELSEWHERE}{f' on {self.at}' if self.at else ''}"


def name_mark(database: str) -> str:
    """The path of its mark: beside the file itself, whatever link leads there."""
    return os.path.realpath(database) + MARK


def find_mark(database: str) -> MoveMark | None:
    """The mark beside the database in the file `database`; None, where it was not moved."""
    path = name_mark(database)
    if not os.path.lexists(path):
        return None
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        return MoveMark(path, str(told["moved_to"]), str(told["moved_at"]))
    return MoveMark(path)


def ensure_unmoved(database: str) -> None:
    """Raises Unfit, if it was moved."""
    if mark := find_mark(database):
        raise Unfit(explain_mark(mark))


def explain_mark(mark: MoveMark) -> str:
    """Why no bot starts there, and how one may after all."""
    return MOVED.format(there=mark, mark=mark.path)


def ensure_markable(database: str, target: str) -> None:
    """Raises Unfit, if it was moved to another database than `target`, or no mark can be written."""
    mark = find_mark(database)
    if mark and mark.target != target:
        raise Unfit(OTHER.format(database=database, there=mark, mark=mark.path))
    path = name_mark(database)
    try:
        os.close(_open_draft(path))
        os.unlink(path + DRAFT)
    except OSError as error:
        raise Unfit(UNMARKABLE.format(folder=os.path.dirname(path), database=database)) from error


def write_mark(database: str, target: str, at: datetime) -> None:
    """Say beside it that it was moved, so that a power cut leaves all of that or nothing. Raises OSError."""
    path = name_mark(database)
    with open(_open_draft(path), "w", encoding="utf-8") as file:
        with suppress(OSError):  # so that the bot can read it, also where root moves
            os.fchown(file.fileno(), os.stat(database).st_uid, os.stat(database).st_gid)
        print(json.dumps({"moved_to": target, "moved_at": at.strftime(TIME)}), file=file, flush=True)
        os.fsync(file.fileno())
    os.replace(path + DRAFT, path)
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    """A new name outlasts a power cut only when its folder is on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _open_draft(path: str) -> int:
    return os.open(path + DRAFT, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
