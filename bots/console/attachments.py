"""Attachments of the terminal: files that hang on the next message, remembered by path and digest, not copied.

What is read here waits for a disk, so that it is called beside the event loop.
"""

import hashlib
import mimetypes
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from bots.console.escapes import neutralise_line
from bots.delivery.downloads import GONE, LARGEST, TOO_LARGE
from core.domain.errors import CannotAnswer
from core.domain.messages import Attachment
from core.domain.wording import list_some
from core.prompting.speakers import describe_attachment

PIPED = "stdin"  # the name of what comes by standard input
NAMED = 3  # attachments that a prompt names
ENTRIES = 200  # of a folder that are offered

CHANGED = "it has changed since it was attached; attach it again"
UNKEPT = "it came by a pipe and was not kept; attach it again"
NOTHING = "Nothing is attached. `/attach PATH` attaches a file to the next message, and `/detach` takes all off again."


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

    def attach(self, words: str) -> str:
        """Attach the files that a line names; what there is to say of it, a line for each."""
        said = list[str]()
        try:
            paths = find_paths(words)
        except ValueError:  # shlex has no other
            return "A quote is not closed. `/attach 'two words.pdf'` attaches a file with a space in its name."
        for path in paths:
            try:
                attachment = read_attachment(path)
            except Unattachable as error:
                said.append(str(error))
                continue
            self.add(attachment)
            said.append(f"Attached to the next message: {describe_attachment(attachment)}.")
        return "\n\n".join(said) or (f"Attached:{self.sign}." if self._waiting else NOTHING)

    def add(self, attachment: Attachment) -> None:
        """Hang a file on the next message."""
        self._waiting[attachment.id] = attachment

    def add_piped(self, content: bytes) -> None:
        """Attach what came by standard input. Raises Unattachable if it is too large."""
        if len(content) > LARGEST:
            raise Unattachable(f"Standard input can't be attached: {TOO_LARGE}.")
        if content:
            attachment = Attachment(_digest(content), PIPED, "", len(content))
            self._piped[attachment.id] = content
            self.add(attachment)

    def detach(self) -> str:
        """Take all off the next message."""
        said = f"Detached:{self.sign}." if self._waiting else NOTHING
        self._waiting.clear()
        return said

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


def find_paths(words: str) -> list[Path]:
    """The files that a line names: one with spaces as it is, or several as a shell has them. Raises ValueError."""
    whole = os.path.expanduser(words)
    if words and os.path.exists(whole):
        return [Path(whole)]
    return [Path(os.path.expanduser(one)) for one in shlex.split(words, posix=os.name != "nt")]


def read_attachment(path: Path) -> Attachment:
    """A file as it is now. Raises Unattachable."""
    name = f"`{neutralise_line(str(path)).replace('`', '')[:200]}`"
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
        raise Unattachable(f"{name} is empty.")
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
