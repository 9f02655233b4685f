"""Settings of Slack: its variables, and which tokens there must be."""

import re
from typing import Literal

from pydantic import Field, SecretStr

from bots.slack.streams.rules import StreamRules
from core.domain.errors import SettingsError
from core.settings import EnvironmentSettings, HttpUrl, Settings

ID = re.compile(r"[UWB][A-Z0-9]+")  # of a person or a bot, without its workspace


class SlackSettings(EnvironmentSettings):
    """Environment variables of the adapter of Slack."""

    slack_bot_token: SecretStr | None = Field(default=None, description="xoxb-..., from the app's page.")
    slack_app_token: SecretStr | None = Field(default=None, description="xapp-..., for Socket Mode.")
    slack_signing_secret: SecretStr | None = Field(default=None, description="For HTTP mode, in place of xapp-...")
    slack_client_id: str = Field(default="", description="For many workspaces, in place of SLACK_BOT_TOKEN.")
    slack_client_secret: SecretStr | None = Field(default=None, description="The secret that goes with it.")
    slack_uninstalled: Literal["keep", "erase"] = Field(
        default="keep", description="What becomes of a workspace's words when it removes Confab: keep or erase."
    )
    slack_history: Literal["full", "own"] = Field(
        default="full",
        description="own: for an app that is distributed outside Slack's Marketplace, which reads little history.",
    )
    slack_api_url: HttpUrl = Field(default="https://slack.com/api/", description="Slack's Web API.")
    slack_streaming: Literal["auto", "native", "edit", "final"] = Field(
        default="auto",
        description="auto or edit: answers grow by edits; native: in direct messages as Slack's own streams; "
        "final: they come whole.",
    )

    @property
    def bot_token(self) -> str:
        """`xoxb-...`; empty if it is not set."""
        return _reveal(self.slack_bot_token)

    @property
    def app_token(self) -> str:
        """`xapp-...`; empty if it is not set."""
        return _reveal(self.slack_app_token)

    @property
    def signing_secret(self) -> str:
        """The secret of HTTP mode; empty if it is not set."""
        return _reveal(self.slack_signing_secret)

    @property
    def client_secret(self) -> str:
        """The secret of the app's installations; empty if it is not set."""
        return _reveal(self.slack_client_secret)

    @property
    def serves_many(self) -> bool:
        """Whether workspaces install the app by themselves."""
        return bool(self.slack_client_id or self.client_secret)

    @property
    def configured(self) -> bool:
        """Whether any token is set."""
        return bool(self.bot_token or self.app_token or self.signing_secret or self.serves_many)

    @property
    def streams(self) -> StreamRules | None:
        """The rules by which answers in direct messages are streamed natively; None where they are edited."""
        return StreamRules() if self.slack_streaming == "native" else None

    def check_tokens(self, core: Settings) -> None:
        """Validate the tokens together, and with core's settings.

        Raises SettingsError, naming the variable, for tokens that are mixed up or do not make a connection.
        """
        if self.serves_many:
            self._check_installations(core)
        elif self.slack_uninstalled == "erase":
            raise SettingsError(
                "SLACK_UNINSTALLED: erase works with SLACK_CLIENT_ID alone. Take it out: what the one workspace of "
                "SLACK_BOT_TOKEN has said stays in your database when it removes the app, until `forget` erases it."
            )
        elif not self.bot_token.startswith("xoxb-"):
            raise SettingsError(
                f"SLACK_BOT_TOKEN: {_explain_token(self.bot_token, 'xoxb-')} "
                "It stands on the app's page, under OAuth & Permissions."
            )
        if self.app_token and not self.app_token.startswith("xapp-"):
            raise SettingsError(
                f"SLACK_APP_TOKEN: {_explain_token(self.app_token, 'xapp-')} "
                "It stands on the app's page, under Basic Information."
            )
        if not (self.app_token or self.signing_secret):
            raise SettingsError(
                "SLACK_APP_TOKEN: not set. It begins with xapp-. For HTTP mode set SLACK_SIGNING_SECRET instead."
            )
        if not self.app_token and core.confab_http_port is None:
            raise SettingsError("CONFAB_HTTP_PORT: not set. HTTP mode needs the port that Slack's requests arrive at.")

    def _explain_half(self) -> str:
        """Why one of the client's id and secret is of no use, and what mends it."""
        given, missing = "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"
        if not self.slack_client_id:
            given, missing = missing, given
        alone, many = ("", " and take SLACK_BOT_TOKEN out") if self.bot_token else (" and set SLACK_BOT_TOKEN", "")
        return (
            f"{given}: is of no use without {missing}. For one workspace take it out{alone}; for many set both, from "
            f"the app's page, Basic Information{many}."
        )

    def _check_installations(self, core: Settings) -> None:
        """Validate what the installation by other workspaces needs. Raises SettingsError."""
        if not (self.slack_client_id and self.client_secret):
            raise SettingsError(self._explain_half())
        if self.bot_token:
            raise SettingsError(
                "SLACK_BOT_TOKEN, SLACK_CLIENT_ID: set one of them. The token is for one workspace; with the client id "
                "and its secret each workspace installs Confab by itself, yours too."
            )
        if core.confab_http_port is None:
            raise SettingsError("CONFAB_HTTP_PORT: not set. The page on which workspaces install Confab needs it.")
        if not core.confab_public_url:
            raise SettingsError(
                "CONFAB_PUBLIC_URL: must be the https:// address at which people's browsers reach CONFAB_HTTP_PORT; "
                "Slack sends them back there."
            )
        for variable, ids in (("CONFAB_MANAGERS", core.confab_managers), ("CONFAB_BOTS", core.confab_bots)):
            if bare := sorted(one for one in ids if ID.fullmatch(one)):
                raise SettingsError(
                    f"{variable}: {bare[0]} may be somebody else in another workspace. With SLACK_CLIENT_ID write the "
                    f"workspace before it: T0123456789:{bare[0]}."
                )


def _reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _explain_token(token: str, beginning: str) -> str:
    """What is wrong with a token, without a character of it."""
    if not token:
        return f"not set. It begins with {beginning}."
    others = {"xapp-": "SLACK_APP_TOKEN", "xoxb-": "SLACK_BOT_TOKEN", "xoxp-": "no variable: it is a person's"}
    known = next((variable for start, variable in others.items() if token.startswith(start)), None)
    return f"must begin with {beginning}." + (f" What it holds belongs in {known}." if known else "")
