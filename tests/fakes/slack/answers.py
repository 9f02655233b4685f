"""What the app answers to commands, buttons and modals: in its ack, or later at a response URL."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.fakes.slack import rules as slack_rules
from tests.fakes.slack.nouns import Call, Envelope, Ephemeral, Post, Raw, ResponseUrl, View
from tests.fakes.slack.request import Refused, Request
from tests.fakes.slack.world import World

SECONDS = 1_800.0  # docs.slack.dev: a response URL works for 30 minutes
USES = 5  # docs.slack.dev


def acked(world: World, envelope: Envelope, payload: Raw) -> None:
    """Let an ack have its effect: a command's words are shown, a submitted modal closes or changes."""
    if envelope.kind == "slash_commands" and payload:
        key = envelope.payload["response_url"].rpartition("/")[2]
        _show(world, world.response_urls[key], payload)
    if envelope.payload.get("type") == "view_submission":
        _submitted(world, envelope.payload["view"]["id"], payload)


def _submitted(world: World, key: str, payload: Raw) -> None:
    view = world.views.pop(key, None)
    if view is None:  # it was sent twice, and the first answer has closed it
        return
    match payload.get("response_action"):
        case "errors":
            fields = {block["block_id"] for block in view.payload["blocks"] if block["type"] == "input"}
            assert fields.issuperset(payload["errors"]), "errors stand below fields of the form"
            world.views[key] = replace(view, errors=dict(payload["errors"]))
        case "update":
            world.views[key] = replace(view, payload=payload["view"], hash=world.name("hash."))
        case "push":
            pushed = View(world.name("V0"), view.user, payload["view"], world.name("hash."))
            world.views |= {key: view, pushed.id: pushed}


async def respond(world: World, call: Call, request: web.Request) -> web.Response:
    """Take a POST to a response URL: five in half an hour."""
    key = request.match_info["key"]
    url = world.response_urls.get(key)
    if url is None or world.clock() - url.at > SECONDS:
        return web.json_response({"ok": False, "error": "expired_url"}, status=404)
    if url.uses >= USES:
        return web.json_response({"ok": False, "error": "used_url"}, status=404)
    try:
        original = _show(world, url, dict(call.arguments))
    except Refused as refused:
        return web.json_response(refused.answer, status=400)
    world.response_urls[key] = replace(url, uses=url.uses + 1, original=original)
    return web.json_response({"ok": True})


def _show(world: World, url: ResponseUrl, payload: Raw) -> str | None:
    """Show an answer where it belongs; says which message a later one would replace."""
    if payload.get("delete_original"):
        _removed(world, url)
        return None
    team = world.teams[world.channels[url.channel].team]
    request = Request(world, team, frozenset(), frozenset(), "", payload)
    text, blocks, attachments = slack_rules.content(request)
    slack_rules.noticed(request, url.channel, text, blocks, attachments)
    if payload.get("replace_original") and url.original:
        return _replaced(world, url, text, tuple(blocks))
    ts = world.stamp()
    if payload.get("response_type") == "in_channel":
        world.post(Post(url.channel, ts, team.bot, text, payload.get("thread_ts"), team.bot_id, tuple(blocks)))
    else:
        world.whisper(Ephemeral(url.channel, url.user, ts, text, payload.get("thread_ts"), tuple(blocks)))
    return url.original or ts


def _replaced(world: World, url: ResponseUrl, text: str, blocks: tuple[Raw, ...]) -> str | None:
    post = world.posts.get((url.channel, url.original or ""))
    if post:
        world.change(replace(post, text=text, blocks=blocks), post.user)
    said: Any = {"text": text, "blocks": blocks}
    world.ephemerals = [replace(each, **said) if each.ts == url.original else each for each in world.ephemerals]
    world.pulse.beat()
    return url.original


def _removed(world: World, url: ResponseUrl) -> None:
    post = world.posts.get((url.channel, url.original or ""))
    if post:
        world.remove(post)
    world.ephemerals = [each for each in world.ephemerals if each.ts != url.original]
    world.pulse.beat()
