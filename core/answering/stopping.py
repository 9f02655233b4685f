"""Stopping: an answer that nobody waits for any more ends with what was said so far."""

import asyncio
from collections.abc import Coroutine

from core.answering.completions import Ended
from core.answering.reply import Reply
from core.domain.messages import Outcome


async def stopped(words: Coroutine[None, None, Ended], reply: Reply, stop: asyncio.Event) -> Ended:
    """The final words, or what there is of them when somebody stops it."""
    working, stopping = asyncio.create_task(words), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else cut_short(reply)
    finally:
        working.cancel()
        stopping.cancel()


def cut_short(reply: Reply) -> Ended:
    """What was said so far, if anything stands on the platform already; else nothing is said."""
    begun = reply.text or reply.pages
    return Ended(f"{reply.text}\n\n*(Stopped.)*".strip() if begun else "", Outcome.WITHDRAWN)
