"""Bounded look-up: names and their like, which an answer can do without, are asked for a few at a time and not long.

A rank, without which nothing can be decided, is waited for longer; then who asks is told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from core.domain.errors import NoAnswer
from core.domain.messages import Rank

UNTOLD = "{} does not tell me just now what you may do. Please ask again in a minute."
LOOKUPS = 50  # people whom one question looks up; Slack allows 100 a minute, of all questions
AT_ONCE = 8  # of them
WAIT = 2.0  # seconds that all look-ups of a question may take
RANK_WAIT = 30.0  # seconds that a rank may take: a limit that lasts longer would be a silence


async def look_up(wanted: Sequence[str], ask: Callable[[str], Awaitable[object]], wait: float = WAIT) -> bool:
    """Ask about the first `LOOKUPS` of what is wanted; whether all of them were answered in time.

    What `ask` has not answered then is cancelled.
    """
    free = asyncio.Semaphore(AT_ONCE)

    async def ask_in_turn(one: str) -> None:
        async with free:
            await ask(one)

    asking = [asyncio.create_task(ask_in_turn(one)) for one in wanted[:LOOKUPS]]
    if not asking:
        return True
    try:
        done, late = await asyncio.wait(asking, timeout=wait, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    for task in done:
        task.result()
    return not late


async def wait_for_rank(asking: Awaitable[Rank], platform: str, wait: float = RANK_WAIT) -> Rank:
    """The rank that is asked for. Raises NoAnswer, a sentence for the person, if it does not come in time."""
    try:
        async with asyncio.timeout(wait):
            return await asking
    except TimeoutError:
        raise NoAnswer(UNTOLD.format(platform)) from None
