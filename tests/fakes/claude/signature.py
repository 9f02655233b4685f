"""The signature of what Claude thought: it binds a thinking block to its words and to its model."""

import base64
import binascii
import json

from tests.fakes.claude.models import Model


def signature(model: Model, thinking: str) -> str:
    """What the stand-in signs `thinking` with."""
    return base64.b64encode(json.dumps([model.id, thinking]).encode()).decode()


def signed(given: str, model: Model, thinking: str) -> bool:
    """Whether `given` was issued for `thinking`, or for thinking that was not shown, by `model`."""
    try:
        name, thought = json.loads(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError, TypeError):
        return False
    return bool(name == model.id and thinking in ("", thought))
