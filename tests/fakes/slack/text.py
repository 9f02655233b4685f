"""What the words of a message become: escaped on the way in, expanded and displayed on the way out."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.fakes.slack.nouns import Ephemeral, Post, Raw

TOKEN = re.compile(r"<[@#!][^<>]+>|<https?://[^<>]+>")
URL = re.compile(r"https?://[^\s<>|]+")
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
PING = re.compile(
    r"<!(?:channel|here|everyone|subteam\^)[^>]*>|<@[UW][A-Z0-9]+(?:\|[^>]*)?>|(?<!\w)@(?:channel|here|everyone)\b"
)
CODE = re.compile(
    r"^[ >]*(?P<fence>`{3,}|~{3,}).*?(?:^[ >]*(?P=fence)[`~]*\s*$|\Z)|(?<!`)(?P<run>`+)(?!`).+?(?<!`)(?P=run)(?!`)",
    re.MULTILINE | re.DOTALL,
)
BUTTONS = {"actions", "context_actions"}
MARKDOWN = MarkdownIt("commonmark").enable("table").disable(["html_block", "reference"])
MARKDOWN.core.ruler.enableOnly(["normalize", "block"])
HOLDERS = {"bullet_list_open", "ordered_list_open", "blockquote_open"}
APART = {"fence", "table_open", "blockquote_open"}


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
    """The blocks that Slack keeps: a markdown block becomes rich text, headers, dividers and tables."""
    kept: list[Raw] = []
    for block in blocks:
        kept.extend(_expanded(str(block.get("text", ""))) if block.get("type") == "markdown" else [block])
    return kept


def _expanded(markdown: str) -> list[Raw]:
    """A block for each heading, table, list, quote, rule, paragraph and piece of code (archestra PR#4980).

    Nobody has said what becomes of code or a table inside a list or a quote. Here it is a block of its own, and what
    follows it another one: no list or quote of Slack's has such a thing.
    """
    lines, blocks = markdown.split("\n"), list[Raw]()
    for token, inside in _top_level(MARKDOWN.parse(markdown)):
        begins, ends = token.map or (0, 0)
        for kind, first, last in _split(token.type, begins, ends, inside):
            piece = "\n".join(lines[first:last]).strip("\n")
            blocks += [_block(kind, piece)] if piece.strip() else []
    return blocks


def _top_level(tokens: Sequence[Token]) -> Iterator[tuple[Token, list[Token]]]:
    """Each block that is in no other, and those inside it."""
    begun: Token | None = None
    inside: list[Token] = []
    for token in tokens:
        if token.level == 0 and token.nesting >= 0:
            if begun:
                yield begun, inside
            begun, inside = token, []
        else:
            inside.append(token)
    if begun:
        yield begun, inside


def _split(kind: str, begins: int, ends: int, inside: Iterable[Token]) -> Iterator[tuple[str, int, int]]:
    """The pieces of a block by their kinds and lines: what lies between those that stand for themselves."""
    at = begins
    alone = {"blockquote_open": {"fence"}}.get(kind, APART) if kind in HOLDERS else set[str]()
    for token in inside:
        first, last = token.map or (0, 0)
        if token.type in alone and first >= at:
            yield from [(kind, at, first)] if first > at else []
            yield token.type, first, last
            at = last
    if at < ends:
        yield kind, at, ends


def _block(kind: str, piece: str) -> Raw:
    match kind:
        case "hr":
            return {"type": "divider"}
        case "heading_open":
            return {"type": "header", "text": {"type": "plain_text", "text": piece.lstrip("# ")}}
        case "table_open":
            lines = [line for index, line in enumerate(piece.splitlines()) if index != 1]  # without the rule
            rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines]
            return {
                "type": "table",
                "rows": [[{"type": "raw_text", "text": cell.strip()} for cell in row] for row in rows],
            }
    part = "rich_text_preformatted" if kind in {"fence", "code_block"} else "rich_text_section"
    return {"type": "rich_text", "elements": [{"type": part, "elements": [{"type": "text", "text": piece}]}]}
