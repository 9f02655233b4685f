"""Slash commands: core's table of commands as Discord's typed ones, and `/ask`."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter as Argument
from inspect import Signature
from itertools import groupby
from textwrap import shorten
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import AppCommandContext, AppInstallationType, Choice, ContextMenu, Group

from bots.discord.installed.place import PERSONAL
from core.commands.registry import Command, Parameter, ParameterKind, suggest_values
from core.domain.messages import Rank

ASK = "ask"
FILE = "file"  # the option of a command that takes one
CHOICES = 25  # suggestions that Discord takes at once
DESCRIPTION = 100  # characters of what a command is about
MODEL = "model"  # the parameter whose suggestions are the models that are known
SHOWN = 100  # characters of a suggestion; Discord refuses longer ones
TITLE = 45  # characters of a form's title
FIELDS = 5  # that a form takes
FORM = 4000  # characters of a text in a form; Discord's own limit

Interaction = discord.Interaction[discord.Client]
SlashCommand = app_commands.Command[Any, ..., Any]
Built = SlashCommand | Group | ContextMenu
Give = Callable[[Interaction, Command, Mapping[str, str], Sequence[discord.Attachment]], Awaitable[None]]
"""A person gave a command, with these values and files."""
Ask = Callable[[Interaction, str, bool], Awaitable[None]]
"""A person asked with `/ask`: the prompt, and whether only they shall see the answer."""
Suggest = Callable[[Command, Parameter, str], Awaitable[Sequence[str | tuple[str, str]]]]
"""What could be meant by what is typed so far: values, or pairs of a value and how it is shown."""
Submit = Callable[[Interaction, Mapping[str, str]], Awaitable[None]]
"""A person filled a form in, with these texts."""
Choose = Callable[[Interaction, Command, discord.Message], Awaitable[None]]
"""A person chose a command in the menu of this message."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Where a command is offered: in which kinds of places, and by whose installation of us.

    Stated in full: what is left out of a command is filled from the tree's own.
    """

    contexts: AppCommandContext
    installs: AppInstallationType


MEMBER = Availability(
    AppCommandContext(guild=True, dm_channel=True, private_channel=False), AppInstallationType(guild=True, user=False)
)
"""In servers that we are in, and in direct messages with us."""
ANYWHERE = Availability(
    AppCommandContext(guild=True, dm_channel=True, private_channel=True), AppInstallationType(guild=True, user=True)
)
"""There, and wherever a person is who has installed us for themselves."""

_TYPES: dict[ParameterKind, Any] = {
    ParameterKind.NUMBER: int,
    ParameterKind.PERSON: discord.User,
}


def build_commands(
    table: Sequence[Command], ask: Ask, give: Give, suggest: Suggest, choose: Choose, *, installable: bool = False
) -> list[Built]:
    """The commands of `table`, those of two words in groups, `/ask`, and what hangs in a message's menu.

    What begins as `/ask` does is no command of its own: it is in that menu, and given in words. `installable`: people
    may take us along to where we are no member, with what means something there.
    """
    anywhere = ANYWHERE if installable else MEMBER
    built: list[Built] = [_build_ask(ask, anywhere)]
    typed = [row for row in table if row.words.split()[0] != ASK]
    for word, rows in groupby(sorted(typed, key=lambda row: row.words), key=lambda row: row.words.split()[0]):
        commands = list(rows)
        offer = anywhere if word in PERSONAL else MEMBER
        alone = len(commands[0].words.split()) == 1
        built.append(
            _build_command(commands[0], give, suggest, offer)
            if alone
            else _build_group(word, commands, give, suggest, offer)
        )
    # The library registers five entries of a menu: what takes files is given with a mention.
    return [*built, *(_build_action(row, choose, anywhere) for row in table if row.action and not row.takes_files)]


async def sync_commands(tree: app_commands.CommandTree[Any], known: str | None) -> str:
    """Register the commands with Discord, unless their fingerprint is `known`; the fingerprint.

    Raises discord.HTTPException.
    """
    payload = [command.to_dict(tree) for command in tree.get_commands()]
    fingerprint = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    if fingerprint != known:
        await tree.sync()
    return fingerprint


async def suggest_choices(row: Command, parameter: Parameter, typed: str) -> Sequence[str]:
    """The parameter's own choices, as far as they hold what is typed."""
    return suggest_values(parameter, typed)


class TextForm(discord.ui.Modal):
    """A form (modal) that asks for texts of a command."""

    def __init__(self, title: str, parameters: Sequence[Parameter], submit: Submit) -> None:
        super().__init__(title=title[:TITLE], timeout=3600)
        self._submit = submit
        self._texts: dict[str, discord.ui.TextInput[discord.ui.Modal]] = {}
        for parameter in parameters[:FIELDS]:
            long = parameter.kind is ParameterKind.LONG
            style = discord.TextStyle.paragraph if long else discord.TextStyle.short
            text: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
                custom_id=parameter.name, style=style, max_length=FORM, required=True
            )
            about = parameter.about[:1].upper() + parameter.about[1:]
            self._texts[parameter.name] = text
            self.add_item(discord.ui.Label(text=parameter.name, description=about[:100], component=text))

    async def on_submit(self, interaction: Interaction) -> None:
        await self._submit(interaction, {name: text.value for name, text in self._texts.items()})


def _build_ask(ask: Ask, offer: Availability) -> SlashCommand:
    async def run(interaction: Interaction, prompt: str, private: bool = False) -> None:
        await ask(interaction, prompt, private)

    run = app_commands.describe(
        prompt="What you want to know", private="Only you see the answer, and nothing of it is kept"
    )(run)
    return app_commands.Command(
        name=ASK,
        description="Ask Claude",
        callback=run,
        allowed_contexts=offer.contexts,
        allowed_installs=offer.installs,
    )


def _build_group(word: str, rows: Sequence[Command], give: Give, suggest: Suggest, offer: Availability) -> Group:
    """Discord hides a group from those below the least rank in it; who may do what is checked when it is done."""
    about = f"{word.capitalize()}: " + ", ".join(row.words.split()[1] for row in rows)
    group = Group(
        name=word,
        description=shorten(about, DESCRIPTION, placeholder=" ..."),
        allowed_contexts=offer.contexts,
        allowed_installs=offer.installs,
        default_permissions=_choose_permissions(min(row.rank for row in rows)),
    )
    for row in rows:
        group.add_command(_build_command(row, give, suggest, offer))
    return group


def _build_command(row: Command, give: Give, suggest: Suggest, offer: Availability) -> SlashCommand:
    """The command of one row. Its callback has the row's parameters in its signature, which the library reads."""

    async def run(interaction: Interaction, **given: Any) -> None:
        file = given.pop(FILE, None)
        await give(interaction, row, _format_values(given), [file] if file else [])

    arguments = [Argument("interaction", Argument.POSITIONAL_OR_KEYWORD)]
    arguments += [_build_argument(parameter) for parameter in row.parameters]
    if row.takes_files and row.task:  # what is kept for long has to hang on a message, with which it goes
        arguments.append(Argument(FILE, Argument.KEYWORD_ONLY, default=None, annotation=discord.Attachment | None))
    run.__signature__ = Signature(arguments)  # type: ignore[attr-defined]  # functions may have one
    run = app_commands.rename(**{_spell(one): one.name for one in row.parameters})(run)
    run = app_commands.describe(**{_spell(one): one.about[:100] for one in row.parameters})(run)
    run = app_commands.choices(
        **{_spell(one): _build_choices(one) for one in row.parameters if one.kind is ParameterKind.CHOICE}
    )(run)
    command: SlashCommand = app_commands.Command(
        name=row.words.split()[-1],
        description=row.about[:100],
        callback=run,
        allowed_contexts=offer.contexts,
        allowed_installs=offer.installs,
    )
    command.default_permissions = _choose_permissions(row.rank)
    for parameter in row.parameters:
        if parameter.kind is not ParameterKind.CHOICE and (parameter.choices or parameter.name == MODEL):
            command.autocomplete(_spell(parameter))(_build_autocomplete(row, parameter, suggest))
    return command


def _build_action(row: Command, choose: Choose, offer: Availability) -> ContextMenu:
    """The entry of a row in the menu of each message."""

    async def run(interaction: Interaction, message: discord.Message) -> None:
        await choose(interaction, row, message)

    return ContextMenu(name=row.action, callback=run, allowed_contexts=offer.contexts, allowed_installs=offer.installs)


def _build_argument(parameter: Parameter) -> Argument:
    """A long text is always optional: where it is missing a form asks for it. A number that may be a word is text."""
    kind = str if parameter.choices else _TYPES.get(parameter.kind, str)
    needed = parameter.required and parameter.kind is not ParameterKind.LONG
    default = Argument.empty if needed else None
    annotation = kind if needed else kind | None
    return Argument(_spell(parameter), Argument.KEYWORD_ONLY, default=default, annotation=annotation)


def _spell(parameter: Parameter) -> str:
    """A parameter's name as Python takes it, for which `as` is none."""
    return f"{parameter.name}_"


def _build_choices(parameter: Parameter) -> list[Choice[str]]:
    return [Choice(name=choice, value=choice) for choice in parameter.choices[:CHOICES]]


def _choose_permissions(rank: Rank) -> discord.Permissions | None:
    """Who sees a command until the server's own settings say otherwise."""
    return discord.Permissions(manage_channels=True) if rank >= Rank.MANAGER else None


def _build_autocomplete(row: Command, parameter: Parameter, suggest: Suggest) -> Callable[[Interaction, str], Any]:
    async def complete(interaction: Interaction, typed: str) -> list[Choice[str]]:
        found = await suggest(row, parameter, typed)
        pairs = [(one, one) if isinstance(one, str) else one for one in found[:CHOICES]]
        return [Choice(name=shown[:SHOWN], value=value) for value, shown in pairs if len(value) <= SHOWN]

    return complete


def _format_values(given: Mapping[str, Any]) -> dict[str, str]:
    """What was given, in words: a person by their id."""
    return {
        name.removesuffix("_"): str(getattr(value, "id", value)) for name, value in given.items() if value is not None
    }
