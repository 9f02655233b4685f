"""Appendable: how much of a page that grows can be appended to a stream, where nothing is ever taken back. Pure."""

import re

from bots.slack.formatting import build_blocks, defuse_mentions

MARKS = "*_~`"  # that close what a text left open, above a note

_UNSURE = re.compile(
    r"\[[^\]\n]*(?:\](?:\([^)\n]*)?)?\Z"  # a link: the address behind its label may be written another way
    r"|[<@&\\\uff20\ufe6b]\S*\Z"  # a word that may become a mention, and then be defused
)
_FENCE = re.compile(r"[ \t>]*(?:`{3}|~{3}|[`~]{1,2}\Z)")
"""A line that opens or closes a code block, or may become one: what closes it may be ours, as long as text grows."""


def write_markdown(page: str) -> str | None:
    """A page as one text in Markdown that notifies nobody; None where it takes other blocks."""
    blocks = build_blocks(page)
    return str(blocks[0]["text"]) if [block["type"] for block in blocks] == ["markdown"] else None


def find_stable_end(text: str) -> int:
    """How much of a text that grows stays as it is, whatever follows.

    The end lies between two visible characters, for Slack may drop spaces where two appended texts meet.
    """
    end = len(text)
    while end and _FENCE.match(text, start := text.rfind("\n", 0, end) + 1, end):
        end = max(0, start - 1)
    if unsure := _UNSURE.search(text, text.rfind("\n", 0, end) + 1, end):
        end = unsure.start()
    while end and (end >= len(text) or text[end].isspace() or text[end - 1].isspace()):
        end -= 1
    return end


def notifies(text: str) -> bool:
    """Whether a text would notify somebody if Slack looked at it alone, as in a code block whose beginning it lacks."""
    return defuse_mentions(text) != text


def is_whole(text: str) -> bool:
    """Whether a text notifies nobody as it stands: what is code in all of a page may not be code in a part of it."""
    return write_markdown(text) == text
