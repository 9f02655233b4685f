"""The prompt beside a conversation: what Claude is sent next, block by block, and what the last question has cost."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bots.web.playground.adapter import Playground
from core.billing.ledger_rows import Scope, UsageRow
from core.billing.prices import Prices
from core.domain.content import Text
from core.domain.messages import Question, ThreadKey
from core.domain.platform import Surface
from core.domain.usage import Usage
from core.prompting.request import Request
from core.store.protocols import Ledger

ORIGINS = {
    "house": "Confab's own words",
    "persona": "The persona",
    "knowledge": "Files that the persona knows",
    "notes": "Notes of the channel",
    "user": "People",
    "assistant": "Claude",
    "tools": "Tools",
}
SHOWN_ELSEWHERE = {"system", "messages", "model", "tools", "cache_control", "extra_body"}

Compose = Callable[[Question, Surface], Awaitable[Request | None]]
"""The request that the thread of a question would make now."""


@dataclass(frozen=True, slots=True)
class PromptBlock:
    """A block as it is shown. `share` is how much of the prompt it takes, in percent."""

    number: int
    origin: str
    words: str
    tokens: int
    share: int
    breakpoint: bool = False
    told: bool = True
    """Whether it is of the conversation, and not of the system prompt or a tool."""


@dataclass(frozen=True, slots=True)
class PromptView:
    """A request as it is shown. Prices are micro-dollars, None where the model has none."""

    model: str
    settings: Mapping[str, str]
    blocks: Sequence[PromptBlock]
    tokens: int
    ttl: str
    new_cost: int | None
    """What the prompt costs when the cache has nothing of it."""
    cached_cost: int | None
    """What it costs when the cache has all of it."""


@dataclass(frozen=True, slots=True)
class PromptPanel:
    """What stands beside a conversation: the next request, and what the last question and all of it have used."""

    view: PromptView | None
    last: UsageRow | None
    whole: UsageRow | None


class PromptReader:
    """Reads what stands beside a conversation, from the same request that an answer would be asked with."""

    def __init__(self, playground: Playground, compose: Compose, ledger: Ledger, prices: Prices) -> None:
        self._playground, self._compose = playground, compose
        self._ledger, self._prices = ledger, prices

    async def read(self, key: ThreadKey, person: str) -> PromptPanel:
        """The panel of a conversation, for what a person would ask there now."""
        now = self._playground.history.clock()
        question = Question(key, "next", person, now, command="prompt")
        request = await self._compose(question, await self._playground.surface(question))
        view = describe_request(request, self._prices, now.date()) if request else None
        posts = await self._playground.history.list_posts(key, person)
        asked = [post.at for post in posts if not post.mine and not post.command]
        last = await self._sum(key, asked[-1]) if asked else None
        return PromptPanel(view, last, await self._sum(key, posts[0].at) if posts else None)

    async def _sum(self, key: ThreadKey, since: datetime) -> UsageRow | None:
        scope = Scope(key.workspace, key.channel, key.thread)
        first, *others = [*await self._ledger.sum_usage(scope, since, "thread"), None]
        return first if others else None


def describe_request(request: Request, prices: Prices, today: date) -> PromptView:
    """A request as it is shown. Tokens are about right; the API counts them only when it is sent."""
    tools = [json.dumps(tool, ensure_ascii=False, indent=2) for tool in request.body.get("tools", ())]
    names = [str(tool["name"]) for tool in request.body.get("tools", ())]
    sizes = [Text(words).tokens for words in tools] + [block.tokens for block in request.blocks]
    total = sum(sizes)
    blocks = [
        PromptBlock(0, f"Tool {name}", words, size, _share(size, total), told=False)
        for name, words, size in zip(names, tools, sizes, strict=False)
    ]
    for number, block in enumerate(request.blocks, 1):
        told = block.origin in {"user", "assistant"}
        shown = (ORIGINS.get(block.origin, block.origin), block.content.words, block.tokens)
        blocks.append(PromptBlock(number, *shown, _share(block.tokens, total), block.breakpoint, told))
    written = Usage(cache_write_1h=total) if request.ttl == "1h" else Usage(cache_write_5m=total)
    new, cached = (prices.cost(request.model, used, today) for used in (written, Usage(cache_read=total)))
    return PromptView(
        request.model,
        _list_settings(request),
        blocks,
        total,
        request.ttl,
        new.micro_usd if new else None,
        cached.micro_usd if cached else None,
    )


def _list_settings(request: Request) -> dict[str, str]:
    """What is sent beside the blocks, by its name in the API."""
    body = {**request.body, **request.body.get("extra_body", {})}
    return {
        name: value if isinstance(value, str) else json.dumps(value, default=str)
        for name, value in body.items()
        if name not in SHOWN_ELSEWHERE
    }


def _share(tokens: int, total: int) -> int:
    return round(100 * tokens / total) if total else 0
