"""Doctor of shared shards: how many are held, and by how many processes."""

from datetime import timedelta

import discord

from bots.discord.settings import DiscordSettings
from bots.ops.results import SECONDS, CheckResults, Service
from core.domain.errors import StoreUnusable
from core.domain.wording import count_noun
from core.store import inspect
from core.store.records.shards.leases import LEASE, ShardOverview

DISCORD = Service("Discord")

UNHELD = (
    f"A process takes them {LEASE.total_seconds():g} seconds after the one before has died. Look again in a minute, "
    "then in the logs: with too few sessions left for today nobody begins one."
)

OTHER_NUMBER = "A process with this setting listens to nothing. Set the same for all, or stop all and start them again."


async def check_sharing(settings: DiscordSettings, client: discord.Client, database: str) -> CheckResults:
    """What the database says of processes that share shards just now; nothing where they do not."""
    if settings.discord_shards is None:
        return
    try:
        condition = await inspect(database, busy=timedelta(seconds=SECONDS))
    except StoreUnusable:
        return  # the check of the database says so
    found = condition.shards.get(f"discord:{client.application_id}", ShardOverview())
    if not found.held:
        yield DISCORD.ok("shards", "no process shares them just now")
        return
    if settings.discord_shards not in {"auto", found.count}:
        says = f"the processes that run share {found.count:,}, and DISCORD_SHARDS says {settings.discord_shards:,}"
        yield DISCORD.warning("shards", says, OTHER_NUMBER)
        return
    each = ", ".join(map(str, sorted(found.held.values(), reverse=True)))
    holders = count_noun(len(found.held), "process", "processes")
    says = f"{found.count - found.unheld:,} of {found.count:,} held by {holders}: {each}"
    yield DISCORD.warning("shards", says, UNHELD) if found.unheld else DISCORD.ok("shards", says)
