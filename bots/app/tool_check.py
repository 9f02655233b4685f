"""Health check of tools: which may be chosen, which are on by default, and which of them the default model lacks."""

import asyncio
from collections.abc import Mapping, Sequence

from bots.app.configuration import Configuration, open_tools
from bots.ops.results import SECONDS, TOOLS, CheckResults
from core.claude.client import Claude
from core.claude.errors import ClaudeError
from core.domain.errors import SettingsError
from core.domain.messages import ThreadKey
from core.domain.models import Model
from core.prompting.refused_tools import MENDS, simplify_tools
from core.prompting.request import Request
from core.settings import Settings
from core.tools.registry import ToolRegistry, describe_groups
from core.tools.tool import Tool, ToolProvider

NOWHERE = ThreadKey("", "", "")  # tools that only some channels have are not looked for
REFUSING = ("rejected", "forbidden")  # errors by which an API refuses a part of a request
LACKING = "Set CONFAB_MODEL to a model that has it, or choose one where it is used, with `persona tune model=...`."


async def check_tools(configuration: Configuration, providers: Sequence[ToolProvider] | None = None) -> CheckResults:
    """Check the names of tools in settings, and what the default model can't use of them."""
    try:
        registry = open_tools(configuration, providers)
    except SettingsError as error:
        variable, _, says = str(error).partition(": ")
        yield TOOLS.problem(variable, says.rstrip("."), f"Mend {variable}; until then nothing starts.")
        return
    yield TOOLS.ok("may be chosen", _list_plainly(registry.allowed_groups))
    yield TOOLS.ok("on by default", _list_plainly(registry.default_groups))
    if off := _list_off(registry):
        yield TOOLS.ok("off until chosen", f"{_list_plainly(off)}: a channel has them with `persona tune tools=...`")
    found, _ = await registry.find_tools(NOWHERE, ",".join(registry.names))
    if acting := [name for name, tool in sorted(found.items()) if tool.definition.acts]:
        yield TOOLS.ok("these ask first", ", ".join(acting))
    needed = {name: tool.definition.capability for name, tool in sorted(found.items()) if tool.definition.capability}
    hosted = [tool for _, tool in sorted(found.items()) if tool.definition.hosted]
    model, refused = await _ask_claude(configuration.core, hosted) if needed or hosted else (None, {})
    on, _ = await registry.find_tools(NOWHERE, None)
    for name, capability in needed.items():
        if model is not None and not model.has(capability):
            says = f"{model.id} can't use it, so it is not told of it"
            yield TOOLS.warning(name, says, LACKING) if name in on else TOOLS.ok(name, says)
    for name, why in refused.items():
        mend = MENDS.get(name.partition("_")[0], LACKING)
        yield TOOLS.warning(name, f"Claude's API refuses it ({why.strip()})", mend)


def _list_off(registry: ToolRegistry) -> Mapping[str, Sequence[str]]:
    """The groups that may be chosen, as far as nobody has them who has not chosen them."""
    on = registry.default_groups
    left = {
        group: [one for one in tools if one not in on.get(group, ())]
        for group, tools in registry.allowed_groups.items()
    }
    return {group: tools for group, tools in left.items() if tools or group not in on}


def _list_plainly(groups: Mapping[str, Sequence[str]]) -> str:
    return describe_groups(groups).replace("`", "") or "none"


async def _ask_claude(settings: Settings, hosted: Sequence[Tool]) -> tuple[Model | None, Mapping[str, str]]:
    """The default model, and which tools that it should have its API refuses; nothing where it can't be asked.

    The check of Claude tells why it can't.
    """
    if settings.anthropic_api_key is None:
        return None, {}
    client = Claude(settings.anthropic_api_key.get_secret_value(), settings.anthropic_base_url, silence=SECONDS)
    await client.open()
    try:
        async with asyncio.timeout(SECONDS):
            model = await client.model(settings.confab_model)
            had = [tool for tool in hosted if model.has(tool.definition.capability)]
            return model, await find_refused(client, model.id, had)
    except (ClaudeError, TimeoutError):
        return None, {}
    finally:
        await client.close()


async def find_refused(claude: Claude, model: str, tools: Sequence[Tool]) -> Mapping[str, str]:
    """Which of these tools the API refuses for a model, in any type, and what it says. Raises ClaudeError.

    A prompt with each is counted, which costs nothing.
    """
    refused: dict[str, str] = {}
    prompt = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    for tool in tools:
        body = {**prompt, "tools": [dict(tool.definition.body)]}
        request: Request | None = Request(body, (), tools=(tool.definition,))
        while request is not None and "tools" in request.body:
            try:
                await claude.count(request)
                break
            except ClaudeError as error:
                if error.kind not in REFUSING:
                    raise
                refused[tool.name], request = error.detail, simplify_tools(request, error.detail)
        else:
            continue
        refused.pop(tool.name, None)
    return refused
