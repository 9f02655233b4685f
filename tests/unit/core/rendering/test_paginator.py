"""Pages together say all of a text, and steps make posted pages equal them."""

import re
from time import process_time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from core.rendering.dialect import Dialect
from core.rendering.paginator import Delete, Edit, Pager, Post, PostedPage, Step, pages, steps
from core.rendering.tables import SCREEN
from tests.support.answers import ANSWERS, CODE, KINDS, TRICKY, dialects, scribbles
from tests.support.short_form import examples

FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
RULE = re.compile(r"[ |:-]+")


def words(text: str) -> str:
    return re.sub(r"\s", "", text)


def letters(text: str) -> str:
    """Without what may be a fence, or escape one, as well."""
    return re.sub(r"[\s`~\\>]", "", text)


def says(shown: list[str], text: str, kept=words) -> bool:
    """Whether `shown` reads as `text`, but for spaces, when what is repeated at cuts is left out again.

    That is a fence closed at the end of a page and reopened on the next, and the header and rule of a table. Whether
    a page ends so can't be seen, so every way to read it is followed, each as far as it agrees with the text.
    """
    said = kept(text)
    readings = {(0, "")}
    for page in shown:
        readings = {
            (at + len(kept(part)), mark)
            for at, reopened in readings
            for part, mark in parts(page, reopened)
            if said.startswith(kept(part), at)
        }
    return any(not said[at:].strip("`~ ") if mark else at == len(said) for at, mark in readings)


def parts(page: str, reopened: str):
    lines = page.split("\n")
    if reopened:
        if not FENCE.match(lines[0]) or FENCE.match(lines[0])[1] != reopened:
            return
        lines = lines[1:]
    beginnings = [lines]
    if not reopened and len(lines) > 2 and RULE.fullmatch(lines[1]):
        beginnings.append(lines[2:])
    for beginning in beginnings:
        yield "\n".join(beginning), ""
        if beginning and (closing := FENCE.fullmatch(beginning[-1])):
            yield "\n".join(beginning[:-1]), closing[1]


@pytest.mark.parametrize("limit", [60, 100, 400, 2000])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_pages_together_say_all_of_an_answer(answer, limit):
    assert says(pages(answer, Dialect(limit)), answer)


@pytest.mark.parametrize("text", TRICKY.values(), ids=TRICKY)
def test_pages_together_say_all_of_what_becomes_something_else(text):
    assert all(says(pages(text, Dialect(limit)), text, kept=letters) for limit in range(40, 61, 4))


@examples(120)
@given(text=scribbles(80), limit=st.sampled_from([40, 45, 90]))
def test_pages_together_say_all_of_any_text(text, limit):
    assert says(pages(text, Dialect(limit)), text, kept=letters)


@pytest.mark.parametrize("limit", [300, 2000])
def test_drawn_tables_say_all_of_their_cells(limit):
    shown = " ".join(pages(ANSWERS["a table"], Dialect(limit, screen=SCREEN)))

    said = re.sub(r"[\s`*]", "", shown)
    for cell in (
        "Nearlyeverything,jsonbandfulltextincluded",
        "SELECTa|boverabillionrows",
        "https://valkey.io/topics/streams",
    ):
        assert cell in said


@pytest.mark.parametrize("text", ["", " ", "\n\n \r\n\t", "\u3000"])
def test_nothing_to_say_needs_no_page(text):
    assert pages(text, Dialect(40)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "```python\nprint('one')\nprint('two')\nprint('three')\n```",
            ["```python\nprint('one')\nprint('two')\n```", "```python\nprint('three')\n```"],
            id="a fence is closed and reopened with its language",
        ),
        pytest.param(
            "````md\nSee here for it:\n```\nls --all\n```\nand there\n````",
            ["````md\nSee here for it:\n```\n````", "````md\nls --all\n```\nand there\n````"],
            id="a longer fence is reopened as long",
        ),
        pytest.param(
            "1. Run it, and run it again:\n   ~~~sh\n   make demo\n   make test check\n   ~~~",
            ["1. Run it, and run it again:", "   ~~~sh\n   make demo\n   ~~~", "   ~~~sh\n   make test check\n   ~~~"],
            id="in a list it is reopened indented",
        ),
        pytest.param(
            "| a | b |\n|---|---|\n| 1 | one |\n| 2 | two |\n| 3 | three |",
            [
                "| a | b |\n|---|---|\n| 1 | one |",
                "| a | b |\n|---|---|\n| 2 | two |",
                "| a | b |\n|---|---|\n| 3 | three |",
            ],
            id="a table is cut between rows and its header repeated",
        ),
        pytest.param(
            "> ```\n> a line of code too long for it\n> ```",
            ["> ```\n> a line of code too long\n> ```", "> ```\n> for it\n> ```"],
            id="in a quote it is reopened quoted",
        ),
        pytest.param(
            "| a | b |\n|---|---|\n| 1 | two words |\nA text.\nAnd a second line of it here.",
            ["| a | b |\n|---|---|\n| 1 | two words |", "A text.\nAnd a second line of it here."],
            id="after a table",
        ),
        pytest.param(
            "| a | b |\n|---|---|\n| 1 | a row that is much longer than a page can be |\nend",
            ["| a | b |\n|---|---|\n| 1 | a row that is", "much longer than a page can be |\nend"],
            id="a row larger than a page is cut as text",
        ),
        pytest.param(
            "A first paragraph here.\n\nA second one that is longer.",
            ["A first paragraph here.", "A second one that is longer."],
            id="between blocks",
        ),
        pytest.param(
            "A first paragraph of text.\n# Next\nThis is it.",
            ["A first paragraph of text.", "# Next\nThis is it."],
            id="before a heading",
        ),
        pytest.param(
            "- the first item of it\n- the second item of it",
            ["- the first item of it", "- the second item of it"],
            id="between lines",
        ),
        pytest.param(
            "This is the first sentence. Here the second one goes on.",
            ["This is the first sentence.", "Here the second one goes on."],
            id="after a sentence",
        ),
        pytest.param(
            "so many words and nowhere a sentence that ends",
            ["so many words and nowhere a sentence", "that ends"],
            id="at a space",
        ),
        pytest.param("x" * 50, ["x" * 40, "x" * 10], id="between letters"),
        pytest.param(
            "Short.\n\nThis paragraph is too long for what is left.",
            ["Short.\n\nThis paragraph is too long for", "what is left."],
            id="not before half of the page is used",
        ),
        pytest.param(
            "A paragraph with thirty letters\n```sh\nls\n```",
            ["A paragraph with thirty letters", "```sh\nls\n```"],
            id="not after the line that opens a fence",
        ),
        pytest.param(
            "Twenty-three letters ok.\n\n## Heading\n\ntext text text",
            ["Twenty-three letters ok.", "## Heading\n\ntext text text"],
            id="not after a heading",
        ),
    ],
)
def test_a_page_ends_where_it_had_best_end(text, expected):
    assert pages(text, Dialect(40)) == expected


@pytest.mark.parametrize(
    "token",
    ["<@U12345678>", "&nbsp;", "[the docs](http://x.y)", "http://ex.org/a-path", "`a b c d`", "👨‍👩‍👧‍👦", "e\u0301"],
)
@pytest.mark.parametrize("before", range(20, 41))
def test_what_belongs_together_is_not_cut_when_that_can_be_helped(token, before):
    text = f"{'word ' * 8}"[:before] + token + " and so on with more words."

    shown = pages(text, Dialect(40))

    assert says(shown, text)
    assert any(token in page for page in shown)


@examples(200)
@given(
    text=st.lists(
        st.sampled_from(["👩‍💻", "👨‍👩‍👧‍👦", "🇩🇪", "🇯🇵", "e\u0301", "नि", "각", "漢", "字", "a", " ", "👍🏽", "1️⃣"])
    ).map("".join),
    limit=st.integers(40, 60),
)
def test_no_grapheme_is_cut(text, limit):
    clusters = [cluster for page in pages(text, Dialect(limit)) for cluster in regex.findall(r"\X", page)]

    assert [cluster for cluster in clusters if cluster.strip()] == [
        cluster for cluster in regex.findall(r"\X", text) if cluster.strip()
    ]


@examples(200)
@given(
    text=st.lists(st.sampled_from(["word ", "longer ", "a. ", "x,\n", "end.\n\n"]), min_size=20).map("".join),
    limit=st.integers(40, 80),
)
def test_every_page_of_prose_but_the_last_is_about_half_full(text, limit):
    shown = pages(text, Dialect(limit))

    assert [page for page in shown[:-1] if len(page) < limit / 2 - len("\n\n")] == []


def test_a_letter_larger_than_what_is_left_still_goes_somewhere():
    marked = "a" + "\u0301" * 100

    assert says(pages(marked, Dialect(40)), marked)


def test_a_table_still_being_written_is_drawn_as_far_as_its_rows_are_whole():
    text = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 "

    assert pages(text, Dialect(99, screen=SCREEN)) == ["```\na    b\n---  ---\n1    2\n```\n| 3"]


def test_blanks_that_no_page_has_room_for_are_left_out():
    assert pages(" " * 90 + "x", Dialect(40)) == ["x"]
    assert pages("```\n" + "x" * 30 + "\n" * 9 + "```\nend", Dialect(40)) == ["```\n" + "x" * 30 + "\n```", "end"]


def test_after_a_row_cut_at_its_end_a_fence_is_a_fence():
    text = f"a | b\n--|--\n1 | {'x' * 20}\n```py\nx = 1\n```"

    drawn = pages(text, Dialect(60, screen=SCREEN))

    assert drawn == [f"```\na    b\n---  ---\n```\n1 | {'x' * 20}", "```py\nx = 1\n```"]


def test_lines_may_end_as_they_do_anywhere():
    assert pages("a\r\nb\rc\nd", Dialect(40)) == ["a\nb\nc\nd"]


def test_a_fence_begun_to_be_closed_is_shown_closed():
    assert pages("```py\nx = 1\n``", Dialect(99)) == ["```py\nx = 1\n```"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word " * 7 + "```py oh!", ["word word word word word word word", "\\```py oh!"]),
        ("`````\n" + "y" * 25 + " ``````\n`````", ["`````\n" + "y" * 25 + "\n`````", "`````\n\\``````\n`````"]),
    ],
    ids=["in prose", "in code"],
)
def test_what_looks_like_a_fence_only_because_of_a_cut_is_escaped(text, expected):
    assert pages(text, Dialect(40)) == expected


@pytest.mark.parametrize("limit", [2000, 12000])
def test_a_long_answer_is_cut_in_time_that_grows_with_its_length(limit):
    answer = (ANSWERS["all of them"] * 60)[:200_000]

    began = process_time()
    pages(answer[: len(answer) // 8], Dialect(limit))
    eighth = process_time() - began
    pages(answer, Dialect(limit))

    assert process_time() - began < 20 * eighth + 0.5


@pytest.mark.parametrize("kind", KINDS)
@examples(60)
@given(text=scribbles(60), data=st.data())
def test_a_pager_cuts_as_if_it_remembered_nothing(kind, text, data):
    dialect = dialects(45)[kind]
    pager = Pager(dialect)
    lengths = data.draw(st.lists(st.integers(0, len(text)), max_size=8))

    assert [pager.pages(text[:length]) for length in lengths] == [pages(text[:length], dialect) for length in lengths]


def test_a_pager_takes_another_text():
    pager = Pager(Dialect(40))
    pager.pages(CODE)

    assert pager.pages("Something else.") == ["Something else."]


def walked(shown: list[PostedPage], todo: list[Step]) -> list[PostedPage]:
    """What exists after the steps."""
    shown = list(shown)
    for step in todo:
        match step:
            case Edit(id, text):
                shown = [PostedPage(id, text) if page.id == id else page for page in shown]
            case Post(number, text):
                assert number == len(shown)
                shown.append(PostedPage(f"new{number}", text))
            case Delete(id):
                assert shown[-1].id == id
                shown.pop()
    return shown


TEXTS = st.lists(st.sampled_from("abc"), max_size=6)


@given(was=TEXTS, wanted=TEXTS)
def test_steps_are_as_few_as_can_be(was, wanted):
    posted = [PostedPage(str(number), text) for number, text in enumerate(was)]
    differing = sum(one != other for one, other in zip(was, wanted, strict=False))

    todo = steps(posted, wanted)

    assert len(todo) == differing + abs(len(was) - len(wanted))
    assert [page.page for page in walked(posted, todo)] == wanted


@examples(300)
@given(was=TEXTS, wants=st.lists(TEXTS, min_size=1, max_size=4), data=st.data())
def test_killed_after_any_step_and_resumed_pages_come_to_what_is_wanted(was, wants, data):
    shown = [PostedPage(str(number), text) for number, text in enumerate(was)]
    for wanted in [*wants, wants[-1]]:
        known = [page if data.draw(st.booleans()) else PostedPage(page.id, None) for page in shown]
        todo = steps(known, wanted)
        done = len(todo) if wanted is wants[-1] else data.draw(st.integers(0, len(todo)))
        shown = walked(shown, todo[:done])

    assert [page.page for page in shown] == wants[-1]
    assert steps(shown, wants[-1]) == []


def test_a_page_whose_text_is_unknown_is_written_again():
    assert steps([PostedPage("1", "a"), PostedPage("2", None)], ["a", "b"]) == [Edit("2", "b")]


def test_edits_come_before_posts_and_deletions_from_the_end():
    posted = [PostedPage("1", "a"), PostedPage("2", "b"), PostedPage("3", "c")]

    assert steps(posted[:1], ["x", "y", "z"]) == [Edit("1", "x"), Post(1, "y"), Post(2, "z")]
    assert steps(posted, ["x"]) == [Edit("1", "x"), Delete("3"), Delete("2")]
