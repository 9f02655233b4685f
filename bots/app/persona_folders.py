"""Persona folders: an operator's personas of one workspace, as files that are kept elsewhere too."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

from bots.app.configuration import Configuration, open_tools
from bots.app.registry import PLATFORMS
from bots.ops.database_move import say_moved
from bots.ops.results import PERSONAS, CheckResults
from bots.ops.secret_keys import derive_audit_keys, load_audit_keys, read_secret_keys
from core.commands.craft.library import find_unknown_tools
from core.domain.clock import system_clock
from core.domain.errors import SettingsError, UnreadableFile, VersionConflict
from core.domain.personas import REASON, Persona, Place
from core.domain.wording import list_some
from core.library.library import ENDING, PersonaLibrary, read_folder
from core.library.persona_files import PersonaFile, apply_persona_file
from core.prompting.personas.check import refuse_model
from core.store import open_existing, open_store
from core.store.audit_log import OPERATOR
from core.store.records.knowledge import Personas
from core.tools.registry import UnknownTool

WORKSPACE = "workspace"  # the name of the file of what holds in a whole workspace
ABOUT = "The persona of {}"
FORM = re.compile(r"[a-z]+:[^\s:]+")
MALFORMED = "--workspace: {} is no workspace. Write its platform, a colon and its id, such as {}:T024.{}"
NONE = "{} has no persona with a system prompt{}: nothing was written."


async def export_folder(configuration: Configuration, folder: str, workspace: str, channel: str) -> list[str]:
    """Write the personas that hold into a folder; a line for each. Raises UnreadableFile, SettingsError."""
    keys = derive_audit_keys(read_secret_keys(configuration.core))
    async with open_existing(configuration.core.database_url, say_moved, keys) as store:
        _check_workspace(workspace, await store.ledger.workspaces())
        places = [Place(workspace, channel)] if channel else await store.personas.list_places(workspace)
        versions = await store.personas.newest(places)
    held = {one.place: one.persona for one in versions if one and one.persona.system}
    if not held:
        return [NONE.format(workspace, f" in {channel}" if channel else "")]
    return [_write_file(Path(folder), place, persona) for place, persona in held.items()]


async def import_folder(
    configuration: Configuration, folder: str, workspace: str, channel: str, *, name: str = ""
) -> list[str]:
    """Set personas as files have them, all or none; a line for each. Raises UnreadableFile, SettingsError."""
    found, problems = await asyncio.to_thread(read_folder, Path(folder))
    if problems:
        raise UnreadableFile("\n".join([*problems, "So nothing was changed."]))
    chosen = _choose_files(found, workspace, channel, name)
    for file in {one.name: one for one in chosen.values()}.values():
        _check_file(configuration, file)
    keys = await asyncio.to_thread(load_audit_keys, configuration.core)
    store = await open_store(configuration.core.database_url, keys=keys)
    try:
        _check_workspace(workspace, await store.ledger.workspaces())
        return [await _set_persona(store.personas, place, file) for place, file in chosen.items()]
    finally:
        await store.shut()


def _check_workspace(workspace: str, known: Sequence[str]) -> None:
    """Raise SettingsError for what can be no workspace, with those that there are."""
    if not FORM.fullmatch(workspace):
        there = f" There are: {list_some(known)}." if known else ""
        raise SettingsError(MALFORMED.format(workspace or "an empty one", PLATFORMS[0].name, there))


async def check_library(configuration: Configuration) -> CheckResults:
    """Check the operator's personas: what can't be read, and which tools in them nobody can choose."""
    shelf = await PersonaLibrary(configuration.core.confab_personas).read()
    with suppress(SettingsError):  # the check of tools says it
        problems = [*shelf.problems, *find_unknown_tools(shelf, open_tools(configuration))]
        for one in problems:
            name, _, says = one.partition(": ")
            yield PERSONAS.warning(name, says.rstrip("."), "Mend the file in CONFAB_PERSONAS; no restart is needed.")


def _choose_files(
    found: Mapping[str, PersonaFile], workspace: str, channel: str, name: str
) -> Mapping[Place, PersonaFile]:
    """Which file is for which place. Raises SettingsError where there is none."""
    if name and not channel:
        raise SettingsError("--name: it needs --channel, which says where that persona is to hold.")
    places = {_read_place(file, workspace): one for file, one in found.items()}
    if not channel:
        chosen: Mapping[Place, PersonaFile] = places
    elif name:
        chosen = {Place(workspace, channel): one for one in found.values() if one.name == name}
    else:
        chosen = {place: one for place, one in places.items() if place.channel == channel}
    if not chosen:
        wanted = f"persona {name}" if name else f"file {quote(channel, safe='')}{ENDING}" if channel else "persona file"
        raise SettingsError(f"The folder has no {wanted}. It needs one that ends in {ENDING}.")
    return chosen


def _check_file(configuration: Configuration, file: PersonaFile) -> None:
    """Raise SettingsError for a model or a tool that the settings do not allow."""
    models = configuration.core.confab_models
    if file.model and models and file.model not in models:
        raise SettingsError(f"{file.name}: {refuse_model(file.model, models)}")
    try:
        if file.tools:
            open_tools(configuration).parse_choice(file.tools)
    except UnknownTool as error:
        raise SettingsError(f"{file.name}: {error}") from None


async def _set_persona(personas: Personas, place: Place, file: PersonaFile) -> str:
    """Make a version of a place's persona that has what a file says. Raises SettingsError."""
    held = await personas.persona(place)
    persona = apply_persona_file(file, held.persona if held else Persona())
    if held and held.persona == persona:
        return f"{_name_place(place)}: it has {file.name} already."
    number, reason = held.number if held else 0, f"{file.name} from a folder"[:REASON]
    try:
        version = await personas.change(place, persona, number, OPERATOR, system_clock(), reason=reason)
    except VersionConflict:
        raise SettingsError(f"{_name_place(place)}: somebody changed it in the same moment. Run this again.") from None
    return f"{_name_place(place)}: it has {file.name} now, as version {version.number}."


def _write_file(folder: Path, place: Place, persona: Persona) -> str:
    """Write the file of a place. Raises UnreadableFile."""
    from core.library.front_matter import write_persona_file  # noqa: PLC0415  it loads YAML, and bots load this module

    path = folder / f"{quote(place.channel, safe='') or WORKSPACE}{ENDING}"
    name = re.sub(r"[^a-z0-9]+", "-", (place.channel or WORKSPACE).lower()).strip("-")[:40].rstrip("-") or "channel"
    about = ABOUT.format(_name_place(place))[:80]
    file = PersonaFile(name, about, persona.system or "", persona.model, persona.effort, persona.tools)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(write_persona_file(replace(file, examples=persona.examples or ())), "utf-8")
    except OSError as error:
        raise UnreadableFile(f"{path}: it can't be written: {error.strerror}.") from None
    return f"{_name_place(place)}: written to {path}"


def _read_place(file: str, workspace: str) -> Place:
    stem = unquote(file[: -len(ENDING)])
    return Place(workspace, "" if stem == WORKSPACE else stem)


def _name_place(place: Place) -> str:
    return f"{place.workspace} {place.channel}".strip()
