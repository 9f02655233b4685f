"""Forms: what Discord accepts in the body of a request, and how it refuses the rest. Pure.

Discord ignores fields that it doesn't know; here they are refused, so that a typo is found.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from tests.fakes.discord import components
from tests.fakes.discord.nouns import Flag, Json, Permission
from tests.fakes.discord.refusals import Refused, malformed, refused

CONTENT = 2000  # characters of a message
NONCE = 25  # characters of a nonce
EMBEDS = 10  # embeds of a message
EMBED = 6000  # characters of all embeds together
FILES = 10  # files of a message
FILE = 10 * 1024 * 1024  # bytes of a file, without a boosted guild
REQUEST = 25 * 1024 * 1024  # bytes of a request with all its files
FILENAME = 1024  # characters of a file's name, by Discord's OpenAPI
NAME = 100  # characters of a thread's name

FIELDS = {"content", "tts", "embeds", "allowed_mentions", "components", "attachments", "flags"}
POSTED = FIELDS | {"nonce", "enforce_nonce", "message_reference", "sticker_ids", "poll"}
WEBHOOK = FIELDS | {"poll"}
CALLBACK = WEBHOOK
FORUM = FIELDS | {"sticker_ids"}
EMBED_LIMITS = {"title": 256, "description": 4096, "footer.text": 2048, "author.name": 256}
EMBED_FIELDS = 25  # fields of an embed
FIELD_LIMITS = {"name": 256, "value": 1024}
MENTIONS = {"parse", "users", "roles", "replied_user"}
SETTABLE = Flag.SUPPRESS_EMBEDS | Flag.SUPPRESS_NOTIFICATIONS | Flag.IS_COMPONENTS_V2


def too_long(path: str, limit: int) -> Refused:
    return malformed(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")


def only(body: Json, known: AbstractSet[str], path: str = "") -> None:
    """Refuse a field that Discord doesn't know. `path` is where `body` hangs, with its dot."""
    for field in body:
        if field not in known:
            raise malformed(f"{path}{field}", "UNKNOWN_FIELD", "This field is not known.")


def text(body: Json, path: str, limit: int, *, least: int = 0) -> None:
    """Refuse a value under the dotted `path` that isn't a text of at most `limit` characters."""
    value: Any = body
    for step in path.split("."):
        value = (value or {}).get(step)
    if value is None and not least:
        return
    if not isinstance(value, str):
        raise malformed(path, "STRING_TYPE_CONVERT", "Could not interpret this value as string.")
    if len(value) > limit:
        raise too_long(path, limit)
    if len(value) < least:
        raise malformed(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {limit} in length.")


def message(body: Json, known: AbstractSet[str], *, least: bool = True) -> None:
    """Refuse a message's body that Discord refuses; with `least` also an empty one (50006)."""
    only(body, known)
    text(body, "content", CONTENT)
    nonce(body.get("nonce"))
    embeds(body.get("embeds") or ())
    allowed(body.get("allowed_mentions"))
    components.check(body.get("components") or (), second=Flag.IS_COMPONENTS_V2 in Flag(body.get("flags") or 0))
    if Flag.IS_COMPONENTS_V2 in Flag(body.get("flags") or 0) and (body.get("content") or body.get("embeds")):
        code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
        raise malformed("content", code, "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2")
    parts = ("embeds", "components", "attachments", "sticker_ids", "poll")
    if least and not (body.get("content") or "").strip() and not any(body.get(part) for part in parts):
        raise refused(50006)


def nonce(value: object) -> None:
    if value is not None and not isinstance(value, str | int):
        raise malformed("nonce", "NONCE_TYPE_CONVERT", "Could not interpret this value as a nonce.")
    if value is not None and len(str(value)) > NONCE:
        raise too_long("nonce", NONCE)


def embeds(given: Sequence[Json]) -> None:
    """Refuse too many, too long, or empty embeds; lengths from Discord's table of embed limits."""
    if len(given) > EMBEDS:
        raise too_long("embeds", EMBEDS)
    for number, embed in enumerate(given):
        try:
            _embed(embed)
        except Refused as refusal:
            nested = {"embeds": {str(number): refusal.body["errors"]}}
            raise Refused(400, refusal.body | {"errors": nested}) from None
    if sum(_weight(embed) for embed in given) > EMBED:
        raise malformed("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED}")


def allowed(given: Json | None) -> None:
    """Refuse an `allowed_mentions` that names and parses the same kind, or a kind there isn't."""
    if given is None:
        return
    only(given, MENTIONS, "allowed_mentions.")
    for number, kind in enumerate(given.get("parse") or ()):
        if kind not in {"users", "roles", "everyone"}:
            raise malformed(
                f"allowed_mentions.parse.{number}", "BASE_TYPE_CHOICES", "Value must be one of the choices."
            )
        if given.get(kind):
            both = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            raise malformed("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", both)


def files(sizes: Sequence[int], body: Json) -> None:
    """Refuse too many or too large files, and an attachment that names none of those sent (`id` is their number)."""
    if len(sizes) > FILES or len(body.get("attachments") or ()) > FILES:
        raise too_long("attachments", FILES)
    if any(size > FILE for size in sizes) or sum(sizes) > REQUEST:
        raise refused(40005)
    for number, attachment in enumerate(body.get("attachments") or ()):
        if len(attachment.get("filename") or "") > FILENAME:
            raise too_long(f"attachments.{number}.filename", FILENAME)
        mark = str(attachment.get("id", ""))
        if not mark.isdigit() or len(sizes) <= int(mark) < FILES:
            raise malformed(f"attachments.{number}.id", "ATTACHMENT_NOT_FOUND", f"Unknown attachment {mark}")


def needs(body: Json, sizes: Sequence[int]) -> Permission:
    """What posting this asks of its author besides the right to post."""
    asked = Permission(0)
    if body.get("embeds"):
        asked |= Permission.EMBED_LINKS
    if sizes:
        asked |= Permission.ATTACH_FILES
    return asked


def _embed(embed: Json) -> None:
    for path, limit in EMBED_LIMITS.items():
        text(embed, path, limit)
    fields = embed.get("fields") or ()
    if len(fields) > EMBED_FIELDS:
        raise too_long("fields", EMBED_FIELDS)
    for number, field in enumerate(fields):
        for part, limit in FIELD_LIMITS.items():
            if not field.get(part):
                raise malformed(f"fields.{number}.{part}", "BASE_TYPE_REQUIRED", "This field is required")
            if len(field[part]) > limit:
                raise too_long(f"fields.{number}.{part}", limit)
    if not any(
        embed.get(part) for part in ("title", "description", "fields", "footer", "author", "image", "thumbnail")
    ):
        raise malformed("description", "BASE_TYPE_REQUIRED", "This field is required")


def _weight(embed: Json) -> int:
    parts = [embed.get("title"), embed.get("description")]
    parts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    parts += [field[part] for field in embed.get("fields") or () for part in FIELD_LIMITS]
    return sum(len(part or "") for part in parts)
