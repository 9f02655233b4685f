"""What Slack sends over HTTP: a body, and the headers that prove it to be Slack's."""

import hashlib
import hmac
import json
import time

from tests.support.slack_house import SECRET

BODY = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()


def signature(body: bytes, stamp: str, secret: str = SECRET) -> str:
    """What `X-Slack-Signature` holds for a body that was sent at `stamp`."""
    return "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()


def signed(body: bytes, stamp: str = "") -> dict[str, str]:
    """The headers of a body sent at `stamp`, or now."""
    stamp = stamp or str(int(time.time()))
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(body, stamp),
        "Content-Type": "application/json",
    }
