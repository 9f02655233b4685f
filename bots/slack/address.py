"""Addresses on Slack: of a question, what it takes to answer it, stored as JSON; of a message, its permalink."""

import json
import re
from typing import Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, Field

from core.domain.messages import LinkTarget

HOST = ".slack.com"

_PATH = re.compile(r"/archives/([A-Z0-9]+)/p(\d{10})(\d{6})/?", re.ASCII)
_STAMP = re.compile(r"\d{10}\.\d{6}", re.ASCII)


class SlackAddress(BaseModel, frozen=True):
    """Where a command is answered. Messages need none. What older versions stored is read; their keys are kept."""

    url: str = Field(default="", repr=False)
    """The response_url of a slash command, good for half an hour."""
    home: bool = False
    """Whether the command was given by a form of the home tab, which then tells something else."""

    @classmethod
    def parse(cls, stored: str) -> Self:
        """Read what `dump` wrote. Raises ValueError."""
        return cls.model_validate(json.loads(stored))  # not model_validate_json: it refuses lone surrogates

    def dump(self) -> str:
        """Write it as JSON."""
        return json.dumps(self.model_dump(exclude=None if self.home else {"home"}))


def write_link(url: str, channel: str, message: str, thread: str) -> str:
    """The permalink of a message in a workspace that people open at `url`; empty for what is no message of Slack's."""
    if not (url and _STAMP.fullmatch(message)):
        return ""
    inside = f"?thread_ts={thread}&cid={channel}" if _STAMP.fullmatch(thread) and thread != message else ""
    return f"{url}archives/{channel}/p{message.replace('.', '')}{inside}"


def read_link(link: str, url: str, channel: str) -> LinkTarget | None:
    """The message that a permalink names, with its thread, if it is of this channel, whichever workspace shares it."""
    try:
        parts = urlsplit(link.strip().replace("&amp;", "&"))
        host, ours = parts.hostname or "", urlsplit(url).hostname
    except ValueError:  # brackets that hold no address
        return None
    found = _PATH.fullmatch(parts.path)
    if parts.scheme != "https" or not found or found[1] != channel or not (host == ours or host.endswith(HOST)):
        return None
    message = f"{found[2]}.{found[3]}"
    thread = parse_qs(parts.query).get("thread_ts", [message])[0]
    return LinkTarget(message, thread if _STAMP.fullmatch(thread) else message)
