"""A persona is checked against the capabilities of its model."""

import re

import pytest

from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.personas.check import PersonaUnsuited, check_persona

NEW = Model("new", 1_000_000, 128_000, frozenset({"low", "high"}), frozenset({"adaptive", "disabled"}), known=True)
OLD = Model("old", 200_000, 64_000, frozenset(), frozenset({"enabled"}), known=True)
BARE = Model("bare")


@pytest.mark.parametrize(
    ("persona", "model", "advice"),
    [
        (Persona(effort="max"), NEW, "new does not take effort `max`; it has low, high."),
        (Persona(effort="low"), OLD, "old does not take effort `low`; it has no effort levels."),
        (Persona(thinking="enabled"), NEW, "new does not take thinking `enabled`; it takes adaptive, disabled."),
        (Persona(temperature=1.0), NEW, "new no longer takes a temperature. Use effort instead"),
        (Persona(temperature=1.0, thinking="enabled"), OLD, "A temperature and thinking exclude each other"),
        (Persona(max_tokens=65_000), OLD, "old writes at most 64,000 tokens."),
    ],
)
def test_a_persona_that_its_model_cannot_follow_is_refused_with_advice(persona, model, advice):
    with pytest.raises(PersonaUnsuited, match=re.escape(advice)):
        check_persona(persona, model)


@pytest.mark.parametrize("model", [NEW, OLD, BARE], ids=lambda model: model.id)
def test_a_persona_of_words_suits_every_model(model):
    check_persona(Persona(system="Be brief."), model)


def test_a_model_that_is_not_known_is_given_the_benefit_of_doubt():
    check_persona(Persona(effort="max", thinking="enabled"), BARE)
