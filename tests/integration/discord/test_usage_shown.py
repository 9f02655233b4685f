"""`usage` and `budget` given in Discord, read by those who give them and by others."""

from datetime import UTC, datetime

import pytest

from core.billing.ledger_rows import Scope
from core.domain.errors import CannotShow
from tests.support.discord_house import answered, settled

PNG = b"\x89PNG\r\n\x1a\n"


async def test_usage_on_discord_is_a_table_with_a_picture(guild, running):
    await guild.say("bob", "general", f"<@{guild.me}> hi")
    await settled(guild, running)

    shown = await answered(running, await guild.interact("ada", "general", "usage"))

    assert "This channel, this month" in shown
    (file,) = guild.world.files.values()
    assert (file.upload.name, file.upload.content[:8], file.ephemeral) == ("usage.png", PNG, False)
    assert file.upload.description.startswith("Bars: Bob $0.0")


async def test_what_is_not_the_channels_only_its_giver_sees_on_discord(guild, running):
    await guild.say("zoe", "general", f"<@{guild.me}> hi")
    await settled(guild, running)

    before = len(guild.visible("general"))
    for of in ("me", "workspace"):
        shown = await answered(running, await guild.interact("zoe", "general", "usage", {"of": of}))
        assert "this month" in shown

    assert len(guild.visible("general")) == before
    assert [file.ephemeral for file in guild.world.files.values()] == [True, True]


async def test_a_budget_given_on_discord_holds_for_whom_it_mentions(guild, running, store):
    bob = guild.world.user("bob").id

    said = await answered(
        running, await guild.interact("zoe", "general", "budget set", {"amount": "5", "person": bob, "per": "week"})
    )

    (workspace,) = {event.key.workspace for event in running.heard if hasattr(event, "key")}
    held = await store.ledger.budgets(workspace, datetime.now(UTC))
    assert "Bob may now spend $5.00 a week" in said
    assert [(one.budget.scope, one.limit) for one in held.statuses] == [(Scope(workspace, person=bob), 5_000_000)]


async def test_one_person_is_told_in_a_direct_message_of_discords(guild, running):
    ada = guild.world.user("ada").id

    await running.discord.tell("discord:8138", ada, "95 % is used.")

    (direct,) = [one for one in guild.world.channels.values() if ada in one.recipients]
    assert [post.content for post in guild.world.history(direct.id)] == ["-# 95 % is used."]


async def test_who_takes_no_direct_messages_on_discord_is_gone(guild, running):
    guild.refuse_dms("ada")

    with pytest.raises(CannotShow, match="takes no direct messages from us .50007"):
        await running.discord.tell("discord:8138", guild.world.user("ada").id, "95 % is used.")
