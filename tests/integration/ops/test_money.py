"""docs/money.md shows what the code says: its samples are made again here, of three weeks of a small team."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots.ops.usage_report import compare_statement, render_usage
from core.billing import prices
from core.billing import reconciliation as statements
from core.billing.budgets import (
    Budget,
    BudgetStatus,
    Period,
    explain_missing_price,
    explain_refusal,
    find_period_end,
    write_warning,
)
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.commands import TABLE
from core.commands.registry import CommandContext, Invocation, find_command, parse_values, run_command
from core.domain.messages import Question, ThreadKey
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.usage import Usage
from core.prompting.request import Request
from core.store import open_store
from tests.fakes.board import Board
from tests.support.commands import NOTHING_SAID
from tests.support.console_export import HEADER, KINDS
from tests.support.doctor import chosen

DOCS = Path(__file__).parents[3] / "docs"
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
ZONE = "Europe/Berlin"
TEAM = ("U1", "U2", "U1", "U3", "U2")
BOUND, LONGEST = 60_000, 4096  # tokens
PRICES = prices.read_prices()


def flat(text: str) -> str:
    """Words without the line breaks and quote marks of a page."""
    return " ".join(re.sub(r"^> ?", "", text, flags=re.MULTILINE).split())


MANUAL = flat((DOCS / "money.md").read_text())


async def ask(store, person: str, model: str, at: datetime, usage: Usage | None, miss: str | None = None) -> None:
    key = ThreadKey("slack:T024", "C0DEV", "1")
    worst = PRICES.worst_cost(model, BOUND, LONGEST, at.date())
    reservation = await store.ledger.reserve(PlannedRequest(key, "1", person, model, 0, BOUND, LONGEST, at, worst), [])
    cost = PRICES.cost(model, usage, at.date()) if usage else None
    paid = {"micro_usd": cost.micro_usd, "saved": cost.saved} if cost else {}
    await store.ledger.settle(reservation, Settlement(usage, "end_turn", at, miss=miss, **paid))


async def lived(store) -> None:
    """Workdays from the 2nd to the 20th: five to eight questions each, in a thread that begins anew each morning."""
    for day in (day for day in range(2, 21) if datetime(2026, 11, day).weekday() < 5):
        for number in range(5 + day % 4):
            person, first = TEAM[number % 5], number == 0
            model = "claude-sonnet-5-5" if person == "U3" else "claude-haiku-5-5"
            read, written = (0, 5200) if first else (5200 + number * 420, 420)
            usage = Usage(40 + number * 13, 380 + day * 9 + number * 70, 0, read, 0, written)
            miss = "new" if first else "expired" if number == 4 and day % 3 == 0 else None
            await ask(store, person, model, datetime(2026, 11, day, 9 + number, 5, tzinfo=UTC), usage, miss)
    await ask(store, "U2", "claude-haiku-5-5", datetime(2026, 11, 18, 16, tzinfo=UTC), None)


@pytest.fixture
async def url(tmp_path):
    return f"sqlite:///{tmp_path}/confab.db"


@pytest.fixture
async def store(url):
    opened = await open_store(url)
    await lived(opened)
    yield opened
    await opened.shut()


@pytest.fixture
def give(store):
    board = Board()
    board.people = {"U1": "Ada", "U2": "Bob", "U3": "Zoë"}

    async def model(name: str) -> Model:
        return Model(name)

    async def compose(question, surface) -> Request:
        return NOTHING_SAID

    context = CommandContext(store, Persona(model="claude-haiku-5-5"), lambda: NOW, model, compose, TABLE, ZONE)

    async def given(line: str):
        question = Question(ThreadKey("slack:T024", "C0DEV", "1"), "k1", "U1", NOW, command=line)
        row, rest = find_command(TABLE, line)
        return await run_command(
            row, Invocation(question, parse_values(row, rest, {}), await board.surface(question), context)
        )

    return given


async def test_usage_is_told_as_the_manual_shows_it(give):
    answer = await give("usage")

    assert f"{flat(answer.text)} ![{answer.files[0].alt}](usage.png)" in MANUAL


async def test_the_picture_of_the_manual_is_the_one_that_is_drawn(give):
    (picture,) = (await give("usage")).files

    assert picture.content[16:24] == (DOCS / "usage.png").read_bytes()[16:24]


async def test_budgets_are_told_as_the_manual_shows_them(give):
    await give("budget set 25")
    await give("budget set 2 per=day person=<@U2>")

    assert flat((await give("budget show")).text) in MANUAL


def test_refusals_and_warnings_are_worded_as_the_manual_shows_them():
    budget = Budget(Scope("slack:T024", "C0DEV"), Period.MONTH, 25_000_000, ZONE, "U1", NOW)
    tight = BudgetStatus(budget, 24_990_000, find_period_end(Period.MONTH, NOW, ZONE))
    warned = write_warning(BudgetStatus(budget, 19_250_000, find_period_end(Period.MONTH, NOW, ZONE)))

    told = [
        explain_refusal(tight, 42_500),
        explain_refusal(replace(tight, reserved=1_200_000), 42_500),
        explain_refusal(tight, 26_400_000),
        explain_missing_price(tight, "claude-next-6"),
        warned.replace("<#C0DEV>", "#dev"),
    ]
    assert [words for words in told if words not in MANUAL] == []


async def test_the_command_line_prints_usage_as_the_manual_shows_it(store, url):
    settings = chosen(database_url=url, confab_time_zone=ZONE).core

    printed = await render_usage(settings, "", "week", "day", kind="table", now=NOW)

    assert f"$ confab usage --by day --since week {flat(printed)} ```" in MANUAL


async def test_reconciling_prints_what_the_manual_shows(store, url, tmp_path):
    lines = []
    for line in await store.ledger.sum_usage(Scope("slack:T024"), datetime(2026, 11, 17, tzinfo=UTC), "bill"):
        day, model, how = line.group.split()
        lost = Usage(5903, 212) if (day, model) == ("2026-11-18", "claude-haiku-5-5") else Usage()
        counts = ",".join(str(getattr(line.usage + lost, kind)) for kind in KINDS)
        if how == "used" and day < "2026-11-20":
            lines.append(f"{day},{model},confab,Default,message,0-200k,{counts},global,standard\n")
    (tmp_path / "usage.csv").write_text(HEADER + "".join(lines))

    statement = statements.read_statement(str(tmp_path / "usage.csv"))
    printed = statements.describe_comparisons(
        statement, await compare_statement(chosen(database_url=url).core, statement)
    )

    assert f"$ confab usage reconcile usage.csv {flat(printed)} ```" in MANUAL


def test_the_manual_has_every_column_of_the_price_list():
    assert ",".join(prices.COLUMNS) in MANUAL
    assert [name for name in prices.COLUMNS if f"`{name}`" not in MANUAL] == []
