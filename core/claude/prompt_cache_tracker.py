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
class Past:
    """A request that was answered: its blocks by their hashes, what else shaped it, and what became of its prompt."""

    model: str
    system: tuple[int, ...]
    settings: str
    turns: tuple[int, ...]
    tokens: int
    cached: int
    """Tokens of it that stand in the cache."""
    at: datetime
    notes: tuple[int, ...] = ()
    """What it told of the channel's notes."""
    tools: int = 0
    """The hash of what Claude was told of tools."""
    files: int = 0
    """Images and documents in it: with another number of them Anthropic finds nothing of the messages in its cache."""
    steps: int = sys.maxsize
    """The number of turns' blocks before what Claude did for its own answer, if it did anything."""
    ttl: TTL = "5m"
    """For how long it is cached."""
    asked: tuple[int, int] = (0, 0)
    """The length and the hash of the words of the last of those: what waited for a person is told below them later."""


class PromptCacheTracker:
    """Remembers the last request of each thread, for as long as this process lives."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._past: LRUCache[ThreadKey, Past] = LRUCache(remembered)

    def bound(self, key: ThreadKey, request: Request) -> int:
        """The most tokens that the prompt can have.

        What was sent before is known to the token; what is new has its own bound.
        """
        past = self._past.get(key)
        if past is None or not _continues(past, request):
            return request.input_bound
        new = _turns(request)[len(past.turns) :]
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
        past = self._past.get(key)
        blocks = tuple(hash(block.content) for block in _turns(request))
        cached = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
        system = _system(request)
        settings, tools, files = _settings(request), _tools(request), _count_files(request)
        steps, notes = _find_steps(request), _notes(request)
        self._past[key] = Past(
            request.model,
            system,
            settings,
            blocks,
            usage.prompt,
            cached,
            at,
            notes,
            tools,
            files,
            steps,
            request.ttl,
            _measure_asked(request, steps),
        )
        return _explain_miss(past, request, usage, at)


def _explain_miss(past: Past | None, request: Request, usage: Usage, at: datetime) -> str | None:
    if past is None:
        return None if usage.cache_read else "new"
    if past.cached and usage.cache_read >= past.cached:
        return None
    reasons = {
        "model": past.model != request.model,
        "tools": past.tools != _tools(request),  # they stand before all else
        "files": past.files != _count_files(request),  # the first PDF changes the system prompt too
        "system": past.system != _system(request),
        "notes": past.notes != _notes(request),
        "settings": past.settings != _settings(request),
        "history": not _continues(past, request) and not _differs_in_steps(past, request),
        "expired": at - past.at >= LIFETIMES[past.ttl],
        "small": not past.cached,
        "steps": not _continues(past, request),  # no other answer is told them, so what comes before them was read
    }
    return next((reason for reason, holds in reasons.items() if holds), "lost")


def _continues(past: Past, request: Request) -> bool:
    """Whether a prompt begins with all of the one before."""
    shaped = (request.model, _tools(request), _system(request), _notes(request), _settings(request))
    same = (past.model, past.tools, past.system, past.notes, past.settings) == shaped
    begun = _turns(request)[: len(past.turns)]
    return same and tuple(hash(block.content) for block in begun) == past.turns


def _differs_in_steps(past: Past, request: Request) -> bool:
    """Whether two prompts are the same up to what Claude did for the answer of one of them."""
    pairs = zip(past.turns, (hash(block.content) for block in _turns(request)), strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    if same == past.steps - 1 and past.steps <= len(_turns(request)):
        length, words = past.asked
        same += hash(_turns(request)[same].content.words[:length]) == words
    return same >= min(past.steps, _find_steps(request))


def _measure_asked(request: Request, steps: int) -> tuple[int, int]:
    """The length and the hash of the words right before the steps of an answer."""
    if not 0 < steps < sys.maxsize:
        return 0, 0
    words = _turns(request)[steps - 1].content.words
    return len(words), hash(words)


def _find_steps(request: Request) -> int:
    """How many of its turns' blocks stand before what Claude did for its answer; a huge number where it did nothing."""
    steps = (at for at, one in enumerate(_turns(request)) if isinstance(one.content, Opaque | Returned))
    return next(steps, sys.maxsize)


def _turns(request: Request) -> Sequence[Block]:
    return [block for block in request.blocks if block.origin not in SYSTEM]


def _count_files(request: Request) -> int:
    return sum(block.content.kind in SHOWN for block in request.blocks)


def _system(request: Request) -> tuple[int, ...]:
    return tuple(hash(one.content) for one in request.blocks if one.origin in SYSTEM and one.origin != NOTES)


def _notes(request: Request) -> tuple[int, ...]:
    return tuple(hash(block.content) for block in request.blocks if block.origin == NOTES)


def _tools(request: Request) -> int:
    return hash(tuple(tool.told for tool in request.tools))


def _settings(request: Request) -> str:
    """What else a cache depends on."""
    body = request.body
    return f"{body.get('thinking')} {body.get('output_config')}"
