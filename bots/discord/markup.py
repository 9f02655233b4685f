"""Markup: what people write with Discord's tokens, as plain text. Pure."""

import re
from collections.abc import Callable

_TOKENS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<@!(\d+)>"), r"<@\1>"),
    (re.compile(r"<a?(:\w+:)\d+>"), r"\1"),
    (re.compile(r"<(/[^:<>]+):\d+>"), r"\1"),
)
_ROLE = re.compile(r"<@&(\d+)>")
_CHANNEL = re.compile(r"<#(\d+)>")


def render_plain_text(content: str, find_name: Callable[[str], str | None]) -> str:
    """What a person wrote, with Discord's markup in words. `find_name` knows roles and channels by their ids."""
    for pattern, words in _TOKENS:
        content = pattern.sub(words, content)
    content = _ROLE.sub(lambda found: f"@{find_name(found[1]) or 'role'}", content)
    return _CHANNEL.sub(lambda found: f"#{find_name(found[1]) or 'channel'}", content)
