"""The `forget` command: erase what Confab keeps of this thread."""

from core.billing.ledger_rows import Scope
from core.commands.registry import Command, Invocation, explain_place, stands_nowhere
from core.domain.messages import CommandResult

UNKNOWN = "Confab keeps nothing of this conversation. If somebody asks in it, Claude is told what stands here then."


async def forget_thread(call: Invocation) -> CommandResult:
    key, threads = call.question.key, call.context.store.threads
    message = call.values.get("message")
    if stands_nowhere(call.question):
        return CommandResult(UNKNOWN if message else explain_place("forget"))
    chain = await threads.list_chain(key, message) if message else frozenset()
    erased = 0
    for one in sorted(chain | {key}, key=lambda each: each.thread):
        erased += await threads.forget(Scope(one.workspace, one.channel, one.thread))
    if not erased:
        return CommandResult("Confab keeps nothing of this thread.")
    kept = "message is" if erased == 1 else "messages are"
    return CommandResult(
        f"{erased:,} {kept} forgotten. They stay where they were posted; Claude is not told of them again."
    )


ROWS = (Command("forget", "Erase what Confab keeps of this thread", forget_thread, action="Forget this conversation"),)
