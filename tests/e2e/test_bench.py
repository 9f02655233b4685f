"""Each part of the bench runs, at a size that takes a moment, and its report has what it found."""

import json

import pytest

from bench import report
from bench.__main__ import REASONS
from bench.asked import Asked, Speech
from bench.calls import calls
from bench.cost import cost
from bench.engines import engines
from bench.figures import Figure, at
from bench.growth import growth
from bench.overhead import overhead
from bench.pages import PAGES, pages
from bench.servers import servers
from bench.start import helped, start
from bench.throughput import throughput

FOUND = [
    Figure("overhead", "slack, 0 ms a call, warm, 20 messages", "question to request, p50", "ms", 5.0, 10.0, 1.2),
    Figure("calls", "slack, short answer", "all calls", "", 3, 3, 1.0),
]


def measures(figures):
    return {one.measure for one in figures}


async def test_overhead_is_measured_of_both_sides_in_each_phase(tmp_path):
    figures = await overhead("discord", 0.0, tmp_path, questions=2)

    assert len(figures) == 24  # four cases, three phases, two percentiles
    assert all(one.limit > 0 and one.confab > 0 for one in figures)


async def test_each_page_of_the_dashboard_is_measured_and_sent_in_few_bytes(tmp_path):
    figures = await pages(tmp_path, 100, 4)

    assert len(figures) == 3 * len(PAGES)
    assert [one.measure for one in figures if one.unit == "kB" and not (one.met and one.confab > 1)] == []


@pytest.mark.reliability
async def test_throughput_is_measured_of_both_sides(tmp_path):
    figures = await throughput("slack", tmp_path, threads=2, questions=4)

    assert measures(figures) == {"questions a second", "processor time a question", "peak memory"}
    assert all(one.limit > 0 and one.confab > 0 for one in figures)


async def test_calls_are_counted_by_method(tmp_path):
    figures = await calls("slack", tmp_path, {"short answer": Speech()}, pace=0.0)

    assert {"all calls", "`chat.postMessage`", "`conversations.replies`"} <= measures(figures)
    by_measure = {one.measure: one for one in figures}
    assert by_measure["`conversations.replies`"].limit == 1
    assert by_measure["`conversations.replies`"].confab == 0


async def test_memory_is_measured_by_server(tmp_path):
    figures = await servers(tmp_path, 3)

    assert measures(figures) > {"memory a server", "processor time of that"}
    assert all(one.limit > 0 for one in figures if one.limit is not None)


async def test_cost_is_held_against_the_least():
    (figure,) = await cost((3,))

    assert figure.limit > 0
    assert figure.ratio >= 1


@pytest.mark.reliability
async def test_a_full_database_is_measured_beside_an_empty_one(tmp_path):
    figures = await growth(tmp_path, threads=20, each=10, questions=2)

    sizes = next(one for one in figures if one.measure == "database")
    assert sizes.confab > sizes.limit > 0


@pytest.mark.reliability
async def test_postgres_is_measured_beside_sqlite(tmp_path):
    figures = await engines(tmp_path, questions=2)

    assert measures(figures) == {"a question, p50", "a question, p99", "processor time a question"}
    assert all(one.limit > 0 and one.confab > 0 for one in figures)


async def test_a_start_is_measured_of_both_sides(tmp_path):
    (figure,) = await start("slack", tmp_path, times=1)

    assert figure.limit > 0
    assert figure.confab > 0


def test_help_is_measured():
    (figure,) = helped(1)

    assert figure.confab > figure.limit > 0


def test_the_report_keeps_what_stands_around_its_tables(tmp_path):
    (tmp_path / "performance.md").write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")

    report.written(FOUND, REASONS, tmp_path)

    page = (tmp_path / "performance.md").read_text()
    assert page.startswith(f"before\n{report.BEGIN}\n")
    assert page.endswith(f"{report.END}\nafter\n")
    assert "old" not in page
    assert "| slack, short answer | all calls | 3 | 3 | 1.00 | 1 | met |" in page
    assert [one["confab"] for one in json.loads((tmp_path / "performance.json").read_text())] == [10.0, 3]
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_a_figure_that_misses_its_goal_stays_with_its_reason():
    table = report.tables(FOUND, REASONS)

    assert "| 5 ms | 10 ms | 2.00 | 1.2 | **missed** |" in table
    assert REASONS["overhead: question to request, p50"] in table


def test_an_answer_is_as_long_as_asked_and_says_when_it_ends():
    asked = Asked("q1")

    assert 190 <= len(asked.answer(200)) <= 200
    assert asked.answer(200).endswith(asked.end)


def test_percentiles_are_values_that_were_measured():
    assert [at([3.0, 1.0, 2.0, 4.0], part) for part in (0.0, 0.5, 0.99)] == [1.0, 3.0, 4.0]
