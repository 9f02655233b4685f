"""The `help` command: list all commands in a few lines, or some of them with all they take."""

import re
from collections.abc import Iterable
from itertools import groupby

from core.commands.registry import (
    Command,
    Invocation,
    Parameter,
    ParameterKind,
    UsageError,
    format_usage,
    suggest_commands,
)
from core.domain.messages import CommandResult, Rank

HOW_TO_ASK = "Mention me, or write to me directly, and Claude answers in the thread."
MORE = "`help COMMAND` shows what one takes: `help persona`."
GROUPS = {
    "batch": "Ask about every row",
    "budget": "What may be spent here",
    "example": "Questions that this channel's persona is tested with",
    "grants": "Which tools act here for you without asking first",
    "note": "What Claude is told in every answer in this channel",
    "persona": "How Claude behaves in this channel",
    "schedule": "Regular posts here",
}
"""What the commands that begin with the same word are about."""
_OPTIONS = re.compile(r"(?: \[[^\]]+\])+")  # what may be left out
_CALL = re.compile(r"[\W_]{0,20}help[\W_]{0,20}", re.IGNORECASE)


def is_call_for_help(text: str) -> bool:
    """Whether the words of a message are `help` and nothing else: `Help!`, `!help`."""
    return _CALL.fullmatch(text) is not None


async def list_commands(call: Invocation) -> CommandResult:
    rows = [row for row in call.context.table if row.task or not row.asks]
    if words := call.values.get("command"):
        chosen = _select_rows(call.context.table, words)
        return CommandResult(_describe_whole(chosen[0]) if len(chosen) == 1 else "\n".join(map(_describe, chosen)))
    groups = groupby(rows, key=lambda row: row.words.split()[0])
    lines = [_summarize(word, list(commands)) for word, commands in groups]
    return CommandResult("\n".join([f"{HOW_TO_ASK} Commands:", "", *lines, "", MORE]))


def _select_rows(rows: Iterable[Command], words: str) -> list[Command]:
    """The commands that begin with these words. Raises UsageError with the nearest where there are none."""
    asked = words.strip().lower().lstrip("!/").split()
    found = [row for row in rows if row.words.split()[: len(asked)] == asked]
    if not found:
        raise UsageError(suggest_commands(list(rows), " ".join(asked)), "command")
    return found


def _summarize(word: str, rows: list[Command]) -> str:
    """One line for all commands that begin with the same word."""
    if len(rows) == 1:
        return f"- `{rows[0].words}`: {rows[0].about}{_describe_rank(rows[0])}"
    return f"- `{word} {'|'.join(row.words.removeprefix(word).strip() for row in rows)}`: {GROUPS[word]}"


def _describe(row: Command) -> str:
    """A command, and what it needs."""
    needs = _OPTIONS.sub(" [...]", format_usage(row))
    return f"- `{needs}`: {row.about}{_describe_rank(row)}"


def _describe_whole(row: Command) -> str:
    """A command with all that it takes."""
    takes = (f"- `{one.name}`: {one.about}" for one in row.parameters)
    return "\n".join([f"`{format_usage(row)}`: {row.about}{_describe_rank(row)}", "", *takes]).rstrip()


def _describe_rank(row: Command) -> str:
    return {Rank.GUEST: "", Rank.MEMBER: "", Rank.MANAGER: " (managers)"}.get(row.rank, " (owners)")


ROWS = (
    Command(
        "help",
        "Show what can be done here",
        list_commands,
        (Parameter("command", ParameterKind.TEXT, "the command to be shown with all that it takes"),),
        rank=Rank.GUEST,
        private=True,
    ),
)
