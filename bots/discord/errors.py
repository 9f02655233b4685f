"""Refusals: what Discord's errors mean for an answer, and which of them pass."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import discord

from bots.discord.outbound_budget import Busy
from core.domain.clock import Sleep
from core.domain.errors import CannotShow, PlaceClosed

log = logging.getLogger(__name__)

UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK = 10003, 10004, 10008, 10015
UNKNOWN_INTERACTION, INVALID_TOKEN = 10062, 50027
NO_ACCESS, NO_DM, NOT_TEXT, NO_PERMISSION, INVALID_FORM = 50001, 50007, 50008, 50013, 50035
NO_HISTORY, THREAD_EXISTS, LOCKED = 160002, 160004, 160005

EXPIRED = {UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_TOKEN}  # of an interaction's token
FORBIDDEN = {
    UNKNOWN_CHANNEL: "the channel is gone",
    UNKNOWN_GUILD: "we are no longer in the server",
    NO_ACCESS: "we may not see the channel",
    NO_DM: "the person takes no direct messages from us",
    NOT_TEXT: "nobody can write in that kind of channel",
    NO_PERMISSION: "we lack a permission there; see the list in docs/discord.md",
    LOCKED: "the thread is locked",
    UNKNOWN_WEBHOOK: "the interaction is over",
    UNKNOWN_INTERACTION: "the interaction is over",
    INVALID_TOKEN: "the interaction's 15 minutes are over",
}
BARRED = {NO_ACCESS, NOT_TEXT, NO_PERMISSION, LOCKED}  # of a place that is there
CLOSED = "Session is closed"  # aiohttp's words, which has no class for it
SHORT, LONG = 0.5, 30.0  # seconds between two tries, the first and at most

Answer = TypeVar("Answer")
Passing = (aiohttp.ClientError, OSError, TimeoutError, discord.RateLimited)
"""What is no answer of Discord's, or one that says: later."""


class Transient(Exception):
    """It may go better later. Whether it happened is not known."""


class Unsent(Transient):
    """It may go better later. Nothing was sent."""


async def tried(call: Awaitable[Answer]) -> Answer:
    """One request. Raises CannotShow where an answer can't be shown any more, Transient where it may go better later.

    Unsent if it never went out. Other refusals of Discord's come as they are: discord.HTTPException. To wait for a rate
    limit, however long, is no trouble.
    """
    try:
        return await call
    except Busy as error:
        raise Unsent("our own rate limit") from error
    except Passing as error:
        raise Transient(type(error).__name__) from error
    except RuntimeError as error:
        if str(error) != CLOSED:
            raise
        raise Transient("connecting anew") from error
    except discord.HTTPException as error:
        if error.status == 429 or error.status >= 500:
            raise Transient(f"status {error.status}") from error
        if error.code in FORBIDDEN:
            kind = PlaceClosed if error.code in BARRED else CannotShow
            raise kind(f"{FORBIDDEN[error.code]} ({error.code})") from error
        if error.status == 401:
            raise CannotShow("Discord does not take DISCORD_BOT_TOKEN any more") from error
        raise


async def patiently(call: Callable[[], Awaitable[Answer]], pause: Sleep = asyncio.sleep) -> Answer:
    """A request that may be made twice, until Discord answers it."""
    seconds = SHORT
    while True:
        try:
            return await tried(call())
        except Transient as trouble:
            log.warning("Discord does not answer (%s); trying again in %.1f s", trouble, seconds)
        await pause(seconds)
        seconds = min(seconds * 2, LONG)
