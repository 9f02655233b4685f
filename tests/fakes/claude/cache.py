"""Claude's prompt cache, as its documentation describes it, with a clock of one's own.

The prefix is tools, system, messages. A write happens only at a breakpoint, and only if the prefix has the model's
minimum; a read looks back `LOOKBACK` blocks from each breakpoint, counting it. An entry lives for its ttl from the
start of the request that wrote or last read it, and can be read once that request's answer has begun.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.fakes.claude.blocks import CacheControl, Document, Image, Markable
from tests.fakes.claude.models import Model
from tests.fakes.claude.refused import Refused
from tests.fakes.claude.request import Prompt
from tests.fakes.claude.tokens import CITING, FORMING, Usage, block_tokens, canonical, tokens

BREAKPOINTS = 4  # in one request, the automatic one among them
LOOKBACK = 20  # blocks
SECONDS = {"5m": 300, "1h": 3600}


@dataclass(frozen=True, slots=True)
class Piece:
    """A tool, a system block or a block of a message: what is hashed of it, and its tokens."""

    content: str
    size: int
    mark: CacheControl | None
    markable: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """The prompt up to the end of one piece: `digest` and `size` cover all of it."""

    digest: str
    size: int
    mark: CacheControl | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one request reads and writes: to be kept once its answer begins."""

    usage: Usage
    at: float
    reads: tuple[str, ...]
    writes: tuple[tuple[str, str], ...]
    """Digest and ttl."""


@dataclass(slots=True)
class Entry:
    """A prefix in the cache."""

    seconds: int
    expires: float


@dataclass(slots=True)
class Cache:
    """The prefixes of one workspace."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def plan(self, prompt: Prompt, model: Model, now: float) -> Plan:
        """What `prompt` reads and writes now; changes nothing. Raises 400 for breakpoints the API refuses."""
        parts = list(_parts(prompt, model))
        marks = _marks(parts)
        hits = {index: found for index in marks if (found := self._look_back(parts, index, now)) is not None}
        start = max(hits.values(), default=-1)
        big = [index for index in marks if parts[index].size >= model.cached_from]
        return Plan(
            usage=_usage(parts, start, big),
            at=now,
            reads=tuple(parts[found].digest for found in hits.values()),
            writes=tuple((parts[index].digest, _ttl(parts[index])) for index in big),
        )

    def keep(self, plan: Plan) -> None:
        """The answer to `plan` has begun: what it read lives on, what it wrote can be read."""
        for digest in plan.reads:
            self.entries[digest].expires = plan.at + self.entries[digest].seconds
        for digest, ttl in plan.writes:
            if digest not in plan.reads:
                self.entries[digest] = Entry(SECONDS[ttl], plan.at + SECONDS[ttl])

    def _look_back(self, parts: list[Part], index: int, now: float) -> int | None:
        for earlier in range(index, max(-1, index - LOOKBACK), -1):
            entry = self.entries.get(parts[earlier].digest)
            if entry is not None and now < entry.expires:
                return earlier
        return None


def input_tokens(prompt: Prompt, model: Model) -> int:
    """Tokens of a whole prompt."""
    return sum(piece.size for piece in _pieces(prompt, model))


def _usage(parts: list[Part], start: int, big: list[int]) -> Usage:
    """The documented split: 1h up to the last breakpoint of 1h, 5m from there to the last one of all."""
    read = parts[start].size if start >= 0 else 0
    whole = parts[-1].size
    last = max((parts[index].size for index in big), default=read)
    hour = max((parts[index].size for index in big if _ttl(parts[index]) == "1h"), default=read)
    return Usage(
        input_tokens=whole - last,
        cache_read_input_tokens=read,
        ephemeral_5m_input_tokens=last - max(hour, read),
        ephemeral_1h_input_tokens=max(hour, read) - read,
    )


def _ttl(part: Part) -> str:
    return part.mark.ttl if part.mark else "5m"


def _marks(parts: list[Part]) -> list[int]:
    """Indexes of the breakpoints; raises 400 for too many, and for one of an hour behind one of five minutes."""
    marks = [index for index, part in enumerate(parts) if part.mark]
    if len(marks) > BREAKPOINTS:
        raise Refused(f"A maximum of {BREAKPOINTS} blocks with cache_control may be provided. Found {len(marks)}.")
    ttls = [_ttl(parts[index]) for index in marks]
    if "1h" in ttls[ttls.index("5m") if "5m" in ttls else len(ttls) :]:
        raise Refused(
            "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
            "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
        )
    return marks


def _parts(prompt: Prompt, model: Model) -> Iterator[Part]:
    digest, size = hashlib.sha256(), 0
    for piece in _marked(list(_pieces(prompt, model)), prompt.cache_control):
        digest.update(piece.content.encode() + b"\0")
        size += piece.size
        yield Part(digest.hexdigest(), size, piece.mark)


def _marked(pieces: list[Piece], automatic: CacheControl | None) -> list[Piece]:
    """`pieces` with the automatic breakpoint on the last one that can carry it; raises 400 if its ttl differs there."""
    if automatic is None:
        return pieces
    last = max(index for index, piece in enumerate(pieces) if piece.markable)
    if pieces[last].mark not in (None, automatic):
        raise Refused("cache_control: the last block already has a cache_control with a different ttl")
    return [*pieces[:last], replace(pieces[last], mark=automatic), *pieces[last + 1 :]]


def _pieces(prompt: Prompt, model: Model) -> Iterator[Piece]:
    """The model changes everything; citations the system and what follows; thinking, effort, the choice of tools and
    the number of images change the messages. Roles go with each block: consecutive messages of a role are one turn.
    """
    for tool in prompt.tools or []:
        content = canonical(tool.model_dump(exclude_none=True))
        yield Piece(f"{model.id} tool {content}", tokens(content), tool.cache_control)
    for block in prompt.system or []:
        content = canonical(block.model_dump(exclude_none=True))
        yield Piece(f"{model.id} system {cites(prompt)} {content}", tokens(block.text), block.cache_control)
    yield from _own_pieces(prompt)
    bound = f"{model.id} {cites(prompt)} {_bound(prompt, model)}"
    for message in prompt.messages:
        for said in message.content:
            content = f"{bound} {message.role} {canonical(said.model_dump(exclude_none=True))}"
            mark = said.cache_control if isinstance(said, Markable) else None
            yield Piece(content, block_tokens(said), mark, markable=isinstance(said, Markable))


def _own_pieces(prompt: Prompt) -> Iterator[Piece]:
    """What the API tells Claude of its own: how to cite, and the form of the answer."""
    if cites(prompt):
        yield Piece("citations", CITING, None, markable=False)
    if prompt.output_config and prompt.output_config.format:
        content = canonical(prompt.output_config.format.schema_)
        yield Piece(f"form {content}", FORMING + tokens(content), None, markable=False)


def cites(prompt: Prompt) -> bool:
    """Whether Claude may cite the documents of a prompt."""
    blocks = (block for message in prompt.messages for block in message.content)
    return any(isinstance(block, Document) and block.citations and block.citations.enabled for block in blocks)


def _bound(prompt: Prompt, model: Model) -> str:
    thinking = prompt.thinking.model_dump(exclude={"display"}) if prompt.thinking else {"type": model.rest}
    effort = (prompt.output_config and prompt.output_config.effort) or model.effort
    choice = prompt.tool_choice.model_dump() if prompt.tool_choice else None
    images = sum(isinstance(block, Image) for message in prompt.messages for block in message.content)
    return f"{thinking} {effort} {choice} {images}"
