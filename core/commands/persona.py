"""The `persona` commands: show, set, tune and clear how Claude behaves in a channel or a workspace."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.commands.craft.persona_changes import explain_changes_since, write_setting
from core.commands.lines.told_tools import describe_taken_back, describe_tools
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError, name_giver
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank
from core.domain.models import Model, is_model_id
from core.domain.personas import (
    PROMPT,
    PROMPTS,
    REASON,
    Persona,
    Place,
    Version,
    list_settings,
    resolve_personas,
    split_prompts,
)
from core.prompting.names import clean_name, find_ids, replace_ids
from core.prompting.personas.check import EFFORTS, THINKING, PersonaUnsuited, check_persona, refuse_model
from core.prompting.personas.knowledge import check_knowledge
from core.rendering.names import write_name
from core.store.persona_in_force import find_persona_in_force
from core.tools.registry import NONE, UnknownTool

WHERE = Parameter(
    "where", ParameterKind.CHOICE, "this channel, or the whole workspace", choices=("channel", "workspace")
)
_CLEAR = "default"
WHY = Parameter("reason", ParameterKind.TEXT, "why, for `persona history`", prose=True)
CONTEXT = Parameter("context_tokens", ParameterKind.NUMBER, "how much of a thread is told", choices=(_CLEAR,))
TOOLS = Parameter("tools", ParameterKind.LIST, "what Claude may use: groups or tools, a,b", choices=(NONE, _CLEAR))
FOLLOW_UPS = "`follow_ups` is about threads; in a terminal every line is answered."
_TEMPERATURE = re.compile(r"\d{1,9}(\.\d{0,9})?|\.\d{1,9}", re.ASCII)
OWNERS = {"where=workspace": (Rank.OWNER, "Only those who manage the whole workspace can set its persona.")}


def find_place(call: Invocation) -> Place:
    """The place whose persona a command is about."""
    key = call.question.key
    return Place(key.workspace, "" if call.values.get("where") == "workspace" else key.channel)


def offer_tools(table: Sequence[Command], names: Sequence[str]) -> Sequence[Command]:
    """The table of commands with these tools among what is suggested."""
    offered = replace(TOOLS, choices=(*names, *TOOLS.choices))
    return [
        replace(row, parameters=tuple(offered if one is TOOLS else one for one in row.parameters))
        if TOOLS in row.parameters
        else row
        for row in table
    ]


async def show_persona(call: Invocation) -> CommandResult:
    persona, version = await find_persona_in_force(
        call.context.store.personas, call.question.key, call.context.defaults
    )
    author = (await call.surface.names({version.author})).get(version.author, version.author) if version else ""
    shown = await describe_persona(call, persona)
    tools = await describe_tools(call.context.tools, call.question.key, persona)
    return CommandResult("\n\n".join([_describe_origin(version, author), shown, *tools]))


async def set_persona(call: Invocation) -> CommandResult:
    held, version = await _change_persona(call)
    again = " It was that already." if held is version else ""
    return CommandResult(
        f"{name_place(version.place)} has this persona from its next answer on.{again} "
        f"Set by {await name_giver(call)}.\n\n"
        f"{await describe_persona(call, version.persona)}"
    )


async def tune_persona(call: Invocation) -> CommandResult:
    held, version = await _change_persona(call)
    whole = resolve_personas([version.persona, call.context.defaults])
    caveat = await _describe_caveat(call, whole.model or "")
    reach = f" {FOLLOW_UPS}" if call.values.get("follow_ups", _CLEAR) != _CLEAR else ""
    cleared = [name for name, value in _convert_values(call.values).items() if value is None]
    place = name_place(version.place)
    taken = describe_taken_back(held.persona if held else Persona(), cleared, place)
    head = f"{place} is tuned from its next answer on.{taken}{caveat}{reach} Set by {await name_giver(call)}."
    tools = await _describe_tools(call, version) if "tools" in call.values else []
    return CommandResult("\n\n".join([head, await describe_persona(call, version.persona), *tools]))


async def _describe_tools(call: Invocation, version: Version) -> list[str]:
    """The tools of a place as they are now: those of its channels are the workspace's where they chose none."""
    key = call.question.key
    found = await find_persona_in_force(call.context.store.personas, key, call.context.defaults)
    return await describe_tools(call.context.tools, key, found[0] if version.place.channel else version.persona)


async def clear_persona(call: Invocation) -> CommandResult:
    held = await call.context.store.personas.persona(find_place(call))
    await check_seen(call, held)
    if held is None or held.persona == Persona():
        return CommandResult("There was no persona to clear.")
    version = await store_version(call, Persona(), held)
    return CommandResult(
        f"{name_place(version.place)} has no persona of its own any more. Cleared by {await name_giver(call)}."
    )


async def rehearse_change(call: Invocation) -> None:
    """Raises UsageError where the persona can't be changed so."""
    await _prepare_change(call)


async def _change_persona(call: Invocation) -> tuple[Version | None, Version]:
    """Set fields of the place's persona: the version that held before, and the one that holds now."""
    held, persona = await _prepare_change(call)
    if held and held.persona == persona:
        return held, held
    return held, await store_version(call, persona, held)


async def _prepare_change(call: Invocation) -> tuple[Version | None, Persona]:
    """The version that holds now, and the persona that is wanted. Raises UsageError for one that can't be had."""
    read_reason(call)
    text = call.values.get("text")
    changes = _convert_values(call.values) if text is None else {"system": text}
    held = await call.context.store.personas.persona(find_place(call))
    await check_seen(call, held)
    if changes.get("tools") is not None:
        changes["tools"] = parse_tools(call, str(changes["tools"]))
    persona = replace(held.persona if held else Persona(), **changes)
    await check_suited(call, persona, chosen=changes.get("model") is not None)
    return held, persona


async def check_suited(call: Invocation, persona: Persona, *, chosen: bool) -> None:
    """Raise UsageError for a persona whose model can't do what it asks, or, where it was `chosen`, is not there."""
    whole = resolve_personas([persona, call.context.defaults])
    _check_model(persona.model, call.context.models)
    model = await _find_model(call, whole.model or "") if chosen else await call.context.model(whole.model or "")
    try:
        check_persona(whole, model)
        check_knowledge(persona.knowledge or (), model)
    except PersonaUnsuited as error:
        raise UsageError(str(error), error.trait) from None


async def check_seen(call: Invocation, held: Version | None) -> None:
    """Raise UsageError where a form shows another version (`seen`) than the one that holds now."""
    if call.values.get("seen", number := str(held.number if held else 0)) != number:
        told = await explain_changes_since(call, find_place(call), int(call.values["seen"]))
        raise UsageError(
            f"Somebody else changed this persona after you had opened the form, so I changed nothing. {told}. "
            "Look with `persona show`, then open the form again."
        )


def parse_tools(call: Invocation, words: str) -> str:
    """The tools that somebody chooses, as a persona keeps them. Raises UsageError."""
    try:
        return call.context.tools.parse_choice(words)
    except UnknownTool as error:
        raise UsageError(str(error), "tools") from None


async def choose_model(call: Invocation, name: str) -> Model:
    """The model that somebody chooses. Raises UsageError for one that may not be asked here, or is not there."""
    _check_model(name, call.context.models)
    return await _find_model(call, name)


async def _find_model(call: Invocation, name: str) -> Model:
    """The model that somebody chooses. Raises UsageError for one that is not there."""
    catalog = call.context.catalog
    if catalog is None:
        return await call.context.model(name)
    found = await catalog.look_up(name)
    if found.missing:
        near = " or ".join(f"`{one}`" for one in found.near)
        raise UsageError(f"There is no model `{name}`. Did you mean {near}? `persona models` lists them all.", "model")
    if found.model.is_retired(call.context.clock()):
        end = found.model.describe_end(call.context.clock())
        raise UsageError(f"`{name}` {end}. `persona models` lists those that answer.", "model")
    return found.model


async def _describe_caveat(call: Invocation, name: str) -> str:
    """What people should know of a model that holds now: that it is gone, goes soon, or could not be asked after."""
    if call.context.catalog is None:
        return ""
    found = await call.context.catalog.look_up(name)
    if found.missing:
        return f" But there is no model `{name}` (any more): choose another with `persona tune model=...`."
    if found.trouble:
        return f" Whether there is a model `{name}`, and what it takes, can't be found out just now."
    end = found.model.describe_end(call.context.clock())
    return f" But `{name}` {end}: choose another in time; `persona models` lists them." if end else ""


async def store_version(call: Invocation, persona: Persona, held: Version | None, why: str = "") -> Version:
    """Keep a persona as the version after the one that is held. Raises UsageError where somebody was faster."""
    expected, reason = held.number if held else 0, read_reason(call) or why
    try:
        return await call.context.store.personas.change(
            find_place(call), persona, expected, call.question.person, call.context.clock(), reason=reason
        )
    except VersionConflict:
        raise UsageError(await explain_conflict(call, expected)) from None


async def explain_conflict(call: Invocation, number: int) -> str:
    """That somebody else has changed the persona since that version: who, and what."""
    told = await explain_changes_since(call, find_place(call), number)
    return f"I changed nothing, for somebody else was faster. {told}. Look with `persona show`, then try again."


def read_reason(call: Invocation) -> str:
    """Why a persona is changed, on one line. Raises UsageError."""
    reason = " ".join(call.values.get("reason", "").split())
    if len(reason) > REASON:
        raise UsageError(f"A reason has at most {REASON} characters; this one has {len(reason)}.", "reason")
    return reason


def _check_model(model: str | None, allowed: Sequence[str]) -> None:
    """Validate a model's name against the alphabet of such names, and the operator's list. Raises UsageError."""
    if model is not None and not is_model_id(model):
        raise UsageError(
            "A model's id has letters, digits and `.-_:/@+` alone, such as `claude-haiku-5-5`. "
            "`persona models` lists them all.",
            "model",
        )
    if model is not None and allowed and model not in allowed:
        raise UsageError(refuse_model(model, allowed), "model")


def _check_tuned(given: Mapping[str, str]) -> None:
    """Raises UsageError where nothing is tuned, or to what can't be."""
    if not _convert_values(given):
        raise UsageError("Name at least one thing to tune, such as `persona tune effort=low`.")


def _convert_values(given: Mapping[str, str]) -> dict[str, object]:
    """The fields of a persona that are tuned. Raises UsageError."""
    return {
        name: _convert_value(name, value) for name, value in given.items() if name not in {"where", "seen", "reason"}
    }


def _convert_value(name: str, value: str) -> object:
    if value.lower() == _CLEAR:
        return None
    if name == "temperature":
        return _parse_temperature(value)
    if name == "prompts":
        return _parse_prompts(value)
    return int(value) if name in {"max_tokens", "context_tokens"} else value


def _parse_prompts(value: str) -> str:
    """Prompts as a persona keeps them. Raises UsageError."""
    found = split_prompts(value)
    if not 0 < len(found) <= PROMPTS or any(len(one) > PROMPT for one in found):
        raise UsageError(
            f"prompts are one to {PROMPTS} sentences of at most {PROMPT} characters, with semicolons between: "
            '`persona tune prompts="Sum up our week; Check a text of mine"`.',
            "prompts",
        )
    return "; ".join(found)


def _parse_temperature(value: str) -> float:
    if not _TEMPERATURE.fullmatch(value) or float(value) > 1:
        raise UsageError(f"temperature is a number from 0 to 1; `{value[:40]}` is not.", "temperature")
    return float(value)


def name_place(place: Place) -> str:
    return "This channel" if place.channel else "This workspace"


def _describe_origin(version: Version | None, author: str) -> str:
    if version is None:
        return "No persona is set here; these are the defaults."
    where = "this channel" if version.place.channel else "the whole workspace"
    why = f" Why: {write_name(version.reason)}." if version.reason else ""
    return f"Set for {where} by {write_name(author)} on {version.at:%Y-%m-%d} (version {version.number}).{why}"


async def describe_persona(call: Invocation, persona: Persona) -> str:
    """A persona in Markdown, with names in the place of ids."""
    listed = list_settings(persona).items()  # `3 examples` says what it counts
    settings = [f"{'' if name == 'examples' else f'{name} '}{write_setting(value)}" for name, value in listed]
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
        (
            Parameter(
                "text", ParameterKind.LONG, "the system prompt, in your own words", required=True, label="Persona"
            ),
            WHERE,
            WHY,
        ),
        Rank.MANAGER,
        stricter=OWNERS,
        title="Edit persona",
        rehearse=rehearse_change,
    ),
    Command(
        "persona tune",
        "Choose model, effort, length and tools in this channel",
        tune_persona,
        (
            Parameter("model", ParameterKind.TEXT, "a model's id, as `persona models` lists them", choices=(_CLEAR,)),
            Parameter("effort", ParameterKind.CHOICE, "how hard Claude thinks", choices=(*EFFORTS, _CLEAR)),
            Parameter(
                "max_tokens",
                ParameterKind.NUMBER,
                "the longest answer in tokens, thinking included",
                choices=(_CLEAR,),
                label="Longest answer",
            ),
            Parameter("thinking", ParameterKind.CHOICE, "whether Claude thinks first", choices=(*THINKING, _CLEAR)),
            Parameter("temperature", ParameterKind.TEXT, "0 to 1, for the few models that take it", choices=(_CLEAR,)),
            Parameter(
                "answers", ParameterKind.CHOICE, "where answers stand, in Discord", choices=("reply", "thread", _CLEAR)
            ),
            Parameter(
                "follow_ups",
                ParameterKind.CHOICE,
                "whether replies in its threads are answered without a mention",
                choices=("never", "smart", "always", _CLEAR),
                label="Replies without a mention",
            ),
            Parameter(
                "files",
                ParameterKind.CHOICE,
                "whether code that Claude names is attached as a file too",
                choices=("never", "auto", _CLEAR),
                label="Code as files",
            ),
            Parameter(
                "long",
                ParameterKind.CHOICE,
                "whether an answer goes on in a file after six pages",
                choices=("file", "pages", _CLEAR),
                label="Long answers",
            ),
            TOOLS,
            Parameter(
                "prompts",
                ParameterKind.TEXT,
                'up to four prompts to offer in direct messages, "a; b"',
                choices=(_CLEAR,),
                label="Suggested prompts",
            ),
            CONTEXT,
            WHERE,
            WHY,
        ),
        Rank.MANAGER,
        stricter=OWNERS,
        check=_check_tuned,
        title="Model and tools",
        rehearse=rehearse_change,
    ),
    Command(
        "persona clear", "Take this channel's persona away", clear_persona, (WHERE, WHY), Rank.MANAGER, stricter=OWNERS
    ),
)
