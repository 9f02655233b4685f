"""`persona`: how Claude behaves in this channel."""

import asyncio
from dataclasses import replace

from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank, ThreadKey
from core.domain.personas import Persona, Place, Version, resolve
from core.prompting.request import EFFORTS, THINKING, Unsuited, check
from core.store.protocols import Personas

WHERE = Parameter(
    "where", ParameterKind.CHOICE, "this channel, or the whole workspace", choices=("channel", "workspace")
)
_CLEAR = "default"


def _place(call: Invocation) -> Place:
    key = call.question.key
    return Place(key.workspace, "" if call.values.get("where") == "workspace" else key.channel)


async def _allowed(call: Invocation) -> None:
    """What holds in the whole workspace is for its owners."""
    if call.values.get("where") == "workspace" and await call.surface.rank(call.question.person) < Rank.OWNER:
        raise UsageError("Only those who manage the whole workspace can set its persona.")


async def in_force(personas: Personas, key: ThreadKey, defaults: Persona) -> tuple[Persona, Version | None]:
    """The persona that holds in a thread, and the narrowest version that it comes from, if any was set."""
    places = (Place(key.workspace, key.channel), Place(key.workspace))
    versions = await asyncio.gather(*(personas.persona(place) for place in places))
    set_here = [version for version in versions if version and version.persona != Persona()]
    return resolve([*(version.persona for version in set_here), defaults]), next(iter(set_here), None)


async def show(call: Invocation) -> CommandResult:
    persona, version = await in_force(call.desk.store.personas, call.question.key, call.desk.defaults)
    author = (await call.surface.names({version.author})).get(version.author, version.author) if version else ""
    return CommandResult(f"{_origin(version, author)}\n\n{_described(persona)}")


async def set_(call: Invocation) -> CommandResult:
    before, version = await _changed(call, system=call.values["text"])
    again = " It was that already." if before == version.number else ""
    return CommandResult(
        f"{_here(version)} has this persona from its next answer on.{again}\n\n{_described(version.persona)}"
    )


async def tune(call: Invocation) -> CommandResult:
    given = {name: value for name, value in call.values.items() if name != "where"}
    if not given:
        raise UsageError("Name at least one thing to tune, such as `persona tune effort=low`.")
    _, version = await _changed(call, **{name: _typed(name, value) for name, value in given.items()})
    return CommandResult(f"{_here(version)} is tuned from its next answer on.\n\n{_described(version.persona)}")


async def clear(call: Invocation) -> CommandResult:
    await _allowed(call)
    held = await call.desk.store.personas.persona(_place(call))
    if held is None or held.persona == Persona():
        return CommandResult("There was no persona to clear.")
    version = await _keep(call, Persona(), held)
    return CommandResult(f"{_here(version)} has no persona of its own any more.")


async def _changed(call: Invocation, **fields: object) -> tuple[int, Version]:
    """The place's persona with these fields; the number it had before, and the version that holds now."""
    await _allowed(call)
    held = await call.desk.store.personas.persona(_place(call))
    persona = replace(held.persona if held else Persona(), **fields)  # type: ignore[arg-type]  # _typed made them
    whole = resolve([persona, call.desk.defaults])
    try:
        check(whole, await call.desk.model(whole.model or ""))
    except Unsuited as error:
        raise UsageError(str(error)) from None
    number = held.number if held else 0
    if held and held.persona == persona:
        return number, held
    return number, await _keep(call, persona, held)


async def _keep(call: Invocation, persona: Persona, held: Version | None) -> Version:
    expected = held.number if held else 0
    try:
        return await call.desk.store.personas.change(
            _place(call), persona, expected, call.question.person, call.desk.clock()
        )
    except VersionConflict:
        raise UsageError(
            "Somebody else changed it in the same moment. Look with `persona show`, then try again."
        ) from None


def _typed(name: str, value: str) -> object:
    if value == _CLEAR:
        return None
    if name == "temperature":
        return _temperature(value)
    return int(value) if name == "max_tokens" else value


def _temperature(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 <= number <= 1:
        raise UsageError(f"temperature is a number from 0 to 1; `{value[:40]}` is not.")
    return number


def _here(version: Version) -> str:
    return "This channel" if version.place.channel else "This workspace"


def _origin(version: Version | None, author: str) -> str:
    if version is None:
        return "No persona is set here; these are the defaults."
    where = "this channel" if version.place.channel else "the whole workspace"
    return f"Set for {where} by {author} on {version.at:%Y-%m-%d} (version {version.number})."


def _described(persona: Persona) -> str:
    settings = [
        f"{name} `{value}`"
        for name in ("model", "effort", "max_tokens", "thinking", "temperature", "answers")
        if (value := getattr(persona, name)) is not None
    ]
    system = persona.system or "(no system prompt)"
    quoted = "\n".join(f"> {line}" for line in system.splitlines())
    return f"{', '.join(settings)}\n{quoted}" if settings else quoted


ROWS = (
    Command("persona show", "Show how Claude behaves in this channel", show),
    Command(
        "persona set",
        "Give Claude a persona in this channel: its system prompt",
        set_,
        (Parameter("text", ParameterKind.LONG, "the system prompt, in your own words", required=True), WHERE),
        Rank.MANAGER,
    ),
    Command(
        "persona tune",
        "Choose model, effort and length in this channel",
        tune,
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
    Command("persona clear", "Take this channel's persona away", clear, (WHERE,), Rank.MANAGER),
)
