"""Credentials of one workspace: its token as it is now, renewed before it runs out, by one process at a time."""

import asyncio
import contextvars
import json
import logging
from datetime import timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.ops.logs import hide_secrets
from bots.ops.sealing import Seal, SealBroken
from bots.slack.client import SDK_LOG
from bots.slack.installations.clients import Clients
from bots.slack.installations.oauth import OAuth, Tokens
from core.domain import backoff
from core.domain.clock import Clock, Sleep
from core.domain.errors import CannotConnect, ConfabError, Rejected, StoreUnavailable
from core.store.records.installations import Installation, Installations

EARLY = timedelta(hours=2)  # before a token runs out it is renewed by background work; it lives for twelve hours
URGENT = timedelta(minutes=5)  # before that whoever uses it renews it
LEASE = timedelta(seconds=60)  # for which nobody else renews it
OURS = {"bad_client_secret", "invalid_client_id"}  # Slack's words where it is not the token that it does not take
STALE = {"account_inactive", "invalid_auth", "token_expired", "token_revoked"}  # where the store may have a newer one

NOT_READABLE = (
    "CONFAB_SECRET_KEY: the tokens of {names} were sealed with another key. "
    "Put that key back, behind the new one with a comma between them; or have Confab installed there again."
)

OTHER_APP = (
    "SLACK_CLIENT_SECRET: Slack does not take it with this SLACK_CLIENT_ID, so the token of %s is not renewed (%s). "
    "Set both as Basic Information, App Credentials has them, and start Confab again."
)

log = logging.getLogger(__name__)


class Vault:
    """Installations with their tokens unsealed: the store, the seal and Slack's OAuth together."""

    def __init__(self, store: Installations, seal: Seal, oauth: OAuth, clock: Clock, sleep: Sleep) -> None:
        self.store = store
        self.seal = seal
        self.oauth = oauth
        self.clock = clock
        self.sleep = sleep

    def close(self, workspace: str, tokens: Tokens) -> str:
        """Seal tokens, bound to their workspace: in another one's row they are good for nothing."""
        return self.seal.close(json.dumps([workspace, tokens.bot, tokens.refresh]))

    def open(self, installation: Installation) -> Tokens:
        """Unseal tokens. Raises SealBroken."""
        return unseal_tokens(self.seal, installation)


def unseal_tokens(seal: Seal, installation: Installation) -> Tokens:
    """The tokens of a workspace; no log shows them from here on. Raises SealBroken."""
    workspace, bot, refresh = json.loads(seal.open(installation.sealed))
    if workspace != installation.workspace:
        raise SealBroken
    hide_secrets([bot, refresh])
    return Tokens(bot, refresh, installation.expires_at)


class Credentials:
    """The tokens of one workspace. Several processes may hold the same; they meet in the store."""

    def __init__(self, vault: Vault, installation: Installation) -> None:
        self._vault = vault
        self._renewing: asyncio.Task[None] | None = None
        self._spent = 0
        """The version of tokens that Slack will not renew."""
        self.adopt(installation)

    def adopt(self, installation: Installation) -> None:
        """Take over what the store has. Raises CannotConnect where another key has sealed it."""
        try:
            self.tokens = self._vault.open(installation)
        except SealBroken:
            raise CannotConnect(NOT_READABLE.format(names=installation.workspace)) from None
        self.installation = installation

    async def fetch_token(self) -> str:
        """The token to use now, renewed first where it runs out in minutes."""
        if self._runs_out_within(URGENT):
            await self.renew(URGENT)
        return self.tokens.bot

    async def reload(self) -> bool:
        """Whether the store has other tokens than these, which are taken over. Raises CannotConnect."""
        found = await self._vault.store.find(self.installation.workspace)
        if found is None or found.version == self.installation.version:
            return False
        self.adopt(found)
        return True

    async def renew(self, within: timedelta = EARLY) -> None:
        """Renew tokens that run out within that time. It goes on where its caller is cancelled.

        What Slack has given out once must be stored; and no lease of an answer may hold it up, hence the empty context.
        """
        if not self._runs_out_within(within):
            return
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(), name="renewing", context=contextvars.Context())
        await asyncio.shield(self._renewing)

    async def stop(self) -> None:
        """Wait for a renewal that is under way."""
        if self._renewing is not None:
            await asyncio.gather(self._renewing, return_exceptions=True)

    def _runs_out_within(self, time: timedelta) -> bool:
        expires_at = self.tokens.expires_at
        spent = self._spent == self.installation.version
        return bool(expires_at and not spent and self._vault.clock() >= expires_at - time)

    async def _renew(self) -> None:
        """Renew once. What does not work is logged: the old token is used as long as Slack takes it."""
        vault, installation, name = self._vault, self.installation, self.installation.workspace
        try:
            if await self.reload():
                return
            if not await vault.store.claim_renewal(installation, LEASE):
                await self._wait_for_other()
                return
            tokens = await vault.oauth.refresh(self.tokens.refresh)
            await self._keep(installation, tokens)
        except Rejected as refused:
            if refused.reason in OURS:
                log.error(OTHER_APP, name, refused.reason)
                return
            self._spent = installation.version
            log.error("Slack renews the token of %s no more (%s): install Confab there again", name, refused.reason)
        except ConfabError as error:
            log.error("the token of %s could not be renewed: %s", name, error)

    async def _keep(self, installation: Installation, tokens: Tokens) -> None:
        """Store new tokens, however long it takes: those that they replace are spent."""
        vault = self._vault
        sealed = vault.close(installation.workspace, tokens)
        renewed = await backoff.retry(
            lambda: vault.store.renew(installation, sealed, tokens.expires_at), StoreUnavailable, vault.sleep
        )
        if renewed is not None:
            self.adopt(renewed)
            log.info("renewed the token of %s", installation.workspace)

    async def _wait_for_other(self) -> None:
        """Another process renews it: go on with what it stores, or with the old token while that is good."""
        for _ in range(10):
            if await self.reload() or not self._runs_out_within(timedelta()):
                return
            await self._vault.sleep(LEASE.total_seconds() / 10)


class InstalledClient(AsyncWebClient):
    """slack_sdk's client, which asks for the token with each call, and once again where Slack calls it old."""

    def __init__(self, clients: Clients, credentials: Credentials) -> None:
        token, session = credentials.tokens.bot, clients.session
        super().__init__(token, clients.api_url, session=session, retry_handlers=[], logger=SDK_LOG)
        self._credentials = credentials

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        try:
            self.token = await self._credentials.fetch_token()
        except StoreUnavailable as error:
            log.warning("whether a token is new is not known: %s", error)
        used = self.token
        try:
            return await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            if not _is_stale(error) or not await self._has_other(used):
                raise
        self.token = self._credentials.tokens.bot
        return await super().api_call(api_method, **arguments)

    async def _has_other(self, used: str | None) -> bool:
        """Whether the token was renewed, or installed anew, since it was used."""
        try:
            await self._credentials.reload()
        except StoreUnavailable:
            return False
        except CannotConnect as error:
            log.error("%s", error)
            return False
        return self._credentials.tokens.bot != used


def _is_stale(error: SlackApiError) -> bool:
    said = getattr(error.response, "data", None)
    return isinstance(said, dict) and said.get("error") in STALE
