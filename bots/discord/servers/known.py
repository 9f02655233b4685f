"""Known servers: channels, roles and our own rights in each, as the gateway tells, else as Discord says when asked."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import discord
from cachetools import TTLCache

from bots.discord.client import Rest
from bots.discord.errors import translate_errors
from bots.discord.gateway import Client, trim_server
from bots.discord.parse import Json

SERVERS = 200  # that were asked for and are remembered
SECONDS = 60.0  # that what was asked for is believed: nobody tells us of its changes


class KnownServers:
    """Looks servers up. What the gateway tells is right at once; of others Discord is asked, in four requests a minute.

    A process hears only of the servers of its own shards, while these are connected, and answers questions of all. Also
    of a session that another process began nobody tells what is in its servers, nor of a server in an outage.
    """

    def __init__(
        self, rest: Rest, client: Callable[[], discord.Client], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rest = rest
        self._client = client
        self._fetched: TTLCache[int, discord.Guild | None] = TTLCache(SERVERS, SECONDS, clock)
        self._fetching: dict[int, asyncio.Task[discord.Guild | None]] = {}

    def get(self, server: str | int | None) -> discord.Guild | None:
        """A server, as far as it is known just now; None where it is not, or we are not in it."""
        if server is None:
            return None
        told = self._client().get_guild(int(server))
        return told if self._is_told(int(server), told) else self._fetched.get(int(server)) or told

    def hears(self, server: str | int) -> bool:
        """Whether the gateway tells us of a server, or that we are not in it."""
        client = self._client()
        return client.hears(int(server)) if isinstance(client, Client) else True

    def is_back(self, payload: Json) -> bool:
        """Whether a server that the gateway tells of comes back from an outage, or after all others of its session."""
        client = self._client()
        first = isinstance(client, Client) and client.awaits(int(payload["id"]))
        return payload.get("unavailable") is False and not first

    async def fetch(self, server: str | int) -> discord.Guild | None:
        """A server, asked for where nobody tells us of it; None where we are not in it.

        Raises what the library raises, and what `translate_errors` does.
        """
        number = int(server)
        told = self._client().get_guild(number)
        if self._is_told(number, told):
            return told
        with suppress(KeyError):
            return self._fetched[number]
        fetching = self._fetching.get(number)
        if fetching is None:
            fetching = self._fetching[number] = asyncio.create_task(self._ask(number), name=f"server {number}")
            fetching.add_done_callback(lambda _done: self._fetching.pop(number, None))
        return await asyncio.shield(fetching)

    def _is_told(self, number: int, told: discord.Guild | None) -> bool:
        """Whether the gateway tells what is in a server, or that we are not in it. Of one in an outage it does not."""
        return self.hears(number) and not (told and told.unavailable)

    async def _ask(self, number: int) -> discord.Guild | None:
        us = self._client().user
        payload = await translate_errors(self._rest.fetch_server(str(number), str(us.id if us else 0)))
        found = None
        if payload is not None:
            trim_server(payload)
            state = self._client()._connection
            found = discord.Guild(data=payload, state=state)  # type: ignore[arg-type]  # as GUILD_CREATE tells it
        self._fetched[number] = found
        return found
