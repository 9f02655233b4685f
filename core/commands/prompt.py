"""The `prompt` command: show exactly what Claude would be sent next in this thread."""

from core.commands.registry import Command, Invocation, explain_place, stands_nowhere
from core.domain.messages import CommandResult
from core.domain.wording import count_noun
from core.prompting.request import Block, Request
from core.rendering.tables import make_fence


async def show_prompt(call: Invocation) -> CommandResult:
    if stands_nowhere(call.question) and not call.values.get("message"):
        return CommandResult(explain_place("prompt"))
    request = await call.context.compose(call.question, call.surface)
    if request is None:
        return CommandResult("Nothing yet: Confab keeps no words of this thread. It begins when somebody asks.")
    return CommandResult(_describe_request(request))


def _describe_request(request: Request) -> str:
    """A request in Markdown: each block's origin, its words, and where a cache breakpoint stands."""
    total = sum(block.tokens for block in request.blocks)
    settings = {name: value for name, value in request.body.items() if name not in ("system", "messages")}
    head = f"The next request, about {count_noun(total, 'token')}: {settings}"
    return "\n\n".join([head, *(_describe_block(number, block) for number, block in enumerate(request.blocks, 1))])


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
