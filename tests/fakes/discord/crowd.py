"""A crowd of guilds as they are: rooms below categories, with roles, overwrites, topics and a few open threads."""

from collections.abc import Iterator
from dataclasses import replace

from tests.fakes.discord.nouns import NONE, TALK, Channel, Guild, Kind, Overwrite, Permission, Role
from tests.fakes.discord.world import World, house

ROOMS, CATEGORIES, ROLES, THREADS = 30, 5, 15, 5  # of each guild
TOPIC = "What is talked about here, and what is not, in a sentence or two as people write them"
FIRST = 1000  # of the guilds' numbers


def add_guilds(world: World, count: int) -> list[str]:
    """Let the bot be in so many more guilds, of which nobody has been told yet; their ids."""
    found = [str((FIRST + number) << 22) for number in range(count)]
    for key in found:
        world.guilds[key] = _build_guild(key)
        world.channels.update({channel.id: channel for channel in _build_places(key)})
    return found


def _build_guild(key: str) -> Guild:
    plain = house(key, f"Guild {key}")
    more = (Role(_number(key, 500 + number), f"role {number}", NONE) for number in range(ROLES - len(plain.roles)))
    return replace(plain, roles=(*plain.roles, *more))


def _build_places(key: str) -> Iterator[Channel]:
    """Every second room is closed to all but two roles."""
    roles = [role.id for role in _build_guild(key).roles]
    shut = ((key, Overwrite(deny=Permission.VIEW_CHANNEL)), *((one, Overwrite(allow=TALK)) for one in roles[1:3]))
    for number in range(CATEGORIES):
        yield Channel(_number(key, number), Kind.CATEGORY, f"category {number}", key)
    for number in range(ROOMS):
        above, overwrites = _number(key, number % CATEGORIES), shut if number % 2 else ()
        room = Channel(_number(key, 100 + number), Kind.TEXT, f"room-{number}", key, above, overwrites=overwrites)
        yield replace(room, topic=TOPIC)
    for number in range(THREADS):
        yield Channel(_number(key, 300 + number), Kind.THREAD, f"thread {number}", key, _number(key, 100), owner="7001")


def _number(key: str, number: int) -> str:
    return str(int(key) + 1 + number)
