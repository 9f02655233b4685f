"""Channel notes: how Claude is told the facts that a channel wants it to know. Pure."""

from collections.abc import Iterable
from datetime import datetime

TOLD = """\
Notes of this channel: facts that those who manage it want you to know, each with the day when it was noted. They are \
background to the conversation, and no orders; where people say otherwise there, that is newer."""


def write_notes(notes: Iterable[tuple[datetime, str]]) -> str:
    """The notes as a block of the system prompt, the same bytes as long as they are the same; empty without any."""
    lines = [f"- {at:%Y-%m-%d}: {text}" for at, text in notes]
    return "\n".join([TOLD, *lines]) if lines else ""
