"""What tools may do: `allow` and `deny` a call that waits, also by buttons; `grants` that let tools act unasked."""

from collections.abc import Sequence
from contextlib import suppress

from core.billing.ledger_rows import Scope
from core.commands.registry import (
    Command,
    Invocation,
    Parameter,
    ParameterKind,
    RankTooLow,
    explain_place,
    name_askers,
    stands_nowhere,
)
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable
from core.domain.messages import CommandResult, Rank
from core.domain.wording import count_noun
from core.rendering.names import write_name
from core.store.records.grants import Grant
from core.store.records.replies import Asked

NOTHING = "No tool waits here for an answer."
OTHERS = "Only {}, who asked, can decide this."
OTHERS_OR_MANAGERS = "Only {}, who asked, or somebody who manages this channel, can decide this."
THREAD = "thread"
PERSON = Parameter("person", ParameterKind.PERSON, "whose, in this channel")
TOOL = Parameter("tool", ParameterKind.TEXT, "the tool; without one, all")
OTHERS_GRANTS = (Rank.MANAGER, "Only those who manage this channel can see and take back what others allowed.")
NO_GRANTS = "Nothing is allowed to tools {} without asking first."
NOT_GRANTED = "There was nothing to take back from {}."
BACK = "They ask again from now on."


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
    asker = await name_askers(call.surface, waiting.people)
    raise RankTooLow((OTHERS_OR_MANAGERS if managers else OTHERS).format(asker))


async def list_grants(call: Invocation) -> CommandResult:
    """One's own, in this thread or, where there is none, in this channel; somebody's in this channel."""
    found = await call.context.store.tool_use.list_grants(_find_scope(call))
    return CommandResult(_write_grants(found, call, "These tools act {} without asking first:"))


async def revoke_grants(call: Invocation) -> CommandResult:
    """Take back those of one tool, or all."""
    tool, use = call.values.get("tool"), call.context.store.tool_use
    named = tool.strip("`") if tool else None
    found = await use.revoke_grants(_find_scope(call), named, call.question.person)
    if found and call.context.heartbeat is not None:
        with suppress(StoreUnavailable):  # what waits again is shown so now, else with the next poll
            await call.context.heartbeat()
    if not found and named and (others := await use.list_grants(_find_scope(call))):
        told = _write_grants(others, call, "These tools act {} without asking first:")
        return CommandResult(f"{NOT_GRANTED.format(write_name(named))} {told}")
    told = _write_grants(found, call, "These tools acted {} without asking first:")
    return CommandResult(f"{told}\n\n{BACK}" if found else told)


def _find_scope(call: Invocation) -> Scope:
    key, person = call.question.key, call.values.get("person")
    here = person is None and not stands_nowhere(call.question)
    return Scope(key.workspace, key.channel, key.thread if here else None, person or call.question.person)


def _write_grants(grants: Sequence[Grant], call: Invocation, head: str) -> str:
    """The tools, each with in how many threads, where that is not this one alone."""
    scope = _find_scope(call)
    whose = "for you" if "person" not in call.values else "for that person"
    where = f"{whose} in this {'thread' if scope.thread else 'channel'}"
    if not grants:
        return NO_GRANTS.format(where)
    threads = {one.tool: {other.thread for other in grants if other.tool == one.tool} for one in grants}
    counts = {tool: "" if scope.thread else f", in {count_noun(len(held), 'thread')}" for tool, held in threads.items()}
    lines = [f"- {write_name(tool)}{count}" for tool, count in sorted(counts.items())]
    return "\n".join([head.format(where), "", *lines])


ROWS = (
    Command(
        "allow",
        "Let the tool act that waits here",
        allow_call,
        (Parameter("for", ParameterKind.CHOICE, "thread: do not ask again for this tool here", choices=(THREAD,)),),
        private=True,
    ),
    Command("deny", "Do not let the tool act that waits here", deny_call, private=True),
    Command(
        "grants list",
        "Show which tools act here for you without asking first",
        list_grants,
        (PERSON,),
        private=True,
        stricter={"person": OTHERS_GRANTS},
    ),
    Command(
        "grants revoke",
        "Have tools ask again before they act here for you",
        revoke_grants,
        (TOOL, PERSON),
        private=True,
        stricter={"person": OTHERS_GRANTS},
    ),
)
