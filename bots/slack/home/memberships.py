"""Memberships: the channels that a person and we are both in, asked for once a minute."""

import time
from collections.abc import Awaitable, Callable, Sequence

from cachetools import TTLCache

from bots.slack.client import Web
from bots.slack.parse import Raw

KINDS = "public_channel,private_channel,mpim"
REMEMBERED = 1_000  # people
SECONDS = 60.0  # that an answer is believed: who has left a channel sees it no longer than that
BATCH = 999  # channels of one answer
PAGES = 10  # answers that are read; who is in more channels is told of the first ones


ListTeams = Callable[[str], Awaitable[Sequence[str | None]]]
"""The teams of an organisation that a person is in, of which Slack is asked one by one; elsewhere None alone."""


class Memberships:
    """Asks Slack who is in which channel: one question tells a thousand of a person's."""

    def __init__(self, web: Web, list_teams: ListTeams, clock: Callable[[], float] = time.monotonic) -> None:
        self._web = web
        self._list_teams = list_teams
        self._known: TTLCache[tuple[str, str | None], Sequence[Raw]] = TTLCache(REMEMBERED, SECONDS, clock)

    async def list_shared(self, person: str) -> list[Raw]:
        """The channels that both are in, none archived. Raises CannotShow, CannotAnswer, Rejected."""
        shared: dict[str, Raw] = {}  # a channel of several teams is one
        for team in await self._list_teams(person):
            theirs = await self._list_channels(person, team)
            ours = {one["id"] for one in await self._list_channels(self._web.us.user, team)} if theirs else set()
            shared |= {channel["id"]: channel for channel in theirs if channel["id"] in ours}
        return list(shared.values())

    async def find_shared(self, person: str, channel: str) -> Raw | None:
        """A channel, if both are in it. Raises as `list_shared`."""
        return next((one for one in await self.list_shared(person) if one["id"] == channel), None)

    async def _list_channels(self, person: str, team: str | None) -> Sequence[Raw]:
        """All channels of a person that we may know of, or ours, in a team."""
        if (known := self._known.get((person, team))) is not None:
            return known
        found: list[Raw] = []
        user = None if person == self._web.us.user else person
        asked = {"types": KINDS, "exclude_archived": True, "limit": BATCH, "user": user, "team_id": team}
        async for page in self._web.read_pages("users.conversations", PAGES, **asked):
            found += page
        self._known[person, team] = found
        return found
