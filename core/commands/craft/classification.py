"""The `classify` command: which of some categories each message belongs to, as a table, a chart and a file."""

import asyncio
import csv
import io
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from pydantic import BaseModel, Field, create_model

from core.billing.budgets import dollars
from core.billing.png_chart import Bar, draw_chart
from core.claude.errors import ClaudeError
from core.commands.batches.inquiry import (
    BATCH,
    IN_BATCH,
    AskedRequest,
    EndedInquiry,
    Inquiry,
    InquiryAnswer,
    ask_in_batch,
    ensure_answered,
)
from core.commands.craft.material import DATA, Material
from core.commands.craft.ranges import PARAMETERS, describe_range, read_range, rehearse_range
from core.commands.craft.task import ENDINGS, TaskResult, TaskRun, explain_end, leave_to_claude
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain.messages import MadeFile
from core.domain.wording import count_noun
from core.prompting.names import OURS, clean_name
from core.rendering.names import write_name
from core.rendering.reply_notes import append_note

LAST = 200  # messages of a channel, where nobody says how many
TOGETHER = 100  # messages of one request
FEWEST, MOST = 2, 20  # categories
NAME = 40  # characters of a category
ANSWER = 8_000  # tokens of one request's answer
NONE, UNREAD = "none of these", "not classified"
NOTHING = "There is nothing here that I could classify."
LEFT_OUT = "Claude named no category of yours for them."
UNFORMED = frozenset({"unformed", "cut", "refused"})  # of one batch: the others may go well
INSTRUCTION = f"""\
Say of each message that you are shown which one of these categories fits it best, by its number: {{}}. Where none \
does, say “{NONE}”. {DATA}"""

Classes: TypeAlias = dict[int, str]
Line: TypeAlias = tuple[int, str, str, str]
"""A message: its number, its time, its author, and a link."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """What is sorted, in words, and why it is not more; into which categories; and its messages."""

    title: str
    cut: str
    categories: tuple[str, ...]
    lines: Sequence[Line]


async def classify(run: TaskRun) -> TaskResult:
    """Read the messages and have Claude sort them, many with each request. Raises CannotAnswer, UsageError."""
    if run.batched:
        return await ask_in_batch(run, _collect, _write_classes)
    categories = read_categories(run.values["categories"])
    found = await read_range(run, LAST, NOTHING)
    classes, missing = await _classify_all(run, found, categories)
    sorting = Sorting(describe_range(run, found), found.cut, tuple(categories), list_lines(found))
    return await _write_result(run, sorting, classes, missing)


async def _collect(run: TaskRun) -> Inquiry:
    """What asks for the categories of all messages, many with each request."""
    categories = read_categories(run.values["categories"])
    found = await read_range(run, LAST, NOTHING)
    form, instruction, lines = _build_form(tuple(categories)), _instruct(categories), list_lines(found)
    requests = []
    for start in range(0, len(lines), TOGETHER):
        some = lines[start : start + TOGETHER]
        told = "\n".join(found.write(number - 1, number) for number, *_ in some)
        request = await run.structured.build(form, run.models[0], instruction, told, max_tokens=ANSWER)
        messages = tuple(found.messages[number - 1].id for number, *_ in some)
        requests.append(AskedRequest(request, {"lines": some}, messages))
    return Inquiry(requests, {"title": describe_range(run, found), "cut": found.cut, "categories": categories})


async def _write_classes(run: TaskRun, ended: EndedInquiry) -> TaskResult:
    """The table of what came back; what Claude left out, or did not answer as it was asked to, is in no category."""
    ensure_answered(ended)
    form, lines, classes, reasons = _build_form(tuple(ended.kept["categories"])), list[Line](), Classes(), list[str]()
    for one in ended.answers:
        some = [tuple(line) for line in one.about["lines"]]
        lines += some
        numbers = {number for number, *_ in some}
        made, why = _read_classes(run, form, one)
        classes |= {number: name for number, name in made.items() if number in numbers}
        reasons += [why or LEFT_OUT] if numbers - classes.keys() else []
    missing = " ".join(filter(None, (ended.explain_missing(), _tell_left(len(lines) - len(classes), reasons))))
    sorting = Sorting(ended.kept["title"], ended.kept["cut"], tuple(ended.kept["categories"]), lines)
    return await _write_result(run, sorting, classes, missing)


def _read_classes(run: TaskRun, form: "type[ClassifiedMessages]", one: InquiryAnswer) -> tuple[Classes, str]:
    """What came of one request, or why nothing did."""
    if one.problem:
        return {}, one.sentence
    try:
        return run.structured.read(form, one.text, one.stop, one.model).read(), ""
    except ClaudeError as error:
        return {}, error.sentence


async def _write_result(run: TaskRun, sorting: Sorting, classes: Classes, missing: str) -> TaskResult:
    """A table, a chart and a file with a line for each message."""
    title, categories = sorting.title, sorting.categories
    counts = Counter(classes.get(number, UNREAD) for number, *_ in sorting.lines)
    rows = [(name, counts[name]) for name in (*categories, NONE, UNREAD) if counts[name] or name in categories]
    rows.sort(key=lambda row: (row[0] in {NONE, UNREAD}, -row[1]))
    chart = await asyncio.to_thread(_draw, title, rows)
    written = MadeFile("messages.csv", "text/csv", _write_csv(sorting.lines, classes))
    picture = MadeFile("categories.png", "image/png", base64=b64encode(chart).decode(), alt=_tell_rows(rows))
    notes = (missing, sorting.cut, "" if run.stop.is_set() else f"It cost {dollars(await run.sum_cost())}.")
    return TaskResult(append_note(_write_table(title, rows), " ".join(filter(None, notes))), (written, picture))


def list_lines(found: Material) -> list[Line]:
    return [
        (
            number,
            message.at.isoformat(timespec="seconds"),
            OURS if message.mine else found.names.get(message.voice, ""),
            link,
        )
        for number, (message, link) in enumerate(zip(found.messages, found.links, strict=True), 1)
    ]


async def rehearse_classes(call: Invocation) -> None:
    """Raises UsageError for categories or messages that can't be meant so."""
    read_categories(call.values["categories"])
    await rehearse_range(call)


def read_categories(written: str) -> list[str]:
    """The categories, each once. Raises UsageError."""
    names = {" ".join(one.split()).casefold(): " ".join(one.split()) for one in reversed(written.split(","))}
    names.pop("", None)
    found = [*reversed(names.values())]
    if not FEWEST <= len(found) <= MOST:
        raise UsageError(f'categories are {FEWEST} to {MOST}, with commas, as in "bug, billing, praise".', "categories")
    if bad := next((one for one in found if len(one) > NAME or clean_name(one) != one), None):
        raise UsageError(f"A category is a few plain words; `{bad[:NAME]}` is none.", "categories")
    if taken := next((one for one in found if one.casefold() in {NONE, UNREAD}), None):
        raise UsageError(f"`{taken}` is what I call messages that fit no category. Name yours otherwise.", "categories")
    return found


class ClassifiedMessages(BaseModel):
    """What is asked for: a category for each message."""

    def read(self) -> Classes:
        return {one.message: one.category for one in getattr(self, "messages")}  # noqa: B009  its subclasses have it


@lru_cache(maxsize=50)
def _build_form(categories: tuple[str, ...]) -> type[ClassifiedMessages]:
    """The form for these categories: no other word is taken, so that one which Claude invents is asked for anew."""
    allowed = Literal[(*categories, NONE)]  # type: ignore[valid-type]  # they are known when it runs
    one = create_model(
        "ClassifiedMessage",
        message=(int, Field(description="The number of the message, without #")),
        category=(allowed, Field(description="The category that fits best")),
    )
    return create_model("Classified", __base__=ClassifiedMessages, messages=(list[one], ...))


async def _classify_all(run: TaskRun, found: Material, categories: Sequence[str]) -> tuple[Classes, str]:
    """The categories of all messages, and why some are missing. Raises what ends it before any batch is done."""
    classes: Classes = {}
    reasons: list[str] = []
    for start in range(0, len(found.messages), TOGETHER):
        end = min(start + TOGETHER, len(found.messages))
        run.act(f"classifying messages {start + 1} to {end} of {len(found.messages)}")
        try:
            batch, why = await _classify_batch(run, found, categories, range(start, end))
        except ENDINGS as error:
            if not start:
                raise
            return classes, f"I stopped after message {start} of {len(found.messages)}: {explain_end(error)}"
        classes |= batch
        reasons += [why] if why else []
    return classes, _tell_left(len(found.messages) - len(classes), reasons)


def _tell_left(left: int, reasons: Sequence[str]) -> str:
    """That so many messages have no category, and why; nothing where all have one."""
    if not left:
        return ""
    return f"{count_noun(left, 'message')} could not be classified: {' '.join(dict.fromkeys(reasons))}"


def _instruct(categories: Sequence[str]) -> str:
    return INSTRUCTION.format(", ".join(f"“{one}”" for one in categories))


async def _classify_batch(
    run: TaskRun, found: Material, categories: Sequence[str], batch: range
) -> tuple[Classes, str]:
    """The categories of a batch, and why some are missing; for those that Claude has left out it is asked once more.

    What it does not classify then, or declines, is left out.
    """
    form, instruction = _build_form(tuple(categories)), _instruct(categories)
    wanted = {number + 1 for number in batch}
    classes: Classes = {}
    for _ in range(2):
        left = sorted(wanted - classes.keys())
        if not left:
            break
        told = "\n".join(found.write(number - 1, number) for number in left)
        try:
            made = await run.request(form, instruction, told, max_tokens=ANSWER)
        except ClaudeError as error:
            if error.kind not in UNFORMED:
                raise
            return classes, error.sentence
        classes |= {number: name for number, name in made.read().items() if number in wanted}
    return classes, "" if classes.keys() == wanted else LEFT_OUT


def _draw(title: str, rows: Sequence[tuple[str, int]]) -> bytes:
    return draw_chart(title.capitalize(), [Bar(name, count, str(count)) for name, count in rows])


def _tell_rows(rows: Sequence[tuple[str, int]]) -> str:
    return "Bar chart: " + ", ".join(f"{name} {count}" for name, count in rows) + "."


def _write_table(title: str, rows: Sequence[tuple[str, int]]) -> str:
    """Counts and shares."""
    whole = sum(count for _, count in rows)
    lines = [f"| {write_name(name)} | {count} | {count / whole:.0%} |" for name, count in rows]
    table = "\n".join(["| Category | Messages | Share |", "| --- | --: | --: |", *lines])
    return f"**{title.capitalize()}**\n\n{table}"


def _write_csv(lines: Sequence[Line], classes: Mapping[int, str]) -> str:
    """One line a message: time, author, link, category."""
    file = io.StringIO()
    written = csv.writer(file)
    written.writerow(["time", "author", "link", "category"])
    for number, at, author, link in lines:
        written.writerow([at, _defuse(author), link, _defuse(classes.get(number, UNREAD))])
    return file.getvalue()


def _defuse(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@"} else cell


ROWS = (
    Command(
        "classify",
        "Sort the last messages of this channel, or this thread, into categories",
        leave_to_claude,
        (
            Parameter("categories", ParameterKind.LIST, 'the categories, as in "bug, billing, praise"', required=True),
            *PARAMETERS,
            BATCH,
        ),
        private=True,
        public=(IN_BATCH,),
        task=classify,
        rehearse=rehearse_classes,
        repeatable=True,
    ),
)
