"""The `persona` commands about versions: their history, what differs between two, and back to an earlier one."""

import asyncio
import difflib
import re
from collections.abc import Iterator, Sequence

from core.commands.audit import choose_zone
from core.commands.craft.persona_changes import describe_change, list_changed_settings, write_setting
from core.commands.persona import (
    OWNERS,
    WHERE,
    WHY,
    check_seen,
    check_suited,
    describe_persona,
    find_place,
    name_place,
    store_version,
)
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError, name_giver
from core.domain.clock import load_zone
from core.domain.messages import CommandResult, Rank
from core.domain.personas import Persona, Version, list_settings
from core.prompting.names import clean_name, find_ids, replace_ids
from core.rendering.names import write_name
from core.rendering.tables import make_fence

NEWEST = 20  # versions that a history shows
NEAR = 1  # pieces of a system prompt that stand around what differs
COMPARED = 300  # pieces of two system prompts that are compared one by one: the time for it grows with their cube
SHOWN = 80  # lines of a difference
HISTORY_HEAD = "| version | set by | when | changed | why | answers |\n| --: | --- | --- | --- | --- | --- |"
_PIECE = re.compile(r"(?<=[.!?;:])[ \t]+(?=\S)|\n")


async def show_history(call: Invocation) -> CommandResult:
    """The newest versions: who set each, when and why, what it changed, and what people thought of its answers."""
    versions = await call.context.store.personas.versions(find_place(call))
    if not versions:
        return CommandResult(f"{name_place(find_place(call))} has never had a persona of its own.")
    names, zone = await call.surface.names({one.author for one in versions[:NEWEST]}), await choose_zone(call)
    before = [*(one.persona for one in versions[1:]), Persona()]
    rows = [
        _describe_version(version, earlier, names.get(version.author, version.author), zone)
        for version, earlier in zip(versions[:NEWEST], before, strict=False)
    ]
    head = f"{name_place(find_place(call))}'s persona, newest version first, in the time of {zone}:"
    more = len(versions) - NEWEST
    rest = f"\n\n{more} older ones are kept too; `persona diff 1 2` compares any two." if more > 0 else ""
    return CommandResult("\n".join([head, "", HISTORY_HEAD, *rows]) + rest)


async def show_difference(call: Invocation) -> CommandResult:
    """What differs between two versions; between one and the newest, where one is named."""
    versions = await call.context.store.personas.versions(find_place(call))
    first, *rest = (_find_version(versions, number) for number in _read_numbers(call.values["versions"]))
    second = rest[0] if rest else versions[0]
    if first.persona == second.persona:
        return CommandResult(f"Versions {first.number} and {second.number} are the same.")
    return CommandResult(await describe_difference(call, first, second))


async def describe_difference(call: Invocation, first: Version, second: Version) -> str:
    """What the second version has changed of the first: a table of settings, and the system prompt's sentences."""
    parts = [f"From version {first.number} to version {second.number}:", _compare_settings(first, second)]
    texts = [await _write_system(call, one) for one in (first, second)]
    if texts[0] != texts[1]:
        parts.append(await asyncio.to_thread(_compare_texts, *texts))
    return "\n\n".join(filter(None, parts))


async def roll_back(call: Invocation) -> CommandResult:
    """An earlier version holds again, as a new one."""
    versions = await call.context.store.personas.versions(find_place(call))
    wanted, (newest, *_) = _find_version(versions, int(call.values["version"])), versions
    await check_seen(call, newest)
    if wanted.persona == newest.persona:
        return CommandResult(f"Version {wanted.number} is what holds now, so nothing was changed.")
    await check_suited(call, wanted.persona, chosen=wanted.persona.model is not None)
    version = await store_version(call, wanted.persona, newest, f"back to version {wanted.number}")
    return CommandResult(
        f"{name_place(version.place)} has version {wanted.number} again, as version {version.number}, from its next "
        f"answer on. Set by {await name_giver(call)}.\n\n{await describe_persona(call, version.persona)}"
    )


def _describe_version(version: Version, before: Persona, author: str, zone: str) -> str:
    """A line of the history."""
    at = f"{version.at.astimezone(load_zone(zone)):%Y-%m-%d %H:%M}"
    votes = str(version.votes) if version.votes else ""
    cells = (str(version.number), write_name(author), at, describe_change(version.persona, before))
    return f"| {' | '.join([*cells, write_name(version.reason), votes])} |"


def _read_numbers(words: str) -> list[int]:
    """The versions that somebody wants to compare. Raises UsageError."""
    numbers = re.findall(r"\d{1,9}", words, re.ASCII)
    if not 0 < len(numbers) <= 2 or re.sub(r"\d|[\s,.]|and|to|-", "", words, flags=re.ASCII):
        raise UsageError("Name one or two versions: `persona diff 3` or `persona diff 3 5`. `persona history` has all.")
    return [int(number) for number in numbers]


def _find_version(versions: Sequence[Version], number: int) -> Version:
    """The version of that number. Raises UsageError."""
    found = next((one for one in versions if one.number == number), None)
    if found is None:
        there = f"There are versions 1 to {versions[0].number}" if versions else "No persona was ever set"
        raise UsageError(f"There is no version {number} here. {there}; `persona history` lists them.")
    return found


def _compare_settings(first: Version, second: Version) -> str:
    """A table of the settings that differ; empty where none does."""
    one, two = list_settings(first.persona), list_settings(second.persona)
    names = list_changed_settings(first.persona, second.persona)
    rows = [f"| {name} | {write_setting(one.get(name))} | {write_setting(two.get(name))} |" for name in names]
    head = f"| setting | version {first.number} | version {second.number} |\n| --- | --- | --- |"
    return "\n".join([head, *rows]) if rows else ""


async def _write_system(call: Invocation, version: Version) -> list[str]:
    """The lines and sentences of a system prompt, with names in the place of ids."""
    system = version.persona.system or ""
    names = await call.surface.names(ids) if (ids := find_ids(system)) else {}
    written = replace_ids(system, {one: clean_name(name) for one, name in names.items()})
    return _PIECE.split(written) if written else []


def _compare_texts(before: list[str], after: list[str]) -> str:
    """What of a text is gone (-) and what is new (+), sentence by sentence, in a block of code."""
    lines = list(_list_differences(before, after))
    left_out = [f"… {len(lines) - SHOWN} more lines differ"] if len(lines) > SHOWN else []
    fence = make_fence(lines)
    return "\n".join(["system prompt:", f"{fence}diff", *lines[:SHOWN], *left_out, fence])


def _list_differences(before: list[str], after: list[str]) -> Iterator[str]:
    """The lines of a difference. Of texts of very many pieces all between their common ends differs."""
    if len(before) + len(after) > COMPARED:
        start = _count_common(before, after)
        end = _count_common(before[start:][::-1], after[start:][::-1])
        groups = [[("replace", start, len(before) - end, start, len(after) - end)]]
    else:
        groups = list(difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(NEAR))
    for number, group in enumerate(groups):
        if number:
            yield "…"
        for kind, first, last, other, end in group:
            if kind == "equal":
                yield from (f"  {line}" for line in before[first:last])
            else:
                yield from (f"- {line}" for line in before[first:last])
                yield from (f"+ {line}" for line in after[other:end])


def _count_common(one: Sequence[str], two: Sequence[str]) -> int:
    """With how many equal pieces both begin."""
    return next(
        (number for number, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(two)),
    )


ROWS = (
    Command("persona history", "Show every version of this channel's persona", show_history, (WHERE,)),
    Command(
        "persona diff",
        "Show what differs between two versions",
        show_difference,
        (
            Parameter("versions", ParameterKind.TEXT, "two numbers, or one to compare with the newest", required=True),
            WHERE,
        ),
    ),
    Command(
        "persona rollback",
        "Have an earlier version of the persona hold again",
        roll_back,
        (Parameter("version", ParameterKind.NUMBER, "its number in `persona history`", required=True), WHERE, WHY),
        Rank.MANAGER,
        stricter=OWNERS,
    ),
)
