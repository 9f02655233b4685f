"""The ledger beside Anthropic's console: core.billing.reconciliation and `confab usage reconcile`."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.billing.ledger_rows import PlannedRequest, Reservation, Settlement, UsageRow
from core.billing.reconciliation import (
    Agreement,
    Comparison,
    Statement,
    compare_statement,
    describe_comparisons,
    read_statement,
)
from core.domain.errors import UnreadableFile
from core.domain.messages import ThreadKey
from core.domain.usage import Usage
from core.store import open_store
from tests.support.command_line import run_confab
from tests.support.console_export import HEADER, KINDS

DAY, MODEL = "2026-08-05", "claude-haiku-5-5"
USED = Usage(input=100, output=50, cache_read=30, cache_write_1h=20)
NOTHING = Usage()


def line(usage: Usage = USED, day: str = DAY, model: str = MODEL, key: str = "confab") -> str:
    counts = ",".join(str(getattr(usage, kind)) for kind in KINDS)
    return f"{day},{model},{key},Default,message,0-200k,{counts},global,standard\n"


@pytest.fixture
def export(tmp_path):
    """Write a file as the console exports it, and return its path."""

    def written(*lines: str, header: str = HEADER) -> str:
        path = tmp_path / "usage.csv"
        path.write_text(header + "".join(lines))
        return str(path)

    return written


def bill(usage: Usage = USED, how: str = "used", day: str = DAY, model: str = MODEL, requests: int = 1) -> UsageRow:
    return UsageRow(f"{day} {model} {how}", requests, requests if how == "died" else 0, usage)


def comparison(*lines: UsageRow, theirs: Usage = USED) -> Comparison:
    (found,) = compare_statement(Statement({(DAY, MODEL): theirs}, KINDS), lines)
    return found


def test_lines_of_one_day_and_model_are_added_up_whatever_else_divides_them(export):
    dated = line(model="claude-haiku-5-5-20261007")
    statement = read_statement(export(line(), line(key="other"), dated, line(day="2026-08-06")))

    both = {(DAY, MODEL): USED + USED + USED, ("2026-08-06", MODEL): USED}
    assert (statement.used, statement.kinds, statement.first, statement.last) == (both, KINDS, DAY, "2026-08-06")


def test_only_the_lines_of_one_key_are_read_where_it_is_named(export):
    assert read_statement(export(line(), line(key="other")), "confab").used == {(DAY, MODEL): USED}


def test_columns_are_found_by_name_in_any_order_and_blanks_are_none(export):
    path = export(
        f"7,{MODEL},,{DAY}\n", header="\ufeffusage_output_tokens,model_version,web_search_count,usage_date_utc\n"
    )

    statement = read_statement(path)

    assert (statement.used, statement.kinds) == ({(DAY, MODEL): Usage(output=7)}, ("output", "web_searches"))


@pytest.mark.parametrize(
    ("header", "lines", "sentence"),
    [
        ("", "", " is no usage export of Anthropic's console: it has no column usage_date_utc or model_version."),
        ("usage_date_utc,model_version\n", "", "it has no column usage_input_tokens_no_cache or usage_input_tokens"),
        (HEADER, "", " has no line; there is nothing to compare."),
        (HEADER, line(day="5 August"), ", line 2: usage_date_utc is a day such as 2026-08-05; `5 August` is not."),
        (
            HEADER,
            line() + line(Usage(-1)),
            ", line 3: usage_input_tokens_no_cache is a whole number of at most 15 digits; `-1` is not.",
        ),
        (
            HEADER,
            line().replace("100", "1e9"),
            ", line 2: usage_input_tokens_no_cache is a whole number of at most 15 digits; `1e9` is not.",
        ),
        (
            HEADER,
            line().replace("100", "\u0661"),
            ", line 2: usage_input_tokens_no_cache is a whole number of at most 15 digits; `\u0661` is not.",
        ),
        (
            HEADER,
            line(day="1699920000"),
            ", line 2: usage_date_utc is a day such as 2026-08-05; `1699920000` is not.",
        ),
        (
            HEADER,
            line().replace("100", "\x1b[31mx"),
            ", line 2: usage_input_tokens_no_cache is a whole number of at most 15 digits; `\\x1b[31mx` is not.",
        ),
        (HEADER, f"{DAY},{MODEL}\n", ", line 2: it has not as many values as there are columns."),
        (HEADER, line().strip() + ",more\n", ", line 2: it has not as many values as there are columns."),
        (HEADER, '"', " can't be read (unexpected end of data)."),
    ],
)
def test_a_file_that_is_no_statement_is_named_with_its_line(export, header, lines, sentence):
    path = export(lines, header=header)

    with pytest.raises(UnreadableFile) as raised:
        read_statement(path)

    assert str(raised.value).startswith(path)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    "count", ["9" * 16, "9" * 4300, "9" * 5000, "nan", "-1", "1e999", "inf", "1_000", "0x10", "+1"]
)
def test_a_count_that_can_not_be_is_named_with_file_and_line_and_not_repeated_for_pages(export, count):
    path = export(line(), line().replace("100", count))

    with pytest.raises(UnreadableFile) as raised:
        read_statement(path)

    rule = "usage_input_tokens_no_cache is a whole number of at most 15 digits"
    assert str(raised.value) == f"{path}, line 3: {rule}; `{count[:40]}` is not."


def test_the_most_that_a_file_can_tell_is_added_up_and_written(export):
    statement = read_statement(export(*[line(Usage(10**15 - 1))] * 3))

    assert "2,999,999,999,999,997" in describe_comparisons(statement, compare_statement(statement, []))


def test_a_model_of_the_file_changes_nothing_on_the_screen(export):
    statement = read_statement(export(line(model="\x1b[2Jx")))

    assert "  \\x1b[2Jx  different" in describe_comparisons(statement, compare_statement(statement, []))


def test_a_file_that_is_missing_or_no_text_is_unreadable(tmp_path):
    (tmp_path / "picture").write_bytes(b"\x89PNG")

    for name, cause in [("missing", "No such file"), ("picture", "codec can't decode"), (".", "Is a directory")]:
        with pytest.raises(UnreadableFile, match=cause):
            read_statement(str(tmp_path / name))


def test_a_key_that_no_line_has_is_named(export):
    with pytest.raises(UnreadableFile, match="has no line of the API key mine; there is nothing to compare"):
        read_statement(export(line()), "mine")


DIED = bill(Usage(input=100, output=10), "died")


@pytest.mark.parametrize(
    ("lines", "more", "verdict"),
    [
        pytest.param([bill()], NOTHING, Agreement.EQUAL, id="the same"),
        pytest.param([bill(), DIED], NOTHING, Agreement.EQUAL, id="what died was not billed"),
        pytest.param([bill()], Usage(1), Agreement.DIFFERENT, id="more than we know, and none died"),
        pytest.param([bill(), DIED], Usage(100, 10), Agreement.EXPLAINED, id="up to the bound of what died"),
        pytest.param([bill(), DIED], Usage(40, 0, 0, 30, 10, 20), Agreement.EXPLAINED, id="of whichever kind"),
        pytest.param([bill(), DIED], Usage(101), Agreement.DIFFERENT, id="a longer prompt than its bound"),
        pytest.param([bill(), DIED], Usage(50, 0, 0, 30, 10, 20), Agreement.DIFFERENT, id="longer in sum"),
        pytest.param([bill(), DIED], Usage(0, 11), Agreement.DIFFERENT, id="a longer answer than its bound"),
        pytest.param([bill(), DIED], Usage(web_searches=1), Agreement.DIFFERENT, id="a search, which has no bound"),
        pytest.param([bill(), DIED], Usage(-1), Agreement.DIFFERENT, id="less than we know"),
        pytest.param([bill(), DIED], Usage(-1, 0, 0, 1), Agreement.DIFFERENT, id="another kind than we know"),
        pytest.param([DIED], Usage(-40, -40, 0, -20, 0, -20), Agreement.EXPLAINED, id="only what died"),
        pytest.param([], NOTHING, Agreement.DIFFERENT, id="nothing of ours"),
    ],
)
def test_what_differs_is_explained_by_the_bound_of_what_died_or_not_at_all(lines, more, verdict):
    assert comparison(*lines, theirs=USED + more).verdict is verdict


def test_only_days_between_the_first_and_the_last_of_the_file_are_compared(export):
    statement = read_statement(export(line(day="2026-08-05"), line(day="2026-08-07")))
    ours = [bill(day=f"2026-08-0{day}") for day in range(4, 9)]

    found = compare_statement(statement, ours)

    assert [(one.day, one.verdict) for one in found] == [
        ("2026-08-05", Agreement.EQUAL),
        ("2026-08-06", Agreement.DIFFERENT),
        ("2026-08-07", Agreement.EQUAL),
    ]


def test_the_workspaces_of_a_bill_are_added_up_and_a_model_is_the_same_by_its_date(export):
    statement = read_statement(export(line(USED + USED, model="claude-haiku-5-5-20261007")))

    (found,) = compare_statement(statement, [bill(), bill()])

    assert (found.verdict, found.requests) == (Agreement.EQUAL, 2)


def test_what_the_stand_in_answered_was_never_sent(export):
    assert [
        one.model for one in compare_statement(read_statement(export(line())), [bill(), bill(model="stand-in")])
    ] == [MODEL]


def test_kinds_that_the_file_has_not_are_not_compared(export):
    header = "usage_date_utc,model_version,usage_output_tokens\n"
    statement = read_statement(export(f"{DAY},{MODEL},50\n", header=header))

    found = compare_statement(statement, [bill()])

    assert [one.verdict for one in found] == [Agreement.EQUAL]
    assert "Not in the file, and so not compared: input, cache_write_5m, cache_write_1h, cache_read, web_searches." in (
        describe_comparisons(statement, found)
    )


def test_a_day_that_agrees_is_one_line_and_one_that_differs_a_table_with_its_reason(export):
    statement = read_statement(
        export(line(), line(USED + Usage(60, 5), day="2026-08-06"), line(model="claude-opus-5-5"))
    )
    found = compare_statement(
        statement, [bill(requests=12), bill(day="2026-08-06"), replace(DIED, group=f"2026-08-06 {MODEL} died")]
    )

    assert describe_comparisons(statement, found).splitlines() == [
        "2026-08-05  claude-haiku-5-5  equal (12 requests)",
        "",
        "2026-08-05  claude-opus-5-5  different (0 requests)",
        "kind            ours  theirs  difference",
        "--------------  ----  ------  ----------",
        "input              0     100        +100",
        "cache_write_5m     0       0           0",
        "cache_write_1h     0      20         +20",
        "cache_read         0      30         +30",
        "output             0      50         +50",
        "web_searches       0       0           0",
        "The ledger has no such request: something else used Anthropic's account.",
        "",
        "",
        "2026-08-06  claude-haiku-5-5  explained by requests that died (2 requests)",
        "kind            ours  theirs  difference",
        "--------------  ----  ------  ----------",
        "input            100     160         +60",
        "cache_write_5m     0       0           0",
        "cache_write_1h    20      20           0",
        "cache_read        30      30           0",
        "output            50      55          +5",
        "web_searches       0       0           0",
        "1 died before what it used was known; it stands at its bound, 100 tokens of prompt and 10 of output. "
        "That explains it.",
        "",
        "2026-08-05 to 2026-08-06 (UTC), days and models: 1 equal, 1 explained by requests that died, 1 different.",
    ]


NOON = datetime(2026, 8, 5, 12, tzinfo=UTC)
ADA = PlannedRequest(ThreadKey("slack:T024", "C1", "1"), "1", "U1", MODEL, 0, 1000, 500, NOON, 700)


@pytest.fixture
async def ledger_folder(tmp_path):
    """Where a database lies with two requests of two workspaces, and a third that died."""
    store = await open_store(f"sqlite:///{tmp_path}/confab.db")
    for workspace, usage in [("slack:T024", USED), ("discord:1", USED), ("discord:1", None)]:
        spending = replace(ADA, key=ThreadKey(workspace, "C1", "1"))
        reservation = await store.ledger.reserve(spending, [])
        assert isinstance(reservation, Reservation)
        await store.ledger.settle(reservation, Settlement(usage, "end_turn", NOON))
    await store.shut()
    return tmp_path


@pytest.mark.parametrize(
    ("more", "code", "verdicts"),
    [
        (Usage(1000, 500), 0, "0 equal, 1 explained by requests that died, 0 different"),
        (NOTHING, 0, "1 equal, 0 explained by requests that died, 0 different"),
        (Usage(1001), 1, "0 equal, 0 explained by requests that died, 1 different"),
    ],
    ids=["what died was billed whole", "it was not billed", "more than that"],
)
def test_reconciling_ends_with_0_only_when_all_is_explained(ledger_folder, export, more, code, verdicts):
    path = export(line(USED + USED + more))

    run = run_confab("usage", "reconcile", path, folder=ledger_folder)

    assert (run.returncode, run.stderr) == (code, "")
    assert run.stdout.endswith(f"(UTC), days and models: {verdicts}.\n")


def test_reconciling_without_a_database_finds_nothing_of_ours(tmp_path, export):
    run = run_confab("usage", "reconcile", export(line()), folder=tmp_path, DATABASE_URL="sqlite:///none.db")

    assert (run.returncode, "(0 requests)" in run.stdout) == (1, True)
    assert not (tmp_path / "none.db").exists()


def test_a_bad_file_is_told_in_one_line(tmp_path):
    run = run_confab("usage", "reconcile", "missing.csv", folder=tmp_path)

    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "missing.csv can't be read ([Errno 2] No such file or directory: 'missing.csv').\n"
