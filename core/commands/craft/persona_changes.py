"""Changes of personas in words: what a version changed, and what somebody else did in the same moment."""

from collections.abc import Sequence
from dataclasses import fields

from core.commands.registry import Invocation
from core.domain.personas import Persona, Place, list_settings
from core.rendering.names import write_name


def describe_change(persona: Persona, before: Persona) -> str:
    """What a version changed, in a few words."""
    if persona == Persona():
        return "cleared"
    changed = ["system prompt"] if persona.system != before.system else []
    settings = list_settings(persona)
    changed += [f"{name} {write_setting(settings.get(name))}" for name in list_changed_settings(persona, before)]
    return ", ".join(changed) or "nothing"


def list_changed_settings(persona: Persona, before: Persona) -> list[str]:
    """The names of what differs, apart from the system prompt."""
    names = (one.name for one in fields(Persona) if one.name != "system")
    return [name for name in names if getattr(persona, name) != getattr(before, name)]


def write_setting(value: str | None) -> str:
    """A setting as code, whatever is in it."""
    return "`default`" if value is None else f"`{write_name(value).strip('`')}`"


async def explain_changes_since(call: Invocation, place: Place, number: int) -> str:
    """Who has changed a persona since that version, and what: `Ada set version 3: effort high`."""
    versions = await call.context.store.personas.versions(place)
    names = await call.surface.names({one.author for one in versions if one.number > number})
    before = [*(one.persona for one in versions[1:]), Persona()]
    told = [
        f"{write_name(names.get(one.author, one.author))} set version {one.number}: "
        f"{describe_change(one.persona, earlier)}"
        for one, earlier in zip(versions, before, strict=True)
        if one.number > number
    ]
    return _join(told[::-1])


def _join(told: Sequence[str]) -> str:
    return "; ".join(told) or "Somebody else changed it"
