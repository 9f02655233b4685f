"""Questions that a bench asks, and when what became of each."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.claude.script import Answer, last_words
from tests.fakes.claude.server import ClaudeFake

FIRST = 3  # the event of a stream that brings the first text: after its start, its block's start and a ping
CHUNK = 16  # characters: four tokens
WORDS = "These are words of an answer, as long as it takes. "
LONGEST = 60.0  # seconds that an answer may take


@dataclass(frozen=True, slots=True)
class Speech:
    """How Claude answers: `size` characters, after `first` seconds, a piece of 16 every `pause` seconds."""

    size: int = 300
    first: float = 0.0
    pause: float = 0.002


@dataclass(slots=True)
class Asked:
    """One question; times in seconds of one clock, 0 while it has not come to that."""

    name: str
    speech: Speech = Speech()
    asked: float = 0.0
    requested: float = 0.0
    first_token: float = 0.0
    last_token: float = 0.0
    first_shown: float = 0.0
    last_shown: float = 0.0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether Claude was asked."""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, text: str) -> None:
        """People see `text` on a page of the answer."""
        now = time.perf_counter()
        self.first_shown = self.first_shown or now
        if self.end in text:
            self.last_shown = now
            self.done.set()

    @property
    def end(self) -> str:
        """The last words of its answer."""
        return f"The end of {self.name}."

    def answer(self, size: int) -> str:
        """An answer of `size` characters."""
        whole = WORDS * (size // len(WORDS) + 1)
        return f"{whole[: max(0, size - len(self.end) - 1)].rstrip()} {self.end}"


class Questions:
    """All questions to one bot. Claude notes when it was asked and what it sent."""

    def __init__(self, claude: ClaudeFake) -> None:
        self.speech = Speech()
        self._claude = claude
        self._all: dict[str, Asked] = {}
        claude.answer = self._answer
        claude.on_request(self._requested)
        claude.on_event(self._sent)

    def new(self) -> Asked:
        asked = Asked(f"q{len(self._all)}", self.speech)
        self._all[asked.name] = asked
        return asked

    def _answer(self, body: Mapping[str, Any]) -> Answer:
        asked = self._named(body)
        speech = asked.speech
        return Answer(asked.answer(speech.size), chunk=CHUNK, delay=speech.pause, first=speech.first)

    def _named(self, body: Mapping[str, Any]) -> Asked:
        return self._all[re.findall(r"question (q\d+)", last_words(body))[-1]]

    def _of(self, index: int) -> Asked | None:
        request = self._claude.requests[index]
        return self._named(request.body) if request.path == "/v1/messages" else None

    async def _requested(self, index: int) -> None:
        if asked := self._of(index):
            asked.requested = time.perf_counter()
            asked.arrived.set()

    async def _sent(self, index: int, event: int) -> None:
        if asked := self._of(index):
            asked.last_token = time.perf_counter()
            if event == FIRST:
                asked.first_token = asked.last_token


async def answered(asked: Asked) -> Asked:
    """Wait until people see the end of the answer."""
    async with asyncio.timeout(LONGEST):
        await asked.done.wait()
    return asked
