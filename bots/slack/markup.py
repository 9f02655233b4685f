"""Words: what Slack's escapes, tokens and blocks say, as plain text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.prompting.speakers import MENTION

HIDDEN = "\u200b"  # a space of no width: breaks a token that somebody typed as text

DEEPEST = 20  # blocks inside blocks

_TOKEN = re.compile(r"<([@#!][^<>\n]+|[a-z][a-z0-9+.-]*:[^<>\n]+)>")
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_PIECES = {
    "user": ("<@{}>", "user_id"),
    "channel": ("#{}", "channel_id"),
    "usergroup": ("@{}", "usergroup_id"),
    "broadcast": ("@{}", "range"),
    "emoji": (":{}:", "name"),
    "date": ("{}", "fallback"),
}


def mentioned(text: str) -> set[str]:
    """The ids of everybody whom a raw text mentions."""
    return set(_PERSON.findall(text))


def plain(text: str) -> str:
    """A raw text as its author meant it: mentions as `<@ID>`, links and names in words, the rest unescaped.

    What somebody typed that only looks like a mention is broken by a space of no width.
    """
    parts = _TOKEN.split(text)
    return "".join(_token(part) if index % 2 else _typed(part) for index, part in enumerate(parts))


def unescaped(text: str) -> str:
    """Slack escapes three characters, and only these."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _typed(text: str) -> str:
    return MENTION.sub(rf"<{HIDDEN}@\1>", unescaped(text))


def _token(token: str) -> str:
    """What stands between angle brackets, in words."""
    name, _, label = token.partition("|")
    label = unescaped(label)
    if name.startswith("@"):
        return f"<{name}>"
    if name.startswith("#"):
        return f"#{label or name[1:]}"
    if name.startswith("!"):
        return _special(name[1:], label)
    return _link(unescaped(name), label)


def _special(name: str, label: str) -> str:
    """A group, a date, or everybody at once."""
    kind, _, argument = name.partition("^")
    if kind == "subteam":
        return label or f"@{argument}"
    return label if label and kind not in ("here", "channel", "everyone") else f"@{kind}"


def _link(url: str, label: str) -> str:
    bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", url)
    return (label or url) if label in ("", url, bare, bare.rstrip("/")) else f"{label} ({url})"


def of_blocks(blocks: Iterable[Mapping[str, Any]]) -> str:
    """What blocks say, near to Markdown: a message written without text, and our own pages, are read so."""
    said = (_block(block).strip("\n") for block in blocks if isinstance(block, Mapping))
    return "\n\n".join(words for words in said if words)


def _block(block: Mapping[str, Any], deep: int = DEEPEST) -> str:
    """What a block says; blocks that stand more than `deep` times inside each other say nothing."""
    match block.get("type") if deep else None:
        case "rich_text":
            return "\n".join(_rich(element) for element in _listed(block, "elements"))
        case "markdown":
            return str(block.get("text", ""))
        case "header":
            return f"## {_text(block.get('text'))}"
        case "table":
            return "\n".join(_row(row, deep) for row in block.get("rows") or [] if isinstance(row, list))
        case "section" | "context" | "image" | "video" | "card" | "alert" | "container":
            return "\n".join(words for words in _inside(block, deep) if words)
    return ""


def _inside(block: Mapping[str, Any], deep: int) -> Iterator[str]:
    """The texts of a block that is made of parts."""
    yield _text(block.get("text"))
    yield _text(block.get("title"))
    yield from (_text(field) for field in _listed(block, "fields"))
    yield from (_text(element) for element in _listed(block, "elements"))
    yield from (_block(child, deep - 1) for child in _listed(block, "child_blocks"))


def _text(value: Any) -> str:
    """A text object; only `mrkdwn` has tokens in it."""
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        return ""
    return plain(value["text"]) if value.get("type") == "mrkdwn" else str(value["text"])


def _rich(element: Mapping[str, Any]) -> str:
    """A section, a list, a quote or a preformatted part of rich text."""
    match element.get("type"):
        case "rich_text_preformatted":
            return _fenced(_inline(element))
        case "rich_text_quote":
            return "\n".join(f"> {line}" for line in _inline(element).splitlines())
        case "rich_text_list":
            indent = "  " * int(element.get("indent") or 0)
            ordered = element.get("style") == "ordered"
            items = enumerate(_listed(element, "elements"), 1 + int(element.get("offset") or 0))
            return "\n".join(f"{indent}{f'{number}.' if ordered else '-'} {_inline(item)}" for number, item in items)
    return _inline(element)


def _fenced(code: str) -> str:
    return code if code.startswith("```") else f"```\n{code}\n```"


def _inline(element: Mapping[str, Any]) -> str:
    return "".join(_piece(piece) for piece in _listed(element, "elements"))


def _piece(piece: Mapping[str, Any]) -> str:
    kind = piece.get("type")
    if kind in _PIECES:
        words, name = _PIECES[kind]
        return words.format(piece.get(name) or "")
    if kind == "link":
        return _link(str(piece.get("url", "")), str(piece.get("text") or ""))
    return _styled(str(piece.get("text") or ""), piece.get("style"))


def _styled(text: str, style: Any) -> str:
    """`text` in the marks that Markdown has for its style."""
    marks = {"bold": "**", "italic": "*", "strike": "~~", "code": "`"}
    for name, mark in marks.items():
        if isinstance(style, Mapping) and style.get(name) and text.strip():
            text = f"{mark}{text}{mark}"
    return text


def _row(cells: list[Any], deep: int) -> str:
    return f"| {' | '.join(_cell(cell, deep) for cell in cells)} |"


def _cell(cell: Any, deep: int) -> str:
    if not isinstance(cell, Mapping):
        return ""
    return str(cell["text"]) if isinstance(cell.get("text"), str) else _block(cell, deep - 1)


def _listed(block: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = block.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
