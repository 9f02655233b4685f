"""Single token: the one workspace of SLACK_BOT_TOKEN, which Slack is asked about once."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from slack_sdk.web.async_client import AsyncWebClient

from bots.slack import parse
from bots.slack.client import Web
from bots.slack.installations.clients import Clients
from bots.slack.installations.workspace import SlackWorkspace, choose_managers
from core.domain.errors import CannotAnswer, CannotConnect, CannotShow, Rejected

NOT_YET = "not connected yet"
NOBODY = parse.BotIdentity("", "", "", "")

log = logging.getLogger(__name__)


class SingleToken:
    """The workspace of a token that was given to us. Whatever arrives is its own."""

    def __init__(
        self,
        clients: Clients,
        token: str,
        report_offline: Callable[[str], None],
        *,
        managers: frozenset[str] = frozenset(),
        grows: bool = True,
    ) -> None:
        self._clients = clients
        self._token = token
        self._report_offline = report_offline
        self._managers, self._grows = managers, grows
        self._known: SlackWorkspace | None = None
        self._identifying = asyncio.Lock()

    async def find(self, workspace: str = "") -> SlackWorkspace:
        """The workspace, whichever was asked for. Raises CannotConnect when Slack does not take our token."""
        async with self._identifying:
            if self._known is None:
                us = parse_identity(await self._test_token(self._clients.make_web(self._make_client(), NOBODY)))
                managers = self._managers | choose_managers(self._managers, us)
                self._known = SlackWorkspace(self._clients, self._make_client, us, managers=managers, grows=self._grows)
                log.info("Slack knows us in %s", us.workspace)
            return self._known

    async def find_for(self, body: parse.Raw) -> SlackWorkspace:
        """The workspace, whatever the payload says. Raises CannotConnect."""
        return await self.find()

    async def end(self, workspace: str, until: datetime) -> None:
        """The token is the operator's to change."""

    async def connect(self) -> frozenset[str]:
        return frozenset({(await self.find()).us.workspace})

    async def stop(self) -> None:
        if self._known is not None:
            await self._known.stop()

    def _make_client(self) -> AsyncWebClient:
        return self._clients.make_client(self._token)

    async def _test_token(self, web: Web) -> parse.Raw:
        try:
            found = await web.retry(lambda: web.call_once("auth.test"), report=self._report_unreachable)
        except (CannotShow, Rejected, CannotAnswer) as error:
            raise CannotConnect(f"SLACK_BOT_TOKEN: Slack does not take this token ({error}).") from None
        self._report_offline(NOT_YET)
        return found

    def _report_unreachable(self, failure: BaseException, seconds: float) -> None:
        log.warning("Slack can't be reached, trying again in %.1f s: %s", seconds, failure)
        self._report_offline(f"Slack can't be reached: {failure}")


def parse_identity(answer: parse.Raw) -> parse.BotIdentity:
    """The identity that auth.test answers. The token of a whole organisation is of no team, whatever is named."""
    team, enterprise = str(answer.get("team_id") or ""), str(answer.get("enterprise_id") or "")
    team = "" if enterprise and answer.get("is_enterprise_install") else team
    return parse.BotIdentity(
        workspace=f"slack:{enterprise or team}",
        user=str(answer.get("user_id") or ""),
        bot=str(answer.get("bot_id") or ""),
        team=team,
        enterprise=enterprise,
        url=str(answer.get("url") or ""),
    )
