"""The surface: the place of one question on Discord, from its key and address alone."""

import json
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import urlsplit

import discord

from bots.delivery.throttle import Pace
from bots.discord import formatting
from bots.discord.client import Rest
from bots.discord.errors import retry_call
from bots.discord.history import Reader
from bots.discord.names import Names
from bots.discord.parse import DIRECT, ChannelPlace, Json, Us
from bots.discord.publisher import Publisher
from bots.discord.ranks import Ranks, rank
from bots.discord.targets import BySlash, InChannel, Privately, Target
from core.domain.clock import Sleep
from core.domain.errors import CannotAnswer, CannotShow
from core.domain.messages import Attachment, History, Question, Rank, Reach
from core.domain.platform import ReplyView

HOSTS = {"cdn.discordapp.com", "media.discordapp.net"}
LARGEST = 25 * 1024 * 1024  # bytes of a file that we read


@dataclass(frozen=True, slots=True)
class House:
    """What all surfaces share. `content` is whether Discord shows us everybody's words; `origin` is its API's."""

    rest: Rest
    names: Names
    ranks: Ranks
    pace: Pace
    pause: Sleep
    managers: frozenset[str]
    content: bool
    origin: str


class DiscordSurface:
    """One question's place. `first` is the page that is there already, known since its interaction was deferred."""

    def __init__(self, house: House, us: Us, question: Question, first: str | None = None) -> None:
        self._house = house
        self._us = us
        self._question = question
        self._first = first
        self._address: Json = json.loads(question.address)
        self._place = _place(question, self._address)

    async def history(self) -> History:
        reader = Reader(self._house.rest, self._place, self._us, self._house.content)
        if self._question.private:
            return History((), Reach.CHAIN)
        if self._slash:
            return await reader.answers(self._question.name)
        return await (reader.whole() if self._place.whole else reader.chain(self._question.name))

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        return await self._house.names.of(self._guild, people)

    async def fetch(self, attachment: Attachment) -> bytes:
        """The file. Raises CannotAnswer if it is too large, CannotShow if it is not Discord's or no longer there."""
        if attachment.size > LARGEST:
            raise CannotAnswer(f"{attachment.name} is larger than the {LARGEST // 2**20} MiB that I read.")
        parts = urlsplit(attachment.url)
        if parts.hostname not in HOSTS and f"{parts.scheme}://{parts.netloc}" != self._house.origin:
            raise CannotShow(f"{attachment.name} is not at Discord")
        try:
            return await retry_call(lambda: self._house.rest.file(attachment.url), self._house.pause)
        except discord.HTTPException as error:
            raise CannotShow(f"{attachment.name} is no longer there ({error.status})") from error

    async def rank(self, person: str) -> Rank:
        if person in self._house.managers:
            return Rank.OWNER
        if self._guild is None:
            return Rank.MANAGER
        if person == self._question.person and (granted := self._address.get("permissions")):
            return rank(discord.Permissions(int(granted)))
        return await self._house.ranks.of(self._guild, self._place.at, person)

    async def show(self, reply: ReplyView) -> None:
        """Raises CannotShow where nothing can be shown, Rejected where Discord does not take the answer."""
        await (await self._open_publisher(reply)).run()

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        await (await self._open_publisher(reply, plainly=True)).settle(text)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        await (await self._open_publisher(reply)).show_notice(notice)

    async def _open_publisher(self, reply: ReplyView, plainly: bool = False) -> Publisher:
        target = await self._choose_target(reply.threaded)
        quote = formatting.quoted(self._address["prompt"]) if "prompt" in self._address else ""
        return Publisher(reply, target, self._house.pace, quote, self._house.pause, plainly=plainly)

    @property
    def _slash(self) -> bool:
        return "token" in self._address

    @property
    def _guild(self) -> str | None:
        workspace = self._question.key.workspace
        return None if workspace == DIRECT else workspace.partition(":")[2]

    async def _choose_target(self, threaded: bool) -> Target:
        house, name = self._house, self._question.name
        if self._slash:
            application, token = self._address["application"], self._address["token"]
            if self._question.private:
                return Privately(house.rest, self._place, application, token, self._first)
            return BySlash(house.rest, self._place, self._us, name, application, token, self._first)
        if threaded and not self._place.whole and name == self._question.key.thread:
            return await self._open_thread()
        return InChannel(house.rest, self._place, self._us, name, name)

    async def _open_thread(self) -> Target:
        """Open a thread on the question, which takes its id; in the channel, where none can be opened."""
        house, name, key = self._house, self._question.name, self._question.key
        title = self._address.get("title") or "Claude"
        try:
            await retry_call(lambda: house.rest.open_thread(key.channel, name, title), house.pause)
        except (discord.HTTPException, CannotShow):
            return InChannel(house.rest, self._place, self._us, name, name)
        place = ChannelPlace(key.workspace, key.channel, name, whole=True)
        return InChannel(house.rest, place, self._us, name, None)


def _place(question: Question, address: Json) -> ChannelPlace:
    key = question.key
    at = address.get("at", key.channel)
    return ChannelPlace(key.workspace, key.channel, at, whole=key.workspace == DIRECT or at != key.channel)
