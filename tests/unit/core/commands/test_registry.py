"""Commands: how they are found, read and refused.

Tests core.commands.registry, core.commands.lines.options, core.commands.lines.slips.
"""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from core.commands import TABLE
from core.commands.registry import (
    Command,
    Parameter,
    ParameterKind,
    UsageError,
    find_command,
    find_missing_text,
    format_usage,
    parse_values,
)
from core.domain.messages import CommandResult, Rank


async def nothing(call) -> CommandResult:
    return CommandResult("")


ROW = Command(
    "budget set",
    "a budget",
    nothing,
    (
        Parameter("amount", ParameterKind.MONEY, "US dollars", required=True),
        Parameter("per", ParameterKind.CHOICE, "period", choices=("day", "week")),
        Parameter("days", ParameterKind.NUMBER, "how many"),
        Parameter("since", ParameterKind.TEXT, "a date"),
    ),
)


def words(row: Command) -> str:
    return row.words


@pytest.mark.parametrize(
    ("line", "found", "rest"),
    [
        ("persona set You are\na pirate", "persona set", "You are\na pirate"),
        ("  Persona   SHOW ", "persona show", ""),
        ("help", "help", ""),
        ("help me", "help", "me"),
        ("forget", "forget", ""),
    ],
)
def test_a_command_is_found_by_its_words(line, found, rest):
    row, left = find_command(TABLE, line)

    assert (row.words, left) == (found, rest)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("persona sett x", "There is no command `persona sett`. Did you mean `persona set`"),
        ("persona", "`persona` alone is no command. `help persona` shows all "),
        ("prmpt", "There is no command `prmpt`. Did you mean `prompt`? `help` lists them all."),
        ("xyzzy", "There is no command `xyzzy`. `help` lists them all."),
        ("", "There is no command ``. `help` lists them all."),
        ("`" * 3000, "There is no command `" + "`" * 40 + "`."),
    ],
)
def test_an_unknown_command_is_answered_with_the_nearest(line, sentence):
    with pytest.raises(UsageError) as raised:
        find_command(TABLE, line)

    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    ("rest", "read"),
    [
        ("25", {"amount": "25"}),
        ("per=day 12.50", {"per": "day", "amount": "12.50"}),
        (
            'per=week days=3 since="2026-11-30" amount=1',
            {"per": "week", "days": "3", "since": "2026-11-30", "amount": "1"},
        ),
    ],
)
def test_values_are_named_first_and_the_rest_is_the_text(rest, read):
    assert parse_values(ROW, rest, {}) == read


@pytest.mark.parametrize("text", ["5", "5.", "5.0", "05.00", "$5", "$ 5", "5.000000", "$5."])
def test_an_amount_of_money_is_dollars_with_up_to_six_digits_after_the_point(text):
    assert Decimal(parse_values(ROW, text, {})["amount"]) == 5


def test_values_given_by_a_form_are_taken_as_they_are():
    assert parse_values(ROW, "", {"amount": " 5 ", "per": ""}) == {"amount": "5"}


def test_what_is_given_beside_a_line_adds_to_it():
    assert parse_values(ROW, "per=day", {"amount": "5"}) == {"per": "day", "amount": "5"}


def test_a_system_prompt_may_hold_equal_signs_and_quotes():
    row, rest = find_command(TABLE, 'persona set where=workspace Say x="1" when=asked')

    assert parse_values(row, rest, {}) == {"where": "workspace", "text": 'Say x="1" when=asked'}


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        (
            "",
            "`budget set` needs amount: US dollars. Like this: `budget set AMOUNT [per=day|week] [days=...] [since=...]`",
        ),
        ("lots", "amount is an amount of US dollars such as 25 or 12.50; `lots` is not."),
        ("-5", "amount is an amount of US dollars such as 25 or 12.50; `-5` is not."),
        ("NaN", "amount is an amount of US dollars such as 25 or 12.50; `NaN` is not."),
        ("1e9", "amount is an amount of US dollars such as 25 or 12.50; `1e9` is not."),
        ("1e3", "amount is an amount of US dollars such as 25 or 12.50; `1e3` is not."),
        ("1e-9", "amount is an amount of US dollars such as 25 or 12.50; `1e-9` is not."),
        ("0.0000001", "amount is an amount of US dollars such as 25 or 12.50; `0.0000001` is not."),
        ("1_000", "amount is an amount of US dollars such as 25 or 12.50; `1_000` is not."),
        ("\u0661\u0662", "amount is an amount of US dollars such as 25 or 12.50; `\u0661\u0662` is not."),
        ("\uff15", "amount is an amount of US dollars such as 25 or 12.50; `\uff15` is not."),
        ("-0", "amount is an amount of US dollars such as 25 or 12.50; `-0` is not."),
        (".", "amount is an amount of US dollars such as 25 or 12.50; `.` is not."),
        ("$", "amount is an amount of US dollars such as 25 or 12.50; `$` is not."),
        (
            "5 per=day per=week",
            "per is given more than once. Like this: `budget set AMOUNT [per=day|week] [days=...] [since=...]`",
        ),
        ("per=year 5", "per is one of day, week; `year` is not."),
        ("days=-1 5", "days is a whole number; `-1` is not."),
        ("days=٣ 5", "days is a whole number; `٣` is not."),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_what_would_do(rest, sentence):
    with pytest.raises(UsageError) as raised:
        parse_values(ROW, rest, {})

    assert str(raised.value) == sentence


def test_words_that_a_command_does_not_take_are_refused():
    with pytest.raises(UsageError, match="`deny` does not take `me`. Like this: `deny`"):
        parse_values(*find_command(TABLE, "deny me"), {})


@pytest.mark.parametrize(
    ("line", "given", "asked"),
    [
        ("persona set", {}, "text"),
        ("persona set where=channel", {}, "text"),
        ("persona set", {"text": " "}, "text"),
        ("persona set Be brief.", {}, None),
        ("persona set", {"text": "Be brief."}, None),
        ("persona show", {}, None),
        ("nonsense", {}, None),
        ("forget everything", {}, None),
    ],
)
def test_a_long_text_that_is_missing_is_asked_for(line, given, asked):
    needed = find_missing_text(TABLE, line, given)

    assert (needed and needed[1].name) == asked


def test_usage_shows_what_is_needed_and_what_may_be_left_out():
    usage = format_usage(find_command(TABLE, "persona set")[0])
    assert usage == "persona set TEXT [where=channel|workspace] [reason=...]"
    assert format_usage(find_command(TABLE, "forget")[0]) == "forget [of=me|everybody]"


@pytest.mark.parametrize(
    ("line", "given", "whispers"),
    [
        ("usage", {}, False),
        ("usage", {"of": "channel"}, False),
        ("usage", {"of": "me", "by": "day"}, True),
        ("usage", {"of": " workspace "}, True),
        ("budget show", {}, True),
        ("budget set", {"of": "workspace"}, False),
    ],
)
def test_what_is_not_the_channels_is_told_to_its_giver_alone(line, given, whispers):
    assert find_command(TABLE, line)[0].whispers(given) is whispers


def test_every_command_fits_both_platforms():
    assert TABLE
    for row in TABLE:
        assert 1 <= len(row.words.split()) <= 2
        assert row.words == row.words.lower()
        assert len(row.about) <= 100, "Discord's limit for a description"
        assert all(len(one.about) <= 100 and one.name.isidentifier() for one in row.parameters)
        assert all(len(one.choices) <= 25 for one in row.parameters)
    assert len({row.words for row in TABLE}) == len(TABLE)


def test_what_changes_a_channel_is_for_those_who_manage_it():
    ranks = {row.words: row.rank for row in TABLE}

    assert ranks["persona set"] is ranks["persona tune"] is ranks["persona clear"] is Rank.MANAGER
    assert ranks.pop("help") is Rank.GUEST
    assert min(ranks.values()) is Rank.MEMBER


def test_the_manual_tells_of_every_command():
    manual = (Path(__file__).parents[4] / "docs" / "commands.md").read_text()

    told = re.findall(r"^\| `((?:[a-z]+ ?){1,2})", manual, re.MULTILINE)
    assert {words.strip() for words in told} == {row.words for row in TABLE}


@pytest.mark.parametrize("row", [row for row in TABLE if row.parameters], ids=words)
def test_the_manual_tells_of_every_value_that_a_command_takes(row):
    manual = (Path(__file__).parents[4] / "docs" / "commands.md").read_text()

    (told,) = re.findall(rf"^\| `{row.words}[^a-z].*", manual, re.MULTILINE)
    names = [one.name.upper() if one.required else one.name for one in row.parameters]
    assert [name for name in names if not re.search(rf"\b{name}\b", told)] == []


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("translate to=Brazilian Portuguese", {"to": "Brazilian Portuguese"}),
        ("translate Brazilian Portuguese", {"to": "Brazilian Portuguese"}),
        ("summarize since=3 days ago last=5", {"since": "3 days ago", "last": "5"}),
        ("classify categories=bug report, praise last=5", {"categories": "bug report, praise", "last": "5"}),
        ("classify bug, praise since=3 days ago", {"categories": "bug, praise", "since": "3 days ago"}),
        ("classify since=yesterday bug, praise", {"categories": "bug, praise", "since": "yesterday"}),
        ("persona rollback 3 reason=it was better", {"version": "3", "reason": "it was better"}),
        ("persona tune model=new reason=it is new", {"model": "new", "reason": "it is new"}),
        ("persona set text=Be brief.", {"text": "Be brief."}),
        ("example add must=“names a day” When?", {"must": "names a day", "question": "When?"}),
        ('example add must="names a day" When?', {"must": "names a day", "question": "When?"}),
        ("draft code name=sum.py a sum of two", {"name": "sum.py", "what": "a sum of two"}),
    ],
)
def test_words_behind_a_value_without_quotes_are_its_own_where_no_other_parameter_wants_them(line, read):
    assert parse_values(*find_command(TABLE, line), {}) == read


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("example add must=names a day", 'Put the words of must into quotes, for I can\'t tell where they end: `must="names a day"`'),
        ("persona set reason=too long Be brief.", 'Put the words of reason into quotes, for I can\'t tell where they end: `reason="too long Be brief."`'),
        ("classify since=3 days ago bug, praise", 'Put the words of since into quotes, for I can\'t tell where they end: `since="3 days ago bug, praise"`'),
        ("persona rollback reason=it was better 3", 'Put the words of reason into quotes, for I can\'t tell where they end: `reason="it was better 3"`'),
        ('example add must="names a day When?', 'The quotes of must do not end. Like this: `must="names ..."`'),
        ('persona set text="Be brief." Be kind.', "text is given more than once. Like this: `persona set TEXT"),
    ],
)  # fmt: skip
def test_no_word_of_a_command_is_lost_without_saying_so(line, why):
    with pytest.raises(UsageError) as refused:
        parse_values(*find_command(TABLE, line), {})

    assert str(refused.value).startswith(why)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("persona", r"`persona` alone is no command\. `help persona` shows all \d+ that begin so: (`persona \w+`, ){2}`persona \w+` and others\."),
        ("persona sett", r"There is no command `persona sett`\. Did you mean `persona set`.*\? `help persona` lists them all\."),
        ("persona xyzzy", r"There is no command `persona xyzzy`\..* `help persona` lists them all\."),
        ("xyzzy", r"There is no command `xyzzy`\. `help` lists them all\."),
    ],
)  # fmt: skip
def test_a_slip_in_a_command_is_told_the_nearest_and_not_all_that_begin_so(line, said):
    with pytest.raises(UsageError) as refused:
        find_command(TABLE, line)

    assert re.fullmatch(said, str(refused.value))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("draft code sum the totals name=a.py", "name"),
        ('persona set Be brief. reason="they asked"', "reason"),
        ("persona set Be brief where=workspace, always", "where"),
        ('persona set reason="why" Be brief. where=workspace', "where"),
    ],
)
def test_a_name_behind_the_words_of_a_long_text_is_said_to_be_in_the_wrong_place(line, name):
    row, rest = find_command(TABLE, line)

    with pytest.raises(UsageError, match=f"^{name}= stands behind words that it belongs before: `{row.words} {name}="):
        parse_values(row, rest, {})


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('persona set "Be brief."', {"text": "Be brief."}),
        ('persona set reason="x" “Be brief.\nAnd kind.”', {"reason": "x", "text": "Be brief.\nAnd kind."}),
        ('persona set "Say where=there, always"', {"text": "Say where=there, always"}),
        ('persona set "Be brief." and "kind"', {"text": '"Be brief." and "kind"'}),
        ('persona set Say "hello"', {"text": 'Say "hello"'}),
        ('note add "We ship on Fridays."', {"text": "We ship on Fridays."}),
        ('note add reason="x" We ship', {"text": 'reason="x" We ship'}),
        ('persona use "code reviewer"', {"name": "code reviewer"}),
        ('persona try "translator"', {"what": "translator"}),
        ('persona set "', {"text": '"'}),
        ("persona set name=value is no option here", {"text": "name=value is no option here"}),
    ],
)
def test_quotes_around_a_whole_text_are_no_part_of_it_and_names_of_other_commands_are_words(line, values):
    row, rest = find_command(TABLE, line)

    assert parse_values(row, rest, {}) == values


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("note delete 1", "`note remove`?"),
        ("note show", "`note list`?"),
        ("persona delete", "`persona clear` or `persona detach`?"),
        ("persona tun effort=low", "`persona tune`"),
        ("remember We ship", "`note add`?"),
        ("models", "`persona models`?"),
    ],
)
def test_a_wrong_verb_is_answered_with_one_of_the_same_noun(line, meant):
    with pytest.raises(UsageError) as raised:
        find_command(TABLE, line)

    assert f" Did you mean {meant}" in str(raised.value)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("followups=smart", "follow_ups=smart"),
        ("follow_ups smart", "follow_ups=smart"),
        ("efort=low", "effort=low"),
        ("effort:low", "effort=low"),
        ("effort: low", "effort=low"),
        ("Max-Tokens=5", "max_tokens=5"),
    ],
)
def test_a_slip_in_a_name_is_answered_with_the_nearest_in_one_line(words, meant):
    with pytest.raises(UsageError) as raised:
        parse_values(*find_command(TABLE, f"persona tune {words}"), {})

    assert str(raised.value) == (
        f"`persona tune` does not take `{words}`. Did you mean `{meant}`? `help persona tune` shows all that it takes."
    )


def test_the_case_of_a_choice_does_not_matter_nor_for_who_may_and_who_sees_it():
    tune, usage = find_command(TABLE, "persona tune")[0], find_command(TABLE, "usage")[0]

    assert parse_values(tune, "follow_ups=Smart", {}) == {"follow_ups": "smart"}
    assert tune.is_above(Rank.MANAGER, {"where": "Workspace"})
    assert usage.whispers({"of": "Me"})
