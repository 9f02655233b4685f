"""Refused prompts: which model refused which beginning of a conversation, so that the model that answered goes on."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from core.prompting.request import Request

KEPT = 10_000  # refusals that are remembered; of each a digest, and no word


class RefusedPrompts:
    """A cache of refusals in this process. A prompt grows at its end, so it goes on to hold what was refused.

    Another system prompt, or an edit of what was refused, makes it another prompt, with which every model is asked.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._refused: OrderedDict[bytes, None] = OrderedDict()

    def record(self, request: Request) -> None:
        """Remember that the model of `request` refused it."""
        *_, whole = _digest_beginnings(request, request.model)
        self._refused[whole] = None
        self._refused.move_to_end(whole)
        while len(self._refused) > self._kept:
            self._refused.popitem(last=False)

    def order_models(self, models: Sequence[str], request: Request) -> list[str]:
        """`models` in their order, but last those that refused what the messages of `request` begin with."""
        return sorted(models, key=lambda model: self._refuses(model, request))

    def _refuses(self, model: str, request: Request) -> bool:
        if not self._refused:
            return False
        return any(beginning in self._refused for beginning in _digest_beginnings(request, model))


def _digest_beginnings(request: Request, model: str) -> Iterator[bytes]:
    """A digest of each beginning of a prompt, the whole one last, with the system prompt and a model."""
    digest = hashlib.sha256(model.encode())
    _add_blocks(digest, request.body["system"])
    for message in request.body["messages"]:
        digest.update(message["role"].encode())
        _add_blocks(digest, message["content"])
        yield digest.digest()


def _add_blocks(digest: "hashlib._Hash", blocks: Sequence[dict[str, Any]]) -> None:
    for block in blocks:
        told = (block["text"] if block["type"] == "text" else _name_source(block["source"])).encode()
        digest.update(b"%d:%b" % (len(told), told))


def _name_source(source: dict[str, str]) -> str:
    """A file by its id, where Claude's API has it, else all of it."""
    return source["file_id"] if source["type"] == "file" else source["data"]
