"""HTTP mode: Slack's requests, believed only with a fresh signature, on routes that any aiohttp server can mount."""

import logging

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bots.slack.manifest import PATH

LARGEST = 1_000_000  # bytes of a request; Slack's stay far below

log = logging.getLogger(__name__)


def routes(app: AsyncApp, secret: str) -> list[web.RouteDef]:
    """Where Slack's events, commands and forms arrive."""
    verifier = SignatureVerifier(secret)

    async def receive(request: web.Request) -> web.StreamResponse:
        if request.content_length is None or request.content_length > LARGEST:
            return web.json_response({"error": "too large"}, status=413)
        body = await request.read()
        if not signed(verifier, body, request):
            log.warning("a request without a valid signature is refused")
            return web.json_response({"error": "invalid request"}, status=401)
        return await _answered(app, body.decode(), request)

    return [web.post(PATH, receive)]


def signed(verifier: SignatureVerifier, body: bytes, request: web.Request) -> bool:
    """Whether Slack has sent this, in the last five minutes."""
    stamp = request.headers.get("X-Slack-Request-Timestamp", "")
    signature = request.headers.get("X-Slack-Signature", "")
    try:
        return verifier.is_valid(body, stamp, signature)
    except (ValueError, TypeError):  # a time that is no number, bytes that are no text, a signature that is not ASCII
        return False


async def _answered(app: AsyncApp, body: str, request: web.Request) -> web.StreamResponse:
    try:
        told = AsyncBoltRequest(body=body, query=request.query_string, headers=dict(request.headers))
    except Exception as error:
        log.error("a request of Slack's can't be read: %s", type(error).__name__)
        return web.json_response({"error": "unreadable"}, status=400)
    return await to_aiohttp_response(await app.async_dispatch(told))
