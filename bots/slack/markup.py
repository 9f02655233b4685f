"""Markup: what people write with Slack's escapes, tokens and blocks, as plain text. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.prompting.speakers import MENTION

ZERO_WIDTH_SPACE = "\u200b"  # a space of no width: breaks a token that somebody typed as text

DEEPEST = 20  # blocks inside blocks

_TOKEN = re.compile(r"<([@#!][^<>\n]+|[a-z][a-z0-9+.-]*:[^<>\n]+)>")
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_GROUP = re.compile(r"<!(?:subteam\^|here\b|channel\b|everyone\b|group\b)")
_PIECES = {
    "user": ("<@{}>", "user_id"),
    "channel": ("#{}", "channel_id"),
    "usergroup": ("@{}", "usergroup_id"),
    "broadcast": ("@{}", "range"),
    "emoji": (":{}:", "name"),
    "date": ("{}", "fallback"),
}


def find_mentions(text: str) -> set[str]:
    """The ids of the people whom a raw text mentions."""
    return set(_PERSON.findall(text))


def calls_group(text: str) -> bool:
    """Whether a raw text mentions a user group, or everybody who is there."""
    return _GROUP.search(text) is not None


def render_plain_text(text: str) -> str:
    """Plain text of a raw text: mentions as `<@ID>`, links and names in words, the rest unescaped.

    What somebody typed that only looks like a mention is broken by a space of no width.
    """
    parts = _TOKEN.split(text)
    return "".join(_render_token(part) if index % 2 else _break_mentions(part) for index, part in enumerate(parts))


def unescape(text: str) -> str:
    """Undo Slack's escaping of three characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _break_mentions(text: str) -> str:
    return MENTION.sub(rf"<{ZERO_WIDTH_SPACE}@\1>", unescape(text))


def _render_token(token: str) -> str:
    """What stands between angle brackets, in words."""
    name, _, label = token.partition("|")
    label = unescape(label)
    if name.startswith("@"):
        return f"<{name}>"
    if name.startswith("#"):
        return f"#{label or name[1:]}"
    if name.startswith("!"):
        return _render_special(name[1:], label)
    return _render_link(unescape(name), label)


def _render_special(name: str, label: str) -> str:
    """A group, a date, or everybody at once."""
    kind, _, argument = name.partition("^")
    if kind == "subteam":
        return label or f"@{argument}"
    return label if label and kind not in ("here", "channel", "everyone") else f"@{kind}"


def _render_link(url: str, label: str) -> str:
    bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", url)
    return (label or url) if label in ("", url, bare, bare.rstrip("/")) else f"{label} ({url})"


def render_blocks(blocks: Iterable[Mapping[str, Any]]) -> str:
    """Text of blocks, near to Markdown: a message written without text, and our own pages, are read so."""
    said = (_render_block(block).strip("\n") for block in blocks if isinstance(block, Mapping))
    return "\n\n".join(words for words in said if words)


def _render_block(block: Mapping[str, Any], deep: int = DEEPEST) -> str:
    """What a block says; blocks that stand more than `deep` times inside each other say nothing."""
    match block.get("type") if deep else None:
        case "rich_text":
            return "\n".join(_render_rich_text(element) for element in _list_objects(block, "elements"))
        case "markdown":
            return str(block.get("text", ""))
        case "header":
            return f"## {_render_text(block.get('text'))}"
        case "table":
            return "\n".join(_render_row(row, deep) for row in block.get("rows") or [] if isinstance(row, list))
        case "section" | "context" | "image" | "video" | "card" | "alert" | "container":
            return "\n".join(words for words in _render_parts(block, deep) if words)
    return ""


def _render_parts(block: Mapping[str, Any], deep: int) -> Iterator[str]:
    """The texts of a block that is made of parts."""
    yield _render_text(block.get("text"))
    yield _render_text(block.get("title"))
    yield from (_render_text(field) for field in _list_objects(block, "fields"))
    yield from (_render_text(element) for element in _list_objects(block, "elements"))
    yield from (_render_block(child, deep - 1) for child in _list_objects(block, "child_blocks"))


def _render_text(value: Any) -> str:
    """A text object; only `mrkdwn` has tokens in it."""
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        return ""
    return render_plain_text(value["text"]) if value.get("type") == "mrkdwn" else str(value["text"])


def _render_rich_text(element: Mapping[str, Any]) -> str:
    """A section, a list, a quote or a preformatted part of rich text."""
    match element.get("type"):
        case "rich_text_preformatted":
            return _fence_code(_render_inline(element))
        case "rich_text_quote":
            return "\n".join(f"> {line}" for line in _render_inline(element).splitlines())
        case "rich_text_list":
            indent = "  " * int(element.get("indent") or 0)
            ordered = element.get("style") == "ordered"
            items = enumerate(_list_objects(element, "elements"), 1 + int(element.get("offset") or 0))
            return "\n".join(
                f"{indent}{f'{number}.' if ordered else '-'} {_render_inline(item)}" for number, item in items
            )
    return _render_inline(element)


def _fence_code(code: str) -> str:
    return code if code.startswith("```") else f"```\n{code}\n```"


def _render_inline(element: Mapping[str, Any]) -> str:
    return "".join(_render_element(piece) for piece in _list_objects(element, "elements"))


def _render_element(piece: Mapping[str, Any]) -> str:
    kind = piece.get("type")
    if kind in _PIECES:
        words, name = _PIECES[kind]
        return words.format(piece.get(name) or "")
    if kind == "link":
        return _render_link(str(piece.get("url", "")), str(piece.get("text") or ""))
    return _apply_style(str(piece.get("text") or ""), piece.get("style"))


def _apply_style(text: str, style: Any) -> str:
    """`text` in the marks that Markdown has for its style."""
    marks = {"bold": "**", "italic": "*", "strike": "~~", "code": "`"}
    for name, mark in marks.items():
        if isinstance(style, Mapping) and style.get(name) and text.strip():
            text = f"{mark}{text}{mark}"
    return text


def _render_row(cells: list[Any], deep: int) -> str:
    return f"| {' | '.join(_render_cell(cell, deep) for cell in cells)} |"


def _render_cell(cell: Any, deep: int) -> str:
    if not isinstance(cell, Mapping):
        return ""
    return str(cell["text"]) if isinstance(cell.get("text"), str) else _render_block(cell, deep - 1)


def _list_objects(block: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = block.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
