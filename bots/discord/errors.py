"""Error mapping: Discord's errors become ours, and what passes is retried."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import discord

from bots.discord.outbound_budget import Busy
from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import CannotShow, PageGone, PlaceClosed, RateLimited, Rejected, TokenRefused, Uncertain

log = logging.getLogger(__name__)

UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK = 10003, 10004, 10008, 10015
UNKNOWN_INTERACTION, INVALID_TOKEN = 10062, 50027
NO_ACCESS, NO_DM, NOT_TEXT, NO_PERMISSION, INVALID_FORM = 50001, 50007, 50008, 50013, 50035
ARCHIVED, NO_HISTORY, THREAD_EXISTS, LOCKED = 50083, 160002, 160004, 160005
TITLE_BLOCKED = 200001  # by AutoMod

EXPIRED = {UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_TOKEN}  # of an interaction's token
FORBIDDEN = {
    UNKNOWN_CHANNEL: "the channel is gone",
    UNKNOWN_GUILD: "we are no longer in the server",
    NO_ACCESS: "we may not see the channel",
    NO_DM: "the person takes no direct messages from us",
    NOT_TEXT: "nobody can write in that kind of channel",
    NO_PERMISSION: "we lack a permission there; see the list in docs/discord.md",
    ARCHIVED: "the thread is archived, and we may not open it again",
    LOCKED: "the thread is locked",
    UNKNOWN_WEBHOOK: "the interaction is over",
    UNKNOWN_INTERACTION: "the interaction is over",
    INVALID_TOKEN: "the interaction's 15 minutes are over",
}
BARRED = {
    NO_ACCESS: "I can't see that channel any more",
    NOT_TEXT: "nobody can write in that kind of channel",
    NO_PERMISSION: "I lack a permission there",
    ARCHIVED: "that thread is closed, and I may not open it again",
    LOCKED: "that thread is locked",
}
"""Why a place that is there is closed to us, for people."""

CLOSED_TO_MESSAGES = {*BARRED, UNKNOWN_CHANNEL}  # while an interaction may still be answered there
_OF_COMPONENTS = re.compile(r"^In components\b", re.MULTILINE)  # where the library says which field is wrong
TOO_LARGE = 40005
CLOSED = "Session is closed"  # aiohttp's words, which has no class for it

Answer = TypeVar("Answer")


class UnreadableAnswer(aiohttp.ClientError):
    """An answer that is no refusal, and not what Discord promises: a proxy's page, or a Discord in trouble."""


Unanswered = (aiohttp.ClientError, OSError, TimeoutError)
"""What is no answer of Discord's."""


def is_about_components(error: discord.HTTPException) -> bool:
    """Whether Discord refuses a message for the buttons below it."""
    return error.code == INVALID_FORM and bool(_OF_COMPONENTS.search(error.text))


def may_have_happened(error: Exception) -> bool:
    """Whether Discord may have done what it gave no answer to."""
    failed = isinstance(error, discord.HTTPException) and error.status >= 500
    return failed or (isinstance(error, Unanswered) and not isinstance(error, Busy))


async def translate_errors(call: Awaitable[Answer]) -> Answer:
    """Make one request. Raises CannotShow, PlaceClosed, TokenRefused, RateLimited where nothing happened, or Uncertain.

    Other refusals of Discord's come as they are: discord.HTTPException. To wait for a rate limit, however long, is no
    trouble.
    """
    try:
        return await call
    except Busy as error:
        raise RateLimited(None, "our own rate limit") from error
    except discord.RateLimited as error:
        raise RateLimited(error.retry_after, "Discord") from error
    except Unanswered as error:
        raise Uncertain(type(error).__name__) from error
    except RuntimeError as error:
        if str(error) != CLOSED:
            raise
        raise Uncertain("connecting anew") from error
    except discord.HTTPException as error:
        if error.status == 429:
            raise RateLimited(None, "status 429") from error
        if error.status >= 500:
            raise Uncertain(f"status {error.status}") from error
        if error.code in FORBIDDEN:
            reason = f"{FORBIDDEN[error.code]} ({error.code})"
            raise PlaceClosed(reason, BARRED[error.code]) if error.code in BARRED else CannotShow(reason) from error
        if error.status == 401:
            raise TokenRefused("Discord does not take DISCORD_BOT_TOKEN any more") from error
        raise


async def translate_refusals(call: Awaitable[Answer]) -> Answer:
    """Make one request for a page. As `translate_errors`, but a refusal is Rejected or PageGone, by its code alone."""
    try:
        return await translate_errors(call)
    except discord.HTTPException as error:
        kind = PageGone if error.code == UNKNOWN_MESSAGE else Rejected
        raise kind(str(error.code), f"Discord refuses the page (HTTP {error.status}), error code") from error


async def retry_call(call: Callable[[], Awaitable[Answer]], pause: Sleep = asyncio.sleep) -> Answer:
    """Make a request that may be made twice, until Discord answers it."""
    return await retry_passing(lambda: translate_errors(call()), pause)


async def retry_passing(work: Callable[[], Awaitable[Answer]], pause: Sleep, tries: int | None = None) -> Answer:
    """Retry `work` while Discord does not answer or limits us, at most so many `tries`."""
    return await backoff.retry(work, (RateLimited, Uncertain), pause, report=_report, tries=tries)


def explain_unattached_files(error: Exception) -> str:
    """Why files could not be attached, for the person, and who can mend it."""
    match error:
        case Rejected(reason=reason) if reason == str(TOO_LARGE):
            return "Discord takes no files that large here"
        case Rejected(reason=reason):
            return f"Discord does not take it ({reason})"
        case PlaceClosed(why=why) if why not in {"", BARRED[NO_PERMISSION]}:
            return why
        case CannotShow():
            return "I lack the permission “Attach Files”, which whoever manages this channel can give me"
    return "Discord takes no files just now"


def _report(error: BaseException, seconds: float) -> None:
    log.warning("Discord does not answer (%s); trying again in %.1f s", error, seconds)
