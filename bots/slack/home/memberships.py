"""Memberships: the channels that a person and we are both in, asked for once a minute."""

import logging
import time
from collections.abc import Callable, Sequence

from cachetools import TTLCache

from bots.slack.client import Web
from bots.slack.parse import Raw

KINDS = "public_channel,private_channel,mpim"
REMEMBERED = 1_000  # people
SECONDS = 60.0  # that an answer is believed: who has left a channel sees it no longer than that
BATCH = 999  # channels of one answer
PAGES = 10  # answers that are read; who is in more channels is told of the first ones

log = logging.getLogger(__name__)


class Memberships:
    """Asks Slack who is in which channel: one question tells a thousand of a person's."""

    def __init__(self, web: Web, clock: Callable[[], float] = time.monotonic) -> None:
        self._web = web
        self._known: TTLCache[str, Sequence[Raw]] = TTLCache(REMEMBERED, SECONDS, clock)

    async def list_shared(self, person: str) -> list[Raw]:
        """The channels that both are in, none archived. Raises CannotShow, CannotAnswer, Rejected."""
        theirs = await self._list_channels(person)
        ours = {channel["id"] for channel in await self._list_channels(self._web.us.user)} if theirs else set()
        return [channel for channel in theirs if channel["id"] in ours]

    async def find_shared(self, person: str, channel: str) -> Raw | None:
        """A channel, if both are in it. Raises as `list_shared`."""
        return next((one for one in await self.list_shared(person) if one["id"] == channel), None)

    async def _list_channels(self, person: str) -> Sequence[Raw]:
        """All channels of a person that we may know of, or ours."""
        if (known := self._known.get(person)) is not None:
            return known
        found: list[Raw] = []
        cursor, pages = None, 0
        user = None if person == self._web.us.user else person
        while cursor != "" and pages < PAGES:
            asked = {"types": KINDS, "exclude_archived": True, "limit": BATCH, "cursor": cursor, "user": user}
            answer = await self._web.read("users.conversations", **asked)
            found += answer["channels"]
            cursor, pages = (answer.get("response_metadata") or {}).get("next_cursor") or "", pages + 1
        if cursor:
            log.warning("%s is in more than %d channels: the others are left out", person, len(found))
        self._known[person] = found
        return found
