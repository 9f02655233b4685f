"""Answers of Discord's REST, checked for what we read of them: else there was no answer. Pure.

A proxy or an incident page answers 200 with HTML, a Discord in trouble with less than it promises.
"""

from typing import Any

from bots.discord.errors import UnreadableAnswer
from bots.discord.parse import Json


def read_object(found: Any) -> Json:
    """An object that has an id, as all have. Raises UnreadableAnswer."""
    _ensure(isinstance(found, dict) and _is_id(found.get("id")), "no object with an id")
    return dict(found)


def read_id(found: Any) -> str:
    """The id of what was asked for or made. Raises UnreadableAnswer."""
    return str(read_object(found)["id"])


def read_message(found: Any) -> Json:
    """A message. Raises UnreadableAnswer."""
    message = read_object(found)
    written = isinstance(message.get("content"), str) and isinstance(message.get("type"), int)
    _ensure(written and _is_user(message.get("author")), "no message")
    return message


def read_messages(found: Any) -> list[Json]:
    """A list of messages. Raises UnreadableAnswer."""
    _ensure(isinstance(found, list), "no list")
    return [read_message(one) for one in found]


def read_person(found: Any, *, member: bool) -> Json:
    """An account, or a member of a server with all that the library takes a member for. Raises UnreadableAnswer."""
    _ensure(isinstance(found, dict), "no object")
    user = found.get("user") if member else found
    _ensure(_is_user(user), "nobody")
    if member:
        roles = found.get("roles")
        listed = isinstance(roles, list) and all(map(_is_id, roles))
        _ensure(
            listed and isinstance(found.get("flags"), int) and user.keys() >= {"avatar", "discriminator"}, "no member"
        )
    return dict(found)


def _ensure(readable: bool, instead: str) -> None:
    if not readable:
        raise UnreadableAnswer(instead)


def _is_user(found: Any) -> bool:
    return isinstance(found, dict) and _is_id(found.get("id")) and isinstance(found.get("username"), str)


def _is_id(found: Any) -> bool:
    return isinstance(found, str) and found.isdecimal()
