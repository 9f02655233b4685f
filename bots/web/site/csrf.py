"""CSRF: proof that a form was sent by a page of ours that this browser was shown.

A token is an HMAC of what the browser holds in a cookie: of its session, or of a visit before there is one. So a token
of somebody else's session proves nothing.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence

from aiohttp import web

FIELD = "form_token"
"""The field of a form that holds the token."""
HEADER = "X-Form-Token"
"""The header that holds it, in requests of scripts."""
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
OWN = {"", "none", "same-origin"}  # what a browser says of a request that no other site began


class Csrf:
    """Issues and checks tokens, under the first of these keys; each of them checks."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def issue(self, holder: str) -> str:
        """The token of who holds this cookie."""
        return _compute(self._keys[0], holder)

    async def check(self, request: web.Request, holder: str) -> None:
        """Raise HTTPForbidden unless a page of ours, which who holds this cookie was shown, sent the request.

        Raises HTTPBadRequest for a form that can't be read: who reads it after this can.
        """
        if request.headers.get("Sec-Fetch-Site", "") not in OWN:
            raise web.HTTPForbidden
        form = await _read_form(request) if request.content_type in FORMS else {}
        token = request.headers.get(HEADER, "") or str(form.get(FIELD, ""))
        if not holder or not any(_is_equal(_compute(key, holder), token) for key in self._keys):
            raise web.HTTPForbidden


def make_holder() -> str:
    """Something that nobody can guess, for a cookie."""
    return secrets.token_urlsafe(24)


async def _read_form(request: web.Request) -> Mapping[str, object]:
    try:
        return await request.post()
    except (LookupError, ValueError):  # a character set that there is not, bytes that are none of it, no boundary
        raise web.HTTPBadRequest from None


def _compute(key: bytes, holder: str) -> str:
    return hmac.digest(key, _encode(holder), "sha256").hex()


def _is_equal(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), _encode(given))


def _encode(text: str) -> bytes:
    """What a header held, also where its bytes were no text."""
    return text.encode(errors="surrogatepass")
