"""`usage`: who sees which part of what was asked, and how it comes.

Tests core.commands.usage.
"""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Reservation, Scope, Settlement
from core.billing.prices import read_prices
from core.claude.client import Claude
from core.claude.model_catalog import ModelCatalog
from core.commands.registry import UsageError
from core.domain.events import Posted
from core.domain.messages import Asks, CommandResult, FinalText, Message, Outcome, Rank, ThreadKey
from core.domain.tools import ToolCall
from core.domain.usage import Usage
from tests.support.commands import KEY, NOW, give_at

USED = Usage(input=100, output=50, cache_read=300)
ADA = PlannedRequest(KEY, "1", "U1", "claude-a", 0, 1000, 500, NOW, 700)


@pytest.fixture
def give(board, store):
    """Give a command as a person, and read its answer."""
    return give_at(board, store, "UTC")


@pytest.fixture
def ask(store):
    async def asked(paid: int | None, usage: Usage | None = USED, miss: str | None = None, **changes) -> None:
        reservation = await store.ledger.reserve(replace(ADA, **changes), [])
        assert isinstance(reservation, Reservation)
        await store.ledger.settle(reservation, Settlement(usage, "end_turn", NOW, micro_usd=paid, miss=miss))

    return asked


@pytest.fixture
async def busy(ask):
    """Ada and Bob ask here; Ada yesterday, and last week by another model; Bob and Cy elsewhere; others far away."""
    await ask(1_000_000)
    await ask(2_000_000, person="U2", miss="expired")
    await ask(4_000_000, at=NOW - timedelta(days=1))
    await ask(8_000_000, at=NOW - timedelta(days=7), model="claude-b")
    await ask(16_000_000, person="U2", key=ThreadKey("board:w1", "c2", "t"))
    await ask(32_000_000, person="U3", key=ThreadKey("board:w1", "c2", "t"))
    await ask(64_000_000, at=NOW - timedelta(days=40))
    await ask(128_000_000, key=ThreadKey("board:w2", "c1", "t1"))


def costs(answer: CommandResult) -> dict[str, str]:
    """The table that people read: what each of its lines cost."""
    lines = [line.strip("| ").split(" | ") for line in answer.text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[5] for cells in lines[2:]}


async def test_it_shows_this_channel_this_month_by_person(busy, give):
    answer = await give("usage")

    assert answer.text == (
        "**This channel, this month (2026-11-01 to 2026-11-20, UTC)**\n\n"
        "Today **$3.00**; this week **$7.00**; this month **$15.00**.\n\n"
        "| person | requests | tokens in | tokens out | from cache | cost | cache saved |\n"
        "| --- | --: | --: | --: | --: | --: | --: |\n"
        "| Ada | 3 | 1,200 | 150 | 75 % | $13.00 | $0.00 |\n"
        "| Bob | 1 | 400 | 50 | 75 % | $2.00 | $0.00 |\n"
        "| **all** | 4 | 1,600 | 200 | 75 % | $15.00 | $0.00 |\n\n"
        "Requests that found less in Claude's cache than they might: 1 came after the cache had expired."
    )


async def test_the_same_comes_as_a_picture_that_is_told_and_drawn_too(busy, give):
    (picture,) = (await give("usage")).files

    assert (picture.name, picture.content[:8]) == ("usage.png", b"\x89PNG\r\n\x1a\n")
    assert picture.alt == "Bars: Ada $13.00; Bob $2.00"
    assert picture.drawn.splitlines() == [
        "person                              cost",
        "------  ------------------------  ------",
        "Ada     ████████████████████████  $13.00",
        "Bob     ███▊                       $2.00",
    ]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ("since=today", {"Bob": "$2.00", "Ada": "$1.00", "**all**": "$3.00"}),
        ("since=week", {"Ada": "$5.00", "Bob": "$2.00", "**all**": "$7.00"}),
        ("since=month", {"Ada": "$13.00", "Bob": "$2.00", "**all**": "$15.00"}),
        ("by=model", {"claude-b": "$8.00", "claude-a": "$7.00", "**all**": "$15.00"}),
        ("by=channel", {"c1": "$15.00"}),
        (
            "by=day",
            {"2026-11-13": "$8.00", "2026-11-19": "$4.00", "2026-11-20": "$3.00", "**all**": "$15.00"},
        ),
        ("of=me", {"claude-b": "$8.00", "claude-a": "$5.00", "**all**": "$13.00"}),
        ("of=workspace", {"c2": "$48.00", "c1": "$15.00", "**all**": "$63.00"}),
        ("of=workspace by=person", {"U3": "$32.00", "U2": "$18.00", "U1": "$13.00", "**all**": "$63.00"}),
    ],
)
async def test_each_part_of_it_can_be_asked_for(busy, give, board, options, lines):
    board.people = board.people if "of=workspace" not in options else {}

    assert costs(await give(f"usage {options}")) == lines


async def test_members_see_their_own_and_their_channels_and_not_the_workspaces(busy, give, board):
    board.ranks["U3"] = Rank.MANAGER

    assert costs(await give("usage of=me", "U2")) == {"claude-a": "$18.00"}
    assert costs(await give("usage", "U2")) == {"Ada": "$13.00", "Bob": "$2.00", "**all**": "$15.00"}
    for person in ("U2", "U3"):
        with pytest.raises(UsageError, match="Only those who manage the whole workspace can see all of its usage"):
            await give("usage of=workspace", person)


async def test_a_member_who_asks_for_the_workspaces_file_gets_none_either(busy, give):
    with pytest.raises(UsageError):
        await give("usage of=workspace as=csv", "U2")


async def test_another_workspace_with_a_channel_of_that_name_is_another(busy, give):
    assert costs(await give("usage", key=ThreadKey("board:w2", "c1", "t9"))) == {"Ada": "$128.00"}


@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_as_a_file_it_is_told_in_a_line_and_has_ids(busy, give, board, kind):
    answer = await give(f"usage as={kind}")
    (file,) = answer.files

    assert answer.text == "**This channel, this month (2026-11-01 to 2026-11-20, UTC)**, 2 lines."
    assert file.name == f"usage.{kind}"
    text = file.content.decode()
    lines = list(csv.DictReader(io.StringIO(text))) if kind == "csv" else json.loads(text)[0]["lines"]
    assert [(line["person"], line["usd"]) for line in lines] == [("U1", "13.000000"), ("U2", "2.000000")]
    assert "names" not in board.calls


async def test_where_nothing_was_asked_it_says_so_without_a_picture(give):
    answer = await give("usage since=today")

    assert answer == CommandResult("**This channel, today (2026-11-20, UTC)**\n\nNothing was asked.")


async def test_a_file_of_nothing_has_no_lines(give):
    assert (await give("usage as=json")).text.endswith("0 lines.")


async def test_what_died_and_what_has_no_price_is_noted(ask, give):
    await ask(None, None)
    await ask(None, micro_usd=None)

    assert (await give("usage")).text.endswith(
        "1 request broke off before the cost was known; it counts as the most that it can have cost. "
        "1 request asked models without a price, which no cost here includes."
    )


async def test_days_are_those_of_the_workspaces_time_zone(ask, give, store):
    """In Kathmandu, 18:15 of UTC is midnight: the month began then, on the last of October."""
    await ask(1_000_000, at=datetime(2026, 10, 31, 18, 14, tzinfo=UTC))
    await ask(2_000_000, at=datetime(2026, 10, 31, 18, 15, tzinfo=UTC))
    await ask(4_000_000, at=datetime(2026, 11, 19, 18, 15, tzinfo=UTC))
    await store.ledger.allow(Budget(Scope("board:w1"), Period.DAY, 1, "Asia/Kathmandu", "U1", NOW), 0)

    assert costs(await give("usage by=day")) == {"2026-11-01": "$2.00", "2026-11-20": "$4.00", "**all**": "$6.00"}
    assert "Today **$4.00**" in (await give("usage by=day")).text


async def test_many_people_are_summed_up_in_the_table_and_whole_in_the_file(ask, give):
    for number in range(15):
        await ask(1_000_000, person=f"P{number:02}")

    answer = await give("usage")

    assert list(costs(answer))[-2:] == ["3 others", "**all**"]
    assert len((await give("usage as=csv")).files[0].content.decode().splitlines()) == 16


async def test_each_tool_has_a_line_and_searches_their_cost(store, board, ask):
    claude = Claude("key", "http://127.0.0.1:9")  # which nobody asks
    catalog = ModelCatalog(claude, store.notes, lambda: NOW, read_prices())
    await ask(1_000_000, replace(USED, web_searches=5), model="claude-haiku-5-5")
    claimed = await begin_answer(store)
    calls = [ToolCall("a", "look", {}), ToolCall("b", "look", {"what": "x"}), ToolCall("c", "make", {})]
    await store.calls.begin(claimed, calls, {"make"}, [])
    await store.questions.store_final_text(claimed, FinalText("There."))
    await store.questions.close(claimed, Outcome.SHOWN)

    shown = await give_at(board, store, "UTC", catalog=catalog)("usage")
    mine = await give_at(board, store, "UTC")("usage of=me", person="U1")
    others = await give_at(board, store, "UTC")("usage of=me", person="U2")

    await claude.close()
    assert "Tools:\n\n- look: 2 calls\n- `web_search`: 5 searches, $0.0500 beside their tokens" in shown.text
    assert "- look: 2 calls" in mine.text
    assert "Tools:" not in others.text


async def begin_answer(store):
    """The claim of what Ada asks."""
    said = Message("1", "U1", "what is there?", NOW)
    await store.questions.ingest(Posted("e1", KEY, said, Asks.CERTAINLY, "{}"))
    return await store.questions.claim_next("p", ["board"])
