"""Doctor of Slack: health checks of tokens, scopes, status and connection."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.ops.results import SECONDS, CheckResult, CheckResults, Service, run_concurrently
from bots.ops.sealing import Seal, SealBroken
from bots.ops.secret_keys import read_secret_keys
from bots.slack.client import PASSING, PROXY, describe_failure, read_answer
from bots.slack.installations.credentials import unseal_tokens
from bots.slack.installations.oauth import write_login
from bots.slack.installations.setup import TOKENS
from bots.slack.manifest import INSTALL as INSTALL_PAGE
from bots.slack.manifest import PATH, SCOPES
from bots.slack.settings import SlackSettings
from core.domain.errors import SettingsError, StoreUnusable, Uncertain
from core.domain.wording import count_noun
from core.settings import Settings
from core.store import inspect
from core.store.records.installations import Installation

SLACK = Service("Slack")

PURPOSES = {
    "app_mentions:read": "hearing mentions",
    "assistant:write": "showing that Claude thinks",
    "channels:history": "reading threads of public channels",
    "channels:read": "knowing who made a public channel",
    "chat:write": "answering",
    "commands": "the slash command",
    "files:read": "files that hang on messages",
    "files:write": "files in answers",
    "groups:history": "reading threads of private channels",
    "groups:read": "knowing who made a private channel",
    "im:history": "reading direct messages",
    "im:read": "knowing direct messages",
    "im:write": "opening direct messages",
    "mpim:history": "reading group messages",
    "mpim:read": "knowing who made a group message",
    "usergroups:read": "the names of user groups",
    "users:read": "names, and who is an admin or a guest",
}
GRANTED, UNTOLD = f"all {len(SCOPES)} are granted", "Slack does not say which are granted"
SPARE = {"assistant:write", "files:read", "files:write"}  # answers come without these
SECRET = 32  # characters of a signing secret

NOWHERE = {"channel_id": "C00000000", "thread_ts": "1.000000", "status": ""}
"""No status, in a channel that is not there: nobody sees anything of it, and Slack says whether we may set one."""
ALLOWED = {"channel_not_found", "invalid_arguments", "not_in_channel", "thread_not_found", "invalid_thread_ts"}

WORDS = {
    "account_inactive": "the app is switched off or not installed any more",
    "bad_client_secret": "not the secret of this app",
    "invalid_auth": "not a valid token",
    "invalid_client_id": "no app has this id",
    "missing_scope": "a scope is missing",
    "not_allowed_token_type": "a token of another kind",
    "token_expired": "the token has run out",
    "token_revoked": "the token is revoked",
}
INSTALL = "Install the app again (Install App), and set SLACK_BOT_TOKEN to the token that stands there."
ADD = "Add it (OAuth & Permissions, Bot Token Scopes), or paste the manifest again; then reinstall the app."
GENERATE = "Generate one with connections:write (Basic Information, App-Level Tokens); set SLACK_APP_TOKEN to it."
CREDENTIALS = "Both stand on the app's page, under Basic Information: SLACK_CLIENT_ID and SLACK_CLIENT_SECRET."
UNKNOWN_CODE = {"invalid_code", "code_already_used", "invalid_arguments"}
REACH = "See that this machine reaches SLACK_API_URL. https://slack-status.com says how Slack is."
FOREIGN = "Unset SLACK_API_URL, or set it to Slack's address. A proxy or a login page may answer in Slack's place."
AT_ONCE = 8  # installed workspaces that Slack is asked about at the same time
WORKSPACES = "workspaces"
UNSEALED = (
    "Put the key with which they were sealed back into CONFAB_SECRET_KEY, behind the new one with a comma between."
)
RENEWAL = "`confab run` renews it, unless Confab was stopped for long; then install it there again, at {page}"
PLAN = "Answers come all the same. For it Slack wants assistant:write, and a plan with agents."


class _Refused(Exception):
    """Slack says no, in its own word."""


class _Silent(_Refused):
    """Slack gives no answer of its own."""


class _Foreign(_Refused):
    """What answers is not Slack."""


async def check(settings: SlackSettings, core: Settings) -> CheckResults:
    """Ask Slack. Which events it would send us it tells nobody: they come with the manifest, as the scopes do."""
    bot, app, secret = settings.bot_token, settings.app_token, settings.signing_secret
    try:
        settings.check_tokens(core)
    except SettingsError as error:
        says, _, mend = str(error).partition(". ")
        yield SLACK.problem("settings", says, mend)
    asked = [_check_bot_token(_make_client(bot, settings))] if bot else []
    asked += [_check_app_token(_make_client(app, settings))] if app else []
    async for finding in run_concurrently(*asked):
        yield finding
    if secret and not app:
        yield _check_signing_secret(secret)
    if settings.serves_many:
        yield await _check_client(settings, core)
        async for finding in _check_workspaces(settings, core):
            yield finding


async def _check_bot_token(client: AsyncWebClient) -> CheckResults:
    try:
        answer = await _call(client, "auth.test")
    except _Refused as refused:
        yield _report_refusal("bot token", refused, INSTALL)
        return
    yield SLACK.ok("bot token", f"accepted in {answer['team']}, as {answer['user']}")
    for finding in _check_scopes(answer.headers):
        yield finding
    yield await _check_status(client)


def _check_scopes(headers: Mapping[str, str]) -> list[CheckResult]:
    missing = _list_missing_scopes(headers)
    if missing is None:
        return [SLACK.warning("scopes", UNTOLD, "Compare them with the manifest.")]
    if not missing:
        return [SLACK.ok("scopes", GRANTED)]
    return [_report_missing_scope(scope) for scope in missing]


def _list_missing_scopes(headers: Mapping[str, str]) -> list[str] | None:
    """The scopes that a token lacks; None where Slack does not say which it has."""
    if (listed := headers.get("x-oauth-scopes")) is None:
        return None
    granted = {scope.strip() for scope in listed.split(",")}
    return [scope for scope in SCOPES if scope not in granted]


def _report_missing_scope(scope: str) -> CheckResult:
    finding = SLACK.warning if scope in SPARE else SLACK.problem
    return finding(f"scope {scope}", f"missing; it is for {PURPOSES[scope]}", ADD)


async def _check_status(client: AsyncWebClient) -> CheckResult:
    try:
        await _call(client, "assistant.threads.setStatus", **NOWHERE)
    except _Refused as refused:
        if str(refused) not in ALLOWED:
            return SLACK.warning("status", f"people are not shown that Claude thinks ({refused})", PLAN)
    return SLACK.ok("status", "people are shown that Claude thinks")


async def _check_app_token(client: AsyncWebClient) -> CheckResults:
    try:
        await _call(client, "apps.connections.open")
    except _Refused as refused:
        yield _report_refusal("app token", refused, GENERATE)
    else:
        yield SLACK.ok("app token", "accepted; Slack lets us connect")


def _check_signing_secret(secret: str) -> CheckResult:
    if len(secret) != SECRET or not secret.isalnum():
        mend = "Set SLACK_SIGNING_SECRET to what stands under Basic Information, App Credentials."
        return SLACK.warning("signing secret", f"not the {SECRET} letters and digits that Slack's secrets are", mend)
    return SLACK.ok("signing secret", f"set; whether Slack reaches {PATH} can't be seen from here")


async def _check_client(settings: SlackSettings, core: Settings) -> CheckResult:
    """Ask Slack for a token with a code that is none: it says first whether it knows the app."""
    login = write_login(settings.slack_client_id, settings.client_secret)
    try:
        await _call(_make_client("", settings), "oauth.v2.access", data={"code": "none"}, headers=login)
    except _Refused as refused:
        if str(refused) not in UNKNOWN_CODE:
            return _report_refusal("app", refused, CREDENTIALS)
    return SLACK.ok("app", f"its id and secret are right; workspaces install it at {_find_page(core)}")


async def _check_workspaces(settings: SlackSettings, core: Settings) -> CheckResults:
    """Check each workspace that has installed the app, as the database has them: its tokens, and their scopes."""
    try:
        installed = (await inspect(core.database_url, busy=timedelta(seconds=SECONDS))).installations
        seal = Seal(keys, TOKENS) if (keys := read_secret_keys(core)) else None
    except StoreUnusable:
        says = "not known, for the database can't be read"
        yield SLACK.warning(WORKSPACES, says, "Mend the database, as told below.")
        return
    except SettingsError as error:
        says, _, mend = str(error).partition(". ")
        yield SLACK.problem(WORKSPACES, says, mend)
        return
    rows = [one for one in installed if one.workspace.startswith("slack:")]
    if not rows:
        yield SLACK.warning(WORKSPACES, "installed in none yet", f"Open {_find_page(core)} and install it.")
        return
    yield SLACK.ok(WORKSPACES, f"installed in {count_noun(len(rows), 'workspace')}")
    for finding in await _check_each(rows, seal, settings, _find_page(core)):
        yield finding


async def _check_each(
    rows: Sequence[Installation], seal: Seal | None, settings: SlackSettings, page: str
) -> list[CheckResult]:
    """What there is to say of each workspace, in their order; some are asked about at once."""
    free = asyncio.Semaphore(AT_ONCE)

    async def check_in_turn(row: Installation) -> CheckResult:
        async with free:
            return await _check_workspace(row, seal, settings, page)

    return await asyncio.gather(*(check_in_turn(row) for row in rows))


async def _check_workspace(row: Installation, seal: Seal | None, settings: SlackSettings, page: str) -> CheckResult:
    """Check one workspace's token. It is not renewed: that is for who serves the workspace."""
    name = f"workspace {row.workspace.partition(':')[2]}"
    try:
        if seal is None:
            raise SealBroken
        tokens = unseal_tokens(seal, row)
    except SealBroken:
        return SLACK.problem(name, "its tokens can't be read with this key", f"{UNSEALED} Or install it anew: {page}")
    try:
        answer = await _call(_make_client(tokens.bot, settings), "auth.test")
    except _Refused as refused:
        runs_out = str(refused) == "token_expired" and tokens.refresh
        return _report_refusal(name, refused, RENEWAL.format(page=page) if runs_out else f"Install it anew: {page}")
    return _describe_workspace(name, answer, page)


def _describe_workspace(name: str, answer: AsyncSlackResponse, page: str) -> CheckResult:
    accepted, missing = f"accepted in {answer['team']}, as {answer['user']}", _list_missing_scopes(answer.headers)
    if missing is None:
        return SLACK.warning(name, f"{accepted}; of its scopes {UNTOLD}", "Compare them with the manifest.")
    if not missing:
        return SLACK.ok(name, f"{accepted}; of its scopes {GRANTED}")
    finding = SLACK.warning if SPARE.issuperset(missing) else SLACK.problem
    lacks = "; ".join(f"{scope} (for {PURPOSES[scope]})" for scope in missing)
    return finding(name, f"{accepted}; it lacks {lacks}", f"Paste the manifest again, then install it anew: {page}")


def _find_page(core: Settings) -> str:
    """Where workspaces install the app."""
    return f"{core.confab_public_url}{INSTALL_PAGE}"


def _make_client(token: str, settings: SlackSettings) -> AsyncWebClient:
    return AsyncWebClient(token, settings.slack_api_url, retry_handlers=[])


async def _call(client: AsyncWebClient, method: str, **arguments: Any) -> AsyncSlackResponse:
    try:
        async with asyncio.timeout(SECONDS):
            answer = await client.api_call(method, **(arguments if "headers" in arguments else {"json": arguments}))
        read_answer(method, answer.data)
        return answer
    except SlackApiError as error:
        raise _classify(error) from None
    except Uncertain as error:
        raise _Foreign(str(error)) from None
    except (AttributeError, UnicodeDecodeError):  # the SDK takes every body for an object
        raise _Foreign(f"{method}: an answer that can't be read") from None
    except TimeoutError:
        raise _Silent(f"no answer in {SECONDS:g} seconds") from None
    except (aiohttp.ClientError, OSError) as error:
        raise _Silent(describe_failure(error)) from None


def _classify(error: SlackApiError) -> _Refused:
    """What is not Slack's JSON is no answer of Slack's, and some of its words say no more than that."""
    response: Any = error.response
    said = getattr(response, "data", None)
    word = said.get("error") if isinstance(said, dict) else None
    status = getattr(response, "status_code", None) or getattr(response, "status", "")
    if status == 407:
        return _Silent(f"{PROXY} (407)")
    if word and word not in PASSING | {"ratelimited"}:
        return _Refused(word)
    if status == 200 and not word:
        return _Foreign("an answer that says neither ok nor why")
    return _Silent(word or f"HTTP {status}")


def _report_refusal(name: str, refused: _Refused, mend: str) -> CheckResult:
    word = str(refused)
    if isinstance(refused, _Silent):
        return SLACK.problem(name, f"Slack does not answer ({word})", REACH)
    if isinstance(refused, _Foreign):
        return SLACK.problem(name, f"what answers is not Slack ({word})", FOREIGN)
    return SLACK.problem(name, f"not accepted: {WORDS[word]} ({word})" if word in WORDS else f"refused ({word})", mend)
