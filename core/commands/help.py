"""`help`: what can be done here."""

from core.commands.registry import Call, Row, usage
from core.domain.messages import Answer, Rank

_INTRODUCTION = "Mention me, or write to me directly, and Claude answers in the thread. Commands:\n"


async def help_(call: Call) -> Answer:
    lines = [f"- `{usage(row)}`: {row.about}{_who(row)}" for row in call.desk.table]
    return Answer(
        "Mention me, or write to me directly, and Claude answers in the thread. Commands:\n\n" + "\n".join(lines)
    )


def _who(row: Row) -> str:
    return {Rank.MEMBER: "", Rank.MANAGER: " (for who manages the channel)"}.get(row.rank, " (for who manages all)")


ROWS = (Row("help", "Show what can be done here", help_, private=True),)
