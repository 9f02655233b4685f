"""A server that removes the bot is ended once and wholly, also while nobody ran; what is out of reach is waited for.

Tests bots.discord.servers, bots.discord.servers.membership, bots.discord.intake and core.domain.events.WorkspaceEnded.
"""

import asyncio
from dataclasses import replace

import pytest

from core.domain.messages import ThreadKey
from core.store.audit_log import AuditAction
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import error
from tests.support.discord_house import confab, idle, settled
from tests.support.waiting import PATIENCE, until

HOME, OTHER, SECOND_SHARD = "8138", "9000", str(1 << 22)
CAME, WENT = AuditAction.INSTALLATION.value, AuditAction.INSTALLATION_ENDED.value


class Dying:
    """Installations of a process that dies at the first end, which has happened or has not."""

    def __init__(self, installations, happened: bool) -> None:
        self._installations = installations
        self._happened = happened
        self.dead = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._installations, name)

    async def end(self, *given, **named):
        if self._happened:
            await self._installations.end(*given, **named)
        self.dead.set()
        await asyncio.Event().wait()


class Slow:
    """Installations of a database that keeps a call of one method waiting."""

    def __init__(self, installations, method: str) -> None:
        self._installations, self._method = installations, method
        self.gate = asyncio.Event()
        self.gate.set()

    def __getattr__(self, name):
        return self._wait if name == self._method else getattr(self._installations, name)

    async def _wait(self, *given, **named):
        await self.gate.wait()
        return await getattr(self._installations, self._method)(*given, **named)


async def servers(store) -> list[str]:
    return [one.workspace.partition(":")[2] for one in await store.installations.list("discord")]


async def written(store, *expected: str) -> None:
    """Wait until these are the servers that are written down."""
    async with asyncio.timeout(30):
        while sorted(await servers(store)) != sorted(expected):
            await asyncio.sleep(0.01)


async def history(store, server: str = HOME) -> list[str]:
    """What the audit log says of our coming and going."""
    return [row.action for row in await store.audit.page(f"discord:{server}", 0) if row.action in {CAME, WENT}]


async def ask(guild, running, text: str = "a secret plan") -> ThreadKey:
    """Somebody asks, and is answered; where that is kept."""
    asked = await guild.say("ada", "general", f"<@{guild.me}> {text}")
    await settled(guild, running)
    return ThreadKey(f"discord:{HOME}", guild.world.channel("general").id, asked)


async def words(store, key: ThreadKey) -> list[str]:
    return [one.text for one in (await store.threads.thread(key)).messages]


def ours(guild) -> list[str]:
    return [one.content for one in guild.visible("general") if one.author == "confab"]


async def test_a_question_under_way_ends_and_nothing_is_posted(guild, claude, running, store):
    gate = Gate()
    claude.script(Answer(text="fine", gate=gate))
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    guild.remove_bot(HOME)
    await idle(running)
    gate.opened.set()

    assert ours(guild) == []
    assert (await store.questions.count_open())[0] == 0
    assert [one for one in guild.refusals if not one.path.endswith("/typing")] == []  # which may be on its way
    await written(store)
    assert await history(store) == [CAME, WENT]


@pytest.mark.parametrize("erase", [False, True], ids=["keep", "erase"])
@pytest.mark.parametrize("off", [False, True], ids=["while it ran", "while it was off"])
async def test_its_words_are_kept_or_erased_also_where_it_left_while_nobody_ran(guild, claude, store, off, erase):
    guild.guild(OTHER, "Another")
    async with confab(guild, claude, store, erase=erase) as running:
        key = await ask(guild, running)
        await written(store, HOME, OTHER)
        if not off:
            guild.remove_bot(HOME)
            await written(store, OTHER)
    if off:
        guild.remove_bot(HOME)
        async with confab(guild, claude, store, erase=erase):
            await written(store, OTHER)

    assert (await words(store, key) == []) is erase
    assert await history(store) == [CAME, WENT]
    assert await history(store, OTHER) == [CAME]


async def test_what_was_asked_before_it_left_while_nobody_ran_is_withdrawn(guild, claude, store):
    gate = Gate()
    claude.script(Answer(text="fine", gate=gate))
    async with confab(guild, claude, store):
        await guild.say("ada", "general", f"<@{guild.me}> why?")
        await gate.reached.wait()
    guild.remove_bot(HOME)
    async with confab(guild, claude, store) as running:
        await written(store)
        await idle(running)

    assert (ours(guild), (await store.questions.count_open())[0]) == ([], 0)


@pytest.mark.parametrize("happened", [False, True], ids=["before", "after"])
async def test_a_process_that_dies_at_the_end_leaves_the_same_as_one_that_does_not(guild, claude, store, happened):
    dying = Dying(store.installations, happened)
    async with confab(guild, claude, replace(store, installations=dying), erase=True) as running:
        key = await ask(guild, running)
        guild.remove_bot(HOME)
        await dying.dead.wait()
    async with confab(guild, claude, store, erase=True):
        await written(store)

    assert await words(store, key) == []
    assert await history(store) == [CAME, WENT]


@pytest.mark.parametrize("erase", [False, True], ids=["keep", "erase"])
async def test_a_server_that_removes_the_bot_before_it_is_written_down_is_ended_and_what_it_asked_withdrawn(
    guild, claude, store, erase
):
    gate, slow = Gate(), Slow(store.installations, "list")
    claude.script(Answer(text="fine", gate=gate))
    slow.gate.clear()
    async with confab(guild, claude, replace(store, installations=slow), erase=erase) as running:
        asked = await guild.say("ada", "general", f"<@{guild.me}> a secret plan")
        await gate.reached.wait()
        guild.remove_bot(HOME)
        await until(lambda: HOME not in running.discord._intake._membership)
        slow.gate.set()
        await idle(running)
        gate.opened.set()

    key = ThreadKey(f"discord:{HOME}", guild.world.channel("general").id, asked)
    assert ours(guild) == []
    assert (await words(store, key) == []) is erase
    assert await history(store) == [CAME, WENT]
    assert await servers(store) == []


async def test_a_server_that_removes_the_bot_as_soon_as_it_was_added_is_ended(guild, claude, store):
    slow = Slow(store.installations, "find")
    async with confab(guild, claude, replace(store, installations=slow)) as running:
        await written(store, HOME)
        guild.remove_bot(HOME)
        await written(store)
        slow.gate.clear()
        guild.add_bot(HOME)
        asked = await guild.say("ada", "general", f"<@{guild.me}> a secret plan")
        guild.remove_bot(HOME)
        await until(lambda: HOME not in running.discord._intake._membership)
        slow.gate.set()
        await until(lambda: any(event.id == asked for event in running.heard))
        await idle(running)

    assert await history(store) == [CAME, WENT, CAME, WENT]
    assert await servers(store) == []


async def test_a_server_that_was_left_between_two_sessions_is_ended_though_it_was_never_written_down(
    guild, claude, store
):
    gate, slow = Gate(), Slow(store.installations, "list")
    claude.script(Answer(text="fine", gate=gate))
    slow.gate.clear()
    async with confab(guild, claude, replace(store, installations=slow)) as running:
        await guild.say("ada", "general", f"<@{guild.me}> why?")
        await gate.reached.wait()
        guild.gateway.forget()
        guild.remove_bot(HOME)
        guild.gateway.cut()
        await until(lambda: HOME not in running.discord._intake._membership)
        slow.gate.set()
        await idle(running)
        gate.opened.set()

    assert await history(store) == [CAME, WENT]


async def test_a_bug_in_the_review_of_servers_is_logged(guild, claude, store, caplog):
    class Broken(Slow):
        async def _wait(self, *given, **named):
            raise RuntimeError("a bug")

    async with confab(guild, claude, replace(store, installations=Broken(store.installations, "list"))):
        await until(lambda: "a bug kept the servers that we are in from being reviewed" in caplog.text)


async def test_an_outage_ends_nothing_and_loses_no_question(guild, claude, store):
    gate = Gate()
    claude.script(Answer(text="fine", gate=gate))
    async with confab(guild, claude, store, erase=True) as running:
        await guild.say("ada", "general", f"<@{guild.me}> why?")
        await gate.reached.wait()
        guild.begin_outage(HOME)
        gate.opened.set()
        await until(lambda: ours(guild) == ["fine"])
        await idle(running)
    async with confab(guild, claude, store, erase=True) as running:
        guild.end_outage(HOME)
        await settled(guild, running)

    assert await servers(store) == [HOME]
    assert await history(store) == [CAME]


async def test_a_shard_ends_no_server_of_another(guild, claude, store):
    guild.guild(SECOND_SHARD, "Of the second shard")
    guild.guild(OTHER, "Of the first shard")
    async with confab(guild, claude, store):
        await written(store, HOME, OTHER, SECOND_SHARD)
    for server in (OTHER, SECOND_SHARD):
        guild.remove_bot(server)
    async with confab(guild, claude, store, shards=([0], 2)):
        await written(store, HOME, SECOND_SHARD)
    async with confab(guild, claude, store, shards=([1], 2)):
        await written(store, HOME)


async def test_a_server_that_a_session_does_not_name_is_kept_where_discord_says_that_we_are_in(guild, claude, store):
    async with confab(guild, claude, store, erase=True):
        await written(store, HOME)
    guild.gateway.unlisted.add(HOME)
    guild.fault("GET /guilds/{guild}", error(503), 2)
    async with confab(guild, claude, store, erase=True):
        await until(lambda: len([one for one in guild.calls if one.path.endswith(f"/guilds/{HOME}")]) >= 3)
        await asyncio.sleep(0)

    assert await servers(store) == [HOME]
    assert await history(store) == [CAME]


async def test_a_server_that_was_left_while_a_session_was_lost_is_ended_and_forgotten(guild, claude, store):
    async with confab(guild, claude, store) as running:
        await written(store, HOME)
        guild.gateway.forget()
        guild.remove_bot(HOME)
        guild.gateway.cut()
        await written(store)
        await until(lambda: running.discord._connected.get_guild(int(HOME)) is None)


async def test_servers_of_another_bot_are_its_own(guild, claude, store):
    async with confab(guild, claude, store):
        await written(store, HOME)
    (row,) = await store.installations.list("discord")
    await store.installations.install(replace(row, workspace=f"discord:{OTHER}", identity="1"))
    async with confab(guild, claude, store, erase=True) as running:
        await settled(guild, running)

    assert sorted(await servers(store)) == [HOME, OTHER]


async def test_a_server_that_another_bot_serves_by_now_is_not_ended_for_it(guild, claude, store):
    async with confab(guild, claude, store, erase=True) as running:
        key = await ask(guild, running)
        (row,) = await store.installations.list("discord")
        await store.installations.install(replace(row, identity="1"))
        guild.remove_bot(HOME)
        guild.add_bot(HOME)
        async with asyncio.timeout(PATIENCE):
            while (await store.installations.find(row.workspace)).identity != row.identity:
                await asyncio.sleep(0.01)

    assert await words(store, key)
    assert WENT not in await history(store)


async def test_it_goes_on_where_the_bot_is_added_again(guild, claude, store):
    async with confab(guild, claude, store, erase=True) as running:
        await ask(guild, running)
        guild.remove_bot(HOME)
        await written(store)
        guild.add_bot(HOME)
        await written(store, HOME)
        key = await ask(guild, running, "hello again")

    assert ours(guild) == ["fine", "fine"]
    assert (await words(store, key))[0] == "hello again"
    assert await history(store) == [CAME, WENT, CAME]
