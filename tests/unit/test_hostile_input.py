"""Hostile input: whatever somebody writes, the time that reading it takes grows as its length.

Tests core.commands.registry, core.commands.craft.told_links, core.rendering.names, core.rendering.strip_marks, core.rendering.table_growth, core.rendering.break_points, core.rendering.page_builder, core.rendering.tables, core.rendering.fences, core.prompting.turns,
core.store.rules.reply_chains, and the platforms' reading and look. Time is that of the processor, so that a busy machine
fails no test.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord import formatting as discord_look
from bots.discord import parse as discord_read
from bots.ops.logs import RedactingFormatter
from bots.slack import formatting as slack_look
from bots.slack import markup as words
from bots.slack import parse as slack_read
from core.billing import reports
from core.billing.ledger_rows import UsageRow
from core.commands import TABLE
from core.commands import registry as table
from core.commands.craft.told_links import LinkCheck, collect_links
from core.domain.clock import is_time_zone
from core.domain.usage import Usage
from core.files import code_blocks
from core.prompting import file_names, names, speakers, turns
from core.rendering import fences, links, reply_notes, tables
from core.rendering.dialect import Dialect
from core.rendering.names import write_name
from core.rendering.paginator import LONG, Pager, cut, pages
from core.rendering.strip_marks import strip_marks
from core.rendering.table_growth import TableGrowth
from core.store import open_store
from tests.support.answers import dialects, scribbles
from tests.support.talk import PLATFORMS, asked, message

pytestmark = pytest.mark.slow

SMALL = 5_000  # characters; the other length is four times as many
TIMES = 4
GROWTH = 9.0  # times as long as the small one that the large one may take; what is quadratic takes 16 times as long
SOON = 0.06  # seconds below which a time says nothing about growth
PAGE = 12_000  # characters that fit on no page: what ends one costs more than all before it
MOST = 1.0  # seconds that the large one may take; most take a hundredth

HOSTILE = {
    "a word": ("", "a", ""),
    "words": ("", "ab ", ""),
    "blanks": ("a", " ", "b"),
    "lines": ("", "\n", ""),
    "blank lines": ("", "   \n", ""),
    "carriage returns": ("", "\r", ""),
    "all kinds of blanks": ("", " \n\t\u00a0\u2028", "b"),
    "quotation marks": ("", '"', ""),
    "options": ("", "of=me ", ""),
    "options in a quote that is left open": ('"aaaa ', "of=me ", ""),
    "unknown options": ("", "zz=1 of=me ", '"'),
    "quotes left open": ("", 'x="', ""),
    "digits": ("", "1", ""),
    "parts between dots": ("", ".a", ""),
    "hyphens": ("", "a-", ""),
    "separators of cells": ("", ";\t \n", "x"),
    "names of secrets": ("", "commands/T1/webhooks/1/", ""),
    "underscores": ("", "_", "a"),
    "brackets": ("", "[", ""),
    "links left open": ("", "[a](b", ""),
    "an address that nothing closes": ("[a](https://", "a", ""),
    "addresses that nothing closes": ("", "[a](https://b ", ""),
    "links in labels": ("", "[[a]", ""),
    "numbers of messages": ("", "x://[#1]", ""),
    "parentheses in a link": ("[a](", "(b)", ""),
    "pictures left open": ("", "![", ""),
    "backslashes": ("", "\\", ""),
    "escaped pipes": ("", "\\|", ""),
    "backticks": ("", "`", "a"),
    "code left open": ("", "`a", ""),
    "runs of backticks": ("", "`a``b```c````d", ""),
    "fences": ("", "```\n", ""),
    "a fence that is left open": ("```a\n", "`` ", ""),
    "fences in a fence": ("````````a\n", "``\n", ""),
    "backticks on one line": ("", "``` a ", ""),
    "a run of tildes": ("", "~", "`"),
    "asterisks": ("", "*", "a"),
    "strong words left open": ("", "**a ", ""),
    "emphasis left open": ("", "*a __b ~~c ***d ", ""),
    "emphasis in emphasis": ("", "*_", "a"),
    "mentions left open": ("", "<@U1", ""),
    "one mention left open": ("<@U", "A", ""),
    "a name left open": ("<@U1|", "a", ""),
    "emoji left open": ("", "<a:a", ""),
    "one emoji left open": ("<a:", "a", ""),
    "our own mention": ("", "<@U1> ", ""),
    "everybody": ("", "<!here @here", ""),
    "addresses left open": ("", "<mailto:a|b", ""),
    "a scheme": ("<", "a+", ""),
    "web addresses": ("", "(http://a", ""),
    "entities left open": ("", "&#a", ""),
    "line breaks left open": ("", "<br   ", ""),
    "number signs": ("", "#", ""),
    "headings": ("", "#### a ####\n", ""),
    "a heading that is never closed": ("#### a", " ", "b"),
    "closing marks of a heading": ("#### a", " #", " b"),
    "quotes": ("", "> ", ""),
    "fences in quotes": ("", "> > ```\n", ""),
    "items": ("", "- ", ""),
    "subtext": ("", "-# ", ""),
    "sentences": ("", '."', "x"),
    "full stops": ("", "\u4e2d\u3002", ""),
    "pipes": ("", "|", ""),
    "rows": ("|a|b|\n|-|-|\n", "|c|d|\n", ""),
    "rows that get wider": ("|a|\n|-|\n|x|\n|xx|\n|xxx|\n|xxxx|\n", "|y|\n", ""),
    "rows that are short of cells": ("a|b\n-|-\n", "c|\n", ""),
    "headers and rules": ("", "|a|\n|-|\n", ""),
    "one huge cell of marks": ("|a|b|\n|-|-|\n|", "*a", "|c|"),
    "one huge cell of marks in marks": ("|a|b|\n|-|-|\n|", "*_", "|c|"),
    "cells with half a mark": ("|a|b|\n|-|-|\n", "|*a_b`c|d|\n", ""),
    "many columns": ("|a|\n|-|\n", "|b", "|"),
    "half-flags": ("", "\U0001f1e9", ""),
    "flags": ("", "\U0001f1e9\U0001f1ea ", ""),
    "half-flags in a cell": ("|a|\n|-|\n|", "\U0001f1e9", "|"),
    "a chain of emoji": ("", "\U0001f468\u200d", ""),
    "combining marks": ("a", "\u0301", ""),
    "conjuncts": ("", "\u0915\u094d", ""),
    "syllables": ("", "\u1100\u1161", ""),
    "variation selectors": ("", "\ufe0f", ""),
    "characters of no width": ("", "\u200b", ""),
    "tags": ("\U0001f3f4", "\U000e0067", ""),
}


@pytest.fixture(autouse=True)
def no_collection():
    """What earlier tests left behind is not collected on the time of these."""
    gc.disable()
    yield
    gc.enable()


Parser = Callable[[str], object]


def written(name: str, length: int) -> str:
    before, again, after = HOSTILE[name]
    return before + again * ((length - len(before + after)) // len(again)) + after


def options(command: str) -> Parser:
    row = next(row for row in TABLE if row.words == command)
    return lambda text: refusing(table.parse_values, row, text, {})


def refusing(parse: Callable[..., object], *given: object) -> object:
    """What is parsed, or the Problem that it has."""
    try:
        return parse(*given)
    except table.UsageError as problem:
        return problem


def slack(text: str) -> object:
    event = {"ts": "1.0", "user": "U2", "text": text, "channel": "D1", "type": "message"}
    us = slack_read.BotIdentity("slack:T1", "U1", "B1", "T1")
    return slack_read.parse_event({"event": event, "event_id": "e", "team_id": "T1"}, us)


def blocks(text: str) -> object:
    piece = {"type": "rich_text_section", "elements": [{"type": "text", "text": text, "style": {"bold": True}}]}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return words.render_blocks([{"type": "rich_text", "elements": [piece]}, section])


def discord(text: str) -> object:
    payload = {"id": "5", "type": 0, "channel_id": "3", "author": {"id": "9"}, "content": text}
    return discord_read.parse_post(
        payload, discord_read.ChannelPlace("discord:1", "2", "3"), discord_read.BotIdentity("U1")
    )


LOGGED = RedactingFormatter(["secret"])


def report(group: str) -> reports.UsageReport:
    return reports.UsageReport("All", "person", (UsageRow(group, 1, 0, Usage()),))


def growing(dialect: Dialect) -> Parser:
    def grow(text: str) -> None:
        pager = Pager(dialect)
        for part in range(1, 6):
            pager.pages(text[: len(text) * part // 5])

    return grow


PARSERS: dict[str, Parser] = {
    **{f"the options of {row.words}": options(row.words) for row in TABLE if row.parameters},
    "a command's name": lambda text: refusing(table.find_command, TABLE, text),
    "a command whose form is missing": lambda text: table.find_missing_text(TABLE, f"persona set {text}", {}),
    "a message in Slack": slack,
    "a command in Slack": lambda text: slack(f"!usage {text}"),
    "blocks in Slack": blocks,
    "a page of Slack in words": slack_look.render_fallback_text,
    "a page of Slack that cannot be shown": slack_look.build_sections,
    "a message in Discord": discord,
    "a line in Discord": discord_look.render_prose,
    "a notice in Discord": discord_look.mark_notice,
    "a question quoted in Discord": lambda text: discord_look.split_page(discord_look.quote_question(text), quote=True),
    "the title of a thread in Discord": lambda text: discord_look.shorten(text, 90),
    "turns": lambda text: turns.cut_thread([message("1", text)], {}, {}).build_turns(),
    "people": lambda text: speakers.collect_people([message("1", text)]),
    "the links of a task's answer": LinkCheck(frozenset({"https://a"}), str).apply,
    "the links of a message": lambda text: collect_links([message("1", text)]),
    "a name as it is shown": write_name,
    "a name": lambda text: names.introduce_speakers({}, {"U1"}, {"U1": text}),
    "the name of a file": lambda text: (file_names.write_file_name(text), file_names.write_name_as_code(text)),
    "a fence": lambda text: (fences.parse_opening(text), fences.find_marks(text)),
    "the end of a fence": lambda text: fences.Fence("> ", "```", "").closed_by(text),
    "the beginning of a table": lambda text: tables.parse_table_head(text, text),
    "a row of a table": lambda text: tables.Table("|a|b|", "|-|-|").row(text),
    "a drawn table": lambda text: tables.draw_table([["a"], ["-"], *([line] for line in text.split("\n"))]),
    "marks": strip_marks,
    "a label of a link": lambda text: links.hides_address(text, "https://example.org"),
    "notes of ours": lambda text: reply_notes.remove_notes(f"{text}{reply_notes.MARK}"),
    "code as files": lambda text: code_blocks.list_code_files(f"```{text}\n{text}\n```\n{text}"),
    "a line of the log": lambda text: LOGGED.format(logging.makeLogRecord({"msg": text})),
    "a cell of an export": lambda text: reports.export_csv([report(text)]),
    "a time zone": is_time_zone,
}
PAGED = {
    "pages in Slack": growing(slack_look.DIALECT),
    "pages in Discord": growing(discord_look.build_dialect()),
    "a notice's pages in Discord": lambda text: discord_look.render_pages(text, "> q", notice_=True),
}
PAGED_IN = {"pages in Slack": PAGE, "pages in Discord": PAGE // 3, "a notice's pages in Discord": PAGE // 3}


def seconds(parse: Parser, text: str) -> float:
    began = time.thread_time()
    parse(text)
    return time.thread_time() - began


def slow(parse: Parser, name: str, small: int, most: float = MOST) -> str | None:
    """Why this takes too long. It is measured again when it seems to, for a machine stumbles."""
    for _ in range(3):
        large = seconds(parse, written(name, TIMES * small))
        if large < SOON:
            return None
        grown = large / max(seconds(parse, written(name, small)), SOON / TIMES)
        if large < most and grown < GROWTH:
            return None
    return f"{name}: {large:.2f} seconds, {grown:.0f} times as long as a quarter of it"


LENGTHS = [
    *((parser, SMALL) for parser in PARSERS),
    *(pytest.param(parser, 5 * SMALL, marks=pytest.mark.reliability) for parser in PARSERS),
]


@pytest.mark.parametrize(("parser", "small"), LENGTHS)
def test_the_time_that_a_text_takes_grows_as_its_length(parser, small):
    assert [why for name in HOSTILE if (why := slow(PARSERS[parser], name, small))] == []


PAGES = [
    *((parser, [*HOSTILE][first::3], page) for first, (parser, page) in enumerate(PAGED_IN.items())),
    *(pytest.param(parser, HOSTILE, PAGE, marks=pytest.mark.reliability) for parser in PAGED),
]
"""In short each text comes in one of the three, somewhat longer than its page is."""


@pytest.mark.parametrize(("parser", "texts", "page"), PAGES, ids=lambda one: one if isinstance(one, str) else "")
def test_the_time_that_pages_take_grows_as_their_text(parser, texts, page):
    assert [why for name in texts if (why := slow(PAGED[parser], name, page, page / SMALL * MOST))] == []


def test_a_number_of_too_many_digits_is_refused_in_a_sentence():
    problem = options("persona tune")(f"max_tokens={'1' * 5000}")

    assert str(problem) == f"max_tokens is a whole number; `{'1' * 40}` is not."


def test_namesakes_are_told_apart_in_time():
    people = [f"{number:b}a".translate({ord("0"): "*", ord("1"): "_"}) for number in range(4000)]

    began = time.thread_time()
    introduced = names.introduce_speakers({}, people, {})

    assert time.thread_time() - began < MOST
    assert set(introduced.values()) == {"a", *(f"a ({number})" for number in range(2, 4001))}


@given(scribbles(40), st.sampled_from([name for name in dialects(200) if "drawn" in name]))
def test_a_table_that_grows_has_the_size_of_the_drawn_one(text, kind):
    dialect = dialects(200)[kind]
    above, rows = tables.Table("| a | b |", "|---|--:|"), [line for line in text.split("\n") if "|" in line]
    table, drawn = TableGrowth(dialect, above), [above.header, above.rule]

    for row in rows:
        drawn.append(row)
        assert table.size(row) == dialect.size(dialect.draw_table(drawn))
        table.add(row)


async def test_a_long_text_is_cut_beside_the_loop():
    found = [await cut("a" * length, threading.current_thread) for length in (LONG, LONG + 1)]

    assert [thread is threading.main_thread() for thread in found] == [True, False]


def test_a_line_of_many_pages_says_all_of_itself():
    line = "`" * 300 + "word " * 3000

    shown = "".join(pages(line, Dialect(100)))

    assert "".join(shown.replace("\\", "").split()) == "".join(line.split())


def test_blocks_in_blocks_are_read_as_deep_as_slack_shows_them():
    found = []
    for depth in (3, 2000):
        block = {"type": "section", "text": {"type": "plain_text", "text": "words"}}
        for _ in range(depth):
            block = {"type": "container", "child_blocks": [block]}
        found.append(words.render_blocks([block]))

    assert found == ["words", ""]


async def test_a_chain_of_800_questions_is_taken_up_by_reading_it_once():
    store = await open_store("sqlite://")
    for number in range(1, 801):
        await store.questions.ingest(asked(message(str(number), parent=str(number - 1))))
    statements: list[str] = []
    await store.questions._engine.unit(lambda sql: sql.db.conn.set_trace_callback(statements.append))

    claim = await store.questions.claim_next("p", PLATFORMS)

    assert (1 + len(claim.together), sum("RECURSIVE" in one for one in statements)) == (256, 1)
    await store.shut()
