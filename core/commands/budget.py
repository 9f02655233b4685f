"""The `budget` commands: show, set and clear limits on what may be spent."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from core.billing.budgets import Budget, Budgets, BudgetStatus, Period, describe_renewal, dollars, name_managers
from core.billing.ledger_rows import DIRECT, Scope
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError, name_giver
from core.domain.clock import is_time_zone, name_known_zone
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank
from core.rendering.names import write_name

PER = Parameter(
    "per", ParameterKind.CHOICE, "how often it renews; else a month", choices=("day", "week", "month"), label="For each"
)
OF = Parameter(
    "of",
    ParameterKind.CHOICE,
    "this channel, the whole workspace, or each person's direct messages",
    choices=("channel", "workspace", "direct"),
)
PERSON = Parameter("person", ParameterKind.PERSON, "one person, in all channels")
NEWEST = 5  # changes that are shown
UNKNOWN_ZONE = (
    "The machine I run on does not know this workspace's time zone, `{}`: days begin at midnight in UTC until whoever "
    "runs me updates its time zones (tzdata), or `budget set` with `zone=` names another."
)
_SENTENCE = "Only those who manage the whole workspace can change that budget."
_OWNERS = dict.fromkeys(("of=workspace", "of=direct", "person"), (Rank.OWNER, _SENTENCE))
_ZONE = (Rank.OWNER, "Only those who manage the whole workspace can change its time zone.")


async def show_budgets(call: Invocation) -> CommandResult:
    held, mine = await _load_budgets(call), await _list_own_scopes(call)
    manages = await call.surface.rank(call.question.person) >= Rank.OWNER
    statuses = [one for one in held.statuses if manages or one.budget.scope in mine]
    statuses += await _load_elsewhere(call, mine)
    if not statuses:
        return CommandResult("No budget holds here. `budget set 25` gives this channel 25 US dollars a month.")
    changes = [change for change in held.changes if manages or change.scope in mine][:NEWEST]
    whose = await _prepare_names(call, [*(one.budget for one in statuses), *changes])
    lines = [f"- {whose(one.budget)}: {_describe_status(one)}" for one in statuses]
    if held.unknown_zone:
        lines += ["", UNKNOWN_ZONE.format(held.unknown_zone)]
    names = await _load_names(call, {change.author for change in changes})
    if not changes:
        return CommandResult("\n".join(lines))
    zones = _describe_zones(held.changes, call.context.zone)
    history = [
        f"- {change.at:%Y-%m-%d %H:%M} UTC, {names[change.author]}: {whose(change)}, {_describe_limit(change)}"
        f"{zones.get(change.number, '')}"
        for change in changes
    ]
    return CommandResult("\n".join([*lines, "", "Newest changes:", "", *history]))


async def rehearse_budget(call: Invocation) -> None:
    """Raises UsageError where the budget can't be set so."""
    _read_zone(call)
    _check_seen(call, await _load_budgets(call), await _find_scope(call))


async def set_budget(call: Invocation) -> CommandResult:
    amount, zone = Decimal(call.values["amount"]), _read_zone(call)
    budget = await _change_budget(call, int(amount * 1_000_000), zone)
    whose, begin = await _prepare_names(call, [budget]), name_known_zone(budget.zone)
    if not budget.micro_usd:
        nothing = f"{whose(budget)} may spend nothing from now on. {_describe_nothing(budget.scope)}"
        return CommandResult(f"{nothing} until a budget above $0.00 is set. Set by {await name_giver(call)}.")
    return CommandResult(
        f"{whose(budget)} may now spend {_describe_limit(budget)}; days begin at midnight in {begin}. "
        f"What was spent before counts too. Set by {await name_giver(call)}."
    )


async def clear_budget(call: Invocation) -> CommandResult:
    held, scope, period = await _load_budgets(call), await _find_scope(call), Period(call.values.get("per", "month"))
    if not any((one.budget.scope, one.budget.period) == (scope, period) for one in held.statuses):
        others = [one.budget.period.value for one in held.statuses if one.budget.scope == scope]
        hint = f" There is one for a {others[0]}: `budget clear per={others[0]}`." if others else ""
        raise UsageError(f"There is no budget for a {period.value} to clear.{hint}")
    budget = await _change_budget(call, None, None)
    whose = await _prepare_names(call, [budget])
    return CommandResult(
        f"{whose(budget)} has no budget for a {period.value} any more. Cleared by {await name_giver(call)}."
    )


async def _change_budget(call: Invocation, micro_usd: int | None, zone: str | None) -> Budget:
    """Store a change of a budget. Raises UsageError on a version conflict, when somebody else was faster."""
    held, scope, period = await _load_budgets(call), await _find_scope(call), Period(call.values.get("per", "month"))
    _check_seen(call, held, scope)
    before = (change.number for change in held.changes if (change.scope, change.period) == (scope, period))
    budget = Budget(scope, period, micro_usd, zone or "", call.question.person, call.context.clock())
    try:
        return await call.context.store.ledger.allow(budget, next(before, 0), call.context.zone)
    except VersionConflict:
        raise UsageError(
            "Somebody else changed it in the same moment. Look with `budget show`, then try again."
        ) from None


def _read_zone(call: Invocation) -> str | None:
    """The time zone that is chosen, if one is. Raises UsageError."""
    zone = call.values.get("zone")
    if zone and not is_time_zone(zone):
        raise UsageError(f"There is no time zone `{zone[:40]}`. They are written like `Europe/Berlin`.", "zone")
    return zone


def _check_seen(call: Invocation, held: Budgets, scope: Scope) -> None:
    """Raise UsageError where a form shows an older change of the scope's budgets (`seen`) than the newest."""
    if call.values.get("seen", number := str(held.find_newest_change(scope))) != number:
        raise UsageError(
            "Somebody else changed this budget after you had opened the form, so I changed nothing. "
            "Look with `budget show`, then open the form again."
        )


async def _find_scope(call: Invocation) -> Scope:
    """The scope that the budget is for. Raises UsageError for a person whom nobody knows."""
    key, person, of = call.question.key, call.values.get("person"), call.values.get("of")
    if person and of == "direct":
        raise UsageError("A person's budget counts their direct messages as well: leave `of=direct` out.", "of")
    if person and of:
        raise UsageError(f"A person's budget holds in all channels: leave `of={of}` out.", "of")
    if not person and not of and not key.channel:
        raise UsageError("Say whose budget it is: `of=workspace`, `of=direct` or `person=@name`.", "of")
    if not person and of != "workspace":
        return Scope(key.workspace, DIRECT if of == "direct" else key.channel)
    if person and not await call.surface.names({person}):
        raise UsageError(f"I know nobody of the id `{person[:40]}` here. Mention them: `person=@name`.", "person")
    return Scope(key.workspace, person=person) if person else Scope(key.workspace)


async def _list_own_scopes(call: Invocation) -> list[Scope]:
    """The scopes whose budgets hold for who gave the command, where it was given."""
    key, person, homes = call.question.key, call.question.person, await call.surface.homes()
    mine = [Scope(key.workspace), Scope(key.workspace, key.channel), Scope(key.workspace, person=person)]
    if homes is None:
        return mine
    limiting = await call.context.store.ledger.list_limiting(key.workspace, person)
    everywhere = (Scope(workspace, person=person) for workspace in dict.fromkeys((*homes, *limiting)))
    return [*mine, Scope(key.workspace, DIRECT), *everywhere, *(Scope(home, DIRECT) for home in homes)]


async def _load_elsewhere(call: Invocation, mine: list[Scope]) -> list[BudgetStatus]:
    """The budgets of other workspaces that hold in direct messages."""
    person, now = call.question.person, call.context.clock()
    others = dict.fromkeys(scope.workspace for scope in mine if scope.workspace != call.question.key.workspace)
    found = [await call.context.store.ledger.budgets(workspace, now, person) for workspace in others]
    return [status for held in found for status in held.statuses if status.budget.scope in mine]


async def _load_budgets(call: Invocation) -> Budgets:
    question = call.question
    return await call.context.store.ledger.budgets(question.key.workspace, call.context.clock(), question.person)


async def _load_names(call: Invocation, people: set[str]) -> dict[str, str]:
    names = {person: person for person in people} | await call.surface.names(people)
    return {person: write_name(name) for person, name in names.items()}


async def _prepare_names(call: Invocation, budgets: list[Budget]) -> Callable[[Budget], str]:
    """A function that names whom or what a budget limits, with display names loaded beforehand."""
    people = {one.scope.person for one in budgets if one.scope.person}
    channels = {f"#{one.scope.channel}" for one in budgets if one.scope.channel not in {None, DIRECT}}
    names = await _load_names(call, people | channels)
    here = call.question.key.channel

    def whose(budget: Budget) -> str:
        person, channel = budget.scope.person, budget.scope.channel
        if channel == DIRECT:
            return "Each person's direct messages"
        if person or not channel:
            return names[person] if person else "This workspace"
        known = names[f"#{channel}"]
        named = f"`{channel}`" if channel in known else f"#{known}"
        return "This channel" if channel == here else f"The channel {named}"

    return whose


def _describe_status(one: BudgetStatus) -> str:
    yours = "of yours " if one.budget.scope.channel == DIRECT else ""
    of = f"{yours}{dollars(one.spent)} of {dollars(one.limit)} a {one.budget.period.value} ({one.percent} %)"
    return f"{of}; it renews on {describe_renewal(one)}; {name_managers(one.budget).lower()} can change it"


def _describe_nothing(scope: Scope) -> str:
    """What a budget of nothing means."""
    if scope.person:
        return "They can ask nothing"
    return f"Nobody can ask anything{' in direct messages' if scope.channel == DIRECT else ''}"


def _describe_zones(changes: Sequence[Budget], default: str) -> dict[int, str]:
    """The time zones that were chosen, by the number of the change; `changes` are all there were, newest first."""
    before = [*(one.zone for one in changes), default][1:]
    chosen = ((one.number, one.zone) for one, zone in zip(changes, before, strict=True) if one.zone != zone)
    return {number: f"; days begin at midnight in {zone}" for number, zone in chosen}


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
            Parameter("amount", ParameterKind.MONEY, "US dollars", required=True, label="Amount in US dollars"),
            PER,
            OF,
            PERSON,
            Parameter("zone", ParameterKind.TEXT, "the workspace's time zone, such as Europe/Berlin"),
        ),
        Rank.MANAGER,
        stricter={**_OWNERS, "zone": _ZONE},
        title="Set budget",
        rehearse=rehearse_budget,
    ),
    Command("budget clear", "Take a limit away", clear_budget, (PER, OF, PERSON), Rank.MANAGER, stricter=_OWNERS),
)
