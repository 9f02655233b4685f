"""Model catalog: a cache of what the Models API tells of each model, which is asked again while it is used."""

import asyncio
import difflib
import logging
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import TypeAdapter

from core.billing.prices import Price, Prices
from core.claude.client import Claude
from core.claude.errors import ClaudeError
from core.domain.clock import Clock
from core.domain.models import MODEL_NOTES, Model, ModelNote
from core.store.protocols import Notes

FRESH = timedelta(hours=6)  # how long a model's capabilities are believed
AGAIN = timedelta(minutes=1)  # after which a Models API that could not be asked is asked again
LISTED = timedelta(minutes=5)  # how long the list of all models is believed
PATIENCE = 3.0  # seconds that the Models API may hold an answer, or a command
NEAR = 3  # names that are suggested in place of a wrong one

MODELS = "models"  # the note that has each listed model and how it is shown where one is chosen

T = TypeVar("T")
CHOICES = TypeAdapter(dict[str, str])

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is known of a model by its name. Not there is not unknown: `missing` is the API's own word."""

    model: Model
    missing: bool = False
    near: Sequence[str] = ()
    """Names that may have been meant, of one that is missing."""
    trouble: ClaudeError | None = None
    """Why it could not be found out whether there is such a model."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What was told at a moment, or that nothing was."""

    at: datetime
    model: Model
    told: bool


class ModelCatalog:
    """Describes models. What it is told is kept in the store too, for the next process."""

    def __init__(self, claude: Claude, notes: Notes, clock: Clock, prices: Prices, patience: float = PATIENCE) -> None:
        self._claude = claude
        self._notes = notes
        self._clock = clock
        self._prices = prices
        self._patience = patience
        self._held: dict[str, _Held] = {}
        self._list: tuple[datetime, list[Model]] | None = None

    async def describe(self, name: str) -> Model:
        """What a model can do: as last told by the Models API, also when that can't be asked just now.

        The request itself finds out whether there is such a model.
        """
        held = await self._recall(name)
        if held and self._clock() - held.at < (FRESH if held.told else AGAIN):
            return held.model
        try:
            return await self._ask(name)
        except ClaudeError as error:
            return await self._believe(name, error)

    async def look_up(self, name: str) -> Listing:
        """Ask whether there is such a model. A gateway without a Models API knows of none, and says nothing by it."""
        held = self._held.get(name)
        if held and held.told and self._clock() - held.at < LISTED:
            return Listing(held.model)
        try:
            return Listing(await self._ask(name))
        except ClaudeError as error:
            if error.kind != "no model":
                return Listing(await self._believe(name, error), trouble=error)
            try:
                names = [model.id for model in await self.list_models()]
            except ClaudeError as trouble:
                return Listing(Model(name), trouble=trouble)
            return Listing(Model(name), missing=True, near=suggest_names(name, names))

    async def list_models(self) -> list[Model]:
        """All models that answer for this key, newest first. Raises ClaudeError, also where none is listed."""
        if self._list is None or self._clock() - self._list[0] >= LISTED:
            await self._claude.open()  # which takes none of the API's time
            now = self._clock()
            models = [one for one in await self._limit_time(self._claude.models()) if not one.is_retired(now)]
            if not models:
                raise ClaudeError("no model", "", "the Models API lists none", billed=False)
            self._list = now, models
            await self._note_choices(models)
        return self._list[1]

    async def find_cheapest(self, own: str, allowed: Collection[str] = ()) -> str:
        """Of `own` and those that may be chosen the model whose tokens cost least; `own` where no price is known.

        Those that the API lists today may be chosen, and of them only the `allowed` ones, where any are named. Where it
        can't be asked, it is `own`: any other may be retired.
        """
        try:
            listed = [model.id for model in await self.list_models()]
        except ClaudeError as error:
            log.info("the cheapest model is not known just now: %s", error)
            return own
        names = [own, *(one for one in listed if not allowed or one in allowed)]
        prices = {name: price for name in names if (price := self.find_price(name))}
        return min(prices, key=lambda name: (prices[name].output, prices[name].input), default=own)

    def find_price(self, model: str) -> Price | None:
        """What a model costs today, for short prompts; None if it has no price."""
        return self._prices.find_price(model, self._clock().date())

    def price_searches(self, model: str, searches: int) -> int:
        """What web searches of a model cost today beside their tokens, in micro-dollars; 0 if it has no price."""
        return self._prices.price_searches(model, searches, self._clock().date())

    async def _note_choices(self, models: Sequence[Model]) -> None:
        shown = {model.id: _describe_choice(model, self.find_price(model.id)) for model in models}
        await self._notes.put(MODELS, CHOICES.dump_json(shown).decode())

    async def _ask(self, name: str) -> Model:
        await self._claude.open()
        model = replace(await self._limit_time(self._claude.model(name)), id=name)
        now = self._clock()
        self._held[name] = _Held(now, model, told=True)
        if model.known:
            await self._notes.put(f"model:{name}", MODEL_NOTES.dump_json(ModelNote(now, model)).decode())
        return model

    async def _believe(self, name: str, error: ClaudeError) -> Model:
        """What was told last, for a while; nothing is known of a model of which nothing was ever told."""
        log.warning("capabilities of %s are not known just now: %s", name, error)
        held = await self._recall(name)
        model = held.model if held else Model(name)
        self._held[name] = _Held(self._clock(), model, told=False)
        return model

    async def _recall(self, name: str) -> _Held | None:
        """What this process was told of a model, else what the store has of it, however old."""
        if name not in self._held and (text := await self._notes.get(f"model:{name}")) is not None:
            note = MODEL_NOTES.validate_json(text)
            self._held[name] = _Held(note.at, note.model, told=True)
        return self._held.get(name)

    async def _limit_time(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._patience):
                return await call
        except TimeoutError:
            detail = f"the Models API did not answer in {self._patience:g} seconds"
            raise ClaudeError("unreachable", "", detail, transient=True, billed=False) from None


def read_choices(text: str | None) -> dict[str, str]:
    """The models that were listed last, each with how it is shown, out of the note of them."""
    return CHOICES.validate_json(text) if text else {}


def _describe_choice(model: Model, price: Price | None) -> str:
    """A model in a few words: `claude-haiku-5-5: $0.1 in, $0.5 out, reads 1,000,000`."""
    parts = [f"${price.input.normalize():f} in, ${price.output.normalize():f} out" if price else "price not known"]
    parts += [f"reads {model.max_input_tokens:,}"] if model.max_input_tokens else []
    parts += [f"retires {model.retires_at:%Y-%m-%d}"] if model.retires_at else []
    return f"{model.id}: {', '.join(parts)}"


def suggest_names(name: str, names: Sequence[str]) -> list[str]:
    """The names nearest to a wrong one; the first ones where none is near."""
    near = difflib.get_close_matches(name[:100].lower(), names, NEAR, 0.5)
    parts = [one for one in names if one not in near and name.lower() in one]
    return [*near, *parts][:NEAR] or list(names[:NEAR])
