"""Anthropic's SDK, imported when Claude is asked first: that takes nearly as long as all else of a start.

A name of it is `sdk.NAME`. `load` imports it in a thread, beside the event loop; else the first name holds the loop.
Only the third of it is imported that is used: its packages are lazy.
"""

import asyncio
import gc
import importlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from pkgutil import resolve_name
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from core.claude.sdk.lazy_packages import import_lazily

if TYPE_CHECKING:
    from anthropic import (
        AnthropicError,
        APIConnectionError,
        APIError,
        APIStatusError,
        AsyncAnthropic,
        BaseModel,
        RequestOptions,
        Timeout,
        transform_schema,
        types,
    )

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "AnthropicError",
    "AsyncAnthropic",
    "BaseModel",
    "OpenClient",
    "RequestOptions",
    "Timeout",
    "load",
    "transform_schema",
    "types",
]

OpenClient: TypeAlias = "Callable[[], Awaitable[AsyncAnthropic]]"
"""Opens the SDK's client; where it is open, it is that one."""

USED = (
    "_vendor.httpx_aiohttp:AiohttpTransport",
    "resources.files:AsyncFiles",
    "resources.messages:AsyncMessages",
    "resources.models:AsyncModels",
    "types.shared.error_details:ErrorDetails",
)
"""What the SDK imports of itself when it is used: once it is loaded, no request has to wait for more."""

if not TYPE_CHECKING:  # a type checker shall know each name, and miss a wrong one

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(_find_sdk(), name)  # the next time it is a name like any other
        return found


async def load() -> None:
    """Import the SDK, and read the certificates of this machine, once in a process."""
    if not _import_sdk.cache_info().currsize:
        await asyncio.to_thread(_import_sdk)


def _find_sdk() -> ModuleType:
    import_lazily("anthropic")
    return importlib.import_module("anthropic")


@cache
def _import_sdk() -> None:
    """Import all of the SDK that is ever asked for.

    What stands after an import stays: looking for garbage amid it would hold the event loop, then and ever after.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        _find_sdk()
        importlib.import_module("core.claude.streams.lenient_client").load_certificates()
        for name in USED:
            with suppress(ImportError, AttributeError):  # another version of the SDK may have it elsewhere
                resolve_name(f"anthropic.{name}")
    finally:
        gc.freeze()
        if collects:
            gc.enable()
