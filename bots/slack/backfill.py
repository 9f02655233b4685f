"""What was missed in a workspace: what asks us, found in the channels that we are in and in threads of ours."""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

from bots.slack import parse
from bots.slack.client import Web
from bots.slack.parse import Raw
from core.domain.errors import CannotAnswer, CannotShow, Rejected
from core.domain.events import Event, MissedRange
from core.domain.messages import ThreadKey

BEGUN = timedelta(days=1)  # before the gap: threads that were begun since then are looked through, whosever they are
KINDS = "public_channel,private_channel,mpim,im"

log = logging.getLogger(__name__)


class Search:
    """Looks for what was missed. `web` waits its turn for each call, and for Slack as long as it takes."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def found(self, missed: MissedRange) -> list[Event]:
        """Everything that asks us and that we have not answered, oldest first."""
        found: list[Event] = []
        for channel in await self._channels():
            raws = await self._said(channel, missed)
            found += parse.completions(channel, raws, self._web.us, stamp(missed))
        return sorted(found, key=parse.told_at)

    async def _channels(self) -> list[str]:
        """The channels that we are in."""
        found: list[str] = []
        cursor = None
        while cursor != "":
            asked = {"types": KINDS, "exclude_archived": True, "limit": 999, "cursor": cursor}
            try:
                answer = await self._web.read("users.conversations", **asked)
            except (CannotShow, CannotAnswer, Rejected) as error:
                log.warning("which channels we are in is not known, so what was missed is not found: %s", error)
                return []
            found += [channel["id"] for channel in answer["channels"]]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        return found

    async def _said(self, channel: str, missed: MissedRange) -> list[Raw]:
        """What stands in a channel and in those of its threads that went on since then."""
        workspace, us = missed.workspace, self._web.us
        begun = await self._messages(ThreadKey(workspace, channel, ""), f"{(missed.since - BEGUN).timestamp():.6f}")
        known = {raw["ts"] for raw in begun}
        ours = {key.thread for key in missed.threads if key.channel == channel and key.thread} - known
        said = list(begun)
        for root in sorted({*_went_on(begun, stamp(missed)), *ours}):
            said += await self._messages(ThreadKey(us.workspace, channel, root), stamp(missed))
        return said

    async def _messages(self, key: ThreadKey, oldest: str) -> list[Raw]:
        """As much as Slack shows us of a channel or a thread."""
        found: list[Raw] = []
        try:
            async for raws in self._web.messages(key, oldest):
                found += raws
        except (CannotShow, CannotAnswer, Rejected) as error:
            log.warning("what was missed in %s is not found: %s", key.channel, error)
        return found


def stamp(missed: MissedRange) -> str:
    """The moment from which on it was missed, as a ts."""
    return f"{missed.since.timestamp():.6f}"


def _went_on(raws: Sequence[Raw], oldest: str) -> Iterable[str]:
    """The roots of threads in which something was said since then."""
    return (raw["ts"] for raw in raws if float(raw.get("latest_reply") or 0) >= float(oldest))
