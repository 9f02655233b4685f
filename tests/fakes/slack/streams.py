"""The methods that stream a message, and the walls they run into."""

from dataclasses import replace
from typing import Any

from tests.fakes.slack import rules as slack_rules
from tests.fakes.slack.chat import MASK, root, said
from tests.fakes.slack.nouns import Channel, Post, Raw, Stream
from tests.fakes.slack.request import Method, Refused, Request
from tests.fakes.slack.text import expanded

TASK = 256  # characters of a task's or plan's texts (Slack's agent guidance)
CHUNKS = frozenset({"markdown_text", "task_update", "plan_update", "blocks"})


def start(request: Request) -> Raw:
    """Begin a streamed message; in a channel it must be for somebody. It is told no more than where it stands."""
    channel = request.writable()
    if channel.kind in request.world.unstreamed:
        raise Refused("channel_type_not_supported")
    thread = root(request, channel)
    recipient = _recipient(request, channel)
    text, mode = _text(request)
    _fits(request, text)
    stream = Stream(request.world.clock(), recipient, text, mode=mode)
    ts = request.world.stamp()
    post = Post(channel.id, ts, request.team.bot, text, thread, request.team.bot_id, _shown(text), stream=stream)
    request.world.sessions[channel.id, thread or ts] = "processing"
    _noticed(request, channel.id, text)
    request.world.post(post)
    return {"channel": post.channel, "ts": post.ts}


def append(request: Request) -> Raw:
    """Let the message grow; nobody is told before its end."""
    post = _open(request, "stopped_by_user")
    if not (request.text("markdown_text") or request.arguments.get("chunks")):
        raise Refused("markdown_text_or_chunks_required")
    request.world.touch(_grown(request, post))
    return {"channel": post.channel, "ts": post.ts}


def stop(request: Request) -> Raw:
    """End the stream; only here may metadata and further blocks be given."""
    post = _open(request)
    below = slack_rules.listed(request, "blocks")
    slack_rules.blocks(below, request.world.unknown_blocks)
    metadata = slack_rules.metadata(request)
    whole = _grown(request, post)
    slack_rules.noticed(request, post.channel, below)
    ended = replace(whole, blocks=(*whole.blocks, *below), metadata=metadata)
    slack_rules.blocks(ended.blocks, request.world.unknown_blocks)
    request.world.sessions[post.channel, post.thread or post.ts] = request.text("session_status") or "active"
    return said(request, request.world.end_stream(ended))


def _recipient(request: Request, channel: Channel) -> str:
    """For whom it grows: a direct conversation knows that itself, but nobody elsewhere is taken there either."""
    user, team = request.text("recipient_user_id"), request.text("recipient_team_id")
    if channel.kind == "im" and not (user or team):
        return user
    if not team:
        raise Refused("missing_recipient_team_id")
    if not user:
        raise Refused("missing_recipient_user_id")
    person = request.world.people.get(user)
    if person is None or person.stranger or person.team != team:
        raise Refused("user_not_found")
    return user


def _open(request: Request, stopped: str = "message_not_in_streaming_state") -> Post:
    """The message, if it streams; `stopped` is Slack's word for one that a person stopped."""
    post = request.own(request.channel(), "message_not_owned_by_app")
    if not request.world.streaming(post):
        by_user = post.stream is not None and post.stream.stopped
        raise Refused(stopped if by_user else "message_not_in_streaming_state")
    return post


def _grown(request: Request, post: Post) -> Post:
    """The message with what the call adds; spaces before it are lost where two texts meet (hermes-agent#59010)."""
    more, mode = _text(request)
    assert post.stream
    if mode and post.stream.mode not in {"", mode}:
        raise Refused("streaming_mode_mismatch")
    text = post.text + (more.lstrip() if post.text else more)
    _fits(request, text)
    _noticed(request, post.channel, text)
    stream = replace(post.stream, mode=post.stream.mode or mode)
    return replace(post, text=text, blocks=_shown(text), stream=stream)


def _fits(request: Request, text: str) -> None:
    """Raise `Refused` for a text that is too long for one streamed message, or that would be too many blocks."""
    if len(text) > request.world.stream_characters:
        raise Refused("msg_too_long")
    if len(expanded(_shown(text))) > request.world.most_blocks:
        raise Refused("msg_blocks_too_many")


def _shown(text: str) -> tuple[Raw, ...]:
    return ({"type": "markdown", "text": text},) if text else ()


def _text(request: Request) -> tuple[str, str]:
    """The text that the call adds, and the argument that has it.

    Raises `Refused`: invalid_chunks, cannot_provide_both_markdown_text_and_chunks.
    """
    chunks, markdown = slack_rules.listed(request, "chunks"), request.text("markdown_text")
    if chunks and markdown:
        raise Refused("cannot_provide_both_markdown_text_and_chunks")
    for chunk in chunks:
        told = [str(chunk.get(name, "")) for name in ("title", "details", "output")]
        if chunk.get("type") not in CHUNKS or any(len(text) > TASK for text in told):
            raise Refused("invalid_chunks")
    text = markdown + "".join(str(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text")
    return text, "chunks" if chunks else "markdown_text" if markdown else ""


def _noticed(request: Request, channel: str, whole: str) -> None:
    """Whom it notifies, also if only what is added is looked at, or all that stands there so far."""
    added = (request.text("markdown_text"), request.arguments.get("chunks") or [])
    slack_rules.noticed(request, channel, whole)
    slack_rules.noticed(request, channel, *added)


def _streams(run: Any, needs: tuple[str, ...], *takes: str) -> Method:
    return Method(run, ("chat:write",), needs=needs, takes=("markdown_text", "chunks", *takes))


TO = ("recipient_team_id", "recipient_user_id", "task_display_mode")
METHODS = {
    "chat.startStream": _streams(start, ("channel", "thread_ts"), *TO, *MASK),
    "chat.appendStream": _streams(append, ("channel", "ts")),
    "chat.stopStream": _streams(stop, ("channel", "ts"), "blocks", "metadata", "session_status"),
}
