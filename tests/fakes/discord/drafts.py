"""Drafts: what a request's body makes of a message, new or old."""

import json
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from tests.fakes.discord import components, forms
from tests.fakes.discord.nouns import Channel, Flag, Json, Post, Stored, Upload
from tests.fakes.discord.posts import mentioned, new, store
from tests.fakes.discord.refusals import refused
from tests.fakes.discord.rest import Ask
from tests.fakes.discord.world import World


def draft(world: World, channel: Channel, ask: Ask, known: AbstractSet[str], **parts: Any) -> Post:
    """The message of the bot that `ask` describes; refused if Discord wouldn't take it."""
    body = ask.body
    forms.message(body, known)
    forms.files(ask.sizes, body)
    flags = Flag(body.get("flags") or 0) & forms.SETTABLE | parts.pop("flags", Flag(0))
    files = store(world, channel.id, _described(ask), ephemeral=Flag.EPHEMERAL in flags)
    shown = {"embeds": _rich(body), "components": _numbered(body), "files": files, "flags": flags}
    post = new(world, channel, world.me.id, body.get("content") or "", **shown, **parts)
    return mentioned(world, post, body.get("allowed_mentions"))


def redraft(world: World, post: Post, ask: Ask) -> Post:
    """`post` as `ask` changes it: a field that is absent stays, an attachment that isn't named goes."""
    body = ask.body
    forms.message(body, forms.WEBHOOK, least=False)
    forms.files(ask.sizes, body)
    changed = replace(post, flags=_flags(post, body), files=_files(world, post, ask))
    if "content" in body:
        changed = replace(changed, content=body["content"] or "")
        changed = mentioned(world, changed, body.get("allowed_mentions"))
    if "embeds" in body:
        changed = replace(changed, embeds=_rich(body))
    if "components" in body:
        changed = replace(changed, components=_numbered(body))
    if not (changed.content.strip() or changed.embeds or changed.components or changed.files):
        raise refused(50006)
    seen = set(body) - {"flags", "tts", "allowed_mentions"} and Flag.LOADING not in post.flags
    return replace(changed, edited=world.clock()) if seen else changed


def _flags(post: Post, body: Json) -> Flag:
    kept = post.flags & ~Flag.LOADING
    if body.get("flags") is None:
        return kept
    asked = Flag(body["flags"])
    second = asked & Flag.IS_COMPONENTS_V2
    return kept & ~Flag.SUPPRESS_EMBEDS | asked & Flag.SUPPRESS_EMBEDS | second


def _files(world: World, post: Post, ask: Ask) -> tuple[Stored, ...]:
    named = ask.body.get("attachments")
    kept = post.files
    if named is not None:
        ids = {str(attachment["id"]) for attachment in named}
        kept = tuple(file for file in post.files if file.id in ids)
    return kept + store(world, post.channel, _described(ask), ephemeral=post.ephemeral)


def _described(ask: Ask) -> list[Upload]:
    given = {str(attachment["id"]): attachment for attachment in ask.body.get("attachments") or ()}
    about = [given.get(str(number), {}) for number in range(len(ask.uploads))]
    return [
        replace(upload, description=said.get("description")) for upload, said in zip(ask.uploads, about, strict=True)
    ]


def _rich(body: Json) -> tuple[Json, ...]:
    return tuple({"type": "rich"} | embed for embed in body.get("embeds") or ())


def _numbered(body: Json) -> tuple[Json, ...]:
    """The components with the ids that Discord gives those that have none."""
    copied: list[Json] = json.loads(json.dumps(body.get("components") or []))
    for number, part in enumerate(components.walk(copied), start=1):
        part.setdefault("id", number)
    return tuple(copied)
