"""Which persona holds."""

from core.domain.personas import Persona, resolve_personas


def test_each_field_comes_from_the_narrowest_place_that_has_it():
    channel = Persona(system="pirate", max_tokens=100)
    workspace = Persona(system="lawyer", effort="low")
    defaults = Persona(model="m", max_tokens=9)

    assert resolve_personas([channel, None, workspace, defaults]) == Persona(
        system="pirate", model="m", effort="low", max_tokens=100
    )


def test_zero_is_a_value():
    assert resolve_personas([Persona(temperature=0.0), Persona(temperature=1.0)]).temperature == 0.0


def test_nothing_set_is_an_empty_persona():
    assert resolve_personas([None]) == Persona()
