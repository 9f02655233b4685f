"""Thirty answers that grow at once: each is seen to grow as often as Discord allows, and the loop never stands still.

Tests bots.discord.publisher, bots.discord.outbound_budget.
"""

import itertools
import time
from collections import defaultdict

import pytest

from bots.discord.publisher import EDIT
from tests.fakes.claude.script import Answer
from tests.support.discord_house import confab, settled
from tests.support.stalls import measure_stalls

ANSWERS = 30
SECONDS = 10.0
WORDS = 800  # of four characters and a space: a token each, 80 a second
STALL = 0.05  # seconds of the processor between two turns of the loop, the loopback servers' own work included
BETWEEN = 2.5 * EDIT  # seconds: an edit that found no slot of 48 a second is followed by the next one


@pytest.mark.reliability
async def test_thirty_answers_of_ten_seconds_grow_as_often_as_discord_allows_and_hold_nothing_up(guild, claude, store):
    guild.document_limits()
    text = f"{'word ' * WORDS}end."
    claude.answer = lambda body: Answer(text=text, chunk=20, delay=SECONDS / (len(text) / 20))
    rooms = [guild.room(f"room {number}") for number in range(ANSWERS)]
    seen: dict[str, list[float]] = defaultdict(list)
    tell = guild.world.listener

    def listen(event):
        tell(event)
        if event.name in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} and event.body["author"]["id"] == guild.me:
            seen[event.body["channel_id"]].append(time.monotonic())

    guild.world.listener = listen
    async with confab(guild, claude, store, edit=EDIT) as running, measure_stalls() as stalls:
        for room in rooms:
            await guild.say("ada", room, f"<@{guild.me}> write")
        await settled(guild, running)
    gaps = [after - before for times in seen.values() for before, after in itertools.pairwise(times)]

    assert ["".join(one.content for one in guild.visible(room)[1:]).count("word") for room in rooms] == [
        WORDS
    ] * ANSWERS
    assert guild.refusals == []
    assert max(gaps) < BETWEEN
    assert max(stalls) < STALL
