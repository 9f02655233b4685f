"""What was missed: what asks us, found where something was said in a gap. The gateway tells where that was."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator

import discord

from bots.discord import parse
from bots.discord.client import MOST, Rest
from bots.discord.errors import retry_call
from bots.discord.intake import place, us
from bots.discord.parse import DIRECT, ChannelPlace, Json, Us
from core.domain.clock import Sleep
from core.domain.errors import CannotShow
from core.domain.events import MissedRange, Posted
from core.domain.messages import Asks

LEISURE = 0.25  # seconds before each request: what somebody waits for goes first
PATIENCE = 60  # seconds that a server may take to come
Written = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
"""Where messages stand. A forum has none of its own, only threads."""

log = logging.getLogger(__name__)


class Search:
    """Looks for what was missed, through the client that is connected then."""

    def __init__(self, rest: Rest, client: Callable[[], discord.Client], pause: Sleep) -> None:
        self._rest = rest
        self._client = client
        self._pause = pause

    async def found(self, missed: MissedRange) -> list[Posted]:
        """Everything that asks us and that we have not answered, oldest first."""
        since = discord.utils.time_snowflake(missed.since)
        house = None if missed.workspace == DIRECT else await self._house(missed.workspace)
        ours = us(self._client(), house)
        shown: list[tuple[ChannelPlace, Json]] = []
        for where in _direct(missed) if house is None else _lively(house, since):
            shown += [(where, payload) async for payload in self._said(where, since)]
        answered = set(_answered(shown, ours))
        missing = [(where, payload) for where, payload in shown if payload["id"] not in answered]
        completions = [event for where, payload in missing if (event := _completions(where, payload, ours))]
        return sorted(completions, key=lambda event: int(event.message.id))

    async def _house(self, workspace: str) -> discord.Guild | None:
        """A server, once the gateway has shown what is in it."""
        number = int(workspace.partition(":")[2])
        for _ in range(PATIENCE):
            house = self._client().get_guild(number)
            if house is None or not house.unavailable:
                return house
            await self._pause(1.0)
        log.warning("%s does not come, so what was missed in it is not found", workspace)
        return None

    async def _said(self, where: ChannelPlace, since: int) -> AsyncIterator[Json]:
        """What was said in a place since then, oldest first, as far as we are shown it."""
        after = str(since)
        while True:
            await self._pause(LEISURE)
            try:
                portion = await retry_call(lambda after=after: self._rest.listed(where.at, after=after), self._pause)  # type: ignore[misc]  # a default binds it
            except (discord.HTTPException, CannotShow) as error:
                log.warning("what was missed in %s is not found: %s", where.at, error)
                return
            for payload in portion:
                yield payload
            if len(portion) < MOST:
                return
            after = portion[-1]["id"]


def _direct(missed: MissedRange) -> Iterator[ChannelPlace]:
    """Direct messages that are ours; Discord lists none."""
    for channel in dict.fromkeys(key.channel for key in missed.threads if key.workspace == DIRECT):
        yield ChannelPlace(DIRECT, channel, channel, whole=True)


def _lively(house: discord.Guild, since: int) -> Iterator[ChannelPlace]:
    """Where something was said since then that we may read."""
    for one in (*house.channels, *house.threads):
        if not isinstance(one, Written) or (one.last_message_id or 0) <= since:
            continue
        may = one.permissions_for(house.me)
        if may.view_channel and may.read_message_history:
            yield place(house.id, one.id, one)


def _answered(shown: list[tuple[ChannelPlace, Json]], ours: Us) -> Iterator[str]:
    """What has an answer of ours. One that names no question stands in a thread that hangs on it, and has its name."""
    for where, payload in shown:
        if payload["author"]["id"] == ours.id:
            yield parse.answers(payload) or where.at


def _completions(where: ChannelPlace, payload: Json, ours: Us) -> Posted | None:
    try:
        event = parse.said(payload, where, ours)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.error("a message that was missed can't be read: %s", type(error).__name__)
        return None
    return event if event and event.asks is not Asks.NO else None
