"""Each part of the bench runs, at a size that takes a moment, and its report has what it found."""

import json
from dataclasses import replace

import pytest

from bench import report
from bench.__main__ import REASONS
from bench.asked import Asked, Speech
from bench.calls import calls
from bench.cost import cost
from bench.engines import engines
from bench.figures import Figure, at, combine
from bench.growth import growth
from bench.overhead import overhead
from bench.pages import PAGES, pages
from bench.scale import grow, replicas
from bench.servers import servers
from bench.short import alone, under_load
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

    assert len(figures) == 3 + 5 * len(PAGES)
    assert [one.measure for one in figures if one.unit == "kB" and not (one.met and one.confab > 1)] == []


async def test_short_answers_are_measured_in_live_fresh_and_unseen_threads(tmp_path):
    figures = await alone("discord", tmp_path, fresh=1, turns=24)

    assert {one.case.rpartition(", ")[2] for one in figures} == {"live", "fresh", "unseen"}
    assert measures(figures) == {"question to request", "last token to final text", "processor time a question"}
    assert all(one.confab > 0 for one in figures)


@pytest.mark.reliability
async def test_short_answers_are_measured_under_load_and_within_the_limits_of_a_platform(tmp_path):
    figures = await under_load("discord", tmp_path, threads=2, questions=4)

    assert measures(figures) == {"answers a second", "processor time a question", "an answer, p99", "lost"}
    assert next(one for one in figures if one.measure == "lost").confab == 0


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


@pytest.mark.reliability
async def test_several_processes_are_measured_beside_one(tmp_path):
    *figures, passed_on = await replicas(tmp_path, questions=4)

    assert {one.case for one in figures} == {f"slack, {count} processes, PostgreSQL" for count in (2, 4)}
    assert all(one.limit > 0 and one.confab > 0 for one in figures)
    assert (passed_on.measure, passed_on.goal) == ("question to request", 20)
    assert passed_on.confab > 0


@pytest.mark.reliability
async def test_a_large_database_of_postgres_is_measured_beside_an_empty_one(tmp_path):
    figures = await grow(tmp_path, threads=20, questions=2)

    sizes = next(one for one in figures if one.measure == "database")
    assert sizes.confab > sizes.limit > 0


async def test_a_start_is_measured_of_both_sides(tmp_path):
    connected, answered, memory = await start("discord", tmp_path, times=1)

    assert answered.limit > connected.limit > 0
    assert answered.confab > connected.confab > 0
    assert memory.limit > 0
    assert memory.met


def test_help_is_measured():
    (figure,) = helped(1)

    assert figure.confab > figure.limit > 0


def test_the_report_keeps_what_stands_around_its_tables(tmp_path):
    for name in ("performance.md", "scale.md"):
        (tmp_path / name).write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")

    report.written([*FOUND, Figure("scale", "two processes", "answers", "", 1, 2)], REASONS, tmp_path)

    page = (tmp_path / "performance.md").read_text()
    assert page.startswith(f"before\n{report.BEGIN}\n")
    assert page.endswith(f"{report.END}\nafter\n")
    assert "old" not in page
    assert "| slack, short answer | all calls | 3 | 3 | 1.00 | 1 | met |" in page
    assert "| two processes | answers | 1 | 2 | 2.00 |  |  |" in (tmp_path / "scale.md").read_text()
    assert [one["confab"] for one in json.loads((tmp_path / "performance.json").read_text())] == [10.0, 3, 2]
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_a_figure_that_misses_its_goal_stays_with_its_reason():
    table = report.tables(FOUND, REASONS)

    assert "| 5 ms | 10 ms | 2.00 | 1.2 | **missed** |" in table
    assert REASONS["overhead: question to request, p50"] in table


def test_a_goal_is_missed_where_a_figure_is_beyond_it_by_more_than_its_noise():
    slow = replace(FOUND[0], confab=6.3, noise=0.1)
    within, beyond = slow, replace(slow, noise=0.02)
    few = Figure("short", "slack", "answers a second", "", 100, 50, 0.9, more=True)

    assert report.list_missed([within, FOUND[1]]) == ""
    assert report.list_missed([beyond, few]).splitlines()[-2:] == [
        "| overhead | slack, 0 ms a call, warm, 20 messages | question to request, p50 | 1.26 | at most 1.2 | 2% |",
        "| short | slack | answers a second | 0.5 | at least 0.9 | 10% |",
    ]


def test_a_figure_of_several_rounds_is_their_median_and_their_spread_is_its_noise():
    rounds = [[replace(FOUND[0], limit=10, confab=confab)] for confab in (9, 10, 12)]

    (figure,) = combine(rounds)

    assert (figure.limit, figure.confab) == (10, 10)
    assert figure.noise == pytest.approx(0.15)


def test_figures_are_held_against_the_last_run_that_was_written_down(tmp_path):
    for name in ("performance.md", "scale.md"):
        (tmp_path / name).write_text(f"{report.BEGIN}{report.END}")
    report.written(FOUND, REASONS, tmp_path)
    now = [replace(FOUND[0], confab=11.0), Figure("calls", "slack", "new", "", None, 1)]

    table = report.tables(now, {}, report.read_recorded(tmp_path))

    assert "| 5 ms | 11 ms | 2.20 | 1.2 | **missed** | 1.10 |" in table
    assert "| slack | new |  | 1 |  |  |  |  |" in table


def test_an_answer_is_as_long_as_asked_and_says_when_it_ends():
    asked = Asked("q1")

    assert 190 <= len(asked.answer(200)) <= 200
    assert asked.answer(200).endswith(asked.end)


def test_percentiles_are_values_that_were_measured():
    assert [at([3.0, 1.0, 2.0, 4.0], part) for part in (0.0, 0.5, 0.99)] == [1.0, 3.0, 4.0]
