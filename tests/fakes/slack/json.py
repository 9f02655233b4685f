"""How Slack writes its nouns in JSON: the same in answers and in events."""

from tests.fakes.slack.nouns import APP, BOT, Channel, File, Person, Post, Raw, View
from tests.fakes.slack.text import expanded
from tests.fakes.slack.world import World


def message(world: World, post: Post, metadata: bool = False) -> Raw:
    """A message; `metadata` only for those who asked for all of it."""
    channel = world.channels[post.channel]
    written: Raw = {"type": "message", "user": post.user, "text": post.text, "ts": post.ts, "team": channel.team}
    if post.subtype:
        written["subtype"] = post.subtype
    if post.bot_id:
        profile = {"id": post.bot_id, "app_id": APP, "name": "Confab", "team_id": channel.team}
        written |= {"bot_id": post.bot_id, "app_id": APP, "bot_profile": profile}
    if post.blocks:
        written["blocks"] = expanded(post.blocks)
    if post.edited:
        written["edited"] = {"user": post.user, "ts": post.edited}
    if metadata and post.metadata:
        written["metadata"] = post.metadata
    return written | _hung(post) | _threaded(world, post)


def _hung(post: Post) -> Raw:
    hung: Raw = {}
    if post.files:
        hung["files"] = [file(each) for each in post.files]
    if post.attachments:
        hung["attachments"] = list(post.attachments)
    if post.stream:
        hung["streaming_state"] = "in_progress" if post.stream.open else "completed"
    names = dict.fromkeys(name for name, _ in post.reactions)
    if names:
        by = {name: [user for each, user in post.reactions if each == name] for name in names}
        hung["reactions"] = [{"name": name, "users": users, "count": len(users)} for name, users in by.items()]
    return hung


def _threaded(world: World, post: Post) -> Raw:
    if not post.root:
        assert post.thread
        root = world.posts.get((post.channel, post.thread))
        return {"thread_ts": post.thread, "parent_user_id": root.user if root else "USLACKBOT"}
    replies = world.replies(post)
    if not replies:
        return {}
    users = list(dict.fromkeys(reply.user for reply in replies))
    count = {"reply_count": len(replies), "reply_users_count": len(users), "reply_users": users}
    return {"thread_ts": post.ts, "latest_reply": replies[-1].ts, **count}


def file(given: File) -> Raw:
    """A file; one of another team says only that it must be asked for."""
    if given.access != "visible":
        return {"id": given.id, "created": 0, "file_access": given.access, "mode": "file_access"}
    suffix = given.name.rpartition(".")[2]
    return {
        "id": given.id,
        "name": given.name,
        "title": given.title or given.name,
        "mimetype": given.type,
        "filetype": suffix,
        "size": len(given.content),
        "user": given.user,
        "mode": "hosted",
        "file_access": "visible",
        "url_private": given.url,
        "url_private_download": given.url,
        "alt_txt": given.alt,
    }


def person(given: Person) -> Raw:
    real = given.display or given.name
    profile = {"display_name": given.display, "real_name": real, "team": given.team}
    return {
        "id": given.id,
        "team_id": given.team,
        "name": given.name,
        "real_name": real,
        "deleted": given.deleted,
        "profile": profile,
        "is_admin": given.admin,
        "is_owner": given.owner,
        "is_restricted": given.restricted or given.ultra_restricted,
        "is_ultra_restricted": given.ultra_restricted,
        "is_stranger": given.stranger,
        "is_bot": given.bot,
        "is_app_user": False,
        "tz": "Europe/London",
        "tz_offset": 0,
    }


def channel(given: Channel, bot: str = BOT) -> Raw:
    written: Raw = {
        "id": given.id,
        "is_channel": given.kind == "channel",
        "is_group": given.kind == "group",
        "is_im": given.kind == "im",
        "is_mpim": given.kind == "mpim",
        "is_private": given.kind != "channel",
        "is_archived": given.archived,
        "is_ext_shared": given.ext_shared,
        "is_shared": given.ext_shared,
        "context_team_id": given.team,
    }
    if given.kind == "im":
        return written | {"user": next(each for each in given.members if each != bot)}
    written["creator"] = given.creator
    return written | {"name": given.name, "is_member": bot in given.members, "num_members": len(given.members)}


def view(given: View, team: str) -> Raw:
    ids = {
        "id": given.id,
        "team_id": team,
        "app_id": APP,
        "hash": given.hash,
        "root_view_id": given.id,
        "bot_id": "B0BOT",
    }
    return {"state": {"values": {}}, "private_metadata": "", "callback_id": "", **given.payload, **ids}
