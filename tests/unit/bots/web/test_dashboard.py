"""What the dashboard makes of what the store says, without a server.

Tests bots.web.dashboard.audit, bots.web.dashboard.commands, bots.web.dashboard.health, bots.web.sign_in.pages,
bots.web.sign_in.whois and bots.web.sign_in.guard over sockets: see tests/integration/web.
"""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bots.app.web_pages import is_loopback, make_operator_link
from bots.web.dashboard.budgets import name_scope
from bots.web.dashboard.dashboard import list_links
from bots.web.dashboard.desk import read_number
from bots.web.dashboard.figures.charts import HEIGHT, Point, draw_columns, measure_bar
from bots.web.dashboard.figures.recent import SECONDS, Recent
from bots.web.dashboard.overview import count_reasons, join_days
from bots.web.dashboard.personas.differences import DifferenceLine, compare_lines, fold_difference
from bots.web.dashboard.tools import list_lines
from bots.web.dashboard.usage import BY, OWN, draw_chart, name_version
from bots.web.dashboard.work import describe_kind
from bots.web.site.templates import draw_sentences
from core.billing.budgets import list_midnights
from core.billing.ledger_rows import DIRECT, Scope, UsageRow
from core.commands.dashboard.sign_in import ROWS
from core.domain.errors import SettingsError, StoreUnavailable
from core.domain.messages import Rank
from core.domain.usage import Usage
from core.settings import Settings
from core.store import open_store
from core.store.records.reports.activity import DayCost, OutcomeCount
from core.store.records.schedules import Schedule
from core.store.records.sign_ins.sessions import Identity

WORKSPACE = "slack:T024"


def test_a_day_has_what_was_asked_and_what_it_cost():
    midnights = [datetime(2026, 11, day, tzinfo=UTC) for day in (19, 20, 21)]
    counts = [
        OutcomeCount(0, "shown", "", 2),
        OutcomeCount(1, "shown", "", 3),
        OutcomeCount(1, "refused", "declined", 1),
        OutcomeCount(1, "expired", "", 1),
        OutcomeCount(1, "open", "", 1),
        OutcomeCount(1, "not for us", "", 9),
    ]

    first, second, third = join_days(counts, [DayCost(), DayCost(4, 700), DayCost()], midnights)

    assert (first.date, first.asked, first.answered, first.cost.micro_usd) == ("2026-11-19", 2, 2, 0)
    assert (second.asked, second.answered, second.refused, second.others) == (6, 3, 2, 1)
    assert (second.cost.requests, second.cost.micro_usd) == (4, 700)
    assert third.asked == 0
    assert count_reasons(counts) == {"declined": 1, "": 1}


def test_the_days_of_a_span_begin_at_midnight_of_their_zone_also_when_the_clocks_change():
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 10, 26, 12, tzinfo=UTC)

    found = list_midnights(datetime(2026, 10, 24, tzinfo=zone), now, "Europe/Berlin")

    assert [one.astimezone(UTC).isoformat()[:16] for one in found] == [
        "2026-10-23T22:00",
        "2026-10-24T22:00",
        "2026-10-25T23:00",
    ]


def test_columns_stand_on_the_floor_side_by_side_and_the_highest_one_fills_the_chart():
    chart = draw_columns([Point("a", (3, 1), "a: 4"), Point("b", (0, 0), "b"), Point("c", (2, 0), "c: 2")], str)

    first, second, third = chart.columns
    assert (chart.top, chart.first, chart.last) == ("4", "a", "c")
    assert [(part.y, part.height, part.series) for part in first.parts] == [(36.0, 108.0, 1), (0.0, 36.0, 2)]
    assert second.parts == ()
    assert [(part.y, part.height) for part in third.parts] == [(HEIGHT / 2, HEIGHT / 2)]
    assert [float(one.x.rstrip("%")) for one in chart.columns] == pytest.approx([0, 33.333, 66.667])
    assert draw_columns([Point("a", (0,), "a")], str) is None
    assert draw_columns([], str) is None


def test_a_bar_is_as_long_as_its_part_of_the_longest():
    assert [measure_bar(value, most) for value, most in ((4, 4), (1, 4), (-1, 4), (0, 0))] == [
        "100.00%",
        "25.00%",
        "0.00%",
        "0%",
    ]


def test_a_difference_has_what_is_gone_what_is_new_and_what_stayed():
    assert list(compare_lines("You are kind.\nBe brief.", "You are kind.\nBe fair.")) == [
        DifferenceLine("same", "You are kind."),
        DifferenceLine("removed", "Be brief."),
        DifferenceLine("added", "Be fair."),
    ]
    assert list(compare_lines("", "")) == []


def test_lines_far_from_a_change_are_folded_and_counted():
    before = [f"line {number}" for number in range(20)]
    folded = fold_difference(list(compare_lines("\n".join(before), "\n".join([*before[:10], "new", *before[10:]]))))

    assert [(one.kind, one.text) for one in (folded[0], folded[4], folded[-1])] == [
        ("folded", "7 more lines"),
        ("added", "new"),
        ("folded", "7 more lines"),
    ]
    assert len(folded) == 9


def test_a_long_difference_ends_with_how_much_is_left_out():
    long = fold_difference(list(compare_lines("", "\n".join(map(str, range(3000))))))

    assert (len(long), long[-1]) == (401, DifferenceLine("folded", "2,600 more lines"))


def test_versions_of_personas_stand_in_their_order_and_are_called_by_place_and_number():
    names = {"#c1": "#general"}
    groups = ("c1#10", "c1#9", "#2", "default", "unknown", "c#9#1")
    named = {one: name_version(one, names) for one in groups}
    lines = [UsageRow(one, 1, 0, Usage(), 5) for one in groups]

    assert [column.words for column in draw_chart("persona", lines, named).columns] == [
        "The workspace, version 2: $0.000005",
        "#c#9, version 1: $0.000005",
        "#general, version 9: $0.000005",
        "#general, version 10: $0.000005",
        "No persona was set: $0.000005",
        "Beside answers, or not known: $0.000005",
    ]
    assert draw_chart("model", lines, {}) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("", None), ("-1", None), ("1e3", None), ("\u0663", None), ("9" * 10, None), ("999999999", 999_999_999)],
)
def test_only_a_short_number_of_plain_digits_is_one(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("words", "drawn"),
    [
        ("did `<b>` to <i> `` a`b ``", "did <code>&lt;b&gt;</code> to &lt;i&gt; <code>a`b</code>"),
        ("press *Stop*, **now**, or \\*not\\*", "press <em>Stop</em>, <strong>now</strong>, or *not*"),
        ("one\n- two `a*b*c`", "one<br />\n- two <code>a*b*c</code>"),
        ("[x](http://a) <http://a> ![y](z)", "[x](http://a) &lt;http://a&gt; ![y](z)"),
    ],
    ids=["code", "emphasis", "lines", "no links"],
)
def test_code_emphasis_and_lines_of_sentences_are_drawn_and_markup_in_them_is_text(words, drawn):
    assert str(draw_sentences(words)) == drawn


def test_a_tool_that_nobody_knows_is_listed_by_its_server_and_acts_perhaps():
    lines = list_lines(
        {"mail": (), "web": ("web_fetch", "web_search")}, {"web": ("web_search",)}, {}, {"web_search": 4}
    )

    assert [(one.name, one.usual, one.acts, one.calls) for one in lines] == [
        ("mail", False, None, 0),
        ("web_fetch", False, None, 0),
        ("web_search", True, None, 4),
    ]


def test_the_words_of_a_scheduled_prompt_are_not_told():
    at = datetime(2026, 11, 20, tzinfo=UTC)
    command = Schedule(1, 1, WORKSPACE, "C1", "U1", "0 9 * * *", "UTC", "summarize since=week", prompt=False, due_at=at)
    prompt = Schedule(2, 2, WORKSPACE, "C1", "U1", "0 9 * * *", "UTC", "tell a secret", prompt=True, due_at=at)

    assert (describe_kind(command), describe_kind(prompt)) == ("`summarize`", "a prompt")


def test_a_budget_is_named_after_whom_it_limits():
    names = {"U1": "Ada", "#C1": "#general"}
    scopes = [Scope(WORKSPACE), Scope(WORKSPACE, "C1"), Scope(WORKSPACE, person="U1"), Scope(WORKSPACE, DIRECT)]

    assert [name_scope(one, names) for one in scopes] == [
        "The workspace",
        "#general",
        "Ada",
        "Each person's direct messages",
    ]


def test_members_have_no_link_to_what_only_managers_may_open():
    own, every = list_links(Rank.MEMBER), list_links(Rank.OWNER)

    assert [one.label for one in own] == ["Overview", "Usage", "Library", "Tools", "Your sessions"]
    assert len(every) == 10
    assert set(OWN) < set(BY)


async def test_figures_are_counted_again_after_a_minute():
    now, counted = [0.0], []

    async def count():
        counted.append(now[0])
        return len(counted)

    recent = Recent(lambda: now[0])
    first = [await recent.load("a", count), await recent.load("a", count), await recent.load("b", count)]
    now[0] += SECONDS

    assert first == [1, 1, 2]
    assert await recent.load("a", count) == 3


class Counting:
    """Counts as often as it is asked to, and not before it may."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may, self.times, self.error = asyncio.Event(), 0, error

    async def __call__(self) -> int:
        self.times += 1
        number = self.times
        await self.may.wait()
        if self.error:
            raise self.error
        return number


async def start(*waiting):
    """Tasks of these, each as far as it goes."""
    tasks = [asyncio.create_task(one) for one in waiting]
    await asyncio.sleep(0)
    return tasks


async def test_who_opens_a_page_while_its_figures_are_counted_waits_for_that_count():
    recent, count = Recent(), Counting()

    tasks = await start(*(recent.load("a", count) for _ in range(50)))
    count.may.set()

    assert await asyncio.gather(*tasks) == [1] * 50
    assert await recent.load("a", count) == 1


async def test_of_who_waits_for_figures_somebody_counts_when_who_did_went_away():
    recent, count = Recent(), Counting()

    gone, *others = await start(*(recent.load("a", count) for _ in range(3)))
    gone.cancel()
    await asyncio.wait([gone])
    count.may.set()

    assert await asyncio.gather(*others) == [2, 2]


async def test_all_who_wait_hear_why_figures_could_not_be_counted_and_the_next_page_counts():
    recent, count = Recent(), Counting(StoreUnavailable("away"))

    tasks = await start(*(recent.load("a", count) for _ in range(3)))
    count.may.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    count.error = None

    assert [str(one) for one in told] == ["away"] * 3
    assert await recent.load("a", count) == 2


async def test_figures_that_are_being_counted_when_all_is_forgotten_are_no_other_pages():
    recent, old, new = Recent(), Counting(), Counting()
    new.times = 1

    (before,) = await start(recent.load("a", old))
    recent.forget()
    (after,) = await start(recent.load("a", new))
    new.may.set()
    await asyncio.wait([after])
    old.may.set()

    assert [await before, await after, await recent.load("a", old)] == [1, 2, 2]


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("confab.example", False)],
)
def test_only_addresses_of_this_machine_are_its_own(host, alone):
    assert is_loopback(host) == alone


async def test_the_operators_link_opens_the_only_workspace_there_is_or_the_one_that_is_named(tmp_path):
    url = f"sqlite:///{tmp_path}/confab.db"
    settings = Settings(_env_file=None, database_url=url, confab_http_port=8080)

    with pytest.raises(SettingsError, match="Nobody has asked anything yet"):
        await make_operator_link(settings, "")
    link = await make_operator_link(settings, WORKSPACE)
    store = await open_store(url)
    found = await store.sign_ins.find_link(link.removeprefix("http://127.0.0.1:8080/sign-in/"))
    await store.shut()

    assert found == Identity(WORKSPACE, "operator")


@pytest.mark.parametrize(
    ("given", "says"),
    [({}, "CONFAB_HTTP_PORT: not set"), ({"confab_http_port": 80, "confab_http_host": "0.0.0.0"}, "CONFAB_PUBLIC_URL")],
    ids=["no port", "no address for browsers"],
)
async def test_where_no_browser_reaches_the_dashboard_the_operator_is_told_what_to_set(given, says):
    with pytest.raises(SettingsError, match=says):
        await make_operator_link(Settings(_env_file=None, **given), WORKSPACE)


def test_who_may_open_the_dashboard_is_every_member_and_the_answer_is_theirs_alone():
    (row,) = ROWS

    assert (row.words, row.rank, row.private) == ("dashboard", Rank.MEMBER, True)
