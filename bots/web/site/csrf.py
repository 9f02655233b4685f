"""CSRF: proof that a form was sent by a page of ours that this browser was shown.

A token is an HMAC of what the browser holds in a cookie: of its session, or of a visit before there is one. So a token
of somebody else's session proves nothing.
"""

import hmac
import secrets
from collections.abc import Sequence

from aiohttp import web

FIELD = "form_token"
"""The field of a form that holds the token."""
HEADER = "X-Form-Token"
"""The header that holds it, in requests of scripts."""
FORM = "application/x-www-form-urlencoded"
OWN = {"", "none", "same-origin"}  # what a browser says of a request that no other site began


class Csrf:
    """Issues and checks tokens, under the first of these keys; each of them checks."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def issue(self, holder: str) -> str:
        """The token of who holds this cookie."""
        return _compute(self._keys[0], holder)

    async def check(self, request: web.Request, holder: str) -> None:
        """Raise HTTPForbidden unless a page of ours, which who holds this cookie was shown, sent the request."""
        if request.headers.get("Sec-Fetch-Site", "") not in OWN:
            raise web.HTTPForbidden
        token = request.headers.get(HEADER, "")
        if not token and request.content_type == FORM:
            token = str((await request.post()).get(FIELD, ""))
        if not holder or not any(_is_equal(_compute(key, holder), token) for key in self._keys):
            raise web.HTTPForbidden


def make_holder() -> str:
    """Something that nobody can guess, for a cookie."""
    return secrets.token_urlsafe(24)


def _compute(key: bytes, holder: str) -> str:
    return hmac.digest(key, holder.encode(), "sha256").hex()


def _is_equal(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), given.encode())
