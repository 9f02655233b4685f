"""What `confab migrate-database` tells: how far it is, what it mended, and what to do next."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from core.domain.wording import count_noun
from core.store import Moved, Progress

REST = 5.0  # seconds between two lines, where there is no terminal
NAMED = ("threads", "messages", "questions", "requests")
NEXT = """\
Next: set DATABASE_URL to {target}, with the user and the password that you gave here, and start Confab with the same
CONFAB_SECRET_KEY, or with the file confab.key in the folder that it is started in. Keep {source} until you have seen it
answer; do not start Confab on it any more."""


@contextmanager
def show_progress(rest: float = REST) -> Iterator[Callable[[Progress], None]]:
    """What is to be told how far it is; it shows that on stderr: a bar in a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield _Lines(rest)
        return
    with click.progressbar(length=1, file=sys.stderr, item_show_func=_name_step, show_eta=True) as bar:

        def move_on(progress: Progress) -> None:
            bar.length = progress.whole
            bar.update(progress.done - bar.pos, progress)

        yield move_on


class _Lines:
    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._due = time.monotonic() + rest

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() >= self._due and progress.table:
            self._due = time.monotonic() + self._rest
            share = 100 * progress.done // max(progress.whole, 1)
            click.echo(f"{share:3} % {_name_step(progress)} ({progress.done} of {progress.whole} rows)", err=True)


def _name_step(progress: Any) -> str | None:
    return f"{progress.phase} {progress.table}" if progress else None


def list_findings(moved: Moved) -> Iterator[str]:
    """A line for each value that is not as it was, and for each table that was left out."""
    yield from (f"Mended: {found.describe()}." for found in moved.mended)
    if moved.more_mended:
        yield f"Mended: {count_noun(moved.more_mended, 'more value')}."
    yield from (f"Left out: the table {name}, which is none of Confab's." for name in moved.foreign)


def describe_move(moved: Moved) -> str:
    kept = ", ".join(f"{table} {moved.rows[table]}" for table in NAMED)
    rows, tables = count_noun(sum(moved.rows.values()), "row"), count_noun(len(moved.rows), "table")
    told = f"Moved {moved.source} to {moved.target} and checked it: {kept}; {rows} in {tables}."
    return f"{told}\n{NEXT.format(source=moved.source, target=moved.target)}"
