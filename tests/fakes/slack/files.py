"""Files: the three steps of an upload, and the download."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web

from tests.fakes.slack import json as slack_json
from tests.fakes.slack.chat import root
from tests.fakes.slack.nouns import File, Grant, Post, Raw
from tests.fakes.slack.request import Method, Refused, Request
from tests.fakes.slack.world import World

FILENAME = 255  # characters of a name; Slack publishes no number, file systems take no more
ALT = 1_000  # characters of a description (docs.slack.dev: alt_txt_too_large)
LOGIN = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body></body></html>"


def upload_url(request: Request) -> Raw:
    """Where to send a file's bytes; `length` must be theirs."""
    length = request.text("length")
    if not length.isdigit() or length == "0":
        raise Refused("invalid_arguments", "invalid value [json-pointer:/length]")
    if len(request.text("filename")) > FILENAME:
        raise Refused("invalid_arguments", f"must be at most {FILENAME} characters [json-pointer:/filename]")
    if len(request.text("alt_txt")) > ALT:
        raise Refused("alt_txt_too_large")
    key, name = request.world.name("F0"), request.text("filename")
    kept = f"{request.url}files-pri/{request.team.id}-{key}/{quote(name)}"
    empty = File(key, name, "", b"", request.team.bot, kept, alt=request.text("alt_txt"))
    request.world.uploads[key] = replace(empty, content=b"\0" * int(length))
    return {"upload_url": f"{request.url}upload/v1/{key}", "file_id": key}


async def receive(world: World, request: web.Request) -> web.Response:
    """Take the bytes of a file that was announced."""
    announced = world.uploads.get(request.match_info["key"])
    content = await _content(request)
    if announced is None or len(content) != len(announced.content):
        return web.Response(status=400, text="upload failed")
    world.files[announced.id] = replace(announced, content=content, type=_type(announced.name))
    return web.Response(text=f"OK - {len(content)}")


async def _content(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    parts = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
    return b"".join(part.file.read() for part in parts)


def _type(name: str) -> str:
    kinds = {"png": "image/png", "md": "text/markdown", "csv": "text/csv", "pdf": "application/pdf"}
    return kinds.get(name.rpartition(".")[2], "text/plain")


def complete(request: Request) -> Raw:
    """Share what was uploaded; the answer does not say in which message."""
    asked: Any = request.arguments.get("files")
    if not isinstance(asked, list) or not asked:
        raise Refused("invalid_arguments", "must provide an array [json-pointer:/files]")
    files = [_finished(request, each) for each in asked]
    names = [request.text("channel_id"), *request.text("channels").split(",")]
    for name in filter(None, names):
        _share(request, name, files)
    return {"files": [slack_json.file(each) for each in files]}


def delete(request: Request) -> Raw:
    """Delete a file of our own."""
    file = request.world.files.get(request.text("file"))
    if file is None:
        raise Refused("file_not_found")
    if file.user != request.team.bot:
        raise Refused("cant_delete_file")
    del request.world.files[file.id]
    return {}


def _finished(request: Request, asked: Raw) -> File:
    try:
        file = request.world.files[asked["id"]]
    except KeyError:
        raise Refused("file_not_found") from None
    request.world.files[file.id] = replace(file, title=asked.get("title", file.name))
    return request.world.files[file.id]


def _share(request: Request, name: str, files: list[File]) -> None:
    held = replace(request, arguments={**request.arguments, "channel": name})
    channel = held.writable()
    thread = root(held, channel)
    text = request.text("initial_comment")
    post = Post(channel.id, request.world.stamp(), request.team.bot, text, thread, request.team.bot_id)
    request.world.post(replace(post, files=tuple(files)))


def info(request: Request) -> Raw:
    """All about a file, also about one that an event only names."""
    file = request.world.files.get(request.text("file"))
    if file is None:
        raise Refused("file_not_found")
    return {"file": slack_json.file(replace(file, access="visible"))}


def download(world: World, grant: Grant | None, request: web.Request) -> web.Response:
    """A file's bytes; without a token that may, the login page, with status 200."""
    file = world.files.get(request.match_info["key"].partition("-")[2])
    if grant is None or "files:read" not in grant.scopes:
        return web.Response(text=LOGIN, content_type="text/html")
    if file is None:
        return web.Response(status=404)
    return web.Response(body=file.content, headers={hdrs.CONTENT_TYPE: file.type})


WRITES = ("files:write",)
METHODS = {
    "files.getUploadURLExternal": Method(
        upload_url, WRITES, needs=("filename", "length"), takes=("alt_txt", "snippet_type")
    ),
    "files.completeUploadExternal": Method(
        complete, WRITES, needs=("files",), takes=("channel_id", "channels", "initial_comment", "thread_ts", "blocks")
    ),
    "files.delete": Method(delete, ("files:write",), needs=("file",)),
    "files.info": Method(info, ("files:read",), needs=("file",)),
}
