"""The `example` commands: questions kept with a persona, each with what a good answer must and must not say."""

from collections.abc import Mapping
from dataclasses import replace

from core.commands.persona import OWNERS, WHERE, WHY, find_place, name_place, store_version
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError, name_giver
from core.domain.messages import CommandResult, Rank
from core.domain.personas import Example, Persona, Version
from core.library.persona_files import CLAIMS, EXAMPLES, LONGEST_WORDS
from core.rendering.names import write_name

NONE = "No examples are kept with this persona. `example add` keeps one, and `persona test` tests with all of them."
NOTHING_WANTED = (
    "Say what a good answer must say, or must not: "
    '`example add must="names a day; is polite" must_not="names a price" When do we meet?`'
)


async def add_example(call: Invocation) -> CommandResult:
    """Keep one more example, as a new version of the persona. Raises UsageError."""
    held, examples = await _read_held(call)
    new = _parse_example(call.values)
    if new in examples:
        raise UsageError("This example is kept already.")
    if len(examples) >= EXAMPLES:
        raise UsageError(f"A persona has at most {EXAMPLES} examples. Take one out with `example remove`.")
    return await _keep(call, held, (*examples, new), "one more example")


async def list_examples(call: Invocation) -> CommandResult:
    _, examples = await _read_held(call)
    if not examples:
        return CommandResult(NONE)
    return CommandResult("\n".join(_describe(number, one) for number, one in enumerate(examples, 1)))


async def remove_example(call: Invocation) -> CommandResult:
    """Keep one example less, as a new version of the persona. Raises UsageError."""
    held, examples = await _read_held(call)
    number = int(call.values["number"])
    if not 1 <= number <= len(examples):
        raise UsageError(f"There is no example {number} here. `example list` numbers them.", "number")
    return await _keep(call, held, examples[: number - 1] + examples[number:], "one example less")


async def _read_held(call: Invocation) -> tuple[Version | None, tuple[Example, ...]]:
    held = await call.context.store.personas.persona(find_place(call))
    return held, (held.persona.examples or ()) if held else ()


async def _keep(call: Invocation, held: Version | None, examples: tuple[Example, ...], why: str) -> CommandResult:
    """Raises UsageError where somebody else was faster."""
    persona = replace(held.persona if held else Persona(), examples=examples or None)
    version = await store_version(call, persona, held, why)
    count = f"{len(examples)} example{'s' if len(examples) != 1 else ''}"
    return CommandResult(
        f"{name_place(version.place)}'s persona has {count} now, as version {version.number}. "
        f"Set by {await name_giver(call)}. `persona test` shows how it does."
    )


def _parse_example(given: Mapping[str, str]) -> Example:
    """Raises UsageError for one that wants nothing, or is too long."""
    question = given["question"]
    claims = {name: _split(given.get(name, "")) for name in ("must", "must_not")}
    if not any(claims.values()):
        raise UsageError(NOTHING_WANTED, "must")
    for name, listed in claims.items():
        if len(listed) > CLAIMS or any(len(one) > LONGEST_WORDS for one in listed):
            raise UsageError(
                f"{name} are at most {CLAIMS} sentences of {LONGEST_WORDS:,} characters, with semicolons between.", name
            )
    if len(question) > LONGEST_WORDS:
        raise UsageError(f"A question of an example has at most {LONGEST_WORDS:,} characters.", "question")
    return Example(question, claims["must"], claims["must_not"])


def _split(words: str) -> tuple[str, ...]:
    return tuple(one for part in words.split(";") if (one := " ".join(part.split())))


def _describe(number: int, one: Example) -> str:
    """An example in lines of a list."""
    claims = (
        *(f"   - must: {write_name(claim)}" for claim in one.must),
        *(f"   - must not: {write_name(claim)}" for claim in one.must_not),
    )
    return "\n".join([f"{number}. {write_name(one.question)}", *claims])


ROWS = (
    Command(
        "example add",
        "Keep a question with this channel's persona, and what a good answer says",
        add_example,
        (
            Parameter("question", ParameterKind.LONG, "what somebody asks", required=True, label="Question"),
            Parameter("must", ParameterKind.TEXT, 'what a good answer says, "a; b"', prose=True),
            Parameter("must_not", ParameterKind.TEXT, 'what a good answer does not say, "a; b"', prose=True),
            WHERE,
            WHY,
        ),
        Rank.MANAGER,
        stricter=OWNERS,
    ),
    Command("example list", "List the examples that this channel's persona is tested with", list_examples, (WHERE,)),
    Command(
        "example remove",
        "Take an example away from this channel's persona",
        remove_example,
        (Parameter("number", ParameterKind.NUMBER, "its number in `example list`", required=True), WHERE, WHY),
        Rank.MANAGER,
        stricter=OWNERS,
    ),
)
