"""Posts: how messages and threads come to be, change and go, and what is dispatched of it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.fakes.discord.message_payloads import gateway_message, snapshot_json
from tests.fakes.discord.nouns import (
    FORUMS,
    Channel,
    Flag,
    Intent,
    Json,
    Kind,
    Permission,
    Ping,
    Post,
    Stored,
    Type,
    Upload,
)
from tests.fakes.discord.payloads import channel_json, thread_type, user_json
from tests.fakes.discord.refusals import malformed, refused
from tests.fakes.discord.world import Event, World

NONCES = 180.0  # seconds; Discord says "a few minutes"
PARSED: Json = {"parse": ["users", "roles", "everyone"], "replied_user": True}


def new(world: World, channel: Channel, author: str, content: str, **parts: Any) -> Post:
    """A message that nobody has seen yet."""
    return Post(world.snowflake(), channel.id, author, content, world.clock(), **parts)


def mentioned(world: World, post: Post, allowed: Json | None) -> Post:
    """`post` with those whom it mentions, as far as `allowed` (Discord's `allowed_mentions`) lets it."""
    rule = PARSED if allowed is None else allowed
    users = _allowed(re.findall(r"<@!?(\d+)>", post.content), rule, "users")
    roles = _allowed(re.findall(r"<@&(\d+)>", post.content), rule, "roles")
    if post.type == Type.REPLY and post.reference and rule.get("replied_user"):
        target = world.posts.get(post.reference["message_id"])
        users += [target.author] if target else []
    people = tuple(dict.fromkeys(user for user in users if user in world.users and not world.users[user].webhook))
    loud = _loud(world, post)
    everyone = loud and "everyone" in rule.get("parse", ()) and bool(re.search(r"@(everyone|here)\b", post.content))
    calls = tuple(dict.fromkeys(role for role in roles if loud or role in _mentionable(world, post)))
    return replace(post, mentions=people, mention_roles=calls, mention_everyone=everyone)


def publish(world: World, post: Post) -> Post:
    """Show a new message: an archived thread opens, everybody's clients hear of it, the bot's pings are noted."""
    channel = world.channels[post.channel]
    if channel.archived:
        alter(world, replace(channel, archived=False))
    world.keep(post)
    world.last_said[post.author, post.channel] = world.clock()
    if post.author == world.me.id:
        note_pings(world, post)
    if not post.ephemeral:
        body = gateway_message(world, post)
        dispatch(world, "MESSAGE_CREATE", post, body if post.nonce is None else body | {"nonce": post.nonce})
    world.changes.tell()
    return post


def note_pings(world: World, post: Post) -> None:
    """Write down whom a message of the bot notifies."""
    loud = ["everyone"] if post.mention_everyone else []
    world.pings += [Ping(post.id, target) for target in (*loud, *post.mention_roles, *post.mentions)]


def rewrite(world: World, post: Post) -> Post:
    """Show a changed message."""
    world.keep(post)
    if not post.ephemeral:
        dispatch(world, "MESSAGE_UPDATE", post, gateway_message(world, post))
    world.changes.tell()
    return post


def remove(world: World, post: Post) -> None:
    """Delete a message; what replies to it stays and points at nothing."""
    del world.posts[post.id]
    if not post.ephemeral:
        body = {"id": post.id, "channel_id": post.channel}
        guild = world.channels[post.channel].guild
        dispatch(world, "MESSAGE_DELETE", post, body | ({"guild_id": guild} if guild else {}))
    world.changes.tell()


def dispatch(world: World, name: str, post: Post, body: Json) -> None:
    """Tell the bot, if it may see the channel; a DM needs its own intent."""
    channel = world.channels[post.channel]
    intent = Intent.GUILD_MESSAGES if channel.guild else Intent.DIRECT_MESSAGES
    if world.may(world.me.id, channel, Permission.VIEW_CHANNEL):
        world.tell(Event(name, body, channel.guild, intent))


def reply_to(world: World, channel: Channel, author: str, given: Json) -> Json | None:
    """The `message_reference` of a reply. None when its target is gone and that may be; else refused."""
    world_channel = str(given.get("channel_id") or channel.id)
    target = world.posts.get(str(given.get("message_id")))
    if not world.may(author, channel, Permission.READ_MESSAGE_HISTORY):
        raise refused(160002)
    if target is None or target.channel != channel.id or world_channel != channel.id:
        if given.get("fail_if_not_exists", True):
            raise malformed("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return None
    if target.type in {Type.THREAD_CREATED, Type.THREAD_STARTER}:
        system = "Cannot reply to a system message"
        raise malformed("message_reference", "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE", system)
    return reference(world, target)


def reference(world: World, target: Post, kind: int = 0) -> Json:
    """How a message points at another: `kind` 0 replies, 1 forwards."""
    guild = world.channels[target.channel].guild
    found = {"type": kind, "message_id": target.id, "channel_id": target.channel}
    return found | ({"guild_id": guild} if guild else {})


def forwarded(world: World, channel: Channel, author: str, target: Post, **parts: Any) -> Post:
    """A message that forwards `target` into `channel`."""
    snapshots = (snapshot_json(world, target),)
    flags = Flag.HAS_SNAPSHOT
    return new(
        world, channel, author, "", flags=flags, reference=reference(world, target, 1), snapshots=snapshots, **parts
    )


def remembered(world: World, author: str, nonce: str) -> Post | None:
    """What `author` posted with this nonce in the last minutes."""
    found, at = world.nonces.get((author, nonce), ("", 0.0))
    return world.posts.get(found) if world.clock() - at < NONCES else None


def store(world: World, channel: str, uploads: Sequence[Upload], *, ephemeral: bool = False) -> tuple[Stored, ...]:
    """Put files on the CDN."""
    stored = tuple(Stored(world.snowflake(), channel, upload, ephemeral) for upload in uploads)
    world.files.update({file.id: file for file in stored})
    return stored


def alter(world: World, channel: Channel) -> Channel:
    """Show a changed channel or thread."""
    world.channels[channel.id] = channel
    name = "THREAD_UPDATE" if channel.kind == Kind.THREAD else "CHANNEL_UPDATE"
    world.tell(Event(name, channel_json(world, channel), channel.guild, Intent.GUILDS))
    return channel


def open_thread(
    world: World,
    parent: Channel,
    owner: str,
    name: str,
    start: Post | None = None,
    *,
    tags: Sequence[str] = (),
    invited: Sequence[str] = (),
) -> Channel:
    """A thread on the message `start`, whose id it takes, or one that a system message in `parent` announces.

    With `invited` people, and who opened it, it is private, and announced to nobody else.
    """
    key = start.id if start else world.snowflake()
    thread = Channel(key, Kind.THREAD, name, parent.guild, parent.id, owner, created=world.clock(), tags=tuple(tags))
    thread = replace(thread, slow=parent.threads_slow)
    if invited:
        thread = replace(thread, invited=(owner, *invited))
    world.channels[key] = thread
    if world.may(world.me.id, thread, Permission.VIEW_CHANNEL):
        body = channel_json(world, thread) | {"newly_created": True}
        world.tell(Event("THREAD_CREATE", body, thread.guild, Intent.GUILDS))
    if start:
        rewrite(world, replace(start, flags=start.flags | Flag.HAS_THREAD))
        publish(world, new(world, thread, owner, "", type=Type.THREAD_STARTER, reference=reference(world, start)))
    elif parent.kind not in FORUMS and not invited:
        announced = {"channel_id": key, "guild_id": parent.guild}
        publish(world, new(world, parent, owner, name, type=Type.THREAD_CREATED, reference=announced))
    return thread


def close_thread(world: World, thread: Channel) -> None:
    """Delete a thread; its messages go without a word of each."""
    del world.channels[thread.id]
    for post in [one for one in world.posts.values() if one.channel == thread.id]:
        del world.posts[post.id]
    body = {"id": thread.id, "guild_id": thread.guild, "parent_id": thread.parent, "type": thread_type(world, thread)}
    world.tell(Event("THREAD_DELETE", body, thread.guild, Intent.GUILDS))


def react(world: World, post: Post, user: str, emoji: str, *, on: bool) -> None:
    """Add or take away a reaction. `emoji` is a character, or `name:id`."""
    people = dict(post.reactions)
    others = tuple(person for person in people.get(emoji, ()) if person != user)
    people[emoji] = (*others, user) if on else others
    world.keep(replace(post, reactions=tuple((mark, users) for mark, users in people.items() if users)))
    channel = world.channels[post.channel]
    name, _, number = emoji.partition(":")
    body: Json = {"user_id": user, "channel_id": post.channel, "message_id": post.id, "type": 0, "burst": False}
    body |= {"emoji": {"id": number or None, "name": name}, "message_author_id": post.author}
    if channel.guild:
        member = {"user": user_json(world.users[user]), "roles": [], "flags": 0, "joined_at": None}
        body |= {"guild_id": channel.guild} | ({"member": member} if on else {})
    intent = Intent.GUILD_MESSAGE_REACTIONS if channel.guild else Intent.DIRECT_MESSAGE_REACTIONS
    world.tell(Event(f"MESSAGE_REACTION_{'ADD' if on else 'REMOVE'}", body, channel.guild, intent))


def _allowed(found: list[str], rule: Json, kind: str) -> list[str]:
    if kind in rule.get("parse", ()):
        return found
    named = {str(key) for key in rule.get(kind) or ()}
    return [key for key in found if key in named]


def _loud(world: World, post: Post) -> bool:
    return world.may(post.author, world.channels[post.channel], Permission.MENTION_EVERYONE)


def _mentionable(world: World, post: Post) -> set[str]:
    guild = world.guilds.get(world.channels[post.channel].guild or "")
    return {role.id for role in guild.roles if role.mentionable} if guild else set()
