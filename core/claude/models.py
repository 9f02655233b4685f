"""Models: what the Models API tells of each."""

from collections.abc import Mapping
from typing import Any

from anthropic.types import ModelInfo

from core.domain.models import Lifespan, Model
from core.prompting.capabilities import EFFORTS, THINKING


def described(info: ModelInfo) -> Model:
    """What a model can do. A gateway may tell nothing of it."""
    known: dict[str, Any] = info.capabilities.to_dict() if info.capabilities else {}
    thinking = (known.get("thinking") or {}).get("types") or {}
    return Model(
        info.id,
        info.max_input_tokens,
        info.max_tokens,
        frozenset(level for level in EFFORTS if _supported(known.get("effort") or {}, level)),
        frozenset(kind for kind in THINKING if _supported(thinking, kind)),
        known=bool(known),
    )


def lifespan(info: ModelInfo) -> Lifespan:
    """A gateway that says nothing of it serves the model."""
    return Lifespan(info.id, getattr(info, "lifecycle", None) or "active", getattr(info, "retires_at", None))


def _supported(capabilities: object, name: str) -> bool:
    """Whether a capability is there; a gateway may leave any of them out."""
    value = capabilities.get(name) if isinstance(capabilities, Mapping) else None
    return bool(value.get("supported")) if isinstance(value, Mapping) else False
