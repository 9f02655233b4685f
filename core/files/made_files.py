"""Made files: those that tools made for an answer are fetched from Claude's API, to be posted with it."""

import asyncio
import logging
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from typing import TypeVar

from core.claude.errors import FileStorageError
from core.claude.files import FileStorage
from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import Uncertain
from core.domain.messages import Attachment, File, MadeFile
from core.domain.wording import list_some
from core.prompting.file_names import describe_file, write_name_as_code
from core.rendering.names import clean_file_name, shorten_file_name
from core.rendering.reply_notes import append_note

MOST = 9  # files of one answer: platforms hang ten on a message, and one of these may hold a whole answer
NAMED = 30  # files of one answer that are looked at
LARGEST = 10_000_000  # bytes of one: Discord takes no more
WAIT = 60.0  # seconds that all of them may take
TRIES = 3
UNNAMED = "file"

GONE = "Claude's API has it no more"
TOO_LARGE = f"it is larger than the {LARGEST // 1_000_000} MB that I post"
TOO_MANY = f"I post at most {MOST} files with an answer"
UNHAD = "it could not be fetched just now"

T = TypeVar("T")

log = logging.getLogger(__name__)


class _Unfetched(Exception):
    """A file, which may have a name, can't be had; says why, to people."""

    def __init__(self, why: str, name: str = "") -> None:
        super().__init__(why)
        self.name = name


@dataclass(frozen=True, slots=True)
class FetchedFiles:
    """What became of the files of an answer: those to post, all by their names, and why some are not there."""

    files: tuple[File, ...] = ()
    named: tuple[MadeFile, ...] = ()
    problem: str = ""
    """In sentences; empty where all are there."""

    def note_problem(self, text: str) -> str:
        """The text of the answer, below which stands why some are not there."""
        return append_note(text, self.problem) if self.problem else text


@dataclass(frozen=True, slots=True)
class MadeFiles:
    """Fetches files of tools from `storage`, where there is one. `sleep` and `wait` are in seconds."""

    storage: FileStorage | None = None
    sleep: Sleep = asyncio.sleep
    wait: float = WAIT

    async def fetch(self, made: Sequence[MadeFile]) -> FetchedFiles:
        """The files, fetched side by side. What can't be had costs a sentence, and raises nothing."""
        fetching = [
            asyncio.create_task(self._fetch_file(one, posted=place < MOST)) for place, one in enumerate(made[:NAMED])
        ]
        try:
            await asyncio.wait(fetching, timeout=self.wait)
        finally:
            for task in fetching:
                task.cancel()
            fetched = await asyncio.gather(*fetching, return_exceptions=True)
        return _sort_fetched(made, fetched)

    async def _fetch_file(self, made: MadeFile, *, posted: bool) -> File:
        """One file, as it is `posted`, unless it is one too many. Raises _Unfetched."""
        if (made.text or made.base64) and not posted:
            raise _Unfetched(TOO_MANY, made.name)
        if made.text or made.base64:
            content = b64decode(made.base64) if made.base64 else made.text.encode()
            return File(clean_file_name(made.name) or UNNAMED, made.type, content, made.alt)
        if self.storage is None:
            raise _Unfetched(UNHAD)
        told = await self._ask(partial(self.storage.describe, made.file_id))
        name = clean_file_name(told.name) or UNNAMED
        if told.bytes > LARGEST or not posted:
            raise _Unfetched(TOO_LARGE if posted else TOO_MANY, name)
        content = await self._ask(partial(self.storage.download, made.file_id, LARGEST))
        return File(name, told.type, content, alt=_describe_made(name, told.type, len(content)))

    async def _ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """What the API answers, asked again where that may help. Raises _Unfetched."""

        async def ask() -> T:
            try:
                return await request()
            except FileStorageError as error:
                if error.certain:
                    log.warning("a file that a tool made can't be had: %s", error)
                    raise _Unfetched(GONE) from error
                raise Uncertain(str(error)) from error

        try:
            return await backoff.retry(ask, Uncertain, self.sleep, tries=TRIES)
        except Uncertain as error:
            log.warning("a file that a tool made can't be fetched: %s", error)
            raise _Unfetched(UNHAD) from error


def _sort_fetched(made: Sequence[MadeFile], fetched: Sequence[File | BaseException]) -> FetchedFiles:
    """Files by names of their own, and a sentence for each reason why others are not there."""
    files: list[File] = []
    named: list[MadeFile] = []
    problems: dict[str, list[str]] = {}
    for one, found in zip(made, chain(fetched, (_Unfetched(TOO_MANY) for _ in made[NAMED:])), strict=True):
        if isinstance(found, File):
            files.append(replace(found, name=_make_unique(found.name, files)))
            named.append(replace(one, name=files[-1].name, type=found.type))
            continue
        if not isinstance(found, _Unfetched | asyncio.CancelledError):
            log.error("a bug kept a file from being fetched", exc_info=found)
        why, name = (str(found), found.name) if isinstance(found, _Unfetched) else (UNHAD, "")
        named.append(replace(one, name=name or one.name))
        problems.setdefault(why, []).append(write_name_as_code(named[-1].name))
    sentences = (f"I could not attach {list_some(names)}: {why}." for why, names in problems.items())
    return FetchedFiles(tuple(files), tuple(named), " ".join(sentences))


def _make_unique(name: str, files: Sequence[File]) -> str:
    taken = {file.name.casefold() for file in files}
    numbered = (shorten_file_name(name, f"-{number}") for number in count(2))
    return next(one for one in chain([name], numbered) if one.casefold() not in taken)


def _describe_made(name: str, kind: str, size: int) -> str:
    """What stands for a file where it can't be seen."""
    what = "Picture" if kind.startswith("image/") else "File"
    return f"{what} that code made: {describe_file(Attachment('', name, kind, size), name)}"
