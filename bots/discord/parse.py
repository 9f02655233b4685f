"""Parsing: messages, as Discord's API and gateway write them, become core's events and messages. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from discord.utils import snowflake_time, time_snowflake

from bots.discord import formatting, markup, message_content
from bots.discord.address import DiscordAddress
from core.commands import TABLE
from core.commands.craft.attached_files import list_taken_files
from core.commands.help import is_call_for_help
from core.commands.registry import UsageError, find_command, is_answered_privately
from core.domain.events import Commanded, Deleted, Edited, Posted
from core.domain.messages import HEADING, Asks, Message, Question, Quote, ThreadKey
from core.prompting.code_spans import drop_code
from core.prompting.names import replace_ids

Json = dict[str, Any]

WORKSPACE = "discord:{}"
DIRECT = WORKSPACE.format("@me")  # the workspace of direct messages
PLAIN = 0  # type of a message that somebody just says
SPOKEN = {
    PLAIN,
    19,
    20,
    23,
    46,
}  # types that say something: plain, reply, slash, context menu, a poll's result
POLL_RESULT = 46
ASKING = {PLAIN, 19}
REPLY = 0  # type of a reference; a forward's is 1
KNOWN = 1_000  # servers whose role of ours is looked for as fast as elsewhere
TITLE = 90  # characters of a thread's name; Discord takes 100

_OTHERS = re.compile(r"<@&\d+>|(?<!\w)@(?:everyone|here)\b")


@dataclass(frozen=True, slots=True)
class ForumPost:
    """Title and tags of a forum post, and who opened it."""

    title: str
    author: str


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who we are, and what things are called."""

    id: str
    roles: frozenset[str] = frozenset()
    """Roles that nobody but us has: who mentions one means us."""
    find_name: Callable[[str], str | None] = lambda _: None
    """The name of a role or a channel, by its id."""
    find_post: Callable[[str], ForumPost | None] = lambda _: None
    """The forum post whose thread has this id; None for other threads."""


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


def parse_post(payload: Json, place: ChannelPlace, us: BotIdentity) -> Posted | Commanded | None:
    """The event of a MESSAGE_CREATE; None for what nobody says, such as a pin."""
    message = parse_message(payload, place, us)
    if message is None:
        return None
    asks = classify_question(payload, place, us)
    if asks is Asks.CERTAINLY and (command := _parse_command(message, payload, place, us)):
        return command
    root = place.at if place.whole else _find_root(message)
    return Posted(
        message.id,
        place.key(root),
        message,
        asks,
        "{}" if asks is Asks.NO else _build_address(message, place, payload),
        begins=not place.whole and root == message.id and "thread" not in payload,
        begun_at=snowflake_time(int(root)) if root != message.id else None,
    )


def parse_edit(payload: Json, place: ChannelPlace, us: BotIdentity) -> Edited | Posted | Commanded | None:
    """The event of a MESSAGE_UPDATE; None where no words changed (a thread began), or they are kept from us.

    A preview that came is no edit: the message is shown again, with it. An edit may make a command of a message.
    """
    when = payload.get("edited_timestamp")
    mine = payload["author"]["id"] == us.id
    message = parse_message(payload, place, us) if message_content.has_content(payload) else None
    if message is None:
        return None
    key = place.key(_find_root(message))
    if not (when or mine):
        return Posted(message.id, key, message) if message.quotes else None
    asks = None if mine or _is_target_missing(payload) else classify_question(payload, place, us)
    if message.bot and asks is not Asks.CERTAINLY:  # it may add a mention, and takes no question back
        asks = None
    if asks is Asks.CERTAINLY and (command := _parse_command(message, payload, place, us)):
        return command
    return Edited(f"{message.id}:{when}", key, message, asks, _build_address(message, place, payload))


def is_whole(payload: Json) -> bool:
    """Whether a MESSAGE_UPDATE shows the message. One without its words says only what else of it has changed."""
    return all(part in payload for part in ("author", "content"))


def parse_deletion(payload: Json, place: ChannelPlace, now: datetime, us: BotIdentity) -> list[Deleted | Posted]:
    """The events of a MESSAGE_DELETE or a MESSAGE_DELETE_BULK. A forum post keeps its title."""
    ids = payload.get("ids") or [payload["id"]]
    deleted = [Deleted(f"{one}:deleted", place.key(""), one, now) for one in ids]
    title = parse_title(place, us) if place.at in ids else None
    return [*deleted, Posted(title.id, place.key(""), title)] if title else [*deleted]


def parse_title(place: ChannelPlace, us: BotIdentity) -> Message | None:
    """What a forum post is called, as a message for where its first one is gone, with the id after that one's.

    None for other threads.
    """
    post = us.find_post(place.at) if place.whole else None
    if post is None:
        return None
    text = markup.render_plain_text(post.title, us.find_name)
    return Message(str(int(place.at) + 1), post.author, text, snowflake_time(int(place.at)))


def parse_message(payload: Json, place: ChannelPlace, us: BotIdentity) -> Message | None:
    """A message as the API, the gateway or a history shows it; None for what nobody says."""
    if payload["type"] not in SPOKEN:
        return None
    mine = payload["author"]["id"] == us.id
    _, text, notice = (
        formatting.split_page(payload["content"], is_slash_answer(payload))
        if mine
        else ("", _parse_text(payload, place, us), False)
    )
    changed = payload.get("edited_timestamp")
    answered = find_answered_question(payload) if mine else None
    return Message(
        id=payload["id"],
        author=payload["author"]["id"],
        text=text,
        at=snowflake_time(int(payload["id"])),
        mine=mine,
        bot=not mine and message_content.is_from_bot(payload),
        parent=None if place.whole else find_reply_target(payload) or answered,
        answers=answered,
        notice=notice,
        edited=datetime.fromisoformat(changed) if changed else None,
        attachments=tuple(message_content.list_attachments(payload)),
        quotes=() if mine else tuple(_parse_quotes(payload, us)),
        speaker="" if mine else _parse_speaker(payload),
    )


def parse_quoted_question(payload: Json, us: BotIdentity) -> Message | None:
    """The question that is quoted above one of our slash answers; what others quote, nobody asked us."""
    if payload["author"]["id"] != us.id:
        return None
    asked = formatting.split_page(payload["content"], is_slash_answer(payload))[0]
    metadata = payload.get("interaction_metadata")
    if not (asked and metadata):
        return None
    return Message(metadata["id"], metadata["user"]["id"], asked, snowflake_time(int(metadata["id"])))


def classify_question(payload: Json, place: ChannelPlace, us: BotIdentity) -> Asks:
    """Whether a message wants an answer. A bot has to mention us in so many letters; a reply's ping is no mention.

    What follows up is not for us if it calls others: a role, everybody, or by a ping the author of what it replies to.
    """
    author = payload["author"]
    if author["id"] == us.id or payload["type"] not in ASKING or not message_content.has_content(payload):
        return Asks.NO
    if message_content.is_from_bot(payload):
        return (
            Asks.CERTAINLY
            if any(is_mentioned(text, us) for text in message_content.list_own_texts(payload))
            else Asks.NO
        )
    target = payload.get("referenced_message") or {}
    to_us = target.get("author", {}).get("id") == us.id and find_reply_target(payload) is not None
    if to_us or place.workspace == DIRECT or is_mentioned(payload["content"], us):
        return Asks.CERTAINLY
    return Asks.PERHAPS if place.whole and not _calls_others(payload, target) else Asks.NO


def has_stopped_asking(payload: Json, place: ChannelPlace, us: BotIdentity) -> bool:
    """Whether a message that somebody edited asks nothing now."""
    return not _is_target_missing(payload) and classify_question(payload, place, us) is Asks.NO


def is_mentioned(content: str, us: BotIdentity) -> bool:
    """Whether we are mentioned in so many letters, outside of code."""
    return bool(_compile_mention(us.id, us.roles)[0].search(drop_code(content)))


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


def name_moment(at: datetime) -> str:
    """An id that sorts as what was said at that time."""
    return str(time_snowflake(at))


def find_run_pages(payloads: Sequence[Json], us: BotIdentity, run: Question) -> list[Json]:
    """Our pages of a schedule's run among messages, oldest first: the one that has its heading, and those below it."""
    ours, heading = [one for one in payloads if one["author"]["id"] == us.id], f"{run.values[HEADING]}:"
    first = [one for one in ours if heading in one["content"].partition("\n")[0] and find_reply_target(one) is None]
    begun = {one["id"] for one in first}
    return [*first, *(one for one in ours if find_reply_target(one) in begun)]


def _parse_command(message: Message, payload: Json, place: ChannelPlace, us: BotIdentity) -> Commanded | None:
    """The command that a message gives in words, if it does. Bots give none."""
    called = place.workspace == DIRECT or is_mentioned(payload["content"], us)
    line = None if message.bot else _find_command_line(_drop_mention(message.text, us), called)
    if line is None:
        return None
    key, values = place.key(_find_root(message)), {"message": message.parent} if message.parent else {}
    address, private = _build_command_address(message, place, payload, us), is_answered_privately(TABLE, line)
    private, files = private and line != "help", list_taken_files(TABLE, line, message)
    return Commanded(message.id, key, message.author, line, message.at, values, address, private, attachments=files)


def _calls_others(payload: Json, target: Json) -> bool:
    """Whether a message calls a role or everybody, or pings the author of the `target` that it replies to."""
    pinged = {user["id"] for user in payload.get("mentions") or ()}
    return bool(_OTHERS.search(drop_code(payload["content"]))) or target.get("author", {}).get("id") in pinged


def _is_target_missing(payload: Json) -> bool:
    """Whether a message replies to one that its payload does not show: whom it asks is not known."""
    return find_reply_target(payload) is not None and not payload.get("referenced_message")


def _drop_mention(text: str, us: BotIdentity) -> str:
    return text.replace(f"<@{us.id}>", "")


def _find_command_line(text: str, called: bool) -> str | None:
    """The line of a command that was given in words: `!forget`. To call us and say `help` is one too."""
    if is_call_for_help(text) and (called or text.startswith("!")):
        return "help"
    line = text.strip()[1:].strip()
    try:
        return line if text.strip().startswith("!") and find_command(TABLE, line) else None
    except UsageError:
        return None


def _build_command_address(message: Message, place: ChannelPlace, payload: Json, us: BotIdentity) -> str:
    """Where a command is answered, and what its reply to a page of ours says: where that page's question is, again."""
    page = payload.get("referenced_message") or {}
    mine = page.get("author", {}).get("id") == us.id
    asked = parse_quoted_question(page, us) if mine else None
    told = {"command": message.id, "under": page["id"] if mine else None, "prompt": asked.text if asked else None}
    return _address_message(message, place, payload).model_copy(update=told).dump()


def _build_address(message: Message, place: ChannelPlace, payload: Json) -> str:
    return _address_message(message, place, payload).dump()


def _address_message(message: Message, place: ChannelPlace, payload: Json) -> DiscordAddress:
    return DiscordAddress(at=place.at, title=formatting.shorten(_name_people(message.text, payload), TITLE))


def _find_root(message: Message) -> str:
    """What a message belongs to, as far as it says so itself."""
    return message.answers or message.parent or message.id


@lru_cache(maxsize=KNOWN)
def _compile_mention(us: str, roles: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What mentions us, and what only calls us at the beginning of a message."""
    mention = f"<@(?:!?{us}{''.join(f'|&{role}' for role in roles)})>"
    return re.compile(mention), re.compile(rf"^\s*(?:{mention}[\s,:]*)+")


def _parse_text(payload: Json, place: ChannelPlace, us: BotIdentity) -> str:
    """All the words of somebody else, ours dropped where it only calls us. A forum post begins with its title."""
    own = message_content.list_own_texts(payload)
    if payload["type"] == POLL_RESULT:
        own = [message_content.read_poll_result(payload)]
    if own and own[0] == payload.get("content"):
        own[0] = _compile_mention(us.id, us.roles)[1].sub("", own[0])
    post = us.find_post(place.at) if place.whole and payload["id"] == place.at else None
    title = [post.title] if post else []
    return "\n".join(markup.render_plain_text(part, us.find_name) for part in (*title, *own) if part)


def _parse_quotes(payload: Json, us: BotIdentity) -> list[Quote]:
    found = [] if payload["type"] == POLL_RESULT else message_content.list_quotes(payload)
    return [replace(quote, text=markup.render_plain_text(quote.text, us.find_name)) for quote in found]


def _parse_speaker(payload: Json) -> str:
    """The name of a webhook's message, which has another with each. The answer to a command is its bot's."""
    webhook = payload.get("webhook_id") and not payload.get("interaction_metadata")
    return str(payload["author"].get("username") or "") if webhook else ""


def _name_people(text: str, payload: Json) -> str:
    """`text` with the names of those whom the payload shows, for where no ids are shown as names."""
    people = payload.get("mentions") or ()
    return replace_ids(text, {user["id"]: markup.read_name(user, user.get("member") or {}) for user in people})
