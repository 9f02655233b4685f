"""The invitation: what Confab asks of a server and of Discord's developer portal. Pure."""

from base64 import b64decode

from discord import Intents, Permissions
from discord.utils import oauth_url

from core.domain.errors import SettingsError
from core.settings import Settings

SCOPES = ("bot", "applications.commands")
SWITCHES = ("Message Content Intent",)
"""What to tick under Bot, Privileged Gateway Intents. Without it Confab reads only what is addressed to it."""


def permissions() -> Permissions:
    """The least that answers need: to see, to answer in channels and threads, to open threads, to attach files."""
    return Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        create_public_threads=True,
        attach_files=True,
        read_message_history=True,
    )


def intents(content: bool) -> Intents:
    """The least that the gateway has to tell us; with `content` also the words of messages that don't call us."""
    return Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content)


def application_of(settings: Settings) -> str:
    """The application's id, which the bot's token begins with. Raises SettingsError."""
    token = settings.discord_bot_token.get_secret_value() if settings.discord_bot_token else ""
    head = token.partition(".")[0]
    try:
        number = b64decode(head + "=" * (-len(head) % 4), validate=True).decode()
    except ValueError:
        number = ""
    if not number.isdigit():
        raise SettingsError(
            "DISCORD_BOT_TOKEN: not set, or no bot's token. Set it, or name the application: --application ID."
        )
    return number


def invite(application_id: str) -> str:
    """The address at which somebody who manages a server adds Confab to it."""
    return oauth_url(application_id, permissions=permissions(), scopes=SCOPES)
