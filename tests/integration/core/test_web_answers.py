"""Answers out of the web: what people see, what is kept of them, what they cost, and where web search is refused.

Tests core.answering.completions, core.answering.responder, core.claude.sender, core.claude.metering and
core.tools.hosted.
"""

import asyncio
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.personas import Persona
from core.rendering.reply_notes import append_note
from core.tools.hosted import HostedTools, build_web_tools
from core.tools.registry import ToolRegistry
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Break, Fault, Fetch, Gate, Passage, Search
from tests.support.board_house import closed, messages
from tests.support.house import house

HEAT, COST = "https://energy.example/heat", "https://energy.example/cost"
WORKSPACE = Scope("board:w1")
OLD = "claude-haiku-4-5"
STEPS = (Search("heat pumps"), Fetch(HEAT), Passage("They move warmth", (HEAT,)), Passage(" and last", (COST, HEAT)))
FOUND = Answer(passages=STEPS)
SOURCES = f"[1] Heat pumps: {HEAT}\n[2] What pumps cost: {COST}"
SHOWN = f"They move warmth[1] and last[2][1]\n\n{SOURCES}"


@pytest.fixture(autouse=True)
def web(claude):
    claude.web = {
        HEAT: "Heat pumps\nThey move warmth.",
        COST: "What pumps cost\nAbout 9,000.",
    }


@pytest.fixture
async def assistant(store, claude, board):
    async with open_house(store, claude, board) as running:
        yield running


def open_house(store, claude, board, estimate: int = 50_000, **more):
    provider = HostedTools(build_web_tools(results_bound=estimate))
    return house(store, claude, board, tools=ToolRegistry([provider], ["web"], ["web"]), **more)


async def ask(board, assistant, store, words: str = "how do heat pumps work?") -> str:
    await assistant.ingest(board.said("t1", "U1", words))
    await closed(store)
    return board.shown("t1")[-1]


def bodies(claude) -> list[dict]:
    return [one.body for one in claude.requests if one.path == "/v1/messages"]


def list_types(body) -> list[str]:
    return [tool["type"] for tool in body.get("tools", [])]


async def test_an_answer_has_numbers_and_below_it_its_sources_one_line_each(assistant, board, claude, store):
    claude.script(FOUND)

    assert await ask(board, assistant, store) == SHOWN
    assert list_types(bodies(claude)[0]) == ["web_fetch_20260318", "web_search_20260318"]
    assert "write neither of them yourself" in bodies(claude)[0]["system"][0]["text"]
    assert claude.refused == []


async def test_what_is_searched_and_read_stands_below_the_text_until_there_is_more(assistant, board, claude, store):
    gates = [Gate(after=10), Gate(after=9)]
    claude.script(
        Answer(
            passages=(Passage("Let me see. "), Search("heat pumps", held=True)),
            chunk=99,
            gate=gates[0],
            stop_reason="pause_turn",
        ),
        Answer(passages=(Fetch(HEAT), Passage("Warm.")), chunk=99, gate=gates[1]),
    )

    await assistant.ingest(board.said("t1", "U1", "how?"))
    await gates[0].reached.wait()
    await board.until("t1", append_note("Let me see. ", "searching “heat pumps”"))
    gates[0].opened.set()
    await gates[1].reached.wait()
    await board.until("t1", append_note("Let me see. ", "reading energy.example/heat"))
    gates[1].opened.set()
    await closed(store)

    assert board.shown("t1") == ["Let me see. Warm."]
    assert claude.refused == []


async def test_what_is_kept_of_a_finished_turn_is_its_text_and_its_sources(store, claude, board):
    claude.script(FOUND)
    async with open_house(store, claude, board) as assistant:
        await ask(board, assistant, store)
    async with open_house(store, claude, board, process="p2") as assistant:
        await ask(board, assistant, store, "and?")

    first, second = messages(claude)
    assert second[: len(first)] == first
    assert second[len(first)] == ("assistant", SHOWN)


async def test_a_turn_that_paused_amid_a_search_goes_on_in_another_process(store, claude, board):
    gate = Gate()
    pause = Answer(
        passages=(Search("heat"), Passage("Warm", (HEAT,)), Search("cost", held=True)), stop_reason="pause_turn"
    )
    rest = Answer(passages=(Passage(", and dear", (COST,)),), gate=gate)
    claude.script(pause, rest, Answer(passages=rest.passages))
    async with open_house(store, claude, board, process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "how?"))
        await gate.reached.wait()
        await assistant.worker.drain(0)
    async with open_house(store, claude, board, process="second"):
        await closed(store)

    assert board.shown("t1")[-1] == f"Warm[1], and dear[2]\n\n{SOURCES}"
    assert len(bodies(claude)) == 3
    assert claude.refused == []


async def test_an_error_of_a_search_is_claudes_to_read(assistant, board, claude, store):
    claude.script(Answer(passages=(Fetch("https://evil.example/?secret"), Passage("I could not read it."))))

    assert await ask(board, assistant, store) == "I could not read it."


async def test_the_cache_is_not_taken_for_lost_behind_an_answer_out_of_the_web(assistant, board, claude, store):
    claude.script(FOUND, Answer("More."))
    persona = "Be kind. " * 400
    claude.web[HEAT] += " word" * 3_000
    await ask(board, assistant, store, persona)

    await ask(board, assistant, store, "and?")

    misses = await store.ledger.sum_usage(WORKSPACE, START - timedelta(days=9999), "miss")
    assert {line.group: line.requests for line in misses} == {"": 1, "new": 1}


FETCH, SEARCH = "web_fetch_20260318", "web_search_20260318"
REFUSING = {
    "an organization that has not switched it on": ("claude-haiku-5-5", {"enabled web search"}, 1, [FETCH]),
    "a model that has an older one": (OLD, set(), 2, ["web_fetch_20250910", "web_search_20250305"]),
    "a model that has none": ("claude-haiku-5-5", {"web_search"}, 0, [FETCH]),
    "a model that does not cite": ("claude-haiku-5-5", {"citations"}, 0, [FETCH, SEARCH]),
}


@pytest.mark.parametrize(("model", "lacks", "refused", "types"), REFUSING.values(), ids=REFUSING)
async def test_where_a_tool_is_refused_the_person_has_an_answer_and_the_next_request_is_right(
    store, claude, board, caplog, model, lacks, refused, types
):
    claude.lacks = frozenset(lacks)
    async with open_house(store, claude, board, persona=Persona(model=model)) as assistant:
        shown = [await ask(board, assistant, store, words) for words in ("hello", "and?")]

    assert shown == ["fine", "fine"]
    assert len(claude.refused) == refused
    assert [list_types(body) for body in bodies(claude)][refused:] == [types, types]
    warned = [one.message for one in caplog.records if "asking again without it" in one.message]
    assert len(warned) == refused
    assert any("Console" in one for one in warned) == ("enabled web search" in lacks)


async def test_a_key_that_may_not_search_is_answered_without(assistant, board, claude, store):
    words = "tools.1: this API key may not use web_search"
    claude.script(Fault(403, "permission_error", words), Answer("Yes."), Answer("Again."))

    shown = [await ask(board, assistant, store, said) for said in ("hello", "and?")]

    assert shown[0] == "Yes."
    assert [len(list_types(body)) for body in bodies(claude)] == [2, 1, 1]


async def allow(store, micro_usd: int) -> None:
    await store.ledger.allow(Budget(WORKSPACE, Period.MONTH, micro_usd, "UTC", "U1", START), 0)


async def spent(store) -> int:
    lines = await store.ledger.sum_usage(WORKSPACE, START - timedelta(days=9999), "model")
    return sum(line.micro_usd for line in lines)


async def test_searches_are_billed_and_fetches_are_not(assistant, board, claude, store):
    claude.script(FOUND)

    await ask(board, assistant, store)

    (line,) = await store.ledger.sum_usage(WORKSPACE, START - timedelta(days=9999), "model")
    assert (line.usage.web_searches, line.micro_usd) == (1, claude.billed[0].micro_usd)
    assert 10_000 < line.micro_usd < 11_000


async def test_a_budget_that_has_no_room_for_what_may_be_found_refuses_before_anything_is_sent(store, claude, board):
    await allow(store, 60_000)  # five searches cost 50,000, and 50,000 tokens written to the cache 10,000

    async with open_house(store, claude, board, clock=board.now) as assistant:
        shown = await ask(board, assistant, store)

    assert shown.startswith("I can't ask Claude this: it may cost $0.06")
    assert bodies(claude) == []


async def test_what_costs_more_than_was_set_aside_stops_the_next_request(store, claude, board, caplog):
    await allow(store, 60_000)
    claude.web[HEAT] += " word" * 40_000
    claude.script(Answer(passages=(*[Search("heat pumps")] * 5, Passage("Warm", (HEAT,)))))

    async with open_house(store, claude, board, estimate=1_000, clock=board.now) as assistant:
        shown = [await ask(board, assistant, store, words) for words in ("how?", "and?")]

    assert shown[0].startswith("Warm[1]")
    assert "budget of $0.0600 a month nothing is left" in shown[1]
    assert await spent(store) == claude.billed[0].micro_usd > 60_000
    assert len(bodies(claude)) == 1
    assert "more than the" in caplog.text
    assert "CONFAB_WEB_ESTIMATE" in caplog.text


@pytest.mark.parametrize("after", [6, 9, 12, 14])
async def test_a_search_that_breaks_off_has_a_bound_in_the_ledger(store, claude, board, after):
    """The house compares the ledger with the bill at its end."""
    await allow(store, 1_000_000)
    claude.answer = lambda body: Answer(passages=STEPS, breaks=Break("reset", after=after))

    async with open_house(store, claude, board, clock=board.now) as assistant:
        await ask(board, assistant, store)
        await asyncio.sleep(0)

    assert await spent(store) <= 1_000_000


async def test_answers_side_by_side_overspend_a_budget_by_no_more_than_one_overrun(store, claude, board):
    await allow(store, 200_000)
    claude.answer = lambda body: Answer(passages=(Search("heat pumps"), Passage("Warm", (HEAT,))))

    async with open_house(store, claude, board, clock=board.now) as assistant:
        for number in range(12):
            await assistant.ingest(board.said(f"t{number}", f"U{number}", "how?"))
        await closed(store)

    assert await spent(store) == sum(one.micro_usd for one in claude.billed) <= 200_000
    assert 3 <= len(bodies(claude)) <= 12
