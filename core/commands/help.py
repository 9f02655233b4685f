"""The `help` command: list all commands."""

from core.commands.registry import Command, Invocation, format_usage
from core.domain.messages import CommandResult, Rank


async def list_commands(call: Invocation) -> CommandResult:
    lines = [f"- `{format_usage(row)}`: {row.about}{_describe_rank(row)}" for row in call.context.table]
    return CommandResult(
        "Mention me, or write to me directly, and Claude answers in the thread. Commands:\n\n" + "\n".join(lines)
    )


def _describe_rank(row: Command) -> str:
    return {Rank.GUEST: "", Rank.MEMBER: "", Rank.MANAGER: " (for who manages the channel)"}.get(
        row.rank, " (for who manages all)"
    )


ROWS = (Command("help", "Show what can be done here", list_commands, rank=Rank.GUEST, private=True),)
