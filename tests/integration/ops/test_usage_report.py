"""`confab usage` on the command line: bots.ops.usage_report, and the command as operators give it."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bots.ops.usage_report import render_usage
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Reservation, Scope, Settlement
from core.domain.errors import SettingsError
from core.domain.messages import ThreadKey
from core.domain.usage import Usage
from core.domain.wording import is_control
from core.store import open_store
from tests.support.command_line import run_confab
from tests.support.doctor import chosen

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
USED = Usage(input=100, output=50, cache_read=30, cache_write_1h=20)
ADA = PlannedRequest(ThreadKey("slack:T024", "C1", "1"), "1", "U1", "claude-haiku-5-5", 0, 1000, 500, NOON, 700)


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield opened
    await opened.shut()


@pytest.fixture
def spend(store):
    """A request that came to so much, or died."""

    async def asked(usage: Usage | None, micro_usd: int | None = None, saved: int = 0, **changes) -> None:
        reservation = await store.ledger.reserve(replace(ADA, **changes), [])
        assert isinstance(reservation, Reservation)
        await store.ledger.settle(reservation, Settlement(usage, "end_turn", NOON, None, None, micro_usd, saved))

    return asked


@pytest.fixture
async def three_requests(spend):
    await spend(USED, 1_250_000, 12)
    await spend(USED, 250_000, key=ThreadKey("slack:T024", "C2", "2"), person="U2")
    await spend(None, key=ThreadKey("discord:1", "7", "7"))


@pytest.fixture
def usage(tmp_path):
    """What `confab usage` prints at noon."""
    settings = chosen(database_url=f"sqlite:///{tmp_path}/confab.db", confab_time_zone="Asia/Kathmandu").core

    async def printed(workspace: str = "", since: str = "month", by: str = "channel", kind: str = "table") -> str:
        return await render_usage(settings, workspace, since, by, kind=kind, now=NOON)

    return printed


async def test_each_workspace_is_shown_with_its_table_and_bars(three_requests, usage):
    assert await usage() == (
        """discord:1, this month (2026-11-01 to 2026-11-20, Asia/Kathmandu)

Today $0.0007; this week $0.0007; this month $0.0007.

channel  requests  tokens in  tokens out  from cache     cost  cache saved
-------  --------  ---------  ----------  ----------  -------  -----------
7               1      1,000         500         0 %  $0.0007        $0.00

channel                               cost
-------  ------------------------  -------
7        ████████████████████████  $0.0007

1 request broke off before the cost was known; it counts as the most that it can have cost.


slack:T024, this month (2026-11-01 to 2026-11-20, Asia/Kathmandu)

Today $1.50; this week $1.50; this month $1.50.

channel  requests  tokens in  tokens out  from cache     cost  cache saved
-------  --------  ---------  ----------  ----------  -------  -----------
C1              1        150          50        20 %    $1.25    $0.000012
C2              1        150          50        20 %  $0.2500        $0.00
all             2        300         100        20 %    $1.50    $0.000012

channel                               cost
-------  ------------------------  -------
C1       ████████████████████████    $1.25
C2       ████▊                     $0.2500"""
    )


async def test_as_csv_it_names_the_workspace_in_each_line(three_requests, usage):
    assert (await usage(by="person", since="today", kind="csv")).splitlines() == [
        "workspace,person,requests,died,unpriced,input,output,thinking,cache_read,cache_write_5m,cache_write_1h,"
        "web_searches,usd,saved_usd,estimated_usd",
        "discord:1,U1,1,1,0,1000,500,0,0,0,0,0,0.000700,0.000000,0.000000",
        "slack:T024,U1,1,0,0,100,50,0,30,0,20,0,1.250000,0.000012,0.000000",
        "slack:T024,U2,1,0,0,100,50,0,30,0,20,0,0.250000,0.000000,0.000000",
    ]


async def test_as_json_it_is_a_list_of_accounts(three_requests, usage):
    (account,) = json.loads(await usage("slack:T024", by="model", kind="json"))

    assert account["title"] == "slack:T024, this month (2026-11-01 to 2026-11-20, Asia/Kathmandu)"
    assert [(line["model"], line["usd"]) for line in account["lines"]] == [("claude-haiku-5-5", "1.500000")]


async def test_days_are_those_of_the_zone_that_the_workspace_chose_else_of_the_settings(three_requests, usage, store):
    await store.ledger.allow(Budget(Scope("discord:1"), Period.DAY, 1, "Asia/Tokyo", "U1", NOON), 0)

    titles = [line for line in (await usage(since="today", by="day")).splitlines() if "today (" in line]

    assert titles == [
        "discord:1, today (2026-11-20, Asia/Tokyo)",
        "slack:T024, today (2026-11-20, Asia/Kathmandu)",
    ]


async def test_a_workspace_that_asked_nothing_in_the_time_says_so(spend, usage):
    await spend(USED, 1, at=NOON - timedelta(days=3))

    assert await usage(since="today") == ("slack:T024, today (2026-11-20, Asia/Kathmandu)\n\nNothing was asked.")


async def test_a_workspace_that_the_ledger_has_not_is_refused_beside_those_that_it_has(three_requests, usage):
    with pytest.raises(SettingsError) as raised:
        await usage("slack:T9")

    assert str(raised.value) == ("--workspace: the ledger has no request of slack:T9; it has discord:1, slack:T024.")


async def test_the_command_tells_of_the_same_beside_a_bot_that_runs(three_requests, tmp_path):
    run = run_confab("usage", "--as", "csv", "--by", "model", "--workspace", "discord:1", folder=tmp_path)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("workspace,model,requests,")


@pytest.mark.parametrize("kind", ["table", "csv", "json"])
@pytest.mark.parametrize("by", ["person", "channel", "model"])
async def test_no_name_is_a_formula_or_an_escape_sequence_on_the_operators_terminal(spend, tmp_path, kind, by):
    strange = {"person": "=cmd|' /C calc'!A1\x1b[2J", "model": "@x\x9b31m", "at": datetime.now(UTC)}
    await spend(USED, 1, key=ThreadKey("console:\x1b[1m", "-2+3\r\x07", "1"), **strange)

    run = run_confab("usage", "--as", kind, "--by", by, folder=tmp_path)

    assert (run.returncode, "console:" in run.stdout) == (0, True)
    assert not any(is_control(letter) for letter in run.stdout.replace("\n", ""))
    cells = [cell for row in csv.reader(run.stdout.splitlines()) for cell in row] if kind == "csv" else []
    assert [cell for cell in cells if cell[:1] in set("=+-@") and not cell[1:].replace(".", "").isdigit()] == []


def test_a_mistake_of_the_operator_is_shown_without_what_it_would_do_to_the_terminal(tmp_path):
    run = run_confab("usage", "--workspace", "slack:\x1b[31mT9", folder=tmp_path)

    assert run.stderr == "--workspace: the ledger has no request of slack:\\x1b[31mT9; it has none at all.\n"


def test_a_mistake_is_told_in_one_line(tmp_path):
    run = run_confab("usage", "--workspace", "slack:T9", folder=tmp_path)

    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "--workspace: the ledger has no request of slack:T9; it has none at all.\n"


@pytest.mark.parametrize("url", ["sqlite:///confab.db", "sqlite://"], ids=["none yet", "in memory"])
def test_an_empty_database_says_so_and_is_not_made(tmp_path, url):
    run = run_confab("usage", folder=tmp_path, DATABASE_URL=url)

    assert (run.returncode, run.stdout) == (0, f"Nothing was asked yet: {url} has no request.\n")
    assert list(tmp_path.iterdir()) == []
