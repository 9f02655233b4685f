"""The `persona attach`, `files` and `detach` commands: files that Claude knows in a channel."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.billing.budgets import dollars
from core.commands.craft.persona_changes import write_setting
from core.commands.lines.slips import ask_meant
from core.commands.persona import WHY, check_suited, explain_conflict, name_place, read_reason, store_version
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError, name_giver
from core.domain.content import FileContent
from core.domain.errors import VersionConflict
from core.domain.messages import Attachment, CommandResult, Rank
from core.domain.personas import KnowledgeFile, Persona, Place, Version, resolve_personas
from core.domain.wording import count_noun, list_some
from core.prompting.file_names import clean_attached_name, describe_size, write_file_name
from core.prompting.personas.knowledge import quote_words
from core.store.records.knowledge import KnowledgeText

MOST = 20  # files that a channel knows
DEAR = 20_000  # tokens, about, from which on the cost is told before files count
ACCEPT = "ok"
HEAD = "| | file | size | tokens, about |\n| --: | --- | --: | --: |"
NO_FILES = """Attach files to the message that has this command: mention me and write `!persona attach`, with the files.
In a terminal `/attach PATH` comes first. A command from a menu of commands carries no files."""
NOTHING_WAITS = "No files of yours wait here: they do for an hour. Attach them again, with `!persona attach cost=ok`."


@dataclass(frozen=True, slots=True)
class Addition:
    """Files that a persona is to know: with the version that holds, those that stay, and those that are new."""

    held: Version | None
    kept: tuple[KnowledgeFile, ...]
    new: tuple[KnowledgeText, ...]
    same: tuple[str, ...] = ()
    """Names of files that are known already, word for word."""

    @property
    def files(self) -> tuple[KnowledgeFile, ...]:
        return (*self.kept, *(one.file for one in self.new))


async def attach_files(call: Invocation) -> CommandResult:
    """Have the files of the command's message known in its channel, or tell first what they cost.

    A command that is carried out once more, after its process died, finds what it did and says the same.
    """
    personas, place = call.context.store.personas, _find_place(call)
    read_reason(call)
    if brought := await personas.list_brought(place, call.question.name):
        return await _tell_attached(call, [one.file for one in brought], ())
    texts, problems = await _read_files(call)
    addition = await _weigh(call, place, texts)
    if not addition.new:
        return CommandResult("\n\n".join([_describe_same(addition.same), *problems]))
    if sum(one.tokens for one in addition.files) > DEAR and call.values.get("cost") != ACCEPT:
        await personas.hold(call.question, addition.new)
        return CommandResult("\n\n".join([_tell_cost(call, addition), *problems]))
    version = await _store_addition(call, place, addition)
    new = (version.persona.knowledge or ())[-len(addition.new) :]
    return await _tell_attached(call, new, problems)


async def list_files(call: Invocation) -> CommandResult:
    """The files that Claude knows here, numbered, with their sizes, and what they cost together."""
    held = await call.context.store.personas.persona(_find_place(call))
    files = held.persona.knowledge if held else None
    if not held or not files:
        return CommandResult(f"This channel has no files that Claude knows. {NO_FILES}")
    rows = [
        f"| {number} | {write_file_name(one.name)} | {describe_size(one.size)} | {one.tokens:,} |"
        for number, one in enumerate(files, 1)
    ]
    tokens = sum(one.tokens for one in files)
    total = f"Together about {tokens:,} tokens.{_price(call, held.persona, tokens)} `persona detach 1` takes one away."
    return CommandResult("\n".join([HEAD, *rows, "", total]))


async def detach_file(call: Invocation) -> CommandResult:
    """Take a file away, by its number or name; an earlier version still has it."""
    held = await call.context.store.personas.persona(_find_place(call))
    files = (held.persona.knowledge if held else None) or ()
    gone = _find_file(files, call.values["file"])
    assert held is not None
    left = tuple(one for one in files if one.id != gone.id) or None
    version = await store_version(call, replace(held.persona, knowledge=left), held, "a file taken away")
    back = f" `persona rollback {held.number}` brings it back." if held.number else ""
    return CommandResult(
        f"Claude knows {write_file_name(gone.name)} no more, from its next answer on: this is version "
        f"{version.number}.{back} Changed by {await name_giver(call)}."
    )


def _find_place(call: Invocation) -> Place:
    """Files are known in their channel alone."""
    return Place(call.question.key.workspace, call.question.key.channel)


async def _read_files(call: Invocation) -> tuple[list[KnowledgeText], list[str]]:
    """The words of the command's files, or of those that wait; and what could not be read. Raises UsageError."""
    given = {one.id: one for one in call.question.attachments}
    if not given:
        return await _list_waiting(call), []
    if len(given) > MOST:
        raise UsageError(f"A channel knows {MOST} files at most; these are {len(given)}.")
    reader, key, message = call.context.files, call.question.key, call.question.name
    read = await asyncio.gather(*(reader.read_words(key, one, message, call.surface) for one in given.values()))
    told = list(zip(given.values(), read, strict=True))
    problems = [
        f"I could not take {write_file_name(one.name)}: {content.problem}." for one, content in told if content.problem
    ]
    texts = {one.file.name: one for one in (_build_text(*pair) for pair in told if not pair[1].problem)}
    if not texts:
        raise UsageError("\n\n".join([*problems, "So nothing was changed."]))
    return list(texts.values()), problems


async def _list_waiting(call: Invocation) -> list[KnowledgeText]:
    """The files that wait for this person's word on their cost. Raises UsageError."""
    if call.values.get("cost") != ACCEPT:
        raise UsageError(NO_FILES)
    found = await call.context.store.personas.list_waiting(_find_place(call), call.question.person)
    if not found:
        raise UsageError(NOTHING_WAITS)
    return list(found)


def _build_text(attachment: Attachment, content: FileContent) -> KnowledgeText:
    words = quote_words(content.text)
    return KnowledgeText(KnowledgeFile(0, clean_attached_name(attachment.name), len(words.encode())), words)


async def _weigh(call: Invocation, place: Place, texts: Sequence[KnowledgeText]) -> Addition:
    """What these files change: one of the same name is replaced. Raises UsageError for too many, or too large ones."""
    personas = call.context.store.personas
    held = await personas.persona(place)
    known = (held.persona.knowledge if held else None) or ()
    words = {one.file.name: one.content for one in await personas.read_knowledge(place, [one.id for one in known])}
    new = tuple(one for one in texts if words.get(one.file.name) != one.content)
    names = {one.file.name for one in new}
    kept = tuple(one for one in known if one.name not in names)
    same = tuple(one.file.name for one in texts if one.file.name not in names)
    addition = Addition(held, kept, new, same)
    if len(addition.files) > MOST:
        raise UsageError(
            f"A channel knows {MOST} files at most, and these would make {len(addition.files)}. "
            "`persona detach` takes others away."
        )
    persona = replace(held.persona if held else Persona(), knowledge=addition.files)
    await check_suited(call, persona, chosen=False)
    return addition


async def _store_addition(call: Invocation, place: Place, addition: Addition) -> Version:
    """Keep the files and a version that has them. Raises UsageError where somebody was faster."""
    held = addition.held
    attached = "a file attached" if len(addition.new) == 1 else "files attached"  # a name would outlive its file
    number, reason = held.number if held else 0, read_reason(call) or attached
    persona = replace(held.persona if held else Persona(), knowledge=addition.kept or None)
    wanted = Version(place, number + 1, persona, call.question.person, call.context.clock(), reason)
    try:
        return await call.context.store.personas.attach(call.question, wanted, addition.new)
    except VersionConflict:
        raise UsageError(await explain_conflict(call, number)) from None


async def _tell_attached(call: Invocation, new: Sequence[KnowledgeFile], problems: Sequence[str]) -> CommandResult:
    """That files are known now, with what all of them cost."""
    held = await call.context.store.personas.persona(_find_place(call))
    files = (held.persona.knowledge if held else None) or ()
    tokens = sum(one.tokens for one in files)
    head = (
        f"{name_place(_find_place(call))} knows {_list_names(new)} from its next answer on. It has "
        f"{count_noun(len(files), 'file')} now, of about {tokens:,} tokens together."
    )
    cost = _price(call, held.persona if held else Persona(), tokens)
    shown = f"`persona files` lists them. Attached by {await name_giver(call)}."
    return CommandResult("\n\n".join([f"{head}{cost} {shown}", *problems]))


def _tell_cost(call: Invocation, addition: Addition) -> str:
    tokens = sum(one.tokens for one in addition.files)
    persona = addition.held.persona if addition.held else Persona()
    return (
        f"With {_list_names([one.file for one in addition.new])} the files of this channel would have about "
        f"{tokens:,} tokens, which each question is asked with.{_price(call, persona, tokens)} So they do not count "
        f"yet: write `persona attach cost={ACCEPT}` within an hour, and they do."
    )


def _describe_same(names: Sequence[str]) -> str:
    shown = list_some([write_file_name(one) for one in names])
    return f"This channel knows {shown} already, word for word, so nothing was changed."


def _price(call: Invocation, persona: Persona, tokens: int) -> str:
    """What so many tokens cost with each question, in a sentence; empty where the model has no price."""
    model = resolve_personas([persona, call.context.defaults]).model or ""
    price = call.context.catalog.find_price(model) if call.context.catalog else None
    if price is None:
        return ""
    write = price.write_5m if call.context.ttl == "5m" else price.write_1h
    read, written = round(tokens * price.read), round(tokens * write)
    return (
        f" That costs about {dollars(read)} a question while they are cached, and {dollars(written)} when they are "
        f"not, with `{model}`."
    )


def _list_names(files: Sequence[KnowledgeFile]) -> str:
    return list_some([write_file_name(one.name) for one in files])


def _find_file(files: Sequence[KnowledgeFile], wanted: str) -> KnowledgeFile:
    """The file of that number, which counts from 1, or of that name. Raises UsageError."""
    if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= len(files):
        return files[int(wanted) - 1]
    name = clean_attached_name(wanted).lower()
    if found := next((one for one in files if one.name.lower() == name), None):
        return found
    are = "is" if len(files) == 1 else "are"
    there = f"There {are} {count_noun(len(files), 'file')}; `persona files` lists them." if files else "It has none."
    meant = ask_meant(name, [one.name for one in files])
    raise UsageError(f"This channel has no file {write_setting(name)}.{meant} {there}", "file")


ROWS = (
    Command(
        "persona attach",
        "Give Claude the files of this message to know in this channel",
        attach_files,
        (
            Parameter(
                "cost",
                ParameterKind.CHOICE,
                "that you have read what many tokens cost",
                choices=(ACCEPT,),
                label="Cost",
            ),
            WHY,
        ),
        Rank.MANAGER,
        takes_files=True,
    ),
    Command("persona files", "List the files that Claude knows in this channel", list_files),
    Command(
        "persona detach",
        "Take a file away that Claude knows in this channel",
        detach_file,
        (
            Parameter(
                "file", ParameterKind.TEXT, "its number in `persona files`, or its name", required=True, label="File"
            ),
            WHY,
        ),
        Rank.MANAGER,
    ),
)
