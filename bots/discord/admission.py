"""Admission: the allow-list of servers, and whether who writes direct messages shares an allowed one with us."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from cachetools import TTLCache

from bots.discord.directory import Directory
from bots.discord.settings import EVERYBODY, MEMBERS

NO_SERVER = "I don't answer in this server. Whoever runs me can allow it."
NO_PERSON = "I answer direct messages only of people who share a server with me that I answer in."
NO_INSTALL = "I don't answer you where I am no member. Whoever runs me says who may take me along."
NOT_KNOWN = "I can't see just now whether we share a server. Please ask again in a minute."

SECONDS = 2.0  # that the look for a shared server may take; an interaction waits three seconds
AT_ONCE = 8  # servers looked at side by side
FEW = 25  # servers that are looked through for a person, where no list names them
DAY = 24 * 60 * 60.0  # seconds in which a server or a person that is not allowed is told so once
TOLD = 10_000  # of them, and of people who were met, that we remember

Item = TypeVar("Item")


class Admission:
    """Decides where we listen. An empty allow-list allows every server, and everybody's direct messages.

    `installers` are those who may use us where we are no member: people, `members` of allowed servers, or `everybody`.
    """

    def __init__(
        self,
        allowed: Collection[str],
        directory: Directory,
        list_servers: Callable[[], Awaitable[Collection[str]]],
        clock: Callable[[], float] = time.monotonic,
        *,
        installers: Collection[str] = (),
    ) -> None:
        self._allowed = frozenset(allowed)
        self._installers = frozenset(installers)
        self._directory = directory
        self._list_servers = list_servers
        self._told: TTLCache[str, bool] = TTLCache(TOLD, DAY, clock)
        self._met: TTLCache[str, str] = TTLCache(TOLD, DAY, clock)
        """The server in which a person was found last; it is only where to look first."""

    @property
    def admits_all(self) -> bool:
        """Whether there is no allow-list."""
        return not self._allowed

    def admits_server(self, guild: str | int) -> bool:
        """Whether we answer in a server."""
        return not self._allowed or str(guild) in self._allowed

    async def explain_refusal(self, guild: str | int | None, person: str) -> str:
        """Why nothing that `person` says there is taken up, in a sentence for them; empty where it is."""
        if guild is not None:
            return "" if self.admits_server(guild) else NO_SERVER
        return "" if not self._allowed or self._names(person) else await self._explain_unshared(person, NO_PERSON)

    async def explain_refusal_elsewhere(self, person: str) -> str:
        """Why nothing that `person` says where we are no member is taken up; empty where it is."""
        if self._names(person):
            return ""
        return await self._explain_unshared(person, NO_INSTALL) if MEMBERS in self._installers else NO_INSTALL

    def _names(self, person: str) -> bool:
        """Whether the operator lets a person use us wherever they are, by name or with everybody."""
        return bool(self._installers & {person, EVERYBODY})

    async def _explain_unshared(self, person: str, sentence: str) -> str:
        """The sentence, unless a person is in an allowed server; another where nobody says so just now."""
        shared = await self._look_through(self._allowed, person, until_found=True)
        if any(known for known in shared.values()):
            return ""
        return NOT_KNOWN if None in shared.values() else sentence

    async def list_homes(self, person: str) -> list[str]:
        """The servers that a person shares with us; one of which that is not known just now counts as shared."""
        servers = self._allowed or frozenset(await self._list_servers())
        if not self._allowed and len(servers) > FEW:
            return []
        shared = await self._look_through(servers, person)
        return sorted(guild for guild, known in shared.items() if known is not False)

    def is_untold(self, sentence: str, place: str) -> bool:
        """Whether a refusal has to be said there: once a day, but always where nobody knows yet."""
        key = f"{sentence}:{place}"
        untold = key not in self._told
        self._told[key] = True
        return untold or sentence == NOT_KNOWN

    async def _look_through(
        self, servers: Collection[str], person: str, *, until_found: bool = False
    ) -> dict[str, bool | None]:
        """Whether a person is in each of these servers, a few at a time; None where Discord does not say in time.

        `until_found`: one that they are in is enough. Where they were met last is looked at first.
        """
        shared: dict[str, bool | None] = dict.fromkeys(servers)
        ordered = sorted(servers, key=lambda guild: (guild != self._met.get(person), guild))
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                for few in split_portions(ordered, AT_ONCE):
                    found = await asyncio.gather(*(self._directory.find_membership(guild, person) for guild in few))
                    shared |= dict(zip(few, found, strict=True))
                    if True in found:
                        self._met[person] = few[found.index(True)]
                        if until_found:
                            break
        return shared


def split_portions(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """Cut a sequence into portions of at most `most`."""
    return (items[at : at + most] for at in range(0, len(items), most))
