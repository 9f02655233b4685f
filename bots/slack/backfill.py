"""Backfill of Slack: finds missed questions in the channels that we are in and in tracked threads."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from bots.delivery.backfill import BackfillProgress
from bots.ops.rate_limited_log import FirstWarning
from bots.slack import parse
from bots.slack.client import Web
from bots.slack.parse import Raw
from core.domain.errors import CannotAnswer, CannotShow, Rejected
from core.domain.events import Event, MissedRange
from core.domain.messages import ThreadKey

BEGUN = timedelta(days=1)  # before the gap: what was said since then may have got an answer, or an edit, in it
ASKED = {"types": "public_channel,private_channel,mpim,im", "exclude_archived": True}
PAGE = 999  # of a list; Slack gives no more

log = logging.getLogger(__name__)


class BackfillSource:
    """Reads what was missed. `web` waits its turn for each call, and for Slack as long as it takes."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._warned = FirstWarning()

    async def fetch_missed(self, missed: MissedRange, progress: BackfillProgress) -> list[Event]:
        """Missed questions that we have not answered, oldest first."""
        found: list[Event] = []
        channels = await self._list_channels()
        tracked = Counter(key.channel for key in missed.threads if key.thread)
        progress.expect(len(channels) + sum(tracked[channel] for channel in channels))
        for channel in channels:
            raws = await self._read_channel(channel, missed, progress)
            found += parse.parse_missed(channel, raws, self._web.us, format_timestamp(missed))
        return sorted(found, key=parse.read_event_time)

    async def _list_channels(self) -> list[str]:
        """The channels that we are in; of an organisation, team by team, as Slack wants it."""
        found: list[Raw] = []
        try:
            for team in await self._web.list_teams():
                async for page in self._web.read_pages("users.conversations", None, team_id=team, limit=PAGE, **ASKED):
                    found += page
        except (CannotShow, CannotAnswer, Rejected) as error:
            log.warning("which channels we are in is not known, so what was missed is not found: %s", error)
            return []
        return list(dict.fromkeys(channel["id"] for channel in found))

    async def _read_channel(self, channel: str, missed: MissedRange, progress: BackfillProgress) -> list[Raw]:
        """Messages of a channel and of those of its threads that went on since then."""
        workspace, us = missed.workspace, self._web.us
        earliest = f"{(missed.since - BEGUN).timestamp():.6f}"
        begun = await self._read_messages(ThreadKey(workspace, channel, ""), earliest)
        known = {raw["ts"] for raw in begun}
        ours = {key.thread for key in missed.threads if key.channel == channel and key.thread}
        roots = sorted({*_find_active_roots(begun, format_timestamp(missed)), *(ours - known)})
        progress.expect(len(roots) - len(ours))
        progress.advance()
        said = list(begun)
        for root in roots:
            said += await self._read_messages(ThreadKey(us.workspace, channel, root), earliest)
            progress.advance()
        return said

    async def _read_messages(self, key: ThreadKey, oldest: str) -> list[Raw]:
        """Messages of a channel or a thread, as many as Slack shows us."""
        found: list[Raw] = []
        try:
            async for raws in self._web.read_messages(key, oldest):
                found += raws
        except (CannotShow, CannotAnswer, Rejected) as error:
            level = self._warned.choose_level(key.channel, type(error).__name__)
            log.log(level, "what was missed in %s is not found: %s", key.channel, error)
        return found


def format_timestamp(missed: MissedRange) -> str:
    """The beginning of a gap as a ts."""
    return f"{missed.since.timestamp():.6f}"


def _find_active_roots(raws: Sequence[Raw], oldest: str) -> Iterable[str]:
    """The roots of threads in which something was said since then."""
    return (raw["ts"] for raw in raws if float(raw.get("latest_reply") or 0) >= float(oldest))
