"""Models: what each can do, and how long it is served."""

import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}")  # also as Bedrock, Vertex and gateways write them


def is_model_id(name: str) -> bool:
    """Whether this can be a model's id: letters, digits and a few marks, which are safe wherever they are shown."""
    return MODEL_ID.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Model:
    """What a model can do, as the Models API tells it. Unknown means: send nothing that it may refuse."""

    id: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    efforts: frozenset[str] = frozenset()
    thinking: frozenset[str] = frozenset()
    known: bool = False

    @property
    def sampling(self) -> bool:
        """Whether it still takes a temperature: those that take `enabled` thinking are the ones that do."""
        return "enabled" in self.thinking


@dataclass(frozen=True, slots=True)
class Lifespan:
    """Whether a model is served: `active`, `deprecated` or `retired`; and when it goes, where that is known."""

    model: str
    lifecycle: str
    retires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModelNote:
    """A cache entry: what a model can do, and when the Models API said so."""

    at: datetime
    model: Model


MODEL_NOTES = TypeAdapter(ModelNote)
"""Notes as JSON, `dump_json`, and back, `validate_json`, which raises ValueError where it is no such note."""
