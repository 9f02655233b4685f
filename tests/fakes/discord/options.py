"""Options: what a person fills into commands, components and modals, as interactions carry it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.discord.components import walk
from tests.fakes.discord.message_payloads import attachment_json
from tests.fakes.discord.nouns import Channel, Json, Post, Upload
from tests.fakes.discord.payloads import member_json, partial_channel, role_json, user_json
from tests.fakes.discord.posts import store
from tests.fakes.discord.world import World

SUBCOMMAND, GROUP, TEXT, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, FILE = range(1, 12)
PLAIN: dict[int, Callable[[Any], Any]] = {TEXT: str, INTEGER: int, BOOLEAN: bool, NUMBER: float}
LISTS = {3, 5, 6, 7, 8, 22}  # components whose value is a list: selects, checkbox groups
ROW, BUTTON, INPUT, LABEL, UPLOAD, CHECKBOX = 1, 2, 4, 18, 19, 23
INPUT_SIZE = 4000  # characters of a text input

Given = str | int | float | bool | Upload | Sequence[Any]


@dataclass(frozen=True, slots=True)
class Filling:
    """What is filled in at one place; `resolved` collects the people, roles, channels and files that it names."""

    world: World
    place: Channel
    resolved: dict[str, Json] = field(default_factory=dict)

    def carried(self, body: Json) -> Json:
        return body | {"resolved": self.resolved} if self.resolved else body

    def option(self, option: Json, given: Any) -> Any:
        """The value of a command's option; `ValueError` for one that a client wouldn't send."""
        kind = option["type"]
        if kind not in PLAIN:
            return self.named(kind, given)
        choices = option.get("choices") or []
        if not choices:
            return _bounded(option, PLAIN[kind](given))
        for choice in choices:
            if given in {choice["name"], choice["value"]}:
                return choice["value"]
        raise ValueError(f"{given} is no choice of {option['name']}")

    def named(self, kind: int, given: Any) -> str:
        """The id of a file, channel, role or person."""
        if kind == FILE:
            [file] = store(self.world, self.place.id, [given], ephemeral=True)
            return self._keep("attachments", file.id, attachment_json(self.world, file))
        if kind == CHANNEL:
            channel = self.world.channel(given)
            return self._keep("channels", channel.id, partial_channel(self.world, channel, self.world.me.id))
        guild = self.world.guilds.get(self.place.guild or "")
        roles = {role.name: role for role in guild.roles} if guild else {}
        if kind == ROLE or (kind == MENTIONABLE and given in roles):
            return self._keep("roles", roles[given].id, role_json(roles[given], 1))
        return self._person(self.world.user(given).id)

    def part(self, part: Json, values: Mapping[str, Given]) -> Json:
        """One part of a modal, and what is in it."""
        shell: Json = {"type": part["type"], "id": part.get("id", 0)}
        if part["type"] == ROW:
            return shell | {"components": [self.part(inner, values) for inner in part["components"]]}
        if part["type"] == LABEL:
            inner = part["component"] | {"label": part["label"]}
            return shell | {"component": self.part(inner, values)}
        if "custom_id" not in part:
            return shell
        given = values.get(part["custom_id"], values.get(part.get("label") or ""))
        return shell | {"custom_id": part["custom_id"]} | self._entered(part, given)

    def _entered(self, part: Json, given: Any) -> Json:
        if part.get("required", True) and given is None and part["type"] != CHECKBOX:
            raise LookupError(f"{part['custom_id']} is required")
        if part["type"] == UPLOAD:
            return {"values": [self.named(FILE, upload) for upload in given or ()]}
        if part["type"] in LISTS:
            return {"values": [given] if isinstance(given, str) else list(given or ())}
        if part["type"] == INPUT and len(given or "") > part.get("max_length", INPUT_SIZE):
            raise ValueError(f"{part['custom_id']} takes no more than {part.get('max_length', INPUT_SIZE)} characters")
        return {"value": "" if part["type"] == INPUT and given is None else given}

    def _person(self, user: str) -> str:
        guild = self.world.guilds.get(self.place.guild or "")
        if guild and user in dict(guild.members):
            granted = str(int(self.world.permissions(user, self.place)))
            self._keep("members", user, member_json(guild, user) | {"permissions": granted})
        return self._keep("users", user, user_json(self.world.users[user]))

    def _keep(self, kind: str, key: str, shown: Json) -> str:
        self.resolved.setdefault(kind, {})[key] = shown
        return key


def filled(
    filling: Filling, command: Json, words: str, options: Mapping[str, Given], focused: tuple[str, str] | None = None
) -> Json:
    """The data of a slash command. Raises `LookupError` or `ValueError` for what a client wouldn't send."""
    levels = _levels(command, words)
    declared = (levels[-1] if levels else command).get("options") or []
    unknown = set(options) - {option["name"] for option in declared}
    if unknown:
        raise LookupError(f"/{words} has no {sorted(unknown)}")
    given = _values(filling, declared, options, focused)
    for level in reversed(levels):
        given = [{"name": level["name"], "type": level["type"], "options": given}]
    body: Json = {"id": command["id"], "name": command["name"], "type": 1, "options": given}
    scoped = {"guild_id": command["guild_id"]} if "guild_id" in command else {}
    return filling.carried(body | scoped)


def picked(post: Post, component: str, values: Sequence[str]) -> Json:
    """The data of a press on the component of that custom id, label or emoji. Raises `LookupError` for one that is not there."""
    for part in walk(post.components):
        names = {part.get("custom_id"), part.get("label"), (part.get("emoji") or {}).get("name")}
        if component in names and "custom_id" in part and not part.get("disabled"):
            body: Json = {"custom_id": part["custom_id"], "component_type": part["type"], "id": part["id"]}
            return body if part["type"] == BUTTON else body | {"values": list(values)}
    raise LookupError(f"nothing to press is called {component}")


def submitted(filling: Filling, modal: Json, values: Mapping[str, Given]) -> Json:
    """The data of a modal that was sent with `values`, by custom id or label."""
    known = {key for part in walk(modal["components"]) for key in (part.get("custom_id"), part.get("label"))}
    if set(values) - known:
        raise LookupError(f"the modal has no {sorted(set(values) - known)}")
    parts = [filling.part(part, values) for part in modal["components"]]
    return filling.carried({"custom_id": modal["custom_id"], "components": parts})


def _levels(command: Json, words: str) -> list[Json]:
    levels: list[Json] = []
    for word in words.split()[1:]:
        declared = (levels[-1] if levels else command).get("options") or []
        found = [option for option in declared if option["name"] == word and option["type"] in {SUBCOMMAND, GROUP}]
        if not found:
            raise LookupError(f"there is no /{words}")
        levels += found
    return levels


def _values(
    filling: Filling, declared: Sequence[Json], options: Mapping[str, Given], focused: tuple[str, str] | None
) -> list[Json]:
    found: list[Json] = []
    for option in declared:
        name, kind = option["name"], option["type"]
        if focused and name == focused[0]:
            found.append({"name": name, "type": kind, "value": focused[1], "focused": True})
        elif name in options:
            found.append({"name": name, "type": kind, "value": filling.option(option, options[name])})
        elif option.get("required") and not focused:
            raise LookupError(f"{name} is required")
    return found


def _bounded(option: Json, value: Any) -> Any:
    unit = "length" if option["type"] == TEXT else "value"
    size = len(value) if option["type"] == TEXT else value
    least, most = option.get(f"min_{unit}"), option.get(f"max_{unit}")
    if (least is not None and size < least) or (most is not None and size > most):
        raise ValueError(f"{value} is out of the bounds of {option['name']}")
    return value
