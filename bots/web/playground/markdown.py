"""Markdown of the playground becomes HTML that can do nothing: no scripts, no pictures of others, no styles. Pure."""

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
DEEPER = 2  # levels: the page has headings of its own

_READER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"]).disable("image")


@lru_cache(DRAWN)
def draw_markdown(text: str) -> str:
    """What somebody wrote, as HTML; also of a text that still grows."""
    tokens = _READER.parse(text)
    for token in tokens:
        _move(token)
    return nh3.clean(
        _READER.renderer.render(tokens, _READER.options, {}).replace("<pre>", '<pre tabindex="0">'),
        tags=TAGS,
        attributes=ATTRIBUTES,
        allowed_classes=CLASSES,
        url_schemes=SCHEMES,
        link_rel=REL,
    )


def _move(token: Token) -> None:
    """Say with a class how a cell is aligned, where Markdown's HTML has a style; and begin headings below the page's."""
    style = str(token.attrs.pop("style", ""))
    if side := style.removeprefix("text-align:"):
        token.attrs["class"] = side
    if token.type in {"heading_open", "heading_close"}:
        token.tag = f"h{min(6, int(token.tag[1:]) + DEEPER)}"
