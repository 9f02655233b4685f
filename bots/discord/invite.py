"""Invite URL, permissions and intents: what Confab asks of a server and of Discord's developer portal. Pure."""

from discord import Intents, Permissions
from discord.utils import oauth_url

SCOPES = ("bot", "applications.commands")
SWITCHES = ("Message Content Intent",)
"""What to tick under Bot, Privileged Gateway Intents. Without it Confab reads only what is addressed to it."""

PUBLIC = (
    "While “Public Bot” is on (Bot), anybody may add the bot to a server of theirs and ask at your cost: "
    "switch it off, or set DISCORD_GUILDS to the ids of your servers."
)


def build_permissions() -> Permissions:
    """The least that answers need: to see, to answer in channels and threads, to open threads, to attach files."""
    return Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        create_public_threads=True,
        attach_files=True,
        read_message_history=True,
    )


def build_intents(content: bool) -> Intents:
    """The least that the gateway has to tell us; with `content` also the words of messages that don't call us."""
    return Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content)


def build_invite_url(application_id: str) -> str:
    """The address at which somebody who manages a server adds Confab to it."""
    return oauth_url(application_id, permissions=build_permissions(), scopes=SCOPES)


def build_install_url(application_id: str) -> str:
    """The address at which a person installs Confab for themselves, to take it along to where it is no member."""
    return f"{oauth_url(application_id, scopes=('applications.commands',))}&integration_type=1"
