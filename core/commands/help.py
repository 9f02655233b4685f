"""`help`: what can be done here."""

from core.commands.registry import Command, Invocation, usage
from core.domain.messages import CommandResult, Rank

_INTRODUCTION = "Mention me, or write to me directly, and Claude answers in the thread. Commands:\n"


async def help_(call: Invocation) -> CommandResult:
    lines = [f"- `{usage(row)}`: {row.about}{_who(row)}" for row in call.desk.table]
    return CommandResult(
        "Mention me, or write to me directly, and Claude answers in the thread. Commands:\n\n" + "\n".join(lines)
    )


def _who(row: Command) -> str:
    return {Rank.MEMBER: "", Rank.MANAGER: " (for who manages the channel)"}.get(row.rank, " (for who manages all)")


ROWS = (Command("help", "Show what can be done here", help_, private=True),)
