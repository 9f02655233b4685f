"""The `grants` commands: what a person lets tools do in a thread without being asked again, and taking it back."""

from collections.abc import Sequence
from contextlib import suppress

from core.billing.ledger_rows import Scope
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, stands_nowhere
from core.domain.errors import StoreUnavailable
from core.domain.messages import CommandResult, Rank
from core.domain.wording import count_noun
from core.rendering.names import write_name
from core.store.tool_use import Grant

PERSON = Parameter("person", ParameterKind.PERSON, "whose, in this channel")
TOOL = Parameter("tool", ParameterKind.TEXT, "the tool; without one, all")
OTHERS = (Rank.MANAGER, "Only those who manage this channel can see and take back what others allowed.")
NOTHING = "Nothing is allowed to tools {} without asking first."
BACK = "They ask again from now on."


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
        return NOTHING.format(where)
    threads = {one.tool: {other.thread for other in grants if other.tool == one.tool} for one in grants}
    counts = {tool: "" if scope.thread else f", in {count_noun(len(held), 'thread')}" for tool, held in threads.items()}
    lines = [f"- {write_name(tool)}{count}" for tool, count in sorted(counts.items())]
    return "\n".join([head.format(where), "", *lines])


ROWS = (
    Command(
        "grants list",
        "Show which tools act here for you without asking first",
        list_grants,
        (PERSON,),
        private=True,
        stricter={"person": OTHERS},
    ),
    Command(
        "grants revoke",
        "Have tools ask again before they act here for you",
        revoke_grants,
        (TOOL, PERSON),
        private=True,
        stricter={"person": OTHERS},
    ),
)
