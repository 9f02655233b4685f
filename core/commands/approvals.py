"""The `allow` and `deny` commands: who asked lets a tool act, or does not; also by the buttons below the question."""

from contextlib import suppress

from core.commands.registry import (
    Command,
    Invocation,
    Parameter,
    ParameterKind,
    RankTooLow,
    explain_place,
    stands_nowhere,
)
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable
from core.domain.messages import CommandResult, Rank
from core.store.stored_replies import Asked

NOTHING = "Nothing waits in this conversation until somebody allows it."
OTHERS = "Only who asked can decide this."
OTHERS_OR_MANAGERS = "Only who asked, or somebody who manages this channel, can decide this."
THREAD = "thread"


async def allow_call(call: Invocation) -> CommandResult:
    whole_thread = call.values.get("for") == THREAD
    return await _decide(call, Control.ALLOW_THREAD if whole_thread else Control.ALLOW)


async def deny_call(call: Invocation) -> CommandResult:
    return await _decide(call, Control.DENY)


async def _decide(call: Invocation, control: Control) -> CommandResult:
    named, context = call.values.get("reply"), call.context
    if named is None and stands_nowhere(call.question):
        return CommandResult(explain_place(context.table, call.question.command or control.value))
    waiting = await context.store.calls.find_waiting(call.question.key, named)
    if waiting is None:
        return CommandResult(NOTHING)
    await _ensure_allowed(call, waiting)
    told = await context.store.calls.decide(call.question, waiting.name, control)
    if context.heartbeat is not None:
        with suppress(StoreUnavailable):  # the answer goes on now, else with the next poll
            await context.heartbeat()
    return CommandResult(told)


async def _ensure_allowed(call: Invocation, waiting: Asked) -> None:
    """Raises RankTooLow for who may not decide on a call."""
    person, managers = call.question.person, call.context.managers_approve
    if person in waiting.people or (managers and await call.surface.rank(person) >= Rank.MANAGER):
        return
    raise RankTooLow(OTHERS_OR_MANAGERS if managers else OTHERS)


ROWS = (
    Command(
        "allow",
        "Let the tool act that waits for it in this thread",
        allow_call,
        (Parameter("for", ParameterKind.CHOICE, "thread: do not ask again for this tool here", choices=(THREAD,)),),
        private=True,
    ),
    Command("deny", "Do not let the tool act that waits for it in this thread", deny_call, private=True),
)
