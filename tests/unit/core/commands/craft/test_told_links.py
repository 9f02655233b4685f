"""Claude's words lead where messages lead, and nowhere else, however a link is written.

Tests core.commands.craft.told_links and core.commands.craft.material.
"""

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands.craft import material
from core.commands.craft.material import Material
from core.commands.craft.told_links import LEFT_OUT
from core.domain.messages import Message, Quote

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SAID = (
    "See https://good.example/path, and https://wiki.example/A_(b). [mail](mailto:ada@good.example) "
    '{"url":"https://json.example/x","b":1} <https://slack.example|there>'
)
QUOTED = Quote("it is at FTP://files.example/a", link="https://chat.example/9")


def build(*texts: str, names: dict[str, str] | None = None) -> Material:
    messages = tuple(Message(str(at), "U1", text, NOW, quotes=(QUOTED,)) for at, text in enumerate(texts))
    return Material(messages, names or {}, "UTC", tuple(f"https://board.example/{at}" for at in range(len(texts))))


@pytest.mark.parametrize(
    "text",
    [
        "(https://good.example/path).",
        "**HTTPS://good.example/path**",
        "[x](https://good.example/path)",
        "[x](https://good.example/path)[y](https://json.example/x)",
        '[x](<https://good.example/path> "a title")',
        "https://wiki.example/A_(b)",
        "[x](https://wiki.example/A_(b)), 1.https://json.example/x",
        "[x](mailto:ada@good.example)",
        "https://slack.example, ftp://files.example/a and https://chat.example/9",
        "https:// begins an address, list[0](1) is no link, nor is (a) [b]",
    ],
)
def test_a_link_that_stands_in_a_message_stays(text):
    assert build(SAID).finish(text) == text


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/?q=1",
        "HTTPS://evil.example",
        "Https://evil.example/p.png",
        "slack://open",
        "ftp://evil.example",
        "mailto:eve@evil.example",
        "//evil.example",
        "https://g",
        "https://good.example",
        "https://good.example/path/more",
        "https://good.example/path@evil.example",
    ],
)
def test_any_other_is_its_label(link):
    found = build(SAID)

    assert [found.finish(f"{mark}[x]({link}).") for mark in ("", "!")] == ["x.", "x."]
    assert found.finish(f"[x](<{link}> 'title')") == "x"
    assert found.finish(f"![]({link})") == LEFT_OUT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HTTPS://evil.example/?q=1.", f"{LEFT_OUT}."),
        ("<ftp://evil.example>", f"<{LEFT_OUT}>"),
        ("https://g", LEFT_OUT),
        ("https://good.example/path(@evil.example", LEFT_OUT),
        ("https://good.example[@evil.example", LEFT_OUT),
        ("https://good.example/path`@evil.example`", f"{LEFT_OUT}`@evil.example`"),
        ("[x][1]\n\n[1]: https://evil.example", f"[x][1]\n\n[1]: {LEFT_OUT}"),
        ("[a [b]](https://evil.example)", "a [b]"),
        ("[`a`](https://evil.example)", "'a'"),
        ("[https:](x://e)//evil.example", "https//evil.example"),
        ("[https://evil.example](https://evil.example/2)", LEFT_OUT),
    ],
)
def test_an_address_that_stands_in_no_message_is_left_out(text, shown):
    assert build(SAID).finish(text) == shown


@given(
    st.lists(st.sampled_from(["https", ":", "/", "//", "evil.example", "[", "](x://e)", "[#9]", "[](x://e)", "`", " "]))
)
def test_what_is_taken_away_joins_nothing_to_a_link(parts):
    shown = build(SAID).finish("".join(parts).replace("`", "'"))

    assert "https://evil.example" not in shown
    assert build(SAID).finish(shown).count("://") == shown.count("://")


@pytest.mark.parametrize(
    "code",
    [
        "`[#1] https://evil.example`",
        "``a ` [#1]``",
        "```\ncurl https://evil.example\n[#1]\n```",
        "~~~\n[#1]\n~~~",
        "- ```sh\n  [#1]",
        "```\n[x](https://evil.example) while it is written",
    ],
)
def test_code_is_left_as_it_is(code):
    link = "[#1](https://board.example/0)"

    assert build(SAID).finish(f"[#1]\n{code}") == f"{link}\n{code}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`a` [#1] `b` [#1]", "`a` {0} `b` {0}"),
        ("```\na\n```\n[#1]", "```\na\n```\n{0}"),
        ("a ` b [#1]", "a ` b {0}"),
        ("a ` b\n\n[#1] ` c", "a ` b\n\n{0} ` c"),
        ("| ` | [#1] ` |", "| ` | {0} ` |"),
        ("[a`](x://e) ` [#1] `", "a' ` [#1] `"),
        ("x://a`b c` [#1]", f"{LEFT_OUT}`b c` {{0}}"),
        ("[see [#1]](https://evil.example), [#1, #2]", "see {0}, {0}"),
        ("https:[#9]//a", "https: //a"),
    ],
)
def test_a_number_outside_of_code_is_a_link(text, shown):
    assert build(SAID).finish(text) == shown.format("[#1](https://board.example/0)")


class Names(dict):
    """Names that know in which threads they were looked up."""

    def __init__(self) -> None:
        super().__init__(U1="Ada")
        self.threads: list[bool] = []

    def get(self, *key: str) -> str | None:
        self.threads.append(threading.current_thread() is threading.main_thread())
        return super().get(*key)


@pytest.mark.parametrize("texts", [("word " * 100,) * 300, ("a",) * 600, ("x" * material.LARGE,)])
async def test_many_messages_are_read_once_and_beside_the_loop(texts):
    names = Names()
    found = build(*texts, names=names)

    await found.prepare()
    looked = len(names.threads)
    parts = found.split(10_000)
    told = [found.write(start, end) for start, end in parts] + [found.write()]

    assert all(f"[#{number}]\nAda: {text[:80].strip()}" in told[-1] for number, text in enumerate(texts, 1))
    assert len(names.threads) == looked
    assert not any(names.threads)


async def test_few_messages_are_read_at_once():
    names = Names()

    await build("a", "b", names=names).prepare()

    assert names.threads == []


def test_links_are_looked_for_once():
    found = build(*(f"https://good.example/{number}" for number in range(3)))

    shown = found.finish("https://good.example/1")

    assert shown == "https://good.example/1"
    assert found._find_links() is found._find_links()
