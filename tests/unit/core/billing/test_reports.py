"""Accounts: tables, bars, files for other programs, and days where people live."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.billing.ledger_rows import UsageRow
from core.billing.reports import (
    LINES,
    MISSES,
    UsageReport,
    build_report,
    describe_caveats,
    export_csv,
    export_json,
    render_bars,
    render_table,
    shorten_report,
)
from core.domain.usage import Usage

USAGE = Usage(input=70, output=50, cache_read=30)
ADA = UsageRow("U1", 3, 0, USAGE, 1_250_000, 250_000)
BOB = UsageRow("U2", 1, 1, Usage(1000, 500), 700, -12, 0)
FOUND = UsageReport("This channel", "person", (ADA, BOB), "slack:T024")


def quarter(at: str, micro_usd: int = 1) -> UsageRow:
    return UsageRow(at, 1, 0, USAGE, micro_usd)


def test_a_table_has_a_line_each_with_names_and_one_of_totals():
    assert render_table(FOUND, {"U1": "Ada"}).splitlines() == [
        "| person | requests | tokens in | tokens out | from cache | cost | cache saved |",
        "| --- | --: | --: | --: | --: | --: | --: |",
        "| Ada | 3 | 100 | 50 | 30 % | $1.25 | $0.2500 |",
        "| U2 | 1 | 1,000 | 500 | 0 % | $0.0007 | -$0.000012 |",
        "| **all** | 4 | 1,100 | 550 | 2 % | $1.25 | $0.2500 |",
    ]


def test_one_line_needs_no_totals():
    assert len(render_table(replace(FOUND, lines=(ADA,)), {}).splitlines()) == 3


def test_what_read_nothing_has_no_share_of_the_cache():
    assert render_table(UsageReport("", "model", (UsageRow("m", 1, 0, Usage()),)), {}).splitlines()[2] == (
        "| m | 1 | 0 | 0 |  | $0.00 | $0.00 |"
    )


@pytest.mark.parametrize("name", ["a | b", "a\n|\nb", "a `|` b"])
def test_no_name_breaks_the_table(name):
    (line,) = render_table(replace(FOUND, lines=(ADA,)), {"U1": name}).splitlines()[2:]

    assert (line.count("|"), line.count("`")) == (8, 0)


def test_bars_are_as_long_as_their_costs_to_an_eighth():
    lines = tuple(UsageRow(name, 1, 0, USAGE, cost) for name, cost in [("a", 2400), ("b", 1250), ("ccc", 12), ("d", 0)])

    assert render_bars(UsageReport("", "model", lines), {"a": "日本"}).splitlines() == [
        "model                                 cost",
        "-----  ------------------------  ---------",
        "日本   ████████████████████████    $0.0024",
        "b      ████████████▌               $0.0013",
        "ccc    ▏                         $0.000012",
        "d                                    $0.00",
    ]


def test_where_nothing_cost_anything_no_bar_is_drawn():
    assert "█" not in render_bars(UsageReport("", "model", (UsageRow("a", 1, 0, USAGE),)), {})


def test_the_dearest_come_first_then_the_longest_then_by_name():
    lines = [UsageRow("b", 1, 0, USAGE, 5), UsageRow("c", 1, 0, USAGE, 9), UsageRow("a", 1, 0, USAGE, 5)]
    long = UsageRow("z", 1, 0, Usage(1000), 5)

    assert [line.group for line in build_report("", "person", [*lines, long], "UTC").lines] == ["c", "z", "a", "b"]


@pytest.mark.parametrize(
    ("zone", "quarters", "days"),
    [
        ("UTC", ["2026-11-20T23:45", "2026-11-21T00:00"], ["2026-11-20", "2026-11-21"]),
        ("Asia/Kathmandu", ["2026-11-20T18:00", "2026-11-20T18:15"], ["2026-11-20", "2026-11-21"]),
        ("America/New_York", ["2026-11-20T04:45", "2026-11-20T05:00"], ["2026-11-19", "2026-11-20"]),
        ("Europe/Berlin", ["2026-03-28T23:00", "2026-03-29T21:45", "2026-03-29T22:00"], ["2026-03-29", "2026-03-30"]),
        ("Europe/Berlin", ["2026-10-24T22:00", "2026-10-25T22:45", "2026-10-25T23:00"], ["2026-10-25", "2026-10-26"]),
    ],
    ids=["UTC", "45 minutes off", "west", "a day of 23 hours", "a day of 25 hours"],
)
def test_a_day_is_from_midnight_to_midnight_where_people_live(zone, quarters, days):
    found = build_report("", "day", [quarter(at) for at in quarters], zone)

    assert [line.group for line in found.lines] == days
    assert (found.total.requests, found.total.micro_usd) == (len(quarters), len(quarters))


def test_days_stay_in_their_order_whatever_they_cost_and_are_never_summed_up():
    quarters = [quarter(f"2026-11-{day:02}T12:00", 100 - day) for day in range(1, 31)]

    found = build_report("", "day", quarters, "UTC")

    assert shorten_report(found) == found
    assert [line.group for line in found.lines][:2] == ["2026-11-01", "2026-11-02"]


def test_what_would_be_too_long_ends_with_the_sum_of_the_others():
    lines = [UsageRow(f"U{number:02}", 1, 0, USAGE, 100 - number) for number in range(LINES + 3)]
    found = build_report("", "person", lines, "UTC")

    short = shorten_report(found)

    assert [line.group for line in short.lines][-2:] == ["U11", "3 others"]
    assert (short.total, len(short.lines)) == (found.total, LINES + 1)


def test_an_account_that_fits_is_not_shortened():
    found = build_report("", "person", [UsageRow(f"U{number}", 1, 0, USAGE) for number in range(LINES)], "UTC")

    assert shorten_report(found) == found


def test_a_spreadsheet_reads_the_file_by_ids_and_to_the_micro_dollar():
    rows = list(csv.DictReader(io.StringIO(export_csv([FOUND, replace(FOUND, workspace="discord:1")]).decode())))

    assert [(row["workspace"], row["person"], row["usd"], row["saved_usd"]) for row in rows] == [
        ("slack:T024", "U1", "1.250000", "0.250000"),
        ("slack:T024", "U2", "0.000700", "-0.000012"),
        ("discord:1", "U1", "1.250000", "0.250000"),
        ("discord:1", "U2", "0.000700", "-0.000012"),
    ]
    assert rows[1] | {"requests": "1", "died": "1", "input": "1000", "output": "500"} == rows[1]


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "a;=1+1",
    "a,=1+1",
    "a\n=1",
    "\uff1d1",
    '=HYPERLINK("http://evil.example")',
    "\x1b[31m=1",
]


@pytest.mark.parametrize("name", FORMULAS, ids=repr)
@pytest.mark.parametrize("by", ["person", "channel", "model"])
def test_no_name_is_a_formula_in_a_spreadsheet_or_an_escape_sequence(name, by):
    found = UsageReport("", by, (replace(ADA, group=name),), f"console:{name}")

    text = export_csv([found]).decode()
    for separator in ",;\t":
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=separator) for cell in row]
        assert [cell for cell in cells if cell[:1] in set("=+-@\t\r\n\uff1d")] == []
    assert "\x1b" not in text
    assert "\x1b" not in export_json([found]).decode()
    assert "\x1b" not in render_table(found, {})


def test_a_file_of_nothing_still_names_its_columns():
    assert export_csv([replace(FOUND, lines=())]).decode().splitlines() == [
        "workspace,person,requests,died,unpriced,input,output,thinking,cache_read,cache_write_5m,cache_write_1h,"
        "web_searches,usd,saved_usd,estimated_usd"
    ]


def test_the_same_comes_as_json():
    (found,) = json.loads(export_json([replace(FOUND, lines=(ADA,))]))

    assert found == {
        "title": "This channel",
        "lines": [
            {
                "workspace": "slack:T024",
                "person": "U1",
                "requests": 3,
                "died": 0,
                "unpriced": 0,
                "input": 70,
                "output": 50,
                "thinking": 0,
                "cache_read": 30,
                "cache_write_5m": 0,
                "cache_write_1h": 0,
                "web_searches": 0,
                "usd": "1.250000",
                "saved_usd": "0.250000",
                "estimated_usd": "0.000000",
            }
        ],
    }


def test_notes_say_what_the_numbers_do_not():
    whole = UsageRow("all", 9, 2, USAGE, 5, 0, 3)
    misses = [UsageRow("", 4, 0, USAGE), UsageRow("expired", 2, 0, USAGE), UsageRow("new", 1000, 0, USAGE)]

    assert describe_caveats(whole, misses) == (
        "2 requests broke off before the cost was known; they count as the most that they can have cost. "
        "3 requests asked models without a price, which no cost here includes. "
        "Requests that found less in Claude's cache than they might: 2 came after the cache had expired, "
        "1,000 began a thread."
    )


def test_one_request_is_not_several():
    assert describe_caveats(UsageRow("all", 1, 1, USAGE, 5, 0, 1), []) == (
        "1 request broke off before the cost was known; it counts as the most that it can have cost. "
        "1 request asked models without a price, which no cost here includes."
    )


def test_every_reason_of_a_cache_miss_is_told_in_words_and_in_the_manual():
    manual = (Path(__file__).parents[4] / "docs/money.md").read_text().partition("\n## The cache\n")[2]
    reasons = re.findall(r"^\| `(\w+)` \| (.+) \|$", manual, re.MULTILINE)

    assert len(reasons) > 5
    assert set(MISSES) == {name for name, _ in reasons}
    assert not {word for word in MISSES if word in describe_caveats(ADA, [UsageRow(word, 1, 0, USAGE)]).split()} - {
        "model",
        "expired",
        "tools",
        "notes",
    }


def test_what_of_a_cost_is_an_estimate_is_told():
    assert describe_caveats(UsageRow("all", 1, 0, USAGE, 50_000, estimate=20_000), []) == (
        "$0.0200 of it is an estimate for code that ran, whose time no answer tells."
    )


def test_where_there_is_nothing_to_note_nothing_is_said():
    assert describe_caveats(ADA, [UsageRow("", 3, 0, USAGE)]) == ""
