"""Places of user install: where a person has brought us along, whose each is, and what can't be done there. Pure."""

from collections.abc import Mapping

import discord

from bots.discord.parse import DIRECT, ChannelPlace
from core.commands.registry import Command
from core.domain.messages import ThreadKey

INSTALLER = 1  # the key of the person among those whose installation of us Discord names
CHANNEL = "@{}"
"""What stands for all the places of one person: a channel of the workspace of direct messages, with their id."""

PERSONAL = frozenset({"budget", "help", "persona", "usage"})
"""The first words of commands that are offered there too: they are about what is a person's own."""

NOTHING_TO_FORGET = "I keep nothing of what is asked where I am no member, so there is nothing to forget here."
NOTHING_READ = (
    "I read nothing where I am no member. Claude is told what you ask me, and of all messages only the one that you "
    "ask about."
)
NO_CONVERSATION = (
    "`{}` is about a conversation that I keep, and I keep none where I am no member. "
    "It works in servers that I am in, and in direct messages with me."
)

HELP = (
    "Type `/ask`, or choose Apps and *Ask about this*, *Translate this* or *Explain this* in a message's menu. I am no "
    "member here, so I hear nothing else. `/persona`, `/budget` and `/usage` are about what is your own, in all places "
    "that you take me along to; `/help command:persona` shows what a command takes."
)


def find_installer(interaction: discord.Interaction[discord.Client]) -> str | None:
    """Who has installed us for themselves, of an interaction from a place where we are no member.

    None of one from a server that we are in, or from direct messages with us. Whose button was pressed need not be who
    pressed it.
    """
    installer = interaction._integration_owners.get(INSTALLER)  # the library shows only whether it is who acts
    if interaction.context.private_channel:
        return str(installer or interaction.user.id)
    server = interaction.guild_id
    if server is None or installer is None or interaction.is_guild_integration():
        return None
    return None if interaction.client.get_guild(server) else str(installer)


def build_installed_place(installer: str, channel: str) -> ChannelPlace:
    """The place of a channel where we are no member: each question there is a conversation of its own."""
    return ChannelPlace(DIRECT, CHANNEL.format(installer), channel)


def read_installer(key: ThreadKey) -> str | None:
    """Who has installed us for themselves, of a conversation where we are no member; None of any other."""
    installed = key.workspace == DIRECT and key.channel.startswith(CHANNEL.format(""))
    return key.channel.removeprefix(CHANNEL.format("")) if installed else None


def explain_limit(row: Command, values: Mapping[str, str]) -> str:
    """Why a command comes to nothing where we are no member, for who gave it; empty where it means something.

    Help without a word is another there.
    """
    word = row.words.split()[0]
    if row.words == "help" and not values:
        return HELP
    if row.asks or word in PERSONAL:
        return ""
    return {"forget": NOTHING_TO_FORGET, "prompt": NOTHING_READ}.get(row.words, NO_CONVERSATION.format(row.words))
