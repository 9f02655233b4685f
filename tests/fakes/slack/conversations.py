"""The methods that read conversations, people and the team."""

from collections.abc import Sequence
from dataclasses import replace

from tests.fakes.slack import json as slack_json
from tests.fakes.slack.nouns import APP, Channel, Post, Raw
from tests.fakes.slack.request import Method, Refused, Request, offset, page

HISTORY = 999  # the most messages on one page of history (docs.slack.dev)
UNTOLD = {"is_member", "num_members"}  # docs.slack.dev: users.conversations leaves them out
REPLIES = 1_000  # the most messages on one page of a thread, and how many unasked


def history(request: Request) -> Raw:
    """Top-level messages and broadcasts, newest first."""
    channel = request.joined()
    posts = [post for post in _said(request, channel) if post.root or post.broadcast]
    shown, cursor = page(_between(posts, request)[::-1], request, 100, HISTORY)
    return _listed(request, shown, cursor) | {"pin_count": 0}


def replies(request: Request) -> Raw:
    """A thread, its root first; a reply's own ts gives that reply alone."""
    channel = request.joined()
    parent = request.world.posts.get((channel.id, request.text("ts")))
    if parent is None:
        raise Refused("thread_not_found")
    if not parent.root:
        return _listed(request, [parent], "")
    answers = _between(request.world.replies(parent), request)
    limit = request.number("limit", REPLIES, REPLIES)
    start = offset(request.text("cursor"))
    headed = start == 0 or request.world.parent_on_every_page
    room = max(1, limit - headed)
    end = start + room
    shown = [parent] * headed + answers[start:end]
    return _listed(request, shown, f"next:{end}" if end < len(answers) else "")


def _said(request: Request, channel: Channel) -> list[Post]:
    return sorted((p for p in request.world.posts.values() if p.channel == channel.id), key=lambda post: post.ts)


def _between(posts: Sequence[Post], request: Request) -> list[Post]:
    oldest, latest = request.text("oldest") or "0", request.text("latest") or "9999999999"
    if request.flag("inclusive"):
        return [post for post in posts if float(oldest) <= float(post.ts) <= float(latest)]
    return [post for post in posts if float(oldest) < float(post.ts) < float(latest)]


def _listed(request: Request, posts: Sequence[Post], cursor: str) -> Raw:
    metadata = request.flag("include_all_metadata")
    messages = [slack_json.message(request.world, post, metadata) for post in posts]
    answer: Raw = {"messages": messages, "has_more": bool(cursor)}
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def info(request: Request) -> Raw:
    return {"channel": slack_json.channel(request.channel(), request.team.bot)}


def _check_team(request: Request) -> None:
    """What lists a workspace's own needs to be told which one, where the token is a whole organisation's."""
    if request.team.whole and not request.text("team_id"):
        raise Refused("missing_argument")
    if request.text("team_id") not in {"", request.team.id}:
        raise Refused("team_access_not_granted")


def conversations(request: Request) -> Raw:
    """Conversations of the wanted types that the bot may know of."""
    _check_team(request)
    kinds = {"public_channel": "channel", "private_channel": "group", "mpim": "mpim", "im": "im"}
    types = (request.text("types") or "public_channel").split(",")
    wanted = {kinds[each.strip()] for each in types if each.strip() in kinds}
    known = [c for c in request.world.channels.values() if c.team == request.team.id and c.kind in wanted]
    seen = [c for c in known if c.kind == "channel" or request.team.bot in c.members]
    kept = [c for c in seen if not (request.flag("exclude_archived") and c.archived)]
    shown, cursor = page(kept, request, 100, HISTORY)
    written = [slack_json.channel(channel, request.team.bot) for channel in shown]
    return {"channels": written, "response_metadata": {"next_cursor": cursor}}


def joined(request: Request) -> Raw:
    """Those of them that the bot is in, or a `user`; each kind needs its scope. Private ones only where both are."""
    _check_team(request)
    kinds = {"public_channel": "channels", "private_channel": "groups", "mpim": "mpim", "im": "im"}
    for kind in (request.text("types") or "public_channel").split(","):
        if kind not in kinds:
            raise Refused("invalid_types")
        if f"{kinds[kind]}:read" not in request.scopes:
            raise Refused("missing_scope", needed=f"{kinds[kind]}:read", provided=",".join(sorted(request.scopes)))
    person = request.text("user") or request.team.bot
    answer = conversations(request)
    inside = [one for one in answer["channels"] if person in request.world.channels[one["id"]].members]
    shown = [{name: value for name, value in one.items() if name not in UNTOLD} for one in inside]
    return answer | {"channels": shown}


def members(request: Request) -> Raw:
    shown, cursor = page(list(request.channel().members), request, 100, HISTORY)
    return {"members": shown, "response_metadata": {"next_cursor": cursor}}


def join(request: Request) -> Raw:
    channel = request.channel()
    if channel.kind != "channel":
        raise Refused("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refused("is_archived")
    joined = replace(channel, members=tuple(dict.fromkeys((*channel.members, request.team.bot))))
    request.world.channels[channel.id] = joined
    request.world.pulse.beat()
    return {"channel": slack_json.channel(joined, request.team.bot)}


def open_conversation(request: Request) -> Raw:
    """The direct conversation with one person, made if it was not there."""
    if request.text("channel"):
        return {"channel": slack_json.channel(request.channel(), request.team.bot)}
    users = [each for each in request.text("users").split(",") if each]
    if not users or any(user not in request.world.people for user in users):
        raise Refused("user_not_found" if users else "users_list_not_supplied")
    if len(users) > 1 and "mpim:write" not in request.scopes:
        raise Refused("missing_scope", needed="mpim:write", provided=",".join(sorted(request.scopes)))
    channel = _with(request, (*users, request.team.bot))
    return {"channel": slack_json.channel(channel, request.team.bot)}


def _with(request: Request, people: tuple[str, ...]) -> Channel:
    for channel in request.world.channels.values():
        if channel.kind in {"im", "mpim"} and set(channel.members) == set(people):
            return channel
    kind = "im" if len(people) == 2 else "mpim"
    made = Channel(request.world.name("D0" if kind == "im" else "G0"), "", kind, people, request.team.id)
    request.world.channels[made.id] = made
    return made


def user(request: Request) -> Raw:
    person = request.world.people.get(request.text("user"))
    if person is None:
        raise Refused("user_not_found")
    org = request.world.teams[person.team].enterprise
    inside = {"enterprise_user": {"id": f"W{person.id}", "enterprise_id": org, "teams": [person.team]}} if org else {}
    return {"user": slack_json.person(person) | inside}


def users(request: Request) -> Raw:
    _check_team(request)
    people = [each for each in request.world.people.values() if each.team == request.team.id]
    shown, cursor = page(people, request, 100, HISTORY)
    return {"members": [slack_json.person(each) for each in shown], "response_metadata": {"next_cursor": cursor}}


def groups(request: Request) -> Raw:
    """The user groups that a test has put into the world, by id."""
    _check_team(request)
    return {"usergroups": [{"id": key, "handle": handle} for key, handle in request.world.usergroups.items()]}


def bot(request: Request) -> Raw:
    if request.text("bot") != request.team.bot_id:
        raise Refused("bot_not_found")
    known = {"id": request.team.bot_id, "app_id": APP, "user_id": request.team.bot, "name": "Confab", "deleted": False}
    return {"bot": known}


def team(request: Request) -> Raw:
    asked = request.world.teams.get(request.text("team") or request.team.id)
    if asked is None:
        raise Refused("team_not_found")
    return {"team": {"id": asked.id, "name": asked.name, "domain": asked.id.lower()}}


def auth_test(request: Request) -> Raw:
    names = {"team": request.team.name, "user": "confab", "url": f"https://{request.team.id.lower()}.slack.com/"}
    ids = {"team_id": request.team.id, "user_id": request.team.bot, "bot_id": request.team.bot_id}
    enterprise = {"enterprise_id": request.team.enterprise} if request.team.enterprise else {}
    return {**names, **ids, **enterprise, "is_enterprise_install": request.team.whole}


def list_teams(request: Request) -> Raw:
    """The workspaces that a token is good for."""
    return {"teams": [{"id": request.team.id, "name": request.team.name}], "response_metadata": {"next_cursor": ""}}


def revoke(request: Request) -> Raw:
    return {"revoked": True}


READ = ("users:read",)
METHODS = {
    "auth.revoke": Method(revoke),
    "auth.teams.list": Method(list_teams),
    "auth.test": Method(auth_test),
    "conversations.history": Method(history, family="history", needs=("channel",)),
    "conversations.replies": Method(replies, family="history", needs=("channel", "ts")),
    "conversations.info": Method(info, family="read", needs=("channel",)),
    "conversations.list": Method(conversations, ("channels:read", "groups:read", "im:read", "mpim:read")),
    "conversations.members": Method(members, family="read", needs=("channel",)),
    "conversations.join": Method(join, ("channels:join",), needs=("channel",)),
    "conversations.open": Method(open_conversation, ("im:write", "mpim:write")),
    "users.conversations": Method(
        joined,
        ("channels:read", "groups:read", "im:read", "mpim:read"),
        takes=("cursor", "exclude_archived", "limit", "types", "user"),
    ),
    "users.info": Method(user, READ, needs=("user",)),
    "users.list": Method(users, READ),
    "usergroups.list": Method(groups, ("usergroups:read",)),
    "bots.info": Method(bot, READ),
    "team.info": Method(team, ("team:read",)),
}
