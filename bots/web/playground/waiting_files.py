"""Waiting files: files that a window has sent and that hang on no message yet; in memory alone."""

import secrets
from collections.abc import Sequence

from core.domain.messages import File

MOST = 40  # files that wait, of all windows
HELD = 100_000_000  # bytes of them together


class WaitingFiles:
    """Files that wait for the message that they are to hang on; the oldest ones go first."""

    def __init__(self, most: int = MOST, held: int = HELD) -> None:
        self._waiting: dict[str, File] = {}
        self._most, self._held = most, held

    def add(self, file: File) -> str:
        """Keep a file; the token with which its message names it, which nobody can guess."""
        token = secrets.token_urlsafe(16)
        self._waiting[token] = file
        while len(self._waiting) > 1 and (len(self._waiting) > self._most or self._size > self._held):
            del self._waiting[next(iter(self._waiting))]
        return token

    def find(self, tokens: Sequence[str]) -> list[File] | None:
        """The files of these tokens in their order; None where one of them is gone."""
        found = [self._waiting.get(token) for token in tokens]
        return [file for file in found if file] if all(found) else None

    def drop(self, tokens: Sequence[str]) -> None:
        """They hang on a message now."""
        for token in tokens:
            self._waiting.pop(token, None)

    @property
    def _size(self) -> int:
        return sum(len(file.content) for file in self._waiting.values())
