"""Fencing: no request goes out for an answer that another process may be giving by now."""

from types import SimpleNamespace

import aiohttp

from core.worker.lease import current_lease


def fence_requests(hooks: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
    """Add a hook to a session's: before the first byte of a request, the lease of the question must still be held.

    A connection may have taken seconds to open, and the library may have waited for a rate limit; neither counts.
    A request outside of any lease passes. What is refused raises LeaseLost, and nothing was sent.
    """
    hooks.on_request_headers_sent.append(_ensure_lease)
    return hooks


async def _ensure_lease(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    lease = current_lease.get()
    if lease is not None:
        await lease.ensure_held()
