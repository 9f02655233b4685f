"""Delivery by signed HTTP: each envelope is a POST, and the status of its answer is the ack."""

import asyncio
import hashlib
import hmac
import json
import time
import urllib.parse

import aiohttp

from tests.fakes.slack.events import VERIFICATION
from tests.fakes.slack.nouns import Delivery, Envelope, Raw
from tests.fakes.slack.outbox import Outbox

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Endpoint:
    """The app's request URL."""

    ready = True

    def __init__(self, url: str, secret: str, outbox: Outbox, ack_seconds: float, pause: float) -> None:
        self.url = url
        self.secret = secret
        self.outbox = outbox
        self.pause = pause
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ack_seconds))
        self._tasks: set[asyncio.Task[None]] = set()

    def carry(self, envelope: Envelope, delivery: Delivery) -> None:
        """Post an envelope; attempts after the first wait for `pause` seconds and say why they are made."""
        task = asyncio.create_task(self._deliver(envelope, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, envelope: Envelope, delivery: Delivery) -> None:
        retried = {"X-Slack-Retry-Num": str(delivery.attempt), "X-Slack-Retry-Reason": delivery.reason}
        await asyncio.sleep(self.pause if delivery.attempt else 0)
        body, kind = encoded(envelope)
        try:
            status, answer = await self.post(body, kind, retried if delivery.attempt else {})
        except TimeoutError:
            self.outbox.late(delivery, "http_timeout")
        except aiohttp.ClientError:
            self.outbox.late(delivery, "connection_failed")
        else:
            self._answered(delivery, status, answer)

    def _answered(self, delivery: Delivery, status: int, answer: str) -> None:
        if 200 <= status < 300:
            self.outbox.acknowledged(delivery.id, decoded(answer), status)
        else:
            self.outbox.late(delivery, "http_error", status)

    async def post(self, body: str, kind: str, headers: dict[str, str]) -> tuple[int, str]:
        """Send one signed request; returns its status and what was answered."""
        now = str(int(time.time()))
        signed = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature(self.secret, now, body)}
        sent = {"Content-Type": kind, **signed, **headers}
        async with self._session.post(self.url, data=body.encode(), headers=sent, allow_redirects=False) as response:
            return response.status, await response.text()

    async def verify(self, challenge: str) -> tuple[int, str]:
        """Ask the app to prove that the URL is its own."""
        asked = {"type": "url_verification", "token": VERIFICATION, "challenge": challenge}
        return await self.post(json.dumps(asked), JSON, {})

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()


def signature(secret: str, now: str, body: str) -> str:
    """The v0 signature of a body sent at `now`, in whole seconds (docs.slack.dev)."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()


def encoded(envelope: Envelope) -> tuple[str, str]:
    """The body of an envelope and its content type: events in JSON, everything else as a form."""
    if envelope.kind == "events_api":
        return json.dumps(envelope.payload), JSON
    if envelope.kind == "slash_commands":
        return urllib.parse.urlencode(envelope.payload), FORM
    return urllib.parse.urlencode({"payload": json.dumps(envelope.payload)}), FORM


def decoded(answer: str) -> Raw:
    """What an answer says: an object, words, or nothing."""
    if not answer:
        return {}
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"text": answer}
