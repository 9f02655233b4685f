"""Markdown in the browser (bots.web.playground.markdown): what is written is drawn, and nothing of it can run."""

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from bots.web.playground.markdown import ATTRIBUTES, SCHEMES, TAGS, draw_markdown

ALLOWED = {name for names in ATTRIBUTES.values() for name in names} | {"class", "rel"}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**a**\nb", "<p><strong>a</strong><br>\nb</p>"),
        ("# a\n### b\n# c", "<h2>a</h2>\n<h3>b</h3>\n<h2>c</h2>"),
        ("### a\n## b", "<h2>a</h2>\n<h2>b</h2>"),
        ("<b onclick=x>a</b>", "<p>&lt;b onclick=x&gt;a&lt;/b&gt;</p>"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("[a](https://a.b)", '<p><a href="https://a.b" rel="noopener noreferrer nofollow">a</a></p>'),
        ("![a](https://a.b)", '<p>!<a href="https://a.b" rel="noopener noreferrer nofollow">a</a></p>'),
        ("```py\nx\n", '<pre tabindex="0"><code>x\n</code></pre>'),
    ],
    ids=["lines", "levels", "levels upwards", "HTML", "script", "link", "picture", "fence that is open"],
)
def test_markdown_is_drawn(text, html):
    assert draw_markdown(text).strip() == html


def test_a_cell_is_aligned_without_a_style():
    drawn = draw_markdown("| a |\n| --: |\n| 1 |")

    assert ('class="right"' in drawn, "style" in drawn) == (True, False)


MARKUP = st.sampled_from(
    [
        "<",
        ">",
        '"',
        "'",
        "script",
        "img src=x onerror=",
        "javascript:",
        "[",
        "](",
        ")",
        "`",
        "|",
        "--:",
        "\n",
        "# ",
        "&lt;",
        " ",
    ]
)


@given(st.lists(MARKUP | st.text(max_size=3), max_size=30).map("".join))
def test_whatever_is_written_only_what_is_harmless_is_drawn(text):
    found = BeautifulSoup(draw_markdown(text), "html.parser").find_all()

    assert {one.name for one in found} <= TAGS
    assert {name for one in found for name in one.attrs} <= ALLOWED
    assert {
        one["href"].partition(":")[0].lower() for one in found if ":" in one.get("href", "").split("/")[0]
    } <= SCHEMES
