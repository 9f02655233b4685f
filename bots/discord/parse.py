"""Parsing: messages, as Discord's API and gateway write them, become core's events and messages. Pure."""

import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from discord.utils import snowflake_time

from bots.discord import formatting, markup
from bots.discord.address import DiscordAddress
from core.domain.events import Deleted, Edited, Posted
from core.domain.messages import Asks, Attachment, Message, ThreadKey

Json = dict[str, Any]

WORKSPACE = "discord:{}"
DIRECT = WORKSPACE.format("@me")  # the workspace of direct messages
SPOKEN = {0, 19, 20, 23}  # types of messages in which somebody says something: plain, reply, slash, context menu
ASKING = {0, 19}
REPLY, FORWARD = 0, 1  # types of references
TITLE = 90  # characters of a thread's name; Discord takes 100


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who we are, and what things are called."""

    id: str
    roles: frozenset[str] = frozenset()
    """Roles that nobody but us has: who mentions one means us."""
    find_name: Callable[[str], str | None] = lambda _: None
    """The name of a role or a channel, by its id."""


@dataclass(frozen=True, slots=True)
class ChannelPlace:
    """A channel in which messages stand. `at` is its id; of a thread, `channel` is its parent's."""

    workspace: str
    channel: str
    at: str
    whole: bool = False
    """All of it is one conversation: a thread, or direct messages."""

    def key(self, root: str) -> ThreadKey:
        """The thread of a message that belongs to the one named `root`."""
        return ThreadKey(self.workspace, self.channel, self.at if self.whole else root)


def parse_post(payload: Json, place: ChannelPlace, us: BotIdentity) -> Posted | None:
    """The event of a MESSAGE_CREATE; None for what nobody says, such as a pin."""
    message = parse_message(payload, place, us)
    if message is None:
        return None
    address = DiscordAddress(at=place.at, title=formatting.shorten(message.text, TITLE)).dump()
    return Posted(message.id, place.key(_find_root(message)), message, classify_question(payload, place, us), address)


def parse_edit(payload: Json, place: ChannelPlace, us: BotIdentity) -> Edited | None:
    """The event of a MESSAGE_UPDATE; None where no words changed (a thread began), or they are kept from us."""
    when = payload.get("edited_timestamp")
    mine = payload["author"]["id"] == us.id
    message = parse_message(payload, place, us) if (when or mine) and has_content(payload) else None
    if message is None:
        return None
    return Edited(f"{message.id}:{when}", place.key(_find_root(message)), message)


def parse_deletion(payload: Json, place: ChannelPlace, now: datetime) -> list[Deleted]:
    """The events of a MESSAGE_DELETE or a MESSAGE_DELETE_BULK."""
    ids = payload.get("ids") or [payload["id"]]
    return [Deleted(f"{one}:deleted", place.key(""), one, now) for one in ids]


def parse_message(payload: Json, place: ChannelPlace, us: BotIdentity) -> Message | None:
    """A message as the API, the gateway or a history shows it; None for what nobody says."""
    if payload["type"] not in SPOKEN:
        return None
    mine = payload["author"]["id"] == us.id
    text, notice = _parse_text(payload, us), False
    if mine:
        _, text, notice = formatting.split_page(payload["content"], is_slash_answer(payload))
    changed = payload.get("edited_timestamp")
    answered = find_answered_question(payload) if mine else None
    return Message(
        id=payload["id"],
        author=payload["author"]["id"],
        text=text,
        at=snowflake_time(int(payload["id"])),
        mine=mine,
        bot=not mine and bool(payload["author"].get("bot") or payload.get("webhook_id")),
        parent=None if place.whole else find_reply_target(payload) or answered,
        answers=answered,
        notice=notice,
        edited=datetime.fromisoformat(changed) if changed else None,
        attachments=tuple(_parse_attachments(payload)),
    )


def parse_quoted_question(payload: Json) -> Message | None:
    """The question that is quoted above one of our slash answers."""
    asked = formatting.split_page(payload["content"], is_slash_answer(payload))[0]
    metadata = payload.get("interaction_metadata")
    if not (asked and metadata):
        return None
    return Message(metadata["id"], metadata["user"]["id"], asked, snowflake_time(int(metadata["id"])))


def classify_question(payload: Json, place: ChannelPlace, us: BotIdentity) -> Asks:
    """Whether a message wants an answer. A bot has to mention us in so many letters; a reply's ping is no mention."""
    author = payload["author"]
    if author["id"] == us.id or payload["type"] not in ASKING or not has_content(payload):
        return Asks.NO
    if author.get("bot") or payload.get("webhook_id"):
        return Asks.CERTAINLY if is_mentioned(payload["content"], us) else Asks.NO
    target = payload.get("referenced_message") or {}
    to_us = target.get("author", {}).get("id") == us.id and find_reply_target(payload) is not None
    if to_us or place.workspace == DIRECT or is_mentioned(payload["content"], us):
        return Asks.CERTAINLY
    return Asks.PERHAPS if place.whole else Asks.NO


def is_mentioned(content: str, us: BotIdentity) -> bool:
    """Whether we are mentioned in so many letters."""
    return bool(_compile_mention(us).search(content))


def has_content(payload: Json) -> bool:
    """Whether there is anything to read. Without the MESSAGE_CONTENT intent most messages come empty."""
    parts = ("content", "attachments", "sticker_items", "message_snapshots", "poll")
    return any(payload.get(part) for part in parts)


def find_reply_target(payload: Json) -> str | None:
    """The message that one replies to, in the same channel; a forward replies to nothing."""
    reference = payload.get("message_reference") or {}
    here = reference.get("channel_id", payload["channel_id"]) == payload["channel_id"]
    return reference.get("message_id") if here and reference.get("type", REPLY) == REPLY else None


def is_slash_answer(payload: Json) -> bool:
    """Whether a page of ours is the first answer to a slash command."""
    return payload.get("interaction_metadata") is not None and find_reply_target(payload) is None


def find_answered_question(payload: Json) -> str | None:
    """The name of the question that a page of ours answers: an interaction's, or the message's that it replies to.

    The later pages of a slash answer reply to its first one.
    """
    if metadata := payload.get("interaction_metadata"):
        return str(metadata["id"])
    target = payload.get("referenced_message") or {}
    if target.get("author", {}).get("id") == payload["author"]["id"]:
        return find_answered_question(target) or find_reply_target(payload)
    return find_reply_target(payload)


def _find_root(message: Message) -> str:
    """What a message belongs to, as far as it says so itself."""
    return message.answers or message.parent or message.id


def _compile_mention(us: BotIdentity) -> re.Pattern[str]:
    roles = "".join(f"|&{role}" for role in us.roles)
    return re.compile(f"<@(?:!?{us.id}{roles})>")


def _parse_text(payload: Json, us: BotIdentity) -> str:
    """All the words of a message of somebody else, ours dropped where it only calls us."""
    content = re.sub(rf"^\s*(?:{_compile_mention(us).pattern}[\s,:]*)+", "", payload["content"])
    forwarded = [
        f"(forwarded) {shown['content']}"
        for snapshot in payload.get("message_snapshots") or ()
        if (shown := snapshot["message"]).get("content")
    ]
    stickers = [f"(sticker: {sticker['name']})" for sticker in payload.get("sticker_items") or ()]
    poll = (payload.get("poll") or {}).get("question", {}).get("text")
    parts = (content, *forwarded, *stickers, f"(poll: {poll})" if poll else "")
    return "\n".join(markup.render_plain_text(part, us.find_name) for part in parts if part)


def _parse_attachments(payload: Json) -> Iterator[Attachment]:
    """Its own files, and those of what it forwards. Long pastes come without a type."""
    shown = [payload, *(snapshot["message"] for snapshot in payload.get("message_snapshots") or ())]
    for one in (file for part in shown for file in part.get("attachments") or ()):
        name = one["filename"]
        kind = one.get("content_type") or mimetypes.guess_type(name)[0] or "application/octet-stream"
        yield Attachment(one["id"], name, kind.partition(";")[0], one["size"], one["url"])
