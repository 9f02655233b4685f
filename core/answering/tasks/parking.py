"""Parking: an answer that waits for a person or for a batch frees its process, and goes on in whichever wakes it up."""

import logging

from core.answering.final_answer import Answer
from core.store.protocols import Store
from core.store.records.claims import Claim

log = logging.getLogger(__name__)


async def park_answer(store: Store, claim: Claim, waiting: Answer) -> None:
    """Let the question of a claim wait without a process. Raises LeaseLost."""
    if waiting.awaits is not None:
        await store.questions.park(claim, waiting.after or "", waiting.awaits, waiting.so_far)
    else:
        await store.jobs.park(claim, waiting.waits or 0)
    log.info("parked: waits for a %s", "person" if waiting.awaits is not None else "batch")
