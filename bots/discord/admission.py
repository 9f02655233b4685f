"""Admission: the allow-list of servers, and whether who writes direct messages shares an allowed one with us."""

import asyncio
import time
from collections.abc import Callable, Collection

from cachetools import TTLCache

from bots.discord.directory import Directory

NO_SERVER = "I don't answer in this server. Whoever runs me can allow it."
NO_PERSON = "I answer direct messages only of people who share a server with me that I answer in."
NOT_KNOWN = "I can't see just now whether we share a server. Please ask again in a minute."

SECONDS = 2.0  # that the look for a shared server may take; an interaction waits three seconds
FEW = 25  # servers that are looked through for a person, where no list names them
DAY = 24 * 60 * 60.0  # seconds in which a server or a person that is not allowed is told so once
TOLD = 10_000  # of them that we remember


class Admission:
    """Decides where we listen. An empty allow-list allows every server, and everybody's direct messages."""

    def __init__(
        self,
        allowed: Collection[str],
        directory: Directory,
        list_servers: Callable[[], Collection[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._directory = directory
        self._list_servers = list_servers
        self._told: TTLCache[str, bool] = TTLCache(TOLD, DAY, clock)

    def admits_server(self, guild: str | int) -> bool:
        """Whether we answer in a server."""
        return not self._allowed or str(guild) in self._allowed

    async def explain_refusal(self, guild: str | int | None, person: str) -> str:
        """Why nothing that `person` says there is taken up, in a sentence for them; empty where it is."""
        if guild is not None:
            return "" if self.admits_server(guild) else NO_SERVER
        if not self._allowed:
            return ""
        shared = await self._look_through(self._allowed, person)
        if any(known for known in shared.values()):
            return ""
        return NOT_KNOWN if None in shared.values() else NO_PERSON

    async def list_homes(self, person: str) -> list[str]:
        """The servers that a person shares with us; one of which that is not known just now counts as shared."""
        servers = self._allowed or frozenset(self._list_servers())
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

    async def _look_through(self, servers: Collection[str], person: str) -> dict[str, bool | None]:
        """Whether a person is in each of these servers; None where Discord does not say in time."""
        shared: dict[str, bool | None] = dict.fromkeys(servers)

        async def look_up(guild: str) -> None:
            shared[guild] = await self._directory.find_membership(guild, person)

        looking = [asyncio.create_task(look_up(guild)) for guild in servers]
        try:
            await asyncio.wait(looking, timeout=SECONDS)
        finally:
            for task in looking:
                task.cancel()
        return shared
