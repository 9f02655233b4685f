"""The `prompt` command: show exactly what Claude would be sent next in this thread."""

import json
from collections.abc import Mapping

from core.commands.registry import Command, Invocation, explain_place, stands_nowhere
from core.domain.content import Text
from core.domain.messages import CommandResult
from core.domain.wording import count_noun
from core.prompting.request import Block, Request
from core.rendering.tables import make_fence

LIFETIMES = {"5m": "5 minutes", "1h": "1 hour"}
EMPTY = (
    "Nothing yet: Confab keeps no words of this thread. It begins when somebody asks; then Claude is told this before "
    "their words:"
)
TOLD = {
    "system",
    "messages",
    "model",
    "max_tokens",
    "thinking",
    "output_config",
    "extra_body",
    "temperature",
    "cache_control",
    "tools",
}
"""What stands in words: the blocks, the tools, and the settings of a request."""


async def show_prompt(call: Invocation) -> CommandResult:
    if stands_nowhere(call.question) and not call.values.get("message"):
        return CommandResult(explain_place(call.context.table, "prompt"))
    request = await call.context.compose(call.question, call.surface)
    shown = _describe_request(request)
    return CommandResult(shown if request.body["messages"] else f"{EMPTY}\n\n{shown}")


def _describe_request(request: Request) -> str:
    """A request in Markdown: settings, tools, each block's origin and words, and where a cache breakpoint stands."""
    tools = {str(tool["name"]): Text(json.dumps(tool, ensure_ascii=False)) for tool in request.body.get("tools", ())}
    total = sum(one.tokens for one in tools.values()) + sum(block.tokens for block in request.blocks)
    head = f"The next request, about {count_noun(total, 'token')}: {_describe_settings(request)}."
    blocks = (_describe_block(number, block) for number, block in enumerate(request.blocks, 1))
    return "\n\n".join([head, *([_describe_tools(tools)] if tools else []), *blocks])


def _describe_tools(tools: Mapping[str, Text]) -> str:
    """What Claude is told of each tool, which stands before all else, with about how many tokens each takes."""
    sizes = ", ".join(f"`{name}` {told.tokens:,}" for name, told in tools.items())
    total = count_noun(sum(told.tokens for told in tools.values()), "token")
    entries = [told.text for told in tools.values()]
    fence = make_fence(entries)
    return "\n".join([f"**tools**, about {total}: {sizes}", fence, *entries, fence])


def _describe_settings(request: Request) -> str:
    """All that is sent beside the words; what this function has no words for stands as JSON."""
    body = {**request.body, **request.body.get("extra_body", {})}
    told = [f"model `{request.model}`", f"at most {count_noun(body.get('max_tokens', 0), 'token')} of answer"]
    if thinking := body.get("thinking"):
        most = f" of at most {count_noun(thinking['budget_tokens'], 'token')}" if "budget_tokens" in thinking else ""
        told.append(f"thinking `{thinking['type']}`{most}")
    if effort := body.get("output_config", {}).get("effort"):
        told.append(f"effort `{effort}`")
    if "temperature" in body:
        told.append(f"temperature `{body['temperature']}`")
    if "cache_control" in body:
        told.append(f"cached for {LIFETIMES[body['cache_control'].get('ttl', '5m')]}")
    rest = {name: value for name, value in body.items() if name not in TOLD}
    return ", ".join(told) + (f", `{json.dumps(rest, default=str)}`" if rest else "")


def _describe_block(number: int, block: Block) -> str:
    words = block.content.words
    fence = make_fence([words])
    mark = "\ncache breakpoint" if block.breakpoint else ""
    return f"**{number}. {block.origin}**, about {count_noun(block.tokens, 'token')}\n{fence}\n{words}\n{fence}{mark}"


ROWS = (
    Command(
        "prompt",
        "Show what Claude would be sent next in this thread",
        show_prompt,
        private=True,
        action="Show the prompt",
    ),
)
