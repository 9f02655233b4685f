"""OAuth of Slack: a code or a refresh token becomes the bot's token, and a token tells who we are."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.client import classify_error, describe_failure
from bots.slack.installations.clients import Clients
from bots.slack.installations.single_token import parse_identity
from bots.slack.parse import BotIdentity, Raw
from core.domain.errors import ConfabError, TokenRefused, Uncertain

METHOD = "oauth.v2.access"
TOKEN = re.compile(r"[!-~]{1,4096}")
LONGEST = 10 * 366 * 86_400  # seconds that a token may be good, as far as we believe it

Value = TypeVar("Value")


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
    at: datetime
    """When Slack gave the tokens, as it counts itself: by that it also tells when an installation ended."""


class OAuth:
    """Asks Slack for tokens, in the name of the app."""

    def __init__(self, clients: Clients, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self._clients = clients
        self._headers = write_login(client_id, client_secret)

    async def exchange(self, code: str, redirect_uri: str) -> Installed:
        """Exchange the code of an installation, which is good once. Raises Rejected, Uncertain, RateLimited."""
        response = await self._access(code=code, redirect_uri=redirect_uri)
        answer, at = _read_body(METHOD, response), _read_time(response) or self._clients.clock()
        token = _read_token(answer, "access_token")
        try:
            us = parse_identity(await _ask(self._clients.make_client(token), "auth.test"))
            return _read_installed(answer, us, self._read_tokens(answer), at)
        except ConfabError:
            await asyncio.shield(self.revoke(token))
            raise

    async def refresh(self, refresh: str) -> Tokens:
        """Exchange a refresh token, which is good once, for the next tokens. Raises as `exchange`."""
        response = await self._access(grant_type="refresh_token", refresh_token=refresh)
        return self._read_tokens(_read_body(METHOD, response))

    async def revoke(self, token: str) -> None:
        """Give a token back that is not kept, as far as Slack lets us."""
        with suppress(ConfabError):
            await _ask(self._clients.make_client(token), "auth.revoke")

    async def is_refused(self, token: str) -> bool:
        """Whether Slack takes a token no more; where it does not say, the token is taken for good."""
        try:
            await _ask(self._clients.make_client(token), "auth.test")
        except TokenRefused:
            return True
        except ConfabError:
            return False
        return False

    async def _access(self, **arguments: str) -> AsyncSlackResponse:
        client = self._clients.make_client()
        return await _call(client, METHOD, data=arguments, headers=dict(self._headers))

    def _read_tokens(self, answer: Raw) -> Tokens:
        """The tokens of an answer. Raises Uncertain."""
        refresh = _read_token(answer, "refresh_token") if answer.get("refresh_token") else ""
        seconds = _read_seconds(answer)
        expires_at = self._clients.clock() + timedelta(seconds=seconds) if seconds else None
        return Tokens(_read_token(answer, "access_token"), refresh, expires_at)


def _read_installed(answer: Raw, us: BotIdentity, tokens: Tokens, at: datetime) -> Installed:
    """The installation that an answer tells of, beside who we are with its token. Raises Uncertain."""
    team, enterprise, person = (_read_object(answer, name) for name in ("team", "enterprise", "authed_user"))
    whole = bool(answer.get("is_enterprise_install"))
    of_team = "" if whole else _read_text(team, "id") or us.team
    of_enterprise = _read_text(enterprise, "id")
    if not (us.user and (of_team or of_enterprise)):
        raise Uncertain(f"{METHOD}: an answer that names no workspace")
    workspace = f"slack:{of_enterprise or of_team}"
    us = replace(us, team=of_team, enterprise=of_enterprise, workspace=workspace)
    name = _read_text(enterprise if whole else team, "name") or workspace
    return Installed(us, tokens, _read_text(person, "id"), name, at)


def _read_time(response: AsyncSlackResponse) -> datetime | None:
    """When it was answered. It is told in whole seconds; of events of the same one, this counts as the last."""
    try:
        at = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return at.astimezone(UTC) + timedelta(seconds=1)


def _read_object(raw: Raw, name: str) -> Raw:
    return _read_kind(raw, name, dict) or {}


def _read_text(raw: Raw, name: str) -> str:
    return _read_kind(raw, name, str) or ""


def _read_token(raw: Raw, name: str) -> str:
    """A token, which goes into headers. Raises Uncertain."""
    token = _read_text(raw, name)
    if not TOKEN.fullmatch(token):
        raise Uncertain(f"{METHOD}: an answer without {name}")
    return token


def _read_seconds(raw: Raw) -> int:
    """How long a token is good; 0 for one that never ends. Raises Uncertain."""
    seconds = _read_kind(raw, "expires_in", int) or 0
    if not 0 <= seconds <= LONGEST or isinstance(seconds, bool):
        raise Uncertain(f"{METHOD}: an answer whose expires_in can't be read")
    return seconds


def _read_kind(raw: Raw, name: str, kind: type[Value]) -> Value | None:
    """A value of that kind, None where there is none. Raises Uncertain for another."""
    value = raw.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise Uncertain(f"{METHOD}: an answer whose {name} can't be read")


async def _ask(client: AsyncWebClient, method: str) -> Raw:
    return _read_body(method, await _call(client, method))


async def _call(client: AsyncWebClient, method: str, **arguments: Any) -> AsyncSlackResponse:
    try:
        return await client.api_call(method, **arguments)
    except SlackApiError as error:
        raise classify_error(method, error) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Uncertain(f"{method}: {describe_failure(error)}") from None
    except (AttributeError, UnicodeError) as error:  # the SDK takes every body for an object
        raise Uncertain(f"{method}: an answer that can't be read") from error


def _read_body(method: str, response: AsyncSlackResponse) -> Raw:
    if not isinstance(response.data, dict):
        raise Uncertain(f"{method}: an answer that is no object")
    return response.data


def write_login(client_id: str, client_secret: str) -> dict[str, str]:
    """The header that says which app asks. slack_sdk would write it in a way that aiohttp gives up."""
    return {"Authorization": aiohttp.encode_basic_auth(client_id, client_secret)}


def write_identity(us: BotIdentity) -> str:
    return json.dumps(asdict(us))


def read_identity(written: str) -> BotIdentity:
    return BotIdentity(**json.loads(written))
