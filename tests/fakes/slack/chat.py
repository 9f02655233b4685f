"""The methods that post, change and delete messages, and the reactions on them."""

from dataclasses import replace
from typing import Any

from tests.fakes.slack import json as slack_json
from tests.fakes.slack import rules as slack_rules
from tests.fakes.slack.nouns import Channel, Ephemeral, Post, Raw
from tests.fakes.slack.request import Method, Refused, Request

SHOWN = ("text", "blocks", "attachments", "markdown_text", "parse", "link_names", "as_user")
MASK = ("username", "icon_emoji", "icon_url")


def post_message(request: Request) -> Raw:
    """Post; longer text is cut with a warning, and a thread must exist."""
    channel = request.writable()
    text, blocks, attachments = slack_rules.content(request)
    metadata = slack_rules.metadata(request)
    thread = root(request, channel)
    if set(MASK) & set(request.arguments) and "chat:write.customize" not in request.scopes:
        raise Refused("missing_scope", needed="chat:write.customize", provided=",".join(sorted(request.scopes)))
    text, warning = slack_rules.cut(text)
    slack_rules.noticed(request, channel.id, text, blocks, attachments)
    post = Post(
        channel.id,
        request.world.stamp(),
        request.team.bot,
        text,
        thread,
        request.team.bot_id,
        tuple(blocks),
        tuple(attachments),
        metadata,
        broadcast=request.flag("reply_broadcast"),
        unfurl=unfurls(request),
    )
    return said(request, request.world.post(post)) | warning


def unfurls(request: Request) -> bool:
    """Whether a link in the message would be fetched: unless both flags say no."""
    flags = [request.arguments.get(name) for name in ("unfurl_links", "unfurl_media")]
    return not all(flag in {False, "0", "false"} for flag in flags)


def root(request: Request, channel: Channel) -> str | None:
    """The thread to post in; raises `Refused` if its root is unknown, or is itself a reply."""
    thread = request.text("thread_ts")
    if not thread:
        return None
    parent = request.world.posts.get((channel.id, thread))
    if parent is None and request.world.lands_in_channel:
        return None
    if parent is None:
        raise Refused("thread_not_found")
    if not parent.root:
        raise Refused("cannot_reply_to_message")
    return thread


def said(request: Request, post: Post) -> Raw:
    return {"channel": post.channel, "ts": post.ts, "message": slack_json.message(request.world, post)}


def update(request: Request) -> Raw:
    """Replace what a message says. Text without blocks removes the blocks; metadata stays unless it is sent."""
    channel = request.channel()
    post = request.own(channel, "cant_update_message")
    if channel.archived:
        raise Refused("is_archived")
    if request.world.streaming(post):
        raise Refused("streaming_state_conflict")
    text, blocks, attachments = slack_rules.content(request, slack_rules.UPDATED_TEXT)
    slack_rules.noticed(request, channel.id, text, blocks, attachments)
    kept = slack_rules.metadata(request) if "metadata" in request.arguments else post.metadata
    changed = replace(
        post,
        text=text or post.text,
        blocks=tuple(blocks),
        attachments=tuple(attachments),
        metadata=kept,
        edited=None if blocks else request.world.stamp(),
        broadcast=post.broadcast or request.flag("reply_broadcast"),
    )
    return said(request, request.world.change(changed, post.user)) | {"text": changed.text}


def delete(request: Request) -> Raw:
    post = request.own(request.channel(), "cant_delete_message")
    if request.world.streaming(post):
        raise Refused("cant_delete_message")
    request.world.remove(post)
    return {"channel": post.channel, "ts": post.ts}


def post_ephemeral(request: Request) -> Raw:
    """Whisper to one member of a conversation."""
    channel = request.writable()
    user = request.text("user")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    text, blocks, attachments = slack_rules.content(request)
    slack_rules.noticed(request, channel.id, text, blocks, attachments)
    ts = request.world.stamp()
    request.world.whisper(Ephemeral(channel.id, user, ts, text, request.text("thread_ts") or None, tuple(blocks)))
    return {"message_ts": ts}


def add_reaction(request: Request) -> Raw:
    post = request.post(request.joined(), "timestamp")
    mark = (request.text("name"), request.team.bot)
    if mark in post.reactions:
        raise Refused("already_reacted")
    request.world.touch(replace(post, reactions=(*post.reactions, mark)))
    return {}


def remove_reaction(request: Request) -> Raw:
    post = request.post(request.joined(), "timestamp")
    mark = (request.text("name"), request.team.bot)
    if mark not in post.reactions:
        raise Refused("no_reaction")
    request.world.touch(replace(post, reactions=tuple(each for each in post.reactions if each != mark)))
    return {}


def _writes(run: Any, needs: tuple[str, ...], *takes: str) -> Method:
    return Method(run, ("chat:write",), needs=needs, takes=takes)


PLACED = ("thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media", "mrkdwn", "metadata", "container_id")
METHODS = {
    "chat.postMessage": _writes(post_message, ("channel",), *SHOWN, *MASK, *PLACED),
    "chat.update": _writes(update, ("channel", "ts"), *SHOWN, "metadata", "reply_broadcast", "file_ids"),
    "chat.delete": _writes(delete, ("channel", "ts"), "as_user"),
    "chat.postEphemeral": _writes(post_ephemeral, ("channel", "user"), *SHOWN, *MASK, "thread_ts"),
    "reactions.add": Method(add_reaction, ("reactions:write",), needs=("channel", "name", "timestamp"), takes=()),
    "reactions.remove": Method(remove_reaction, ("reactions:write",), needs=("channel", "name", "timestamp"), takes=()),
}
