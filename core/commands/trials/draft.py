"""Drafts: personas that somebody wants to try here, as words of their own, a version, or one of the library."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.commands.craft.task import TaskRun
from core.commands.lines.slips import ask_meant
from core.commands.persona import check_suited, find_place, parse_tools, read_reason
from core.commands.registry import UsageError
from core.domain.messages import clean_text
from core.domain.personas import Draft, Persona, Place, Version, resolve_personas
from core.library.persona_files import NAME, apply_persona_file
from core.rendering.names import write_name

SHOWN = 50  # characters of words that were tried
DIGITS = 9  # of a version's number
CURRENT = "now"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A persona to be tried: what it is called, all that holds with it, and what would be kept."""

    name: str
    """In Markdown."""
    whole: Persona
    """With what the workspace and the operator say where it says nothing, and with names in the place of ids."""
    draft: Draft
    version: Version | None = None
    """The version that it is, where it is one."""


async def read_candidate(run: TaskRun, words: str) -> Candidate:
    """What somebody wants to try: what `find_candidate` knows by that name, else the words of a new one.

    Raises UsageError where there is no persona or version of that name, or its model can't do what it asks.
    """
    words = words.strip()
    if NAME.fullmatch(words.lower()):
        return await find_candidate(run, words)
    held, number = await _read_held(run)
    system = clean_text(words)
    return await _build_candidate(run, "your words", Draft(replace(held, system=system), number, _name_words(system)))


def _name_words(system: str) -> str:
    """Which words were tried, as a reason in `persona history`."""
    line = " ".join(system.split())
    return f"tried first: {line if len(line) <= SHOWN else f'{line[:SHOWN].rstrip()}…'}"


async def find_candidate(run: TaskRun, name: str) -> Candidate:
    """The persona of that name: `now`, a version of the channel's by its number, or one of the library.

    Raises UsageError where there is none of that name, or its model can't do what it asks.
    """
    held, number = await _read_held(run)
    if name.lower() == CURRENT:
        return Candidate(name_version(run.version), run.persona, Draft(held, number, ""), run.version)
    if name.isascii() and name.isdigit():
        version = await find_version(run, name)
        draft = Draft(version.persona, number, f"back to version {version.number}")
        return await _build_candidate(run, name_version(version), draft, version)
    shelf = await run.call.context.library.read()
    file = shelf.find(name)
    if file is None:
        raise UsageError(_refuse_name(name, [one.name for one in shelf.personas]))
    persona = apply_persona_file(file, held)
    if persona.tools is not None:
        persona = replace(persona, tools=parse_tools(run.call, persona.tools))
    draft = Draft(persona, number, f"{file.name} from the library")
    return await _build_candidate(run, f"`{file.name}` of the library", draft)


def _refuse_name(name: str, known: Sequence[str]) -> str:
    """That there is no persona of that name, and which there are."""
    return (
        f"There is no persona {write_name(name)} here.{ask_meant(name, known)} `persona history` has the numbers of "
        "versions, `persona library` the names of others, and `now` is the one that holds. A system prompt of your own "
        "is more than one word."
    )


async def _read_held(run: TaskRun) -> tuple[Persona, int]:
    """What this channel alone says of its persona, and the number of that version."""
    held = await run.store.personas.persona(find_place(run.call))
    return (held.persona, held.number) if held else (Persona(), 0)


def name_version(version: Version | None) -> str:
    """What the persona in force is called."""
    return f"version {version.number}" if version else "no persona"


async def find_change(run: TaskRun, candidate: Candidate) -> Draft | None:
    """What would be kept of a candidate; None where this channel has it already."""
    held, _ = await _read_held(run)
    return candidate.draft if candidate.draft.persona != held else None


async def _build_candidate(run: TaskRun, name: str, draft: Draft, version: Version | None = None) -> Candidate:
    """Raises UsageError where the model of the persona can't do what it asks."""
    await check_suited(run.call, draft.persona, chosen=draft.persona.model is not None)
    draft = replace(draft, reason=read_reason(run.call) or draft.reason)
    return Candidate(name, await fill_persona(run, draft.persona), draft, version)


async def fill_persona(run: TaskRun, persona: Persona) -> Persona:
    """A channel's persona with all that the wider places say."""
    key = run.question.key
    (wide,) = await run.store.personas.newest([Place(key.workspace)])
    whole = resolve_personas([persona, *([wide.persona] if wide else []), run.call.context.defaults])
    return await run.name_persona(whole)


async def find_version(run: TaskRun, number: str) -> Version:
    """The version of the channel's persona with that number. Raises UsageError."""
    versions = await run.store.personas.versions(find_place(run.call))
    found = next((one for one in versions if len(number) <= DIGITS and one.number == int(number)), None)
    if found is None:
        some = f"There are versions 1 to {versions[0].number}; `persona history` lists them." if versions else ""
        raise UsageError(f"There is no version {number[:DIGITS]} here. {some or 'No persona was ever set.'}")
    return found
