"""The `help` command: list all commands."""

import re

from core.commands.registry import Command, Invocation, format_usage
from core.domain.messages import CommandResult, Rank

HOW_TO_ASK = "Mention me, or write to me directly, and Claude answers in the thread."
_CHOICES = re.compile(r"=\w+(?:\|\w+){2,}")  # three and more, which a refusal and the manual name
_OPTIONS = re.compile(r"(?: \[[^\]]+\]){2,}")  # two and more that may be left out
_CALL = re.compile(r"[\W_]{0,20}help[\W_]{0,20}", re.IGNORECASE)


def is_call_for_help(text: str) -> bool:
    """Whether the words of a message are `help` and nothing else: `Help!`, `!help`."""
    return _CALL.fullmatch(text) is not None


async def list_commands(call: Invocation) -> CommandResult:
    lines = [
        f"- `{_shorten_usage(row)}`: {row.about}{_describe_rank(row)}" for row in call.context.table if not row.asks
    ]
    return CommandResult("\n".join([f"{HOW_TO_ASK} Commands:", "", *lines]))


def _shorten_usage(row: Command) -> str:
    """How the command is written, in few words: all commands fit into one message of any platform."""
    return _OPTIONS.sub(" [...]", _CHOICES.sub("=...", format_usage(row)))


def _describe_rank(row: Command) -> str:
    return {Rank.GUEST: "", Rank.MEMBER: "", Rank.MANAGER: " (managers)"}.get(row.rank, " (owners)")


ROWS = (Command("help", "Show what can be done here", list_commands, rank=Rank.GUEST, private=True),)
