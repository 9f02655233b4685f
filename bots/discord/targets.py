"""Targets: where the pages of one reply go, and how they are posted, changed and taken away there."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import discord

from bots.discord import parse
from bots.discord.client import ORIGINAL, Body, Rest
from bots.discord.errors import (
    ARCHIVED,
    CLOSED_TO_MESSAGES,
    EXPIRED,
    INVALID_FORM,
    LOCKED,
    NO_HISTORY,
    NO_PERMISSION,
    UNKNOWN_MESSAGE,
    is_about_components,
    may_have_happened,
)
from bots.discord.parse import BotIdentity, ChannelPlace
from core.domain.errors import PlaceClosed
from core.domain.messages import Question

NONCE = 25  # characters; Discord refuses longer ones

_NUMBER = re.compile(r"[0-9]+")


class Target(Protocol):
    """Where pages go. What can't be done there raises as the library does."""

    @property
    def place(self) -> ChannelPlace:
        """Where that is: of what one person asks in a server it may be in direct messages."""

    @property
    def channel(self) -> str:
        """The channel that they stand in."""

    @property
    def deferred(self) -> bool:
        """Whether the first page is there before there is text, and says so."""

    @property
    def single(self) -> bool:
        """Whether it is shown on its first page alone, with a file for what does not fit: others might stand twice."""

    async def find_first_page(self, known: Sequence[str]) -> str | None:
        """The page that is there before there is text, if there is one. `known` are those that were written down."""

    async def post(self, body: Body, number: int) -> str:
        """One more page, the `number`th that this reply posts; its id."""

    async def edit(self, page: str, body: Body) -> None: ...

    async def delete(self, page: str) -> None: ...

    async def list_strays(self, known: Collection[str], tried: Collection[str]) -> list[str] | None:
        """Pages of this reply that are there and not `known`: their posting's answer was lost. None: none can look.

        `tried` are the words of those that were posted now: what replies to nothing is known by them.
        """

    async def type(self) -> None:
        """Show that we are writing."""


@dataclass(frozen=True, slots=True)
class InChannel:
    """Pages are messages of a channel, replies to `to` where that can be."""

    rest: Rest
    place: ChannelPlace
    us: BotIdentity
    question: str
    to: str | None

    @property
    def channel(self) -> str:
        return self.place.at

    @property
    def deferred(self) -> bool:
        return False

    @property
    def single(self) -> bool:
        return False

    async def find_first_page(self, known: Sequence[str]) -> str | None:
        return None

    async def post(self, body: Body, number: int) -> str:
        """The nonce is made of question and number, so Discord itself posts a page once."""
        nonce = f"{self.question}-{number}"[-NONCE:]
        try:
            return await self.rest.post(self.channel, body, nonce, self.to)
        except discord.HTTPException as error:
            if self.to is None or error.code not in {NO_HISTORY, INVALID_FORM} or is_about_components(error):
                raise
        return await self.rest.post(self.channel, body, nonce)

    async def edit(self, page: str, body: Body) -> None:
        try:
            await self.rest.edit(self.channel, page, body)
        except discord.HTTPException as error:
            await self._open_thread(error)
            await self.rest.edit(self.channel, page, body)

    async def delete(self, page: str) -> None:
        try:
            await self.rest.delete(self.channel, page)
        except discord.HTTPException as error:
            await self._open_thread(error)
            await self.rest.delete(self.channel, page)

    async def _open_thread(self, refused: discord.HTTPException) -> None:
        """Open the thread again whose being archived was the reason. Raises `refused` where that was another.

        Nor may we open one that is locked: then the reason is that it is archived, whatever Discord says of us.
        """
        if refused.code != ARCHIVED:
            raise refused
        try:
            await self.rest.unarchive(self.channel)
        except discord.HTTPException as error:
            raise refused if error.code in {NO_PERMISSION, LOCKED} else error from None

    async def list_strays(self, known: Collection[str], tried: Collection[str]) -> list[str]:
        """What replies to nothing may be another's: the answer to a command that came too late."""
        begun = _NUMBER.match(self.question)  # what shows a batch is named after a press or command, and more
        newest = max([*known, begun[0] if begun else "0"], key=int)
        shown = await self.rest.list_messages(self.channel, after=newest)
        pages = [one for one in shown if one["author"]["id"] == self.us.id and one["id"] not in known]
        said = {words.strip() for words in tried} if self.to is None else set()
        answered = [(one, parse.find_answered_question(one)) for one in pages]
        return [
            one["id"] for one, name in answered if name == self.question or (name is None and one["content"] in said)
        ]

    async def type(self) -> None:
        await self.rest.show_typing(self.channel)


@dataclass(slots=True)
class OfSchedule:
    """Page one is a message of the channel, known by the heading that it begins with; the others reply to it."""

    rest: Rest
    place: ChannelPlace
    us: BotIdentity
    question: Question
    first: str | None = None

    @property
    def channel(self) -> str:
        return self.place.at

    @property
    def deferred(self) -> bool:
        return False

    @property
    def single(self) -> bool:
        return False

    async def find_first_page(self, known: Sequence[str]) -> str | None:
        self.first = min(known, key=int, default=None)
        return self.first

    async def post(self, body: Body, number: int) -> str:
        posted: str = await self._in_channel.post(body, number)
        self.first = self.first or posted
        return posted

    async def edit(self, page: str, body: Body) -> None:
        await self._in_channel.edit(page, body)

    async def delete(self, page: str) -> None:
        await self._in_channel.delete(page)

    async def list_strays(self, known: Collection[str], tried: Collection[str]) -> list[str]:
        shown = await self.rest.list_messages(self.channel, after=parse.name_moment(self.question.at))
        return [one["id"] for one in parse.find_run_pages(shown, self.us, self.question) if one["id"] not in known]

    async def type(self) -> None:
        """Nobody waits for it."""

    @property
    def _in_channel(self) -> InChannel:
        return InChannel(self.rest, self.place, self.us, self.question.name, self.first)


@dataclass(slots=True)
class BySlash:
    """Page one answers an interaction, the others are messages of its channel that reply to page one.

    Where we may not write, the others answer the interaction too. Page one is edited by the interaction's token while
    that lives, 15 minutes, and as a message afterwards.
    """

    rest: Rest
    place: ChannelPlace
    us: BotIdentity
    question: str
    application: str
    token: str
    first: str | None = None
    expired: bool = False
    single: bool = False

    @property
    def channel(self) -> str:
        return self.place.at

    @property
    def deferred(self) -> bool:
        return True

    async def find_first_page(self, known: Sequence[str]) -> str | None:
        """Page one, which is there since the interaction was deferred; None if it never was, or is gone."""
        self.first = min(known, key=int) if known else self.first
        if self.first is None:
            try:
                self.first = await self.rest.fetch_answer(self.application, self.token)
            except discord.HTTPException as error:
                if error.code not in {*EXPIRED, UNKNOWN_MESSAGE}:
                    raise
        return self.first

    async def post(self, body: Body, number: int) -> str:
        try:
            return await self._others().post(body, number)
        except discord.HTTPException as error:
            self._ensure_answerable(error)
        try:
            return await self.rest.post_followup(self.application, self.token, body, private=False)
        except Exception as error:
            self.single = self.single or may_have_happened(error)
            raise

    async def edit(self, page: str, body: Body) -> None:
        if page == self.first and not self.expired:
            try:
                return await self.rest.edit_answer(self.application, self.token, ORIGINAL, body)
            except discord.HTTPException as error:
                if error.code not in EXPIRED:
                    raise
            self.expired = True
        try:
            return await self._others().edit(page, body)
        except discord.HTTPException as error:
            self._ensure_answerable(error)
        return await self.rest.edit_answer(self.application, self.token, page, body)

    async def delete(self, page: str) -> None:
        if page == self.first and not self.expired:
            return await self.rest.delete_answer(self.application, self.token, ORIGINAL)
        try:
            return await self._others().delete(page)
        except discord.HTTPException as error:
            self._ensure_answerable(error)
        return await self.rest.delete_answer(self.application, self.token, page)

    async def list_strays(self, known: Collection[str], tried: Collection[str]) -> list[str] | None:
        try:
            return await self._others().list_strays(known, tried)
        except discord.HTTPException as error:
            self._ensure_answerable(error)
        return None

    async def type(self) -> None:
        """Discord itself shows that we think."""

    def _ensure_answerable(self, error: discord.HTTPException) -> None:
        """Return if the channel is closed to us, and the interaction can still be answered. Raises `error`."""
        if self.expired or error.code not in CLOSED_TO_MESSAGES:
            raise error

    def _others(self) -> InChannel:
        return InChannel(self.rest, self.place, self.us, self.question, self.first)


@dataclass(slots=True)
class Privately:
    """Every page answers an interaction, is seen by its person alone, and is out of reach after 15 minutes.

    A press of a button is not `deferred`: its first answer is the page that has the button. Nobody can list the others,
    nor does Discord know a nonce of theirs: where one may stand there whose id is lost, the first page says all.
    """

    rest: Rest
    place: ChannelPlace
    application: str
    token: str
    first: str | None = None
    deferred: bool = True
    single: bool = False

    @property
    def channel(self) -> str:
        return f"{self.place.at}/{self.application}/{self.token}"

    async def find_first_page(self, known: Sequence[str]) -> str | None:
        self.first = min(known, key=int) if known else self.first
        if self.first is None and self.deferred:
            self.first = await self._call_while_alive(self.rest.fetch_answer(self.application, self.token))
        return self.first

    async def post(self, body: Body, number: int) -> str:
        try:
            posted: str = await self._call_while_alive(self.rest.post_followup(self.application, self.token, body))
        except Exception as error:
            self.single = self.single or (self.deferred and may_have_happened(error))
            raise
        return posted

    async def edit(self, page: str, body: Body) -> None:
        await self._call_while_alive(self.rest.edit_answer(self.application, self.token, page, body))

    async def delete(self, page: str) -> None:
        await self._call_while_alive(self.rest.delete_answer(self.application, self.token, page))

    async def list_strays(self, known: Collection[str], tried: Collection[str]) -> list[str]:
        """Nobody can list what only one person sees."""
        return []

    async def type(self) -> None:
        """Discord itself shows that we think."""

    async def _call_while_alive(self, call: Any) -> Any:
        try:
            return await call
        except discord.HTTPException as error:
            if error.code in EXPIRED:
                raise PlaceClosed("a private answer's 15 minutes are over") from error
            raise
