"""Moments as text of one width, in UTC, so that they sort as they follow each other."""

from datetime import UTC, datetime


def stamp(at: datetime) -> str:
    """`2026-11-20T10:00:00.000000+00:00`, whatever zone `at` is in."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
