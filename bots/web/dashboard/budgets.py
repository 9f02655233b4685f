"""Budgets: how each stands, who changed which, and a form that sets or clears one."""

from collections.abc import Mapping

from aiohttp import web

from bots.web.dashboard.commands import Clerk
from bots.web.dashboard.desk import Desk
from bots.web.dashboard.row_pages import cut_rows
from bots.web.sign_in.guard import VISIT, Visit
from core.billing.budgets import Budget, describe_renewal
from core.billing.ledger_rows import DIRECT, Scope

ADDRESS = "/dashboard/budgets"
LISTED = 50  # budgets of a page
SHOWN = 20  # changes
WHOSE = {
    "workspace": "the workspace",
    "direct": "each person's direct messages",
    "channel": "a channel",
    "person": "a person",
}
PERIODS = {"day": "a day", "week": "a week", "month": "a month"}


async def show_budgets(desk: Desk, request: web.Request) -> web.Response:
    """All budgets in force, the nearest to its limit first."""
    visit = request[VISIT]
    held = await desk.load_budgets(visit)
    page = cut_rows(request, sorted(held.statuses, key=lambda one: -one.percent), LISTED)
    changes = held.changes[:SHOWN]
    scopes = [*(one.budget.scope for one in page.rows), *(one.scope for one in changes)]
    wanted = {_name_key(one) for one in scopes} | {one.author for one in changes}
    names = await desk.fetch_names(visit, {one for one in wanted if one})
    return desk.render(
        request,
        "dashboard/budgets.html",
        lines=[(name_scope(one.budget.scope, names), one, describe_renewal(one)) for one in page.rows],
        page=page,
        changes=[(name_scope(one.scope, names), one, names.get(one.author, one.author)) for one in changes],
        zone=held.zone or desk.zone,
        unknown_zone=held.unknown_zone,
        periods=PERIODS,
        identify=_identify,
    )


async def change_budget(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Set a budget, or clear it where no amount is given with `clear`."""
    form = {name: str(value).strip() for name, value in (await request.post()).items()}
    of, visit, clears = form.get("of", ""), request[VISIT], "clear" in form
    named = {"channel": form.get("channel", "").lstrip("#"), "person": form.get("person", "")}
    channel = named["channel"] if of == "channel" else ""
    fault = _find_fault(of, named) or ("" if clears else await _find_unknown(desk, visit, channel))
    if fault:
        return desk.go_back(ADDRESS, fault, good=False)
    values = {"per": form.get("per", "")} | ({"person": named["person"]} if of == "person" else {})
    values |= {"of": of} if of in {"workspace", "direct"} else {}
    values |= {} if clears else {"amount": form.get("amount", "")}
    told = await clerk.give(visit, "budget clear" if clears else "budget set", values, channel)
    return desk.go_back(ADDRESS, told.says, good=told.good)


def _find_fault(of: str, named: Mapping[str, str]) -> str:
    """Why a form does not say whose budget it means; empty where it does."""
    if of not in {"workspace", "direct", *named}:
        return "Choose whose budget it is."
    if other := next((one for one, name in named.items() if name and one != of), ""):
        return f"The id of a {other} is given, but {WHOSE[of]} is chosen. Choose “A {other}”, or leave that id out."
    return f"Name the {of} by its id." if of in named and not named[of] else ""


async def _find_unknown(desk: Desk, visit: Visit, channel: str) -> str:
    """Why a channel can't have a budget: a limit on one that there is not would limit nobody."""
    key = f"#{channel}"
    if not channel or not channel.isprintable() or key in await desk.whois.fetch_names(visit.identity, {key}):
        return ""
    return f"I see no channel of the id {channel[:40]} here now. Its id is not its name."


def name_scope(scope: Scope, names: Mapping[str, str]) -> str:
    """Whose budget it is."""
    if scope.channel == DIRECT:
        return "Each person's direct messages"
    key = _name_key(scope)
    return names.get(key, key) if key else "The workspace"


def _identify(budget: Budget) -> Mapping[str, str]:
    """The fields of a form that names this budget."""
    scope = budget.scope
    of = (
        "direct"
        if scope.channel == DIRECT
        else "channel"
        if scope.channel
        else "person"
        if scope.person
        else "workspace"
    )
    named = {"channel": scope.channel or "", "person": scope.person or ""}
    return {"of": of, "per": budget.period.value} | ({of: named[of]} if of in named else {})


def _name_key(scope: Scope) -> str:
    """What the platform is asked for: a person, or a channel."""
    return scope.person or (f"#{scope.channel}" if scope.channel and scope.channel != DIRECT else "")
