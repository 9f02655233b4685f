"""Drafts: personas that somebody wants to try here, as words of their own, a version, or one of the library."""

from dataclasses import dataclass, replace

from core.commands.craft.task import TaskRun
from core.commands.persona import check_suited, find_place, parse_tools, read_reason
from core.commands.registry import UsageError
from core.domain.messages import clean_text
from core.domain.personas import Draft, Persona, Place, Version, resolve_personas
from core.library.persona_files import apply_persona_file
from core.rendering.names import write_name

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

    Raises UsageError where there is no such version, or its model can't do what it asks.
    """
    found = None if " " in words else await find_candidate(run, words)
    if found is not None:
        return found
    held = await find_held(run)
    return await _build_candidate(run, "your words", replace(held, system=clean_text(words)), "tried before")


async def find_candidate(run: TaskRun, name: str) -> Candidate | None:
    """The persona of that name: `now`, a version of the channel's by its number, or one of the library.

    None where there is none of that name. Raises UsageError where there is no such version, or its model can't do it.
    """
    held = await find_held(run)
    if name.lower() == CURRENT:
        return Candidate(name_version(run.version), run.persona, Draft(held, 0, ""), run.version)
    if name.isascii() and name.isdigit():
        version = await find_version(run, name)
        return await _build_candidate(
            run, name_version(version), version.persona, f"back to version {version.number}", version
        )
    file = (await run.call.context.library.read()).find(name)
    if file is None:
        return None
    persona = apply_persona_file(file, held)
    if persona.tools is not None:
        persona = replace(persona, tools=parse_tools(run.call, persona.tools))
    return await _build_candidate(run, f"`{file.name}` of the library", persona, f"{file.name} from the library")


def refuse_name(name: str) -> str:
    """That `find_candidate` knows none of that name, and which it does."""
    return (
        f"There is no persona {write_name(name)} here. `persona history` has the numbers of versions, "
        "`persona library` the names of others, and `now` is the one that holds."
    )


async def find_held(run: TaskRun) -> Persona:
    """What this channel alone says of its persona."""
    held = await run.store.personas.persona(find_place(run.call))
    return held.persona if held else Persona()


def name_version(version: Version | None) -> str:
    """What the persona in force is called."""
    return f"version {version.number}" if version else "no persona"


async def find_change(run: TaskRun, candidate: Candidate) -> Draft | None:
    """What would be kept of a candidate; None where this channel has it already."""
    return candidate.draft if candidate.draft.persona != await find_held(run) else None


async def _build_candidate(
    run: TaskRun, name: str, persona: Persona, why: str, version: Version | None = None
) -> Candidate:
    """Raises UsageError where the persona's model can't do what it asks."""
    reason = read_reason(run.call) or why
    await check_suited(run.call, persona, chosen=persona.model is not None)
    held = await run.store.personas.persona(find_place(run.call))
    return Candidate(
        name, await fill_persona(run, persona), Draft(persona, held.number if held else 0, reason), version
    )


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
        there = f"There are versions 1 to {versions[0].number}" if versions else "No persona was ever set"
        raise UsageError(f"There is no version {number[:DIGITS]} here. {there}; `persona history` lists them.")
    return found
