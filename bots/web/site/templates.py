"""Templates: Jinja2 over the package's folder, in which every value is escaped, with how we write amounts and times."""

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from core.billing.budgets import dollars
from core.domain.clock import load_zone

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

SECONDS, MINUTE, HOUR = 1, 60, 3600


def make_environment() -> Environment:
    """The environment of all pages: a value that a page was not given is an error, and none is markup."""
    environment = Environment(
        loader=PackageLoader("bots.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "dollars": dollars,
        "number": write_number,
        "time": write_time,
        "seconds": write_seconds,
        "drawn": draw_sentences,
    }
    return environment


def write_number(value: int) -> str:
    """A whole number with separators: `1,234,567`."""
    return f"{value:,}"


def write_time(at: datetime | None, zone: str = "UTC") -> str:
    """A time in a zone, to the minute."""
    return f"{at.astimezone(load_zone(zone)):%Y-%m-%d %H:%M}" if at else ""


def write_seconds(seconds: float) -> str:
    """A span as people say it: `850 ms`, `2.4 s`, `12 min`, `3 h`."""
    if seconds < SECONDS:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < HOUR else f"{seconds / HOUR:.0f} h"


def draw_sentences(words: str) -> Markup:
    """Sentences of ours as markup: their code, emphasis and lines; all else is text, also what looks like a link."""
    return Markup(_make_reader().renderInline(words))  # noqa: S704  HTML in it is escaped


@cache
def _make_reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415  when the first page is read

    return MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(["image", "link", "autolink"])
