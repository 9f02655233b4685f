"""Addresses on Discord: of a question, what it takes to answer it, stored as JSON; of a message, its permalink."""

import json
import re
from typing import Annotated, Self

from pydantic import BaseModel, Field, PlainSerializer

from core.domain.messages import LinkTarget, Message

LINK = "https://discord.com/channels/{}/{}/{}"

_LINK = re.compile(
    r"https://(?:(?:canary|ptb)\.)?discord(?:app)?\.com/channels/(@me|\d+)/(\d+)(?:/(\d+))?/?(?:[?#].*)?", re.ASCII
)

Permissions = Annotated[int, PlainSerializer(str)]
"""A bit set, in JSON a number in words, as Discord writes it."""


class DiscordAddress(BaseModel, frozen=True):
    """Where and how a question is answered. What older versions stored is read; their keys are kept."""

    at: str | None = None
    """The channel or thread that it stands in; the channel of its key if none is named."""
    title: str | None = None
    """The name of the thread that its answer may open."""
    application: str | None = None
    """Whose interaction it is; None for a message."""
    token: str | None = Field(default=None, repr=False)
    """The token of that interaction, for 15 minutes."""
    permissions: Permissions | None = None
    """What the server says that the person may do; of interactions in servers."""
    prompt: str | None = None
    """The beginning of what was asked with `/ask`, to be quoted above the answer."""
    command: str | None = None
    """The name of the command that it was made of. It may open a question again, which then has this address."""
    under: str | None = None
    """Of a press, or of a command that replies to a page of ours: the page that further pages reply to.

    A press's token speaks to its person alone. Its first answer is the page that has the button, whichever that is, or
    what they were told at once. So what all may see is shown as messages, which no token ends.
    """
    visible: bool | None = None
    """Of what is asked where we are no member, and kept nowhere: whether all see its answer."""
    person: str | None = None
    """Of a press, or of a command: whose the permissions are, who need not be the asker."""

    @classmethod
    def parse(cls, stored: str) -> Self:
        """Read what `dump` wrote. Raises ValueError."""
        return cls.model_validate(json.loads(stored))  # not model_validate_json: it refuses lone surrogates

    def dump(self) -> str:
        """Write it as JSON, without what is not set."""
        return json.dumps(self.model_dump(exclude_none=True))


def write_link(guild: str | None, channel: str, message: Message, thread: str) -> str:
    """The permalink of a message; one that replies, or begins a thread, stands in the channel itself."""
    at = channel if message.parent or message.id == thread else thread
    known = at.isdecimal() and message.id.isdecimal()
    return LINK.format(guild or "@me", at, message.id) if known else ""


def read_link(link: str, guild: str | None) -> LinkTarget | None:
    """What a permalink names, if it is of this server, or of direct messages without one."""
    found = _LINK.fullmatch(link.strip())
    return LinkTarget(found[3] or "", found[2]) if found and found[1] == (guild or "@me") else None
