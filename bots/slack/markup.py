"""Markup: what people write with Slack's escapes, tokens and blocks, as plain text. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from core.domain.wording import fold_lines, list_some

ZERO_WIDTH_SPACE = "\u200b"  # a space of no width: breaks a token that somebody typed as text

SEEN_BAR = "\\|"  # a bar inside a cell, which begins no other one
DEEPEST = 20  # blocks inside blocks

_TOKEN = re.compile(r"<([@#!][^<>\n]+|[a-z][a-z0-9+.-]*:[^<>\n]+)>")
_GROUP = re.compile(r"<!(?:subteam\^|here\b|channel\b|everyone\b|group\b)")
_PIECES = {
    "user": ("<@{}>", "user_id"),
    "channel": ("<#{}>", "channel_id"),
    "usergroup": ("<@{}>", "usergroup_id"),
    "broadcast": ("@{}", "range"),
    "emoji": (":{}:", "name"),
}
_TYPED = re.compile(r"<([@#][^\s<>@#]+>)")
_DIGITS = 11  # of a second that a calendar has


def calls_group(text: str) -> bool:
    """Whether a raw text mentions a user group, or everybody who is there."""
    return _GROUP.search(text) is not None


def render_plain_text(text: str) -> str:
    """Plain text of a raw text: mentions as `<@ID>`, channels as `<#ID>`, links and names in words, the rest unescaped.

    What somebody typed that only looks like a mention is broken by a space of no width.
    """
    parts = _TOKEN.split(text)
    said = (_render_token(part) if index % 2 else break_mentions(unescape(part)) for index, part in enumerate(parts))
    return "".join(said)


def unescape(text: str) -> str:
    """Undo Slack's escaping of three characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def break_mentions(text: str) -> str:
    """`text` with what only looks like the id of somebody or something broken by a space of no width."""
    return _TYPED.sub(rf"<{ZERO_WIDTH_SPACE}\1", text)


def _render_token(token: str) -> str:
    """What stands between angle brackets, in words."""
    name, _, label = token.partition("|")
    label = break_mentions(unescape(label))
    if name.startswith("@"):
        return f"<{name}>"
    if name.startswith("#"):
        return f"#{label}" if label else f"<{name}>"
    if name.startswith("!"):
        return _render_special(name[1:], label)
    return _render_link(break_mentions(unescape(name)), label)


def _render_special(name: str, label: str) -> str:
    """A group, a date, or everybody at once."""
    kind, _, argument = name.partition("^")
    if kind == "subteam":
        return label or f"<@{argument}>"
    if kind == "date" and not label:
        return render_time(argument.partition("^")[0])
    return label if label and kind not in ("here", "channel", "everyone") else f"@{kind}"


def render_time(seconds: object) -> str:
    """A moment in words, of the seconds since 1970; what is none stays as it is."""
    digits = str(seconds or "")
    if not re.fullmatch(rf"\d{{1,{_DIGITS}}}", digits):
        return digits
    return f"{datetime.fromtimestamp(int(digits), UTC):%Y-%m-%d %H:%M} UTC"


def _render_link(url: str, label: str) -> str:
    bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", url)
    return (label or url) if label in ("", url, bare, bare.rstrip("/")) else f"{label} ({url})"


def render_blocks(blocks: Iterable[Mapping[str, Any]]) -> str:
    """Text of blocks, near to Markdown: a message written without text, and our own pages, are read so."""
    said = (_render_block(block).strip("\n") for block in blocks if isinstance(block, Mapping))
    return "\n\n".join(words for words in said if words)


def _render_block(block: Mapping[str, Any], deep: int = DEEPEST) -> str:
    """What a block says; blocks that stand more than `deep` times inside each other say nothing."""
    if not deep:
        return ""
    if render := _KINDS.get(str(block.get("type"))):
        return render(block, deep)
    return "\n".join(words for words in _list_parts(block, deep) if words)


def _render_table(block: Mapping[str, Any], deep: int) -> str:
    rows = block.get("rows")
    return "\n".join(_render_row(row, deep) for row in (rows if isinstance(rows, list) else ()) if row)


def _list_parts(block: Mapping[str, Any], deep: int) -> Iterator[str]:
    """The texts of a block that is made of parts, whatever it is called: Slack invents new ones."""
    yield from (
        render_text(block.get(name)) for name in ("title", "text", "description", "label", "placeholder", "details")
    )
    seen = fold_lines(break_mentions(str(block.get("alt_text") or "")))
    yield seen if seen != fold_lines(render_text(block.get("title"))) else ""
    yield _list_options(block)
    for name in ("fields", "elements", "blocks", "child_blocks", "tasks", "cards"):
        yield from (_render_block(child, deep - 1) for child in list_objects(block, name))
    if isinstance(block.get("accessory"), Mapping):
        yield _render_block(block["accessory"], deep - 1)


def _list_options(block: Mapping[str, Any]) -> str:
    """What may be chosen of a menu, of buttons or boxes."""
    groups = list_objects(block, "option_groups")
    options = (option for holder in (block, *groups) for option in list_objects(holder, "options"))
    labels = [label for option in options if (label := render_text(option.get("text")))]
    return f"(choices: {list_some(labels)})" if labels else ""


def render_text(value: Any) -> str:
    """A text, alone or as an object; only `mrkdwn` has tokens in it."""
    if isinstance(value, str):
        return break_mentions(value)
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        return ""
    return render_plain_text(value["text"]) if value.get("type") == "mrkdwn" else break_mentions(value["text"])


def _join_elements(elements: Iterable[Mapping[str, Any]]) -> str:
    """The parts of rich text; below a quote stands an empty line, or what follows would be a part of it."""
    said = ""
    for element in elements:
        said += f"{_render_rich_text(element)}\n"
        said += "\n" if element.get("type") == "rich_text_quote" else ""
    return said.rstrip("\n")


def _render_rich_text(element: Mapping[str, Any]) -> str:
    """A section, a list, a quote or a preformatted part of rich text."""
    match element.get("type"):
        case "rich_text_preformatted":
            return fence_code(_render_inline(element))
        case "rich_text_quote":
            return "\n".join(f"> {line}" for line in _render_inline(element).splitlines())
        case "rich_text_list":
            indent = "  " * min(_read_number(element, "indent"), DEEPEST)
            ordered = element.get("style") == "ordered"
            items = enumerate(list_objects(element, "elements"), 1 + _read_number(element, "offset"))
            return "\n".join(
                f"{indent}{f'{number}.' if ordered else '-'} {_render_inline(item)}" for number, item in items
            )
    return _render_inline(element)


def fence_code(code: str) -> str:
    """Code in a fence, unless it has one."""
    return code if code.startswith("```") else f"```\n{code}\n```"


def _render_inline(element: Mapping[str, Any]) -> str:
    return "".join(_render_element(piece) for piece in list_objects(element, "elements"))


def _render_element(piece: Mapping[str, Any]) -> str:
    return _apply_style(_render_unstyled(piece), piece.get("style"))


def _render_unstyled(piece: Mapping[str, Any]) -> str:
    """The words of a piece. Only what is no text names somebody."""
    kind = piece.get("type")
    if kind in _PIECES:
        words, name = _PIECES[kind]
        return words.format(piece.get(name) or "")
    text = break_mentions(str(piece.get("text") or ""))
    if kind == "link":
        return _render_link(break_mentions(str(piece.get("url") or "")), text)
    if kind == "date":
        return break_mentions(str(piece.get("fallback") or "")) or render_time(piece.get("timestamp"))
    return text or break_mentions(str(piece.get("value") or piece.get("fallback") or ""))


def _apply_style(text: str, style: Any) -> str:
    """`text` in the marks that Markdown has for its style."""
    marks = {"bold": "**", "italic": "*", "strike": "~~", "code": "`"}
    for name, mark in marks.items():
        if isinstance(style, Mapping) and style.get(name) and text.strip():
            text = f"{mark}{text}{mark}"
    return text


def _render_row(cells: Any, deep: int) -> str:
    rendered = (_render_cell(cell, deep) for cell in (cells if isinstance(cells, list) else ()))
    return f"| {' | '.join(' '.join(cell.split()).replace('|', SEEN_BAR) for cell in rendered)} |"


def _render_cell(cell: Any, deep: int) -> str:
    if not isinstance(cell, Mapping):
        return ""
    if isinstance(cell.get("value"), int | float):
        return str(cell.get("text") or cell["value"])
    return break_mentions(cell["text"]) if isinstance(cell.get("text"), str) else _render_block(cell, deep - 1)


def _read_number(holder: Mapping[str, Any], name: str) -> int:
    value = holder.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def list_objects(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The JSON objects of a list; none where there is no list."""
    value = holder.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


_KINDS: Mapping[str, Callable[[Mapping[str, Any], int], str]] = {
    "rich_text": lambda block, _: _join_elements(list_objects(block, "elements")),
    "markdown": lambda block, _: str(block.get("text") or ""),
    "header": lambda block, _: f"## {render_text(block.get('text'))}",
    "table": _render_table,
    "plain_text": lambda block, _: render_text(block),
    "mrkdwn": lambda block, _: render_text(block),
    "raw_text": lambda block, _: render_text(block),
    "button": lambda block, _: f"({label})" if (label := fold_lines(render_text(block.get("text")))) else "",
}
