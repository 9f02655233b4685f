"""Cost: through a cache as Anthropic describes it, a thread costs hardly more than the least that it could."""

import asyncio
from datetime import timedelta
from fractions import Fraction

import pytest

from core.domain.messages import Attachment
from core.domain.personas import Persona
from core.store import open_store
from tests.fakes.board import Board
from tests.fakes.claude.bill import RATES
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import Billed, ClaudeFake
from tests.fakes.claude.tokens import PDF_PAGE
from tests.support.drawings import print_pages
from tests.support.house import house
from tests.support.short_form import shorten

SYSTEM = "You know all of our handbook by heart. " * 205  # about 2,000 tokens, as the stand-in counts them
WORDS = "What does the handbook say about this one? " * 9  # about 100
PAGES = 10
MODEL = "claude-haiku-5-5"
ANSWER = "It says that this one is like all others. " * 19  # about 200


def least(billed: list[Billed], ttl: str) -> Fraction:
    """The least that these prompts could have cost, in nano-dollars: what is read again is written once, and no more.

    Whoever knew which question is the last one would not write what only that one adds.
    """
    rate, _, write_5m, write_1h, read = RATES[billed[0].model]
    prompts = [prompt(one) for one in billed]
    written = prompts[-2] * (write_1h if ttl == "1h" else write_5m)
    return Fraction(written + (prompts[-1] - prompts[-2]) * rate + sum(prompts[:-1]) * read)


def prompt(one: Billed) -> int:
    usage = one.usage
    written = usage.ephemeral_5m_input_tokens + usage.ephemeral_1h_input_tokens
    return usage.input_tokens + usage.cache_read_input_tokens + written


def output(billed: list[Billed]) -> int:
    """What the answers cost, in nano-dollars."""
    return sum(one.usage.output_tokens * RATES[one.model][1] for one in billed)


async def talked(turns: int, ttl: str, model: str, *attached: Attachment, uploads: int = 0) -> list[Billed]:
    """What a thread of so many questions was billed, the first of which has files that are uploaded so often."""
    store, board = await open_store("sqlite://"), Board()
    board.files = {one.id: print_pages(PAGES) for one in attached}
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(ANSWER)
        async with house(store, claude, board, persona=Persona(SYSTEM, model), ttl=ttl) as assistant:
            for number in range(turns):
                await assistant.ingest(board.said("t1", "U2", WORDS, attachments=() if number else attached))
                async with asyncio.timeout(20):
                    await assistant.worker.idle()
    await store.shut()
    assert claude.files.uploads == uploads
    return claude.billed


@pytest.mark.parametrize(
    ("turns", "ttl", "model"), shorten(2, [5, 20, 50], ["5m", "1h"], ["claude-haiku-5-5", "claude-sonnet-5-5"])
)
async def test_a_thread_costs_at_most_three_per_cent_more_than_the_least_it_could(turns, ttl, model):
    billed = await talked(turns, ttl, model)

    paid = sum(one.micro_usd for one in billed) * 1000
    assert len(billed) == turns
    assert paid / (least(billed, ttl) + output(billed)) <= 1.03


@pytest.mark.parametrize("ttl", ["5m", "1h"])
async def test_a_thread_over_a_pdf_costs_at_most_three_per_cent_more_than_the_least_it_could(ttl):
    plan = Attachment("F1", "plan.pdf", "application/pdf", 900)
    billed = await talked(20, ttl, "claude-haiku-5-5", plan, uploads=1)

    paid = sum(one.micro_usd for one in billed) * 1000 - output(billed)
    assert len(billed) == 20
    assert prompt(billed[0]) > PAGES * PDF_PAGE
    assert paid / least(billed, ttl) <= 1.03


@pytest.mark.parametrize("turns", [5, 20, pytest.param(50, marks=pytest.mark.reliability)])
async def test_what_is_read_alone_stays_as_near_where_writing_is_cheap(turns):
    billed = await talked(turns, "5m", "claude-haiku-5-5")

    paid = sum(one.micro_usd for one in billed) * 1000 - output(billed)
    assert paid / least(billed, "5m") <= 1.03


async def lifetimes(url: str, board: Board, pauses: list[timedelta]) -> list[str]:
    """For how long the prompts of a thread are cached, the questions of which come after such pauses."""
    store = await open_store(url, clock=board.now)
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(ANSWER)
        async with house(store, claude, board, clock=board.now, persona=Persona(SYSTEM, MODEL)) as assistant:
            thread = f"t{len(board.posts)}"
            for pause in pauses:
                board.slept(pause.total_seconds())
                await assistant.ingest(board.said(thread, "U2", WORDS))
                async with asyncio.timeout(20):
                    await assistant.worker.idle()
    await store.shut()
    bodies = [one.body for one in claude.requests if one.path == "/v1/messages"]
    marks = [[body["cache_control"]["ttl"], body["system"][-1]["cache_control"]["ttl"]] for body in bodies]
    assert all(first == second for first, second in marks)
    return [first for first, _ in marks]


@pytest.mark.parametrize(("pause", "learned"), [(timedelta(minutes=20), "1h"), (timedelta(minutes=1), "5m")])
async def test_how_long_a_prompt_is_cached_is_learned_from_how_people_pause_also_over_a_restart(
    tmp_path, pause, learned
):
    board, url = Board(), f"sqlite:///{tmp_path}/confab.db"
    unlearned = await lifetimes(url, board, [timedelta(days=1), pause])
    for _ in range(6):
        await lifetimes(url, board, [timedelta(days=1), *[pause] * 3])

    assert unlearned == ["5m", "5m" if learned == "1h" else "1h"]
    assert await lifetimes(url, board, [timedelta(days=1), pause, pause]) == (
        ["1h"] * 3 if learned == "1h" else ["5m"] * 3
    )
