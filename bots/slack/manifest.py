"""App manifest: scopes, events and commands that Slack must know of, ready to paste."""

from typing import Any

from bots.slack.slash import name_shortcut
from core.commands import TABLE
from core.commands.registry import Command
from core.domain.controls import Control

COMMAND = "/confab"
SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "usergroups:read",
    "users:read",
)
EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)
DESCRIPTION = 150  # characters of a shortcut's description
HINT = 210  # characters of a usage hint that people still read
PATH = "/slack/events"
INSTALL = "/slack/install"
REDIRECT = "/slack/oauth_redirect"
BUTTONS = frozenset(one.value for one in Control)  # commands that stand below answers too: a hint has 200 characters


def build_manifest(url: str = "", install_url: str = "") -> dict[str, Any]:
    """The app manifest, for Socket Mode; with `url` (https://host) for HTTP mode.

    With `install_url` other workspaces can install it there, and their tokens run out and are renewed.
    """
    address = f"{url.rstrip('/')}{PATH}"
    where = {"request_url": address} if url else {}
    return {
        "display_information": _display(),
        "features": _features(where),
        "oauth_config": {
            **({"redirect_urls": [f"{install_url.rstrip('/')}{REDIRECT}"]} if install_url else {}),
            "scopes": {"bot": list(SCOPES)},
        },
        "settings": {
            "event_subscriptions": {**where, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **where},
            "org_deploy_enabled": bool(install_url),
            "socket_mode_enabled": not url,
            "token_rotation_enabled": bool(install_url),
        },
    }


def _display() -> dict[str, str]:
    return {
        "name": "Confab",
        "description": "Claude in your threads",
        "long_description": (
            "Mention Confab in a channel, a thread or a group message, or write to it directly, and Claude answers "
            "in that thread, having read all of it. Each channel can give Claude a persona and a model of its own. "
            "It runs on your own server, with your own key."
        ),
        "background_color": "#3d3929",
    }


def _features(where: dict[str, str]) -> dict[str, Any]:
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "agent_view": {"agent_description": "Claude, which answers in threads and direct messages."},
        "bot_user": {"display_name": "Confab", "always_online": True},
        "shortcuts": [_describe_shortcut(row) for row in TABLE if row.action],
        "slash_commands": [
            {
                "command": COMMAND,
                "description": "Personas, and what Claude is told here",
                "usage_hint": _hint(),
                "should_escape": True,
                **({"url": where["request_url"]} if where else {}),
            }
        ],
    }


MOST_VERBS = 2  # of one word in the hint: Slack takes 200 characters of it


def _describe_shortcut(row: Command) -> dict[str, str]:
    """The entry of a command in the menu of each message."""
    about = row.about[:DESCRIPTION]
    return {"name": row.action, "type": "message", "callback_id": name_shortcut(row), "description": about}


def _hint() -> str:
    """The commands, those that begin with the same word together: `budget show|set|clear`; `help` tells of many."""
    together: dict[str, list[str]] = {}
    for row in TABLE:
        if not row.asks and row.words not in BUTTONS:
            noun, _, verb = row.words.partition(" ")
            together.setdefault(noun, []).append(verb)
    told = {noun: "|".join(verbs) if len(verbs) <= MOST_VERBS else "..." for noun, verbs in together.items()}
    return " · ".join(f"{noun} {verbs}".strip() for noun, verbs in told.items())
