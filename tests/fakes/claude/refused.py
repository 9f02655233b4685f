"""A refusal of the Messages API, as the stand-in for Claude raises it."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """The API answers `status` with an error of `type`, saying `message`."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",  # noqa: A002
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.details = details
        self.message = message
        self.status = status
        self.type = type


def missing(what: str, details: Mapping[str, Any] | None = None) -> Refused:
    """404: there is no such thing."""
    return Refused(what, status=404, type="not_found_error", details=details)
