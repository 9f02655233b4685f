"""Capabilities: the effort levels and kinds of thinking there are, and whether a persona's model has what it asks."""

from collections.abc import Sequence

from core.domain.errors import ConfabError
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.wording import count_noun

EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKING = ("adaptive", "disabled", "enabled", "between_tools")


class PersonaUnsuited(ConfabError):
    """A persona asks for what its model does not have; the message says what to do instead."""


def check_persona(persona: Persona, model: Model) -> None:
    """Validate a persona against its model's capabilities. Raises PersonaUnsuited.

    A model whose capabilities are not known is given the benefit of doubt.
    """
    if not model.known:
        return
    if persona.effort and persona.effort not in model.efforts:
        has = f"it has {_list_in_order(model.efforts, EFFORTS)}" if model.efforts else "it has no effort levels"
        raise PersonaUnsuited(f"{model.id} does not take effort `{persona.effort}`; {has}.")
    if persona.thinking and persona.thinking not in model.thinking:
        has = f"it takes {_list_in_order(model.thinking, THINKING)}" if model.thinking else "its thinking cannot be set"
        raise PersonaUnsuited(f"{model.id} does not take thinking `{persona.thinking}`; {has}.")
    if persona.temperature is not None and not model.sampling:
        raise PersonaUnsuited(
            f"{model.id} no longer takes a temperature. Use effort instead: low is brief, high is thorough."
        )
    if persona.temperature is not None and persona.thinking == "enabled":
        raise PersonaUnsuited("A temperature and thinking exclude each other: clear one of them.")
    if persona.max_tokens and model.max_tokens and persona.max_tokens > model.max_tokens:
        raise PersonaUnsuited(f"{model.id} writes at most {count_noun(model.max_tokens, 'token')}.")


def _list_in_order(values: frozenset[str], order: Sequence[str]) -> str:
    return ", ".join(value for value in order if value in values)
