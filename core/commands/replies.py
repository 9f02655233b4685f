"""The `stop` and `retry` commands: what who asked, or who manages the place, does with a reply; also by its buttons."""

from contextlib import suppress

from core.commands.registry import Command, Invocation, RankTooLow, explain_place, stands_nowhere
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable
from core.domain.messages import CommandResult, Rank
from core.store.protocols import Asked

NOTHING = {
    Control.STOP: "Nothing is being answered in this conversation.",
    Control.RETRY: "There is no answer of mine in this conversation that could be tried again.",
}
OTHERS = {
    Control.STOP: "Only who asked, or somebody who manages this channel, can stop this answer.",
    Control.RETRY: "Only who asked, or somebody who manages this channel, can have this answered anew.",
}


async def stop_answer(call: Invocation) -> CommandResult:
    reply = await _find_reply(call, Control.STOP)
    if isinstance(reply, CommandResult):
        return reply
    told = await call.context.store.questions.stop_reply(call.question.key, reply.name)
    if call.context.heartbeat is not None:
        with suppress(StoreUnavailable):  # the answer ends now, else with the next heartbeat
            await call.context.heartbeat()
    return CommandResult(told)


async def retry_answer(call: Invocation) -> CommandResult:
    reply = await _find_reply(call, Control.RETRY)
    if isinstance(reply, CommandResult):
        return reply
    return CommandResult(await call.context.store.questions.retry_reply(call.question, reply.name))


async def _find_reply(call: Invocation, control: Control) -> Asked | CommandResult:
    """The reply that is meant, which the person may change, or why there is none. Raises RankTooLow."""
    named = call.values.get("reply")
    if named is None and stands_nowhere(call.question):
        return CommandResult(explain_place(call.context.table, control.value))
    reply = await call.context.store.questions.find_reply(call.question.key, control, named)
    if reply is None:
        return CommandResult(NOTHING[control])
    person = call.question.person
    if person not in reply.people and await call.surface.rank(person) < Rank.MANAGER:
        raise RankTooLow(OTHERS[control])
    return reply


ROWS = (
    Command("stop", "End the answer that is being written in this thread", stop_answer, private=True),
    Command("retry", "Have the newest question of this thread answered anew", retry_answer, private=True),
)
