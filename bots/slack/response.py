"""Responses of Slack's API: large ones are decoded beside the event loop, so that a long thread holds up nobody."""

import asyncio
import json
from typing import Any

import aiohttp

JSON = "application/json"
LARGE = 65_536  # bytes; decoding fewer takes less than a millisecond


class SlackResponse(aiohttp.ClientResponse):
    """aiohttp's response, whose JSON is decoded in a thread where it is large."""

    async def json(self, **options: Any) -> Any:
        """Read and decode the body, as aiohttp does. Raises ContentTypeError, JSONDecodeError."""
        body = await self.read()
        if len(body) < LARGE or self.content_type != JSON:
            return await super().json(**options)
        encoding = options.get("encoding") or self.get_encoding()
        return await asyncio.to_thread(lambda: decode_interruptibly(body.decode(encoding)))


def decode_interruptibly(text: str) -> Any:
    """Decode JSON, and let other threads run at the end of each object.

    json's decoder is one call into C, which keeps the interpreter's lock until it returns, unless it calls Python.
    """
    return json.loads(text, object_hook=_keep_object)


def _keep_object(decoded: dict[str, Any]) -> dict[str, Any]:
    return decoded
