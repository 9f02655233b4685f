"""Bolt app: asks Slack nothing, and gives every payload to one listener whose answer is the ack."""

import logging
from collections.abc import Awaitable, Callable

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.parse import Raw

Listen = Callable[[Raw], Awaitable[Raw | None]]
"""What Slack is answered, often nothing; None where a payload is not safe with us, and Slack may not forget it."""

log = logging.getLogger("slack_bolt.app")
log.setLevel(logging.ERROR)  # Bolt's warnings hold whole payloads


def build_app(client: AsyncWebClient, listen: Listen) -> AsyncApp:
    """Make an app that acknowledges what `listen` has stored, of whatever kind; anything else Slack sends again.

    It knows no token: whose workspace a payload is of, `listen` finds out.
    """

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)

    bolt = AsyncApp(
        logger=log,
        name="confab",
        client=client,
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,  # http_mode.py does it before anything is parsed
        ignoring_self_events_enabled=False,  # or deletions of our own replies are swallowed
        attaching_conversation_kwargs_enabled=False,
    )
    bolt.middleware(_CatchAllMiddleware(listen))
    return bolt


class _CatchAllMiddleware(AsyncMiddleware):
    """The listener for every payload.

    Bolt's own are found by matchers that fail on malformed payloads and know only some kinds of them; what none of
    them matches is never acknowledged.
    """

    def __init__(self, listen: Listen) -> None:
        self._listen = listen

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002  Bolt calls it so
    ) -> BoltResponse:
        answer = await self._listen(req.body)
        return BoltResponse(status=503 if answer is None else 200, body=dict(answer) if answer else "")
