"""The fence: no request goes out for an answer that another process may be giving by now."""

from types import SimpleNamespace

import aiohttp

from core.worker.lease import current_lease


def add_fence(hooks: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
    """A session's hooks, and one more: who answers a question is held to its hold on the floor before the first byte.

    A connection may have taken seconds to open, and the library may have waited for a rate limit; neither counts.
    A request of somebody who holds nothing passes. What is refused raises LeaseLost, and nothing was sent.
    """
    hooks.on_request_headers_sent.append(_look)
    return hooks


async def _look(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    lease = current_lease.get()
    if lease is not None:
        await lease.ensure_held()
