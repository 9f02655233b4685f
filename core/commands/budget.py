"""`budget`: what may be spent here."""

from collections.abc import Callable
from decimal import Decimal

from core.billing.budgets import Budget, Budgets, BudgetStatus, Period, dollars, until, who
from core.billing.usage import Scope
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain import time_zones
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank

PER = Parameter("per", ParameterKind.CHOICE, "how often it renews; else a month", choices=("day", "week", "month"))
OF = Parameter("of", ParameterKind.CHOICE, "this channel, or the whole workspace", choices=("channel", "workspace"))
PERSON = Parameter("person", ParameterKind.PERSON, "one person, in all channels")
NEWEST = 5  # changes that are shown


async def show(call: Invocation) -> CommandResult:
    held, key = await _held(call), call.question.key
    manages = await call.surface.rank(call.question.person) >= Rank.OWNER
    mine = {
        Scope(key.workspace),
        Scope(key.workspace, key.channel),
        Scope(key.workspace, person=call.question.person),
    }
    standings = [one for one in held.standings if manages or one.budget.scope in mine]
    if not standings:
        return CommandResult("No budget holds here. `budget set 25` gives this channel 25 US dollars a month.")
    changes = [change for change in held.changes if manages or change.scope in mine][:NEWEST]
    whose = await _named(call, [*(one.budget for one in standings), *changes])
    lines = [f"- {whose(one.budget)}: {_stands(one)}" for one in standings]
    names = await _names(call, {change.author for change in changes})
    history = [
        f"- {change.at:%Y-%m-%d %H:%M} UTC, {names[change.author]}: {whose(change)}, {_changed_to(change)}"
        for change in changes
    ]
    return CommandResult("\n".join([*lines, "", "Newest changes:", "", *history]))


async def set_(call: Invocation) -> CommandResult:
    amount = Decimal(call.values["amount"].removeprefix("$"))
    zone = call.values.get("zone")
    if zone and not time_zones.known(zone):
        raise UsageError(f"There is no time zone `{zone[:40]}`. They are written like `Europe/Berlin`.")
    budget = await _change(call, int(amount * 1_000_000), zone)
    whose = await _named(call, [budget])
    note = " Nobody can ask anything before that is raised." if not budget.micro_usd else ""
    return CommandResult(
        f"{whose(budget)} may now spend {_changed_to(budget)}; days begin at midnight in {budget.zone}. "
        f"What was spent before counts too.{note}"
    )


async def clear(call: Invocation) -> CommandResult:
    held, scope, period = await _held(call), await _scope(call), Period(call.values.get("per", "month"))
    if not any((one.budget.scope, one.budget.period) == (scope, period) for one in held.standings):
        others = [one.budget.period.value for one in held.standings if one.budget.scope == scope]
        hint = f" There is one for a {others[0]}: `budget clear per={others[0]}`." if others else ""
        raise UsageError(f"There is no budget for a {period.value} to clear.{hint}")
    budget = await _change(call, None, None)
    whose = await _named(call, [budget])
    return CommandResult(f"{whose(budget)} has no budget for a {period.value} any more.")


async def _change(call: Invocation, micro_usd: int | None, zone: str | None) -> Budget:
    """Keep a change. Raises UsageError when somebody else was faster."""
    held, scope, period = await _held(call), await _scope(call), Period(call.values.get("per", "month"))
    before = (change.number for change in held.changes if (change.scope, change.period) == (scope, period))
    zone = zone or held.zone or call.desk.zone
    budget = Budget(scope, period, micro_usd, zone, call.question.person, call.desk.clock())
    try:
        await call.desk.store.ledger.allow(budget, next(before, 0))
    except VersionConflict:
        raise UsageError(
            "Somebody else changed it in the same moment. Look with `budget show`, then try again."
        ) from None
    return budget


async def _scope(call: Invocation) -> Scope:
    """What the budget is for. A person's and the workspace's are for those who manage the workspace."""
    key, person = call.question.key, call.values.get("person")
    if not person and call.values.get("of") != "workspace":
        return Scope(key.workspace, key.channel)
    if await call.surface.rank(call.question.person) < Rank.OWNER:
        raise UsageError("Only those who manage the whole workspace can change that budget.")
    if person and not await call.surface.names({person}):
        raise UsageError(f"I know nobody of the id `{person[:40]}` here. Mention them: `person=@name`.")
    return Scope(key.workspace, person=person) if person else Scope(key.workspace)


async def _held(call: Invocation) -> Budgets:
    return await call.desk.store.ledger.budgets(call.question.key.workspace, call.desk.clock())


async def _names(call: Invocation, people: set[str]) -> dict[str, str]:
    return {person: person for person in people} | await call.surface.names(people)


async def _named(call: Invocation, budgets: list[Budget]) -> Callable[[Budget], str]:
    """What a budget is for, in words."""
    names = await _names(call, {one.scope.person for one in budgets if one.scope.person})
    here = call.question.key.channel

    def whose(budget: Budget) -> str:
        person, channel = budget.scope.person, budget.scope.channel
        if person or not channel:
            return names[person] if person else "This workspace"
        return "This channel" if channel == here else f"The channel `{channel}`"

    return whose


def _stands(one: BudgetStatus) -> str:
    of = f"{dollars(one.spent)} of {dollars(one.limit)} a {one.budget.period.value} ({one.percent} %)"
    return f"{of}; it renews on {until(one)}; {who(one.budget).lower()} can change it"


def _changed_to(budget: Budget) -> str:
    if budget.micro_usd is None:
        return f"no budget for a {budget.period.value}"
    return f"{dollars(budget.micro_usd)} a {budget.period.value}"


ROWS = (
    Command("budget show", "Show what may be spent here, and what is left", show, private=True),
    Command(
        "budget set",
        "Limit what may be spent here",
        set_,
        (
            Parameter("amount", ParameterKind.MONEY, "US dollars", required=True),
            PER,
            OF,
            PERSON,
            Parameter("zone", ParameterKind.TEXT, "the workspace's time zone, such as Europe/Berlin"),
        ),
        Rank.MANAGER,
    ),
    Command("budget clear", "Take a limit away", clear, (PER, OF, PERSON), Rank.MANAGER),
)
