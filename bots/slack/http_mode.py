"""HTTP mode: Slack's requests, believed only with a fresh signature, on routes of the HTTP server."""

import logging
import re
import time
from collections.abc import Callable, Mapping

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bots.ops.http_limits import LARGEST
from bots.slack.manifest import PATH

FRESH = 5 * 60  # seconds that Slack's signature counts
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
STAMP = re.compile(r"[0-9]{1,12}")
INVALID = {"error": "invalid request"}

log = logging.getLogger(__name__)


def build_routes(
    connected: Callable[[], AsyncApp | None], secret: str, clock: Callable[[], float] = time.time
) -> list[web.RouteDef]:
    """Routes of Slack's events, commands, forms and buttons. A body is read only where its headers may be Slack's.

    `connected` returns None while nothing can be kept; Slack is then answered 503 and sends it again.
    """
    verifier = SignatureVerifier(secret)

    async def receive(request: web.Request) -> web.StreamResponse:
        if request.content_length is None or request.content_length > LARGEST:
            refusal = web.json_response({"error": "too large"}, status=413)
            refusal.force_close()  # what is left of the body would stand before the next request
            return refusal
        if not is_plausible(request.headers, clock()):
            return web.json_response(INVALID, status=401)
        body = await request.read()
        if not is_signed(verifier, body, request):
            return web.json_response(INVALID, status=401)
        app = connected()
        if app is None:
            return web.json_response({"error": "not connected"}, status=503)
        return await _dispatch(app, body.decode(), request)

    return [web.post(PATH, receive)]


def is_plausible(headers: Mapping[str, str], now: float) -> bool:
    """Whether these headers have the form of Slack's, of the last five minutes."""
    stamp = headers.get("X-Slack-Request-Timestamp", "")
    if not (STAMP.fullmatch(stamp) and SIGNATURE.fullmatch(headers.get("X-Slack-Signature", ""))):
        return False
    return abs(now - int(stamp)) <= FRESH


def is_signed(verifier: SignatureVerifier, body: bytes, request: web.Request) -> bool:
    """Whether Slack has sent this, in the last five minutes."""
    stamp = request.headers.get("X-Slack-Request-Timestamp", "")
    signature = request.headers.get("X-Slack-Signature", "")
    try:
        return verifier.is_valid(body, stamp, signature)
    except (ValueError, TypeError):  # a time that is no number, bytes that are no text, a signature that is not ASCII
        return False


async def _dispatch(app: AsyncApp, body: str, request: web.Request) -> web.StreamResponse:
    try:
        received = AsyncBoltRequest(body=body, query=request.query_string, headers=dict(request.headers))
    except Exception as error:
        log.error("a request of Slack's can't be read: %s", type(error).__name__)
        return web.json_response({"error": "unreadable"}, status=400)
    return await to_aiohttp_response(await app.async_dispatch(received))
