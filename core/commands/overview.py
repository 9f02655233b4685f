"""Overview: what a home page tells one person, of their own usage and of the places that they manage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.billing.budgets import Budgets, BudgetStatus, describe_budget_here, describe_renewal, dollars
from core.billing.ledger_rows import DIRECT, Scope
from core.commands.usage import UsageQuery, load_report
from core.domain.clock import Clock
from core.domain.messages import Message, ThreadKey
from core.domain.personas import Persona, Place, Version, split_prompts
from core.domain.wording import count_noun, fold_lines
from core.store.persona_in_force import find_persona_in_force
from core.store.protocols import Store

EXCERPT = 150  # characters of a persona that are shown
TITLE = 60  # characters of a prompt's title
PLACES = 100  # whose personas are read in one unit of work
CHOICES = ("model", "effort", "tools")  # what is told of a persona beside its text


@dataclass(frozen=True, slots=True)
class PlaceOverview:
    """A place: the newest version of its own persona, and its budgets. `changed` is the number of their last change."""

    place: Place
    version: Version | None = None
    budgets: tuple[BudgetStatus, ...] = ()
    changed: int = 0

    @property
    def persona(self) -> Persona:
        """Its own, which is empty where none is set."""
        return self.version.persona if self.version else Persona()

    @property
    def number(self) -> int:
        """Of the newest version, 0 where there was none."""
        return self.version.number if self.version else 0

    def describe(self) -> list[str]:
        """Its persona and its budgets, a line each."""
        return [_describe_persona(self.persona), *_describe_budgets(self.budgets)]


@dataclass(frozen=True, slots=True)
class WorkspaceOverview:
    """What those who manage a whole workspace are told of it, with how many people have budgets of their own."""

    place: PlaceOverview
    usage: str
    personal: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """What one person is told: `usage` and `limits` are theirs, `places` the channels that they manage.

    Of their channels `more` are left out.
    """

    usage: str
    limits: tuple[str, ...] = ()
    places: tuple[PlaceOverview, ...] = ()
    more: int = 0
    workspace: WorkspaceOverview | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something that a person is offered to ask."""

    title: str
    message: str


PROMPTS = (
    Prompt("What can you do?", "What can you help me with here, and what can't you do?"),
    Prompt("Write a message", "Help me write a message. Ask me first whom it is for, and what it should say."),
    Prompt("Check a text", "Check a text of mine. Ask me for it, then tell me its weakest points first."),
    Prompt("Think it through", "Help me think a decision through. Ask me one question at a time."),
)


class Overviews:
    """Read model over the store. What it tells whom is for its caller to decide, on the platform's word."""

    def __init__(self, store: Store, defaults: Persona, zone: str, clock: Clock, *, guests: bool = False) -> None:
        self._store, self._defaults, self._zone, self._clock = store, defaults, zone, clock
        self.guests = guests
        """Whether people of other workspaces may ask."""

    async def load(
        self, workspace: str, person: str, channels: Sequence[str] = (), *, owner: bool = False, most: int = PLACES
    ) -> Overview:
        """The overview of a person who manages these channels, and as an `owner` all of the workspace.

        At most so many of the channels are told of: first those with a persona or a budget, then in the order given.
        """
        mine = (Scope(workspace, person=person), Scope(workspace, DIRECT), Scope(workspace))
        held = await self._store.ledger.budgets(workspace, self._clock(), person, mine)
        limits = [one for scope in mine for one in held.statuses if one.budget.scope == scope]
        chosen = await self._choose_places(held, [Place(workspace, channel) for channel in channels], most)
        return Overview(
            await self._describe_usage(held, Scope(workspace, person=person)),
            tuple(_describe_limit(one) for one in limits),
            tuple(await self._load_places(chosen)),
            max(0, len(channels) - most),
            await self._load_workspace(held, workspace) if owner else None,
        )

    async def load_place(self, place: Place) -> PlaceOverview:
        """A place as it is now."""
        (found,) = await self._load_places([(place, await self._store.personas.persona(place))])
        return found

    async def list_prompts(self, workspace: str, channel: str) -> tuple[Prompt, ...]:
        """What people are offered to ask in a direct message: what the persona there suggests, else our own."""
        persona, _ = await find_persona_in_force(
            self._store.personas, ThreadKey(workspace, channel, ""), self._defaults
        )
        return tuple(Prompt(_shorten(one, TITLE), one) for one in split_prompts(persona.prompts or "")) or PROMPTS

    async def leave_out_forgotten(self, key: ThreadKey, messages: Sequence[Message]) -> Sequence[Message]:
        """What the platform shows of a thread, without what must not be told again."""
        return await self._store.past.leave_out_forgotten(key, messages)

    async def _load_workspace(self, held: Budgets, workspace: str) -> WorkspaceOverview:
        people = {scope for scope in held.list_limited() if scope.person}
        usage = await self._describe_usage(held, Scope(workspace))
        return WorkspaceOverview(await self.load_place(Place(workspace)), usage, len(people))

    async def _choose_places(
        self, held: Budgets, places: Sequence[Place], most: int
    ) -> list[tuple[Place, Version | None]]:
        """The places to tell of, each with its persona. Those are read in parts, so that nobody waits for long."""
        parts = [places[at : at + PLACES] for at in range(0, len(places), PLACES)]
        versions = [one for part in parts for one in await self._store.personas.newest(part)]
        limited = {scope.channel for scope in held.list_limited()}

        def is_bare(found: tuple[Place, Version | None]) -> bool:
            place, version = found
            return place.channel not in limited and (version is None or version.persona == Persona())

        return sorted(zip(places, versions, strict=True), key=is_bare)[:most]

    async def _load_places(self, chosen: Sequence[tuple[Place, Version | None]]) -> list[PlaceOverview]:
        """Places with their budgets; the workspace with the one for each person's direct messages."""
        scopes = [scope for place, _ in chosen for scope in _list_scopes(place)]
        if not scopes:
            return []
        held = await self._store.ledger.budgets(scopes[0].workspace, self._clock(), only=scopes)
        return [_describe_place(place, version, held) for place, version in chosen]

    async def _describe_usage(self, held: Budgets, scope: Scope) -> str:
        """What was asked this month, and what it cost."""
        query = UsageQuery(scope, "This month", "month", "model")
        found = await load_report(self._store.ledger, query, held.zone or self._zone, self._clock())
        asked = count_noun(found.total.requests, "request")
        died = f", {found.total.died:,} of them at the most that it can have cost" if found.total.died else ""
        days = found.title.partition(" (")[2].rstrip(")")
        return f"This month ({days}): {asked} to Claude{died}, {dollars(found.total.micro_usd)}."


def _list_scopes(place: Place) -> list[Scope]:
    """The scopes of a place's budgets, its own first."""
    if place.channel:
        return [Scope(place.workspace, place.channel)]
    return [Scope(place.workspace), Scope(place.workspace, DIRECT)]


def _describe_place(place: Place, version: Version | None, held: Budgets) -> PlaceOverview:
    own, *beside = _list_scopes(place)
    budgets = [one for scope in (own, *beside) for one in held.statuses if one.budget.scope == scope]
    return PlaceOverview(place, version, tuple(budgets), held.find_newest_change(own))


def _describe_persona(persona: Persona) -> str:
    if persona == Persona():
        return "No persona of its own."
    chosen = [f"{name} {value}" for name in CHOICES if (value := getattr(persona, name)) is not None]
    text = f"\u201c{_shorten(fold_lines(persona.system), EXCERPT)}\u201d" if persona.system else "no text of its own"
    return f"Persona: {'; '.join([text, *chosen])}"


def _describe_budgets(budgets: Iterable[BudgetStatus]) -> list[str]:
    return [_describe_budget(one) for one in budgets] or ["No budget of its own."]


def _describe_budget(one: BudgetStatus) -> str:
    if one.budget.scope.channel == DIRECT:
        return f"Budget of each person's direct messages: {dollars(one.limit)} a {one.budget.period.value}"
    return f"Budget: {dollars(one.spent)} of {dollars(one.limit)} a {one.budget.period.value} ({one.percent} %)"


def _describe_limit(one: BudgetStatus) -> str:
    """How a budget stands that limits the person who reads it."""
    whose, used = describe_budget_here(one.budget), f"{dollars(one.spent)} used, {dollars(one.left)} left"
    return f"{whose[0].upper()}{whose[1:]}: {used}. It renews on {describe_renewal(one)}."


def _shorten(text: str, most: int) -> str:
    """The beginning of a text, cut between two words where it is too long."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    return f"{kept.rpartition(' ')[0] or kept}\u2026"
