"""What Slack tells the app: events of what happened, and payloads of commands, buttons and modals."""

from collections.abc import Iterator

from tests.fakes.slack import json as slack_json
from tests.fakes.slack.nouns import APP, Channel, Envelope, Person, Post, Raw, Team, View
from tests.fakes.slack.text import mentions
from tests.fakes.slack.world import Changed, Happening, Posted, Removed, World

SUBSCRIBED = frozenset(
    [
        "app_context_changed",
        "app_home_opened",
        "app_mention",
        "agent_session_stopped",
        "app_uninstalled",
        "member_joined_channel",
        "message.channels",
        "message.groups",
        "message.im",
        "message.mpim",
        "tokens_revoked",
    ]
)
"""The events of the suggested manifest."""
VERIFICATION = "verification-token"


def about(world: World, happening: Happening) -> Iterator[tuple[str, Raw]]:
    """Every event that tells of `happening`, each with the subscription that asks for it."""
    channel = world.channels[happening.post.channel]
    if world.teams[channel.team].bot not in channel.members:
        return
    wanted = f"message.{channel.scope}"
    match happening:
        case Posted(post):
            yield wanted, _posted(world, channel, post)
            if world.teams[channel.team].bot in mentions(post.text) and channel.kind in {"channel", "group"}:
                yield "app_mention", _mention(world, channel, post)
        case Changed(post, _, user):
            yield wanted, _changed(world, channel, happening)
            bot = world.teams[channel.team].bot
            if user != bot and bot in mentions(post.text) and channel.kind in {"channel", "group"} and post.edited:
                yield "app_mention", _mention(world, channel, post)
        case Removed(post, ts):
            yield wanted, _removed(world, channel, post, ts)


def _place(channel: Channel, ts: str) -> Raw:
    return {"type": "message", "channel": channel.id, "channel_type": channel.kind, "event_ts": ts}


def _posted(world: World, channel: Channel, post: Post) -> Raw:
    event = slack_json.message(world, post) | _place(channel, post.ts)
    if post.broadcast:
        event |= {
            "subtype": "thread_broadcast",
            "root": slack_json.message(world, world.posts[channel.id, post.thread or ""]),
        }
    if viewing := world.viewing.get((channel.id, post.ts)):
        event["app_context"] = {"entities": list(viewing)}
    if channel.ext_shared:
        event |= _sides(world, channel, post)
    return event


def _sides(world: World, channel: Channel, post: Post) -> Raw:
    """In a shared channel the inner `team` is the author's, which the outer `team_id` need not be."""
    author = world.people[post.user].team
    return {"team": author, "user_team": author, "source_team": author}


def _mention(world: World, channel: Channel, post: Post) -> Raw:
    """The same message again; files are left out, as Slack often does (marvin#1368)."""
    told = _posted(world, channel, post) | {"type": "app_mention"}
    return {name: value for name, value in told.items() if name not in {"files", "channel_type", "subtype"}}


def _changed(world: World, channel: Channel, change: Changed) -> Raw:
    ts = change.post.edited if change.user != world.teams[channel.team].bot and change.post.edited else world.stamp()
    bodies = {
        "message": slack_json.message(world, change.post),
        "previous_message": slack_json.message(world, change.previous),
    }
    return _place(channel, ts) | {"subtype": "message_changed", "hidden": True, "ts": ts, **bodies}


def _removed(world: World, channel: Channel, post: Post, ts: str) -> Raw:
    gone = {"subtype": "message_deleted", "hidden": True, "ts": ts, "deleted_ts": post.ts}
    return _place(channel, ts) | gone | {"previous_message": slack_json.message(world, post)}


def envelope(world: World, team: Team, event: Raw) -> Envelope:
    """An event in its outer fields, under an id of its own."""
    key = world.name("Ev")
    channel = world.channels.get(str(event.get("channel", "")))
    rights = {
        "enterprise_id": team.enterprise or None,
        "team_id": team.id,
        "user_id": team.bot,
        "is_bot": True,
        "is_enterprise_install": team.whole,
    }
    outer: Raw = {
        "token": VERIFICATION,
        "team_id": team.id,
        **({"enterprise_id": team.enterprise} if team.enterprise else {}),
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": key,
        "event_time": int(world.clock()),
        "authorizations": [rights],
        "is_ext_shared_channel": bool(channel and channel.ext_shared),
        "event_context": f"4-{key}",
    }
    if channel and channel.ext_shared:
        outer["context_team_id"] = team.id
    return Envelope(key, "events_api", outer)


def command(team: Team, channel: Channel, person: Person, line: tuple[str, str], trigger: str, url: str) -> Raw:
    """A slash command, as a form carries it."""
    names = {"direct": channel.kind == "im", "private": channel.kind in {"group", "mpim"}}
    spoken = next(
        (f"{name}message" if name == "direct" else "privategroup" for name, true in names.items() if true), channel.name
    )
    org = {"enterprise_id": team.enterprise, "enterprise_name": "Org"} if team.enterprise else {}
    return {
        **org,
        "token": VERIFICATION,
        "team_id": team.id,
        "team_domain": team.id.lower(),
        "channel_id": channel.id,
        "channel_name": spoken,
        "user_id": person.id,
        "user_name": person.name,
        "command": line[0],
        "text": line[1],
        "api_app_id": APP,
        "is_enterprise_install": "true" if team.whole else "false",
        "response_url": url,
        "trigger_id": trigger,
    }


def _interaction(kind: str, team: Team, person: Person, trigger: str) -> Raw:
    who = {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team}
    place = {"id": team.id, "domain": team.id.lower()}
    common = {"type": kind, "team": place, "user": who, "api_app_id": APP, "token": VERIFICATION}
    enterprise = {"id": team.enterprise, "name": "Org"} if team.enterprise else None
    return common | {"trigger_id": trigger, "enterprise": enterprise, "is_enterprise_install": team.whole}


def submission(team: Team, person: Person, view: View, values: Raw, trigger: str) -> Raw:
    """A modal that was submitted. `values` is what the state holds: block id, action id, then the element's state."""
    shown = slack_json.view(view, team.id) | {"state": {"values": values}}
    return _interaction("view_submission", team, person, trigger) | {"view": shown, "response_urls": []}


def choice(team: Team, person: Person, callback_id: str, trigger: str, at: str) -> Raw:
    """A message shortcut that was chosen; the caller adds where: message and channel."""
    return _interaction("message_action", team, person, trigger) | {"callback_id": callback_id, "action_ts": at}


def press(team: Team, person: Person, action: Raw, trigger: str, at: str) -> Raw:
    """An element that was used; the caller adds where: message and channel, or view."""
    pressed = {"type": "button", "block_id": "b0", **action, "action_ts": at}
    return _interaction("block_actions", team, person, trigger) | {"actions": [pressed]}
