"""The `persona` commands: show, set, tune and clear how Claude behaves in a channel or a workspace."""

from dataclasses import replace

from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank
from core.domain.personas import Persona, Place, Version, resolve_personas
from core.prompting.capabilities import EFFORTS, THINKING, PersonaUnsuited, check_persona
from core.prompting.names import clean_name, find_ids, replace_ids
from core.store.persona_in_force import find_persona_in_force

WHERE = Parameter(
    "where", ParameterKind.CHOICE, "this channel, or the whole workspace", choices=("channel", "workspace")
)
_CLEAR = "default"


def _find_place(call: Invocation) -> Place:
    key = call.question.key
    return Place(key.workspace, "" if call.values.get("where") == "workspace" else key.channel)


async def _require_rank(call: Invocation) -> None:
    """Authorise a change: what holds in the whole workspace is for its owners. Raises UsageError."""
    if call.values.get("where") == "workspace" and await call.surface.rank(call.question.person) < Rank.OWNER:
        raise UsageError("Only those who manage the whole workspace can set its persona.")


async def show_persona(call: Invocation) -> CommandResult:
    persona, version = await find_persona_in_force(
        call.context.store.personas, call.question.key, call.context.defaults
    )
    author = (await call.surface.names({version.author})).get(version.author, version.author) if version else ""
    return CommandResult(f"{_describe_origin(version, author)}\n\n{await _describe_persona(call, persona)}")


async def set_persona(call: Invocation) -> CommandResult:
    before, version = await _change_persona(call, system=call.values["text"])
    again = " It was that already." if before == version.number else ""
    return CommandResult(
        f"{_name_place(version)} has this persona from its next answer on.{again}\n\n"
        f"{await _describe_persona(call, version.persona)}"
    )


async def tune_persona(call: Invocation) -> CommandResult:
    given = {name: value for name, value in call.values.items() if name != "where"}
    if not given:
        raise UsageError("Name at least one thing to tune, such as `persona tune effort=low`.")
    _, version = await _change_persona(call, **{name: _convert_value(name, value) for name, value in given.items()})
    return CommandResult(
        f"{_name_place(version)} is tuned from its next answer on.\n\n{await _describe_persona(call, version.persona)}"
    )


async def clear_persona(call: Invocation) -> CommandResult:
    await _require_rank(call)
    held = await call.context.store.personas.persona(_find_place(call))
    if held is None or held.persona == Persona():
        return CommandResult("There was no persona to clear.")
    version = await _store_version(call, Persona(), held)
    return CommandResult(f"{_name_place(version)} has no persona of its own any more.")


async def _change_persona(call: Invocation, **fields: object) -> tuple[int, Version]:
    """Set fields of the place's persona: the version number it had before, and the version that holds now."""
    await _require_rank(call)
    held = await call.context.store.personas.persona(_find_place(call))
    persona = replace(held.persona if held else Persona(), **fields)  # type: ignore[arg-type]  # _convert_value made them
    whole = resolve_personas([persona, call.context.defaults])
    try:
        check_persona(whole, await call.context.model(whole.model or ""))
    except PersonaUnsuited as error:
        raise UsageError(str(error)) from None
    number = held.number if held else 0
    if held and held.persona == persona:
        return number, held
    return number, await _store_version(call, persona, held)


async def _store_version(call: Invocation, persona: Persona, held: Version | None) -> Version:
    expected = held.number if held else 0
    try:
        return await call.context.store.personas.change(
            _find_place(call), persona, expected, call.question.person, call.context.clock()
        )
    except VersionConflict:
        raise UsageError(
            "Somebody else changed it in the same moment. Look with `persona show`, then try again."
        ) from None


def _convert_value(name: str, value: str) -> object:
    if value == _CLEAR:
        return None
    if name == "temperature":
        return _parse_temperature(value)
    return int(value) if name == "max_tokens" else value


def _parse_temperature(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 <= number <= 1:
        raise UsageError(f"temperature is a number from 0 to 1; `{value[:40]}` is not.")
    return number


def _name_place(version: Version) -> str:
    return "This channel" if version.place.channel else "This workspace"


def _describe_origin(version: Version | None, author: str) -> str:
    if version is None:
        return "No persona is set here; these are the defaults."
    where = "this channel" if version.place.channel else "the whole workspace"
    return f"Set for {where} by {author} on {version.at:%Y-%m-%d} (version {version.number})."


async def _describe_persona(call: Invocation, persona: Persona) -> str:
    """A persona in Markdown, with names in the place of ids."""
    settings = [
        f"{name} `{value}`"
        for name in ("model", "effort", "max_tokens", "thinking", "temperature", "answers")
        if (value := getattr(persona, name)) is not None
    ]
    system = persona.system or "(no system prompt)"
    names = await call.surface.names(ids) if (ids := find_ids(system)) else {}
    system = replace_ids(system, {one: clean_name(name) for one, name in names.items()})
    quoted = "\n".join(f"> {line}" for line in system.splitlines())
    return f"{', '.join(settings)}\n{quoted}" if settings else quoted


ROWS = (
    Command("persona show", "Show how Claude behaves in this channel", show_persona),
    Command(
        "persona set",
        "Give Claude a persona in this channel: its system prompt",
        set_persona,
        (Parameter("text", ParameterKind.LONG, "the system prompt, in your own words", required=True), WHERE),
        Rank.MANAGER,
    ),
    Command(
        "persona tune",
        "Choose model, effort and length in this channel",
        tune_persona,
        (
            Parameter("model", ParameterKind.TEXT, "a model's id"),
            Parameter("effort", ParameterKind.CHOICE, "how hard Claude thinks", choices=(*EFFORTS, _CLEAR)),
            Parameter("max_tokens", ParameterKind.NUMBER, "the longest answer, thinking included"),
            Parameter("thinking", ParameterKind.CHOICE, "whether Claude thinks first", choices=(*THINKING, _CLEAR)),
            Parameter("temperature", ParameterKind.TEXT, "0 to 1, for the few models that take it"),
            Parameter(
                "answers", ParameterKind.CHOICE, "where answers stand, in Discord", choices=("reply", "thread", _CLEAR)
            ),
            WHERE,
        ),
        Rank.MANAGER,
    ),
    Command("persona clear", "Take this channel's persona away", clear_persona, (WHERE,), Rank.MANAGER),
)
