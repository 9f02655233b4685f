"""The `stop`, `retry` and `delete` commands: what who asked, or who manages the place, does with a reply.

Its buttons give them too.
"""

import asyncio
from contextlib import suppress

from core.commands.batches.following import OTHERS as OTHERS_OF_BATCH
from core.commands.batches.following import find_running
from core.commands.registry import (
    Command,
    Invocation,
    RankTooLow,
    explain_place,
    is_task,
    name_askers,
    stands_nowhere,
)
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable
from core.domain.messages import CommandResult, File, FinalText, Rank
from core.files.code_blocks import list_replaced_files
from core.store.records.replies import Asked, DeletedReply

NOTHING = {
    Control.STOP: "Nothing is being answered in this conversation.",
    Control.RETRY: "There is no answer of mine in this conversation that could be tried again.",
    Control.DELETE: "There is no answer of mine in this conversation that could be deleted.",
}
OTHERS = {
    Control.STOP: "Only {}, who asked, or somebody who manages this channel, can stop this answer.",
    Control.RETRY: "Only {}, who asked, or somebody who manages this channel, can have this answered anew.",
    Control.DELETE: "Only {}, who asked, or somebody who manages this channel, can delete this answer.",
}
OTHERS_BATCH = "Nothing of yours is being answered here. Batch {0} runs in this channel: `batch stop {0}` stops it."
DELETED = "It is deleted."
UNFINISHED = "It is stopped, but not written down yet. Delete it once more in a minute."
UNSHOWN = "That answer is not wholly shown yet. Try it again in a minute."
PAUSE = 0.1  # seconds between two looks at an answer that ends
LOOKS = 300  # at most


async def stop_answer(call: Invocation) -> CommandResult:
    """Stop what grows in the thread, or a command that Claude answers: of others it takes their rank."""
    reply = await _find_task(call) or await _find_reply(call, Control.STOP)
    if isinstance(reply, CommandResult):
        return await _stop_batch(call) or reply
    told = await call.context.store.questions.stop_reply(call.question.key, reply.name)
    await _let_end(call)
    return CommandResult(told)


async def _stop_batch(call: Invocation) -> CommandResult | None:
    """The person's newest batch that runs in this channel is stopped, as nothing else is; one of others is named."""
    job = None if call.values.get("reply") else await find_running(call)
    if job is None:
        return None
    if job.person != call.question.person:
        return CommandResult(OTHERS_BATCH.format(job.number))
    told = await call.context.store.jobs.cancel(job.id)
    await _let_end(call)
    return CommandResult(f"This is about batch {job.number}. {told}")


async def retry_answer(call: Invocation) -> CommandResult:
    """Let a question be answered anew, once its answer stands wholly."""
    reply = await _find_reply(call, Control.RETRY)
    if isinstance(reply, CommandResult):
        return reply
    for _ in range(LOOKS):
        told = await call.context.store.questions.retry_reply(call.question, reply.name)
        if told is not None:
            return CommandResult(told)
        await asyncio.sleep(PAUSE)
    return CommandResult(UNSHOWN)


async def delete_answer(call: Invocation) -> CommandResult:
    """Delete a reply: what we keep of it, then what the platform shows. What was begun before a restart is finished."""
    deleted = DeletedReply.parse(call.question.values)
    if deleted is None:
        reply = await _find_reply(call, Control.DELETE)
        if isinstance(reply, CommandResult):
            return reply
        deleted = await _delete_when_ended(call, reply.name)
    if deleted is None:
        return CommandResult(UNFINISHED)
    await call.surface.delete_pages(deleted.pages, [File(name, "", b"") for name in deleted.files])
    return CommandResult(DELETED)


async def _delete_when_ended(call: Invocation, name: str) -> DeletedReply | None:
    """What is to be taken away of a reply, which is stopped first where it grows; None where that does not end."""
    for _ in range(LOOKS):
        deleted = await call.context.store.questions.delete_reply(call.question, name, _name_files)
        if deleted is not None:
            return deleted
        await _let_end(call)
        await asyncio.sleep(PAUSE)
    return None


async def _let_end(call: Invocation) -> None:
    """Let an answer that was stopped end now, else it does with the next heartbeat."""
    if call.context.heartbeat is not None:
        with suppress(StoreUnavailable):
            await call.context.heartbeat()


def _name_files(final: FinalText) -> list[str]:
    return [file.name for file in list_replaced_files(final)]


async def _find_task(call: Invocation) -> Asked | None:
    """The newest command that Claude answers here, which the person may stop, unless another answer of theirs grows.

    Their own is meant wherever in the channel it was given; that others have given one only they and managers know.
    """
    questions, key, person = call.context.store.questions, call.question.key, call.question.person
    if call.values.get("reply") is not None:
        return None
    tasks = [one for one in await questions.list_commands(key) if is_task(call.context.table, one.line)]
    own = next((one for one in tasks if one.person == person), None)
    others = next((one for one in tasks if one.thread == key.thread), None)
    growing = None if stands_nowhere(call.question) else await questions.find_reply(key, Control.STOP)
    if growing and (person in growing.people or not own):
        return None
    if own is None and (others is None or await call.surface.rank(person) < Rank.MANAGER):
        return None
    meant = own or others
    return Asked(meant.name, frozenset({meant.person})) if meant else None


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
        job = await call.context.store.jobs.find(call.question.key, reply.name)
        asker = await name_askers(call.surface, reply.people)
        raise RankTooLow(OTHERS_OF_BATCH if job and job.run == reply.name else OTHERS[control].format(asker))
    return reply


ROWS = (
    Command("stop", "End the answer that is being written in this thread", stop_answer, private=True),
    Command("retry", "Have the newest question of this thread answered anew", retry_answer, private=True),
    Command("delete", "Delete the newest answer of this thread", delete_answer, private=True),
)
