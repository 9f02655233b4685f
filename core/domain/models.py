"""Models: what each can do, and how long it is served."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter

CITATIONS, STRUCTURED_OUTPUTS = "citations", "structured_outputs"  # as the Models API calls these capabilities
WEB_SEARCH, CODE_EXECUTION = "web_search", "code_execution"  # as it calls those of running tools for a model
SOON = timedelta(days=60)  # Anthropic announces the end of a model so long before, at least
MODEL_ID = re.compile(
    r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}"
)  # also as Bedrock, Vertex and gateways write them


def is_model_id(name: str) -> bool:
    """Whether this can be a model's id: letters, digits and a few marks, which are safe wherever they are shown."""
    return MODEL_ID.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Model:
    """What a model can do, as the Models API tells it; where that tells nothing, everything may be tried."""

    id: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    efforts: frozenset[str] = frozenset()
    thinking: frozenset[str] = frozenset()
    known: bool = False
    blind: frozenset[str] = frozenset()
    """What it does not read, of images and documents, as far as is known."""
    lacks: frozenset[str] = frozenset()
    """What it has not, of citations, structured outputs and tools that Anthropic runs, as far as is known."""
    lifecycle: str = "active"
    """`active`, `deprecated` or `retired`."""
    retires_at: datetime | None = None
    """When it goes, where that is known."""

    @property
    def sampling(self) -> bool:
        """Whether it still takes a temperature: those that take `enabled` thinking are the ones that do."""
        return "enabled" in self.thinking or not self.known

    def reads(self, kind: str) -> bool:
        """Whether it may be shown an `image` or a `document`."""
        return kind not in self.blind

    def has(self, capability: str) -> bool:
        """Whether it has a capability, such as `citations` or `web_search`, as far as is known; none is empty."""
        return capability not in self.lacks

    def takes_effort(self, effort: str) -> bool:
        """Whether it has this effort, as far as is known."""
        return effort in self.efforts or not self.known

    def takes_thinking(self, kind: str) -> bool:
        """Whether it thinks in this way, as far as is known."""
        return kind in self.thinking or not self.known

    def is_retired(self, now: datetime) -> bool:
        """Whether it answers no more."""
        return self.lifecycle == "retired" or bool(self.retires_at and self.retires_at <= now)

    def describe_end(self, now: datetime) -> str | None:
        """That it retires soon, and when: `retires on 2026-11-30, in 4 days`; None of one that stays."""
        if self.is_retired(now):
            return f"retired on {self.retires_at:%Y-%m-%d}" if self.retires_at else "is retired"
        if self.retires_at is None:
            return "is deprecated and will retire" if self.lifecycle == "deprecated" else None
        days = (self.retires_at.date() - now.date()).days
        if self.lifecycle == "active" and self.retires_at - now > SOON:
            return None
        when = "today" if days <= 0 else "tomorrow" if days == 1 else f"in {days} days"
        return f"retires on {self.retires_at:%Y-%m-%d}, {when}"


@dataclass(frozen=True, slots=True)
class ModelNote:
    """A cache entry: what a model can do, and when the Models API said so."""

    at: datetime
    model: Model


MODEL_NOTES = TypeAdapter(ModelNote)
"""Notes as JSON, `dump_json`, and back, `validate_json`, which raises ValueError where it is no such note."""
