"""Backfill of Discord: finds missed questions where something was said in a gap; the gateway tells where that was."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

import discord

from bots.delivery.backfill import BackfillProgress
from bots.discord import parse
from bots.discord.admission import Admission
from bots.discord.client import MOST, Rest
from bots.discord.errors import retry_call
from bots.discord.installed.place import read_installer
from bots.discord.intake import build_place, identify_bot
from bots.discord.parse import DIRECT, BotIdentity, ChannelPlace, Json
from bots.ops.rate_limited_log import FirstWarning
from core.domain.clock import Sleep
from core.domain.errors import CannotShow
from core.domain.events import Commanded, MissedRange, Posted
from core.domain.messages import Asks

BEFORE = timedelta(hours=1)  # before the gap: what was said since then may have been edited in it
LEISURE = 0.25  # seconds before each request: what somebody waits for goes first
PATIENCE = 60  # seconds that a server may take to come
Written = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
"""Where messages stand. A forum has none of its own, only threads."""

log = logging.getLogger(__name__)


class BackfillSource:
    """Reads what was missed, through the client that is connected then."""

    def __init__(self, rest: Rest, client: Callable[[], discord.Client], pause: Sleep, admission: Admission) -> None:
        self._rest = rest
        self._admission = admission
        self._client = client
        self._pause = pause
        self._warned = FirstWarning()

    async def fetch_missed(self, missed: MissedRange, progress: BackfillProgress) -> list[Posted | Commanded]:
        """Missed questions that we have not answered, oldest first; none from where we do not answer."""
        if missed.workspace != DIRECT and not self._admission.admits_server(missed.workspace.partition(":")[2]):
            return []
        since, earliest = map(discord.utils.time_snowflake, (missed.since, missed.since - BEFORE))
        server = None if missed.workspace == DIRECT else await self._wait_for_server(missed.workspace)
        ours = identify_bot(self._client(), server)
        shown: list[tuple[ChannelPlace, Json]] = []
        places = list(_list_direct_places(missed) if server is None else _list_active_places(server, since))
        progress.expect(len(places))
        for where in places:
            shown += [(where, payload) async for payload in self._list_messages(where, earliest)]
            progress.advance()
        answered = set(_find_answered(shown, ours))
        missing = [(where, payload) for where, payload in shown if payload["id"] not in answered]
        found = [event for where, payload in missing if (event := _parse_question(where, payload, ours, missed.since))]
        heard = [event for event in found if await self._is_heard(event)]
        return sorted(heard, key=_read_number)

    async def _wait_for_server(self, workspace: str) -> discord.Guild | None:
        """A server, once the gateway has shown what is in it."""
        number = int(workspace.partition(":")[2])
        for _ in range(PATIENCE):
            server = self._client().get_guild(number)
            if server is None or not server.unavailable:
                return server
            await self._pause(1.0)
        log.warning("%s does not come, so what was missed in it is not found", workspace)
        return None

    async def _is_heard(self, event: Posted | Commanded) -> bool:
        """Whether its author may ask us in direct messages; of servers we know that already."""
        if event.key.workspace != DIRECT:
            return True
        why = await self._admission.explain_refusal(
            None, event.message.author if isinstance(event, Posted) else event.person
        )
        if why:
            log.warning("a direct message that was missed is left out: %s", why)
        return not why

    async def _list_messages(self, where: ChannelPlace, since: int) -> AsyncIterator[Json]:
        """Messages of a place since then, oldest first, as far as we are shown them."""
        after = str(since)
        while True:
            await self._pause(LEISURE)
            try:
                portion = await retry_call(partial(self._rest.list_messages, where.at, after=after), self._pause)
            except (discord.HTTPException, CannotShow) as error:
                level = self._warned.choose_level(where.at, type(error).__name__)
                log.log(level, "what was missed in %s is not found: %s", where.at, error)
                return
            for payload in portion:
                yield payload
            if len(portion) < MOST:
                return
            after = portion[-1]["id"]


def _list_direct_places(missed: MissedRange) -> Iterator[ChannelPlace]:
    """Direct messages that are tracked; Discord lists none. Where we are no member nobody can look."""
    tracked = (key.channel for key in missed.threads if key.workspace == DIRECT and not read_installer(key))
    for channel in dict.fromkeys(tracked):
        yield ChannelPlace(DIRECT, channel, channel, whole=True)


def _list_active_places(server: discord.Guild, since: int) -> Iterator[ChannelPlace]:
    """Channels and threads that we may read and in which something was said since then."""
    for one in (*server.channels, *server.threads):
        if not isinstance(one, Written) or (one.last_message_id or 0) <= since:
            continue
        may = one.permissions_for(server.me)
        if may.view_channel and may.read_message_history:
            yield build_place(server.id, one.id, one)


def _find_answered(shown: list[tuple[ChannelPlace, Json]], ours: BotIdentity) -> Iterator[str]:
    """Names of questions that have an answer of ours.

    An answer that names none stands in a thread that hangs on its question, and has its name.
    """
    for where, payload in shown:
        if payload["author"]["id"] == ours.id:
            yield parse.find_answered_question(payload) or where.at


def _read_number(event: Posted | Commanded) -> int:
    """The snowflake of the message that asks, by which questions are in order."""
    return int(event.message.id if isinstance(event, Posted) else event.id)


def _is_missed(event: Posted | Commanded, payload: Json, since: datetime) -> bool:
    """Whether it was said since then, or edited since then and asks for certain."""
    if (event.message.at if isinstance(event, Posted) else event.at) >= since:
        return True
    edited = payload.get("edited_timestamp")
    certain = isinstance(event, Posted) and event.asks is Asks.CERTAINLY
    return bool(certain and edited and datetime.fromisoformat(edited) >= since)


def _parse_question(
    where: ChannelPlace, payload: Json, ours: BotIdentity, since: datetime
) -> Posted | Commanded | None:
    try:
        event = parse.parse_post(payload, where, ours)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.error("a message that was missed can't be read: %s", type(error).__name__)
        return None
    if event is None or not _is_missed(event, payload, since):
        return None
    return None if isinstance(event, Posted) and event.asks is Asks.NO else event
