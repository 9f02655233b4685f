"""Anthropic's SDK, imported when Claude is asked first: that takes nearly as long as all else of a start.

A name of it is `sdk.NAME`. `load` imports it in a thread, beside the event loop; else the first name holds the loop.
"""

import asyncio
import gc
import importlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

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

if not TYPE_CHECKING:  # a type checker shall know each name, and miss a wrong one

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module("anthropic"), name)


async def load() -> None:
    """Import the SDK, and read the certificates of this machine, once in a process."""
    if not _import_sdk.cache_info().currsize:
        await asyncio.to_thread(_import_sdk)


@cache
def _import_sdk() -> None:
    """What stands after an import stays: looking for garbage amid it would hold the event loop, then and ever after."""
    collects = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module("core.claude.streams.lenient_client").load_certificates()
    finally:
        gc.freeze()
        if collects:
            gc.enable()
