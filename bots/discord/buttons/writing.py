"""Writing: whether who uses a command or a button may write in its place, and whether we may. Pure."""

import discord

from bots.discord.errors import BARRED, NO_ACCESS
from bots.discord.errors import LOCKED as LOCKED_THREAD
from core.domain.controls import Control

Interaction = discord.Interaction[discord.Client]

CLOSED_TO_THEM = "You may not write here, so I can't post it for you."
CLOSED_TO_US = "I may not write here, so I can't post it. Whoever manages this channel can give me “{}”."
LACKING = "I lack the permission “{}” there"
LOCKED = "This thread is locked, so I can't post it."


def may_write(interaction: Interaction) -> bool:
    """Whether who commands may write there themselves. In direct messages everybody may."""
    return interaction.guild_id is None or _may_write(interaction.permissions, interaction.channel)


def explain_press_refusal(interaction: Interaction, control: Control | None, why: str) -> str:
    """Why a press is not taken up, where it is not for this reason; empty where it is. Sessions end from anywhere."""
    if control is Control.END_SESSION:
        return ""
    return why or (_explain_closed(interaction) if control is Control.POST else "")


def _explain_closed(interaction: Interaction) -> str:
    """Why nothing can be posted there for who presses a button; empty where it can."""
    place, us = interaction.channel, interaction.app_permissions
    if not may_write(interaction):
        return CLOSED_TO_THEM
    if interaction.guild_id is None or _may_write(us, place):
        return ""
    if isinstance(place, discord.Thread):
        return LOCKED if us.send_messages_in_threads else CLOSED_TO_US.format("Send Messages in Threads")
    return CLOSED_TO_US.format("Send Messages")


def find_barrier(us: discord.Permissions, place: object) -> str:
    """Why we may not write in a place, in half a sentence; empty where we may."""
    if not us.view_channel:
        return BARRED[NO_ACCESS]
    if _may_write(us, place):
        return ""
    if isinstance(place, discord.Thread):
        return BARRED[LOCKED_THREAD] if us.send_messages_in_threads else LACKING.format("Send Messages in Threads")
    return LACKING.format("Send Messages")


def _may_write(permissions: discord.Permissions, place: object) -> bool:
    if isinstance(place, discord.Thread):
        return permissions.send_messages_in_threads and (not place.locked or permissions.manage_threads)
    return permissions.send_messages
