"""Attachments of the terminal: files that hang on the next message, remembered by path and digest, not copied.

What is read here waits for a disk, so that it is called beside the event loop.
"""

import glob
import hashlib
import mimetypes
import os
import re
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from bots.console.escapes import neutralise_line
from bots.delivery.downloads import GONE, LARGEST, TOO_LARGE
from core.domain.errors import CannotAnswer
from core.domain.messages import Attachment
from core.domain.wording import list_some
from core.prompting.file_names import write_file_name
from core.prompting.speakers import describe_attachment

PIPED = "stdin"  # the name of what comes by standard input
NAMED = 3  # attachments that a prompt names
ENTRIES = 200  # of a folder that are offered

CHANGED = "it has changed since it was attached; attach it again"
UNKEPT = "it came by a pipe and was not kept; attach it again"
NOTHING = (
    "Nothing is attached. `/attach PATH` attaches a file to the next message, and `/detach` takes files off again."
)
EMPTY_PIPE = f"{PIPED} is empty: nothing is attached."


class Unattachable(Exception):
    """A file can't be attached: a sentence that says why."""


class Attachments:
    """What hangs on the next message, and the bytes of what came by a pipe, which last as long as this."""

    def __init__(self) -> None:
        self._waiting: dict[str, Attachment] = {}
        self._piped: dict[str, bytes] = {}

    @property
    def sign(self) -> str:
        """What stands in the prompt while something hangs on the next message."""
        names = [neutralise_line(one.name)[:40] for one in self._waiting.values()]
        return f" [{list_some(names, NAMED)}]" if names else ""

    @property
    def names(self) -> list[str]:
        """The names of what hangs on the next message."""
        return [one.name for one in self._waiting.values()]

    def attach(self, words: str) -> str:
        """Attach the files that a line names, and say so of each; without words, list what is attached."""
        if not words:
            return self._list_waiting() or NOTHING
        try:
            named = split_paths(words)
        except ValueError:  # shlex has no other
            return "A quote is not closed. `/attach 'two words.pdf'` attaches a file with a space in its name."
        return "\n\n".join(said for one in named for said in self._attach_named(one))

    def _attach_named(self, word: str) -> Iterator[str]:
        try:
            paths = find_paths(word)
        except Unattachable as error:
            yield str(error)
            return
        for path in paths:
            try:
                attachment = read_attachment(path)
            except Unattachable as error:
                yield str(error)
            else:
                self.add(attachment)
                yield f"Attached to the next message: {describe_attachment(attachment, markdown=True)}."

    def _list_waiting(self) -> str:
        lines = [f"- {describe_attachment(one, markdown=True)}" for one in self._waiting.values()]
        return "\n".join(["Attached to the next message:", "", *lines]) if lines else ""

    def describe_kept(self) -> str:
        """A sentence for who goes elsewhere, or becomes somebody else, that the files go along."""
        return f"Still attached to the next message: {self._name_waiting(self._waiting.values())}."

    def add(self, attachment: Attachment) -> None:
        """Hang a file on the next message."""
        self._waiting[attachment.id] = attachment

    def add_piped(self, content: bytes) -> str:
        """Attach what came by standard input, and say so. Raises Unattachable if it is too large."""
        if len(content) > LARGEST:
            raise Unattachable(f"Standard input can't be attached: {TOO_LARGE}.")
        if not content:
            return EMPTY_PIPE
        attachment = Attachment(_digest(content), PIPED, "", len(content))
        self._piped[attachment.id] = content
        self.add(attachment)
        return f"Attached: {describe_attachment(attachment)}."

    def detach(self, words: str = "") -> str:
        """Take off the next message what a line names, by name or path; all without words."""
        if not self._waiting:
            return NOTHING
        try:
            named = [words] if words in self.names else split_paths(words)
        except ValueError:
            named = [words]
        wanted = {*named, *(os.path.abspath(os.path.expanduser(one)) for one in named)}
        taken = [one for one in self._waiting.values() if not words or wanted & {one.name, one.url}]
        if not taken:
            return f"No such file is attached. {self._list_waiting()}"
        for one in taken:
            del self._waiting[one.id]
        return f"Detached: {self._name_waiting(taken)}."

    @staticmethod
    def _name_waiting(attachments: Iterable[Attachment]) -> str:
        return list_some([write_file_name(one.name) for one in attachments])

    @property
    def waiting(self) -> tuple[Attachment, ...]:
        """Those that hang on the next message."""
        return tuple(self._waiting.values())

    def take(self) -> tuple[Attachment, ...]:
        """What hangs on the message that is sent now."""
        taken = tuple(self._waiting.values())
        self._waiting.clear()
        return taken

    def fetch(self, attachment: Attachment) -> bytes:
        """The bytes of a file as it was attached. Raises CannotAnswer, whose words are a reason for the person."""
        if not attachment.url:
            if attachment.id not in self._piped:
                raise CannotAnswer(UNKEPT)
            return self._piped[attachment.id]
        try:
            content = _read_file(Path(attachment.url))
        except FileNotFoundError as error:
            raise CannotAnswer(GONE) from error
        except (OSError, ValueError) as error:
            raise CannotAnswer("it can't be read any more; attach it again") from error
        if _digest(content) != attachment.id:
            raise CannotAnswer(CHANGED)
        return content


def split_paths(words: str) -> list[str]:
    """The paths of a line: one with spaces as it is, or several as a shell has them. Raises ValueError."""
    if words and os.path.exists(os.path.expanduser(words)):
        return [words]
    return shlex.split(words, posix=os.name != "nt")


def find_paths(word: str) -> list[Path]:
    """The file of a path, or those that a pattern fits, as a shell has them. Raises Unattachable."""
    if re.match(r"[a-z][a-z0-9+.-]+://", word, re.IGNORECASE):
        raise Unattachable("A link is not a file; say it in your message.")
    path = os.path.expanduser(word)
    if not glob.has_magic(path) or os.path.lexists(path):
        return [Path(path)]
    found = sorted(glob.glob(path))
    if not found:
        raise Unattachable(f"No file fits {_quote_path(word)}.")
    return [Path(one) for one in found]


def read_attachment(path: Path) -> Attachment:
    """A file as it is now. Raises Unattachable."""
    name = _quote_path(str(path))
    try:
        content = _read_file(path)
    except FileNotFoundError as error:
        raise Unattachable(f"There is no file {name}.") from error
    except IsADirectoryError as error:
        raise Unattachable(f"{name} is a folder. Attach the files in it.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unattachable(f"{name} can't be read: {reason}.") from error
    if not content:
        raise Unattachable(f"{name} is empty: it is not attached.")
    if len(content) > LARGEST:
        raise Unattachable(f"{name} can't be attached: {TOO_LARGE}.")
    kind = mimetypes.guess_type(path.name)[0] or ""
    return Attachment(_digest(content), path.name, kind, len(content), os.path.abspath(path))


def complete_path(line: str) -> Iterator[str]:
    """Whole lines that a line with the beginning of a path at its end may become, as a shell completes it."""
    start, quote = _find_last_word(line)
    typed = line[start + len(quote) :]
    text = typed if quote else re.sub(r"\\(.)", r"\1", typed)
    folder, slash, prefix = text.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(folder + slash) or ".") as entries:
            found = sorted(f"{one.name}/" if one.is_dir() else one.name for one in entries)
    except (OSError, ValueError):
        return
    fitting = [one for one in found if one.startswith(prefix) and (prefix or not one.startswith("."))]
    for name in fitting[:ENTRIES]:
        path, ends = f"{folder}{slash}{name}", "" if name.endswith("/") else f"{quote} "
        written = f"{quote}{path}" if quote else re.sub(r"([\s\\'\"])", r"\\\1", path)
        yield f"{line[:start]}{written}{ends}"


def _find_last_word(line: str) -> tuple[int, str]:
    """Where the last word of a line begins, and the quote that it is in."""
    start, quote, escaped = 0, "", False
    for at, character in enumerate(line):
        if escaped:
            escaped = False
        elif quote:
            quote = "" if character == quote else quote
        elif character == "\\":
            escaped = True
        elif character == " ":
            start = at + 1
        elif character in "'\"" and at == start:
            quote = character
    return start, quote


def _quote_path(path: str) -> str:
    """A path as a code span."""
    return f"`{neutralise_line(path).replace('`', '')[:200]}`"


def _read_file(path: Path) -> bytes:
    """A file, as far as one byte more than is read of any. Raises OSError, ValueError."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):  # a device or a pipe may never end
        raise ValueError("it is no regular file")
    with path.open("rb") as opened:
        return opened.read(LARGEST + 1)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_null_device(stream: TextIO) -> bool:
    """Whether a stream is /dev/null, with which a script says that there is nothing to be read."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))
    except (OSError, ValueError):
        return False
