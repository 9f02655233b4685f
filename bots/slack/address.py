"""Address of a question on Slack: what it takes to answer it, stored with it as JSON."""

import json
from typing import Self

from pydantic import BaseModel, Field


class SlackAddress(BaseModel, frozen=True):
    """Where a command is answered. Messages need none. What older versions stored is read; their keys are kept."""

    url: str = Field(default="", repr=False)
    """The response_url of a slash command, good for half an hour."""

    @classmethod
    def parse(cls, stored: str) -> Self:
        """Read what `dump` wrote. Raises ValueError."""
        return cls.model_validate(json.loads(stored))  # not model_validate_json: it refuses lone surrogates

    def dump(self) -> str:
        """Write it as JSON."""
        return json.dumps(self.model_dump())
