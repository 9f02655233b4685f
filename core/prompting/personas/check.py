"""Capabilities: the effort levels and kinds of thinking there are, and whether a persona's model has what it asks."""

from collections.abc import Sequence
from dataclasses import replace

from core.domain.errors import ConfabError
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.wording import count_noun
from core.prompting.context_window import LONGEST_CONTEXT, SHORTEST_CONTEXT

EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKING = ("adaptive", "disabled", "enabled", "between_tools")
UNTHINKING = ("disabled", "between_tools")
EFFORTS_WITHOUT_THINKING = ("low", "medium", "high")
"""The API refuses more of it where thinking is turned off; the Models API does not tell."""
LONGEST = 1_000_000  # tokens: no model writes more, whatever is known of it
SHORTEST_THINKING = 2048  # tokens of an answer of which half may be a thinking budget, 1,024 at least
NAME = 128  # characters of a model's name that are shown


class PersonaUnsuited(ConfabError):
    """A persona asks for what its model does not have; the message says what to do instead.

    `trait` is the field of the persona that is to blame.
    """

    def __init__(self, message: str, trait: str) -> None:
        super().__init__(message)
        self.trait = trait


def check_persona(persona: Persona, model: Model) -> None:
    """Validate a persona against its model's capabilities. Raises PersonaUnsuited.

    A model whose capabilities are not known is given the benefit of doubt.
    """
    _check_exclusions(persona)
    if not model.known:
        return
    if persona.effort and persona.effort not in model.efforts:
        has = f"it has {_list_in_order(model.efforts, EFFORTS)}" if model.efforts else "it has no effort levels"
        raise PersonaUnsuited(f"{model.id} does not take effort `{persona.effort}`; {has}.", "effort")
    if persona.thinking and persona.thinking not in model.thinking:
        has = f"it takes {_list_in_order(model.thinking, THINKING)}" if model.thinking else "its thinking cannot be set"
        raise PersonaUnsuited(f"{model.id} does not take thinking `{persona.thinking}`; {has}.", "thinking")
    if persona.temperature is not None and not model.sampling:
        raise PersonaUnsuited(
            f"{model.id} no longer takes a temperature. Use effort instead: low is brief, high is thorough.",
            "temperature",
        )
    if persona.max_tokens and model.max_tokens and persona.max_tokens > model.max_tokens:
        raise PersonaUnsuited(f"{model.id} writes at most {count_noun(model.max_tokens, 'token')}.", "max_tokens")


def fit_persona(persona: Persona, model: Model) -> Persona:
    """The same persona without what its model does not have."""
    while True:
        try:
            check_persona(persona, model)
        except PersonaUnsuited as error:
            persona = replace(persona, **{error.trait: None})
        else:
            return persona


def excludes_thinking(persona: Persona) -> bool:
    """Whether a persona asks for an effort that there is only with thinking, and for no thinking."""
    return persona.thinking in UNTHINKING and persona.effort not in (None, *EFFORTS_WITHOUT_THINKING)


def _check_exclusions(persona: Persona) -> None:
    """What the API takes of no model: choices that exclude each other. Raises PersonaUnsuited."""
    if persona.context_tokens is not None and not SHORTEST_CONTEXT <= persona.context_tokens <= LONGEST_CONTEXT:
        raise PersonaUnsuited(
            f"context_tokens is a number of tokens from {SHORTEST_CONTEXT:,} to {LONGEST_CONTEXT:,}.", "context_tokens"
        )
    if persona.max_tokens is not None and not 1 <= persona.max_tokens <= LONGEST:
        raise PersonaUnsuited(f"max_tokens is a number of tokens from 1 to {LONGEST:,}.", "max_tokens")
    if excludes_thinking(persona):
        efforts = ", ".join(EFFORTS_WITHOUT_THINKING)
        raise PersonaUnsuited(
            f"Effort `{persona.effort}` and thinking `{persona.thinking}` exclude each other: choose effort {efforts}, "
            "or take thinking back with `persona tune thinking=default`.",
            "effort",
        )
    if persona.temperature is not None and persona.thinking not in (None, "disabled"):
        raise PersonaUnsuited("A temperature and thinking exclude each other: clear one of them.", "temperature")
    if persona.thinking == "enabled" and persona.max_tokens and persona.max_tokens < SHORTEST_THINKING:
        raise PersonaUnsuited(f"With thinking `enabled`, max_tokens is at least {SHORTEST_THINKING:,}.", "max_tokens")


def refuse_model(model: str, allowed: Sequence[str]) -> str:
    """Why a model may not be asked: the operator's list (allow-list) does not have it."""
    named = ", ".join(f"`{one}`" for one in allowed)
    return (
        f"The model `{model[:NAME]}` may not be used here. These may: {named}. "
        "Whoever manages this channel can choose one with `persona tune model=...`."
    )


def _list_in_order(values: frozenset[str], order: Sequence[str]) -> str:
    return ", ".join(value for value in order if value in values)
