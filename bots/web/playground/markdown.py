"""Markdown of the playground becomes HTML that can do nothing: no scripts, no pictures of others, no styles. Pure."""

from collections.abc import Sequence
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

DRAWN = 512  # texts whose HTML is remembered: several windows show the same
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "em", "strong", "s"),
    *("ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "pre": {"tabindex"}}
CLASSES = {"th": {"right", "center"}, "td": {"right", "center"}}
SCHEMES = {"http", "https", "mailto"}
REL = "noopener noreferrer nofollow"
FIRST, LAST = 2, 6  # levels of headings: the page has one of its own above them

_READER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"]).disable("image")


@lru_cache(DRAWN)
def draw_markdown(text: str) -> str:
    """What somebody wrote, as HTML; also of a text that still grows."""
    tokens = _READER.parse(text)
    _set_levels(tokens)
    for token in tokens:
        _set_class(token)
    return nh3.clean(
        _READER.renderer.render(tokens, _READER.options, {}).replace("<pre>", '<pre tabindex="0">'),
        tags=TAGS,
        attributes=ATTRIBUTES,
        allowed_classes=CLASSES,
        url_schemes=SCHEMES,
        link_rel=REL,
    )


def _set_class(token: Token) -> None:
    """Say with a class how a cell is aligned, where Markdown's HTML has a style."""
    if side := str(token.attrs.pop("style", "")).removeprefix("text-align:"):
        token.attrs["class"] = side


def _set_levels(tokens: Sequence[Token]) -> None:
    """Let headings go down one level at a time, as who hears them needs it, whichever levels were written."""
    above: list[str] = []
    for token in tokens:
        if token.type == "heading_open":
            above = [*(one for one in above if one < token.tag), token.tag]
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(LAST, FIRST + len(above) - 1)}"
