"""The short form of a proof, which `make test` runs: some of its cases. The others are for `make reliability`."""

import os
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import settings

SHARE = 1 if os.environ.get("LONG") else 4
"""Of how many examples of a property `make test` tries one. LONG=1, as `make reliability` has it, tries all."""


def examples(count: int = 100, **more: Any) -> settings:
    """Try a property with so many examples, in `make test` with a share of them."""
    return settings(max_examples=-(-count // SHARE), **more)


def shorten(every: int, *values: Iterable[Any]) -> Sequence[Any]:
    """Each case of these values, of which one in so many is kept; the others have the mark `reliability`.

    Those along the diagonals are kept, so that each value comes in some. A value may be a parameter of more than one.
    """
    cases = product(*(list(enumerate(one)) for one in values))
    return [combine([value for _, value in case], kept=sum(at for at, _ in case) % every == 0) for case in cases]


def combine(case: Sequence[Any], *, kept: bool) -> Any:
    """One parameter of the values of a case, with an id as if each were parametrized alone."""
    params = [one if hasattr(one, "marks") else pytest.param(one) for one in case]
    name = "-".join(one.id or "-".join(map(str, one.values)) for one in params)
    marks = [mark for one in params for mark in one.marks]
    found = [value for one in params for value in one.values]
    return pytest.param(*found, id=name, marks=marks if kept else [*marks, pytest.mark.reliability])
