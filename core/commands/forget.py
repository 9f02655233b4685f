"""The `forget` command: erase what Confab keeps of this thread, one's own words or everybody's."""

import logging
from contextlib import suppress

from core.billing.ledger_rows import Scope
from core.commands.registry import (
    Command,
    Invocation,
    Parameter,
    ParameterKind,
    UsageError,
    explain_place,
    stands_nowhere,
)
from core.domain.errors import StoreUnavailable
from core.domain.messages import CommandResult, Rank
from core.domain.wording import count_noun

OF = Parameter("of", ParameterKind.CHOICE, "your own words, or everybody's", choices=("me", "everybody"))
_EVERYBODY = (
    Rank.MANAGER,
    "Only those who manage this channel can erase what others said. `forget of=me` erases yours.",
)

log = logging.getLogger(__name__)

STAYS = (
    "It stays where it was posted; Claude is not told of it again.",
    "They stay where they were posted; Claude is not told of them again.",
)
"""What becomes of one message, and of several, where a platform has them too."""
UNKNOWN = "Confab keeps nothing of this conversation. If somebody asks in it, Claude is told what stands here then."


async def forget_thread(call: Invocation) -> CommandResult:
    """Erase a person's own words and the answers to them; for who manages the channel all there are."""
    key, person = call.question.key, call.question.person
    message = call.values.get("message")
    if stands_nowhere(call.question):
        if message:
            return CommandResult(UNKNOWN)
        raise UsageError(explain_place(call.context.table, "forget"))
    if "of" in call.values:
        everybody = call.values["of"] == "everybody"
    else:
        everybody = await call.surface.rank(person) >= Rank.MANAGER
    erased = await _erase(call, message, None if everybody else person)
    if call.context.heartbeat is not None:
        with suppress(StoreUnavailable):  # an answer under way to what was erased ends now, else with the next one
            await call.context.heartbeat()
    words = "all words" if everybody else "own words"
    log.info("%s erased %s of thread %s in %s of %s: %d", person, words, key.thread, key.channel, key.workspace, erased)
    return CommandResult(_describe_erasure(erased, everybody=everybody))


async def _erase(call: Invocation, message: str | None, person: str | None) -> int:
    """Forget the thread, and with a `message` every thread in which its reply chain is kept. How many messages."""
    key, threads = call.question.key, call.context.store.threads
    chain = await threads.list_chain(key, message) if message else frozenset()
    scopes = [Scope(one.workspace, one.channel, one.thread, person) for one in {key, *chain}]
    return sum([await threads.forget(scope, call.question.person) for scope in scopes])


def _describe_erasure(erased: int, *, everybody: bool) -> str:
    rest = "" if everybody else " What others said here can be erased by those who manage this channel."
    if not erased:
        return f"Confab keeps nothing of {'this thread' if everybody else 'you in this thread'}.{rest}"
    whose = "" if everybody else ", yours and the answers to you"
    again = STAYS[erased > 1]
    return f"{count_noun(erased, 'message is', 'messages are')} forgotten{whose}. {again}{rest}"


ROWS = (
    Command(
        "forget",
        "Erase what Confab keeps of this thread",
        forget_thread,
        (OF,),
        stricter={"of=everybody": _EVERYBODY},
        action="Forget this conversation",
    ),
)
