"""One request to a Web API method: what it says, and what it may."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack.nouns import Channel, Post, Raw, Team
from tests.fakes.slack.world import World

ALWAYS = frozenset({"token", "team_id", "pretty"})
"""Arguments that every method takes; Bolt sends `team_id` with each of them."""
PACKED = frozenset({"attachments", "blocks", "chunks", "files", "metadata", "prompts", "view"})
"""Arguments that a form carries as JSON."""


class Refused(Exception):
    """Slack's answer is no: `ok` is false and `error` says why."""

    def __init__(self, error: str, *messages: str, **fields: Any) -> None:
        super().__init__(error)
        self.answer: Raw = {"ok": False, "error": error, **fields}
        if messages:
            self.answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in messages]}


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of a call, with the world it is about and the rights of the token it came with."""

    world: World
    team: Team
    scopes: frozenset[str]
    events: frozenset[str]
    url: str
    arguments: Mapping[str, Any]

    def text(self, name: str) -> str:
        return str(self.arguments.get(name, ""))

    def flag(self, name: str) -> bool:
        return self.arguments.get(name) in {True, "1", "true", "True"}

    def number(self, name: str, otherwise: int, most: int) -> int:
        limit = int(self.arguments.get(name) or otherwise)
        if not 1 <= limit <= most:
            raise Refused("invalid_limit")
        return limit

    def channel(self, name: str = "channel") -> Channel:
        """The conversation it names, if the bot may know of it."""
        channel = self.world.channels.get(self.text(name))
        hidden = channel and channel.kind != "channel" and self.team.bot not in channel.members
        if channel is None or hidden or channel.team != self.team.id:
            raise Refused("channel_not_found")
        return channel

    def joined(self, name: str = "channel") -> Channel:
        """The conversation it names, if the bot is in it."""
        channel = self.channel(name)
        if self.team.bot not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def writable(self, name: str = "channel") -> Channel:
        """The conversation it names, if the bot may post there; a person's id means the direct one."""
        direct = self.world.direct(self.text(name))
        if direct:
            return direct
        channel = self.channel(name)
        if self.team.bot not in channel.members and "chat:write.public" not in self.scopes:
            raise Refused("not_in_channel")
        if channel.archived:
            raise Refused("is_archived")
        return channel

    def post(self, channel: Channel, name: str = "ts") -> Post:
        try:
            return self.world.posts[channel.id, self.text(name)]
        except KeyError:
            raise Refused("message_not_found") from None

    def own(self, channel: Channel, refusal: str) -> Post:
        """The message it names, if the bot wrote it."""
        post = self.post(channel)
        if post.bot_id != self.team.bot_id or not post.bot_id:
            raise Refused(refusal)
        return post


@dataclass(frozen=True, slots=True)
class Method:
    """How a method is called. One of `scopes` is enough; `family` is `history` in `channels:history`."""

    run: Callable[[Request], Raw]
    scopes: tuple[str, ...] = ()
    family: str = ""
    channel: str = "channel"
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] | None = None
    kind: str = "xoxb"

    def check(self, request: Request) -> None:
        """Raise if the token lacks a scope, or an argument is missing or unknown."""
        self._scoped(request)
        given = set(request.arguments) - ALWAYS
        missing = [name for name in self.needs if request.arguments.get(name) in (None, "") and name not in PACKED]
        missing += [name for name in self.needs if name in PACKED and name not in given]
        if missing:
            raise Refused("invalid_arguments", *(f"missing required field: {name}" for name in missing))
        unknown = sorted(given - set(self.needs) - set(self.takes)) if self.takes is not None else []
        if unknown:
            raise Refused("invalid_arguments", *(f"unknown argument: {name}" for name in unknown))

    def wanted(self, request: Request) -> tuple[str, ...]:
        """The scopes of which one is needed for these arguments."""
        channel = request.world.channels.get(request.text(self.channel))
        if not self.family:
            return self.scopes
        families = [channel.scope] if channel else ["channels", "groups", "im", "mpim"]
        return tuple(f"{family}:{self.family}" for family in families)

    def _scoped(self, request: Request) -> None:
        wanted = self.wanted(request)
        if wanted and not request.scopes.intersection(wanted):
            provided = ",".join(sorted(request.scopes))
            raise Refused("missing_scope", needed=",".join(wanted), provided=provided)


def unpacked(name: str, value: Any) -> Any:
    """An argument as it was meant: a form carries lists and objects as JSON."""
    if name not in PACKED or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def page(items: list[Any], request: Request, otherwise: int, most: int) -> tuple[list[Any], str]:
    """The part of `items` that the cursor asks for, and the cursor of the next part: "" at the end."""
    limit = request.number("limit", otherwise, most)
    start = offset(request.text("cursor"))
    end = start + limit
    return items[start:end], f"next:{end}" if end < len(items) else ""


def offset(cursor: str) -> int:
    """Where a cursor points to."""
    if not cursor:
        return 0
    if not cursor.startswith("next:") or not cursor[5:].isdigit():
        raise Refused("invalid_cursor")
    return int(cursor[5:])
