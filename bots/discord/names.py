"""Names: how people are called, from what Discord shows in passing, else asked for."""

import asyncio
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import discord

from bots.discord.client import Rest
from bots.discord.errors import translate_errors
from bots.discord.parse import Json
from core.domain.errors import CannotShow, RateLimited, Uncertain

KEPT = 10_000  # names that we remember


class Names:
    """What people are called, in each server."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: dict[tuple[str | None, str], str] = {}

    def note(self, payload: Json) -> None:
        """Remember whom a message of the gateway shows: its author and those it mentions."""
        guild = payload.get("guild_id")
        for user, member in _shown(payload):
            self._keep(guild, user["id"], called(user, member))

    async def of(self, guild: str | None, people: AbstractSet[str]) -> dict[str, str]:
        """The names of those whom Discord knows."""
        found = await asyncio.gather(*(self._name(guild, person) for person in people if person.isdigit()))
        return {person: name for person, name in found if name}

    async def _name(self, guild: str | None, person: str) -> tuple[str, str | None]:
        known = self._known.get((guild, person))
        if known is None:
            known = await self._asked(guild, person) or (await self._asked(None, person) if guild else None)
        if known:
            self._keep(guild, person, known)
        return person, known

    async def _asked(self, guild: str | None, person: str) -> str | None:
        try:
            found = await translate_errors(self._rest.person(guild, person))
        except (discord.HTTPException, RateLimited, Uncertain, CannotShow):
            return None
        return called(found, {}) if guild is None else called(found["user"], found)

    def _keep(self, guild: str | None, person: str, name: str) -> None:
        """The newest last, the oldest forgotten."""
        self._known.pop((guild, person), None)
        self._known[guild, person] = name
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]


def called(user: Json, member: Json) -> str:
    """A person's name: the server's own for them, else theirs, else the account's."""
    return str(member.get("nick") or user.get("global_name") or user["username"])


def _shown(payload: Json) -> Iterator[tuple[Json, Json]]:
    if not payload.get("webhook_id"):
        yield payload["author"], payload.get("member") or {}
    for user in payload.get("mentions") or ():
        yield user, user.get("member") or {}
