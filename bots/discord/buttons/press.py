"""Press of a button: which reply it is about, where more of that goes, and whether it can change its message. Pure."""

from collections.abc import Mapping
from dataclasses import replace

import discord
from discord.utils import snowflake_time

from bots.discord import formatting
from bots.discord.address import DiscordAddress
from bots.discord.installed.place import find_installer
from bots.discord.parse import ChannelPlace
from core.answering.final_answer import STOPPED
from core.domain.controls import Control, parse_call
from core.domain.events import Pressed
from core.rendering.dialect import measure_utf16
from core.rendering.reply_notes import append_note

TOKEN = 15 * 60  # seconds in which Discord takes the token of an interaction

Interaction = discord.Interaction[discord.Client]


def read_button(interaction: Interaction) -> str:
    """The id of the button that was pressed, if this is a press."""
    pressed = interaction.type is discord.InteractionType.component
    named: Mapping[str, object] = interaction.data or {}
    return str(named.get("custom_id", "")) if pressed else ""


def build_press(
    interaction: Interaction,
    message: discord.Message,
    pressed: tuple[Control, str],
    where: ChannelPlace,
    address: DiscordAddress,
) -> Pressed:
    """The press of a button below `message`, the last page of a reply to a question. It is about that, or a call."""
    control, subject = pressed
    question, _ = parse_call(subject) or (subject, 0)
    person, first = str(interaction.user.id), _find_slash_answer(message, question)
    prompt = formatting.split_page(first.content, quote=True)[0] if first else ""
    told = {
        "prompt": (prompt or None) if control is Control.RETRY else None,
        "under": _find_reply_target(message, question),
        "person": person,
    }
    key = replace(where, whole=where.whole and first is None).key(question)
    at, told_address = snowflake_time(interaction.id), address.model_copy(update=told).dump()
    return Pressed(str(interaction.id), key, person, control, subject, at, told_address)


def can_end_alone(interaction: Interaction, control: Control) -> bool:
    """Whether a press of Stop is all that can still change its message: a private one, or one where we are no member.

    These are changed by the token of the command that they answer, and that is over. Others' presses change nothing.
    """
    message = interaction.message
    answers = message.interaction_metadata if message else None
    if control is not Control.STOP or message is None or answers is None or answers.user.id != interaction.user.id:
        return False
    age = snowflake_time(interaction.id) - snowflake_time(answers.id)
    by_token = message.flags.ephemeral or find_installer(interaction) is not None
    return by_token and age.total_seconds() > TOKEN


def write_end(interaction: Interaction) -> str | None:
    """What the message of a press says once it is stopped; None where it has no room for that."""
    text = append_note(interaction.message.content, STOPPED) if interaction.message else ""
    return text if text and measure_utf16(text) <= formatting.PAGE else None


def _find_slash_answer(message: discord.Message, question: str) -> discord.Message | None:
    """The page that answers the slash command `question`: this one, or the one that it replies to."""
    replied = message.reference.resolved if message.reference else None
    for page in (message, replied):
        marked = page.interaction_metadata if isinstance(page, discord.Message) else None
        if isinstance(page, discord.Message) and marked and str(marked.id) == question:
            return page
    return None


def _find_reply_target(message: discord.Message, question: str) -> str:
    """What further pages reply to: this page, or the page of ours that it replies to itself."""
    replied = message.reference.message_id if message.reference else None
    return str(message.id) if replied is None or str(replied) == question else str(replied)
