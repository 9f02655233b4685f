"""Faults: why a command that a form was opened for is not carried out, told to its giver with the words of the form."""

from collections.abc import Mapping
from io import BytesIO

import discord

from bots.discord import formatting
from core.rendering.dialect import measure_utf16
from core.rendering.fences import PLAIN, break_runs

TYPED = "you-wrote.txt"


def write_faults(faults: Mapping[str, str], texts: Mapping[str, str]) -> tuple[str, list[discord.File]]:
    """What is told, and files: what was typed, where it is too long for a message."""
    notice = formatting.mark_notice("\n".join(faults.values()))
    typed = "\n\n".join(filter(str.strip, texts.values()))
    if not typed:
        return notice, []
    told = f"{notice}\n-# You wrote:\n{PLAIN}\n{break_runs(typed)}\n{PLAIN}"
    if measure_utf16(told) <= formatting.PAGE:
        return told, []
    return f"{notice}\n-# What you wrote is in the file.", [discord.File(BytesIO(typed.encode()), TYPED)]
