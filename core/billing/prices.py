"""Prices: what each model's tokens cost, since when, and who says so."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from pathlib import Path

from core.domain.errors import SettingsError
from core.domain.usage import Usage

OURS = Path(__file__).with_name("prices.csv")
AMOUNTS = ("input", "output", "write_5m", "write_1h", "read", "batch", "search")
COLUMNS = ("model", "since", "above", *AMOUNTS, "source")
HIGHEST = 10_000  # dollars: a price above it is a slip
DATED = re.compile(r"-\d{8}$")
PER_SEARCH = 1000  # searches that the price of searches is for


@dataclass(frozen=True, slots=True)
class Price:
    """One line of the price list. It holds from the day `since`, for prompts of more than `above` tokens.

    `input`, `output`, `write_5m`, `write_1h` and `read` are US dollars per million tokens, which is micro-dollars
    a token; `batch` is the share of them that a batch pays; `search` is US dollars per 1,000 web searches.
    """

    model: str
    since: date
    above: int
    input: Decimal
    output: Decimal
    write_5m: Decimal
    write_1h: Decimal
    read: Decimal
    batch: Decimal
    search: Decimal
    source: str


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

    def cost(self, model: str, usage: Usage, on: date, batch: bool = False) -> Cost | None:
        """What `usage` costs, rounded up to a micro-dollar; None if the model has no price."""
        price = self._price(model, usage.prompt, on)
        if price is None:
            return None
        read_and_written = usage.cache_read * price.read
        read_and_written += usage.cache_write_5m * price.write_5m + usage.cache_write_1h * price.write_1h
        share = price.batch if batch else Decimal(1)
        paid = share * (usage.input * price.input + usage.output * price.output + read_and_written)
        plain = share * (usage.prompt - usage.input) * price.input
        searches = usage.web_searches * price.search * 1_000_000 / PER_SEARCH
        return Cost(_up(paid + searches), int(plain - share * read_and_written))

    def known(self, model: str) -> bool:
        """Whether the model has a price."""
        return bool(self._lines(model))

    def worst(self, model: str, input_bound: int, output_bound: int, on: date) -> int | None:
        """The most that a request of so many tokens can cost: all of its prompt is written to the cache."""
        steps = self._steps(model, input_bound, on)
        if not steps:
            return None
        written = max(max(step.input, step.write_5m, step.write_1h) for step in steps)
        return _up(input_bound * written + output_bound * max(step.output for step in steps))

    def room(self, model: str, input_bound: int, micro_usd: int, on: date) -> int:
        """How many tokens of output `micro_usd` pays for after the worst that the prompt can cost; 0 if none."""
        prompt = self.worst(model, input_bound, 0, on)
        if prompt is None:
            return 0
        dearest = max(step.output for step in self._steps(model, input_bound, on))
        return max(0, int((micro_usd - prompt) / dearest)) if dearest else 0

    def _price(self, model: str, prompt: int, on: date) -> Price | None:
        """The line that holds for a prompt of so many tokens."""
        return max(self._steps(model, prompt, on), key=lambda step: step.above, default=None)

    def _steps(self, model: str, prompt: int, on: date) -> list[Price]:
        """The lines in force for prompts of up to so many tokens. Before its first day, a model's first lines hold."""
        all_of_it = self._lines(model)
        days = {price.since for price in all_of_it}
        day = max((one for one in days if one <= on), default=min(days, default=on))
        return [price for price in all_of_it if price.since == day and (prompt > price.above or not price.above)]

    def _lines(self, model: str) -> list[Price]:
        return self._of.get(model) or self._of.get(undated(model)) or []


def undated(model: str) -> str:
    """A model's id without its date: `claude-haiku-4-5` of `claude-haiku-4-5-20251001`."""
    return DATED.sub("", model)


def read(path: str = "") -> Prices:
    """Our list; the models in the file `path` have its prices instead. Raises SettingsError with the line."""
    prices = _read(OURS)
    if path:
        theirs = _read(Path(path))
        named = {price.model for price in theirs}
        prices = [*(price for price in prices if price.model not in named), *theirs]
    return Prices(prices)


def _read(path: Path) -> list[Price]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file, strict=True)
            if tuple(lines.fieldnames or ()) != COLUMNS:
                raise SettingsError(f"CONFAB_PRICES: {path}, line 1: the columns must be {','.join(COLUMNS)}.")
            prices = [_parsed(line, f"CONFAB_PRICES: {path}, line {lines.line_num}") for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"CONFAB_PRICES: {path} can't be read ({error}).") from None
    for price in prices:
        if not any(one.above == 0 and (one.model, one.since) == (price.model, price.since) for one in prices):
            raise SettingsError(f"CONFAB_PRICES: {path}: {price.model} has no line with above 0 since {price.since}.")
    return prices


def _parsed(line: dict[str, str], where: str) -> Price:
    if None in line or None in line.values():
        raise SettingsError(f"{where}: it must have {len(COLUMNS)} values.")
    if not line["model"].strip():
        raise SettingsError(f"{where}: the model is missing.")
    if not (line["above"].isascii() and line["above"].isdigit()):
        raise SettingsError(f"{where}: above is a number of tokens; `{line['above']}` is not.")
    try:
        since = date.fromisoformat(line["since"])
    except ValueError:
        raise SettingsError(f"{where}: since is a day such as 2026-11-20; `{line['since']}` is not.") from None
    amounts = {name: _amount(name, line[name], where) for name in AMOUNTS}
    return Price(line["model"].strip(), since, int(line["above"]), source=line["source"], **amounts)


def _amount(name: str, text: str, where: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= HIGHEST):
        raise SettingsError(f"{where}: {name} is an amount of US dollars such as 2.50; `{text}` is not.")
    return amount


def _up(amount: Decimal) -> int:
    """Whole micro-dollars: a part of one counts as one, so that no budget is overrun by parts."""
    return int(amount.to_integral_value(ROUND_CEILING))
