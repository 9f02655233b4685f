"""Target of user install: a reply where we are no member, which an interaction's token shows and nothing else."""

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import discord

from bots.discord.client import ORIGINAL, Body, Rest
from bots.discord.errors import EXPIRED, UNKNOWN_MESSAGE
from bots.discord.parse import ChannelPlace
from core.domain.errors import PlaceClosed

OVER = "the 15 minutes are over in which Discord shows an answer to a command"

Answer = TypeVar("Answer")


@dataclass(slots=True)
class ByToken:
    """The first answer to an interaction, which every process finds by the token and changes as often as it likes.

    So it is shown once, whatever ends us. Discord lists no follow-ups and takes few: they are for what no file can
    hold. `visible`: all see it whom Discord lets.
    """

    rest: Rest
    place: ChannelPlace
    application: str
    token: str
    first: str | None = None
    visible: bool = False

    @property
    def channel(self) -> str:
        """A pace of its own: Discord counts its edits by the token."""
        return f"{self.place.at}/{self.application}/{self.token}"

    @property
    def deferred(self) -> bool:
        return True

    @property
    def single(self) -> bool:
        return True

    async def find_first_page(self, known: Sequence[str]) -> str | None:
        """The message that shows that we think; None where somebody has taken it away."""
        self.first = min(known, key=int) if known else self.first
        if self.first is None:
            try:
                self.first = await self._call_while_alive(self.rest.fetch_answer(self.application, self.token))
            except discord.HTTPException as error:
                if error.code != UNKNOWN_MESSAGE:
                    raise
        return self.first

    async def post(self, body: Body, number: int) -> str:
        call = self.rest.post_followup(self.application, self.token, body, private=not self.visible)
        return await self._call_while_alive(call)

    async def edit(self, page: str, body: Body) -> None:
        await self._call_while_alive(self.rest.edit_answer(self.application, self.token, self._name(page), body))

    async def delete(self, page: str) -> None:
        await self._call_while_alive(self.rest.delete_answer(self.application, self.token, self._name(page)))

    async def list_strays(self, known: Collection[str], tried: Collection[str]) -> None:
        """Nobody can list the follow-ups of an interaction."""

    async def type(self) -> None:
        """Discord itself shows that we think."""

    def _name(self, page: str) -> str:
        return ORIGINAL if page == self.first else page

    async def _call_while_alive(self, call: Awaitable[Answer]) -> Answer:
        try:
            return await call
        except discord.HTTPException as error:
            if error.code in EXPIRED:
                raise PlaceClosed(OVER) from error
            raise
