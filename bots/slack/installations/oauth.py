"""OAuth of Slack: a code or a refresh token becomes the bot's token, and a token tells who we are."""

import asyncio
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import classify_error, describe_failure
from bots.slack.installations.clients import Clients
from bots.slack.installations.single_token import parse_identity
from bots.slack.parse import BotIdentity, Raw
from core.domain.errors import ConfabError, Uncertain

METHOD = "oauth.v2.access"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The bot's token, and what renews it if it runs out. Neither is ever printed."""

    bot: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation brought: who we are there, its tokens, who installed it, and its name for people."""

    us: BotIdentity
    tokens: Tokens
    by: str
    name: str


class OAuth:
    """Asks Slack for tokens, in the name of the app."""

    def __init__(self, clients: Clients, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self._clients = clients
        self._headers = write_login(client_id, client_secret)

    async def exchange(self, code: str, redirect_uri: str) -> Installed:
        """Exchange the code of an installation, which is good once. Raises Rejected, Uncertain, RateLimited."""
        answer = await self._access(code=code, redirect_uri=redirect_uri)
        tokens = self._read_tokens(answer)
        client = self._clients.make_client(tokens.bot)
        try:
            us = parse_identity(await _ask(client, "auth.test"))
        except ConfabError:
            await asyncio.shield(self.revoke(tokens))
            raise
        team, enterprise = answer.get("team") or {}, answer.get("enterprise") or {}
        whole = bool(answer.get("is_enterprise_install"))
        us = replace(
            us, team="" if whole else str(team.get("id") or us.team), enterprise=str(enterprise.get("id") or "")
        )
        us = replace(us, workspace=f"slack:{us.enterprise or us.team}")
        person = str((answer.get("authed_user") or {}).get("id") or "")
        return Installed(us, tokens, person, str((enterprise if whole else team).get("name") or us.workspace))

    async def refresh(self, refresh: str) -> Tokens:
        """Exchange a refresh token, which is good once, for the next tokens. Raises as `exchange`."""
        return self._read_tokens(await self._access(grant_type="refresh_token", refresh_token=refresh))

    async def revoke(self, tokens: Tokens) -> None:
        """Give a token back that is not kept, as far as Slack lets us."""
        try:
            await _ask(self._clients.make_client(tokens.bot), "auth.revoke")
        except ConfabError:
            return

    async def _access(self, **arguments: str) -> Raw:
        client = self._clients.make_client()
        return await _ask(client, METHOD, data=arguments, headers=dict(self._headers))

    def _read_tokens(self, answer: Raw) -> Tokens:
        token, seconds = str(answer.get("access_token") or ""), int(answer.get("expires_in") or 0)
        if not token:
            raise Uncertain(f"{METHOD}: an answer without access_token")
        expires_at = self._clients.clock() + timedelta(seconds=seconds) if seconds else None
        return Tokens(token, str(answer.get("refresh_token") or ""), expires_at)


async def _ask(client: AsyncWebClient, method: str, **arguments: Any) -> Raw:
    try:
        answer = (await client.api_call(method, **arguments)).data
    except SlackApiError as error:
        raise classify_error(method, error) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Uncertain(f"{method}: {describe_failure(error)}") from None
    except (AttributeError, UnicodeDecodeError) as error:  # the SDK takes every body for an object
        raise Uncertain(f"{method}: an answer that can't be read") from error
    if not isinstance(answer, dict):
        raise Uncertain(f"{method}: an answer that is no object")
    return answer


def write_login(client_id: str, client_secret: str) -> dict[str, str]:
    """The header that says which app asks. slack_sdk would write it in a way that aiohttp gives up."""
    return {"Authorization": aiohttp.encode_basic_auth(client_id, client_secret)}


def write_identity(us: BotIdentity) -> str:
    return json.dumps(asdict(us))


def read_identity(written: str) -> BotIdentity:
    return BotIdentity(**json.loads(written))
