"""Prices: the price list, with what each model's tokens cost since when, and the cost of a request by it."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError

from core.domain.errors import SettingsError
from core.domain.usage import Usage

OURS = Path(__file__).with_name("prices.csv")
DIGITS = 15  # of a count of tokens, at most: nobody ever used a quadrillion
HIGHEST = 10_000  # dollars: a price above it is a slip
DATED = re.compile(r"-\d{8}$")
PER_SEARCH = 1000  # searches that the price of searches is for
IN_THE_US = Decimal("1.1")  # times the prices of tokens that are computed in the United States alone
US = "us"
RULES = {
    "model": "the model is missing.",
    "since": "since is a day such as 2026-11-20; `{text}` is not.",
    "above": "above is a number of tokens; `{text}` is not.",
}
AMOUNT_RULE = "{column} is an amount of US dollars such as 2.50; `{text}` is not."


def parse_count(text: str) -> int:
    """A whole number in at most DIGITS of the digits 0 to 9: `int` also takes signs, underscores and other alphabets'.

    Python writes no number of more than 4,300 digits, so what is added up must stay far below that.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        raise ValueError("no count")
    return int(text)


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Day = Annotated[date, BeforeValidator(date.fromisoformat)]
Count = Annotated[int, BeforeValidator(parse_count)]
Dollars = Annotated[Decimal, Field(ge=0, le=HIGHEST)]


@dataclass(frozen=True, slots=True)
class Price:
    """One line of the price list. It holds from the day `since`, for prompts of more than `above` tokens.

    `input`, `output`, `write_5m`, `write_1h` and `read` are US dollars per million tokens, which is micro-dollars
    a token; `batch` is the share of them that a batch pays; `search` is US dollars per 1,000 web searches.
    """

    model: Name
    since: Day
    above: Count
    input: Dollars
    output: Dollars
    write_5m: Dollars
    write_1h: Dollars
    read: Dollars
    batch: Dollars
    search: Dollars
    source: str


ROWS = TypeAdapter(Price)
COLUMNS = tuple(field.name for field in fields(Price))


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request cost, and what it would have cost more without the cache: both in micro-dollars."""

    micro_usd: int
    saved: int


class Prices:
    """The price list. A model's id may carry its date: it costs what the model costs."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._of: dict[str, list[Price]] = {}
        for price in prices:
            self._of.setdefault(price.model, []).append(price)

    def cost(self, model: str, usage: Usage, on: date, geo: str | None = None, *, batch: bool = False) -> Cost | None:
        """What `usage` costs, rounded up to a micro-dollar; None if the model has no price.

        `geo` is the API's `inference_geo`: where it was computed. In a `batch` tokens cost less.
        """
        price = self._find_line(model, usage.prompt, on)
        if price is None:
            return None
        read_and_written = usage.cache_read * price.read
        read_and_written += usage.cache_write_5m * price.write_5m + usage.cache_write_1h * price.write_1h
        paid = usage.input * price.input + usage.output * price.output + read_and_written
        plain = (usage.prompt - usage.input) * price.input
        times = (IN_THE_US if geo == US else 1) * (price.batch if batch else 1)
        return Cost(
            _round_up(paid * times + _price_searches(price, usage.web_searches)),
            int((plain - read_and_written) * times),
        )

    def price_searches(self, model: str, searches: int, on: date) -> int:
        """What web searches of a model cost beside their tokens, in micro-dollars; 0 if it has no price."""
        price = self.find_price(model, on)
        return _round_up(_price_searches(price, searches)) if price else 0

    @property
    def models(self) -> list[str]:
        """The ids of all models that have a price, as the list names them."""
        return list(self._of)

    def find_price(self, model: str, on: date) -> Price | None:
        """The line that holds for short prompts; None if the model has no price."""
        return self._find_line(model, 0, on)

    def has_price(self, model: str) -> bool:
        """Whether the model has a price."""
        return bool(self._find_lines(model))

    def worst_cost(
        self,
        model: str,
        input_bound: int,
        output_bound: int,
        on: date,
        geo: str | None = None,
        *,
        searches: int = 0,
        batch: bool = False,
    ) -> int | None:
        """The most that a request of so many tokens can cost: all of its prompt is written to the cache.

        Claude may search the web as often as `searches`. In a `batch` tokens cost less, and nothing is cached.
        """
        steps = self._find_lines_in_force(model, input_bound, on)
        if not steps:
            return None
        written = max(step.input if batch else max(step.input, step.write_5m, step.write_1h) for step in steps)
        times = (IN_THE_US if geo == US else 1) * (max(step.batch for step in steps) if batch else 1)
        tokens = (input_bound * written + output_bound * max(step.output for step in steps)) * times
        return _round_up(tokens + max(_price_searches(step, searches) for step in steps))

    def worst_batch_cost(
        self, model: str, longest: int, tokens: tuple[int, int], on: date, geo: str | None = None
    ) -> int | None:
        """The most that requests can cost in a batch, of so many tokens of prompts and of answers together.

        The `longest` prompt has so many of them.
        """
        if not (steps := self._find_lines_in_force(model, longest, on)):
            return None
        told = tokens[0] * max(one.input for one in steps) + tokens[1] * max(one.output for one in steps)
        return _round_up(told * (IN_THE_US if geo == US else 1) * max(one.batch for one in steps))

    def affordable_output(
        self, model: str, input_bound: int, micro_usd: int, on: date, geo: str | None = None, *, searches: int = 0
    ) -> int:
        """How many tokens of output `micro_usd` pays for after the worst that the rest can cost; 0 if none."""
        prompt = self.worst_cost(model, input_bound, 0, on, geo, searches=searches)
        if prompt is None:
            return 0
        dearest = max(step.output for step in self._find_lines_in_force(model, input_bound, on))
        dearest *= IN_THE_US if geo == US else 1
        return max(0, int((micro_usd - prompt) / dearest)) if dearest else 0

    def _find_line(self, model: str, prompt: int, on: date) -> Price | None:
        """The line that holds for a prompt of so many tokens."""
        return max(self._find_lines_in_force(model, prompt, on), key=lambda step: step.above, default=None)

    def _find_lines_in_force(self, model: str, prompt: int, on: date) -> list[Price]:
        """The lines in force for prompts of up to so many tokens. Before its first day, a model's first lines hold."""
        all_of_it = self._find_lines(model)
        days = {price.since for price in all_of_it}
        day = max((one for one in days if one <= on), default=min(days, default=on))
        return [price for price in all_of_it if price.since == day and (prompt > price.above or not price.above)]

    def _find_lines(self, model: str) -> list[Price]:
        return self._of.get(model) or self._of.get(strip_date(model)) or []


def strip_date(model: str) -> str:
    """A model's id without its date: `claude-haiku-4-5` of `claude-haiku-4-5-20251001`."""
    return DATED.sub("", model)


def read_prices(path: str = "") -> Prices:
    """Read the price list that Confab brings; the models in the file `path` have its prices instead.

    Raises SettingsError, which names the line and what it must be.
    """
    prices = _read_file(OURS)
    if path:
        theirs = _read_file(Path(path))
        named = {price.model for price in theirs}
        prices = [*(price for price in prices if price.model not in named), *theirs]
    return Prices(prices)


def _read_file(path: Path) -> list[Price]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise SettingsError(f"CONFAB_PRICES: {path}, line 1: the columns must be {','.join(COLUMNS)}.")
            prices = [_parse_row(row, f"CONFAB_PRICES: {path}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"CONFAB_PRICES: {path} can't be read ({error}).") from None
    for price in prices:
        if not any(one.above == 0 and (one.model, one.since) == (price.model, price.since) for one in prices):
            raise SettingsError(f"CONFAB_PRICES: {path}: {price.model} has no line with above 0 since {price.since}.")
    return prices


def _parse_row(row: dict[str, str], where: str) -> Price:
    if None in row or None in row.values():  # as DictReader has what is too much, and what is missing
        raise SettingsError(f"{where}: it must have {len(COLUMNS)} values.")
    try:
        return ROWS.validate_python(row)
    except ValidationError as error:
        column = str(error.errors()[0]["loc"][0])
        rule = RULES.get(column, AMOUNT_RULE)
        raise SettingsError(f"{where}: {rule.format(column=column, text=row[column])}") from None


def _price_searches(price: Price, searches: int) -> Decimal:
    """What web searches cost, in micro-dollars, wherever they are made."""
    return searches * price.search * 1_000_000 / PER_SEARCH


def _round_up(amount: Decimal) -> int:
    """Whole micro-dollars: a part of one counts as one, so that no budget is overrun by parts."""
    return int(amount.to_integral_value(ROUND_CEILING))
