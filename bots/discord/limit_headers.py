"""Headers of a 429, read safely: Discord's, Cloudflare's, or those of a gateway in between."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 900.0  # seconds that we wait for a header; whatever names more is asked again after these
UNNAMED = 1.0  # seconds to wait where nobody says how many


def read_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """The seconds that `Retry-After` names, as a number or as a date, from 0 to LONGEST; UNNAMED if it names none."""
    named = headers.get("Retry-After", "").strip()
    try:
        seconds = float(named)
    except ValueError:
        seconds = _count_seconds(named, now or datetime.now(UTC))
    if math.isnan(seconds):
        return UNNAMED
    return min(max(seconds, 0.0), LONGEST)


def is_ban(headers: Mapping[str, str]) -> bool:
    """Whether a 429 is Cloudflare's, which refuses all that an address sends: Discord's own says who sent it."""
    return not any(name.lower() == "via" or name.lower().startswith("x-ratelimit-") for name in headers)


def _count_seconds(date: str, now: datetime) -> float:
    """The seconds until a date."""
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return UNNAMED
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now.timestamp()
