"""The `forget` command: erase what Confab keeps of this thread."""

from core.billing.ledger_rows import Scope
from core.commands.registry import Command, Invocation
from core.domain.messages import CommandResult


async def forget_thread(call: Invocation) -> CommandResult:
    key = call.question.key
    erased = await call.context.store.threads.forget(Scope(key.workspace, key.channel, key.thread))
    if not erased:
        return CommandResult("Confab keeps nothing of this thread.")
    if erased == 1:
        return CommandResult("1 message is forgotten. It stays where it was posted; Claude is not told of it again.")
    return CommandResult(
        f"{erased:,} messages are forgotten. They stay where they were posted; Claude is not told of them again."
    )


ROWS = (Command("forget", "Erase what Confab keeps of this thread", forget_thread),)
