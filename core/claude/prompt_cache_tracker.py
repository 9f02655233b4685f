"""Prompt cache tracker: the last request of each thread, to bound the next one and to say why a cache missed."""

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache

from core.billing.cache_lifetimes import LIFETIMES, TTL
from core.domain.content import Opaque, Returned
from core.domain.messages import ThreadKey
from core.domain.usage import Usage
from core.prompting.request import NOTES, SHOWN, SYSTEM, Block, Request

REMEMBERED = 10_000  # threads


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request tells, by its hashes: its blocks, and what else a cache depends on."""

    model: str
    tools: int
    system: tuple[int, ...]
    notes: tuple[int, ...]
    """What it tells of the channel's notes."""
    settings: str
    turns: tuple[int, ...]
    files: int
    """Images and documents in it: with another number of them Anthropic finds nothing of the messages in its cache."""
    steps: int
    """The number of turns' blocks before what Claude did for its own answer; a huge number where it did nothing."""

    def begins(self, later: "Prompt") -> bool:
        """Whether a later prompt begins with all of this one."""
        shaped, same = ((one.model, one.tools, one.system, one.notes, one.settings) for one in (self, later))
        return shaped == same and later.turns[: len(self.turns)] == self.turns


@dataclass(frozen=True, slots=True)
class Past:
    """A request that was answered, and what became of its prompt."""

    prompt: Prompt
    tokens: int
    cached: int
    """Tokens of it that stand in the cache."""
    at: datetime
    ttl: TTL = "5m"
    """For how long it is cached."""
    asked: tuple[int, int] = (0, 0)
    """The length and the hash of the words before its steps: what waited for a person is told below them later."""


class PromptCacheTracker:
    """Remembers the last request of each thread, for as long as this process lives."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._past: LRUCache[ThreadKey, Past] = LRUCache(remembered)

    def bound(self, key: ThreadKey, request: Request) -> int:
        """The most tokens that the prompt can have.

        What was sent before is known to the token; what is new has its own bound.
        """
        past = self._past.get(key)
        if past is None or not past.prompt.begins(_read_prompt(request)):
            return request.input_bound
        new = _turns(request)[len(past.prompt.turns) :]
        added = sum(block.content.tokens_bound for block in new) + request.results_bound
        return min(request.input_bound, past.tokens + added)

    def note(self, key: ThreadKey, request: Request, usage: Usage, at: datetime) -> str | None:
        """Remember a request that was answered. Why the cache did not have all that the last one left there, or None.

        `new`: there was none before; `model`, `tools`, `system`, `notes`, `settings`, `history`: these changed;
        `files`: there are more or fewer pictures and documents; `expired`: it came too late; `small`: nothing was
        cached, because the prompt was too short for it; `steps`: calls and results of one answer alone; `lost`: no
        reason of ours. A request that is cached nowhere on purpose is part of no thread: nothing is remembered of it.
        """
        if request.uncached:
            return None
        past, prompt = self._past.get(key), _read_prompt(request)
        cached = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
        asked = _measure_asked(request, prompt.steps)
        self._past[key] = Past(prompt, usage.prompt, cached, at, request.ttl, asked)
        if past is None:
            return None if usage.cache_read else "new"
        return None if past.cached and usage.cache_read >= past.cached else _explain_miss(past, prompt, request, at)


def _explain_miss(past: Past, now: Prompt, request: Request, at: datetime) -> str:
    before = past.prompt
    reasons = {
        "model": before.model != now.model,
        "tools": before.tools != now.tools,  # they stand before all else
        "files": before.files != now.files,  # the first PDF changes the system prompt too
        "system": before.system != now.system,
        "notes": before.notes != now.notes,
        "settings": before.settings != now.settings,
        "history": not before.begins(now) and not _differs_in_steps(past, now, request),
        "expired": at - past.at >= LIFETIMES[past.ttl],
        "small": not past.cached,
        "steps": not before.begins(now),  # no other answer is told them, so what comes before them was read
    }
    return next((reason for reason, holds in reasons.items() if holds), "lost")


def _differs_in_steps(past: Past, now: Prompt, request: Request) -> bool:
    """Whether two prompts are the same up to what Claude did for the answer of one of them."""
    before = past.prompt
    pairs = zip(before.turns, now.turns, strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    if same == before.steps - 1 and before.steps <= len(now.turns):
        length, words = past.asked
        same += hash(_turns(request)[same].content.words[:length]) == words
    return same >= min(before.steps, now.steps)


def _read_prompt(request: Request) -> Prompt:
    told: dict[str, list[int]] = {"system": [], "notes": [], "turns": []}
    files, steps = 0, sys.maxsize
    for block in request.blocks:
        kind = block.origin if block.origin == NOTES else "system" if block.origin in SYSTEM else "turns"
        if kind == "turns" and isinstance(block.content, Opaque | Returned):
            steps = min(steps, len(told[kind]))
        files += block.content.kind in SHOWN
        told[kind].append(hash(block.content))
    hashes = {kind: tuple(found) for kind, found in told.items()}
    body, tools = request.body, hash(tuple(tool.told for tool in request.tools))
    settings = f"{body.get('thinking')} {body.get('output_config')}"
    return Prompt(request.model, tools, settings=settings, files=files, steps=steps, **hashes)


def _measure_asked(request: Request, steps: int) -> tuple[int, int]:
    """The length and the hash of the words right before the steps of an answer."""
    if not 0 < steps < sys.maxsize:
        return 0, 0
    words = _turns(request)[steps - 1].content.words
    return len(words), hash(words)


def _turns(request: Request) -> Sequence[Block]:
    return [block for block in request.blocks if block.origin not in SYSTEM]
