"""The library: personas that ship, beside those in a folder of the operator's own, which win by name.

The folder is looked at each time, and read again where a file has changed, in a thread of its own.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.library.persona_files import LARGEST, PersonaFile, PersonaFileError

SHIPPED = Path(__file__).with_name("shipped")
ENDING = ".md"
MOST = 500  # files of a folder that are read


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a library has now: personas in the order of their names, and what is wrong with files, a sentence each."""

    personas: tuple[PersonaFile, ...] = ()
    problems: tuple[str, ...] = ()
    own: frozenset[str] = frozenset()
    """The names of those that stand in the operator's folder."""

    def find(self, wanted: str) -> PersonaFile | None:
        """The persona of that name, in which blanks may stand for hyphens, or of that number in a list, from 1."""
        if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= len(self.personas):
            return self.personas[int(wanted) - 1]
        return next((one for one in self.personas if one.name == "-".join(wanted.lower().split())), None)


class PersonaLibrary:
    """Personas to choose from; `folder` is the operator's, if there is one."""

    def __init__(self, folder: str = "") -> None:
        self._folder = Path(folder) if folder else None
        self._held: tuple[object, Shelf] | None = None
        self._lock = asyncio.Lock()

    async def read(self) -> Shelf:
        """What there is now. It waits for the disk in another thread, and never raises for a bad file."""
        async with self._lock:
            return await asyncio.to_thread(self._read)

    def _read(self) -> Shelf:
        seen = list(_look_at(self._folder)) if self._folder else []
        if self._held is None or self._held[0] != seen:
            self._held = (seen, read_shelf(self._folder))
        return self._held[1]


def read_shelf(folder: Path | None) -> Shelf:
    """The shipped personas, and those of a folder, which win by name."""
    shipped, wrong = read_folder(SHIPPED)
    own, problems = read_folder(folder) if folder else ({}, [])
    personas = {one.name: one for one in (*shipped.values(), *own.values())}
    return Shelf(
        tuple(personas[name] for name in sorted(personas)),
        (*wrong, *problems),
        frozenset(one.name for one in own.values()),
    )


def read_folder(folder: Path) -> tuple[dict[str, PersonaFile], list[str]]:
    """The personas of a folder by the names of their files, and what is wrong, a sentence each."""
    from core.library.front_matter import parse_persona_file  # noqa: PLC0415  it loads YAML, for those who look

    found: dict[str, PersonaFile] = {}
    problems: list[str] = []
    names: dict[str, str] = {}
    try:
        paths = list(_list_files(folder))
    except FileNotFoundError:
        return {}, [f"{folder.name}: There is no such folder. Make it, or mend its name."]
    except NotADirectoryError:
        return {}, [f"{folder.name}: It is no folder. Name the one that the files are in."]
    except OSError as error:
        return {}, [f"{folder.name}: The folder can't be read ({error.strerror}). Let this user read it."]
    for path in paths[:MOST]:
        try:
            persona = parse_persona_file(_read_bytes(path), path.name)
        except PersonaFileError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path.name}: It can't be read ({error.strerror}). Let this user read it.")
        else:
            if (other := names.setdefault(persona.name, path.name)) != path.name:
                problems.append(f"{path.name}, line 1: {other} has the name {persona.name} too. Give it another one.")
            else:
                found[path.name] = persona
    if len(paths) > MOST:
        problems.append(f"{folder.name}: Only the first {MOST} files are read. Take others out.")
    return found, problems


def _look_at(folder: Path) -> Iterator[object]:
    """What tells whether a folder has changed: of each file its name, size, and when it was changed."""
    try:
        for path in _list_files(folder):
            known = path.stat()
            yield path.name, known.st_size, known.st_mtime_ns, known.st_ino
    except OSError as error:
        yield str(error)


def _list_files(folder: Path) -> Iterator[Path]:
    """The persona files of a folder in the order of their names; what is no file, such as a pipe, is left out."""
    return (one for one in sorted(folder.iterdir()) if one.suffix.lower() == ENDING and one.is_file())


def _read_bytes(path: Path) -> bytes:
    """The bytes of a file, one more than it may have at most."""
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
