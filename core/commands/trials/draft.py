"""Drafts: personas that somebody wants to try here, as words of their own, a version, or one of the library."""

from dataclasses import dataclass, replace

from core.commands.craft.task import TaskRun
from core.commands.persona import check_suited, find_place, parse_tools, read_reason
from core.commands.registry import UsageError
from core.domain.messages import clean_text
from core.domain.personas import Draft, Persona, Place, Version, resolve_personas
from core.library.persona_files import apply_persona_file

DIGITS = 9  # of a version's number
CURRENT = "now"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A persona to be tried: what it is called, all that holds with it, and what would be kept."""

    name: str
    """In Markdown, behind the word `Draft` or alone."""
    whole: Persona
    """With what the workspace and the operator say where it says nothing, and with names in the place of ids."""
    draft: Draft
    version: Version | None = None
    """The version that it is, where it is one."""


async def read_candidate(run: TaskRun, words: str) -> Candidate:
    """What somebody wants to try: a version's number, the name of a persona in the library, or words of a new one.

    Raises UsageError where there is no such version, or its model can't do what it asks.
    """
    held = await run.store.personas.persona(find_place(run.call))
    before, reason = held.persona if held else Persona(), read_reason(run.call)
    found = None if " " in words else await _find_by_name(run, words, before)
    if found is None:
        found = "your words", replace(before, system=clean_text(words)), "tried before", None
    name, persona, why, version = found
    await check_suited(run.call, persona, chosen=persona.model is not None)
    draft = Draft(persona, held.number if held else 0, reason or why)
    return Candidate(name, await fill_persona(run, persona), draft, version)


async def fill_persona(run: TaskRun, persona: Persona) -> Persona:
    """A channel's persona with all that the wider places say."""
    key = run.question.key
    (wide,) = await run.store.personas.newest([Place(key.workspace)])
    whole = resolve_personas([persona, *([wide.persona] if wide else []), run.call.context.defaults])
    return await run.name_persona(whole)


async def _find_by_name(run: TaskRun, words: str, before: Persona) -> tuple[str, Persona, str, Version | None] | None:
    """A version of the channel's, or a persona of the library; None for other words. Raises UsageError."""
    if words.isascii() and words.isdigit():
        version = await find_version(run, words)
        return f"version {version.number}", version.persona, f"back to version {version.number}", version
    file = (await run.call.context.library.read()).find(words)
    if file is None:
        return None
    persona = apply_persona_file(file, before)
    if persona.tools is not None:
        persona = replace(persona, tools=parse_tools(run.call, persona.tools))
    return f"`{file.name}` of the library", persona, f"{file.name} from the library", None


async def find_version(run: TaskRun, number: str) -> Version:
    """The version of the channel's persona with that number. Raises UsageError."""
    versions = await run.store.personas.versions(find_place(run.call))
    found = next((one for one in versions if len(number) <= DIGITS and one.number == int(number)), None)
    if found is None:
        there = f"There are versions 1 to {versions[0].number}" if versions else "No persona was ever set"
        raise UsageError(f"There is no version {number[:DIGITS]} here. {there}; `persona history` lists them.")
    return found
