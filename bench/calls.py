"""Calls: how often a bot calls its platform for one question in a warm thread, by method."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.asked import Speech
from bench.figures import Figure
from bench.sides import both

ANSWERS = {
    "short answer": Speech(size=200, first=0.2, pause=0.01),
    "15,000 characters": Speech(size=15_000, first=0.2, pause=0.01),
}
A_MINUTE = {  # docs.slack.dev, rate limits: what a method's tier allows at least
    "chat.postMessage": 60,
    "chat.update": 50,
    "chat.delete": 50,
    "conversations.replies": 50,
    "users.info": 100,
    "assistant.threads.setStatus": 60,
}
"""Calls a minute and workspace; of chat.postMessage one a second and channel."""
GOAL = 1.0
PACE = 2.0  # seconds after which a channel's last answer slows the next one no more


async def calls(
    platform: str, folder: Path, answers: Mapping[str, Speech] = ANSWERS, pace: float = PACE
) -> list[Figure]:
    figures: list[Figure] = []
    async with both(platform, folder) as sides:
        threads = [await side.warm(20) for side in sides]
        for case, speech in answers.items():
            found, seconds = [], 0.0
            for side, thread in zip(sides, threads, strict=True):
                side.questions.speech = speech
                await asyncio.sleep(pace)
                asked, counted = await side.counted(thread)
                found.append(counted)
                seconds = asked.last_shown - asked.asked
            figures += _figures(f"{platform}, {case}", found[0], found[1], seconds)
    return figures


def _figures(case: str, limit: Counter[str], confab: Counter[str], seconds: float) -> list[Figure]:
    """All calls, each method's, and on Slack how much of its tier the answer used while it grew."""
    whole = Figure("calls", case, "all calls", "", limit.total(), confab.total(), GOAL)
    each = [Figure("calls", case, f"`{one}`", "", limit[one], confab[one]) for one in sorted(limit | confab)]
    minutes = max(1.0, seconds / 60)
    tiers = [confab[one] / minutes / A_MINUTE[one] for one in confab if one in A_MINUTE]
    used = [Figure("calls", case, "part of the tightest tier", "", None, max(tiers), GOAL)] if tiers else []
    return [whole, *each, *used]
