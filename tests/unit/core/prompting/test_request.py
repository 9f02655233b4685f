"""One Messages API request out of persona, turns and a model's capabilities."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import HOUSE, Block, build_request, continue_request
from core.prompting.turns import Turn

TURNS = [Turn("user", "Ada: a", ("1",)), Turn("assistant", "x", ("2",)), Turn("user", "Bob: b", ("3",))]
NEW = Model("new", 1_000_000, 128_000, frozenset({"low", "high"}), frozenset({"adaptive", "disabled"}), known=True)
OLD = Model("old", 200_000, 64_000, frozenset(), frozenset({"enabled"}), known=True)
BARE = Model("bare")


def test_a_request_is_system_prompt_turns_and_two_breakpoints():
    made = build_request(Persona(system="Be brief.", max_tokens=1000), TURNS, NEW, "1h")

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
    made = build_request(Persona(), TURNS, NEW, "5m")

    mark = {"type": "ephemeral", "ttl": "5m"}
    assert made.body["system"] == [{"type": "text", "text": HOUSE, "cache_control": mark}]
    assert made.blocks[0] == Block("house", HOUSE, breakpoint=True)


@pytest.mark.parametrize(
    ("persona", "model", "sent"),
    [
        pytest.param(Persona(effort="low"), NEW, {"output_config": {"effort": "low"}}, id="effort where it is known"),
        pytest.param(Persona(effort="max"), NEW, {}, id="an unknown level is left out"),
        pytest.param(Persona(effort="low"), OLD, {}, id="effort is left out for a model without"),
        pytest.param(
            Persona(effort="low"), BARE, {"output_config": {"effort": "low"}}, id="effort for a model of unknown ones"
        ),
        pytest.param(Persona(), BARE, {}, id="nothing that nobody chose"),
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
    body = build_request(persona, TURNS, model, "1h").body

    usual = {"model": model.id, "max_tokens": 8192}
    extra = {name: value for name, value in body.items() if name not in {"system", "messages", "cache_control"}}
    assert extra == usual | sent


def test_a_temperature_goes_under_the_api_version_that_takes_it():
    assert build_request(Persona(temperature=0.2), TURNS, OLD, "1h").headers == {"anthropic-version": "2023-06-01"}


def test_after_a_pause_what_came_goes_back_as_it_was():
    made = build_request(Persona(), TURNS, NEW, "1h")
    content = [{"type": "text", "text": "so far"}]

    more = continue_request(made, content)

    assert more.body["messages"] == [*made.body["messages"], {"role": "assistant", "content": content}]
    assert (more.last, more.model) == (made.last, made.model)


@given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=9), st.text(max_size=50))
def test_the_bound_is_never_below_the_bytes_sent(texts, system):
    made = build_request(Persona(system=system), [Turn("user", text) for text in texts], NEW, "1h")

    assert made.input_bound >= sum(len(text.encode()) for text in (*texts, system, HOUSE))


def test_the_same_thread_makes_the_same_bytes():
    bodies = {json.dumps(build_request(Persona(system="s"), TURNS, NEW, "1h").body) for _ in range(3)}

    assert len(bodies) == 1
