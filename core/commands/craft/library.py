"""The `persona library` and `persona use` commands: personas that are ready to use."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.commands.lines.slips import ask_meant
from core.commands.persona import (
    OWNERS,
    WHERE,
    WHY,
    check_seen,
    check_suited,
    describe_persona,
    find_place,
    name_place,
    parse_tools,
    store_version,
)
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError, name_giver
from core.domain.messages import CommandResult, Rank
from core.domain.personas import Persona, Version
from core.library.library import Shelf
from core.library.persona_files import SHOWN, PersonaFile, apply_persona_file
from core.rendering.names import write_name
from core.tools.registry import NONE, ToolRegistry, UnknownTool

HEAD = "| | name | about | model |\n| --: | --- | --- | --- |"
HOW = "`persona use 3` or `persona use translator` gives one to this channel; `persona clear` takes it away again."
TAKEN = {
    "persona use": "name",
    "persona try": "what",
    "persona test": "what",
    "persona compare": "which",
    "replay": "persona",
}
"""The commands that take a persona of the library, each with the name of that parameter."""
PROBLEMS = 5  # files of the operator's that are said to be wrong


def offer_personas(table: Sequence[Command], names: Sequence[str]) -> Sequence[Command]:
    """The table of commands with these personas among what is suggested."""

    def offer(row: Command) -> Command:
        taken = TAKEN.get(row.words)
        offered = (replace(one, choices=(*one.choices, *names)) if one.name == taken else one for one in row.parameters)
        return replace(row, parameters=tuple(offered))

    return [offer(row) if row.words in TAKEN else row for row in table]


async def list_library(call: Invocation) -> CommandResult:
    """The personas to choose from, numbered, and what is wrong with files among them."""
    shelf = await call.context.library.read()
    rows = [
        f"| {number} | {one.name} | {write_name(one.about)} | {f'`{one.model}`' if one.model else ''} |"
        for number, one in enumerate(shelf.personas, 1)
    ]
    problems = [*shelf.problems, *find_unknown_tools(shelf, call.context.tools)]
    return CommandResult("\n".join([HEAD, *rows, "", HOW, *_list_problems(problems)]))


async def use_persona(call: Invocation) -> CommandResult:
    """Give the place a persona of the library: what that says, with the rest as it was."""
    file = await find_library_persona(call, call.values["name"])
    held, persona = await _prepare_use(call, file)
    if held and held.persona == persona:
        return CommandResult(f"{name_place(find_place(call))} has `{file.name}` already, so nothing was changed.")
    version = await store_version(call, persona, held, f"{file.name} from the library")
    return CommandResult(
        f"{name_place(version.place)} has the persona `{file.name}` from its next answer on, as version "
        f"{version.number}. Set by {await name_giver(call)}.\n\n{await describe_persona(call, version.persona)}"
    )


async def rehearse_use(call: Invocation) -> None:
    """Raises UsageError where the persona can't be used here."""
    await _prepare_use(call, await find_library_persona(call, call.values["name"]))


async def find_library_persona(call: Invocation, wanted: str) -> PersonaFile:
    """The persona of that name or number. Raises UsageError."""
    shelf = await call.context.library.read()
    if found := shelf.find(wanted):
        return found
    broken = [one for one in shelf.problems if one.startswith(f"{wanted.strip().lower()}.md, ")]
    why = f" {_quote(broken[0])}" if broken else ""
    meant = "" if why else ask_meant(wanted[:SHOWN], [one.name for one in shelf.personas])
    raise UsageError(
        f"The library has no persona {write_name(wanted[:SHOWN])}.{why}{meant} `persona library` lists them all.",
        "name",
    )


def find_unknown_tools(shelf: Shelf, tools: ToolRegistry) -> Iterator[str]:
    """What is wrong with personas that want tools which nobody can choose, a sentence each."""
    for one in shelf.personas:
        try:
            tools.parse_choice(one.tools or NONE)
        except UnknownTool as error:
            yield f"{one.name}: {error}"


async def _prepare_use(call: Invocation, file: PersonaFile) -> tuple[Version | None, Persona]:
    """The version that holds now, and the persona with what the file says. Raises UsageError."""
    held = await call.context.store.personas.persona(find_place(call))
    await check_seen(call, held)
    persona = apply_persona_file(file, held.persona if held else Persona())
    if persona.tools is not None:
        persona = replace(persona, tools=parse_tools(call, persona.tools))
    await check_suited(call, persona, chosen=persona.model is not None)
    return held, persona


def _quote(problem: str) -> str:
    """What is wrong with a file, as code: it may quote anything."""
    return f"`{' '.join(problem.split()).replace('`', chr(39))}`"


def _list_problems(problems: Sequence[str]) -> list[str]:
    """What is wrong with files of the operator's, in lines."""
    if not problems:
        return []
    more = len(problems) - PROBLEMS
    rest = [f"- and {more} more"] if more > 0 else []
    shown = [f"- {_quote(one)}" for one in problems[:PROBLEMS]]
    return ["", "These files can't be used until whoever runs this bot mends them:", "", *shown, *rest]


ROWS = (
    Command("persona library", "List personas that are ready to use", list_library),
    Command(
        "persona use",
        "Give this channel a persona of the library",
        use_persona,
        (
            Parameter(
                "name",
                ParameterKind.TEXT,
                "its name or its number in `persona library`",
                required=True,
                label="Persona",
            ),
            WHERE,
            WHY,
        ),
        Rank.MANAGER,
        stricter=OWNERS,
        rehearse=rehearse_use,
    ),
)
