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
from core.settings import Settings
from core.tools.registry import describe_groups
from core.tools.tool import ToolProvider

NOWHERE = ThreadKey("", "", "")  # tools that only some channels have are not looked for
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
    found, _ = await registry.find_tools(NOWHERE, ",".join(registry.names))
    needed = {name: tool.definition.capability for name, tool in sorted(found.items()) if tool.definition.capability}
    model = await _find_model(configuration.core) if needed else None
    on, _ = await registry.find_tools(NOWHERE, None)
    for name, capability in needed.items():
        if model is not None and not model.has(capability):
            says = f"{model.id} can't use it, so it is not told of it"
            yield TOOLS.warning(name, says, LACKING) if name in on else TOOLS.ok(name, says)


def _list_plainly(groups: Mapping[str, Sequence[str]]) -> str:
    return describe_groups(groups).replace("`", "") or "none"


async def _find_model(settings: Settings) -> Model | None:
    """The default model; None where it can't be asked after, which the check of Claude tells."""
    if settings.anthropic_api_key is None:
        return None
    client = Claude(settings.anthropic_api_key.get_secret_value(), settings.anthropic_base_url, silence=SECONDS)
    try:
        async with asyncio.timeout(SECONDS):
            return await client.model(settings.confab_model)
    except (ClaudeError, TimeoutError):
        return None
    finally:
        await client.close()
