"""Command registry: rows of words, parameters, rank and function. A new command is one row and one function."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from core.billing.cache_lifetimes import AUTO, CacheSetting
from core.claude.model_catalog import ModelCatalog
from core.commands.lines.options import (
    NAME,
    Parameter,
    ParameterKind,
    UsageError,
    find_trailing_parameter,
    format_usage,
    is_list,
    parse_options,
    tell_usage,
)
from core.commands.lines.slips import FEW, find_meant_command, find_near_commands
from core.domain.clock import Clock
from core.domain.messages import CommandResult, Question, Rank
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.platform import Surface
from core.domain.wording import parse_dollars
from core.files.reader import FileReader
from core.library.library import PersonaLibrary
from core.prompting.request import Request
from core.store.protocols import Store
from core.tools.registry import ToolRegistry

__all__ = ["Parameter", "ParameterKind", "UsageError", "format_usage", "parse_options"]  # rows are made of them

_PERSON = re.compile(r"<@!?(\w+)(?:\|[^<>]*)?>|(\w+)")
_SEVERAL = re.compile(r"#?[0-9]{1,9}(?:[\s,-]+#?[0-9]{1,9})+|all|\*", re.IGNORECASE)  # numbers, in the place of one
NUMBER = 12  # digits of a whole number
IN_MENU = "Where messages have a menu, it is there too."
BELOW_ANSWER = "Where answers have buttons, the one below the answer does it too."
MEMBERS_ONLY = "Only members of this workspace can ask me. Whoever runs this bot can open it to guests."


class RankTooLow(UsageError):
    """Who gave a command may not."""


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The store, clock and other dependencies of all commands."""

    store: Store
    defaults: Persona
    clock: Clock
    model: Callable[[str], Awaitable[Model]]
    compose: Callable[[Question, Surface], Awaitable[Request]]
    """The request that the thread of a question would make now."""
    table: "Sequence[Command]"
    zone: str
    """Where days begin in a workspace that has chosen no time zone."""
    catalog: ModelCatalog | None = None
    """The models there are; without it, `model` is believed."""
    guests: bool = False
    """Whether people of other workspaces may ask, and so give the commands of those who may."""
    models: Sequence[str] = ()
    """The models that may be chosen; none named: any."""
    tools: ToolRegistry = field(default_factory=ToolRegistry)
    """The tools that may be chosen."""
    heartbeat: Callable[[], Awaitable[None]] | None = None
    """Learns at once which questions were withdrawn, and takes up those that may go on."""
    managers_approve: bool = False
    """Whether also those who manage a channel may let a tool act there, in the name of who asked."""
    library: PersonaLibrary = field(default_factory=PersonaLibrary)
    files: FileReader = field(default_factory=FileReader)
    ttl: CacheSetting = AUTO  # how long prompts are cached
    batches: bool = False  # whether what answers takes requests at half the price
    file_hints: Mapping[str, str] = field(default_factory=dict)
    """How a file is given with a command, by platform, in a sentence."""
    public_url: str = ""  # where the dashboard is reached; empty where it is not


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command as it was given: by whom and where (`question`), with what."""

    question: Question
    values: Mapping[str, str]
    surface: Surface
    context: CommandContext


@dataclass(frozen=True, slots=True)
class Command:
    """A command: `words` name it, and `rank` is the least that may give it.

    `private` answers only the person; so do the values in `whispered`, written as people give them: `of=me`. With those
    in `public` everybody is answered.
    `stricter` are values that need a higher rank, or names of such with any value; each with what is said below it.
    """

    words: str
    about: str
    run: Callable[[Invocation], Awaitable[CommandResult]]
    parameters: tuple[Parameter, ...] = ()
    rank: Rank = Rank.MEMBER
    private: bool = False
    whispered: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    action: str = ""
    """What it is called in a message's menu, where platforms have one; the message's id is its value `message`."""
    title: str = ""
    """What a button is called that opens a form of it, and that form."""
    asks: str = ""
    """What Claude is asked, privately, about the message in whose menu it was chosen; its values stand in braces."""
    task: Callable[..., Awaitable[object]] | None = None
    """Has Claude answer it, to its giver alone; `run` never does. See core.commands.craft.task."""
    stricter: Mapping[str, tuple[Rank, str]] = field(default_factory=dict)
    check: Callable[[Mapping[str, str]], None] | None = None
    """Raises UsageError for values that can't be used together."""
    rehearse: Callable[[Invocation], Awaitable[None]] | None = None
    """Raises UsageError where `run` would, and changes nothing."""
    foresee: Callable[[Invocation], Awaitable[None]] | None = None
    """Raises UsageError for what is wrong with the values that are there before a form asks for the others."""
    takes_files: bool = False
    """Whether the files of the message that gives it are for it."""
    aliases: tuple[str, ...] = ()  # other words that give it too
    verbs: tuple[str, ...] = ()
    """Words of other commands: an alias with nearly one of them alone behind it means that command, and no text."""
    repeatable: bool = False
    """Whether it may be given on a schedule, where everybody sees what it says."""

    def list_ranks(self, given: Mapping[str, str]) -> list[tuple[Rank, str]]:
        """Every rank that it takes to give the command with these values, and what is said to who has not got it."""
        who = "those who manage this channel" if self.rank is Rank.MANAGER else "those who manage the whole workspace"
        own = MEMBERS_ONLY if self.rank <= Rank.MEMBER else f"Only {who} can use `{self.words}`."
        keys = {
            key for name, value in given.items() if value.strip() for key in (name, f"{name}={value.strip().lower()}")
        }
        return [(self.rank, own), *(needed for key, needed in self.stricter.items() if key in keys)]

    def is_above(self, rank: Rank, given: Mapping[str, str]) -> bool:
        """Whether it takes a higher rank to give the command with these values."""
        return any(rank < needed for needed, _ in self.list_ranks(given))

    def whispers(self, given: Mapping[str, str]) -> bool:
        """Whether only the person is answered, with these values."""
        values = {f"{name}={value.strip().lower()}" for name, value in given.items()}
        return (self.private and not values & {*self.public}) or bool(values & {*self.whispered})

    def parameter(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if one.name == name), None)


def suggest_values(parameter: Parameter, typed: str) -> list[str]:
    """The values that may be meant by what is typed so far, of a parameter with choices; of a list its last word."""
    head, comma, last = typed.rpartition(",") if parameter.kind is ParameterKind.LIST else ("", "", typed)
    chosen = {word.strip().lower() for word in head.split(",")}
    found = (choice for choice in parameter.choices if last.strip().lower() in choice.lower())
    return [f"{head}{comma}{choice}" for choice in found if choice not in chosen]


def stands_nowhere(question: Question) -> bool:
    """Whether a command was given in no conversation: a slash command in a channel, or a message that begins one."""
    return question.key.thread in {"", question.name}


def explain_place(table: Sequence[Command], words: str) -> str:
    """How a command that stands nowhere is given where it means something."""
    row, _ = find_command(table, words)
    return (
        f"Here I can't tell which conversation you mean. Mention me and write `!{words}` in its thread, or in a reply "
        f"to one of its messages. {IN_MENU if row.action else BELOW_ANSWER}"
    )


def find_command(table: Sequence[Command], line: str) -> tuple[Command, str]:
    """Look up the command that `line` begins with; what follows it. Raises UsageError with the nearest words."""
    words = line.split()
    for count in (3, 2, 1):
        name = " ".join(words[:count]).lower()
        for row in table:
            if name in {row.words, *row.aliases} and len(words) >= count:
                return row, "".join(line.split(maxsplit=count)[count:])
    raise UsageError(suggest_commands(table, " ".join(words[:2]).lower()))


def is_task(table: Sequence[Command], line: str) -> bool:
    """Whether a line gives a command that Claude answers."""
    try:
        return find_command(table, line)[0].task is not None
    except UsageError:
        return False


def is_answered_privately(table: Sequence[Command], line: str) -> bool:
    """Whether a command is answered to its giver alone; one that is none is."""
    try:
        row, rest = find_command(table, line)
        return row.whispers(_read_options(row, rest))
    except UsageError:
        return True


def find_missing_text(
    table: Sequence[Command],
    line: str,
    values: Mapping[str, str],
    kinds: AbstractSet[ParameterKind] = frozenset({ParameterKind.LONG}),
) -> tuple[Command, Parameter] | None:
    """The long text, or other of these `kinds`, that a command still needs: ask for it, as with a form.

    None if it needs none or is no command.
    """
    try:
        row, rest = find_command(table, line)
        given = _read_options(row, rest) | dict(values)
    except UsageError:
        return None
    return next(((row, one) for one in list_missing(row, given) if one.kind in kinds), None)


def list_missing(row: Command, given: Mapping[str, str]) -> list[Parameter]:
    """What a command needs and has not: a form has to ask for it."""
    return [one for one in row.parameters if one.required and not given.get(one.name, "").strip()]


def explain_missing(parameter: Parameter) -> str:
    """What stands below an empty field of a form."""
    return f"Fill this in: {parameter.about}."


def parse_values(row: Command, rest: str, given: Mapping[str, str], *, whole: bool = True) -> dict[str, str]:
    """Parse and check a command's values, from the rest of its line and as given beside it. Raises UsageError.

    Where they are not the `whole` of them, what it needs may be missing.
    """
    written, given = _read_options(row, rest), _read_led_texts(row, given)
    emptied = {name for name, value in written.items() if not value and is_list(row.parameter(name))}  # `tools=`
    found = {name: value.strip() for name, value in (written | dict(given)).items() if value.strip() or name in emptied}
    for parameter in row.parameters:
        if parameter.name in found:
            found[parameter.name] = _check_value(row, parameter, found[parameter.name])
        elif parameter.required and whole:
            raise UsageError(
                f"`{row.words}` needs {parameter.name}: {parameter.about}. {tell_usage(row)}",
                parameter.name,
            )
    if row.check is not None and whole:
        row.check(found)
    return found


def _read_options(row: Command, rest: str) -> dict[str, str]:
    """The options of a line, and its text. Raises UsageError, also for a text that means another command."""
    if meant := find_meant_command(row.words.partition(" ")[0], rest, row.verbs):
        raise UsageError(meant)
    return parse_options(row, rest)


def _read_led_texts(row: Command, given: Mapping[str, str]) -> dict[str, str]:
    """Values, with the options that stand in the field of a text. Raises UsageError."""
    found = dict(given)
    for name in (one.name for one in row.parameters if one.led and one.name in given):
        inner = parse_options(row, given[name])
        if twice := next((one for one in inner if one != name and given.get(one, "").strip()), None):
            raise UsageError(f"{twice} is given more than once. {tell_usage(row)}", twice)
        found |= {name: "", **inner}
    return found


def is_misgiven(row: Command, given: Mapping[str, str]) -> bool:
    """Whether a command can't be used with these values, as far as they alone tell."""
    try:
        parse_values(row, "", given)
    except UsageError:
        return True
    return False


def read_invocation(question: Question, surface: Surface, context: CommandContext) -> tuple[Command, Invocation]:
    """The command that a question gives, and what it was given with. Raises UsageError."""
    row, rest = find_command(context.table, question.command or "")
    return row, Invocation(question, parse_values(row, rest, question.values), surface, context)


async def run_command(row: Command, call: Invocation) -> CommandResult:
    """Authorise and run a command. Raises RankTooLow."""
    await check_rank(row, call)
    return await row.run(call)


async def check_rank(row: Command, call: Invocation) -> None:
    """Authorise a command. Raises RankTooLow.

    The platform is asked for a rank only where it matters: who may ask may give what needs no rank.
    """
    ranks = row.list_ranks(call.values)
    lowest = Rank.MEMBER if call.context.guests else Rank.GUEST
    if any(needed > lowest for needed, _ in ranks):
        rank = await call.surface.rank(call.question.person)
        for needed, sentence in ranks:
            if rank < needed > lowest:
                raise RankTooLow(sentence)


async def name_giver(call: Invocation) -> str:
    """Who gave the command, as the platform shows them."""
    return await name_person(call.surface, call.question.person)


async def name_askers(surface: Surface, people: Iterable[str]) -> str:
    """Who asked, as the platform shows them, in the middle of a sentence."""
    return " or ".join([await name_person(surface, one) for one in sorted(people)])


async def name_person(surface: Surface, person: str) -> str:
    """A person as the platform shows them; a name that could be markup stands as code."""
    name = " ".join((await surface.names({person})).get(person, person).replace("`", "'").split())
    return name if all(letter.isalnum() or letter in " .'-" for letter in name) else f"`{name}`"


def _check_value(row: Command, parameter: Parameter, value: str) -> str:
    """A value as its command takes it: of a person their id. Raises UsageError."""
    name, kind = parameter.name, parameter.kind
    value = value.strip("\"'` ").removeprefix("#").removesuffix(".") if kind is ParameterKind.NUMBER else value
    if kind is ParameterKind.NUMBER and value.lower() in parameter.choices:
        return value.lower()
    if kind is ParameterKind.CHOICE:
        if value.lower() not in parameter.choices:
            raise UsageError(_explain_choices(row, parameter, value), name)
        return value.lower()
    if kind is ParameterKind.NUMBER and not (value.isascii() and value.isdigit() and len(value) <= NUMBER):
        once = " Give one at a time." if _SEVERAL.fullmatch(value) else ""
        raise UsageError(f"{name} is a whole number; `{value[:NAME]}` is not.{once}", name)
    if kind is ParameterKind.MONEY:
        return _check_money(name, value)
    if kind is not ParameterKind.PERSON:
        return value
    if not (person := _PERSON.fullmatch(value)):
        raise UsageError(f"{name} is a person, mentioned with @; `{value[:NAME]}` is not.", name)
    return person[1] or person[2]


def _explain_choices(row: Command, parameter: Parameter, value: str) -> str:
    """What there is in the place of a value that is none of a parameter's."""
    if len(parameter.choices) > 1 or parameter is not find_trailing_parameter(row):
        return f"{parameter.name} is one of {', '.join(parameter.choices)}; `{value[:NAME]}` is not."
    return f"Write `{row.words}` or `{row.words} {parameter.choices[0]}`; `{value[:NAME]}` is neither."


def _check_money(name: str, value: str) -> str:
    """An amount of dollars, without its sign. Raises UsageError."""
    if (amount := parse_dollars(value)) is None:
        raise UsageError(f"{name} is an amount of US dollars such as 25 or 12.50; `{value[:NAME]}` is not.", name)
    return amount


def suggest_commands(table: Sequence[Command], name: str) -> str:
    """That there is no command of this name, and which may be meant."""
    known, name = [row.words for row in table], name[:NAME]
    first = name.partition(" ")[0]
    group = [one for one in known if one.partition(" ")[0] == first]
    if name == first and len(group) > FEW:
        shown = ", ".join(f"`{one}`" for one in group[:FEW])
        return f"`{name}` alone is no command. `help {name}` shows all {len(group)} that begin so: {shown} and others."
    near = find_near_commands(name, known)
    meant = f" Did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""
    return f"There is no command `{name}`.{meant} `help{f' {first}' if group else ''}` lists them all."
