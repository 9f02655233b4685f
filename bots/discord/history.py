"""History: what Discord shows of a conversation now, and how much of it that is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import discord
from discord.utils import MISSING, snowflake_time

from bots.discord import parse
from bots.discord.client import MOST, Rest
from bots.discord.directory import list_names
from bots.discord.errors import NO_ACCESS, NO_HISTORY, NO_PERMISSION, UNKNOWN_MESSAGE, Answer, retry_call
from bots.discord.message_content import has_content, is_from_bot
from bots.discord.parse import BotIdentity, ChannelPlace, Json
from core.domain.errors import CannotAnswer, PlaceClosed
from core.domain.messages import History, Message, PastMessages, PastRange, Question, Reach

LONGEST = 1000  # messages of a thread that are read
LINKS = 50  # messages of a chain of replies that are read
THREAD_STARTER = 21  # type of the message that stands for a thread's first one

UNSEEN = "Discord shows me only what mentions me here: whoever runs me can switch on the Message Content intent."
UNREADABLE = "I may not read this channel's history. Whoever manages it can give me “Read Message History”."
UNSEEN_CHANNEL = "I may not see this channel. Whoever manages it can give me “View Channel” and “Read Message History”."
REFUSED = "Discord does not let me read the earlier messages here (error {})."
CAUSES = {NO_ACCESS: UNSEEN_CHANNEL, NO_PERMISSION: UNREADABLE, NO_HISTORY: UNREADABLE}
"""What Discord's refusal to show messages means, by its code."""


class HistoryReader:
    """Reads conversations at one place. `content` is whether Discord shows us everybody's words."""

    def __init__(self, rest: Rest, place: ChannelPlace, us: BotIdentity, content: bool) -> None:
        self._rest = rest
        self._place = place
        self._us = us
        self._seeing = content or place.workspace == parse.DIRECT
        self._near: dict[str, Json] = {}
        self.names: dict[str, str] = {}
        """How the accounts of those are called whom the messages show, by their ids."""

    async def read_all(self, name: str) -> History:
        """All of a thread or of direct messages, or as much of its end as we read. Raises CannotAnswer, CannotShow.

        Without Read Message History Discord lists nothing; whether there is nothing, the message `name` tells.
        """
        found: list[Json] = []
        async for page in self._list_backwards():
            found = page + found
        if not found and (payload := await self._fetch_message(self._place.at, name)):
            return History(self._parse_messages([payload]), Reach.CHAIN)
        everything = len(found) < LONGEST
        if everything and self._place.workspace != parse.DIRECT:
            found = await self._add_starter(found)
        messages = self._parse_messages(found)
        opening = await self._read_opening(messages, everything)
        if not self._seeing:
            return History((*opening, *messages), Reach.CHAIN)
        unasked = self._find_unasked(found)
        if everything:
            return History((*opening, *messages), Reach.WHOLE, unasked=unasked)
        return History(messages, Reach.TAIL, unasked=unasked, beside=opening)

    async def read_chain(self, name: str) -> History:
        """A message in a channel, what it replies to, and so on, with all pages of our replies on the way.

        What is deleted, or stands in another channel, ends it. Raises CannotAnswer, CannotShow.
        """
        shown, gone = await self._collect_chain(name)
        shown |= {one["id"]: one for one in await self._list_thread(shown.get(name, {}))}
        found = sorted(shown.values(), key=lambda one: int(one["id"]))
        return History(self._parse_messages(found), Reach.CHAIN, frozenset(gone), self._find_unasked(found))

    async def _collect_chain(self, name: str) -> tuple[dict[str, Json], set[str]]:
        """The payloads of a message and of all that leads to it, and what of that is deleted."""
        self._near = {one["id"]: one for one in await self._list_messages(self._place.at, around=name)}
        shown = {one["id"]: one for one in await self._list_pages(name)}
        gone: set[str] = set()
        walked: set[str] = set()
        at: str | None = name
        while at and at not in walked and len(walked) < LINKS:
            walked.add(at)
            payload = self._near.get(at) or await self._fetch_message(self._place.at, at)
            if payload is None:
                gone.add(at)
                break
            shown[at] = payload
            shown |= {page["id"]: page for page in await self._list_other_pages(payload)}
            at = self._find_predecessor(payload)
        return shown, gone

    async def read_past(self, wanted: PastRange) -> PastMessages:
        """The newest messages of the place, in as few requests as that takes; kept nowhere.

        Raises CannotAnswer, CannotShow.
        """
        found: list[Json] = []
        async for page in self._list_backwards(wanted.last):
            found = page + found
            if len(found) >= wanted.last or (wanted.since and _read_time(page, wanted.since) < wanted.since):
                break
        said = [one for one in self._parse_messages(found) if wanted.since is None or one.at >= wanted.since]
        return PastMessages(tuple(said[-wanted.last :]), "" if self._seeing else UNSEEN)

    async def read_answers(self, name: str) -> History:
        """Our pages that answer this question, as far as they stand near it."""
        return History(self._parse_messages(await self._list_pages(name)), Reach.CHAIN)

    async def read_run(self, run: Question) -> History:
        """Our pages of a schedule's run, which began to stand there when it was due."""
        shown = await self._list_messages(self._place.at, after=parse.name_moment(run.at))
        pages = self._parse_messages(parse.find_run_pages(shown, self._us, run))
        return History(tuple(replace(page, answers=run.name) for page in pages), Reach.CHAIN)

    async def _list_other_pages(self, payload: Json) -> list[Json]:
        """The other pages of the reply that a page belongs to."""
        answered = parse.find_answered_question(payload) if self._is_mine(payload) else None
        return await self._list_pages(answered) if answered else []

    def _find_predecessor(self, payload: Json) -> str | None:
        """What a message follows on. A slash command is no message; its words are quoted in our first page."""
        if not self._is_mine(payload):
            return parse.find_reply_target(payload)
        first = payload.get("referenced_message") or payload
        return None if first.get("interaction_metadata") else parse.find_answered_question(payload)

    async def _list_thread(self, payload: Json) -> list[Json]:
        """What was said in the thread that a message began."""
        return await self._list_messages(payload["thread"]["id"], after=payload["id"]) if payload.get("thread") else []

    async def _list_pages(self, name: str) -> list[Json]:
        near = self._near.values() if name in self._near else await self._list_messages(self._place.at, after=name)
        return [one for one in near if self._is_mine(one) and parse.find_answered_question(one) == name]

    async def _list_backwards(self, most: int = LONGEST) -> AsyncIterator[list[Json]]:
        """The place's messages in portions, the newest portion first, each oldest first."""
        before: str | None = None
        for _ in range(-(-most // MOST)):
            portion = await self._list_messages(self._place.at, **({"before": before} if before else {}))
            yield portion
            if len(portion) < MOST:
                return
            before = portion[0]["id"]

    async def _add_starter(self, found: list[Json]) -> list[Json]:
        """With the message of the parent channel that a thread began on; of an answer of ours also what led to it."""
        if not any(one["type"] == THREAD_STARTER for one in found[:1]):
            return found
        shown = found[0].get("referenced_message", MISSING)  # none where it is deleted
        starter = await self._fetch_message(self._place.channel, self._place.at) if shown is MISSING else shown
        if starter is None or not self._is_mine(starter):
            return [starter, *found] if starter else found
        parent = replace(self._place, at=self._place.channel, whole=False)
        chain, _ = await HistoryReader(self._rest, parent, self._us, self._seeing)._collect_chain(self._place.at)
        return [*sorted(chain.values(), key=lambda one: int(one["id"])), *found]

    async def _read_opening(self, messages: tuple[Message, ...], everything: bool) -> tuple[Message, ...]:
        """What a forum post begins with, where these messages begin later; its title, where that is gone."""
        at, title = self._place.at, parse.parse_title(self._place, self._us)
        if title is None or any(one.id == at for one in messages):
            return ()
        starter = None if everything else await self._fetch_message(at, at)
        return (self._parse_messages([starter]) if starter else ()) or (title,)

    def _parse_messages(self, found: list[Json]) -> tuple[Message, ...]:
        """What somebody said, and the questions that our slash answers quote; not what is kept from us."""
        readable = [one for one in found if self._seeing or has_content(one)]
        messages: dict[str, Message] = {}
        for one in readable:
            self.names |= list_names(one)
            for message in (
                parse.parse_quoted_question(one, self._us),
                parse.parse_message(one, self._place, self._us),
            ):
                if message:
                    messages.setdefault(message.id, message)
        return tuple(messages.values())

    def _find_unasked(self, found: list[Json]) -> frozenset[str]:
        """People's messages that were edited and ask nothing now, as far as all is shown that says so."""
        edited = (one for one in found if one.get("edited_timestamp") and has_content(one) and not is_from_bot(one))
        return frozenset(one["id"] for one in edited if parse.has_stopped_asking(one, self._place, self._us))

    def _is_mine(self, payload: Json) -> bool:
        return bool(payload["author"]["id"] == self._us.id)

    async def _fetch_message(self, channel: str, message: str) -> Json | None:
        """A message, or None if it is deleted."""
        try:
            return await self._call(lambda: self._rest.fetch_message(channel, message))
        except discord.HTTPException as error:
            if error.code != UNKNOWN_MESSAGE:
                raise CannotAnswer(_explain_refusal(error)) from error
            return None

    async def _list_messages(self, channel: str, **where: str) -> list[Json]:
        try:
            return await self._call(lambda: self._rest.list_messages(channel, **where))
        except discord.HTTPException as error:
            raise CannotAnswer(_explain_refusal(error)) from error

    async def _call(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await retry_call(call)
        except PlaceClosed as closed:
            cause = closed.__cause__
            if isinstance(cause, discord.HTTPException):
                raise CannotAnswer(_explain_refusal(cause)) from closed
            raise


def _explain_refusal(error: discord.HTTPException) -> str:
    return CAUSES.get(error.code) or REFUSED.format(error.code or f"HTTP {error.status}")


def _read_time(page: list[Json], default: datetime) -> datetime:
    """When the oldest message of a page was said."""
    return snowflake_time(int(page[0]["id"])) if page else default
