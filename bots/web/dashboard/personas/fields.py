"""Fields of `persona tune` as a form: made from the command's own row, filled with what holds, and read back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.commands.registry import Command, Parameter, ParameterKind
from core.domain.personas import Persona

DEFAULT = "default"  # what takes a choice back
LEFT_OUT = {"where", "reason"}  # the page says where, and asks why for all of the form


@dataclass(frozen=True, slots=True)
class FormField:
    """A field: `value` is what the place has itself, and `usual` what holds where that is empty."""

    name: str
    label: str
    about: str
    kind: ParameterKind
    value: str
    usual: str
    choices: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_choice(self) -> bool:
        return self.kind is ParameterKind.CHOICE


@dataclass(frozen=True, slots=True)
class FormFilling:
    """What stood in a form that was sent, and what is said of it below the field of that parameter."""

    values: Mapping[str, str]
    says: str = ""
    parameter: str = ""


UNFILLED = FormFilling({})


def build_fields(
    row: Command,
    own: Persona,
    around: Persona,
    offered: Mapping[str, Sequence[str]],
    filling: FormFilling = UNFILLED,
    *,
    wordless: bool = False,
) -> list[FormField]:
    """The fields of a place's form.

    `around` is what holds there without a persona of its own, and `offered` what is suggested beside the row's choices.
    """
    return [
        FormField(
            name=one.name,
            label=one.label or one.name.replace("_", " ").capitalize(),
            about=f"{one.about[:1].upper()}{one.about[1:]}.",
            kind=one.kind,
            value=filling.values.get(one.name, _write(own, one.name)),
            usual=_write(around, one.name),
            choices=(*offered.get(one.name, ()), *(choice for choice in one.choices if choice != DEFAULT)),
            problem=filling.says if filling.parameter == one.name else "",
        )
        for one in list_tunable(row, wordless=wordless)
    ]


def list_tunable(row: Command, *, wordless: bool = False) -> Iterator[Parameter]:
    """The parameters that a form asks for; for who may not read words of a channel, those that have none."""
    return (one for one in row.parameters if one.name not in LEFT_OUT and not (wordless and one.name == "prompts"))


def read_changes(row: Command, own: Persona, form: Mapping[str, str], *, wordless: bool = False) -> dict[str, str]:
    """The values that differ from what the place has; what was emptied is taken back."""
    sent = {one.name: form[one.name].strip() for one in list_tunable(row, wordless=wordless) if one.name in form}
    return {name: value or DEFAULT for name, value in sent.items() if value != _write(own, name)}


def _write(persona: Persona, name: str) -> str:
    value = getattr(persona, name)
    return "" if value is None else str(value)
