"""README's pictures show conversations that took place: each text is one that the platform has, and the files are new."""

import re
from html import unescape
from pathlib import Path

import pytest

from tests.support.picture_svg import THEMES
from tests.support.pictures import DOCS, draw_pictures, talk_in_discord, talk_in_slack

PICTURES = [f"{platform}-{look}.svg" for platform, looks in THEMES.items() for look in looks]
README = Path(__file__).parents[2] / "README.md"


def read_words(svg: str) -> str:
    """All that a picture says, without what is not anybody's words."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", one)) for one in texts[1:])


def expect_words(author: str, text: str) -> str:
    """What the picture of a message says: initial, name, badge, and the text without marks of Markdown."""
    shown = re.sub(r"\*\*|```\w*\n?|`", "", text)
    return f"{author[0]} {author} {'APP' if author == 'Confab' else ''} {shown}"


@pytest.mark.parametrize("talk", [talk_in_slack, talk_in_discord], ids=["Slack", "Discord"])
async def test_a_pictures_texts_are_those_of_the_conversation(talk):
    platform = talk.__name__.removeprefix("talk_in_")
    said = await talk()

    assert sum(one.author == "Confab" for one in said) >= 1
    assert len({one.author for one in said}) > 2
    for look in THEMES[platform]:
        words = read_words((DOCS / f"{platform}-{look}.svg").read_text())
        assert words.split() == " ".join(expect_words(one.author, one.text) for one in said).split()


async def test_the_pictures_are_what_the_script_draws():
    drawn = await draw_pictures()

    assert sorted(drawn) == sorted(PICTURES)
    for name, svg in drawn.items():
        assert (DOCS / name).read_text() == svg, f"docs/{name} is old: python -m tests.support.pictures"


def test_the_readme_shows_each_of_them():
    assert set(re.findall(r"docs/(\S+?\.svg)", README.read_text())) == set(PICTURES)
