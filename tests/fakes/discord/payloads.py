"""Payloads: the loopback Discord's nouns as Discord writes them in JSON. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.fakes.discord.nouns import (
    ALL,
    FORUMS,
    NEWS_THREAD,
    PRIVATE_THREAD,
    SPOKEN,
    UNGUILDED,
    Channel,
    Guild,
    Json,
    Kind,
    Permission,
    Role,
    User,
)
from tests.fakes.discord.world import World

JOINED = "2024-01-01T00:00:00.000000+00:00"


def moment(seconds: float) -> str:
    """A time as Discord writes it: ISO 8601 with microseconds, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def user_json(user: User) -> Json:
    return {
        "id": user.id,
        "username": user.name,
        "discriminator": "0000" if user.bot else "0",
        "global_name": None if user.bot else user.display,
        "avatar": None,
        "bot": user.bot,
        "public_flags": 0,
    }


def member_json(guild: Guild, user: str) -> Json:
    """A member without its `user`, as in MESSAGE_CREATE."""
    return {
        "roles": list(dict(guild.members)[user]),
        "nick": dict(guild.nicknames).get(user),
        "avatar": None,
        "joined_at": JOINED,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def role_json(role: Role, position: int) -> Json:
    return {
        "id": role.id,
        "name": role.name,
        "permissions": str(int(role.permissions)),
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.bot is not None,
        "mentionable": role.mentionable,
        "flags": 0,
        **({"tags": {"bot_id": role.bot}} if role.bot else {}),
    }


def channel_json(world: World, channel: Channel) -> Json:
    """A channel of any kind, as REST and the gateway show it."""
    if channel.kind in UNGUILDED:
        recipients = [user_json(world.users[user]) for user in channel.recipients if user != world.me.id]
        return {
            "id": channel.id,
            "type": int(channel.kind),
            "recipients": recipients,
            "last_message_id": _last(world, channel),
            "flags": 0,
            **({"name": channel.name, "owner_id": channel.owner, "icon": None} if channel.kind == Kind.GROUP else {}),
        }
    if channel.kind == Kind.THREAD:
        return _thread_json(world, channel)
    spoken = {"bitrate": 64_000, "user_limit": 0, "rtc_region": None} if channel.kind in SPOKEN else {}
    return {
        "id": channel.id,
        "type": int(channel.kind),
        "guild_id": channel.guild,
        "name": channel.name,
        "position": 0,
        "parent_id": channel.parent,
        "topic": channel.topic,
        "nsfw": False,
        "rate_limit_per_user": channel.slow,
        "default_thread_rate_limit_per_user": channel.threads_slow,
        "last_message_id": _last(world, channel),
        "permission_overwrites": [_overwrite_json(world, key, channel) for key, _ in channel.overwrites],
        "flags": 0,
        **spoken,
        **({"available_tags": [*map(_tag_json, channel.tags)]} if channel.kind in FORUMS else {}),
    }


def guild_json(world: World, guild: Guild) -> Json:
    """A guild as `GET /guilds/{id}` shows it."""
    return {
        "id": guild.id,
        "name": guild.name,
        "owner_id": guild.owner,
        "icon": None,
        "roles": [role_json(role, position) for position, role in enumerate(guild.roles)],
        "emojis": [],
        "stickers": [],
        "features": [],
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "system_channel_id": None,
        "system_channel_flags": 0,
    }


def guild_create(world: World, guild: Guild, places: Sequence[Channel] | None = None) -> Json:
    """GUILD_CREATE: every channel, only our own member, and the open threads that we may see.

    Who tells of thousands knows the `places` of each.
    """
    if places is None:
        places = [channel for channel in world.channels.values() if channel.guild == guild.id]
    threads = [channel for channel in places if channel.kind == Kind.THREAD and not channel.archived]
    seen = [thread for thread in threads if world.may(world.me.id, thread, Permission.VIEW_CHANNEL)]
    me = {**member_json(guild, world.me.id), "user": user_json(world.me)}
    return {
        **guild_json(world, guild),
        "unavailable": False,
        "joined_at": JOINED,
        "large": False,
        "member_count": len(guild.members),
        "members": [me],
        "channels": [channel_json(world, channel) for channel in places if channel.kind != Kind.THREAD],
        "threads": [channel_json(world, thread) for thread in seen],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def partial_channel(world: World, channel: Channel, user: str) -> Json:
    """The channel of an interaction: with what its user may do there."""
    granted = world.permissions(user, channel) if channel.guild else ALL
    return channel_json(world, channel) | {"permissions": str(int(granted))}


def _last(world: World, channel: Channel) -> str | None:
    history = world.history(channel.id)
    return history[-1].id if history else None


def _overwrite_json(world: World, key: str, channel: Channel) -> Json:
    overwrite = dict(channel.overwrites)[key]
    person = key in world.users
    return {"id": key, "type": int(person), "allow": str(int(overwrite.allow)), "deny": str(int(overwrite.deny))}


def _tag_json(name: str) -> Json:
    """A forum's tag, whose id follows from its name."""
    key = str(90_000 + sum(name.encode()))
    return {"id": key, "name": name, "moderated": False, "emoji_id": None, "emoji_name": None}


def thread_type(world: World, thread: Channel) -> int:
    """The type of a thread that is not private."""
    parent = world.channels.get(thread.parent or "")
    return NEWS_THREAD if parent and parent.kind == Kind.NEWS else int(thread.kind)


def _thread_json(world: World, thread: Channel) -> Json:
    said = [post for post in world.history(thread.id) if post.id != thread.id]
    return {
        "id": thread.id,
        "type": PRIVATE_THREAD if thread.invited else thread_type(world, thread),
        "guild_id": thread.guild,
        "parent_id": thread.parent,
        "owner_id": thread.owner,
        "name": thread.name,
        "last_message_id": _last(world, thread),
        "message_count": len(said),
        "total_message_sent": len(said),
        "member_count": 1,
        "rate_limit_per_user": thread.slow,
        "flags": 0,
        "applied_tags": [_tag_json(tag)["id"] for tag in thread.tags],
        "thread_metadata": {
            "archived": thread.archived,
            "locked": thread.locked,
            "auto_archive_duration": 1440,
            "archive_timestamp": moment(thread.created),
            "create_timestamp": moment(thread.created),
        },
    }
