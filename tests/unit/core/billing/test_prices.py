"""The price list: what tokens cost, from when on, and how a wrong line is reported."""

from datetime import date
from decimal import Decimal

import pytest

from core.billing import prices
from core.billing.prices import COLUMNS, HIGHEST, OURS, Cost
from core.domain.errors import SettingsError
from core.domain.usage import Usage

TODAY = date(2026, 11, 20)
HEAD = ",".join(COLUMNS)
LINE = "our-model,2026-11-01,0,1,5,1.25,2,0.1,0.5,10,a contract"


@pytest.fixture
def listed(tmp_path):
    """The price list with lines of an operator's own."""

    def read(*lines: str, head: str = HEAD):
        path = tmp_path / "prices.csv"
        path.write_text("\n".join([head, *lines]) + "\n")
        return prices.read_prices(str(path))

    return read


@pytest.mark.parametrize(
    ("usage", "micro_usd"),
    [
        (Usage(input=1_000_000), 2_000_000),
        (Usage(output=1_000_000, thinking=900_000), 10_000_000),
        (Usage(cache_write_5m=1_000_000), 2_500_000),
        (Usage(cache_write_1h=1_000_000), 4_000_000),
        (Usage(cache_read=1_000_000), 100_000),
        (Usage(web_searches=1_000), 10_000_000),
        (Usage(1, 1, 0, 1, 1, 1, 1), 2 + 10 + 6 + 10_000 + 1),
        (Usage(), 0),
    ],
    ids=["input", "output with thinking", "a write", "a long write", "a read", "searches", "all of it", "nothing"],
)
def test_every_kind_of_token_has_its_price(usage, micro_usd):
    assert prices.read_prices().cost("claude-sonnet-5-5", usage, TODAY).micro_usd == micro_usd


@pytest.mark.parametrize(("prompt", "micro_usd"), [(100_000, 10_000), (100_001, 50_001)])
def test_a_long_prompt_costs_more_in_whole(prompt, micro_usd):
    assert prices.read_prices().cost("claude-haiku-5-5", Usage(input=prompt), TODAY).micro_usd == micro_usd


def test_cached_tokens_count_for_the_length_of_a_prompt():
    usage = Usage(input=1, cache_read=100_000, output=10)

    assert prices.read_prices().cost("claude-haiku-5-5", usage, TODAY).micro_usd == 5_026


@pytest.mark.parametrize(
    ("day", "micro_usd"), [("2026-01-01", 200_000), ("2026-10-06", 200_000), ("2026-10-07", 100_000)]
)
def test_a_price_holds_from_its_day_on(day, micro_usd):
    usage = Usage(cache_read=1_000_000)

    assert prices.read_prices().cost("claude-sonnet-5-5", usage, date.fromisoformat(day)).micro_usd == micro_usd


def test_what_the_cache_saved_is_what_would_have_been_read_at_full_price():
    usage = Usage(input=10, cache_read=1_000, cache_write_1h=100)

    assert prices.read_prices().cost("claude-sonnet-5-5", usage, TODAY) == Cost(20 + 100 + 400, 2_200 - 500)


def test_what_is_computed_in_the_united_states_alone_costs_a_tenth_more_but_for_searches():
    ours, usage = prices.read_prices(), Usage(input=1_000, output=1_000, cache_read=1_000, web_searches=1)

    plain, there = (ours.cost("claude-sonnet-5-5", usage, TODAY, geo).micro_usd for geo in ("global", "us"))

    assert (plain, there) == (12_100 + 10_000, 13_310 + 10_000)
    assert ours.worst_cost("claude-sonnet-5-5", 1_000, 1_000, TODAY, "us") == 15_400
    assert ours.affordable_output("claude-sonnet-5-5", 1_000, 15_400, TODAY, "us") == 1_000


def test_a_dated_id_costs_what_its_model_costs():
    assert prices.read_prices().cost("claude-haiku-4-5-20251001", Usage(input=7), TODAY) == Cost(7, 0)


def test_a_model_that_is_not_listed_has_no_price():
    ours = prices.read_prices()

    assert ours.cost("claude-9", Usage(1), TODAY) is None
    assert ours.worst_cost("claude-9", 1, 1, TODAY) is None
    assert ours.affordable_output("claude-9", 1, 1_000_000, TODAY) == 0


@pytest.mark.parametrize(
    ("bound", "micro_usd"),
    [(100_000, 20_000 + 500), (100_001, 100_001 + 2_500)],
    ids=["written for an hour", "a long one"],
)
def test_the_worst_is_a_prompt_that_is_written_and_an_answer_of_full_length(bound, micro_usd):
    assert prices.read_prices().worst_cost("claude-haiku-5-5", bound, 1_000, TODAY) == micro_usd


def test_the_worst_that_searches_cost_leaves_as_much_less_for_the_answer():
    ours = prices.read_prices()

    plain, searching = (ours.worst_cost("claude-haiku-5-5", 100, 100, TODAY, searches=count) for count in (0, 5))

    assert searching == plain + 50_000
    assert ours.affordable_output("claude-haiku-5-5", 100, searching, TODAY, searches=5) == 100
    assert ours.affordable_output("claude-haiku-5-5", 100, 50_000, TODAY, searches=5) == 0


@pytest.mark.parametrize("micro_usd", [0, 5_999, 6_000, 16_000, 1_000_000])
def test_what_there_is_room_for_costs_no_more_than_there_is(micro_usd):
    ours = prices.read_prices()

    room = ours.affordable_output("claude-sonnet-5-5", 1_500, micro_usd, TODAY)

    assert room == max(0, (micro_usd - 6_000) // 10)
    assert not room or ours.worst_cost("claude-sonnet-5-5", 1_500, room, TODAY) <= micro_usd


def test_every_line_of_ours_names_its_day_and_its_source():
    listed = prices._read_file(OURS)

    assert listed
    assert [price.model for price in listed if not price.source] == []


def test_an_operators_prices_stand_in_for_ours(listed):
    theirs = listed(LINE, "claude-haiku-5-5,2026-11-01,0,1,5,1.25,2,0.1,0.5,10,a contract")

    assert theirs.cost("our-model", Usage(input=3), TODAY) == Cost(3, 0)
    assert theirs.cost("claude-haiku-5-5", Usage(input=200_000), TODAY) == Cost(200_000, 0)
    assert theirs.cost("claude-opus-5-5", Usage(input=1), TODAY) == Cost(4, 0)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            [LINE, "x,2026-11-01,0,one,5,1,2,0.1,0.5,10,s"],
            "line 3: input is an amount of US dollars such as 2.50; `one` is not.",
        ),
        (
            ["x,2026-11-01,0,-1,5,1,2,0.1,0.5,10,s"],
            "line 2: input is an amount of US dollars such as 2.50; `-1` is not.",
        ),
        (
            ["x,2026-11-01,0,NaN,5,1,2,0.1,0.5,10,s"],
            "line 2: input is an amount of US dollars such as 2.50; `NaN` is not.",
        ),
        (
            ["x,2026-11-01,0,1,$5,1,2,0.1,0.5,10,s"],
            "line 2: output is an amount of US dollars such as 2.50; `$5` is not.",
        ),
        ([f"x,2026-11-01,0,{HIGHEST + 1},5,1,2,0.1,0.5,10,s"], "`10001` is not."),
        (["x,soon,0,1,5,1,2,0.1,0.5,10,s"], "line 2: since is a day such as 2026-11-20; `soon` is not."),
        (["x,2026-11-01,all,1,5,1,2,0.1,0.5,10,s"], "line 2: above is a number of tokens; `all` is not."),
        (["x,20261101T00,0,1,5,1,2,0.1,0.5,10,s"], "line 2: since is a day such as 2026-11-20; `20261101T00` is not."),
        (["x,1699920000,0,1,5,1,2,0.1,0.5,10,s"], "line 2: since is a day such as 2026-11-20; `1699920000` is not."),
        (["x,2026-11-01,1_000,1,5,1,2,0.1,0.5,10,s"], "line 2: above is a number of tokens; `1_000` is not."),
        (["x,2026-11-01,-1,1,5,1,2,0.1,0.5,10,s"], "line 2: above is a number of tokens; `-1` is not."),
        ([f"x,2026-11-01,{'9' * 5000},1,5,1,2,0.1,0.5,10,s"], "line 2: above is a number of tokens; `999"),
        (["x,2026-11-01,0,,5,1,2,0.1,0.5,10,s"], "line 2: input is an amount of US dollars such as 2.50; `` is not."),
        (["x,2026-11-01,0,Infinity,5,1,2,0.1,0.5,10,s"], "2.50; `Infinity` is not."),
        ([",2026-11-01,0,1,5,1,2,0.1,0.5,10,s"], "line 2: the model is missing."),
        ([" ,2026-11-01,0,1,5,1,2,0.1,0.5,10,s"], "line 2: the model is missing."),
        (["x,2026-11-01,0,1,5"], "line 2: it must have 11 values."),
        (["x,2026-11-01,0,1,5,1,2,0.1,0.5,10,s,t"], "line 2: it must have 11 values."),
        (["x,2026-11-01,9,1,5,1,2,0.1,0.5,10,s"], "x has no line with above 0 since 2026-11-01."),
        (['x,"2026'], "can't be read"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_wrong(listed, lines, complaint):
    with pytest.raises(SettingsError) as misset:
        listed(*lines)

    assert str(misset.value).startswith("CONFAB_PRICES: ")
    assert complaint in str(misset.value)


def test_a_list_with_other_columns_is_refused(listed):
    with pytest.raises(SettingsError, match="line 1: the columns must be model,since,above,"):
        listed(head="model,price")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["none", "no text"])
def test_a_file_that_can_t_be_read_is_named(tmp_path, content):
    path = tmp_path / "prices.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match=r"CONFAB_PRICES: .*prices\.csv can't be read"):
        prices.read_prices(str(path))


def test_parts_of_a_micro_dollar_are_rounded_up(listed):
    theirs = listed("x,2026-11-01,0,0.0001,5,1,2,0.1,0.5,10,s")

    assert theirs.cost("x", Usage(input=1), TODAY) == Cost(1, 0)
    assert Decimal("0.0001") * 10_000 == 1
    assert theirs.cost("x", Usage(input=10_001), TODAY) == Cost(2, 0)
