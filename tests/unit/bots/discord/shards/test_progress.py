"""Progress: up to which event a shard's session is stored. Tests bots.discord.shards.progress."""

from types import SimpleNamespace

import pytest

from bots.discord.parse import DIRECT
from bots.discord.shards.progress import Arrival, SessionProgress, find_shard

OF_SECOND = str(5 << 22)  # a server of the second of four shards


def client(**sequences):
    """Four shards, those named with the number of the last event that came."""
    held = {
        int(shard[1:]): SimpleNamespace(_parent=SimpleNamespace(ws=SimpleNamespace(sequence=sequence)))
        for shard, sequence in sequences.items()
    }
    return SimpleNamespace(shard_count=4, shards=held)


@pytest.mark.parametrize(
    ("name", "payload", "mark"),
    [
        pytest.param(
            "MESSAGE_CREATE", {"id": "1", "channel_id": "2", "guild_id": OF_SECOND}, Arrival(1, 17), id="message"
        ),
        pytest.param("MESSAGE_CREATE", {"id": OF_SECOND, "channel_id": "2"}, Arrival(0, 3), id="direct message"),
        pytest.param("GUILD_CREATE", {"id": OF_SECOND}, Arrival(1, 17), id="server"),
        pytest.param("READY", {"shard": [1, 4]}, Arrival(1, 17), id="new session"),
        pytest.param("READY", {"shard": [2, 4]}, None, id="a shard that is not held"),
    ],
)
def test_an_event_is_noted_with_its_shard_and_number(name, payload, mark):
    assert SessionProgress(lambda: client(s0=3, s1=17)).begin(name, payload) == mark


def test_stored_is_what_came_before_the_first_event_that_is_not():
    told = {"s1": 17}
    progress = SessionProgress(lambda: client(**told))
    first = progress.begin("GUILD_CREATE", {"id": OF_SECOND})
    told["s1"] = 18
    second = progress.begin("GUILD_CREATE", {"id": OF_SECOND})
    found = [progress.limit(1, 19)]
    for mark in (second, first):
        progress.end(mark)
        found.append(progress.limit(1, 19))

    assert found == [16, 16, 19]
    assert progress.limit(0, 5) == 5


def test_a_workspace_is_of_the_shard_that_discord_says_and_direct_messages_of_the_first():
    assert (find_shard(f"discord:{OF_SECOND}", 4), find_shard(DIRECT, 4)) == (1, 0)
