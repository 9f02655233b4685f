"""The `help` command: list all commands in a few lines, or some of them with all they take."""

import re
from collections.abc import Iterable

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
    "example": "Questions that test this channel's persona",
    "grants": "Which tools act here without asking you first",
    "note": "What Claude is told in every answer here",
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
    groups: dict[str, list[Command]] = {}
    for row in rows:
        groups.setdefault(row.words.split()[0], []).append(row)
    lines = [_summarize(word, commands) for word, commands in groups.items()]
    return CommandResult("\n".join([f"{HOW_TO_ASK} Commands:", "", *lines, "", MORE]))


def _select_rows(rows: Iterable[Command], words: str) -> list[Command]:
    """The commands that begin with these words: in the plural too, and with a name behind them that the command takes.

    Raises UsageError with the nearest where there are none.
    """
    table, asked = list(rows), words.strip().lower().lstrip("!/").split()
    for row in table:
        name = asked[-1].partition("=")[0] if asked else ""
        if row.words.split() == asked[:-1] and row.parameter(name):
            return [row]
    for wanted in (asked, [*(one.removesuffix("s") for one in asked[:1]), *asked[1:]]):
        if found := [row for row in table if row.words.split()[: len(wanted)] == wanted]:
            return found
    raise UsageError(suggest_commands(table, " ".join(asked)), "command")


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
