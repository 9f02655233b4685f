"""Sources: where the rows of a batch come from, a file of the command's message or the channel's messages."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from core.commands.batches.encodings import LEGACY
from core.commands.batches.tables import WHAT, RowTable, TableRow, read_table
from core.commands.craft.material import Material, read_material
from core.commands.craft.ranges import MOST, choose_range, describe_range
from core.commands.craft.task import TaskRun
from core.commands.help import is_call_for_help
from core.commands.registry import Invocation, UsageError, find_command
from core.domain.errors import CannotAnswer
from core.domain.messages import MESSAGE, Message
from core.domain.wording import list_some
from core.prompting.file_names import write_file_name

NO_NAMES = "If it is a row, put a line with names above it, and attach the file again."
CODE_PAGE = "The file is read as Windows-1252. If letters look wrong, save it as UTF-8."
NAMED = 5  # columns that a preview names
COLUMNS = ("time", "author", "text", "link")
SPARE = 20  # messages that are read beside twice those that are wanted, for some are not people's
LAST = 200  # messages of a channel, where it is only said since when
NOTHING = "There are no messages here that could be rows."
IN_PLACE = "`last=200` before the prompt takes messages of this channel in its place."
ONE_FILE = "A batch takes one file at a time; attach the one that is meant alone."


@dataclass(frozen=True, slots=True)
class Source:
    """Rows, what they are called, and the message that brought them."""

    columns: tuple[str, ...]
    rows: Iterable[TableRow]
    count: int
    words: str
    message: str
    note: str = ""
    """How a file was taken, where it may be meant otherwise."""
    advice: str = ""
    """What to do where its columns are no names."""


async def read_source(run: TaskRun) -> Source:
    """The rows that are meant. Raises CannotAnswer, UsageError."""
    if takes_messages(run.values):
        found = await _read_people(run)
        rows = await asyncio.to_thread(_list_messages, found)
        return Source(COLUMNS, rows, len(rows), describe_range(run, found), run.question.name)
    table = await _read_file(run)
    (file,) = run.question.attachments
    message = run.values.get(MESSAGE, run.question.name)
    note, advice = _describe_table(table)
    return Source(table.columns, table, table.count, write_file_name(file.name), message, note, advice)


def ensure_one_file(call: Invocation) -> None:
    """Raises UsageError where no file is given, or several; it says how one is."""
    files = call.question.attachments
    if not files:
        hint = call.context.file_hints.get(call.question.key.platform, "")
        raise UsageError(" ".join(filter(None, (WHAT, hint, IN_PLACE if call.surface.has_past else ""))))
    if len(files) > 1:
        raise UsageError(ONE_FILE)


def takes_messages(values: Mapping[str, str]) -> bool:
    """Whether the rows are messages of the channel."""
    return bool(values.get("last") or values.get("since"))


async def _read_people(run: TaskRun) -> Material:
    """The messages that are meant, as many as are wanted of what people said to each other.

    What we said is none, nor what was said to us as a command. Raises CannotAnswer, UsageError.
    """
    run.act("reading the messages")
    wanted = await choose_range(run, LAST)
    found = await read_material(run, replace(wanted, last=min(MOST, 2 * wanted.last + SPARE)))
    said = [pair for pair in zip(found.messages, found.links, strict=True) if not _is_ours(run, pair[0])]
    if not said:
        raise CannotAnswer(NOTHING)
    messages, links = zip(*said[-wanted.last :], strict=True)
    return replace(found, messages=messages, links=links)


def _is_ours(run: TaskRun, message: Message) -> bool:
    """Whether we said something, or somebody gave us a command with it."""
    words = message.text.replace(f"<@{run.surface.us}>", "").strip()
    if message.mine or is_call_for_help(words):
        return True
    try:
        return words.startswith("!") and bool(find_command(run.call.context.table, words[1:].strip()))
    except UsageError:
        return False


async def _read_file(run: TaskRun) -> RowTable:
    ensure_one_file(run.call)
    (file,) = run.question.attachments
    run.act(f"reading {file.name}")
    message = run.values.get(MESSAGE, run.question.name)
    content = await run.surface.fetch(file, message)
    return await asyncio.to_thread(read_table, content)


def _describe_table(table: RowTable) -> tuple[str, str]:
    """How a file was taken, and what to do where that is wrong."""
    code_page = CODE_PAGE if table.encoding == LEGACY else ""
    if table.lines:
        return code_page, ""
    names = list_some([f"`{one.replace('`', chr(39))}`" for one in table.columns], NAMED)
    return (
        f"The first line names the columns: {names}. {NO_NAMES} {code_page}".strip(),
        f"The first line names them. {NO_NAMES}",
    )


def _list_messages(found: Material) -> list[TableRow]:
    return [
        TableRow(number, _tell_message(found, number - 1), message.id, message.author)
        for number, message in enumerate(found.messages, 1)
    ]


def _tell_message(found: Material, place: int) -> tuple[str, ...]:
    message, link = found.messages[place], found.links[place]
    author = found.names.get(message.voice, "")
    return message.at.isoformat(timespec="seconds"), author, message.text, link
