"""What `confab migrate-database` tells: how far it is, what it mended, and what to do next."""

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from core.domain.wording import count_noun, escape_controls

if TYPE_CHECKING:  # whoever says that a database was moved moves none
    from core.store.transfer.move import Moved, Progress

REST = 5.0  # seconds between two lines, where there is no terminal
NAMED = ("threads", "messages", "questions", "requests")
NEXT = """\
Next: let DATABASE_URL be TO as you gave it here, with all that stands after the question mark. Start Confab with the
same CONFAB_SECRET_KEY, or with the file confab.key in the folder that it is started in. Keep {source}
until you have seen it answer. Confab does not start on it any more, as {source}.moved says."""
STOPPED = """\
Interrupted. FROM is as it was. Where a part of it stands in TO, no bot starts on that; give the same command again, and
the move goes on."""


@contextmanager
def show_progress(rest: float = REST) -> Iterator[Callable[["Progress"], None]]:
    """What is to be told how far it is; it shows that on stderr: a bar in a terminal, else a line every few seconds.

    Ctrl-C or SIGTERM ends the process when it is told the next time; a second one ends it at once.
    """
    from core.store.transfer.move import DONE  # noqa: PLC0415  see above

    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it could not end is told by what it raises
    with _await_end() as stopped, ExitStack() as stack:
        show = _Bar(stack) if sys.stderr.isatty() else _Lines(rest)

        def report(progress: "Progress") -> None:
            if stopped and progress.phase != DONE:
                raise _Stopped
            show(progress)

        try:
            yield report
        except _Stopped:
            stack.close()
            click.echo(STOPPED, err=True)
            sys.exit(128 + stopped[0])


class _Stopped(Exception):
    """Somebody wants the end."""


@contextmanager
def _await_end() -> Iterator[list[int]]:
    """The signals that came. Each comes once: the next one of its kind does what it did before."""
    came: list[int] = []

    def note(number: int, _frame: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, action in before.items():
            signal.signal(number, action)


class _Bar:
    """It is drawn when there is something to show: whoever is refused sees a sentence alone."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bar: Any = None

    def __call__(self, progress: "Progress") -> None:
        if self._bar is None:
            bar = click.progressbar(length=progress.whole, file=sys.stderr, item_show_func=_name_step, show_eta=True)
            self._bar = self._stack.enter_context(bar)
        self._bar.update(progress.done - self._bar.pos, progress)


class _Lines:
    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._due = time.monotonic() + rest

    def __call__(self, progress: "Progress") -> None:
        if time.monotonic() >= self._due and progress.table:
            self._due = time.monotonic() + self._rest
            share = 100 * progress.done // max(progress.whole, 1)
            click.echo(f"{share:3} % {_name_step(progress)} ({progress.done} of {progress.whole} rows)", err=True)


def _name_step(progress: Any) -> str | None:
    return f"{progress.phase} {progress.table}" if progress else None


def list_findings(moved: "Moved") -> Iterator[str]:
    """A line for each value that is not as it was, and for each table or column that was left out."""
    yield from (f"Mended: {found.describe()}." for found in moved.mended)
    if moved.more_mended:
        yield f"Mended: {count_noun(moved.more_mended, 'more value')}."
    yield from (f"Left out: {name}, which is none of Confab's." for name in moved.foreign)


def say_moved(says: str) -> None:
    """Beside what a command prints: that the database was moved away, and is shown as it stood then."""
    click.echo(escape_controls(says), err=True)


def describe_move(moved: "Moved") -> str:
    kept = ", ".join(f"{table} {moved.rows[table]}" for table in NAMED)
    rows, tables = count_noun(sum(moved.rows.values()), "row"), count_noun(len(moved.rows), "table")
    told = f"Moved {moved.source} to {moved.target} and checked it: {kept}; {rows} in {tables}."
    return f"{told}\n{NEXT.format(source=moved.source)}"
