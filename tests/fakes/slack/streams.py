"""The methods that stream a message, and the walls they run into."""

from dataclasses import replace
from typing import Any

from tests.fakes.slack import rules as slack_rules
from tests.fakes.slack.chat import MASK, root, said
from tests.fakes.slack.nouns import Channel, Post, Raw, Stream
from tests.fakes.slack.request import Method, Refused, Request

TASK = 256  # characters of a task's or plan's texts (Slack's agent guidance)
CHUNKS = frozenset({"markdown_text", "task_update", "plan_update", "blocks"})


def start(request: Request) -> Raw:
    """Begin a streamed message; in a channel it must be for somebody."""
    channel = request.writable()
    thread = root(request, channel)
    recipient = _recipient(request, channel)
    text = _text(request)
    if len(text) > request.world.stream_characters:
        raise Refused("msg_too_long")
    stream = Stream(request.world.clock(), recipient, text)
    ts = request.world.stamp()
    post = Post(channel.id, ts, request.team.bot, text, thread, request.team.bot_id, _shown(text), stream=stream)
    request.world.sessions[channel.id, thread or ts] = "processing"
    _noticed(request, channel.id)
    return said(request, request.world.post(post))


def append(request: Request) -> Raw:
    """Let the message grow; nobody is told before its end."""
    if not (request.text("markdown_text") or request.arguments.get("chunks")):
        raise Refused("no_text")
    post = request.world.touch(_grown(request, _open(request)))
    return {"channel": post.channel, "ts": post.ts}


def stop(request: Request) -> Raw:
    """End the stream; only here may metadata and further blocks be given."""
    post = _open(request)
    below = slack_rules.listed(request, "blocks")
    slack_rules.blocks(below)
    metadata = slack_rules.metadata(request)
    whole = _grown(request, post)
    slack_rules.noticed(request, post.channel, below)
    ended = replace(whole, blocks=(*whole.blocks, *below), metadata=metadata)
    _session(request, post)
    return said(request, request.world.end_stream(ended))


def _recipient(request: Request, channel: Channel) -> str:
    user, team = request.text("recipient_user_id"), request.text("recipient_team_id")
    if channel.kind == "im":
        return user
    if not team:
        raise Refused("missing_recipient_team_id")
    if not user:
        raise Refused("missing_recipient_user_id")
    person = request.world.people.get(user)
    if person is None or person.stranger or person.team != team:
        raise Refused("user_not_found")
    return user


def _open(request: Request) -> Post:
    post = request.own(request.channel(), "message_not_owned_by_app")
    if not request.world.streaming(post):
        raise Refused("message_not_in_streaming_state")
    return post


def _grown(request: Request, post: Post) -> Post:
    more = _text(request)
    if len(post.text) + len(more) > request.world.stream_characters:
        raise Refused("msg_too_long")
    _noticed(request, post.channel)
    return replace(post, text=post.text + more, blocks=_shown(post.text + more))


def _shown(text: str) -> tuple[Raw, ...]:
    return ({"type": "markdown", "text": text},) if text else ()


def _text(request: Request) -> str:
    """The text that the call adds; raises `Refused`: invalid_chunks."""
    chunks = slack_rules.listed(request, "chunks")
    for chunk in chunks:
        told = [str(chunk.get(name, "")) for name in ("title", "details", "output")]
        if chunk.get("type") not in CHUNKS or any(len(text) > TASK for text in told):
            raise Refused("invalid_chunks")
    return request.text("markdown_text") + "".join(
        str(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text"
    )


def _noticed(request: Request, channel: str) -> None:
    slack_rules.noticed(request, channel, request.text("markdown_text"), request.arguments.get("chunks") or [])


def _session(request: Request, post: Post) -> None:
    status = request.text("session_status")
    if status:
        request.world.sessions[post.channel, post.thread or post.ts] = status


def _streams(run: Any, needs: tuple[str, ...], *takes: str) -> Method:
    return Method(run, ("chat:write",), needs=needs, takes=("markdown_text", "chunks", *takes))


TO = ("recipient_team_id", "recipient_user_id", "task_display_mode")
METHODS = {
    "chat.startStream": _streams(start, ("channel", "thread_ts"), *TO, *MASK),
    "chat.appendStream": _streams(append, ("channel", "ts")),
    "chat.stopStream": _streams(stop, ("channel", "ts"), "blocks", "metadata", "session_status"),
}
