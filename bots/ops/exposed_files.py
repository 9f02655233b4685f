"""File permissions: finds files of ours that others on this machine may read."""

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bots.ops.secret_keys import find_key_file
from core.settings import EnvironmentSettings, Settings
from core.store import list_files

OTHERS = stat.S_IRWXG | stat.S_IRWXO  # what a group or everybody may do

PATTERNS = {".dist", ".example", ".sample", ".template"}  # endings of what is made to be read, and holds no secret

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExposedFile:
    """A file whose mode lets others read or write it, and the command that mends it."""

    path: str
    mode: int

    @property
    def says(self) -> str:
        who = "everybody on this machine" if self.mode & stat.S_IRWXO else "its group"
        return f"its mode is {self.mode:04o}, so {who} may {' and '.join(self._rights())} it"

    @property
    def mend(self) -> str:
        return f"chmod 600 {self.path}"

    def _rights(self) -> Iterator[str]:
        granted = self.mode & OTHERS
        if granted & (stat.S_IRGRP | stat.S_IROTH):
            yield "read"
        if granted & (stat.S_IWGRP | stat.S_IWOTH):
            yield "write"


def find_exposed(settings: Settings) -> list[ExposedFile]:
    """`.env`, the key file and the database's, with copies of them beside them, that others may read or write."""
    paths = sorted({*_find_env_files(), *list_files(settings.database_url), *_find_key_files(settings)})
    return list(_select_exposed(paths))


def warn_of_exposed(settings: Settings) -> None:
    """Log a line for each file that others may read or write."""
    for one in find_exposed(settings):
        log.warning("%s: %s; %s", one.path, one.says, one.mend)


def _find_env_files() -> list[str]:
    """`.env` and what is called like a copy of it: .env.bak, .env~, but not .env.example."""
    name = str(EnvironmentSettings.model_config["env_file"])
    return [str(one) for one in Path().glob(f"{name}*") if one.suffix not in PATTERNS]


def _find_key_files(settings: Settings) -> list[str]:
    """The key file and what is called like a copy of it."""
    path = find_key_file(settings)
    return [str(one) for one in path.parent.glob(f"{path.name}*")] if path else []


def _select_exposed(paths: Iterable[str]) -> Iterator[ExposedFile]:
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:  # not there, or gone meanwhile; whether it can be used others say
            continue
        mode = stat.S_IMODE(found.st_mode)
        if stat.S_ISREG(found.st_mode) and mode & (OTHERS & ~(stat.S_IXGRP | stat.S_IXOTH)):
            yield ExposedFile(path, mode)
