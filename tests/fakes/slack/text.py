"""What the words of a message become: escaped on the way in, expanded and displayed on the way out."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.fakes.slack.nouns import Ephemeral, Post, Raw

TOKEN = re.compile(r"<[@#!][^<>]+>|<https?://[^<>]+>")
URL = re.compile(r"https?://[^\s<>|]+")
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
PING = re.compile(
    r"<!(?:channel|here|everyone|subteam\^)[^>]*>|<@[UW][A-Z0-9]+(?:\|[^>]*)?>|(?<!\w)@(?:channel|here|everyone)\b"
)
FENCE = re.compile(r"^(```|~~~).*?(?:^\1\s*$|\Z)", re.MULTILINE | re.DOTALL)
CODE = re.compile(
    r"^[ >]*(?P<fence>`{3,}|~{3,}).*?(?:^[ >]*(?P=fence)[`~]*\s*$|\Z)|(?<!`)(?P<run>`+)(?!`).+?(?<!`)(?P=run)(?!`)",
    re.MULTILINE | re.DOTALL,
)
TABLE = re.compile(r"(?:^\|.*\n?)+", re.MULTILINE)
BUTTONS = {"actions", "context_actions"}
HEADING = re.compile(r"^#{1,6}\s", re.MULTILINE)


def typed(text: str) -> str:
    """What a person typed, as events carry it: mentions and links in angle brackets, everything else escaped."""
    parts = re.split(f"({TOKEN.pattern}|{URL.pattern})", text)
    return "".join(_token(part) if index % 2 else escaped(part) for index, part in enumerate(parts))


def _token(part: str) -> str:
    return part if part.startswith("<") else f"<{escaped(part)}>"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mentions(text: str) -> list[str]:
    """The ids of everybody mentioned in `text`."""
    return MENTION.findall(text)


def rich(text: str) -> Raw:
    """The rich text block that Slack makes of what a person typed."""
    parts = MENTION.split(text)
    elements = [
        {"type": "user", "user_id": part} if i % 2 else {"type": "text", "text": part} for i, part in enumerate(parts)
    ]
    section = {"type": "rich_text_section", "elements": [each for each in elements if each.get("text") != ""]}
    return {"type": "rich_text", "block_id": "b0", "elements": [section]}


def words(value: Any) -> Iterator[str]:
    """Every text in blocks or attachments, in order; mentions in rich text as `<@U..>` and `<!here>`."""
    if isinstance(value, dict):
        match value.get("type"):
            case "user":
                yield f"<@{value.get('user_id')}>"
            case "broadcast":
                yield f"<!{value.get('range')}>"
        for key, inner in value.items():
            if key in {"text", "fallback", "pretext", "title", "alt_text", "footer"} and isinstance(inner, str):
                yield inner
            elif isinstance(inner, (dict, list)):
                yield from words(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from words(inner)


def displayed(post: Post | Ephemeral) -> str:
    """What people read in a channel: the blocks of an app's message but its buttons, else the text, unescaped."""
    blocks = [block for block in post.blocks if block.get("type") not in BUTTONS]
    rows = [post.text] if isinstance(post, Post) and not post.bot_id else [*map(_row, blocks)] or [post.text]
    return unescaped("\n".join(rows))


def _row(block: Raw) -> str:
    return ("" if block.get("type") == "rich_text" else "\n").join(words(block))


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def pings(texts: Iterable[str]) -> list[str]:
    """Everything in `texts` that would notify somebody; what is code in Markdown does not."""
    return [ping for text in texts for ping in PING.findall(CODE.sub("", text))]


def expanded(blocks: Iterable[Raw]) -> list[Raw]:
    """The blocks that Slack keeps: a markdown block becomes rich text, headers and tables (archestra PR#4980)."""
    kept: list[Raw] = []
    for block in blocks:
        kept.extend(_expanded(str(block.get("text", ""))) if block.get("type") == "markdown" else [block])
    return kept


def _expanded(markdown: str) -> list[Raw]:
    """One block a heading, a fence, a table and a paragraph: an approximation that errs on the side of more."""
    pieces: list[str] = []
    end = 0
    for fence in FENCE.finditer(markdown):
        pieces += [*markdown[end : fence.start()].split("\n\n"), fence[0]]
        end = fence.end()
    pieces += markdown[end:].split("\n\n")
    return [_block(piece.strip("\n")) for piece in pieces if piece.strip()]


def _block(piece: str) -> Raw:
    if piece.startswith(("```", "~~~")):
        kind = "rich_text_preformatted"
    elif HEADING.match(piece):
        return {"type": "header", "text": {"type": "plain_text", "text": piece.lstrip("# ")}}
    elif TABLE.match(piece):
        cells = [
            [{"type": "raw_text", "text": cell.strip()} for cell in row.strip("|").split("|")]
            for row in piece.splitlines()
        ]
        return {"type": "table", "rows": cells}
    else:
        kind = "rich_text_section"
    return {"type": "rich_text", "elements": [{"type": kind, "elements": [{"type": "text", "text": piece}]}]}
