"""Viewing: what a person has open beside a direct message, told to Claude where they ask about it, if they may read it.

Slack calls it the app context. It is the one place where words of one channel reach a prompt of another.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bots.slack import parse
from bots.slack.address import write_link
from bots.slack.client import Web
from bots.slack.home.memberships import Memberships
from bots.slack.parse import Raw
from core.commands.overview import Overviews
from core.domain.errors import ConfabError
from core.domain.events import Event, Posted
from core.domain.messages import Message, Quote, QuoteKind, Reach, ThreadKey
from core.domain.wording import fold_lines
from core.prompting.speakers import indent, leave_out_middle
from core.rendering.reply_notes import remove_notes

WAIT = 1.5  # seconds that Slack gets: it wants the message acknowledged within three
ENTITIES = 10  # that are looked at; Slack names the one that matters most first
BATCH = 20  # messages of a thread's beginning
LONGEST = 2_000  # bytes of one message
WHOLE = 4_000  # characters of a thread
CHANNEL, MESSAGE = "slack#/types/channel_id", "slack#/types/message_context"
CLOSED = "Something that Confab can't read: it, or who asks, is not in that channel."
VIEWED = "[This is the message that is looked at:]"

_ID = re.compile(r"[CG][A-Z0-9]{2,30}", re.ASCII)
_STAMP = re.compile(r"\d{10}\.\d{6}", re.ASCII)
_POINTS = "this|that|diese[rsmn]?|ce|cet|cette|est[ea]|ess[ea]|quest[oa]|dit|deze"
_THINGS = (
    "channel|message|thread|conversation|discussion|post|kanal|nachricht|unterhaltung|diskussion|beitrag|canal|fil|"
    "mensaje|hilo|conversaci\u00f3n|mensagem|conversa|canale|messaggio|conversazione|bericht|gesprek|kanaal"
)
"""What people call it, in English, German, French, Spanish, Portuguese, Italian and Dutch."""
_ASKS = "summari[sz]e|sum up|explain|translate|answer|reply to|respond to|what is|what's|who wrote|who said"
_HAPPENS = "going on|happening|happened|discussed|decided|said|talked about"
_ABOUT = re.compile(
    rf"\b(?:{_POINTS})\s+(?:\w+\s+)?(?:{_THINGS})s?\b|\b(?:{_ASKS})\s+this\W*\Z|\b(?:{_HAPPENS})\s+(?:in\s+)?here\b",
    re.IGNORECASE,
)
"""`this` or `here` alone point at it only behind words that ask about something that can be read."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Viewed:
    """A channel that is looked at, and in it a message, if it is one."""

    channel: str
    message: str = ""


class Viewing:
    """Reads what people look at, in one workspace."""

    def __init__(self, web: Web, memberships: Memberships, overviews: Overviews, wait: float = WAIT) -> None:
        self._web, self._memberships, self._overviews, self._wait = web, memberships, overviews, wait

    async def add_viewed(self, event: Raw, events: Sequence[Event]) -> Sequence[Event]:
        """The events of a message, which carries what its author looks at if it asks about that. It raises nothing."""
        viewed = find_viewed(event)
        if viewed is None or not events:
            return events
        return [await self._add_to(one, viewed) if _asks_about(one) else one for one in events]

    async def _add_to(self, event: Event, viewed: Viewed) -> Event:
        assert isinstance(event, Posted)
        try:
            async with asyncio.timeout(self._wait):
                words = await self._read(event.message.author, viewed)
        except (ConfabError, TimeoutError) as error:
            log.info("what is looked at beside %s is not told: %s", event.id, error or "Slack takes too long")
            return event
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # the question itself is well formed
            log.error("what is looked at beside %s can't be read: %r", event.id, error)
            return event
        quotes = (*event.message.quotes, Quote(words, QuoteKind.VIEWED))
        return replace(event, message=replace(event.message, quotes=quotes))

    async def _read(self, person: str, viewed: Viewed) -> str:
        """What is told of it. Raises CannotShow, CannotAnswer, Rejected, StoreUnavailable."""
        channel = await self._memberships.find_shared(person, viewed.channel)
        if channel is None:
            return CLOSED
        name = f"The channel #{fold_lines(str(channel.get('name') or viewed.channel))}"
        if not viewed.message:
            return f"{name}."
        thread, said = await self._read_thread(viewed)
        link = write_link(self._web.us.url, viewed.channel, viewed.message, thread)
        return "\n".join([f"{name}, in it {link}", *_tell_messages(said, viewed.message)])

    async def _read_thread(self, viewed: Viewed) -> tuple[str, Sequence[Message]]:
        """The beginning of the thread in which a message stands, with that message, as far as it may be told."""
        raws = await self._read_replies(viewed.channel, viewed.message)
        thread = next((str(raw["thread_ts"]) for raw in raws if raw.get("thread_ts")), viewed.message)
        if thread != viewed.message:  # of a reply Slack gives that alone
            raws = [*await self._read_replies(viewed.channel, thread), *raws]
        said = parse.parse_history(raws, self._web.us, Reach.CHAIN, viewed.channel).messages
        key = ThreadKey(self._web.us.workspace, viewed.channel, thread)
        shown = [one for one in said if not one.notice]
        kept = await self._overviews.leave_out_forgotten(key, shown)
        # Answers of ours may say again what somebody had us forget.
        return thread, kept if len(kept) == len(shown) else [one for one in kept if not one.mine]

    async def _read_replies(self, channel: str, ts: str) -> list[Raw]:
        place = {"channel": channel, "ts": ts, "limit": BATCH, "include_all_metadata": True}
        raws: list[Raw] = (await self._web.read("conversations.replies", **place))["messages"]
        return raws


def find_viewed(event: Raw) -> Viewed | None:
    """What the author of a direct message looks at; None where that is nothing that we could read, or not told."""
    direct = event.get("channel_type") == "im" or str(event.get("channel", "")).startswith("D")
    context = event.get("app_context")
    entities: Any = context.get("entities") if isinstance(context, dict) else None
    if not direct or not isinstance(entities, list):
        return None
    found = (_read_entity(one) for one in entities[:ENTITIES] if isinstance(one, dict))
    return next((one for one in found if one), None)


def _read_entity(entity: Raw) -> Viewed | None:
    value: Any = entity.get("value")
    if entity.get("type") == CHANNEL and isinstance(value, str) and _ID.fullmatch(value):
        return Viewed(value)
    if entity.get("type") != MESSAGE or not isinstance(value, dict):
        return None
    channel, message = str(value.get("channel_id")), str(value.get("message_ts"))
    return Viewed(channel, message) if _ID.fullmatch(channel) and _STAMP.fullmatch(message) else None


def _asks_about(event: Event) -> bool:
    """Whether a person's message is about what they look at, by its words."""
    return isinstance(event, Posted) and not (event.message.mine or event.message.bot) and points(event.message.text)


def points(text: str) -> bool:
    """Whether words name `this channel`, `this message` or the like, in one of some languages."""
    return _ABOUT.search(text[:LONGEST]) is not None


def _tell_messages(said: Sequence[Message], viewed: str) -> Iterator[str]:
    """A thread's beginning, each message as somebody's words; what is looked at has its room first."""
    told = {one.id: _tell_message(one) for one in said}
    left = WHOLE - len(told.get(viewed, ""))
    for one in _choose_fitting(told, viewed, left):
        if one == viewed:
            yield VIEWED
        yield told[one]


def _choose_fitting(told: dict[str, str], viewed: str, left: int) -> Iterable[str]:
    chosen: list[str] = []
    for one, words in told.items():
        left -= 0 if one == viewed else len(words)
        if one == viewed or left >= 0:
            chosen.append(one)
    return chosen


def _tell_message(message: Message) -> str:
    words = remove_notes(message.text) if message.mine else message.text
    return f"<@{message.author}>: {indent(leave_out_middle(words, LONGEST))}"
