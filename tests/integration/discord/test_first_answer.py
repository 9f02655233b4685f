"""The first answer of a process: it waits for nobody, as soon as Discord has said which servers there are.

Over the unmodified discord.py, which waits for servers that come late. Tests bots.discord.gateway.
"""

import pytest

from bots.discord.adapter import Discord
from bots.discord.shards.sharing import ShardSharing
from core.domain.events import Posted
from core.domain.messages import Rank
from core.store import open_store
from tests.fakes.discord.client import pointed
from tests.fakes.discord.starts import SessionStarts
from tests.support.waiting import until
from tests.support.woken_house import keeping, settle_never, woken_house

HOME = "8138"
OTHER = str(1 << 22)  # of the second shard of two


class Waiting(Discord):
    """Discord, whose library waits so many seconds for servers that come late; its own two are no time for a test."""

    seconds = 600.0

    def make_client(self, ingest):
        client = super().make_client(ingest)
        client._connection.guild_ready_timeout = self.seconds
        return client


@pytest.fixture
def make(guild, store):
    """Makes the adapter of a process, whose library waits."""

    def build(seconds=600.0, **options):
        chosen = {"api_url": guild.api_url, "gateway_url": guild.gateway_url, "edit": 0.0, "pause": settle_never}
        platform = Waiting(guild.token, store.notes, store.installations, **chosen | options)
        platform.seconds = seconds
        return platform

    with pointed(guild):
        yield build


def answers(guild, room="general"):
    return [post.content for post in guild.visible(room) if post.author == "confab"]


async def ask(guild, room="general"):
    await guild.say("ada", room, f"<@{guild.me}> hello")


async def test_a_question_asked_right_after_the_bot_connected_is_answered_while_the_library_waits_for_servers(
    guild, claude, store, make
):
    platform = make()
    async with woken_house(store, claude, platform):
        await guild.until(lambda: guild.gateway.live)
        await ask(guild)
        await guild.until(lambda: answers(guild))

        assert platform._client._connection._ready_task is not None
        assert platform.offline == ""


async def test_a_bot_in_no_server_is_ready_at_once(guild, claude, store, make):
    guild.gateway.unlisted.add(HOME)
    platform = make()
    async with woken_house(store, claude, platform):
        await until(lambda: not platform.offline)


def let_one_begin(guild):
    """Let one more session begin, and no second one."""
    guild.gateway.starts = SessionStarts(1, 600.0)


async def test_servers_of_a_shard_that_is_connected_are_answered_while_another_is_not(guild, claude, store, make):
    let_one_begin(guild)
    platform = make(shards=(None, 2), quick=True)
    async with woken_house(store, claude, platform):
        await guild.until(lambda: guild.gateway.starts.crowded)
        await ask(guild)
        await guild.until(lambda: answers(guild))

        assert platform.offline


async def test_of_a_server_whose_shard_is_not_connected_discord_is_asked(guild, claude, store, make):
    guild.guild(OTHER, "Server 1")
    room = guild.room("elsewhere", OTHER)
    await hear_question(guild, store, make(shards=([1], 2)), room)
    let_one_begin(guild)
    platform = make(shards=(None, 2), quick=True)
    async with woken_house(store, claude, platform):
        await guild.until(lambda: answers(guild, room))

        assert "GET /guilds/" + OTHER in {f"{call.method} {call.path}" for call in guild.calls}
        assert platform._client.get_guild(int(OTHER)) is None


async def test_all_shards_have_to_tell_of_their_servers_before_the_bot_is_ready(guild, claude, store, make):
    guild.guild(OTHER, "Server 1")
    platform = make(shards=(None, 2), quick=True)
    async with woken_house(store, claude, platform):
        await until(lambda: not platform.offline)

        assert {one.shard for one in guild.gateway.live} == {(0, 2), (1, 2)}
        assert not any(server.unavailable for server in platform._client.guilds)


async def hear_question(guild, store, platform, room="general"):
    """Have a process keep a question, and go before it answers; what it was told."""
    async with keeping(store, platform) as kept:
        await ask(guild, room)
        await until(lambda: any(isinstance(event, Posted) for event in kept))
    return next(event for event in kept if isinstance(event, Posted))


async def test_for_a_server_in_an_outage_is_waited_as_long_as_the_library_does(guild, claude, store, make):
    guild.guild("900", "Down")
    guild.world.unavailable.add("900")
    await hear_question(guild, store, make(0.01))
    platform = make(0.01)
    async with woken_house(store, claude, platform):
        await guild.until(lambda: answers(guild))

        assert platform._client.get_guild(900).unavailable


async def test_what_somebody_may_do_in_a_server_in_an_outage_is_asked_for(guild, claude, store, make):
    guild.guild("900", "Down")
    room = guild.room("cellar", "900")
    guild.world.unavailable.add("900")
    platform = make(0.01)
    async with woken_house(store, claude, platform):
        await until(lambda: platform.reachable)

        assert await platform._directory.fetch_rank("900", room, guild.world.user("ada").id) is Rank.MANAGER


async def test_a_question_of_a_process_that_is_gone_is_answered_as_soon_as_discord_is_connected(
    guild, claude, store, make
):
    await hear_question(guild, store, make())
    async with woken_house(store, claude, make()):
        await guild.until(lambda: answers(guild))

        assert len(answers(guild)) == 1


@pytest.mark.parametrize("resumable", [True, False], ids=["resumed", "begun anew"])
async def test_a_question_kept_while_the_gateway_was_lost_is_answered_when_it_is_back(
    guild, claude, store, make, resumable
):
    elsewhere = await open_store("sqlite://")
    question = await hear_question(guild, elsewhere, make())
    await elsewhere.shut()
    platform = make(quick=True)
    async with woken_house(store, claude, platform):
        await until(lambda: not platform.offline)
        guild.gateway.pause()
        await until(lambda: platform.offline)
        await store.questions.ingest(question)
        if not resumable:
            guild.gateway.forget()
        guild.gateway.proceed()
        await guild.until(lambda: answers(guild))

        assert guild.gateway.resumed == resumable


async def test_a_question_is_answered_as_soon_as_a_shard_is_connected_that_is_shared(guild, claude, store, make):
    await hear_question(guild, store, make())
    async with woken_house(store, claude, make(sharing=ShardSharing(store.shards, 1, spacing=0.0, lead=0.0))):
        await guild.until(lambda: answers(guild))


async def test_a_process_without_a_shard_answers_what_waits_as_soon_as_it_stands_by(guild, claude, store, make):
    def share():
        return ShardSharing(store.shards, 1, spacing=0.0, lead=0.0)

    holder = make(sharing=share())
    async with keeping(store, holder) as kept:
        await until(lambda: guild.gateway.live)
        await ask(guild)
        await until(lambda: any(isinstance(event, Posted) for event in kept))
        async with woken_house(store, claude, make(sharing=share())):
            await guild.until(lambda: answers(guild))

        assert len(guild.gateway.live) == 1
