"""Application commands: what the bot registers, checked as Discord checks it."""

from typing import Any

from tests.fakes.discord.nouns import Channel, Json, Permission
from tests.fakes.discord.refusals import malformed, refused
from tests.fakes.discord.rest import Ask, Route
from tests.fakes.discord.world import APPLICATION, World

COMMANDS = {1: 100, 2: 15, 3: 15}  # of each type: slash, user, message
OPTIONS = CHOICES = 25
SIZE = 8000  # characters of a command's names, descriptions and values
NAME = 32
DESCRIPTION = 100
CREATES = 200  # new commands a day in one place
DAY = 24 * 3600
CONTEXTS = GUILD, BOT_DM, PRIVATE = 0, 1, 2
INSTALLS = 0, 1  # by a guild, by a person
GROUPS = {1, 2}  # subcommand, subcommand group
OPTION_TYPES = range(1, 12)
COMMAND = {
    "id",
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "options",
    "default_member_permissions",
    "dm_permission",
    "nsfw",
    "integration_types",
    "contexts",
}
OPTION = {
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "required",
    "choices",
    "options",
    "channel_types",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
    "autocomplete",
}


class Commands:
    """The application's commands, global ones under None and each guild's own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str | None, list[Json]] = {None: []}
        self._created: list[float] = []

    def routes(self) -> dict[str, Route]:
        whole, one = "/applications/{application}/commands", "/applications/{application}/guilds/{guild}/commands"
        return {f"PUT {whole}": self.put, f"GET {whole}": self.get, f"PUT {one}": self.put, f"GET {one}": self.get}

    def get(self, ask: Ask) -> list[Json]:
        return self._kept.get(self._place(ask), [])

    def put(self, ask: Ask) -> list[Json]:
        """All commands of a place at once; one that keeps its name keeps its id."""
        place = self._place(ask)
        for kind, most in COMMANDS.items():
            if sum(command.get("type", 1) == kind for command in ask.items) > most:
                raise malformed("commands", "APPLICATION_COMMANDS_MAX", f"At most {most} commands of type {kind}.")
        for number, command in enumerate(ask.items):
            check(command, str(number))
        names = [(command.get("type", 1), command["name"]) for command in ask.items]
        for number, name in enumerate(names):
            if name in names[:number]:
                code = "APPLICATION_COMMANDS_DUPLICATE_NAME"
                raise malformed(f"{number}.name", code, "Application command names must be unique")
        old = {(command["type"], command["name"]): command for command in self._kept.get(place, [])}
        self._count(len(set(names) - set(old)))
        self._kept[place] = [self._stored(command, old, place) for command in ask.items]
        return self._kept[place]

    def visible(self, user: str, channel: Channel) -> list[Json]:
        """What a person is offered in a place: of the application's own there, and of what they have installed."""
        world, guild = self._world, channel.guild
        own = self._kept.get(guild, []) if guild and world.ours(channel) else []
        context = GUILD if guild else BOT_DM if world.ours(channel) else PRIVATE
        installs = {kind for kind, here in ((0, world.ours(channel)), (1, user in world.installs)) if here}
        granted = world.permissions(user, channel)
        return [
            command
            for command in (*own, *self._kept[None])
            if installs & set(command["integration_types"]) and _offered(command, context, granted, dm=guild is None)
        ]

    def widen(self) -> None:
        """Let the global commands be offered in all places, and for all installations."""
        for command in self._kept[None]:
            command |= {"contexts": list(CONTEXTS), "integration_types": list(INSTALLS)}

    def _place(self, ask: Ask) -> str | None:
        if ask.path["application"] != APPLICATION:
            raise refused(20012)
        guild = ask.path.get("guild")
        if guild is not None and guild not in self._world.guilds:
            raise refused(50001)
        return guild

    def _count(self, new: int) -> None:
        now = self._world.clock()
        self._created = [at for at in self._created if now - at < DAY]
        if len(self._created) + new > CREATES:
            raise refused(30034)
        self._created += [now] * new

    def _stored(self, command: Json, old: dict[Any, Json], place: str | None) -> Json:
        before = old.get((command.get("type", 1), command["name"]), {})
        permissions = command.get("default_member_permissions")
        filled: Json = {"type": 1, "description": "", "options": [], "nsfw": False, "contexts": None} | command
        filled |= {"integration_types": command.get("integration_types") or [0]}
        filled |= {"default_member_permissions": None if permissions is None else str(permissions)}
        filled |= {"id": before.get("id") or self._world.snowflake(), "application_id": APPLICATION}
        filled |= {"guild_id": place} if place else {}
        same = filled == {key: value for key, value in before.items() if key != "version"}
        return filled | {"version": before["version"] if same else self._world.snowflake()}


def check(command: Json, path: str) -> None:
    """Refuse a command that Discord refuses."""
    _known(command, COMMAND, path)
    for field, allowed in (("contexts", CONTEXTS), ("integration_types", INSTALLS)):
        for number, value in enumerate(command.get(field) or ()):
            if value not in allowed:
                where = f"{path}.{field}.{number}"
                raise malformed(where, "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")
    kind = command.get("type", 1)
    _named(command, path, slash=kind == 1)
    if kind == 1:
        _options(command.get("options") or [], path)
    elif command.get("description") or command.get("options"):
        raise malformed(f"{path}.description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", "Must be empty.")
    if _size(command) > SIZE:
        raise malformed(path, "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({SIZE})")


def _options(options: list[Json], path: str) -> None:
    if len(options) > OPTIONS:
        raise malformed(f"{path}.options", "BASE_TYPE_MAX_LENGTH", f"Must be {OPTIONS} or fewer in length.")
    seen, optional = set[str](), False
    for number, option in enumerate(options):
        here = f"{path}.options.{number}"
        _option(option, here)
        if option["name"] in seen:
            raise malformed(here, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")
        if option.get("required") and optional:
            late = "Required options must be placed before non-required options"
            raise malformed(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", late)
        seen.add(option["name"])
        optional = optional or not option.get("required")
    if len({option["type"] in GROUPS for option in options}) > 1:
        mixed = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        raise malformed(f"{path}.options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", mixed)


def _option(option: Json, path: str) -> None:
    _known(option, OPTION, path)
    if option.get("type") not in OPTION_TYPES:
        raise malformed(f"{path}.type", "BASE_TYPE_CHOICES", "Value must be one of the option types.")
    _named(option, path, slash=True)
    choices = option.get("choices") or []
    if len(choices) > CHOICES:
        raise malformed(f"{path}.choices", "BASE_TYPE_MAX_LENGTH", f"Must be {CHOICES} or fewer in length.")
    for number, choice in enumerate(choices):
        if not 1 <= len(choice["name"]) <= DESCRIPTION or len(str(choice["value"])) > DESCRIPTION:
            where = f"{path}.choices.{number}.name"
            raise malformed(where, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {DESCRIPTION} in length.")
    if choices and option.get("autocomplete"):
        raise malformed(path, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID", "Choices exclude autocomplete")
    if option["type"] in GROUPS:
        _options(option.get("options") or [], path)


def _named(thing: Json, path: str, *, slash: bool) -> None:
    name, description = thing.get("name") or "", thing.get("description") or ""
    plain = all(letter.isalnum() or letter in "-_'" for letter in name) and name == name.lower()
    if not 1 <= len(name) <= NAME or (slash and not plain):
        code = "APPLICATION_COMMAND_INVALID_NAME"
        raise malformed(f"{path}.name", code, "Command name is invalid")
    if slash and not 1 <= len(description) <= DESCRIPTION:
        where = f"{path}.description"
        raise malformed(where, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {DESCRIPTION} in length.")


def _known(thing: Json, known: set[str], path: str) -> None:
    for field in thing:
        if field not in known:
            raise malformed(f"{path}.{field}", "UNKNOWN_FIELD", "This field is not known.")


def _size(thing: Json) -> int:
    own = len(thing.get("name") or "") + len(thing.get("description") or "")
    chosen = sum(len(choice["name"]) + len(str(choice["value"])) for choice in thing.get("choices") or [])
    return own + chosen + sum(_size(option) for option in thing.get("options") or [])


def _offered(command: Json, context: int, permissions: Permission, *, dm: bool) -> bool:
    contexts, wanted = command.get("contexts"), command["default_member_permissions"]
    here = context in (contexts if contexts is not None else {GUILD, BOT_DM})
    if dm or wanted is None:
        return here
    needed = int(wanted) or int(Permission.ADMINISTRATOR)
    return here and int(permissions) & needed == needed
