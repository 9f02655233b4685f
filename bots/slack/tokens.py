"""Slack's tokens: which there must be, and which are mixed up."""

from core.domain.errors import SettingsError


def check(bot: str, app: str, secret: str, port: int | None) -> None:
    """Raises SettingsError, naming the variable, for tokens that are mixed up or do not make a connection."""
    if not bot.startswith("xoxb-"):
        raise SettingsError(
            f"SLACK_BOT_TOKEN: {_wrong(bot, 'xoxb-')} It stands on the app's page, under OAuth & Permissions."
        )
    if app and not app.startswith("xapp-"):
        raise SettingsError(
            f"SLACK_APP_TOKEN: {_wrong(app, 'xapp-')} It stands on the app's page, under Basic Information."
        )
    if not (app or secret):
        raise SettingsError(
            "SLACK_APP_TOKEN: not set. It begins with xapp-. For HTTP mode set SLACK_SIGNING_SECRET instead."
        )
    if not app and port is None:
        raise SettingsError("CONFAB_HTTP_PORT: not set. HTTP mode needs the port that Slack's requests arrive at.")


def _wrong(token: str, beginning: str) -> str:
    """What is wrong with a token, without a character of it."""
    if not token:
        return f"not set. It begins with {beginning}."
    others = {"xapp-": "SLACK_APP_TOKEN", "xoxb-": "SLACK_BOT_TOKEN", "xoxp-": "no variable: it is a person's"}
    known = next((variable for start, variable in others.items() if token.startswith(start)), None)
    return f"must begin with {beginning}." + (f" What it holds belongs in {known}." if known else "")
