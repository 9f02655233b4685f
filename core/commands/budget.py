"""The `budget` commands: show, set and clear limits on what may be spent."""

from collections.abc import Callable
from decimal import Decimal

from core.billing.budgets import Budget, Budgets, BudgetStatus, Period, describe_renewal, dollars, name_managers
from core.billing.ledger_rows import Scope
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain import time_zones
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank

PER = Parameter("per", ParameterKind.CHOICE, "how often it renews; else a month", choices=("day", "week", "month"))
OF = Parameter("of", ParameterKind.CHOICE, "this channel, or the whole workspace", choices=("channel", "workspace"))
PERSON = Parameter("person", ParameterKind.PERSON, "one person, in all channels")
NEWEST = 5  # changes that are shown


async def show_budgets(call: Invocation) -> CommandResult:
    held, key = await _load_budgets(call), call.question.key
    manages = await call.surface.rank(call.question.person) >= Rank.OWNER
    mine = {
        Scope(key.workspace),
        Scope(key.workspace, key.channel),
        Scope(key.workspace, person=call.question.person),
    }
    statuses = [one for one in held.statuses if manages or one.budget.scope in mine]
    if not statuses:
        return CommandResult("No budget holds here. `budget set 25` gives this channel 25 US dollars a month.")
    changes = [change for change in held.changes if manages or change.scope in mine][:NEWEST]
    whose = await _prepare_names(call, [*(one.budget for one in statuses), *changes])
    lines = [f"- {whose(one.budget)}: {_describe_status(one)}" for one in statuses]
    names = await _load_names(call, {change.author for change in changes})
    history = [
        f"- {change.at:%Y-%m-%d %H:%M} UTC, {names[change.author]}: {whose(change)}, {_describe_limit(change)}"
        for change in changes
    ]
    return CommandResult("\n".join([*lines, "", "Newest changes:", "", *history]))


async def set_budget(call: Invocation) -> CommandResult:
    amount = Decimal(call.values["amount"].removeprefix("$"))
    zone = call.values.get("zone")
    if zone and not time_zones.is_time_zone(zone):
        raise UsageError(f"There is no time zone `{zone[:40]}`. They are written like `Europe/Berlin`.")
    budget = await _change_budget(call, int(amount * 1_000_000), zone)
    whose = await _prepare_names(call, [budget])
    note = " Nobody can ask anything before that is raised." if not budget.micro_usd else ""
    return CommandResult(
        f"{whose(budget)} may now spend {_describe_limit(budget)}; days begin at midnight in {budget.zone}. "
        f"What was spent before counts too.{note}"
    )


async def clear_budget(call: Invocation) -> CommandResult:
    held, scope, period = await _load_budgets(call), await _find_scope(call), Period(call.values.get("per", "month"))
    if not any((one.budget.scope, one.budget.period) == (scope, period) for one in held.statuses):
        others = [one.budget.period.value for one in held.statuses if one.budget.scope == scope]
        hint = f" There is one for a {others[0]}: `budget clear per={others[0]}`." if others else ""
        raise UsageError(f"There is no budget for a {period.value} to clear.{hint}")
    budget = await _change_budget(call, None, None)
    whose = await _prepare_names(call, [budget])
    return CommandResult(f"{whose(budget)} has no budget for a {period.value} any more.")


async def _change_budget(call: Invocation, micro_usd: int | None, zone: str | None) -> Budget:
    """Store a change of a budget. Raises UsageError on a version conflict, when somebody else was faster."""
    held, scope, period = await _load_budgets(call), await _find_scope(call), Period(call.values.get("per", "month"))
    before = (change.number for change in held.changes if (change.scope, change.period) == (scope, period))
    zone = zone or held.zone or call.context.zone
    budget = Budget(scope, period, micro_usd, zone, call.question.person, call.context.clock())
    try:
        await call.context.store.ledger.allow(budget, next(before, 0))
    except VersionConflict:
        raise UsageError(
            "Somebody else changed it in the same moment. Look with `budget show`, then try again."
        ) from None
    return budget


async def _find_scope(call: Invocation) -> Scope:
    """The scope that the budget is for. Only owners may change a person's or the workspace's. Raises UsageError."""
    key, person = call.question.key, call.values.get("person")
    if not person and call.values.get("of") != "workspace":
        return Scope(key.workspace, key.channel)
    if await call.surface.rank(call.question.person) < Rank.OWNER:
        raise UsageError("Only those who manage the whole workspace can change that budget.")
    if person and not await call.surface.names({person}):
        raise UsageError(f"I know nobody of the id `{person[:40]}` here. Mention them: `person=@name`.")
    return Scope(key.workspace, person=person) if person else Scope(key.workspace)


async def _load_budgets(call: Invocation) -> Budgets:
    return await call.context.store.ledger.budgets(call.question.key.workspace, call.context.clock())


async def _load_names(call: Invocation, people: set[str]) -> dict[str, str]:
    return {person: person for person in people} | await call.surface.names(people)


async def _prepare_names(call: Invocation, budgets: list[Budget]) -> Callable[[Budget], str]:
    """A function that names whom or what a budget limits, with display names loaded beforehand."""
    people = {one.scope.person for one in budgets if one.scope.person}
    channels = {f"#{one.scope.channel}" for one in budgets if one.scope.channel}
    names = await _load_names(call, people | channels)
    here = call.question.key.channel

    def whose(budget: Budget) -> str:
        person, channel = budget.scope.person, budget.scope.channel
        if person or not channel:
            return names[person] if person else "This workspace"
        known = names[f"#{channel}"]
        named = f"`{channel}`" if known.startswith("#") else f"#{known}"
        return "This channel" if channel == here else f"The channel {named}"

    return whose


def _describe_status(one: BudgetStatus) -> str:
    of = f"{dollars(one.spent)} of {dollars(one.limit)} a {one.budget.period.value} ({one.percent} %)"
    return f"{of}; it renews on {describe_renewal(one)}; {name_managers(one.budget).lower()} can change it"


def _describe_limit(budget: Budget) -> str:
    if budget.micro_usd is None:
        return f"no budget for a {budget.period.value}"
    return f"{dollars(budget.micro_usd)} a {budget.period.value}"


ROWS = (
    Command("budget show", "Show what may be spent here, and what is left", show_budgets, private=True),
    Command(
        "budget set",
        "Limit what may be spent here",
        set_budget,
        (
            Parameter("amount", ParameterKind.MONEY, "US dollars", required=True),
            PER,
            OF,
            PERSON,
            Parameter("zone", ParameterKind.TEXT, "the workspace's time zone, such as Europe/Berlin"),
        ),
        Rank.MANAGER,
    ),
    Command("budget clear", "Take a limit away", clear_budget, (PER, OF, PERSON), Rank.MANAGER),
)
