"""One Messages API request out of persona, turns and a model's capabilities."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import HOUSE, Block, Unsuited, check, continued, request
from core.prompting.turns import Turn

TURNS = [Turn("user", "Ada: a", ("1",)), Turn("assistant", "x", ("2",)), Turn("user", "Bob: b", ("3",))]
NEW = Model("new", 1_000_000, 128_000, frozenset({"low", "high"}), frozenset({"adaptive", "disabled"}), known=True)
OLD = Model("old", 200_000, 64_000, frozenset(), frozenset({"enabled"}), known=True)
BARE = Model("bare")


def test_a_request_is_system_prompt_turns_and_two_breakpoints():
    made = request(Persona(system="Be brief.", max_tokens=1000), TURNS, NEW, "1h")

    mark = {"type": "ephemeral", "ttl": "1h"}
    assert made.body == {
        "model": "new",
        "max_tokens": 1000,
        "system": [
            {"type": "text", "text": HOUSE},
            {"type": "text", "text": "Be brief.", "cache_control": mark},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Ada: a"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
            {"role": "user", "content": [{"type": "text", "text": "Bob: b"}]},
        ],
        "cache_control": mark,
    }
    assert made.headers == {}
    assert made.last == "3"
    assert made.blocks == (
        Block("house", HOUSE),
        Block("persona", "Be brief.", breakpoint=True),
        Block("user", "Ada: a"),
        Block("assistant", "x"),
        Block("user", "Bob: b", breakpoint=True),
    )


def test_without_a_persona_the_house_has_the_breakpoint():
    made = request(Persona(), TURNS, NEW, "5m")

    mark = {"type": "ephemeral", "ttl": "5m"}
    assert made.body["system"] == [{"type": "text", "text": HOUSE, "cache_control": mark}]
    assert made.blocks[0] == Block("house", HOUSE, breakpoint=True)


@pytest.mark.parametrize(
    ("persona", "model", "sent"),
    [
        pytest.param(Persona(effort="low"), NEW, {"output_config": {"effort": "low"}}, id="effort where it is known"),
        pytest.param(Persona(effort="max"), NEW, {}, id="an unknown level is left out"),
        pytest.param(Persona(effort="low"), OLD, {}, id="effort is left out for a model without"),
        pytest.param(Persona(effort="low"), BARE, {}, id="nothing optional for an unknown model"),
        pytest.param(Persona(thinking="adaptive"), NEW, {"thinking": {"type": "adaptive"}}, id="thinking"),
        pytest.param(Persona(thinking="enabled"), NEW, {}, id="thinking of a kind it lacks is left out"),
        pytest.param(
            Persona(thinking="enabled", max_tokens=4096),
            OLD,
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096},
            id="enabled thinking has half the tokens",
        ),
        pytest.param(Persona(thinking="enabled", max_tokens=500), OLD, {"max_tokens": 500}, id="too few to think"),
        pytest.param(Persona(max_tokens=999_999), OLD, {"max_tokens": 64_000}, id="never more than the model writes"),
        pytest.param(Persona(temperature=0.2), OLD, {"extra_body": {"temperature": 0.2}}, id="temperature"),
        pytest.param(Persona(temperature=0.2), NEW, {}, id="temperature is left out where it is refused"),
        pytest.param(
            Persona(temperature=0.2, thinking="enabled"),
            OLD,
            {"thinking": {"type": "enabled", "budget_tokens": 4096}},
            id="thinking excludes a temperature",
        ),
    ],
)
def test_only_what_a_model_takes_is_sent(persona, model, sent):
    body = request(persona, TURNS, model, "1h").body

    usual = {"model": model.id, "max_tokens": 8192}
    extra = {name: value for name, value in body.items() if name not in {"system", "messages", "cache_control"}}
    assert extra == usual | sent


def test_a_temperature_goes_under_the_api_version_that_takes_it():
    assert request(Persona(temperature=0.2), TURNS, OLD, "1h").headers == {"anthropic-version": "2023-06-01"}


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
    with pytest.raises(Unsuited, match=advice.split(".", maxsplit=1)[0]):
        check(persona, model)


@pytest.mark.parametrize("model", [NEW, OLD, BARE], ids=lambda model: model.id)
def test_a_persona_of_words_suits_every_model(model):
    check(Persona(system="Be brief."), model)


def test_a_model_that_is_not_known_is_given_the_benefit_of_doubt():
    check(Persona(effort="max", thinking="enabled"), BARE)


def test_after_a_pause_what_came_goes_back_as_it_was():
    made = request(Persona(), TURNS, NEW, "1h")
    content = [{"type": "text", "text": "so far"}]

    more = continued(made, content)

    assert more.body["messages"] == [*made.body["messages"], {"role": "assistant", "content": content}]
    assert (more.last, more.model) == (made.last, made.model)


@given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=9), st.text(max_size=50))
def test_the_bound_is_never_below_the_bytes_sent(texts, system):
    made = request(Persona(system=system), [Turn("user", text) for text in texts], NEW, "1h")

    assert made.input_bound >= sum(len(text.encode()) for text in (*texts, system, HOUSE))


def test_the_same_thread_makes_the_same_bytes():
    bodies = {json.dumps(request(Persona(system="s"), TURNS, NEW, "1h").body) for _ in range(3)}

    assert len(bodies) == 1
