"""File reader: fetches a conversation's attachments, recognises them by their bytes, remembers what they hold."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from cachetools import LRUCache

from core.domain.content import CodeFile, Document, FileContent, Files, Uploaded, count_bytes
from core.domain.errors import CannotAnswer, CannotShow, ConfabError, RateLimited, Rejected, Uncertain
from core.domain.messages import Attachment, Message, ThreadKey
from core.domain.platform import Surface
from core.files.bounds import bound_files
from core.files.conversion import INLINE, WORDS, WORKER, convert_file
from core.files.formats import RECORDING, TEXTS, explain_unread, is_showable, recognise_format
from core.files.texts import KNOWN, TOLD, read_text
from core.files.uploads import FileUploads, tell_stored
from core.prompting.file_names import clean_attached_name
from core.store.records.files import FilePlace
from core.worker.fair_semaphore import FairSemaphore

FILES, STEP = 12, 6  # attachments of one conversation that are read; the oldest are left out so many at a time
AT_ONCE = 4  # files fetched side by side
CONVERSIONS = 1  # files converted at a time, of all conversations: a picture may need 700 MB
WAIT = 30.0  # seconds that all files of a question may take
LARGEST = 32_000_000  # bytes of a file
UNFETCHED = 1_000_000  # bytes of what calls itself sound or video, from which on it is believed
MEMORY = 64_000_000  # bytes of content that is remembered
REMEMBERED = 10_000  # files that could not be uploaded

RECORDED = ("audio/", "video/")

OLDER = FileContent(problem=f"I read the {FILES} newest files of a conversation at most; attach it again if it matters")
BUG = FileContent(problem="something went wrong on my side when I read it; ask again", passing=True)
LATE = FileContent(problem="it did not come in time; ask again to have it read", passing=True)
UNSENT = FileContent(problem=f"a PDF may have {INLINE // 1_000_000} MB at most here; send the pages that matter")
UNSTORED = FileContent(problem="it is large, and could not be stored for Claude just now; ask again", passing=True)
TOO_LARGE = f"it is larger than the {LARGEST // 1_000_000} MB that I read; send a part of it"
EMPTY = FileContent(problem="it is empty")
WORDLESS = FileContent(problem="it has no words that could be kept; attach it to a question, where Claude sees it")
UNAVAILABLE = (CannotAnswer, CannotShow, RateLimited, Rejected, Uncertain)

Convert: TypeAlias = Callable[[str, bytes], Awaitable[FileContent]]

log = logging.getLogger(__name__)


def _tell_nobody(note: str) -> None:
    """A file that waits is part of an answer that waits."""


class FileReader:
    """Reads files for all conversations. What could not be had just now is fetched again with the next question."""

    def __init__(
        self,
        convert: Convert = convert_file,
        convert_words: Convert = partial(convert_file, worker=(*WORKER, WORDS)),  # noqa: B008  it holds nothing
        wait: float = WAIT,
        memory: int = MEMORY,
        uploads: FileUploads | None = None,
    ) -> None:
        self._convert = convert
        self._convert_words = convert_words
        self._uploads = uploads
        self._wait = wait
        self._slots = FairSemaphore(CONVERSIONS)
        self._read: LRUCache[tuple[ThreadKey, str], FileContent] = LRUCache(memory, _measure)
        self._sent_inline: LRUCache[tuple[ThreadKey, str], bool] = LRUCache(REMEMBERED)
        """Files that could not be uploaded: they are told as they were told first, as long as this process lives."""
        self._unopened: LRUCache[tuple[ThreadKey, str], bool] = LRUCache(REMEMBERED)
        """Those among them that could not be stored for code."""

    async def read_files(
        self,
        key: ThreadKey,
        messages: Sequence[Message],
        surface: Surface,
        begin: Callable[[str], None] = _tell_nobody,
        *,
        code: bool = False,
    ) -> Files:
        """What hangs on these messages, by the ids of messages and attachments; of very many the newest alone.

        `begin` is told the name of the newest one that has to be fetched, before it is. Where Claude may run `code`,
        they are there for that too.
        """
        found = {(message.id, one.id): one for message in messages if not message.mine for one in message.attachments}
        different = list(dict.fromkeys(name for _, name in found))
        newest = set(different[choose_start(len(different)) :])
        chosen = [place for place in found if place[1] in newest]
        ways: dict[str, list[tuple[str, Attachment]]] = {}
        for message, name in chosen:
            ways.setdefault(name, []).append((message, found[message, name]))
        first = {name: places[0] for name, places in ways.items()}
        known = {name: self._read[key, name] for name in first if (key, name) in self._read}
        known |= await self._find_uploaded(key, chosen, first)
        opened = await self._find_for_code(key, chosen) if code else None
        missing = [ways[name] for name in ways if name not in known or self._wants_opened(key, name, known, opened)]
        if missing:
            begin(missing[-1][-1][1].name)
        read = {**await self._read_missing(key, missing, surface, opened), **known} if missing else known
        read = await self._upload_shown(key, read, chosen)
        bounded = bound_files({(message, name): read[name] for message, name in chosen})
        told = {place: _name_again(one, found[place], first[place[1]][1]) for place, one in bounded.items()}
        if opened is not None:
            told = open_to_code(told, opened, {name: _name_file(one) for name, (_, one) in first.items()})
        return dict.fromkeys(found, OLDER) | told

    async def read_words(self, key: ThreadKey, attachment: Attachment, message: str, surface: Surface) -> FileContent:
        """The words of a file, for a persona to know: many more than of one that hangs on a question; else a problem.

        Of a PDF they are its text. Nothing is uploaded, and nothing remembered.
        """
        try:
            async with asyncio.timeout(self._wait):
                read = await self._read_words(key, attachment, message, surface)
        except TimeoutError:
            return LATE
        except UNAVAILABLE as error:
            log.info("a file can't be fetched: %s", error)
            return FileContent(problem=_explain(error), passing=True)
        except Exception:
            log.exception("a bug kept a file from being read")
            return BUG
        if read.cut:
            return FileContent(problem=f"it says more than the {KNOWN // 1_000_000} MB that I read; send a part of it")
        return read if read.text.strip() or read.problem else WORDLESS

    async def _read_words(self, key: ThreadKey, attachment: Attachment, message: str, surface: Surface) -> FileContent:
        if attachment.size > LARGEST:
            return FileContent(problem=TOO_LARGE)
        content = await surface.fetch(attachment, message)
        return await self._read_content(key, _name_file(attachment), content, words=True) if content else EMPTY

    async def refuse(self, key: ThreadKey, names: Collection[str], problem: str) -> None:
        """Remember that Claude's API does not take these attachments, so that they are not sent again."""
        for name in names:
            self._read[key, name] = FileContent(problem=problem)
        if self._uploads:
            await self._uploads.refuse(key, names, problem)

    async def renew_files(
        self,
        key: ThreadKey,
        messages: Sequence[Message],
        surface: Surface,
        vanished: Collection[str],
        *,
        code: bool = False,
    ) -> Mapping[str, FileContent]:
        """Read and upload again what Claude's API has no more, by the ids that it had; what is told in its place."""
        places = [(message.id, one.id) for message in messages if not message.mine for one in message.attachments]
        if self._uploads is None:
            return {}
        shown, opened = await self._uploads.find(key, places), await self._uploads.find_for_code(key, places)
        lost = {one.file_id: name for name, one in shown.items() if one.file_id in vanished}
        lost |= {one.file_id: name for name, one in opened.items() if one.file_id in vanished}
        await self._uploads.discard(key, lost.keys())
        read = await self.read_files(key, messages, surface, code=code)
        told = {name: content for (_, name), content in read.items() if not content.again}
        return {file_id: told[name] for file_id, name in lost.items() if name in told}

    async def _find_uploaded(
        self, key: ThreadKey, chosen: Collection[FilePlace], first: Mapping[str, tuple[str, Attachment]]
    ) -> dict[str, FileContent]:
        """The files that are uploaded or refused already, also by another process: they are not fetched."""
        stored = await self._uploads.find(key, chosen) if self._uploads and chosen else {}
        return {name: tell_stored(one, _name_file(first[name][1])) for name, one in stored.items()}

    async def _find_for_code(self, key: ThreadKey, chosen: Collection[FilePlace]) -> dict[str, Uploaded] | None:
        """The files that code can open already; None where none can be, for there is no Files API."""
        if self._uploads is None or self._uploads.inline:
            return None
        return dict(await self._uploads.find_for_code(key, chosen)) if chosen else {}

    def _wants_opened(
        self, key: ThreadKey, name: str, read: Mapping[str, FileContent], opened: Mapping[str, Uploaded] | None
    ) -> bool:
        """Whether a file that was read has to be stored for code yet, which opens what Claude is shown as it is."""
        if opened is None or name in opened or (key, name) in self._unopened:
            return False
        return not read[name].is_shown_alone

    async def _upload_shown(
        self, key: ThreadKey, read: Mapping[str, FileContent], chosen: Collection[FilePlace]
    ) -> dict[str, FileContent]:
        """The files where those that are shown are uploaded, side by side, if that has not been tried.

        What has words too is told as it is: those are kept nowhere, so that it is read again after a restart.
        """
        shown = {name: one.shown for name, one in read.items() if one.shown and one.is_shown_alone}
        new = {name: one for name, one in shown.items() if not one.uploaded and (key, name) not in self._sent_inline}
        if self._uploads is None:
            return {name: one if _fits_inline(one) else UNSENT for name, one in read.items()}
        uploading = [
            self._uploads.upload(key, one, [place for place in chosen if place[1] == name]) for name, one in new.items()
        ]
        uploaded = dict(zip(new, await asyncio.gather(*uploading), strict=True))
        for name, content in uploaded.items():
            if content.shown is None or content.shown.uploaded:
                self._read.pop((key, name), None)
            elif _fits_inline(content):
                self._sent_inline[key, name] = True
        unsent = UNSENT if self._uploads.inline else UNSTORED
        return {name: one if _fits_inline(one) else unsent for name, one in (dict(read) | uploaded).items()}

    async def _read_missing(
        self,
        key: ThreadKey,
        missing: Sequence[Sequence[tuple[str, Attachment]]],
        surface: Surface,
        opened: dict[str, Uploaded] | None,
    ) -> dict[str, FileContent]:
        """Fetch and read side by side, and remember what was there. Those that code can open now are `opened`."""
        free = asyncio.Semaphore(AT_ONCE)

        async def read(places: Sequence[tuple[str, Attachment]]) -> FileContent:
            async with free:
                try:
                    content = await self._read_file(key, places, surface, opened)
                except UNAVAILABLE as error:
                    log.info("a file can't be fetched: %s", error)
                    return FileContent(problem=_explain(error), passing=True)
                except Exception:
                    log.exception("a bug kept a file from being read")
                    return BUG
                if not content.passing:
                    self._read[key, places[0][1].id] = content
                return content

        reading = {places[0][1].id: asyncio.create_task(read(places)) for places in missing}
        try:
            await asyncio.wait(reading.values(), timeout=self._wait)
        finally:
            for task in reading.values():
                task.cancel()
            await asyncio.gather(*reading.values(), return_exceptions=True)
        return {name: LATE if task.cancelled() else task.result() for name, task in reading.items()}

    async def _read_file(
        self,
        key: ThreadKey,
        places: Sequence[tuple[str, Attachment]],
        surface: Surface,
        opened: dict[str, Uploaded] | None,
    ) -> FileContent:
        """What a file holds that hangs on these messages, oldest first; it is called as on the first of them."""
        attachment = places[0][1]
        recorded = attachment.type.startswith(RECORDED)
        if recorded and attachment.size > UNFETCHED:
            return FileContent(problem=RECORDING)
        if attachment.size > LARGEST:
            return FileContent(problem=TOO_LARGE)
        content = await _fetch_newest(places, surface)
        if not content:
            return EMPTY
        read = await self._read_content(key, _name_file(attachment), content)
        if opened is not None and self._wants_opened(key, attachment.id, {attachment.id: read}, opened):
            await self._open_to_code(key, places, content, opened)
        return FileContent(problem=RECORDING) if recorded and read.problem and not read.passing else read

    async def _open_to_code(
        self,
        key: ThreadKey,
        places: Sequence[tuple[str, Attachment]],
        content: bytes,
        opened: dict[str, Uploaded],
    ) -> None:
        """Store a file for code. One that could not be is not tried again: what is told of it stays as it is."""
        name = places[0][1].id
        where = [(message, name) for message, _ in places]
        assert self._uploads is not None
        if uploaded := await self._uploads.upload_for_code(key, _name_file(places[0][1]), content, where):
            opened[name] = uploaded
        else:
            self._unopened[key, name] = True

    async def _read_content(self, key: ThreadKey, name: str, content: bytes, *, words: bool = False) -> FileContent:
        """What a file holds, by its bytes. The words of what can't be converted are told as they are."""
        found = recognise_format(content)
        text = None if is_showable(content) else read_text(content, KNOWN if words else TOLD)
        if text is not None and found not in TEXTS:
            return text
        if problem := explain_unread(content):
            return FileContent(problem=problem)
        async with self._slots.slot(key, key.thread, _tell_nobody):
            read = await (self._convert_words if words else self._convert)(name, content)
        if read.problem and text is not None:
            return replace(text, origin=f"told as its source, for {read.problem}")
        return read


def choose_start(count: int) -> int:
    """The first of `count` files that is read. It moves in steps, so that a prompt keeps its beginning between them."""
    return 0 if count <= FILES else -(-(count - FILES) // STEP) * STEP


def open_to_code(told: Files, opened: Mapping[str, Uploaded], names: Mapping[str, str]) -> dict[FilePlace, FileContent]:
    """The files where each that is stored is there for code, once, under the name that it has first."""
    found: dict[FilePlace, FileContent] = {}
    seen = set[str]()
    for place, read in told.items():
        shown = read.shown.uploaded if read.shown and read.is_shown_alone else None
        uploaded = opened.get(place[1]) or shown
        if uploaded and place[1] in seen:
            found[place] = read if read.again else FileContent(again=True)
            continue
        found[place] = replace(read, code=CodeFile(names[place[1]], uploaded)) if uploaded else read
        seen |= {place[1]} if uploaded else set()
    return found


async def _fetch_newest(places: Sequence[tuple[str, Attachment]], surface: Surface) -> bytes:
    """The bytes of a file, by the newest address that it has; older ones are tried where it is not there.

    Raises what is the matter with the newest, whose words are for the person.
    """
    ways = {one.url: (message, one) for message, one in places}
    refused: CannotAnswer | None = None
    for message, one in reversed(ways.values()):
        try:
            return await surface.fetch(one, message)
        except CannotAnswer as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _fits_inline(content: FileContent) -> bool:
    """Whether nothing of it has to be stored first, for a request can hold it."""
    return not (isinstance(content.shown, Document) and content.shown.large)


def _name_again(read: FileContent, attachment: Attachment, first: Attachment) -> FileContent:
    """What is told of a file once more, with the name that it was told under where it has another one here."""
    name, told = _name_file(attachment), _name_file(first)
    return replace(read, told_as=told) if read.again and name != told else read


def _name_file(attachment: Attachment) -> str:
    """The name under which a file is shown."""
    return clean_attached_name(attachment.name)


def _explain(error: ConfabError) -> str:
    """Why it is not there, for the person: what is for the operator is not told."""
    return str(error).rstrip(".") if isinstance(error, CannotAnswer) else "it is no longer there, or not just now"


def _measure(content: FileContent) -> int:
    return 1_000 + len(content.text) + (count_bytes(content.shown) * 4 // 3 if content.shown else 0)
