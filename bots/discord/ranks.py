"""Ranks: what a person may do in a channel, on the server's word."""

import discord

from bots.discord.refusals import patiently
from core.chat import Gone, Rank


def rank(granted: discord.Permissions) -> Rank:
    """Who manages the server is its owner here, who manages the channel is its manager."""
    if granted.administrator or granted.manage_guild:
        return Rank.OWNER
    return Rank.MANAGER if granted.manage_channels else Rank.MEMBER


async def asked(client: discord.Client, guild: int, channel: int, person: int) -> Rank:
    """The rank of `person` in a channel, or in a thread's parent, asked of the server."""
    await client.wait_until_ready()
    house = client.get_guild(guild)
    if house is None:
        return Rank.MEMBER
    try:
        member = await patiently(lambda: house.fetch_member(person))
        known = house.get_channel_or_thread(channel)
        place = known if known is not None else await patiently(lambda: house.fetch_channel(channel))
        return rank(place.permissions_for(member))
    except discord.NotFound:
        return Rank.GUEST
    except (discord.DiscordException, Gone):
        return Rank.MEMBER
