"""The model catalog (core.claude.model_catalog) and the commands over it: not there is not unknown."""

import asyncio
import json
from datetime import timedelta

import pytest

from core.billing.prices import read_prices
from core.claude.client import Claude
from core.claude.model_catalog import AGAIN, FRESH, LISTED, MODELS, ModelCatalog, read_choices
from core.domain.models import Model
from core.domain.personas import Persona, Place
from tests.fakes.claude.script import Fault
from tests.support.board_house import closed, command
from tests.support.house import house

HAIKU = "claude-haiku-5-5"
OLD = "claude-sonnet-4-5"
RETIRED = "claude-3-7-sonnet-20250219"
HERE = Place("board:w1", "c1")


@pytest.fixture
async def client(claude):
    client = Claude(claude.key, claude.url)
    yield client
    await client.close()


@pytest.fixture
def catalog(client, store, board):
    return ModelCatalog(client, store.notes, board.now, read_prices(), patience=30)


def asked_after(claude, name: str = HAIKU) -> int:
    return sum(one.path == f"/v1/models/{name}" for one in claude.requests)


async def test_capabilities_are_asked_again_while_the_process_lives(claude, catalog, board):
    await catalog.describe(HAIKU)
    await catalog.describe(HAIKU)
    once = asked_after(claude)
    board.slept(FRESH.total_seconds())
    await catalog.describe(HAIKU)

    assert (once, asked_after(claude)) == (1, 2)


async def test_what_was_told_last_is_believed_while_nothing_can_be_asked_and_then_asked_again_soon(
    claude, catalog, board
):
    known = await catalog.describe(HAIKU)
    board.slept(FRESH.total_seconds())
    claude.script(Fault(500, "api_error"), path="/v1/models")

    assert [await catalog.describe(HAIKU) for _ in range(3)] == [known] * 3
    assert asked_after(claude) == 2
    board.slept(AGAIN.total_seconds())
    await catalog.describe(HAIKU)
    assert asked_after(claude) == 3


async def test_one_failure_at_the_start_is_not_believed_for_ever(claude, catalog, board):
    claude.script(Fault(500, "api_error"), path="/v1/models")

    assert await catalog.describe(HAIKU) == Model(HAIKU)
    board.slept(AGAIN.total_seconds())
    assert (await catalog.describe(HAIKU)).known


async def test_the_next_process_knows_what_this_one_was_told(claude, client, catalog, store, board):
    known = await catalog.describe(HAIKU)

    assert await ModelCatalog(client, store.notes, board.now, read_prices()).describe(HAIKU) == known
    assert asked_after(claude) == 1


async def test_a_models_api_that_hangs_holds_nothing_for_long(claude, client, store, board):
    async def hang(_index: int) -> None:
        await asyncio.Event().wait()

    claude.on_request(hang)

    found = await ModelCatalog(client, store.notes, board.now, read_prices(), patience=0.05).look_up(HAIKU)

    assert (found.missing, found.trouble.kind) == (False, "unreachable")


async def test_what_is_not_there_is_told_from_what_is_not_known(claude, catalog):
    missing = await catalog.look_up("claude-haiku-5.5")
    claude.script(Fault(500, "api_error"), path="/v1/models")
    unknown = await catalog.look_up("claude-opus-5-5")

    assert (missing.missing, missing.near[0]) == (True, HAIKU)
    assert (unknown.missing, unknown.trouble.kind) == (False, "failing")


async def test_a_gateway_without_a_models_api_says_nothing_of_any_model(claude, catalog):
    claude.script(*[Fault(404, "not_found_error")] * 2, path="/v1/models")

    found = await catalog.look_up("gateway-model")

    assert (found.missing, found.trouble.kind) == (False, "no model")


async def test_the_list_is_kept_for_who_chooses(catalog, store, board):
    models = await catalog.list_models()
    board.slept(LISTED.total_seconds() / 2)

    assert await catalog.list_models() is models
    shown = read_choices(await store.notes.get(MODELS))
    assert shown[HAIKU] == "claude-haiku-5-5: $0.1 in, $0.5 out, reads 1,000,000"
    assert shown[OLD] == "claude-sonnet-4-5: $3 in, $15 out, reads 200,000, retires 2026-11-30"
    assert RETIRED not in shown
    assert read_choices(None) == {}


async def test_the_cheapest_model_is_one_that_is_listed_today_and_allowed(catalog):
    assert await catalog.find_cheapest("claude-opus-5-5") == HAIKU
    assert await catalog.find_cheapest("claude-opus-5-5", ["claude-opus-5-5", OLD]) == OLD


@pytest.mark.parametrize("days", [0, 365], ids=["retired by the API", "its day has come"])
async def test_a_retired_model_is_never_the_cheapest_also_where_it_was_listed_before(catalog, store, board, days):
    retired = OLD if days else RETIRED
    await store.notes.put(MODELS, json.dumps({retired: f"{retired}: listed before"}))
    board.slept(timedelta(days=days).total_seconds())

    assert await catalog.find_cheapest("claude-opus-5-5", [retired]) == "claude-opus-5-5"


async def test_while_the_models_api_can_not_be_asked_the_personas_own_model_is_the_cheapest(
    claude, client, catalog, store, board
):
    await catalog.list_models()
    claude.script(Fault(500, "api_error"), path="/v1/models")
    other = ModelCatalog(client, store.notes, board.now, read_prices())

    assert await other.find_cheapest("claude-opus-5-5") == "claude-opus-5-5"


async def give(store, claude, board, *lines: str, persona: Persona | None = None) -> list[str]:
    """Give commands one after the other; what each is answered."""
    async with house(store, claude, board, persona=persona or Persona(model=HAIKU), clock=board.now) as assistant:
        for number, line in enumerate(lines):
            await assistant.ingest(command(line, name=f"k{number}"))
            await closed(store)
    return board.shown("t1")


async def tuned(store) -> Persona | None:
    held = await store.personas.persona(HERE)
    return held.persona if held else None


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("model=gpt-5", "There is no model `gpt-5`. Did you mean "),
        ("model=claude-haiku-5.5", "There is no model `claude-haiku-5.5`. Did you mean `claude-haiku-5-5`"),
        ("model=Claude-Haiku-5-5", "There is no model `Claude-Haiku-5-5`. Did you mean `claude-haiku-5-5`"),
        (f"model={RETIRED}", f"`{RETIRED}` retired on 2026-02-19."),
        ("model==SUM(A1)", "A model's id has letters, digits and"),
        ("model=a/../files", "A model's id has letters, digits and"),
        ("model=`x`", "A model's id has letters, digits and"),
        ('model="two words"', "A model's id has letters, digits and"),
        (f"model={'x' * 129}", "A model's id has letters, digits and"),
        ("max_tokens=0", "max_tokens is a number of tokens from 1 to 1,000,000."),
        ("max_tokens=-5", "max_tokens is a whole number; `-5` is not."),
        ("max_tokens=many", "max_tokens is a whole number; `many` is not."),
        ("max_tokens=999999999", "max_tokens is a number of tokens from 1 to 1,000,000."),
        ("thinking=disabled effort=max", "Effort `max` and thinking `disabled` exclude each other"),
        ("model=claude-sonnet-5-5 thinking=between_tools effort=xhigh", "Effort `xhigh` and thinking `between_tools`"),
        ("model=claude-sonnet-4-6 thinking=adaptive temperature=0.5", "A temperature and thinking exclude each other"),
        ("model=claude-haiku-4-5 thinking=enabled max_tokens=2000", "With thinking `enabled`, max_tokens is at least"),
    ],
)
async def test_what_does_not_exist_or_go_together_is_refused_when_it_is_tuned(store, claude, board, line, sentence):
    shown = await give(store, claude, board, f"persona tune {line}")

    assert shown[0].startswith(sentence)
    assert await tuned(store) is None


async def test_choices_that_exclude_each_other_are_refused_also_one_after_the_other(store, claude, board):
    shown = await give(store, claude, board, "persona tune thinking=disabled", "persona tune effort=xhigh")

    assert shown[1].startswith("Effort `xhigh` and thinking `disabled` exclude each other")
    assert await tuned(store) == Persona(thinking="disabled")


async def test_a_model_that_retires_soon_is_taken_and_its_day_is_told(store, claude, board):
    board.slept(timedelta(days=328).total_seconds())  # it is 26 November
    shown = await give(store, claude, board, f"persona tune model={OLD}", "persona tune max_tokens=4000")

    warning = f"But `{OLD}` retires on 2026-11-30, in 4 days: choose another in time; `persona models` lists them."
    assert [warning in one for one in shown] == [True, True]


@pytest.mark.parametrize(
    "choice", ["model=claude-sonnet-5-5", "effort=low", "max_tokens=4000", "thinking=disabled", "answers=thread"]
)
async def test_default_takes_every_choice_back(store, claude, board, choice):
    name = choice.partition("=")[0]
    await give(store, claude, board, f"persona tune {choice}", f"persona tune {name}=default")

    assert await tuned(store) == Persona()


async def test_a_temperature_is_taken_back_too(store, claude, board):
    old = Persona(model="claude-haiku-4-5")
    await give(store, claude, board, "persona tune temperature=0.5", "persona tune temperature=Default", persona=old)

    assert await tuned(store) == Persona()


async def test_while_nothing_can_be_asked_a_model_is_taken_and_people_are_told_so(store, claude, board):
    claude.script(*[Fault(529)] * 9, path="/v1/models")

    (shown,) = await give(store, claude, board, "persona tune model=claude-opus-5-5")

    assert "Whether there is a model `claude-opus-5-5`, and what it takes, can't be found out just now." in shown
    assert await tuned(store) == Persona(model="claude-opus-5-5")


async def test_a_default_model_that_is_not_there_is_told_to_who_tunes(store, claude, board):
    (shown,) = await give(store, claude, board, "persona tune max_tokens=4000", persona=Persona(model="claude-9"))

    assert "But there is no model `claude-9` (any more)" in shown


async def test_models_are_listed_with_price_context_and_end(store, claude, board):
    (shown,) = await give(store, claude, board, "persona models")

    lines = shown.splitlines()
    assert "| `claude-haiku-5-5` | $0.1 | $0.5 | 1,000,000 | 128,000 |  |" in lines
    assert f"| `{OLD}` | $3 | $15 | 200,000 | 64,000 | 2026-11-30 |" in lines
    assert RETIRED not in shown


@pytest.mark.parametrize("fault", [Fault(401, "authentication_error"), Fault(404, "not_found_error"), Fault(500)])
async def test_models_that_can_t_be_listed_are_a_sentence(store, claude, board, fault):
    claude.script(fault, path="/v1/models")

    (shown,) = await give(store, claude, board, "persona models")

    assert shown.startswith("The models can't be listed just now. ")
    assert "``" not in shown


async def test_a_tuned_effort_is_sent_also_when_the_models_api_failed_once(store, claude, board):
    claude.script(*[Fault(500, "api_error")] * 9, path="/v1/models")
    persona = Persona(model=HAIKU, effort="low")
    async with house(store, claude, board, persona=persona) as assistant:
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await board.until("t2", "fine")

    (body,) = [one.body for one in claude.requests if one.path == "/v1/messages"]
    assert body["output_config"] == {"effort": "low"}


@pytest.mark.parametrize(
    "persona",
    [
        Persona(model="claude-haiku-4-5", effort="low"),
        Persona(model=HAIKU, thinking="between_tools"),
        Persona(model=HAIKU, temperature=0.5),
        Persona(model="claude-haiku-4-5", max_tokens=100_000),
        Persona(model=HAIKU, thinking="disabled", effort="max"),
    ],
    ids=["effort", "thinking", "temperature", "too many tokens", "effort without thinking"],
)
async def test_what_an_unknown_model_turns_out_not_to_take_is_left_out_and_it_answers(
    store, claude, board, persona, caplog
):
    claude.script(*[Fault(500, "api_error")] * 9, path="/v1/models")
    async with house(store, claude, board, persona=persona) as assistant:
        await assistant.ingest(board.said("t2", "U1", "hello"))
        await board.until("t2", "fine")

    assert len(claude.refused) <= 1
    assert "asking again without it" in caplog.text or not claude.refused
