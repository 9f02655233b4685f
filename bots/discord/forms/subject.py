"""Subject: the message that a form asks about, as Discord tells of it with the command that was chosen in its menu."""

from dataclasses import dataclass, replace
from typing import Any

import discord

from bots.discord.address import write_link
from bots.discord.intake import identify_bot
from bots.discord.parse import ChannelPlace, parse_message
from core.commands.ask import quote_subject
from core.domain.messages import Message, Quote


@dataclass(frozen=True, slots=True)
class Subject:
    """A message that somebody asks about: what it is called, where an answer may be posted, and what it says."""

    id: str
    thread: str
    quote: Quote


def read_subject(
    interaction: discord.Interaction[discord.Client], message: discord.Message, where: ChannelPlace
) -> Subject:
    """What Discord tells of the message in whose menu a command was chosen, also where we may not read the channel."""
    us, name = identify_bot(interaction.client, interaction.guild), str(message.id)
    told: Any = interaction.data or {}
    shown = (told.get("resolved") or {}).get("messages") or {}
    payload = {"channel_id": where.at, **shown.get(name, {})}
    read = parse_message(payload, where, us) or Message(name, str(message.author.id), "", message.created_at)
    link = write_link(str(interaction.guild_id or "@me"), where.at, replace(read, parent=name), name)
    return Subject(name, where.key(read.parent or name).thread, quote_subject(read, link))
