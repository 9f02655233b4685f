"""Markup: what people write with Discord's tokens, as plain text. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

_TOKENS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<@!(\d+)>"), r"<@\1>"),
    (re.compile(r"<a?(:\w+:)\d+>"), r"\1"),
    (re.compile(r"<(/[^:<>]+):\d+>"), r"\1"),
    (re.compile(r"<id:(\w+)>"), r"#\1"),
)
_ROLE = re.compile(r"<@&(\d+)>")
_CHANNEL = re.compile(r"<#(\d+)>")
_TIME = re.compile(r"<t:(-?\d{1,11})(?::[a-zA-Z])?>")


def render_plain_text(content: str, find_name: Callable[[str], str | None]) -> str:
    """What a person wrote, with Discord's markup in words. `find_name` knows roles and channels by their ids.

    A channel that it does not know stays `<#ID>`, for others may.
    """
    for pattern, words in _TOKENS:
        content = pattern.sub(words, content)
    content = _TIME.sub(_render_time, content)
    content = _ROLE.sub(lambda found: f"@{(find_name(found[1]) or 'role').lstrip('@')}", content)
    return _CHANNEL.sub(lambda found: f"#{name}" if (name := find_name(found[1])) else found[0], content)


def read_name(user: Mapping[str, Any], member: Mapping[str, Any]) -> str:
    """A person's display name: the server's own for them, else theirs, else the account's."""
    return str(member.get("nick") or user.get("global_name") or user["username"])


def _render_time(found: re.Match[str]) -> str:
    try:
        return f"{datetime.fromtimestamp(int(found[1]), UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return found[0]
