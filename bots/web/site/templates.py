"""Templates: Jinja2 over the package's folder, in which every value is escaped, with how we write amounts and times."""

from datetime import datetime
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from core.billing.budgets import dollars

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
    environment.filters |= {"dollars": dollars, "number": write_number, "time": write_time, "seconds": write_seconds}
    return environment


def write_number(value: int) -> str:
    """A whole number with separators: `1,234,567`."""
    return f"{value:,}"


def write_time(at: datetime | None, zone: str = "UTC") -> str:
    """A time in a zone, to the minute."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if at else ""


def write_seconds(seconds: float) -> str:
    """A span as people say it: `850 ms`, `2.4 s`, `12 min`, `3 h`."""
    if seconds < SECONDS:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < HOUR else f"{seconds / HOUR:.0f} h"
