"""What Slack refuses in a message: too long, too many, or not what it should be."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from tests.fakes.slack import elements as slack_elements
from tests.fakes.slack.nouns import Ping, Raw
from tests.fakes.slack.request import Refused, Request
from tests.fakes.slack.text import expanded, pings, words
from tests.fakes.slack.world import BLOCKS, BLOCKS_TEXT

TEXT = 40_000  # longer text is cut (docs.slack.dev, chat.postMessage: message_truncated)
UPDATED_TEXT = 4_000  # chat.update refuses longer text where chat.postMessage would cut it
MARKDOWN = 12_000  # of all markdown blocks together, and of markdown_text (docs.slack.dev); UTF-16 units, to be strict
SECTION = 3_000  # characters of a section's text
HEADER = 150  # characters of a header
ROWS, COLUMNS = 100, 20  # of a table
CELLS = 10_000  # characters of all tables of a message
METADATA = 16_000  # no number is published; long before it an adapter has put text where ids belong
LOADING_MESSAGES = 10  # docs.slack.dev, assistant.threads.setStatus
KINDS = frozenset(
    [
        "actions",
        "alert",
        "card",
        "carousel",
        "container",
        "context",
        "context_actions",
        "divider",
        "file",
        "header",
        "image",
        "input",
        "markdown",
        "plan",
        "rich_text",
        "section",
        "table",
        "task_card",
        "video",
    ]
)


def content(request: Request, most: int = TEXT) -> tuple[str, list[Raw], list[Raw]]:
    """Text, blocks and attachments of a message that Slack would take.

    Raises `Refused`: markdown_text_conflict, no_text, msg_too_long, and those of `blocks`.
    """
    text, markdown = request.text("text"), request.text("markdown_text")
    given, attachments = listed(request, "blocks"), listed(request, "attachments")
    if markdown and (text or given):
        raise Refused("markdown_text_conflict")
    if not (text.strip() or markdown.strip() or given or attachments):
        raise Refused("no_text")
    if len(markdown) > MARKDOWN or (most < TEXT and len(text) > most):
        raise Refused("msg_too_long")
    kept = [{"type": "markdown", "text": markdown}] if markdown else given
    world = request.world
    blocks(kept, world.unknown_blocks, world.most_text, world.most_blocks)
    return text or markdown, kept, attachments


def listed(request: Request, name: str) -> list[Raw]:
    """A list of objects; raises `Refused` for anything else."""
    value: Any = request.arguments.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Refused(f"invalid_{name}_format" if name == "blocks" else f"invalid_{name}")
    return value


def blocks(given: Sequence[Raw], unknown: Collection[str] = (), ceiling: int = BLOCKS_TEXT, most: int = BLOCKS) -> None:
    """Raise `Refused` unless these blocks may be one message of a workspace that has all kinds but `unknown` ones."""
    for index, block in enumerate(given):
        _block(index, block, unknown)
    slack_elements.check(given)
    if sum(units(str(block.get("text", ""))) for block in given if block["type"] == "markdown") > MARKDOWN:
        raise Refused("msg_blocks_too_long")
    if sum(units(text) for text in words(list(given))) > ceiling:
        raise Refused("msg_blocks_too_long")
    kept = expanded(given)
    if len(kept) > most:
        raise Refused("invalid_blocks", f"no more than {most} items allowed [json-pointer:/blocks]")
    tables([block for block in kept if block["type"] == "table"])


def units(text: str) -> int:
    """The length of a text as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def tables(given: Sequence[Raw]) -> None:
    """Raise `Refused` if a table is too large, or all of them together."""
    for table in given:
        if len(table["rows"]) > ROWS or max(map(len, table["rows"]), default=0) > COLUMNS:
            raise Refused("invalid_blocks", "a table has too many rows or columns [json-pointer:/blocks]")
    if sum(units(cell) for cell in words(list(given))) > CELLS:
        raise Refused("invalid_blocks", "tables have too many characters [json-pointer:/blocks]")


def _block(index: int, block: Raw, unknown: Collection[str]) -> None:
    where = f"[json-pointer:/blocks/{index}]"
    if block.get("type") not in KINDS or block["type"] in unknown:
        raise Refused("invalid_blocks", f"unsupported type: {block.get('type')} {where}")
    limit = {"section": SECTION, "header": HEADER}.get(block["type"])
    text = block.get("text")
    if limit and isinstance(text, dict) and not 0 < len(text.get("text", "")) <= limit:
        raise Refused("invalid_blocks", f"must be between 1 and {limit} characters {where}")
    if block["type"] == "markdown" and not (isinstance(text, str) and text):
        raise Refused("invalid_blocks", f"missing required field: text {where}")
    if block["type"] == "section" and not (text or block.get("fields")):
        raise Refused("invalid_blocks", f"missing required field: text or fields {where}")


def metadata(request: Request) -> Raw | None:
    """The metadata sent; raises `Refused`: invalid_metadata_format, invalid_metadata_schema, metadata_too_large."""
    given: Any = request.arguments.get("metadata")
    if given is None or given == {}:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    if not isinstance(given.get("event_type"), str) or not given["event_type"]:
        raise Refused("invalid_metadata_format")
    if set(given) - {"event_type", "event_payload"}:
        raise Refused("invalid_metadata_schema")
    if len(json.dumps(given)) > METADATA:
        raise Refused("metadata_too_large")
    return given


def cut(text: str) -> tuple[str, Raw]:
    """Text as Slack keeps it, and what its answer says about that."""
    if len(text) <= TEXT:
        return text, {}
    return text[:TEXT], {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}


def noticed(request: Request, channel: str, *parts: Any) -> None:
    """Write down whom a message of the app would notify."""
    for ping in pings(words([{"text": part} if isinstance(part, str) else part for part in parts])):
        request.world.pings.append(Ping(ping, channel, " ".join(str(part) for part in parts)[:200]))
