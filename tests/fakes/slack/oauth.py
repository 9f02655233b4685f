"""Slack's OAuth: somebody allows an app in their workspace, and the app exchanges a code, or a refresh token."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import hdrs, web

from tests.fakes.slack.nouns import APP, Call, Grant, Raw, Team
from tests.fakes.slack.request import Refused

METHOD = "oauth.v2.access"
CODE_SECONDS = 600.0  # docs.slack.dev: a code is good for ten minutes, once


@dataclass(frozen=True, slots=True)
class Code:
    """What somebody allowed."""

    team: Team
    person: str
    redirect_uri: str
    scopes: frozenset[str]
    at: float


class OAuth:
    """One app that other workspaces may install. `lifetime` is of a token, in seconds; 0 for one that never ends."""

    def __init__(self, clock: Callable[[], float], grants: dict[str, Grant]) -> None:
        self.clock = clock
        self.grants = grants
        self.client_id = "1111.2222"
        self.client_secret = "5ecret0f7he4pp"
        self.redirects: set[str] = set()
        self.lifetime = 0
        self.refreshes = 0
        self.codes: dict[str, Code] = {}
        self.refresh_tokens: dict[str, str] = {}
        """The team's id, by refresh tokens that are still good."""
        self.issued: list[str] = []
        """Every token that was ever given out, of both kinds."""
        self._teams: dict[str, Team] = {}
        self._count = 0

    def allow(self, address: str, team: Team, person: str) -> str:
        """Where the browser of somebody is sent who says yes at `address`, the page that asks."""
        asked = self._check_asked(address)
        self._count += 1
        code = f"code-{self._count}"
        scopes = frozenset(asked["scope"].split(","))
        self.codes[code] = Code(team, person, asked["redirect_uri"], scopes, self.clock())
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def deny(self, address: str) -> str:
        """Where the browser of somebody is sent who says no."""
        asked = self._check_asked(address)
        return f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"

    def _check_asked(self, address: str) -> dict[str, str]:
        parts = urlsplit(address)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://slack.com/oauth/v2/authorize", (
            "not Slack's page"
        )
        assert asked["client_id"] == self.client_id, "invalid_client_id"
        assert asked["redirect_uri"] in self.redirects, "bad_redirect_uri"
        assert asked["scope"], "invalid_scope"
        return asked

    def access(self, call: Call, request: web.Request) -> Raw:
        """oauth.v2.access."""
        self._check_app(request)
        if call.arguments.get("grant_type") == "refresh_token":
            return {"ok": True, **self._refresh(str(call.arguments.get("refresh_token", "")))}
        return {"ok": True, **self._exchange(call)}

    def _check_app(self, request: web.Request) -> None:
        scheme, _, packed = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        client_id, _, secret = base64.b64decode(packed).decode().partition(":") if scheme == "Basic" else ("", "", "")
        if client_id != self.client_id:
            raise Refused("invalid_client_id")
        if secret != self.client_secret:
            raise Refused("bad_client_secret")

    def _exchange(self, call: Call) -> Raw:
        code = self.codes.pop(str(call.arguments.get("code", "")), None)
        if code is None or self.clock() - code.at > CODE_SECONDS:
            raise Refused("invalid_code")
        if call.arguments.get("redirect_uri") != code.redirect_uri:
            raise Refused("bad_redirect_uri")
        self._teams[code.team.id] = code.team
        return self._issue(code.team, code.scopes) | {"authed_user": {"id": code.person}}

    def _refresh(self, refresh: str) -> Raw:
        team = self.refresh_tokens.pop(refresh, None)
        if team is None:
            raise Refused("invalid_refresh_token")
        self.refreshes += 1
        scopes = next(grant.scopes for grant in reversed(self.grants.values()) if grant.team == team)
        return self._issue(self._teams[team], scopes)

    def _issue(self, team: Team, scopes: frozenset[str]) -> Raw:
        self._count += 1
        form = "xoxe.xoxb-1-{}-{}" if self.lifetime else "xoxb-{}-{}"
        token = form.format(team.id, f"{self._count:012d}")
        expires = self.clock() + self.lifetime if self.lifetime else 0.0
        self.grants[token] = Grant(team.id, scopes, expires=expires)
        self.issued.append(token)
        place = {"id": team.id, "name": team.name}
        enterprise = {"id": team.enterprise, "name": f"{team.name}, all of it"} if team.enterprise else None
        answer: Raw = {
            "access_token": token,
            "token_type": "bot",
            "scope": ",".join(sorted(scopes)),
            "bot_user_id": team.bot,
            "app_id": APP,
            "team": None if team.whole else place,
            "enterprise": enterprise,
            "is_enterprise_install": team.whole,
        }
        if self.lifetime:
            refresh = f"xoxe-1-{team.id}-{self._count:012d}"
            self.refresh_tokens[refresh] = team.id
            self.issued.append(refresh)
            answer |= {"expires_in": self.lifetime, "refresh_token": refresh}
        return answer

    def end(self, team: str, error: str = "token_revoked") -> None:
        """Let every token of a team be good for nothing, as after an uninstallation."""
        for token, grant in list(self.grants.items()):
            if grant.team == team and grant.kind == "xoxb":
                self.grants[token] = replace(grant, refusal=error)
        self.refresh_tokens = {key: of for key, of in self.refresh_tokens.items() if of != team}
