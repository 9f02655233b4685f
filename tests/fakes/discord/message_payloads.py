"""Payloads of messages: as REST, the gateway and a forward show them. Pure."""

from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import quote

from tests.fakes.discord.nouns import Intent, Json, Post, Stored, Type, User
from tests.fakes.discord.payloads import channel_json, member_json, moment, user_json
from tests.fakes.discord.world import APPLICATION, World

LINK = 24 * 3600  # seconds a signed attachment link lives


def message_json(world: World, post: Post, *, deep: bool = True) -> Json:
    """A message as REST shows it; what it replies to is inside, one level deep, null if it is gone."""
    author = world.users[post.author]
    shown: Json = {
        "id": post.id,
        "channel_id": post.channel,
        "type": post.type,
        "author": user_json(author),
        "content": post.content,
        "timestamp": moment(post.at),
        "edited_timestamp": None if post.edited is None else moment(post.edited),
        "tts": False,
        "pinned": False,
        "flags": int(post.flags),
        "embeds": list(post.embeds),
        "components": list(post.components),
        "attachments": [attachment_json(world, file) for file in post.files],
        "mentions": [user_json(world.users[user]) for user in post.mentions],
        "mention_roles": list(post.mention_roles),
        "mention_everyone": post.mention_everyone,
        "reactions": [_reaction_json(world, emoji, users) for emoji, users in post.reactions],
    }
    return shown | _origin(world, post, author) | (_replied(world, post) if deep else {})


def gateway_message(world: World, post: Post) -> Json:
    """A message as MESSAGE_UPDATE shows it: with its guild and members. MESSAGE_CREATE adds the nonce."""
    shown = message_json(world, post)
    guild = world.guilds.get(world.channels[post.channel].guild or "")
    if guild is None:
        return shown
    members = dict(guild.members)
    if post.author in members:
        shown["member"] = member_json(guild, post.author)
    for mention in shown["mentions"]:
        if mention["id"] in members:
            mention["member"] = member_json(guild, mention["id"])
    return shown | {"guild_id": guild.id}


def rest_message(world: World, post: Post) -> Json:
    """A message as REST shows it to our application, whose content intent is switched on in the portal or not."""
    shown = message_json(world, post)
    dm = world.channels[post.channel].guild is None
    return shown if dm or Intent.MESSAGE_CONTENT in world.privileged else stripped(shown, world.me.id)


def stripped(message: Json, me: str) -> Json:
    """`message` as an application without MESSAGE_CONTENT sees it: whole if it is its own or mentions it."""
    inner = message.get("referenced_message")
    if inner:
        message = message | {"referenced_message": stripped(inner, me)}
    if message["author"]["id"] == me or any(user["id"] == me for user in message["mentions"]):
        return message
    blank: Json = {"content": "", "embeds": [], "attachments": [], "components": []}
    snapshots = [{"message": snapshot["message"] | blank} for snapshot in message.get("message_snapshots", ())]
    return message | blank | ({"message_snapshots": snapshots} if snapshots else {})


def snapshot_json(world: World, post: Post) -> Json:
    """What a forward carries of the message that it forwards."""
    kept = ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags", "components")
    shown = message_json(world, post, deep=False)
    return {"message": {key: shown[key] for key in (*kept, "mentions", "mention_roles")}}


def attachment_json(world: World, file: Stored) -> Json:
    """A file with a link that is signed afresh at each look, and good for a day."""
    now = int(world.clock())
    ends = f"{now + LINK:x}"
    address = f"{world.address}/attachments/{file.channel}/{file.id}/{quote(file.upload.name)}"
    link = f"{address}?ex={ends}&is={now:x}&hm={signature(file.id, ends)}&"
    optional = {"content_type": file.upload.type, "description": file.upload.description}
    return {
        "id": file.id,
        "filename": file.upload.name,
        "size": len(file.upload.content),
        "url": link,
        "proxy_url": link,
        **{key: value for key, value in optional.items() if value is not None},
        **({"ephemeral": True} if file.ephemeral else {}),
    }


def signature(file: str, ends: str) -> str:
    """What makes a link to `file` good until `ends` (hexadecimal seconds)."""
    return sha256(f"{file} {ends}".encode()).hexdigest()


def _reaction_json(world: World, emoji: str, users: Iterable[str]) -> Json:
    people = list(users)
    name, _, number = emoji.partition(":")
    counts = {"burst": 0, "normal": len(people)}
    shown = {"id": number or None, "name": name}
    mine = world.me.id in people
    return {
        "emoji": shown,
        "count": len(people),
        "me": mine,
        "me_burst": False,
        "count_details": counts,
        "burst_colors": [],
    }


def _origin(world: World, post: Post, author: User) -> Json:
    found: Json = {}
    if author.webhook:
        found["webhook_id"] = author.id
    if post.interaction:
        found |= {"webhook_id": APPLICATION, "application_id": APPLICATION, "interaction_metadata": post.interaction}
    thread = world.thread_of(post)
    if thread:
        found["thread"] = channel_json(world, thread)
    return found


def _replied(world: World, post: Post) -> Json:
    if post.reference is None:
        return {}
    found: Json = {"message_reference": post.reference}
    if post.snapshots:
        return found | {"message_snapshots": list(post.snapshots)}
    if post.type in {Type.REPLY, Type.THREAD_STARTER}:
        target = world.posts.get(post.reference["message_id"])
        found["referenced_message"] = message_json(world, target, deep=False) if target else None
    return found
