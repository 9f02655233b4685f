"""What the Messages API refuses in a request that is in shape: models, tokens, thinking, tools."""

import re
from collections.abc import Iterable

from tests.fakes.claude import media as claude_media
from tests.fakes.claude import schemas as claude_schemas
from tests.fakes.claude import turns as claude_turns
from tests.fakes.claude.blocks import Block, Document, Thinking, ToolResult
from tests.fakes.claude.cache import cites, input_tokens
from tests.fakes.claude.models import Model, serving
from tests.fakes.claude.refused import Refused
from tests.fakes.claude.request import Chosen, Enabled, Prompt, Request, Sampled, WebFetch, WebSearch
from tests.fakes.claude.signature import signed

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
FORCED = ("any", "tool")
NEWEST_CODE = "code_execution_20260521"
FIRST = {"web_search": "web_search_20250305", "web_fetch": "web_fetch_20250910"}
UNSWITCHED = "enabled web search"  # what an organization may lack
HIGH = ("low", "medium", "high")  # efforts at which thinking can be turned off


def check_prompt(prompt: Prompt, lacks: frozenset[str] = frozenset()) -> Model:
    """The model that is asked; raises 404 if there is none, 400 for what it does not take, or `lacks`."""
    model = serving(prompt.model, lacks)
    claude_turns.check(prompt, model)
    claude_media.check(_blocks(prompt), model)
    _citations(_blocks(prompt).values(), model)
    _form(prompt, model)
    _thoughts(prompt, model)
    _thinking(prompt, model)
    _effort(prompt, model)
    _tools(prompt, model)
    if (size := input_tokens(prompt, model)) > model.max_input:
        raise Refused(f"prompt is too long: {size} tokens > {model.max_input} maximum")
    return model


def check_request(request: Request, lacks: frozenset[str] = frozenset()) -> Model:
    """As `check_prompt`, and for what only an answer is asked with."""
    model = check_prompt(request, lacks)
    if request.max_tokens > model.max_output:
        raise Refused(
            f"max_tokens: {request.max_tokens} > {model.max_output}, which is the maximum allowed number of output "
            f"tokens for {model.id}"
        )
    _budget(request)
    _warm_up(request)
    if any(not stop.strip() for stop in request.stop_sequences or []):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    if request.metadata and ADDRESS.search(request.metadata.user_id or ""):
        raise Refused("metadata.user_id: user_id appears to contain an email address")
    if isinstance(request, Sampled):
        _sampling(request, model)
    return model


def _blocks(prompt: Prompt) -> dict[str, Block]:
    """Every block by its path, as errors name it."""
    found: dict[str, Block] = {}
    for index, message in enumerate(prompt.messages):
        for place, block in enumerate(message.content):
            path = f"messages.{index}.content.{place}"
            found[path] = block
            if isinstance(block, ToolResult) and isinstance(block.content, list):
                found |= {f"{path}.content.{inner}": one for inner, one in enumerate(block.content)}
    return found


def _citations(blocks: Iterable[Block], model: Model) -> None:
    """All documents may be cited or none, by a model that cites."""
    citing = {bool(one.citations and one.citations.enabled) for one in blocks if isinstance(one, Document)}
    if len(citing) > 1:
        raise Refused("messages: citations must be enabled on all or none of the documents in a request")
    if True in citing and "citations" in model.lacks:
        raise Refused("messages: citations are not supported for this model.")


def _form(prompt: Prompt, model: Model) -> None:
    form = prompt.output_config and prompt.output_config.format
    if not form:
        return
    if "structured_outputs" in model.lacks:
        raise Refused(f"'{model.id}' does not support output format.")
    if cites(prompt):
        raise Refused("output_config.format: structured outputs can't be used with citations")
    claude_schemas.check(form.schema_)


def _thinking(prompt: Prompt, model: Model) -> None:
    if prompt.thinking is None:
        return
    if (kind := prompt.thinking.type) not in model.thinking:
        raise Refused(f'"thinking.type.{kind}" is not supported for this model.')
    effort = (prompt.output_config and prompt.output_config.effort) or model.effort
    if kind in ("disabled", "between_tools") and effort not in (*HIGH, None):
        raise Refused(f'"thinking.type.{kind}" is not supported at effort {effort}.')


def _thoughts(prompt: Prompt, model: Model) -> None:
    """What Claude thought comes back as it went out, and to the model that thought it."""
    for index, message in enumerate(prompt.messages):
        for place, block in enumerate(message.content):
            if isinstance(block, Thinking) and not signed(block.signature, model, block.thinking):
                raise Refused(f"messages.{index}.content.{place}: Invalid `signature` in `thinking` block")


def _effort(prompt: Prompt, model: Model) -> None:
    effort = prompt.output_config and prompt.output_config.effort
    if effort and not model.efforts:
        raise Refused("This model does not support the effort parameter.")
    if effort and effort not in model.efforts:
        raise Refused(f"output_config.effort: {effort} is not supported for this model.")


def _tools(prompt: Prompt, model: Model) -> None:
    if model.old and (newest := [tool.type for tool in prompt.tools or [] if tool.type == NEWEST_CODE]):
        raise Refused(f"'{model.id}' does not support tool types: {', '.join(newest)}.")
    names = [tool.name for tool in prompt.tools or []]
    if len(set(names)) < len(names):
        raise Refused("tools: Tool names must be unique.")
    for index, tool in enumerate(prompt.tools or []):
        if isinstance(tool, WebSearch | WebFetch):
            _web(tool, f"tools.{index}", model, names)
    if (choice := prompt.tool_choice) is None:
        return
    if not names:
        raise Refused("tool_choice may only be specified while providing tools.")
    if (choice.type == "tool") != (choice.name is not None) or (choice.name and choice.name not in names):
        raise Refused(f"Tool '{choice.name}' not found in provided tools")
    forced = choice.type in FORCED
    if forced and (not model.forced_tools or isinstance(prompt.thinking, Enabled)):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")


def _web(tool: WebSearch | WebFetch, where: str, model: Model, names: list[str]) -> None:
    """A model takes the types that it knows, and a request the domains that may be read or those that may not."""
    first = FIRST[tool.name]
    if tool.name in model.lacks:
        raise Refused(f"'{model.id}' does not support tool types: {tool.type}.")
    if model.oldest_web and tool.type != first:
        raise Refused(f"'{model.id}' does not support tool types: {tool.type}. Did you mean one of {first}?")
    if tool.name == "web_search" and UNSWITCHED in model.lacks:
        raise Refused(
            f"{where}: Web search is not enabled for this organization. An admin can enable it in the Console."
        )
    if tool.allowed_domains and tool.blocked_domains:
        raise Refused(f"{where}: Only one of allowed_domains and blocked_domains may be specified.")
    for domain in [*(tool.allowed_domains or []), *(tool.blocked_domains or [])]:
        if "://" in domain or not domain.isascii():
            raise Refused(f"{where}: '{domain}' is not a domain; leave out the scheme.")
    if isinstance(tool, WebFetch):
        _fetching(tool, where, model, names)


def _fetching(tool: WebFetch, where: str, model: Model, names: list[str]) -> None:
    if tool.citations and tool.citations.enabled and "citations" in model.lacks:
        raise Refused(f"{where}: citations are not supported for this model.")
    sources = tool.url_sources
    for chosen in (sources.server_tool_results, sources.client_tool_results) if sources else ():
        for one in chosen.tools if isinstance(chosen, Chosen) else []:
            if one.name not in names:
                raise Refused(f"{where}.url_sources: tool '{one.name}' is not declared in tools")


def _budget(request: Request) -> None:
    if isinstance(request.thinking, Enabled) and request.thinking.budget_tokens >= request.max_tokens:
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _warm_up(request: Request) -> None:
    """A request for no tokens fills the cache, and can't ask for a form of its answer."""
    formed = bool(request.output_config and request.output_config.format)
    forced = bool(request.tool_choice and request.tool_choice.type in FORCED)
    if request.max_tokens == 0 and (request.stream or formed or forced):
        raise Refused("max_tokens: 0 is not supported with streaming, structured output or forced tool use")


def _sampling(request: Sampled, model: Model) -> None:
    said = [name for name in ("temperature", "top_p", "top_k") if getattr(request, name) is not None]
    if said and not model.old:
        raise Refused(f"`{said[0]}` is not supported for this model.")
    if {"temperature", "top_p"} <= set(said):
        raise Refused("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    thinks = request.thinking is not None and request.thinking.type != "disabled"
    if thinks and request.temperature not in (None, 1):
        raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
